"""Discrete Fourier transforms: the Array API's extension `fft`, and NumPy's functions of two axes.

A single-precision operand (float16, float32, complex64) is transformed in single precision, any other in double,
or in single on a device without fp64. `norm` says which direction is divided by the number of points: "backward"
the inverse, "forward" the other, "ortho" both by its root. Arrays and variables are taken alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from clarray.core import fft as _core
from clarray.core import ops
from clarray.core.aval import normalize_axis
from clarray.core.fft import NORMS, Fourier

from .arguments import (
    as_operand,
    axes_of,
    context_of,
    dtype_of,
    extents,
    index_of,
    is_symbolic,
    known_extents,
    real_of,
)
from .creation import arange
from .manipulation import concat, roll

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

LAST_TWO = (-2, -1)


def fft(x: Any, /, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The discrete Fourier transform of n points along an axis: x is cut, or zeros follow it, to have n elements.

    Complex64 or complex128 of x's shape with n along the axis. ValueError for n below 1 and for an unknown norm.
    """
    return _along(_core.fft, x, n, axis, norm, "fft")


def ifft(x: Any, /, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `fft`, with the same arguments."""
    return _along(_core.ifft, x, n, axis, norm, "ifft")


def rfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The first n // 2 + 1 elements of the transform of reals, of which the others are conjugates.

    TypeError for complex x.
    """
    return _along(_core.rfft, x, n, axis, norm, "rfft")


def irfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `rfft`: n reals, without n an even number, 2 (m - 1) from m elements."""
    return _along(_core.irfft, x, n, axis, norm, "irfft")


def hfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The real transform, of n points, of what is Hermitian and given by its first n // 2 + 1 elements."""
    return _along(_core.hfft, x, n, axis, norm, "hfft")


def ihfft(x: Any, /, n: int | None = None, axis: int = -1, norm: str | None = None) -> Any:
    """The inverse of `hfft`: the first n // 2 + 1 elements of the inverse transform of reals."""
    return _along(_core.ihfft, x, n, axis, norm, "ihfft")


def fftn(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The transform along several axes (None: all, or the last ones of which `s` gives the points).

    `s` gives the number of points for each of the axes, -1 for as many as there are. ValueError where the two
    differ in length.
    """
    return _several(_core.fft, None, x, s, axes, norm, "fftn")


def ifftn(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The inverse of `fftn`, with the same arguments."""
    return _several(_core.ifft, None, x, s, axes, norm, "ifftn")


def rfftn(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None) -> Any:
    """The transform of reals along several axes: `rfft` along the last of them, then `fft` along the others."""
    return _several(_core.fft, _core.rfft, x, s, axes, norm, "rfftn")


def irfftn(
    x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Any:
    """The inverse of `rfftn`: without `s` the last axis gets an even number of elements."""
    return _several(_core.ifft, _core.irfft, x, s, axes, norm, "irfftn")


def fft2(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = None) -> Any:
    """`fftn` along two axes."""
    return _several(_core.fft, None, x, s, axes, norm, "fft2")


def ifft2(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = None) -> Any:
    """`ifftn` along two axes."""
    return _several(_core.ifft, None, x, s, axes, norm, "ifft2")


def rfft2(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = None) -> Any:
    """`rfftn` along two axes."""
    return _several(_core.fft, _core.rfft, x, s, axes, norm, "rfft2")


def irfft2(x: Any, /, s: Sequence[int] | None = None, axes: Sequence[int] = LAST_TWO, norm: str | None = None) -> Any:
    """`irfftn` along two axes."""
    return _several(_core.ifft, _core.irfft, x, s, axes, norm, "irfft2")


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The n frequencies of `fft` for samples d apart: from 0 up, then the negative ones.

    Each is rounded once to `dtype`, a real floating one. ValueError for n below 1, ZeroDivisionError for d = 0.
    """
    return _frequencies("fftfreq", n, d, dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The n // 2 + 1 frequencies of `rfft` for samples d apart."""
    return _frequencies("rfftfreq", n, d, dtype, device)


def fftshift(x: Any, /, axes: Any = None) -> Any:
    """x with its zero frequency moved to the middle of each of the axes (None: of all)."""
    return _shifted(x, axes, 1, "fftshift")


def ifftshift(x: Any, /, axes: Any = None) -> Any:
    """The inverse of `fftshift`."""
    return _shifted(x, axes, -1, "ifftshift")


def _along(op: Fourier, x: Any, n: Any, axis: Any, norm: Any, who: str) -> Any:
    """A transform along one axis, its arguments made what the Op takes; errors say `who` was called."""
    norm = "backward" if norm is None else norm
    if norm not in NORMS:
        listed = ", ".join(map(repr, NORMS))
        raise ValueError(f"{who}(): norm is one of {listed}, or None for the first; {norm!r} came")
    x = as_operand(x, who)
    op.check_dtype(np.dtype(x.dtype), who)
    axis = normalize_axis(axis, x.ndim, who)
    if n is not None and not is_symbolic(n):
        n = op.check_points(index_of(n, who, "n"), who)
    return op(x, axis=axis, n=n, norm=norm)


def _several(op: Fourier, real: Fourier | None, x: Any, s: Any, axes: Any, norm: Any, who: str) -> Any:
    """Transforms along several axes, the last one by `real` where that is given: from reals first, to reals last."""
    x = as_operand(x, who)
    given = s is not None
    if given and not isinstance(s, Iterable):
        raise TypeError(f"{who}(): s is a sequence of ints, one for each axis; {s!r} came")
    axes, s = axes_of(axes, who, "axes"), tuple(s) if given else None
    if isinstance(axes, int):
        raise TypeError(f"{who}(): axes is a sequence of ints, {axes} came; for one axis use {who[:-1]}()")
    if axes is None:
        axes = tuple(range(x.ndim)) if s is None else tuple(range(-len(s), 0))
    axes = tuple(normalize_axis(a, x.ndim, who) for a in axes)
    s = (-1,) * len(axes) if s is None else s
    if len(s) != len(axes):
        raise ValueError(f"{who}(): s and axes have different lengths, {len(s)} and {len(axes)}")
    if not axes:
        if real is not None:
            raise IndexError(f"{who}() takes at least one axis")
        return x
    # an axis that is named twice has the points that it had at first, else as many as there are
    shape = extents(x)
    counts = [(shape[a] if axes.count(a) > 1 else None) if n == -1 else n for n, a in zip(s, axes, strict=True)]
    if real is _core.irfft and s[-1] == -1:
        counts[-1] = shape[axes[-1]] if given else None
    todo = [(op, n, a) for n, a in zip(counts, axes, strict=True)]
    if real is not None:
        todo[-1] = (real, *todo[-1][1:])
    for each, n, a in todo if real is _core.irfft else reversed(todo):
        x = _along(each, x, n, a, norm, who)
    return x


def _frequencies(who: str, n: Any, d: Any, dtype: Any, device: Any) -> Any:
    """How many periods in n samples d apart: whole numbers of them, the negative ones last or, of `rfftfreq`, none."""
    context = context_of(device)
    if not hasattr(n, "__index__") or n < 1:
        raise ValueError(f"{who}(): n is an integer of at least 1, {n!r} came")
    d = real_of(d, who, "d")
    if d == 0:
        raise ZeroDivisionError(f"{who}(): d, the distance of samples, is 0")
    exact = dtype_of(None, np.float64, context)
    dtype = dtype_of(dtype, exact, context)
    if dtype.kind != "f":
        raise TypeError(f"{who}(): dtype is a real floating one, {dtype.name} came")
    whole = [(0, n // 2 + 1)] if who == "rfftfreq" else [(0, (n + 1) // 2), (-(n // 2), 0)]
    k = concat([arange(first, stop, dtype=np.int64, device=device) for first, stop in whole])
    return ops.multiply(k.astype(exact), 1.0 / (n * d)).astype(dtype, copy=False)


def _shifted(x: Any, axes: Any, sign: int, who: str) -> Any:
    """x rolled by half its extents."""
    x = as_operand(x, who)
    shape = known_extents(x, who)
    axes = axes_of(axes, who, "axes")
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else axes
    axes = tuple(normalize_axis(a, x.ndim, who) for a in axes)
    halves = tuple(shape[a] // 2 if sign > 0 else -(shape[a] // 2) for a in axes)
    return roll(x, halves, axes)
