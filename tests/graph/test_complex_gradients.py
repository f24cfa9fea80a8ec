"""Gradients of complex values: the change of a real cost is the real part of the sum of g * dx."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as cl
import clarray.tensor as T

pytestmark = pytest.mark.usefixtures("fp64")

STEP = 1e-6
FUNCTIONS = {
    "abs": cl.abs,
    "angle": cl.angle,
    "imag": cl.imag,
    "sign": cl.sign,
    "abs of fft": lambda z: cl.abs(cl.fft.fft(z)),
    "var": lambda z: cl.var(z, axis=0, correction=1),
    "std": lambda z: cl.std(z, axis=1),
    "matmul": lambda z: cl.matmul(z, cl.conj(z).T),
    "vecdot": lambda z: cl.vecdot(z, z * z),
}


def change(cost, z, dz):
    """The derivative of a cost along dz, by a central difference."""
    return (cost(z + STEP * dz) - cost(z - STEP * dz)) / (2 * STEP)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_change_is_the_real_part(function, ctx, rng):
    z = T.zmatrix()
    start, dz = rng.standard_normal((2, 3, 4)) + 1j * rng.standard_normal((2, 3, 4))
    out = function(z)
    shape = cl.function([z], out)(start).shape
    weights = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    cost = cl.sum(cl.real(out * weights))
    evaluate = cl.function([z], [cost, cl.grad(cost, z)])
    g = np.asarray(evaluate(start)[1])
    assert g.dtype == np.complex128
    want = change(lambda at: float(evaluate(at)[0]), start, dz)
    np.testing.assert_allclose(np.sum(g * dz).real, want, rtol=1e-6, atol=1e-6)


def test_gradients_of_zero_are_zero(ctx):
    z = T.zvector()
    for function in (cl.abs, cl.sign):
        g = cl.function([z], cl.grad(cl.sum(cl.real(function(z))), z))(np.zeros(3, complex))
        np.testing.assert_array_equal(np.asarray(g), 0)
