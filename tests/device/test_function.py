"""Compiled functions: results, updates, givens, several outputs, kernels fused, arguments taken and refused."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.ends import MissingInputError, UnusedInputError
from clarray.graph.stages import TAPES

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


def test_updates_see_the_old_values(ctx):
    a, b = ca.shared(np.float32(1)), ca.shared(np.float32(2))
    f = ca.function([], [a, b], updates=[(a, a + b), (b, a * 10)])
    assert [float(v) for v in f()] == [1, 2]
    assert (float(a.get_value()), float(b.get_value())) == (3, 10)
    swap = ca.function([], updates={a: b, b: a})
    swap()
    assert (float(a.get_value()), float(b.get_value())) == (10, 3)
    va, vb = (s.get_value(borrow=True, return_internal_type=True) for s in (a, b))
    va[...] = 7
    assert float(b.get_value()) == 3
    assert not ca.may_share_memory(va, vb)


@pytest.mark.parametrize("form", [dict, list, tuple])
def test_updates_of_every_form(any_ctx, form):
    s = ca.shared(1, "s")
    f = ca.function([], s, updates=form({s: s * 2}.items()))
    assert [int(f()), int(f())] == [1, 2]


def test_update_of_another_type_is_refused_or_converted(any_ctx):
    s, i = ca.shared(np.float32(1), "s"), ca.shared(np.int64(1), "i")
    ca.function([], updates=[(s, np.float32(3)), (i, T.constant(np.int8(4)) + 1)])()
    assert (float(s.get_value()), int(i.get_value())) == (3, 5)
    with pytest.raises(TypeError, match=r"update of shared variable i .*would lose precision.*astype"):
        ca.function([], updates={i: i + 0.5})
    with pytest.raises(TypeError, match=r"it has 1 axes instead of 0"):
        ca.function([], updates={s: T.vector("v")})
    with pytest.raises(ValueError, match="updated twice"):
        ca.function([], updates=[(s, s + 1), (s, s + 2)])
    with pytest.raises(TypeError, match="updates are of shared variables"):
        ca.function([], updates=[(T.scalar(), s)])
    with pytest.raises(TypeError, match="no pair"):
        ca.function([], updates=[s])


def test_failed_call_leaves_shared_variables(ctx, rng):
    w = ca.shared(draw(rng, 4), "w")
    v = T.vector("v")
    f = ca.function([v], (w * v).sum(), updates=[(w, w - v)])
    before = w.get_value()
    with pytest.raises(ValueError, match="shapes"):
        f(np.zeros(3, F32))
    np.testing.assert_array_equal(w.get_value(), before)
    f(np.ones(4, F32))
    np.testing.assert_array_equal(w.get_value(), before - 1)


def test_default_updates(any_ctx):
    n = ca.shared(0, "n")
    n.default_update = n + 1
    f = ca.function([], n)
    assert [int(f()), int(f())] == [0, 1]
    assert int(ca.function([], n, no_default_updates=True)()) == 2
    assert int(n.get_value()) == 2
    assert int(ca.function([], n, no_default_updates=[n])()) == 2
    assert int(ca.function([], n, updates={n: n + 10})()) == 2
    assert int(n.get_value()) == 12


def test_givens(ctx, rng):
    x, y = T.vector("x"), T.vector("y")
    data = ca.shared(draw(rng, 5))
    cost = (x * y).sum()
    f = ca.function([y], cost, givens={x: data})
    v = draw(rng, 5)
    np.testing.assert_allclose(f(v), (data.get_value() * v).sum(), rtol=1e-5, atol=1e-5)
    assert names(f).count("GpuFromHost") == 1
    g = ca.function([x], x - y, givens=[(y, x + 1)])
    np.testing.assert_allclose(g(v), np.full(5, -1), atol=1e-6)
    with pytest.raises(TypeError, match=r"givens cannot replace x .* types differ"):
        ca.function([y], cost, givens={x: T.ivector("n")})
    np.testing.assert_allclose(
        ca.function([y], cost, givens={x: [1, 2, 3, 4, 5]})(v), (np.arange(1, 6) * v).sum(), rtol=1e-5, atol=1e-5
    )
    intermediate = x * 2
    h = ca.function([x], intermediate + 1, givens={intermediate: x * 3})
    np.testing.assert_allclose(h(v), v * 3 + 1, rtol=1e-6, atol=1e-6)


def test_minibatches_by_symbolic_index(ctx, rng):
    data = draw(rng, 20, 3)
    x, index = ca.shared(data), T.lscalar("index")
    m = T.matrix("m")
    f = ca.function([index], m.sum(axis=1), givens={m: x[index * 4 : (index + 1) * 4]})
    for k in range(5):
        np.testing.assert_allclose(f(k), data[4 * k : 4 * k + 4].sum(axis=1), rtol=1e-5, atol=1e-6)
    row = ca.function([index], x[index])
    np.testing.assert_array_equal(row(-1), data[-1])
    with pytest.raises(IndexError):
        row(20)


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


# arguments


def test_lists_ranges_and_integers_where_nothing_is_lost(ctx):
    x, y = T.vectors("x", "y")
    add = ca.function([x, y], x + y)
    assert add([1, 2, 3], [4, 5, 6]).tolist() == [5, 7, 9]
    assert add(range(3), np.arange(3)).tolist() == [0, 2, 4]
    assert add([0.5], [0.25]).tolist() == [0.75]
    with pytest.raises(TypeError, match=r"int64 to float32 would lose precision"):
        add([2**24 + 1], [0])
    with pytest.raises(TypeError, match="lose precision"):
        add(np.array([2**24 + 1]), [0])


def test_lossy_dtype_is_refused(any_ctx):
    x = T.scalar("x")
    wide = np.array(0.1)
    f = ca.function([x], x, name="f")
    with pytest.raises(TypeError, match=r"argument 0 \(x\) of function f: float64 to float32 would lose precision"):
        f(wide)
    assert f(0.1) == np.float32(0.1)  # a Python float becomes floatX
    assert ca.function([x], x, allow_input_downcast=True)(wide) == np.float32(0.1)
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([x], x, allow_input_downcast=False)(0.1)
    assert ca.function([ca.In(x, allow_downcast=True)], x)(wide) == np.float32(0.1)
    with pytest.raises(TypeError, match="strict=True takes"):
        ca.function([ca.In(x, strict=True)], x)(1)
    i = T.iscalar("i")
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([i], i)(0.5)
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([i], i)(2**40)
    b = T.bscalar("b")
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([b], b)(300)
    assert ca.function([i], i)(np.int8(3)) == 3


def test_wrong_dimensions(any_ctx):
    x = T.matrix("x")
    f = ca.function([x], x)
    with pytest.raises(TypeError, match=r"wrong number of dimensions: expected 2, got 1 with shape \(3,\)"):
        f([1, 2, 3])
    with pytest.raises(TypeError, match="wrong number of dimensions"):
        f(ca.asarray([1, 2, 3], dtype="float32"))
    r = T.row("r")
    with pytest.raises(TypeError, match=r"axis 0 is broadcastable.* shape \(2, 3\)"):
        ca.function([r], r)(np.zeros((2, 3), F32))
    with pytest.raises(TypeError, match="a variable came"):
        f(T.matrix())
    with pytest.raises(TypeError, match="None"):
        f(None)
    with pytest.raises(TypeError, match="not an array of numbers"):
        f("ab")


def test_missing_and_superfluous_arguments(any_ctx):
    x, y = T.scalars("x", "y")
    f = ca.function([x, y], x - y, name="minus")
    assert f(y=1, x=3) == 2
    assert f(3, y=1) == 2
    with pytest.raises(TypeError, match="function minus misses its input y"):
        f(1)
    with pytest.raises(TypeError, match="takes 2 arguments, 3 came"):
        f(1, 2, 3)
    with pytest.raises(TypeError, match="no input named 'z'; it has x, y"):
        f(1, 2, z=3)
    with pytest.raises(TypeError, match="'x' came twice"):
        f(1, x=3)


def test_missing_and_unused_inputs(any_ctx):
    x, y = T.scalars("x", "y")
    with pytest.raises(MissingInputError, match=r"needs a value for y of type TensorType\(float32, scalar\)"):
        ca.function([x], x + y)
    with pytest.raises(UnusedInputError, match="no output depends on y"):
        ca.function([x, y], x)
    with pytest.warns(UserWarning, match="no output depends on y"):
        f = ca.function([x, y], x, on_unused_input="warn")
    assert f(1, 2) == 1
    assert ca.function([x, y], x, on_unused_input="ignore")(1, 2) == 1
    with pytest.raises(ValueError, match="on_unused_input is"):
        ca.function([x, y], x, on_unused_input="shout")
    with pytest.raises(ValueError, match="x is an input twice"):
        ca.function([x, x], x)
    with pytest.raises(TypeError, match="inputs is a list"):
        ca.function(x, x)
    with pytest.raises(TypeError, match="has a value and is no input"):
        ca.function([ca.shared(1.0)], x)


def test_defaults_and_states(any_ctx):
    x, y = T.scalars("x", "y")
    f = ca.function([x, ca.In(y, value=1)], x + y)
    assert f(33) == 34
    assert f(33, 2) == 35
    named = ca.function([x, ca.In(y, value=1, name="step")], x + y)
    assert named(33, step=5) == 38
    state = T.scalar("state")
    accumulate = ca.function([x, ca.In(state, value=0, update=state + x)], state)
    assert [accumulate(1), accumulate(2), accumulate(0)] == [0, 1, 3]
    assert accumulate["state"] == 3
    accumulate["state"] = 10
    assert accumulate(0) == 10


def test_mutable_without_borrow_is_an_error(any_ctx):
    with pytest.raises(AssertionError, match="mutable"):
        ca.In(T.vector(), mutable=True, borrow=False)


def test_copy_of_a_function(any_ctx):
    s, inc = ca.shared(0, "s"), T.lscalar("inc")
    f = ca.function([inc], s, updates={s: s + inc})
    other = ca.shared(100)
    g = f.copy(swap={s: other})
    f(1)
    g(5)
    assert (int(s.get_value()), int(other.get_value())) == (1, 105)
    h = f.copy(delete_updates=True)
    h(7)
    assert int(s.get_value()) == 1
    assert f.get_shared() == [s]
    with pytest.raises(ValueError, match="not a shared variable of function"):
        f.copy(swap={other: s})


def test_axes_declared_one_stretch_and_others_do_not(any_ctx, rng):
    x, y = T.matrices("x", "y")
    f = ca.function([x, y], x + y)
    with pytest.raises(
        ValueError, match=r"y of type .* has one element along axis 0, which is not declared broadcastable"
    ):
        f(draw(rng, 3, 4), draw(rng, 1, 4))
    r = T.row("r")
    a, b = draw(rng, 3, 4), draw(rng, 1, 4)
    np.testing.assert_array_equal(ca.function([x, r], x + r)(a, b), a + b)
    np.testing.assert_array_equal(ca.function([x, y], x + T.addbroadcast(y, 0))(a, b), a + b)
    with pytest.raises(ValueError, match="declared broadcastable but has 3"):
        ca.function([y], T.addbroadcast(y, 0))(a)


def test_errors_name_the_line(any_ctx, rng):
    x, y = T.matrices("x", "y")
    z = x * y  # the culprit
    f = ca.function([x, y], z.sum())
    with pytest.raises(ValueError) as caught:
        f(draw(rng, 3, 4), draw(rng, 3, 5))
    assert any("test_function.py" in note for note in caught.value.__notes__)


def test_empty_arrays(ctx):
    x = T.matrix("x")
    f = ca.function([x], [T.exp(x) * 2, x.sum(), x.sum(axis=0)])
    a, b, c = f(np.zeros((0, 3), F32))
    assert a.shape == (0, 3)
    assert float(b) == 0
    assert c.tolist() == [0, 0, 0]


def test_eval(any_ctx):
    x, y = T.scalars("x", "y")
    z = x + y
    assert z.eval({x: 1, y: 2}) == 3
    assert z.eval({x: 2, "y": 2}) == 4
    assert T.constant([1, 2, 3]).eval().tolist() == [1, 2, 3]
    with pytest.raises(MissingInputError):
        z.eval({x: 1})


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
