"""Searching functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.array import indexing
from clarray.array.gpuarray import GpuArray
from clarray.core import ops
from clarray.core.indexing import take

from .arguments import as_operand, is_symbolic
from .creation import zeros
from .statistical import reducing

__all__ = ["argmax", "argmin", "argwhere", "flatnonzero", "nonzero", "searchsorted", "where"]

argmax = reducing(ops.argmax)
argmin = reducing(ops.argmin)


def nonzero(x: Any, /) -> tuple[GpuArray, ...]:
    """For each axis the int64 positions of the elements that are not zero, in C order; waits for their number."""
    return indexing.nonzero(_there(x, "nonzero"))


def flatnonzero(x: Any, /) -> GpuArray:
    """The int64 positions of the elements that are not zero, as if x were flat; waits for their number."""
    return indexing.flat_nonzero(_there(x, "flatnonzero"))


def argwhere(x: Any, /) -> GpuArray:
    """The positions of the elements that are not zero, a row each; waits for their number."""
    from .manipulation import stack

    return stack(nonzero(x), axis=1)


def where(condition: Any, x1: Any = None, x2: Any = None, /) -> Any:
    """x1 where the condition holds, x2 elsewhere; with the condition alone, its `nonzero`."""
    if (x1 is None) != (x2 is None):
        raise ValueError("where() takes a condition alone, or two choices with it")
    return nonzero(condition) if x1 is None else ops.where(as_operand(condition), x1, x2)


def searchsorted(x1: Any, x2: Any, /, side: str = "left", sorter: Any = None) -> GpuArray:
    """Where in the ascending x1 each element of x2 would go: before equal ones ("left") or after ("right").

    A binary search by all elements at once: one step of it for each bit of x1's length. NaNs come last.
    """
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted(): side is 'left' or 'right', {side!r} came")
    x1 = _there(x1, "searchsorted")
    x2 = _there(x2, "searchsorted")
    if x1.ndim != 1:
        raise ValueError(f"searchsorted(): the first array has one dimension, {x1.ndim} came")
    if sorter is not None:
        x1 = x1[sorter]
    places = zeros(x2.shape, np.int64, x2.context)
    size = x1.size
    for bit in reversed(range(size.bit_length())):
        further = ops.add(places, 1 << bit)
        # an index beyond the end reads the last element, whose answer the bound overrules
        seen = take(x1, ops.subtract(further, 1), axes=(0,), position=0)
        before = _less(seen, x2) if side == "left" else ops.logical_not(_less(x2, seen))
        places = ops.where(ops.logical_and(before, ops.less_equal(further, size)), further, places)
    return places


def _less(a: GpuArray, b: GpuArray) -> Any:
    """a < b in sorted order, where NaN is the greatest."""
    smaller = ops.less(a, b)
    if "f" not in (a.dtype.kind, b.dtype.kind):
        return smaller
    return ops.logical_or(smaller, ops.logical_and(ops.isnan(b), ops.logical_not(ops.isnan(a))))


def _there(x: Any, who: str) -> GpuArray:
    """x as an array, whose elements are there to be looked at."""
    if is_symbolic(x):
        raise TypeError(f"{who}() makes a shape that depends on elements, which a variable of a graph has not yet")
    return as_operand(x)
