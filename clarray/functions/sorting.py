"""Sorting functions. The order, that of NumPy, is said in `clarray.core.sorting`."""

from __future__ import annotations

from typing import Any

from clarray.core import sorting

from .arguments import as_operand, index_of

__all__ = ["argsort", "sort", "topk"]


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements of x in order along `axis`: a new array of its shape and dtype.

    NaN is the greatest: last, or first if `descending`. Of complex numbers the real parts count first. Equal elements
    keep their order, -0 and 0 too, in either direction: the sort is `stable` whatever is asked for. NaNs come out as
    the standard one. AxisError where x has no such axis.
    """
    return sorting.sort(as_operand(x, "sort"), axis=index_of(axis, "sort", "axis"), descending=bool(descending))


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The int64 positions along `axis` of the elements of x in the order of `sort`, in x's shape."""
    x = as_operand(x, "argsort")
    return sorting.argsort(x, axis=index_of(axis, "argsort", "axis"), descending=bool(descending))


def topk(x: Any, k: int, /, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """The k largest (or smallest) elements along `axis`, in order, and their int64 positions: (values, indices).

    Of equal elements the earlier ones come first; NaN is the greatest. TypeError for complex x, ValueError where k
    is negative or exceeds the axis.
    """
    params = {"axis": index_of(axis, "topk", "axis"), "descending": bool(largest), "k": index_of(k, "topk", "k")}
    return sorting.topk(as_operand(x, "topk"), **params)
