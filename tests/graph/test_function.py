"""Compiled functions: results, several outputs, kernels fused, views, modes, what a function keeps."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.running.stages import TAPES

F32 = np.dtype("float32")


def draw(rng, *shape):
    return rng.uniform(-2, 2, shape).astype(F32)


def launches(f, *args):
    """How many kernels a warm call launches."""
    f(*args)
    before = ca.stats()
    f(*args)
    return (ca.stats() - before).launches


def names(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()]


def test_the_gpu_check(ctx, rng):
    data = draw(rng, 30 * 768)
    x = ca.shared(data)
    host = ca.function([], T.exp(x))
    device = ca.function([], T.exp(x).transfer(None))
    borrowed = ca.function([], ca.Out(T.exp(x).transfer(None), borrow=True))
    assert type(host()) is np.ndarray
    np.testing.assert_allclose(host(), np.exp(data), rtol=2e-6)
    for f in (device, borrowed):
        result = f()
        assert isinstance(result, ca.GpuArray)
        np.testing.assert_allclose(result.sync().numpy(), np.exp(data), rtol=2e-6)
        assert names(f) == ["GpuElemwise"]
    assert names(host) == ["GpuElemwise", "HostFromGpu"]
    assert launches(device) == 1
    assert not any(
        isinstance(n.op, T.Elemwise) and "Gpu" not in type(n.op).__name__ for n in host.maker.fgraph.toposort()
    )


def test_logistic_regression(ctx, rng):
    points, features, steps = 60, 20, 25
    data = draw(rng, points, features)
    labels = rng.integers(0, 2, points).astype(F32)
    start = 10 * rng.standard_normal(features).astype(F32)  # large: 1 - p is 0 in float32
    x, y, w = ca.shared(data, "x"), ca.shared(labels, "y"), ca.shared(start, "w")
    b = ca.shared(np.float32(0), "b")
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
    cost = xent.mean() + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = ca.function([], [p_1 > 0.5, xent], updates=((w, w - 0.1 * gw), (b, b - 0.1 * gb)))
    for _ in range(steps):
        train()
    rw, rb = start.astype(np.float64), 0.0
    for _ in range(steps):
        p = 1 / (1 + np.exp(-data @ rw - rb))
        rw, rb = rw - 0.1 * (data.T @ (p - labels) / points + 0.02 * rw), rb - 0.1 * (p - labels).mean()
    np.testing.assert_allclose(w.get_value(), rw, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(b.get_value(), rb, rtol=1e-4, atol=1e-4)
    assert {"GpuGemv", "GpuElemwise"} <= set(names(train))
    before = ca.stats()
    prediction, _ = train()
    assert prediction.dtype == bool
    assert (ca.stats() - before).host_fallbacks == 0
    assert (ca.stats() - before).bytes_to_device == 0


def test_two_outputs_come_from_one_kernel(ctx, rng):
    x, y = T.fmatrices("x", "y")
    f = ca.function([x, y], [(x + y).transfer(None), (x - y).transfer(None)])
    a, b = draw(rng, 6, 8)[:, ::2], draw(rng, 4, 6).T
    da, db = ca.asarray(draw(rng, 6, 8))[:, ::2], ca.asarray(b.T.copy()).T
    da[...] = a
    total, difference = f(da, db)
    np.testing.assert_array_equal(total.numpy(), a + b)
    np.testing.assert_array_equal(difference.numpy(), a - b)
    assert launches(f, da, db) == 1


def test_outputs_of_every_form(any_ctx):
    x = T.vector("x")
    assert ca.function([x], x * 2)([1, 2]).tolist() == [2, 4]
    assert [r.tolist() for r in ca.function([x], [x * 2])([1, 2])] == [[2, 4]]
    named = ca.function([x], {"double": x * 2, "same": x})([1, 2])
    assert named["double"].tolist() == [2, 4]
    assert named["same"].tolist() == [1, 2]
    s = ca.shared(0.0)
    count = ca.function([], None, updates={s: s + 1})
    assert count() == []
    assert float(s.get_value()) == 1
    f = ca.function([x], [x, x + 1, x + 2])
    assert [r.tolist() for r in f([0], output_subset=[2, 0])] == [[2], [0]]


def test_shapes_are_values(ctx, rng):
    x = T.matrix("x")
    data = draw(rng, 3, 4)
    f = ca.function([x], [x.shape, x.reshape((x.shape[1], -1)), x.sum() / x.shape[0], x.flatten(), x.size])
    shape, turned, mean, flat, size = f(data)
    assert shape.tolist() == [3, 4]
    np.testing.assert_array_equal(turned, data.reshape(4, 3))
    np.testing.assert_allclose(mean, data.sum() / 3, rtol=1e-5, atol=1e-6)
    assert mean.dtype == F32
    np.testing.assert_array_equal(flat, data.ravel())
    assert int(size) == 12
    rows, columns = x.shape
    g = ca.function([x], T.zeros((columns, rows)) + T.arange(rows) * 1.5 + T.ones_like(x.T))
    np.testing.assert_array_equal(g(data), np.ones((4, 3)) + np.arange(3) * 1.5)
    assert launches(f, data) <= 2


def test_views_take_no_kernel(ctx, rng):
    x = ca.shared(draw(rng, 4, 6))
    data = x.get_value()
    f = ca.function([], T.exp(x.T[1:4, ::-1].dimshuffle(1, "x", 0)).transfer(None))
    np.testing.assert_allclose(f().numpy(), np.exp(data.T[1:4, ::-1].T[:, None, :]), rtol=2e-6)
    assert launches(f) == 1


def test_elementwise_joins_the_reduction(ctx, rng):
    x, y = T.matrices("x", "y")
    a, b = draw(rng, 7, 5), draw(rng, 7, 5)
    f = ca.function([x, y], T.sqr(x - y).sum(axis=1).transfer(None))
    da, db = ca.asarray(a), ca.asarray(b)
    np.testing.assert_allclose(f(da, db).numpy(), ((a - b) ** 2).sum(1), rtol=1e-5)
    assert launches(f, da, db) == 1
    assert names(f)[-1] == "GpuCAReduce"


def test_softmax_and_its_cost(ctx, rng):
    x = T.matrix("x")
    data = 30 * draw(rng, 6, 9)
    e = np.exp(data - data.max(1, keepdims=True), dtype=np.float64)
    soft = e / e.sum(1, keepdims=True)
    np.testing.assert_allclose(ca.function([x], T.nnet.softmax(x))(data), soft, rtol=1e-5, atol=1e-7)
    y = T.ivector("y")
    labels = rng.integers(0, 9, 6).astype("int32")
    cost = T.nnet.categorical_crossentropy(T.nnet.softmax(x), y).mean()
    small = data / 30
    e = np.exp(small, dtype=np.float64)
    soft = e / e.sum(1, keepdims=True)
    f = ca.function([x, y], [cost, T.grad(cost, x)])
    value, gradient = f(small, labels)
    np.testing.assert_allclose(value, -np.log(soft[range(6), labels]).mean(), rtol=1e-5)
    one_hot = np.eye(9)[labels]
    np.testing.assert_allclose(gradient, (soft - one_hot) / 6, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE", ca.Mode(optimizer=None), None])
def test_modes_agree(ctx, rng, mode):
    x, w = T.matrix("x"), T.vector("w")
    h = T.tanh(x * w + 1)
    cost = (h / (1 + T.exp(-h))).sum()
    f = ca.function([x, w], [cost, *T.grad(cost, [x, w])], mode=mode)
    a, b = draw(rng, 5, 4), draw(rng, 4)
    p = 1 / (1 + np.exp(-np.tanh(a * b + 1.0)))
    t = np.tanh(a * b + 1.0)
    dh = (p + t * p * (1 - p)) * (1 - t * t)
    value, gx, gw = f(a, b)
    np.testing.assert_allclose(value, (t * p).sum(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gx, dh * b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gw, (dh * a).sum(0), rtol=1e-4, atol=1e-5)


def test_unknown_mode(any_ctx):
    with pytest.raises(ValueError, match=r"'QUICK' is not one of FAST_RUN"):
        ca.function([], T.constant(1.0), mode="QUICK")


def test_half_stays_float_inside(ctx):
    x = T.vector("x", dtype="float16")
    f = ca.function([x], (x * x) / x)
    big = np.array([300, 1000], np.float16)  # their squares are beyond float16
    np.testing.assert_array_equal(f(big), big)


def test_python_scalars_are_weak(any_ctx):
    m, i = T.fmatrix("m"), T.bvector("i")
    assert (0.9 * m).dtype == "float32"
    assert (i + 1).dtype == "int8"
    assert (np.float32(2) ** m).dtype == "float32"
    assert (i / 2).dtype == "float32"
    assert ca.function([i], i * 2)(np.array([3], "int8")).dtype == np.int8
    with ca.config.change_flags(floatX="float64"):
        assert (T.ivector() / 2).dtype == "float64"


def test_deep_graphs(any_ctx):
    x = T.scalar("x")
    y = x
    for _ in range(10_000):
        y = y + 0.5
    f = ca.function([x], y)
    assert float(f(1)) == 5001
    g = ca.function([x], T.grad(y, x))
    assert float(g(1)) == 1


def test_long_chains_with_branches(any_ctx, rng):
    x = T.vector("x")
    y = x
    for k in range(300):
        y = T.sin(y) + y * 0.25 if k % 3 else T.tanh(y) * x
    data = draw(rng, 33)
    expected = data.astype(np.float64)
    for k in range(300):
        expected = np.sin(expected) + expected * 0.25 if k % 3 else np.tanh(expected) * data
    f = ca.function([x], y)
    np.testing.assert_allclose(f(data), expected, rtol=1e-4, atol=1e-5)


def test_many_arguments_split_the_kernel(ctx, rng):
    xs = T.vectors(*[f"x{k}" for k in range(70)])
    data = [draw(rng, 5) for _ in xs]
    f = ca.function(xs, sum(T.exp(x) for x in xs))
    np.testing.assert_allclose(f(*data), sum(np.exp(d) for d in data), rtol=1e-5)
    assert names(f).count("GpuElemwise") > 1


def test_equal_nodes_are_merged(any_ctx):
    x = T.vector("x")
    f = ca.function([x], [T.dot(x, x) + 1, T.dot(x, x) + 2])
    assert names(f).count("GpuDot") == 1


def test_results_never_share_memory(ctx, rng):
    x = T.vector("x")
    s = ca.shared(draw(rng, 4))
    f = ca.function(
        [x], [x.transfer(None), x.transfer(None), s.transfer(None), x[1:].transfer(None), (x + s).transfer(None)]
    )
    a = ca.asarray(draw(rng, 4))
    results = [a, s.get_value(True, True), *f(a)]
    for k, first in enumerate(results):
        for second in results[k + 1 :]:
            assert not ca.may_share_memory(first, second)
            assert first.block is not second.block
    s2 = ca.shared(draw(rng, 4))
    g = ca.function([x], (x * 2).transfer(None), updates={s2: x * 2})
    result = g(a)
    assert result.block is not s2.container.value.block


def test_function_keeps_a_bounded_number_of_shapes(any_ctx):
    x = T.vector("x")
    f = ca.function([x], x + 1)
    for n in range(1, TAPES + 20):
        f(np.zeros(n, F32))
    assert len(f._tapes) == TAPES


def test_intermediates_are_freed(any_ctx):
    x = T.matrix("x")
    y = x
    for _ in range(20):
        y = T.dot(y, x)
    f = ca.function([x], y.transfer(None))
    a = ca.asarray(np.eye(128, dtype=F32))
    before = ca.memory_stats().in_use
    f(a)
    ca.set_memory_limit(before + 10 * a.nbytes)
    try:
        f(a).sync()
    finally:
        ca.set_memory_limit(None)
