"""Reading and writing arrays through integer arrays and masks.

Indices that come from the host (lists, ndarrays) are checked before they are uploaded: one out of
bounds is an IndexError. Index arrays that are on the device stay there and nothing waits: a read with
one out of bounds takes the nearest element, a write with one leaves it out. A mask is turned into
positions, whose number the host has to know: reading through a mask on the device waits, and so does
writing an array through it that has one element for each true one. Writing a scalar, or an array that
broadcasts along the true elements, does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from clarray.core import indexing, movement, ops
from clarray.core.aval import broadcast_shapes, broadcasts_to
from clarray.core.cumulative import cumulative_sum
from clarray.core.expr import Builder
from clarray.core.indexing import Part
from clarray.core.movement import astype

from . import eager
from .convert import to_array
from .gpuarray import GpuArray


def get(x: GpuArray, index: Any) -> GpuArray:
    """x[index] for an index that holds arrays: a new array; one that holds variables makes a variable."""
    for part in _flat(index):
        if getattr(part, "_bind_rank", 0) > 1:
            return part._item(x, index)
    if movement.is_basic(index):
        movement.freeze(index)  # which has raised before, and raises again
    found = indexing.arrange(_positions(x, indexing.expand(index, x.ndim)))
    view = x[found.basic]
    if not found.arrays:
        return view.copy()
    return indexing.take(view, *found.arrays, axes=found.axes, position=found.position)


def _flat(index: Any) -> list[Any]:
    """The parts of an index, with the ends of slices."""
    parts = index if isinstance(index, tuple) else (index,)
    return [v for p in parts for v in ((p.start, p.stop, p.step) if isinstance(p, slice) else (p,))]


def put(x: GpuArray, index: Any, value: Any) -> None:
    """x[index] = value for an index that holds arrays. Where an element is indexed twice, one of its values stays."""
    parts = indexing.expand(index, x.ndim)
    masks = [k for k, p in enumerate(parts) if p.kind == "mask"]
    value = _prepared(x, value)
    if len(masks) == 1 and all(p == Part("slice", slice(None), 1) for k, p in enumerate(parts) if k not in masks):
        before, mask = masks[0], parts[masks[0]]
        after = x.ndim - before - mask.axes
        if mask.axes and _is_free(value, after, before):
            return _put_masked(x, mask.value, value, before, after)
    found = indexing.arrange(_positions(x, parts))
    if not found.arrays:
        return eager.assign(x[found.basic], value)
    _scatter(x[found.basic], value, found)
    return None


def add_at(x: GpuArray, index: Any, value: Any) -> None:
    """x[index] += value, as often as each element is indexed, as `numpy.add.at` does; the index is any."""
    found = indexing.arrange(_positions(x, indexing.expand(index, x.ndim)))
    target, value = x[found.basic], _prepared(x, value)
    if not found.arrays:
        ops.add(target, value, out=target)
    else:
        _scatter(target, value, found, indexing.put_add, {"ordered": indexing.ordered()})


def _is_free(value: GpuArray, after: int, before: int) -> bool:
    """Whether a value broadcasts along the true elements of a mask, so that their number does not matter."""
    return before == 0 and (value.ndim <= after or (value.ndim == after + 1 and value.shape[0] == 1))


def _put_masked(x: GpuArray, mask: Any, value: GpuArray, before: int, after: int) -> None:
    """x[mask] = value in one kernel, x itself where the mask is false."""
    shape = x.shape[before : x.ndim - after]
    if tuple(mask.shape) != shape:
        raise _mismatch(mask, shape)
    mask = to_array(mask, None, x.context)
    if value.ndim > after:
        value = value[0]
    if broadcast_shapes([value.shape, x.shape[x.ndim - after :]], "put") != x.shape[x.ndim - after :]:
        rest = x.shape[x.ndim - after :]
        raise ValueError(f"shape mismatch: a value of shape {value.shape} cannot be assigned to the elements' {rest}")
    eager.evaluate_into(ops.where, (mask.reshape(*mask.shape, *[1] * after), value, x), {}, x)


def _scatter(
    target: GpuArray, value: GpuArray, found: indexing.Arranged, op: indexing.Put = indexing.put,
    further: Mapping[str, Any] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Enqueue the writes, into the memory of `target` itself; `further` are params of `op` beside the places."""
    shape, _ = indexing.indexed_shape(target.shape, [i.shape for i in found.arrays], found.axes, found.position)
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value[0]
    if not broadcasts_to(value.shape, shape):
        raise ValueError(f"shape mismatch: a value of shape {value.shape} cannot be assigned to the indexed {shape}")
    if not target.layout.writable:
        raise ValueError(f"the destination of shape {target.shape} is a broadcast view and cannot be written to")
    indices = [i.copy() if eager.may_share_memory(i, target) else i for i in found.arrays]
    arrays = [value.copy() if eager.may_share_memory(value, target) else value, *indices]
    eager.check_contexts(op.name, [target, *arrays])
    params = {"axes": found.axes, "position": found.position, **further}
    key = (op, "in place", target.layout, *(a.layout for a in arrays), *params.values())
    context = target.context
    bound = context.plans.get(key)
    if bound is None:
        layouts = [target.layout, *(a.layout for a in arrays)]
        bound = eager.bound_plan(context, op, layouts, params, target.layout, True)
        context.remember(key, bound)
    if bound.launchers:
        operands = [target, target, *arrays]
        bound.run([a.block for a in operands], [a.start for a in operands])


def _prepared(x: GpuArray, value: Any) -> GpuArray:
    """A value in the dtype of x, on its device, as assignment converts it."""
    if isinstance(value, GpuArray):
        eager.check_contexts("put", [x, value])
        return value if value.dtype == x.dtype else astype(value, dtype=x.dtype)
    if np.ndim(value) == 0:
        holder = eager.filled(x.context, (), 0, x.dtype)
        eager.assign(holder, value)
        return holder
    return to_array(np.asarray(value).astype(x.dtype, copy=False), None, x.context)


def _positions(x: GpuArray, parts: list[Part]) -> list[Part]:
    """The parts with integer arrays on the device in place of host arrays and masks."""
    result: list[Part] = []
    axis = 0
    for part in parts:
        if part.kind == "mask":
            result += _of_mask(x, part, axis)
        elif part.kind == "array":
            result.append(Part("array", _on_device(x, part.value, axis), 1))
        else:
            result.append(part)
        axis += part.axes
    return result


def _on_device(x: GpuArray, index: Any, axis: int) -> GpuArray:
    if isinstance(index, GpuArray):
        eager.check_contexts("index", [x, index])
        return index
    host = np.asarray(index)
    indexing.check_bounds(host, x.shape[axis], axis)
    return to_array(host.astype(np.int64), None, x.context)


def _of_mask(x: GpuArray, part: Part, axis: int) -> list[Part]:
    """A mask of n dimensions as n arrays of positions; one of none as a new axis, with one element or none."""
    mask = part.value
    if part.axes == 0:
        return [Part("new array", eager.filled(x.context, (int(bool(mask)),), 0, np.int64), 0)]
    shape = x.shape[axis : axis + part.axes]
    if tuple(mask.shape) != shape:
        raise _mismatch(mask, shape, axis)
    if isinstance(mask, GpuArray):
        eager.check_contexts("index", [x, mask])
        return [Part("array", i, 1) for i in nonzero(mask)]
    return [Part("array", to_array(i, None, x.context), 1) for i in np.nonzero(mask)]


def _mismatch(mask: Any, shape: tuple[int, ...], axis: int = 0) -> IndexError:
    return IndexError(
        f"boolean index did not match indexed array along axis {axis}: the mask has shape {tuple(mask.shape)}, "
        f"the array {shape}"
    )


def nonzero(x: GpuArray) -> tuple[GpuArray, ...]:
    """For each axis the int64 positions of the elements that are not zero, in C order; waits for their number."""
    if x.ndim == 0:
        raise ValueError("nonzero() takes at least one dimension; use reshape(1)")
    flat = flat_nonzero(x)
    if x.ndim == 1:
        return (flat,)
    steps = [prod(x.shape[k + 1 :]) for k in range(x.ndim)]
    return tuple(
        ops.remainder(ops.floor_divide(flat, s), n) if k else ops.floor_divide(flat, s)
        for k, (n, s) in enumerate(zip(x.shape, steps, strict=True))
    )


def flat_nonzero(x: GpuArray) -> GpuArray:
    """The int64 positions of the elements that are not zero, as if x were flat; waits for their number."""
    context = x.context
    flat = x.reshape(-1)
    if flat.size == 0:
        return eager.filled(context, (0,), 0, np.int64)
    chosen = flat if flat.dtype == np.dtype("bool") else ops.not_equal(flat, 0)
    narrow = np.dtype("int32" if flat.size < 2**31 else "int64")
    found = cumulative_sum(chosen, axis=0, dtype=narrow)
    count = found[-1].item()
    if count == 0:
        return eager.filled(context, (0,), 0, np.int64)
    result = eager.filled(context, (count,), 0, np.int64)
    builder = Builder()
    numbers = eager.compute(context, builder.build([builder.index(0)]), (flat.size,))
    # an element that is zero has no place: its index is out of bounds, so that put leaves it out
    places = ops.where(chosen, ops.subtract(found, 1), narrow.type(count))
    _scatter(result, numbers, indexing.Arranged((), (places,), (0,), 0))
    return result


GpuArray._get = staticmethod(get)
GpuArray._put = staticmethod(put)
