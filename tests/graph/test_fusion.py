"""What shares a kernel: launches counted, values checked."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T


def kernels(f, *args):
    """How many kernels a warm call launches; of a GPU, whose reductions and products take one or two, the steps."""
    spent = cost(f, *args)
    steps = [s for s in f._schedule.steps if s.kind != "view"]
    return spent.launches if ca.asarray(0).context.traits.kind == "cpu" else len(steps)


def cost(f, *args):
    """What a warm call takes."""
    f(*args)
    before = ca.stats()
    f(*args)
    spent = ca.stats() - before
    assert spent.host_fallbacks == 0
    return spent


def on_device(*xs):
    return [x.transfer(None) for x in xs]


def check(f, args, expected, rtol=1e-5, atol=1e-6):
    for got, wanted in zip(f(*args), expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=rtol, atol=atol)


@pytest.fixture
def data(rng):
    return rng.normal(size=(31, 47)).astype("f")


def test_reductions_of_the_same_elements_share_a_pass(ctx, data):
    x = T.fmatrix("x")
    a, d = ca.asarray(data), data.astype("d")
    f = ca.function([x], on_device(x.sum(), (x * x).sum(), x.max(), x.argmin()))
    assert kernels(f, a) == 1
    check(f, [a], [d.sum(), (d * d).sum(), d.max(), d.argmin()])
    (name,) = [str(n.op) for n in f.maker.fgraph.toposort() if type(n.op).__name__ == "GpuCAReduce"]
    assert name.startswith("GpuCAReduce{sum max argmin of ")


@pytest.mark.parametrize("axis", [0, 1, (0, 1), -1])
def test_mean_and_variance(ctx, data, axis):
    x = T.fmatrix("x")
    a, d = ca.asarray(data), data.astype("d")
    f = ca.function([x], on_device(x.mean(axis), x.var(axis), T.exp(x).sum(axis), x.any(axis)))
    assert kernels(f, a) == 2  # a mean; the squares of distances from it, and the rest
    check(f, [a], [d.mean(axis), d.var(axis), np.exp(d).sum(axis), np.ones_like(d.sum(axis), bool)])


def test_rows_of_several_dtypes_and_shapes_of_results(ctx, rng):
    x = T.imatrix("x")
    data = rng.integers(-9, 9, (20, 65)).astype("i")
    f = ca.function([x], on_device(x.sum(1), x.mean(1, keepdims=True), x.min(-1), (x > 3).any(1), (x % 5).sum(axis=1)))
    a = ca.asarray(data)
    assert kernels(f, a) == 1
    wanted = [data.sum(1), data.mean(1, keepdims=True), data.min(1), (data > 3).any(1), (data % 5).sum(1)]
    check(f, [a], wanted)
    for got, expected in zip(f(a), wanted, strict=True):
        assert got.shape == expected.shape


def test_a_long_row_takes_two_launches_for_all(ctx, rng):
    x = T.fvector("x")
    data = rng.uniform(0.5, 1.5, 300_001).astype("f")
    a, d = ca.asarray(data), data.astype("d")
    f = ca.function([x], on_device(x.sum(), (x * x).sum(), T.log(x).mean(), x.argmax()))
    assert cost(f, a).launches == cost(ca.function([x], on_device(x.sum())), a).launches == 2
    check(f, [a], [d.sum(), (d * d).sum(), np.log(d).mean(), d.argmax()])


def test_what_needs_another_result_waits_for_it(ctx, data):
    x = T.fmatrix("x")
    top = x.max(1, keepdims=True)
    e = T.exp(x - top)
    f = ca.function([x], on_device(e.sum(1), x.sum(1), (e * x).sum(1)))
    a, d = ca.asarray(data), data.astype("d")
    assert kernels(f, a) <= 3  # max and sum, perhaps exp, both sums over it
    ex = np.exp(d - d.max(1, keepdims=True))
    check(f, [a], [ex.sum(1), d.sum(1), (ex * d).sum(1)], atol=1e-5)


def test_other_axes_and_other_elements_stay_apart(ctx, data):
    x, y = T.fmatrices("x", "y")
    f = ca.function([x, y], on_device(x.sum(0), x.sum(1), y.sum(0)))
    a, b = ca.asarray(data), ca.asarray(data[:7, :9] * 2)
    assert kernels(f, a, b) == 3
    check(f, [a, b], [data.sum(0), data.sum(1), (data[:7, :9] * 2).sum(0)], atol=1e-4)


def test_empty_rows_and_strided_operands(ctx, data):
    x = T.fmatrix("x")
    f = ca.function([x], on_device(x.sum(0), (x + 1).prod(0), x.sum(0, keepdims=True)))
    check(f, [ca.asarray(data[:0])], [np.zeros(47), np.ones(47), np.zeros((1, 47))])
    for view in (np.s_[::-2, 1::3], np.s_[5:6], np.s_[:, :0]):
        part = data[view] / 9
        d = part.astype("d")
        check(f, [ca.asarray(data)[view] / 9], [d.sum(0), (d + 1).prod(0), d.sum(0, keepdims=True)])


def test_readers_of_one_value_become_one_kernel(ctx, data):
    x, y = T.fmatrices("x", "y")
    p = T.tanh(x)
    q = T.exp(p * y)
    f = ca.function([x, y], on_device(p > 0, q * p, T.sin(q) + p))
    a, b = ca.asarray(data), ca.asarray(data[::-1].copy())
    assert kernels(f, a, b) == 1
    t = np.tanh(data.astype("d"))
    e = np.exp(t * data[::-1])
    check(f, [a, b], [t > 0, e * t, np.sin(e) + t], atol=1e-5)


def test_a_reader_that_needs_another_stays_apart(ctx, data):
    x = T.fmatrix("x")
    p = T.tanh(x)
    total = T.exp(p).sum(0)
    f = ca.function([x], on_device(p * 2, T.sin(p) + total, total))
    t = np.tanh(data.astype("d"))
    s = np.exp(t).sum(0)
    check(f, [ca.asarray(data)], [t * 2, np.sin(t) + s, s])


def _step_of_logistic_regression(rng, outputs):
    points, features = 400, 784
    data, labels = rng.normal(size=(points, features)).astype("f"), rng.integers(0, 2, points).astype("f")
    start = (rng.normal(size=features) / 10).astype("f")
    x, y, w, b = ca.shared(data), ca.shared(labels), ca.shared(start, "w"), ca.shared(np.float32(0), "b")
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
    cost = xent.mean() + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    named = {"prediction": p_1 > 0.5, "xent": xent, "cost": cost}
    updates = ((w, w - 0.1 * gw), (b, b - 0.1 * gb))
    f = ca.function([], on_device(*(named[name] for name in outputs)), updates=updates)
    return f, w, b, data, labels, start


@pytest.mark.parametrize(
    ("outputs", "most"), [((), 4), (("prediction", "xent"), 5), (("prediction", "cost"), 6), (("xent", "cost"), 6)]
)
def test_a_step_of_logistic_regression(ctx, rng, outputs, most):
    f, w, b, data, labels, start = _step_of_logistic_regression(rng, outputs)
    results = dict(zip(outputs, f(), strict=True))
    d, u = data.astype("d"), start.astype("d")
    p = 1 / (1 + np.exp(-d @ u))
    xent = -labels * np.log(p) - (1 - labels) * np.log(1 - p)
    wanted = {"prediction": p > 0.5, "xent": xent, "cost": xent.mean() + 0.01 * (u**2).sum()}
    for name, got in results.items():
        np.testing.assert_allclose(got.numpy(), wanted[name], rtol=1e-4, atol=1e-5)
    after = u - 0.1 * (d.T @ (p - labels) / len(d) + 0.02 * u)
    np.testing.assert_allclose(w.get_value(), after, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(float(b.get_value()), -0.1 * (p - labels).mean(), rtol=1e-3, atol=1e-6)
    assert kernels(f) <= most
