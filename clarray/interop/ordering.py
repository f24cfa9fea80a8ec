"""NumPy's sort, argsort and unique, whose arguments are not those of the Array API's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.core import ops
from clarray.functions import sets, sorting

KINDS = ("quicksort", "mergesort", "heapsort", "stable")  # the sort is stable, which is right for each


def sort(x: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> GpuArray:
    """`numpy.sort`: without an axis, of the array made flat."""
    return _ordered(sorting.sort, x, axis, kind, order, stable)


def argsort(x: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> GpuArray:
    """`numpy.argsort`: without an axis, of the array made flat."""
    return _ordered(sorting.argsort, x, axis, kind, order, stable)


def _ordered(function: Callable[..., GpuArray], x: Any, axis: Any, kind: Any, order: Any, stable: Any) -> GpuArray:
    who = f"numpy.{function.__name__}()"
    if kind is not None and kind not in KINDS:
        raise ValueError(f"{who}: kind is one of {', '.join(KINDS)}; {kind!r} came")
    if kind is not None and stable is not None:
        raise ValueError(f"{who} takes kind or stable, not both")
    if order is not None:
        raise ValueError(f"{who}: order names fields, which arrays on a device do not have; {order!r} came")
    return function(x.reshape(-1), axis=0) if axis is None else function(x, axis=axis)


def unique(
    x: GpuArray, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: Any = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """`numpy.unique` of an array made flat: the distinct elements, ascending, and what else is asked for, as a tuple.

    NaNs are one element, unless `equal_nan` is False. Waits for the number of elements.
    """
    if axis is not None:
        raise TypeError("numpy.unique() on GpuArrays takes axis=None: rows are not compared on the device")
    chosen = (return_index, return_inverse, return_counts)
    if any(chosen):
        values, *rest = sets.unique_all(x)
    else:
        values, rest = sets.unique_values(x), []
    if equal_nan and values.dtype.kind in "fc":
        values, rest = _one_nan(values, rest, x.size)
    found = [y for y, wanted in zip(rest, chosen) if wanted]
    return (values, *found) if found else values


def _one_nan(values: GpuArray, rest: list[Any], size: int) -> tuple[GpuArray, list[Any]]:
    """Distinct elements with the NaNs, which come last, made one, and indices, inverse and counts to match."""
    first = values.size - int(ops.count_nonzero(ops.isnan(values)))
    if first + 1 >= values.size:
        return values, rest
    if rest:
        index, inverse, counts = rest
        counts = counts[: first + 1].copy()
        counts[first] = size - ops.sum(counts[:first])
        rest = [index[: first + 1], ops.minimum(inverse, np.int64(first)), counts]
    return values[: first + 1], rest
