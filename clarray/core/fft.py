"""Ops of discrete Fourier transforms along one axis: complex to complex, real to half a spectrum, and back.

Params: `axis`; `n`, the number of points (None: what the operand has); `norm`, as NumPy's. Gradients are such
that the change of the cost is the real part of the sum of g * dx: the transform's matrix is symmetric, so
that of a transform is the same transform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes, ops
from .aval import Aval, extent, normalize_axis
from .dtypes import NumpyDType
from .movement import slice_, unslice
from .op import Op

NORMS = ("backward", "ortho", "forward")


class Fourier(Op):
    """A transform with the factors exp(-2 pi i j k / n), or, if `inverse`, exp(+2 pi i j k / n)."""

    takes = dtypes.ANY

    def __init__(self, name: str, inverse: bool, doc: str) -> None:
        self.name = name
        self.inverse = inverse
        self.doc = doc
        Op.registry[name] = self

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        x = avals[0]  # after it come those of variables among the params
        axis = normalize_axis(params["axis"], x.ndim, self.name)
        self.check_dtype(x.dtype, self.name)
        count = self.points(x.shape[axis], params)
        shape = (*x.shape[:axis], self.length(count), *x.shape[axis + 1 :])
        return (Aval(shape, self.result(x.dtype, fp64)),)

    def points(self, extent: int | None, params: Mapping[str, Any]) -> int | None:
        """The number of points of a transform of so many elements; ValueError for less than one."""
        n = params.get("n")
        if n is None:
            n = extent if extent is None else self.natural(extent)
        elif not isinstance(n, int | np.integer):
            return None  # a variable's value, not known yet
        return n if n is None else self.check_points(int(n), self.name)

    def check_dtype(self, dtype: NumpyDType, who: str) -> None:
        """TypeError for what has no such transform."""
        if dtype.kind not in self.takes:
            raise TypeError(f"{who}() does not take {dtype.name}: it is defined for real dtypes; take x.real")

    def check_points(self, n: int, who: str) -> int:
        """A number of points; ValueError for less than one."""
        if n < 1:
            raise ValueError(f"{who}(): invalid number of FFT data points ({n}) specified; at least 1 is needed")
        return n

    def natural(self, extent: int) -> int:
        """The number of points where none is given."""
        return extent

    def length(self, points: int | None) -> int | None:
        """The number of results of so many points."""
        return points

    def result(self, dtype: NumpyDType, fp64: bool) -> NumpyDType:
        """The dtype of the result."""
        return spectrum(dtype, fp64)

    def scale(self, n: int, norm: str) -> float:
        """What results are multiplied by."""
        if norm == "ortho":
            return float(1 / np.sqrt(n))
        return 1 / n if (norm == "forward") != self.inverse else 1.0


class Fft(Fourier):
    """Complex to complex."""

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (x,) = operands
        return (fitted(self(g, **params), x, params),)


class Rfft(Fourier):
    """Real to the first n // 2 + 1 elements of the spectrum; with `doubled`, twice those that stand for two."""

    takes = dtypes.REAL_OR_BOOL

    def length(self, points: int | None) -> int | None:
        return points if points is None else points // 2 + 1

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (x,) = operands
        n = params.get("n")
        n = extent(x, params["axis"]) if n is None else n
        rest = {**params, "n": n}
        if rest.pop("doubled", False):
            return (fitted((hfft if not self.inverse else irfft)(g, **rest), x, params),)
        return (fitted(ops.real((ifft if self.inverse else fft)(g, **rest)), x, params),)


class Irfft(Fourier):
    """The first n // 2 + 1 elements of a spectrum to the n reals that it belongs to."""

    def natural(self, extent: int) -> int:
        return 2 * (extent - 1)

    def result(self, dtype: NumpyDType, fp64: bool) -> NumpyDType:
        return dtype if dtype == np.float16 else dtypes.real(spectrum(dtype, fp64))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (x,) = operands
        return (fitted((ihfft if self.inverse else rfft)(g, doubled=True, **params), x, params),)


def spectrum(dtype: NumpyDType, fp64: bool) -> NumpyDType:
    """The complex dtype in which an operand is transformed."""
    if dtype.kind in "fc":
        return np.dtype("complex128" if dtypes.row(dtype).is_double else "complex64")
    return np.dtype("complex128" if fp64 else "complex64")


def fitted(g: Any, x: Any, params: Mapping[str, Any]) -> Any:
    """A gradient for the elements that took part, which may be less or more than x has: cut, or with zeros after."""
    n = params.get("n")
    if n is None:
        return g
    axis = normalize_axis(params["axis"], x.ndim, "fft")
    lead = ((None, None, None),) * axis
    length = extent(x, axis)
    used = extent(g, axis)
    if isinstance(length, int) and isinstance(used, int):
        if length == used:
            return g
        if length < used:
            return slice_(g, index=(*lead, (None, length, None)))
        return unslice(g, x, index=(*lead, (None, used, None)))
    return unslice(slice_(g, index=(*lead, (None, length, None))), x, index=(*lead, (None, used, None)))


fft = Fft("fft", False, "the discrete Fourier transform along an axis")
ifft = Fft("ifft", True, "the inverse of fft")
rfft = Rfft("rfft", False, "the discrete Fourier transform of reals, without what is the conjugate of the rest")
ihfft = Rfft("ihfft", True, "the inverse of hfft")
irfft = Irfft("irfft", True, "the inverse of rfft")
hfft = Irfft("hfft", False, "the discrete Fourier transform of what has a real spectrum, given its first half")
