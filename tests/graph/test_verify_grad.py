"""verify_grad and numeric_grad: what passes, what does not, and what the error says."""

from __future__ import annotations

import numpy as np
import pytest

import clarray.tensor as T
from clarray.core.aval import Aval
from clarray.core.op import Composite
from clarray.gradient import GradientError, numeric_grad, verify_grad


class Cube(Composite):
    """x * x * x with a gradient that is wrong by `error` in one place."""

    name = "cube"
    traceable = False

    def __init__(self, error):
        self.error = error

    def infer(self, avals, params, fp64=True):
        return (Aval(avals[0].shape, avals[0].dtype),)

    def lower(self, x):
        return x * x * x

    def grad(self, g, out, operands, params):
        wrong = np.zeros((2, 3), g.dtype)
        wrong[1, 2] = self.error
        return (g * (3 * operands[0] * operands[0] + wrong),)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_and_wrong(dtype, ctx, rng):
    if dtype == "float64" and not ctx.traits.fp64:
        pytest.skip("no fp64")
    x = rng.uniform(0.5, 1.5, (2, 3)).astype(dtype)
    y = rng.uniform(0.5, 1.5, (1, 3)).astype(dtype)
    verify_grad(lambda a, b: T.tanh(a * b).sum(axis=1), [x, y], rng=rng)
    verify_grad(lambda a, b: Cube(0)(a) * b, [x, y], rng=rng)
    with pytest.raises(GradientError, match=r"argument 1 at \[1, 2\] is .*abs_tol .*rel_tol") as caught:
        verify_grad(lambda a, b: a * Cube(0.5)(b), [y, x], rng=rng)
    error = caught.value
    assert (error.arg, error.position) == (1, (1, 2))
    np.testing.assert_allclose(error.got / error.numeric, 1 + 0.5 / (3 * x[1, 2] ** 2), rtol=1e-2)


def test_a_gradient_that_is_cut(any_ctx, rng):
    x = rng.uniform(0.5, 1.5, 4).astype("f")
    with pytest.raises(GradientError):
        verify_grad(lambda a: a * T.disconnected_grad(a), [x], rng=rng)
    with pytest.raises(GradientError):
        verify_grad(T.zero_grad, [x], rng=rng)
    verify_grad(T.zero_grad, [x], rng=rng, abs_tol=10)


def test_bad_arguments(any_ctx):
    with pytest.raises(TypeError, match="argument 0 is int64; pt is arrays of floats"):
        verify_grad(lambda a: a, [np.arange(3)])
    with pytest.raises(TypeError, match="fun gives one variable, 2 came"):
        verify_grad(lambda a: [a, a], [np.ones(3, "f")])
    with pytest.raises(TypeError, match="fun gives real floats"):
        verify_grad(lambda a: a > 1, [np.ones(3, "f")])


def test_numeric_gradient(rng):
    x, y = rng.uniform(1, 2, (2, 3)), rng.uniform(1, 2, 3)
    found = numeric_grad(lambda a, b: (a**2 * b).sum(), [x, y])
    np.testing.assert_allclose(found.gf[0], 2 * x * y, rtol=1e-8)
    np.testing.assert_allclose(found.gf[1], (x**2).sum(0), rtol=1e-8)
    wrong = 2 * x * y
    wrong[0, 1] += 1
    arg, place, absolute, relative = found.max_err([wrong, (x**2).sum(0)], 1e-6, 1e-6)
    assert (arg, place) == (0, (0, 1))
    np.testing.assert_allclose(absolute, 1, rtol=1e-6)
    assert 0 < relative < 1
    assert numeric_grad(np.sum, x).gf.shape == (2, 3)
    with pytest.raises(ValueError, match="1 gradients came for 2 arguments"):
        found.max_err([x], 1, 1)
