"""Set functions: which distinct elements an array has. All but `isin` wait for the number of these.

Elements that compare equal are one: -0 and 0 are, two NaNs never. Values ascend.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from clarray.array import indexing
from clarray.array.gpuarray import GpuArray
from clarray.core import ops, sorting
from clarray.core.cumulative import cumulative_sum
from clarray.core.indexing import take

from .arguments import as_operand, is_symbolic
from .creation import empty, full, zeros
from .manipulation import concat

__all__ = ["isin", "unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    """What `unique_all` finds."""

    values: GpuArray
    indices: GpuArray
    inverse_indices: GpuArray
    counts: GpuArray


class UniqueCounts(NamedTuple):
    """What `unique_counts` finds."""

    values: GpuArray
    counts: GpuArray


class UniqueInverse(NamedTuple):
    """What `unique_inverse` finds."""

    values: GpuArray
    inverse_indices: GpuArray


def unique_values(x: Any, /) -> GpuArray:
    """The distinct elements of x in one dimension, ascending; waits for their number."""
    ordered = sorting.sort(_there(x, "unique_values").reshape(-1), axis=0, descending=False)
    return _at(ordered, indexing.flat_nonzero(_begins(ordered)))


def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct elements of x, ascending, and how often each occurs (int64); waits for their number."""
    ordered = sorting.sort(_there(x, "unique_counts").reshape(-1), axis=0, descending=False)
    places = indexing.flat_nonzero(_begins(ordered))
    return UniqueCounts(_at(ordered, places), _lengths(places, ordered.size))


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct elements of x, ascending, and for each element of x (in its shape) where among them it is
    (int64); waits for their number."""
    found = _distinct(_there(x, "unique_inverse"))
    return UniqueInverse(found.values, found.inverse_indices)


def unique_all(x: Any, /) -> UniqueAll:
    """The distinct elements of x, ascending; the position of the first of each in x made flat; for each element of x
    (in its shape) where among the distinct ones it is; how often each occurs. All int64; waits for their number."""
    return _distinct(_there(x, "unique_all"))


def _distinct(x: GpuArray) -> UniqueAll:
    """What `unique_all` finds."""
    flat = x.reshape(-1)
    order = sorting.argsort(flat, axis=0, descending=False)
    ordered = _at(flat, order)
    begins = _begins(ordered)
    places = indexing.flat_nonzero(begins)
    inverse = empty(flat.shape, dtype=np.int64, device=flat.device)
    if flat.size:
        inverse[order] = ops.subtract(cumulative_sum(begins, axis=0, dtype=np.dtype("int64")), 1)
    return UniqueAll(_at(ordered, places), _at(order, places), inverse.reshape(x.shape), _lengths(places, flat.size))


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> GpuArray:
    """For each element of x1 whether x2 has one equal to it, or has none if `invert`: bools in x1's shape.

    Both are sorted together, x2 first: an element is found if the first of its equals comes from x2.
    """
    x1, x2 = (_there(x, "isin") for x in (x1, x2))
    count, size = x2.size, x1.size + x2.size
    if x1.size == 0 or count == 0:
        return full(x1.shape, bool(invert), np.bool_, x1.device)
    both = concat((x2.reshape(-1), x1.reshape(-1)))
    order = sorting.argsort(both, axis=0, descending=False)
    groups = ops.subtract(cumulative_sum(_begins(_at(both, order)), axis=0, dtype=np.dtype("int64")), 1)
    there = zeros(size, np.bool_, both.device)
    there[ops.where(ops.less(order, count), groups, size)] = True  # an index beyond the end is left out
    found = empty(size, dtype=np.bool_, device=both.device)
    found[order] = _at(there, groups)
    found = found[count:].reshape(x1.shape)
    return ops.logical_not(found) if invert else found


def _there(x: Any, who: str) -> GpuArray:
    """x as an array, whose elements are there to be looked at."""
    if is_symbolic(x):
        raise TypeError(f"{who}() looks at elements, which a variable of a graph has not yet: call it on arrays")
    found: GpuArray = as_operand(x, who)
    return found


def _at(x: GpuArray, places: GpuArray) -> GpuArray:
    """x[places]"""
    return take(x, places, axes=(0,), position=0) if places.size else x[:0]


def _begins(ordered: GpuArray) -> GpuArray:
    """Where in an ordered array an element differs from the one before it."""
    first = full(min(1, ordered.size), True, np.bool_, ordered.device)
    return concat((first, ops.not_equal(ordered[1:], ordered[:-1])))


def _lengths(places: GpuArray, size: int) -> GpuArray:
    """How far it is from each place to the next, from the last to the end."""
    if not places.size:
        return places
    return ops.subtract(concat((places[1:], full(1, size, np.int64, places.device))), places)
