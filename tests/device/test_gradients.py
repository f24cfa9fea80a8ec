"""Each row's gradient, evaluated on the device, against finite differences in float64 in its domain."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from clarray.array.convert import to_array
from clarray.core import ops

pytestmark = pytest.mark.usefixtures("fp64")

STEP = 1e-5
POINTS = 30
DIFFERENTIABLE = [op for op in ops.UFUNCS.values() if op.gradient and "f" in op.code]
UNKNOWN = {("zeta", "s")}  # derivatives without a formula: NaN


def difference(f, xs, k, step):
    """df/dxs[k] for each element, by central differences of fourth order."""

    def moved(steps):
        return f(*(x + steps * step if j == k else x for j, x in enumerate(xs)))

    return (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=lambda op: op.name)
def test_ufunc(op, ctx, rng):
    conditions = [rng.random(POINTS) < 0.5] if op.condition else []
    domains = [op.domain] * (len(op.letters) - len(conditions)) if isinstance(op.domain[0], float) else list(op.domain)
    xs = [rng.uniform(*domain, POINTS) for domain in domains]
    g = rng.uniform(0.5, 2, POINTS)
    arrays = [to_array(x) for x in (*conditions, *xs)]
    out = op(*arrays)
    gradients = op.grad(to_array(g), out, arrays, {})
    assert len(gradients) == len(op.letters)
    assert gradients[: len(conditions)] == (None,) * len(conditions)
    f = oracle.numpy_function(op)
    for k, gradient in enumerate(gradients[len(conditions) :]):
        letter = op.letters[k + len(conditions)]
        if gradient is None or (op.name, letter) in UNKNOWN:
            continue
        assert gradient.dtype == np.float64
        want, nearer = (g * difference(lambda *x: f(*conditions, *x), xs, k, step) for step in (STEP, STEP / 7))
        smooth = np.abs(nearer - want) < 1e-4 * (1 + np.abs(want))  # no jump of fmod, no corner of clip
        got = np.broadcast_to(gradient.numpy(), POINTS)
        np.testing.assert_allclose(got[smooth], want[smooth], rtol=1e-7, atol=1e-7, err_msg=letter)
        assert smooth.sum() > POINTS / 2


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_gradient_keeps_the_dtype(dtype, ctx, rng):
    """No constant in a gradient's formula widens it."""
    rows = [op for op in DIFFERENTIABLE if np.dtype(dtype).kind in op.code and not op.condition]
    for op in rng.choice(rows, 8, replace=False):
        out_dtype = op.resolve((np.dtype(dtype),) * len(op.letters))[1]
        arrays = [to_array(oracle.sample(rng, domain, dtype, 4)) for domain in oracle.domains(op)]
        g = to_array(oracle.sample(rng, (0.5, 2), out_dtype, 4))
        for gradient in op.grad(g, op(*arrays), arrays, {}):
            assert gradient is None or gradient.dtype.name in (dtype, out_dtype.name), op.name


REDUCED = [op for op in ops.REDUCTIONS.values() if op.gradient and op.name != "var"]


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("op", REDUCED, ids=lambda op: op.name)
def test_reduction(op, axis, ctx, rng):
    x = rng.uniform(*op.domain, (4, 5))
    a = to_array(x)
    out = op(a, axis=axis, keepdims=True)
    g = rng.uniform(0.5, 2, out.shape)
    params = {"axis": axis, "count": x.size // g.size}
    (gradient,) = op.grad(to_array(g), out, [a], params)
    f = oracle.numpy_function(op)
    want = np.zeros_like(x)
    for place in np.ndindex(x.shape):

        def at(steps, place=place):
            moved = x.copy()
            moved[place] += steps * STEP
            return np.sum(g * f(moved, axis=axis, keepdims=True))

        want[place] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEP)
    np.testing.assert_allclose(np.broadcast_to(gradient.numpy(), x.shape), want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("zeros", [1, 2])
def test_product_of_zeros(zeros, ctx, rng):
    x = rng.uniform(0.5, 1.5, 5)
    x[:zeros] = 0
    a = to_array(x)
    (gradient,) = ops.prod.grad(to_array(np.ones(1)), ops.prod(a, keepdims=True), [a], {"axis": None, "count": 5})
    np.testing.assert_allclose(gradient.numpy(), [np.prod(np.delete(x, k)) for k in range(5)], rtol=1e-14)


def test_ties_share(ctx):
    x = to_array(np.array([1.0, 3.0, 3.0]))
    out = ops.max(x, keepdims=True)
    (gradient,) = ops.max.grad(to_array(np.array([2.0])), out, [x], {"axis": None, "count": 3})
    assert gradient.numpy().tolist() == [0, 1, 1]
    first, second = ops.maximum.grad(to_array(np.array([2.0])), None, [x[1:2], x[2:]], {})
    assert (first.item(), second.item()) == (1, 1)


@pytest.mark.parametrize("correction", [0, 1, 1.5])
@pytest.mark.parametrize("axis", [0, None])
def test_variance(axis, correction, ctx, rng):
    x = rng.standard_normal((5, 3))
    a = to_array(x)
    mean = ops.mean(a, axis=axis, keepdims=True)
    params = {"axis": axis, "count": x.size // mean.size, "correction": correction}
    g = rng.uniform(0.5, 2, mean.shape)
    gradient, none = ops.var.grad(to_array(g), None, [a, mean], params)
    assert none is None
    want = 2 * g * (x - x.mean(axis, keepdims=True)) / (params["count"] - correction)
    np.testing.assert_allclose(gradient.numpy(), want, rtol=1e-12)
