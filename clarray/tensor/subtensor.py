"""Parts of variables: set, added to, taken and chosen by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clarray.core import indexing, ops
from clarray.core.aval import extent, normalize_axis
from clarray.core.places import positions_along
from clarray.graph.building import as_variable
from clarray.graph.indices import assigned, checked_value, true_positions
from clarray.graph.variable import Variable

MODES = ("raise", "wrap", "clip")


def set_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> Variable:
    """Given x = base[index], the base with y there: `set_subtensor(x[1:3], 0)` is x but for its rows 1 and 2.

    The index is any that NumPy takes. y broadcasts to base[index], and its dtype fits base's without loss, else
    TypeError. Where an index comes twice, one of its values stays. `inplace` has no meaning: a function overwrites what
    nobody needs any more by itself.
    """
    return _written(x, y, "set_subtensor", False)


def inc_subtensor(
    x: Any,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
    ignore_duplicates: bool = False,
) -> Variable:
    """Given x = base[index], the base with y added there, as often as an index comes; see `set_subtensor`."""
    if ignore_duplicates and not set_instead_of_inc:
        return _written(x, as_variable(x) + as_variable(y), "inc_subtensor", False)
    return _written(x, y, "inc_subtensor", not set_instead_of_inc)


def _written(x: Any, y: Any, who: str, add: bool) -> Variable:
    if not isinstance(x, Variable) or x.part_of is None:
        what = x.described() if isinstance(x, Variable) else type(x).__name__
        raise TypeError(f"{who}() takes a part of a variable, x[index], and what goes there; {what} came")
    base, index = x.part_of
    return assigned(base, index, x, checked_value(x, y, who), add)


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Variable:
    """The elements of `a` at integer `indices` along an axis; without one, of `a` made flat.

    An index outside counts from the other end ("wrap") or is moved to the nearest end ("clip", where -1 is 0 too).
    With "raise" one that is known when the graph is made is an IndexError, and one that a function computes is moved to
    the nearest end.
    """
    x, index = as_variable(a), _integers(indices, "take")
    if axis is None:
        x, axis = x.flatten() if x.ndim != 1 else x, 0
    axis = normalize_axis(axis, x.ndim, "take")
    if mode == "raise":
        return x[(slice(None),) * axis + (index if isinstance(indices, Variable) else indices,)]
    index = _within(index, extent(x, axis), mode, "take")
    return indexing.take(x, index, axes=(axis,), position=axis)


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Variable:
    """For each element of the integers `a` that of the choice with this number; all broadcast together.

    The choices are a list, or a variable of which they are the parts along the first axis. `mode` is as `take` has it.
    """
    index = _integers(a, "choose")
    if isinstance(choices, list | tuple):
        many = [as_variable(c) for c in choices]
        if not many:
            raise ValueError("choose() takes at least one choice")
        index = _within(index, len(many), mode, "choose")
        result = many[-1]
        for k in reversed(range(len(many) - 1)):
            result = ops.where(ops.equal(index, k), many[k], result)
        return result if result.ndim >= index.ndim and len(many) > 1 else result + 0 * index
    x = as_variable(choices)
    if x.ndim < 1 or index.ndim > x.ndim - 1:
        raise ValueError(f"choose(): {x.described()} has no choices for each element of {index.described()}")
    index = _within(index, extent(x, 0), mode, "choose")
    places = [positions_along(x[0], axis=k) for k in range(x.ndim - 1)]
    return indexing.take(x, index, *places, axes=tuple(range(x.ndim)), position=0)


def take_along_axis(arr: Any, indices: Any, axis: int = 0) -> Variable:
    """The elements of `arr` at positions along one axis that differ from row to row."""
    x, index = as_variable(arr), _integers(indices, "take_along_axis")
    if index.ndim != x.ndim:
        raise ValueError(f"take_along_axis(): {x.described()} and {index.described()} have different numbers of axes")
    axis = normalize_axis(axis, x.ndim, "take_along_axis")
    places = [index if k == axis else positions_along(x, axis=k) for k in range(x.ndim)]
    return indexing.take(x, *places, axes=tuple(range(x.ndim)), position=0)


def compress(condition: Any, x: Any, axis: int | None = None) -> Variable:
    """The parts of x along an axis, or elements of x made flat, for which the vector `condition` holds."""
    mask, x = as_variable(condition), as_variable(x)
    if mask.ndim != 1:
        raise ValueError(f"compress() takes a vector as condition, {mask.described()} came")
    if axis is None:
        x, axis = x.flatten(), 0
    axis = normalize_axis(axis, x.ndim, "compress")
    mask = mask if mask.aval.dtype.kind == "b" else ops.not_equal(mask, 0)
    return indexing.take(x, true_positions(mask), axes=(axis,), position=axis)


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """For each axis the int64 positions of the elements that are not zero, in C order; as rows of a matrix if asked."""
    x = as_variable(a)
    if x.ndim == 0:
        raise ValueError(f"nonzero() takes at least one axis, {x.described()} came")
    flat = flatnonzero(x)
    found: list[Variable] = []
    for k in reversed(range(1, x.ndim)):
        found.insert(0, ops.remainder(flat, extent(x, k)))
        flat = ops.floor_divide(flat, extent(x, k))
    found.insert(0, flat)
    if return_matrix:
        from .shapes import stack

        return stack(found)
    return tuple(found)


def flatnonzero(a: Any) -> Variable:
    """The int64 positions of the elements that are not zero, as if `a` were flat."""
    x = as_variable(a)
    if x.ndim == 0:
        raise ValueError(f"flatnonzero() takes at least one axis, {x.described()} came")
    x = x if x.ndim == 1 else x.flatten()
    return true_positions(x if x.aval.dtype.kind == "b" else ops.not_equal(x, 0))


def nonzero_values(a: Any) -> Variable:
    """The elements that are not zero, in C order."""
    x = as_variable(a)
    return indexing.take(x if x.ndim == 1 else x.flatten(), flatnonzero(x), axes=(0,), position=0)


def _integers(value: Any, who: str) -> Variable:
    index = as_variable(value)
    if index.aval.dtype.kind not in "iu":
        raise TypeError(f"{who}(): indices are integers, {index.described()} came; cast it first")
    return index


def _within(index: Variable, size: Any, mode: str, who: str) -> Variable:
    """Indices brought within an axis of so many elements."""
    if mode not in MODES:
        raise ValueError(f"{who}(): mode is one of {', '.join(map(repr, MODES))}, {mode!r} came")
    if mode == "wrap":
        return ops.remainder(index.astype("int64"), size)
    return ops.clip(index.astype("int64"), 0, size - 1) if mode == "clip" else index


def unravel_index(indices: Any, dims: Any, order: str = "C") -> tuple[Variable, ...]:
    """Positions in an array of the shape `dims` made flat, as one index for each axis."""
    flat = _integers(indices, "unravel_index")
    sizes = _sizes(dims, "unravel_index", order)
    found: list[Variable] = []
    for n in sizes[:0:-1]:
        found.append(ops.remainder(flat, n))
        flat = ops.floor_divide(flat, n)
    found.append(flat)
    return tuple(found if order == "F" else found[::-1])


def ravel_multi_index(multi_index: Sequence[Any], dims: Any, mode: str = "raise", order: str = "C") -> Variable:
    """One index for each axis of an array of the shape `dims`, as positions in it made flat."""
    indices = [_integers(i, "ravel_multi_index") for i in multi_index]
    sizes = _sizes(dims, "ravel_multi_index", order)
    if len(indices) != len(sizes):
        raise ValueError(f"ravel_multi_index(): {len(indices)} indices came for {len(sizes)} axes")
    pairs = list(zip(indices[::-1] if order == "F" else indices, sizes, strict=True))
    result: Any = 0
    for i, n in pairs:
        result = result * n + _within(i, n, mode, "ravel_multi_index")
    return as_variable(result).astype(np.int64)


def _sizes(dims: Any, who: str, order: str) -> list[Any]:
    """Extents, the one that varies fastest last."""
    from clarray.graph.building import extents

    if order not in ("C", "F"):
        raise ValueError(f"{who}(): order is 'C' or 'F', {order!r} came")
    sizes = list(extents(dims, who))
    return sizes if order == "C" else sizes[::-1]


FUNCTIONS = {
    f.__name__: f
    for f in (
        set_subtensor, inc_subtensor, take, choose, take_along_axis, compress, nonzero, flatnonzero, nonzero_values,
        unravel_index, ravel_multi_index,
    )
}  # fmt: skip
