"""Theano's transforms, whose complex numbers are pairs: against NumPy, there and back, with gradients."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.tensor import fft


@pytest.mark.parametrize("norm", [None, "ortho", "no_norm"])
@pytest.mark.parametrize("shape", [(3, 8), (2, 4, 5)])
def test_there_and_back(ctx, rng, shape, norm):
    x = T.TensorType("float32", (False,) * len(shape))("x")
    spectrum = fft.rfft(x, norm)
    back = fft.irfft(spectrum, norm, is_odd=shape[-1] % 2 == 1)
    data = rng.normal(size=shape).astype("f")
    got, returned = ca.function([x], [spectrum, back])(data)
    want = np.fft.rfftn(data, axes=range(1, len(shape)), norm="ortho" if norm == "ortho" else None)
    assert got.dtype == returned.dtype == "float32"
    np.testing.assert_allclose(got, np.stack([want.real, want.imag], -1), rtol=1e-4, atol=1e-4)
    points = np.prod(shape[1:]) if norm == "no_norm" else 1
    np.testing.assert_allclose(returned, data * points, rtol=1e-4, atol=1e-4 * points)


def test_gradient(ctx, rng):
    x = T.fmatrix("x")
    power = (fft.rfft(x) ** 2).sum(axis=-1)
    data = rng.normal(size=(2, 6)).astype("f")
    g = ca.function([x], T.grad(power.sum(), x))(data)
    # of the half spectrum all but the first and the last stand for two, of which one is summed
    own = np.fft.irfft(np.fft.rfft(data) * np.array([2, 1, 1, 2]), 6) * 6
    np.testing.assert_allclose(g, own, rtol=1e-4, atol=1e-4)


def test_errors():
    with pytest.raises(TypeError, match="real stacks of at least 2 axes"):
        fft.rfft(T.vector())
    with pytest.raises(TypeError, match="real stacks"):
        fft.rfft(T.cmatrix())
    with pytest.raises(ValueError, match="'no_norm'"):
        fft.rfft(T.matrix(), "forward")
