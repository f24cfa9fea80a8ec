"""Running sums, differences, counts, distinct elements and their like, of variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core import movement, ops, sorting
from clarray.core.aval import Aval, extent, normalize_axis
from clarray.core.cumulative import Cumulative, cumulative_prod, cumulative_sum
from clarray.core.indexing import ordered, put, put_add, take
from clarray.core.op import Composite, Op
from clarray.functions import searching
from clarray.graph.building import as_variable, constant
from clarray.graph.indices import true_positions
from clarray.graph.variable import Variable

from .creation import arange, diag, diagonal, fill_diagonal, fill_diagonal_offset, floating, least
from .shapes import concatenate, repeat, squeeze, tile
from .subtensor import compress, ravel_multi_index, unravel_index

__all__ = [
    "bincount", "compress", "cumprod", "cumsum", "diag", "diagonal", "diff", "fill_diagonal", "fill_diagonal_offset",
    "ravel_multi_index", "repeat", "searchsorted", "squeeze", "tile", "to_one_hot", "unique", "unravel_index",
]  # fmt: skip


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Variable:
    """The sums of the elements up to each along an axis; without one, of x made flat."""
    return _cumulated(cumulative_sum, x, axis, dtype)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Variable:
    """The products of the elements up to each along an axis; without one, of x made flat."""
    return _cumulated(cumulative_prod, x, axis, dtype)


def _cumulated(op: Cumulative, x: Any, axis: int | None, dtype: Any) -> Variable:
    x = as_variable(x)
    if axis is None:
        x, axis = x.flatten() if x.ndim != 1 else x, 0
    return op(x, axis=axis, dtype=None if dtype is None else np.dtype(dtype))


def diff(x: Any, n: int = 1, axis: int = -1) -> Variable:
    """The n-th differences of neighbours along an axis."""
    x = as_variable(x)
    if n < 0:
        raise ValueError(f"diff(): n is a count, {n} came")
    axis = normalize_axis(axis, x.ndim, "diff")
    before = (slice(None),) * axis
    for _ in range(n):
        op = ops.not_equal if x.aval.dtype.kind == "b" else ops.subtract
        x = op(x[(*before, slice(1, None))], x[(*before, slice(None, -1))])
    return x


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> Variable:
    """How often 0, 1, 2, ... occur in a vector of integers, or the sums of their `weights`.

    There are max(x) + 1 counts, none where x is empty, or `minlength` if that is more. No element of x is negative: one
    that is counts from the end.
    """
    x = as_variable(x)
    if x.ndim != 1 or x.aval.dtype.kind not in "biu":
        raise TypeError(f"bincount() takes a vector of integers, {x.described()} came")
    added = constant(np.ones((), np.int64)) if weights is None else as_variable(weights)
    if added.ndim not in (0, 1):
        raise TypeError(f"bincount(): weights are a vector, {added.described()} came")
    places = x.astype("int64")
    size: Any = ops.max(concatenate([places, constant(np.array([-1]))])) + 1
    if minlength is not None:
        size = ops.maximum(size, minlength)
    zero = constant(np.zeros((), added.aval.dtype))
    return put_add(
        movement.broadcast_to(zero, shape=(size,)), added, places, axes=(0,), position=0, ordered=ordered()
    )  # fmt: skip


class SearchSorted(Composite):
    """searchsorted(x, v): where in the ascending x each element of v would go; as many steps as x's length has bits."""

    name = "searchsorted"
    traceable = False

    def infer(self, avals: Any, params: Any, fp64: bool = True) -> tuple[Aval, ...]:
        x, v = avals
        if x.ndim != 1:
            raise ValueError(f"searchsorted(): the first operand is a vector, one of {x.ndim} axes came")
        return (Aval(v.shape, np.dtype("int64")),)

    def lower(self, *operands: Any, **params: Any) -> Any:
        return searching.searchsorted(*operands, **params)

    def grad(self, g: Any, out: Any, operands: Any, params: Any) -> Any:
        return (None, None)


searchsorted_op = Op.registry["searchsorted"] = SearchSorted()


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Variable:
    """Where in the ascending vector x each element of v would go: before equal ones ("left") or after ("right")."""
    if side not in ("left", "right"):
        raise ValueError(f"searchsorted(): side is 'left' or 'right', {side!r} came")
    x = as_variable(x)
    x = x if sorter is None else x[as_variable(sorter)]
    return searchsorted_op(x, as_variable(v), side=side)


def to_one_hot(y: Any, nb_class: Any, dtype: Any = None) -> Variable:
    """For each element of an integer vector a row of `nb_class` zeros, but a one at that number; floatX."""
    y = as_variable(y)
    if y.ndim != 1 or y.aval.dtype.kind not in "iu":
        raise TypeError(f"to_one_hot() takes a vector of integers, {y.described()} came")
    return ops.equal(y.dimshuffle(0, "x"), arange(nb_class).dimshuffle("x", 0)).astype(floating(dtype))


def unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The distinct elements in one axis, ascending; on demand also the position of the first of each in `ar` made
    flat, for each element of `ar` made flat where among them it is, and how often each occurs."""
    x = as_variable(ar)
    x = x if x.ndim == 1 else x.flatten()
    order = sorting.argsort(x, axis=0, descending=False)
    sorted_ = take(x, order, axes=(0,), position=0)
    first = ops.equal(arange(least(extent(x, 0), 1, ops.minimum)), 0)
    begins = concatenate([first, ops.not_equal(sorted_[1:], sorted_[:-1])])
    places = true_positions(begins)
    found = [take(sorted_, places, axes=(0,), position=0)]
    if return_index:
        found.append(take(order, places, axes=(0,), position=0))
    if return_inverse:
        numbers = cumulative_sum(begins, axis=0, dtype=np.dtype("int64")) - 1
        found.append(put(ops.multiply(order, 0), numbers, order, axes=(0,), position=0))
    if return_counts:
        ends = concatenate([places, as_variable([extent(x, 0)])])
        found.append(ends[1:] - ends[:-1])
    return found[0] if len(found) == 1 else tuple(found)


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (cumsum, cumprod, diff, bincount, searchsorted, to_one_hot, unique)
}  # fmt: skip
