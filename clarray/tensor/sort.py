"""Elements of variables in order. NaN is the greatest; equal elements keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core import sorting
from clarray.core.aval import extent, normalize_axis
from clarray.graph.building import as_variable
from clarray.graph.variable import Constant, Variable

__all__ = ["argsort", "argtopk", "sort", "topk", "topk_and_argtopk"]


def sort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: None = None) -> Variable:
    """The elements in order along an axis; without one, of `a` made flat. The sort is stable whatever `kind` asks."""
    x, axis = _along(a, axis)
    return sorting.sort(x, axis=axis, descending=False)


def argsort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: None = None) -> Variable:
    """The int64 positions of the elements in order along an axis; without one, of `a` made flat."""
    x, axis = _along(a, axis)
    return sorting.argsort(x, axis=axis, descending=False)


def topk_and_argtopk(
    x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> tuple[Variable, Variable]:
    """The `kth` greatest elements along an axis, descending, and their positions; of -kth the least, ascending.

    kth may be an integer variable if it is positive.
    """
    v, axis = _along(x, axis)
    if isinstance(kth, Constant):
        kth = int(kth.value)
    if isinstance(kth, Variable):
        if kth.ndim or kth.aval.dtype.kind not in "iu":
            raise TypeError(f"topk(): kth is an integer, {kth.described()} came")
        whole = (slice(None),) * normalize_axis(axis, v.ndim, "topk")
        places = sorting.argsort(v, axis=axis, descending=True)[(*whole, slice(None, kth))]
        from .subtensor import take_along_axis

        return take_along_axis(v, places, axis), places.astype(idx_dtype)
    if kth == 0:
        raise ValueError("topk(): kth is the number of elements asked for, positive or negative; 0 came")
    n = extent(v, normalize_axis(axis, v.ndim, "topk"))
    if isinstance(n, int) and abs(kth) > n:
        raise ValueError(f"topk(): {abs(kth)} elements are asked for, {v.described()} has {n} along axis {axis}")
    values, places = sorting.topk(v, axis=axis, descending=kth > 0, k=abs(int(kth)))
    return values, places.astype(np.dtype(idx_dtype))


def topk(x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: str = "int64") -> Variable:
    """The values of `topk_and_argtopk`."""
    return topk_and_argtopk(x, kth, axis, sorted, idx_dtype)[0]


def argtopk(x: Any, kth: Any, axis: int | None = -1, sorted: bool = True, idx_dtype: str = "int64") -> Variable:
    """The positions of `topk_and_argtopk`."""
    return topk_and_argtopk(x, kth, axis, sorted, idx_dtype)[1]


def _along(a: Any, axis: int | None) -> tuple[Variable, int]:
    x = as_variable(a)
    return (x, axis) if axis is not None else (x.flatten() if x.ndim != 1 else x, 0)


FUNCTIONS = {f.__name__: f for f in (sort, argsort, topk, argtopk, topk_and_argtopk)}
