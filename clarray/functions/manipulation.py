"""Manipulation functions: shapes and order of elements. Those that can be views are views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from clarray.core import joining, movement, ops
from clarray.core.aval import broadcast_shapes as _broadcast_shapes
from clarray.core.aval import normalize_axes, normalize_axis
from clarray.core.indexing import take

from .arguments import as_operand, axis_of, extents, index_of, is_symbolic, shape_of, shaped

__all__ = [
    "broadcast_arrays", "broadcast_shapes", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis",
    "permute_dims", "ravel", "repeat", "reshape", "roll", "squeeze", "stack", "swapaxes", "tile", "transpose",
    "unstack",
]  # fmt: skip

WHOLE = (None, None, None)  # slice(None), frozen


def reshape(x: Any, /, shape: Any, copy: bool | None = None) -> Any:
    """x in another shape of the same size, in C order, one extent may be -1: a view where strides allow it.

    `copy=False` raises ValueError where they do not; `copy=True` always copies.
    """
    x = as_operand(x)
    result = x.reshape(shape) if is_symbolic(x) else shaped(movement.reshape, x, shape_of(shape))
    if copy is None or is_symbolic(result):
        return result
    if copy:
        return result.copy() if result.block is x.block else result
    if result.block is not x.block:
        raise ValueError(f"reshape(): shape {x.shape} with strides {x.strides} becomes {result.shape} only by a copy")
    return result


def broadcast_to(x: Any, /, shape: Any) -> Any:
    """A view of x stretched to `shape`, not to be written to."""
    return shaped(movement.broadcast_to, as_operand(x), shape_of(shape))


def broadcast_shapes(*shapes: Any) -> tuple[int | None, ...]:
    """The shape that these broadcast to."""
    return _broadcast_shapes([shape_of(s) for s in shapes], "broadcast_shapes")


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Views of the arrays stretched to their common shape."""
    xs = [as_operand(x) for x in arrays]
    if any(map(is_symbolic, xs)):
        whole = reduce(ops.equal, xs)  # has the shape of all of them, and is not computed for it
        return tuple(movement.broadcast_like(x, whole) for x in xs)
    shape = _broadcast_shapes([extents(x) for x in xs], "broadcast_arrays")
    return tuple(movement.broadcast_to(x, shape=shape) for x in xs)


def concat(arrays: Sequence[Any], /, axis: int | None = 0, out: Any = None) -> Any:
    """Arrays one after another along an existing axis (None: all of them flat), in their common dtype."""
    xs = _operands(arrays, "concat")
    if not xs:
        raise ValueError("concat() takes at least one array")
    if axis is None:
        xs, axis = [x.reshape(-1) for x in xs], 0
    if any(x.ndim == 0 for x in xs):
        raise ValueError("concat() takes arrays of at least one dimension; use stack() for scalars")
    params: dict[str, Any] = {"axis": axis_of(axis, xs[0], "concat")}
    return joining.concat(*xs, **params) if out is None else joining.concat(*xs, **params, out=out)


def _operands(arrays: Any, who: str) -> list[Any]:
    """The operands of a sequence."""
    if not isinstance(arrays, Iterable) or isinstance(arrays, str):
        raise TypeError(f"{who}() takes a sequence of arrays, {type(arrays).__name__} came")
    return [as_operand(x, who) for x in arrays]


def stack(arrays: Sequence[Any], /, axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    xs = _operands(arrays, "stack")
    if len({tuple(x.shape) for x in xs if not is_symbolic(x)}) > 1:
        raise ValueError(f"stack() takes arrays of one shape; {', '.join(str(tuple(x.shape)) for x in xs)} came")
    return concat([expand_dims(x, axis=axis) for x in xs], axis=axis)


def unstack(x: Any, /, axis: int = 0) -> tuple[Any, ...]:
    """The views that x consists of along an axis."""
    x = as_operand(x)
    axis = axis_of(axis, x, "unstack")
    count = extents(x)[axis]
    if is_symbolic(count):
        raise TypeError(f"unstack(): how many parts {x} has along axis {axis} is not known before a function runs")
    return tuple(movement.slice_(x, index=(WHOLE,) * axis + (k,)) for k in range(count))


def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """A view with new axes of one element at these positions of the result."""
    x = as_operand(x)
    given = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    new = normalize_axes(given, x.ndim + len(given), "expand_dims")
    return movement.slice_(x, index=tuple(None if a in new else WHOLE for a in range(x.ndim + len(new))))


def squeeze(x: Any, /, axis: Any = None) -> Any:
    """A view without axes of one element: those named, or all."""
    return as_operand(x).squeeze(axis)


def flip(x: Any, /, axis: Any = None) -> Any:
    """A view with the order along these axes (None: all) reversed."""
    x = as_operand(x)
    axes = normalize_axes(axis, x.ndim, "flip")
    return movement.slice_(x, index=tuple((None, None, -1) if a in axes else WHOLE for a in range(x.ndim)))


def permute_dims(x: Any, /, axes: Any) -> Any:
    """A view with the axes in another order: `axes[k]` becomes axis k."""
    return movement.permute_dims(as_operand(x), axes=shape_of(axes))


def transpose(x: Any, /, axes: Any = None) -> Any:
    """A view with the axes in another order, reversed where none is given."""
    x = as_operand(x)
    order = tuple(range(x.ndim))[::-1] if axes is None else tuple(axis_of(a, x, "transpose") for a in axes)
    return movement.permute_dims(x, axes=order)


def swapaxes(x: Any, /, axis1: int, axis2: int) -> Any:
    """A view with two axes exchanged."""
    x = as_operand(x)
    order = list(range(x.ndim))
    a, b = axis_of(axis1, x, "swapaxes"), axis_of(axis2, x, "swapaxes")
    order[a], order[b] = order[b], order[a]
    return movement.permute_dims(x, axes=tuple(order))


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """A view with axes moved to other positions; the others keep their order."""
    x = as_operand(x)
    pair = [[v] if not isinstance(v, Sequence) else list(v) for v in (source, destination)]
    sources, targets = ([axis_of(a, x, "moveaxis") for a in v] for v in pair)
    if len(sources) != len(targets) or len(set(sources)) != len(sources) or len(set(targets)) != len(targets):
        raise ValueError(f"moveaxis(): {source} and {destination} are not as many different axes")
    order = [a for a in range(x.ndim) if a not in sources]
    for target, a in sorted(zip(targets, sources)):
        order.insert(target, a)
    return movement.permute_dims(x, axes=tuple(order))


def ravel(x: Any, /) -> Any:
    """x in one dimension, in C order: a view where strides allow it."""
    return as_operand(x).reshape(-1)


def repeat(x: Any, repeats: Any, /, axis: int | None = None) -> Any:
    """Each element `repeats` times (a count, or one for each) along an axis; without one, of x made flat.

    Counts that are on the device are read, which waits.
    """
    x = as_operand(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis_of(axis, x, "repeat")
    if is_symbolic(repeats):
        raise TypeError(f"repeat(): counts decide a shape and are numbers, the variable {repeats} came")
    counts = repeats.numpy() if hasattr(repeats, "_bind_rank") else np.asarray(repeats)
    if counts.dtype.kind not in "biu" or (counts < 0).any():
        raise ValueError(f"repeat(): counts are integers that are not negative, {repeats!r} came")
    shape = extents(x)
    n = shape[axis]
    if counts.size > 1 and is_symbolic(n):
        raise TypeError(f"repeat(): a count for each of unknowingly many elements along axis {axis} of {x}; give one")
    if counts.ndim > 1 or (counts.size != 1 and counts.size != n):
        raise ValueError(f"repeat(): {counts.size} counts do not fit an axis of {n} elements")
    if counts.size == 1:
        count = int(counts.reshape(()))
        wide = movement.broadcast_to(expand_dims(x, axis + 1), shape=(*shape[: axis + 1], count, *shape[axis + 1 :]))
        return wide.reshape((*shape[:axis], n * count, *shape[axis + 1 :]))
    return take(x, np.repeat(np.arange(n), counts), axes=(axis,), position=axis)


def tile(x: Any, repetitions: Any, /) -> Any:
    """x laid out `repetitions` times along each axis."""
    x, times = as_operand(x), shape_of(repetitions)
    ndim = max(x.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - x.ndim) + extents(x)
    pairs = [k for t, n in zip(times, shape) for k in (t, n)]
    apart = movement.reshape(x, shape=tuple(k for n in shape for k in (1, n)))
    return movement.broadcast_to(apart, shape=tuple(pairs)).reshape(tuple(t * n for t, n in zip(times, shape)))


def roll(x: Any, /, shift: Any, axis: Any = None) -> Any:
    """x with its elements moved on by `shift` along each axis, those that fall off the end put in front."""
    x = as_operand(x)
    if axis is None:
        return roll(x.reshape(-1), shift, 0).reshape(extents(x))
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    shifts = tuple(
        index_of(s, "roll", "shift") for s in (shift if isinstance(shift, Sequence) else [shift] * len(axes))
    )
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"roll(): {len(shifts)} shifts came for {len(axes)} axes")
    result = x
    for s, given in zip(shifts, axes):
        a = normalize_axis(given, x.ndim, "roll")
        n = extents(x)[a]
        cut = ops.remainder(-s, n) if is_symbolic(n) else -s % n if n else 0
        if is_symbolic(n) or cut:
            halves = [(*(WHOLE,) * a, part) for part in ((cut, None, None), (None, cut, None))]
            result = joining.concat(*(movement.slice_(result, index=i) for i in halves), axis=a)
    return result.copy() if result is x and not is_symbolic(x) else result
