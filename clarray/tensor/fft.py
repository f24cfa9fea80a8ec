"""Theano's transforms of stacks of reals: `from clarray.tensor import fft`.

Complex numbers are pairs of reals along a last axis here, as in Theano; `clarray.fft` has NumPy's functions, which take
variables too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core.aval import extent
from clarray.core.op import Op
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable

from .shapes import stack

__all__ = ["irfft", "rfft"]

NORMS = {None: "backward", "ortho": "ortho", "no_norm": "backward"}


def rfft(inp: Any, norm: str | None = None) -> Variable:
    """The transform of each part along the first axis, over all other axes: of shape (m, ..., n // 2 + 1, 2).

    `norm` is None (the inverse is divided by the number of points), "ortho" (both by its root) or "no_norm" (none).
    """
    x = as_variable(inp)
    _check(x, 2, norm, "rfft")
    params = {"n": None, "norm": NORMS[norm]}
    result = Op.registry["rfft"](x, axis=x.ndim - 1, **params)
    for axis in range(1, x.ndim - 1):
        result = Op.registry["fft"](result, axis=axis, **params)
    return stack([result.real, result.imag], axis=x.ndim)


def irfft(inp: Any, norm: str | None = None, is_odd: bool = False) -> Variable:
    """The inverse of `rfft`; `is_odd` tells that the last axis had an odd number of elements."""
    x = as_variable(inp)
    _check(x, 3, norm, "irfft")
    last = x.ndim - 2
    n = (extent(x, last) - 1) * 2 + bool(is_odd)
    result = x[..., 0] + x[..., 1] * 1j
    size: Any = n
    for axis in range(1, last):
        size = size * extent(x, axis)
        result = Op.registry["ifft"](result, axis=axis, n=None, norm=NORMS[norm])
    result = Op.registry["irfft"](result, axis=last, n=n, norm=NORMS[norm])
    if norm == "no_norm":
        result = result * (size.astype(result.dtype) if isinstance(size, Variable) else float(size))
    return result


def _check(x: Variable, least: int, norm: str | None, who: str) -> None:
    if norm not in NORMS:
        raise ValueError(f"{who}(): norm is None, 'ortho' or 'no_norm', {norm!r} came")
    if x.ndim < least or np.dtype(x.dtype).kind == "c":
        raise TypeError(f"{who}() takes real stacks of at least {least} axes, {x.described()} came")
