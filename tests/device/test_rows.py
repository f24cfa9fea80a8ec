"""Row functions against SciPy in more digits: dtypes, axes, layouts, lengths, special values, gradients."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from scipy import special

import clarray as ca
import clarray.tensor as T
from clarray import nn
from clarray.codegen import rows as lowering
from clarray.core import rows


def standardized(x, axis=-1, epsilon=1e-5):
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + epsilon)


FUNCTIONS = {
    "softmax": (nn.softmax, special.softmax),
    "log_softmax": (nn.log_softmax, special.log_softmax),
    "logsumexp": (nn.logsumexp, special.logsumexp),
    "layer_norm": (nn.layer_norm, standardized),
}
each_function = pytest.mark.parametrize("name", FUNCTIONS)


def check(name, a, x, axis=-1):
    """The function of `a` is SciPy's of `x`, to a few roundings of its largest steps."""
    ours, reference = FUNCTIONS[name]
    got = ours(a, axis=axis)
    want = reference(x.astype(np.longdouble), axis=axis)
    expected = x.dtype if x.dtype.kind == "f" else np.dtype("float64" if ca.ones(1).context.traits.fp64 else "float32")
    assert (got.shape, got.dtype) == (want.shape, expected)
    eps = float(np.finfo(got.dtype).eps)
    register = max(eps if got.dtype != np.float16 else 0, float(np.finfo("float32").eps) if eps > 1e-10 else eps)
    spread = float(np.max(np.abs(x.astype(np.float64)), initial=1))  # a difference from the greatest is rounded
    if name == "layer_norm" and x.size:  # and divided by a deviation, small in some short row
        spread /= min(1, float(np.sqrt(x.astype(np.float64).var(axis).min() + 1e-5)))
    np.testing.assert_allclose(
        got.numpy().astype(np.float64), want.astype(np.float64), rtol=2 * eps + 16 * register * spread,
        atol=(8 * eps if got.dtype == np.float16 else 0) + 8 * register * (spread if name != "softmax" else 1e-30),
    )  # fmt: skip


@pytest.mark.oclgrind
@each_function
def test_axes_and_views(name, both_walks, rng):
    """Along and across rows, short and long ones, with gaps, backwards, transposed."""
    whole = rng.uniform(-4, 4, (6, 40, 70)).astype(np.float32)
    a = ca.asarray(whole)
    views = [np.s_[:], np.s_[::2, 1::3, ::-1], np.s_[1:, :, 3:36], np.s_[0, 7:8], np.s_[:, :, 5], np.s_[5:, ::-2, 64:]]
    for k in rng.choice(len(views), 3, replace=False):
        x, b = whole[views[k]], a[views[k]]
        axis = int(rng.integers(x.ndim))
        check(name, b, x, axis)
        check(name, b.T, x.T, axis)


@each_function
@pytest.mark.parametrize("dtype", ["float16", "float64", "int16", "bool"])
def test_dtypes(name, dtype, both_walks, rng):
    oracle.need(both_walks, dtype)
    x = oracle.sample(rng, (-9, 9), dtype, (5, 90))
    x = x % 8 if dtype == "int16" else x
    for axis in (0, 1):
        check(name, ca.asarray(x), x, axis)


@each_function
def test_lengths(name, both_walks, rng):
    """Rows on both sides of every bound: a lane's steps, a fold's, the cache's; one element; many rows."""
    for shape in [(3, 1), (2, 1025), (3, 33), (700, 3), (1, 20_000), (2, 70_001)]:
        x = rng.uniform(-4, 4, shape).astype(np.float32)
        check(name, ca.asarray(x), x)
    wide = rng.uniform(-4, 4, (9000, 40)).astype(np.float32)
    check(name, ca.asarray(wide), wide, 0)


@each_function
def test_few_long_rows_are_composed(name, both_walks, rng):
    x = rng.uniform(-4, 4, (2, 300_001)).astype(np.float32)
    check(name, ca.asarray(x), x)
    assert len(launches(name, (2, 300_001), both_walks)) > 2
    assert len(launches(name, (4096, 1000), both_walks)) == 1


def launches(name, shape, context):
    """The launches of a function of float32 rows."""
    from clarray.codegen.lowering import lower
    from clarray.core import ops
    from clarray.core.layout import Layout

    op = ops.logsumexp if name == "logsumexp" else getattr(rows, name)
    params = {"axis": -1} | ({"epsilon": 1e-5} if name == "layer_norm" else {})
    return lower(op, [Layout.of(np.dtype("float32"), shape)], params, context.traits).launches


@each_function
def test_several_axes(name, ctx, rng):
    x = rng.uniform(-3, 3, (4, 5, 6)).astype(np.float32)
    for axis in [(1, 2), (0, 2), (0, 1, 2)]:
        check(name, ca.asarray(x), x, axis)


@each_function
def test_special_values(name, both_walks, rng):
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 88, -104, 3e38], np.float32)
    for length in (1, 5, 70):
        x = rng.integers(-3, 3, (60, length)).astype(np.float32)
        x = np.where(rng.random(x.shape) < 1.5 / length, rng.choice(values[rng.integers(0, 3) :], x.shape), x)
        x[0] = -np.inf
        ours, reference = FUNCTIONS[name]
        if name == "layer_norm":
            x[np.abs(x) > 1e30] = np.inf  # beyond that the variance overflows in float32 alone
        want = reference(x.astype(np.float64), axis=1)
        if name == "logsumexp":  # of one element SciPy's is log1p(exp(...)): the same to rounding
            want = np.where(np.isnan(x).any(1), np.nan, want)
        np.testing.assert_allclose(ours(ca.asarray(x), axis=1).numpy(), want.astype(np.float32), rtol=1e-4, atol=1e-5)
        got = ours(ca.asarray(np.ascontiguousarray(x.T)), axis=0).numpy()
        np.testing.assert_allclose(got, want.T.astype(np.float32), rtol=1e-4, atol=1e-5)


def test_far_from_zero(ctx, rng):
    """Rows whose exponentials would all overflow or vanish; a mean that is large against the deviation."""
    x = (rng.uniform(-1, 1, (4, 50)) + np.array([[1e4], [-1e4], [300], [-300]])).astype(np.float32)
    for name, rtol, atol in (
        ("softmax", 1e-5, 0), ("log_softmax", 1e-5, 0), ("logsumexp", 2e-7, 0), ("layer_norm", 1e-3, 2e-3),
    ):  # fmt: skip
        ours, reference = FUNCTIONS[name]
        np.testing.assert_allclose(
            ours(ca.asarray(x), axis=-1).numpy(), reference(x.astype(float), axis=-1), rtol, atol, err_msg=name
        )


def test_sums_of_long_rows_keep_their_digits(ctx, rng):
    x = rng.uniform(0, 1, (8, 120_000)).astype(np.float32)
    want = special.logsumexp(x.astype(np.float64), axis=1)
    np.testing.assert_allclose(nn.logsumexp(ca.asarray(x), axis=1).numpy(), want, rtol=3e-7)
    total = nn.softmax(ca.asarray(x)).numpy().astype(np.float64).sum(1)
    np.testing.assert_allclose(total, 1, rtol=2e-6)


@pytest.mark.parametrize("axis", [-1, 0, (1, 2)])
def test_weight_and_bias(axis, both_walks, rng):
    x = rng.uniform(-2, 2, (6, 5, 33)).astype(np.float32)
    axes = axis if isinstance(axis, tuple) else (axis,)
    extents = tuple(x.shape[a] for a in axes)
    w, b = (rng.uniform(-2, 2, extents).astype(np.float32) for _ in range(2))
    shape = [n if a in {i % 3 for i in axes} else 1 for a, n in enumerate(x.shape)]
    plain = standardized(x.astype(float), axis, 1e-3)
    a = ca.asarray(x)
    for weight, bias in ((w, b), (w, None), (None, b)):
        want = plain * (1 if weight is None else w.reshape(shape)) + (0 if bias is None else b.reshape(shape))
        np.testing.assert_allclose(nn.layer_norm(a, weight, bias, axis, 1e-3).numpy(), want, rtol=1e-4, atol=1e-5)


def test_empty(ctx):
    empty = ca.zeros((3, 0), dtype="float32")
    for function in (nn.softmax, nn.log_softmax):
        with pytest.raises(ValueError, match="empty axis"):
            function(empty)
        assert function(empty, axis=0).shape == (3, 0)
    assert nn.layer_norm(empty).shape == (3, 0)
    np.testing.assert_array_equal(nn.logsumexp(empty, axis=1).numpy(), [-np.inf] * 3)


def test_what_is_refused(ctx):
    x = ca.ones((3, 4), dtype="float32")
    with pytest.raises(TypeError, match="real dtypes"):
        nn.softmax(ca.ones(3, dtype="complex64"))
    with pytest.raises(IndexError):
        nn.softmax(x, axis=2)
    with pytest.raises(ValueError, match="weight has 3 elements along axis 1"):
        nn.layer_norm(x, np.ones(3, np.float32))
    with pytest.raises(ValueError, match="an axis for each"):
        nn.layer_norm(x, np.ones((3, 4), np.float32))


def test_into_an_array(ctx, rng):
    x = rng.uniform(-2, 2, (5, 40)).astype(np.float32)
    a = ca.asarray(x)
    out = ca.zeros((40, 5), dtype="float32").T
    rows.softmax(a, axis=1, out=out)
    np.testing.assert_allclose(out.numpy(), special.softmax(x, axis=1), rtol=1e-5)
    rows.softmax(a, axis=1, out=a)
    np.testing.assert_allclose(a.numpy(), special.softmax(x, axis=1), rtol=1e-5)


# gradients


def check_gradient(cost_of, *values, order=1):
    """Gradients in float64 against differences; of the second order, those of a weighted sum of the first."""
    variables = [T.tensor("float64", (False,) * v.ndim, f"x{k}") for k, v in enumerate(values)]
    cost = cost_of(*variables)
    if order == 2:
        cost = sum((T.sin(g) * (k + 1)).sum() for k, g in enumerate(T.grad(cost, variables)))
    f = ca.function(variables, cost)
    got = ca.function(variables, T.grad(cost, variables))(*values)
    step = 1e-4
    for k, v in enumerate(values):
        for at in np.ndindex(v.shape):

            def moved(steps, k=k, at=at):
                changed = [w.copy() for w in values]
                changed[k][at] += steps * step
                return float(f(*changed))

            want = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)
            assert got[k][at] == pytest.approx(want, rel=1e-5, abs=1e-7), (k, at)


@pytest.mark.usefixtures("fp64")
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("axis", [0, -1])
def test_gradients(order, axis, any_ctx, rng):
    x = rng.uniform(-1, 1, (3, 4))
    weights = rng.uniform(-1, 1, (3, 4))
    w, b = (rng.uniform(-1, 1, (3, 4)[axis]) for _ in range(2))
    for function in (nn.softmax, nn.log_softmax):
        check_gradient(lambda v, f=function: (T.sin(f(v, axis=axis)) * weights).sum(), x, order=order)
    check_gradient(lambda v, p, q: (T.sin(nn.layer_norm(v, p, q, axis, 0.01)) * weights).sum(), x, w, b, order=order)


def test_a_gradient_is_one_launch(ctx, rng):
    x = T.fmatrix("x")
    gradient = T.grad((nn.softmax(x) * nn.softmax(2 * x)).sum(), x)
    data = rng.uniform(-1, 1, (4, 9)).astype(np.float32)
    f = ca.function([x], gradient)
    s, t = special.softmax(data.astype(float), 1), special.softmax(2 * data.astype(float), 1)
    want = s * (t - (s * t).sum(1, keepdims=True)) + 2 * t * (s - (s * t).sum(1, keepdims=True))
    np.testing.assert_allclose(f(data), want, rtol=1e-4, atol=1e-6)
    names = [str(node.op) for node in f.maker.fgraph.toposort()]
    assert sum("softmax_gradient" in name for name in names) == 2


def test_log_of_softmax_is_log_softmax(ctx):
    x = T.fmatrix("x")
    f = ca.function([x], T.log(T.nnet.softmax(x)))
    data = np.array([[0, -200, 3], [1, 2, 90]], np.float32)
    np.testing.assert_allclose(f(data), special.log_softmax(data.astype(float), axis=1), rtol=1e-6)


def test_what_is_kept_is_spelled_out_where_there_is_no_cache():
    program = rows.softmax.stages([np.dtype("float32")], np.dtype("float32"), {})
    assert rows.KEPT in program.result.leaves("load")
    plain = lowering.without_kept(program)
    assert rows.KEPT not in plain.result.leaves("load")
    assert not any(stage.keeps for stage in plain.stages)
