"""What tests of linear algebra share: matrices of each dtype, and gradients against finite differences."""

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T

DTYPES = ["float32", "float64", "complex64", "complex128"]


@pytest.fixture(params=DTYPES)
def dtypes(request, ctx):
    """Each dtype that the device has."""
    if request.param in ("float64", "complex128") and not ctx.traits.fp64:
        pytest.skip("the device has no fp64")
    return np.dtype(request.param)


def draw(rng, shape, dtype):
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


def check_gradients(cost, inputs, values, rng, rtol=1e-6, second=True):
    """First derivatives, and those of a sum of their squares, along a random direction, against central differences."""
    gradients = T.grad(cost, inputs)
    costs = [cost, sum((g**2).sum() for g in gradients)] if second else [cost]
    f = ca.function(inputs, costs)
    along = [rng.normal(size=v.shape) for v in values]
    h = 1e-6
    ends = [f(*[v + step * d for v, d in zip(values, along, strict=True)]) for step in (h, -h)]
    slopes = ca.function(inputs, [g for c in costs for g in T.grad(c, inputs)])(*values)
    for k in range(len(costs)):
        want = (ends[0][k] - ends[1][k]) / (2 * h)
        parts = [float((g * d).sum()) for g, d in zip(slopes[k * len(inputs) :], along, strict=False)]
        np.testing.assert_allclose(sum(parts), want, rtol=rtol * 10**k, atol=rtol * 10**k * sum(map(abs, parts)))
