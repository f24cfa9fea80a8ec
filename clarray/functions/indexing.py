"""Indexing functions: elements at positions along an axis. `clarray.array.indexing` says what bounds mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.array import eager
from clarray.array.gpuarray import GpuArray
from clarray.core import indexing, ops

from .arguments import as_operand, axis_of, extents, known_extents
from .creation import arange

__all__ = ["may_share_memory", "put", "put_along_axis", "take", "take_along_axis"]


def take(x: Any, indices: Any, /, axis: int | None = None) -> Any:
    """The elements of x at integer `indices` along an axis; without one, of x made flat."""
    x = as_operand(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis_of(axis, x, "take")
    return indexing.take(x, _checked(indices, extents(x)[axis], axis), axes=(axis,), position=axis)


def take_along_axis(x: Any, indices: Any, /, axis: int = -1) -> Any:
    """The elements of x at positions along one axis that differ from row to row: x[..., indices[..., k], ...]."""
    x = as_operand(x)
    axis = axis_of(axis, x, "take_along_axis")
    return indexing.take(x, *_along(x, indices, axis, "take_along_axis"), axes=tuple(range(x.ndim)), position=0)


def put(x: GpuArray, indices: Any, values: Any, /) -> None:
    """x.flat[indices] = values, in place; the values broadcast to the indices."""
    flat = _checked(indices, x.size, 0)
    if x.ndim != 1:
        flat = as_operand(flat)
        flat = ops.where(ops.less(flat, 0), ops.add(flat, x.size), flat)
        places = []
        for n in reversed(x.shape):
            places.append(ops.remainder(flat, n))
            flat = ops.floor_divide(flat, n)
        x[tuple(places[::-1])] = values
    else:
        x[flat] = values


def put_along_axis(x: GpuArray, indices: Any, values: Any, /, axis: int = -1) -> None:
    """What `take_along_axis` reads is set to `values`, in place."""
    axis = axis_of(axis, x, "put_along_axis")
    x[tuple(_along(x, indices, axis, "put_along_axis"))] = values


def may_share_memory(x1: Any, x2: Any, /) -> bool:
    """Whether two arrays may have bytes in common: their extents in memory overlap. What is no GpuArray shares none."""
    return isinstance(x1, GpuArray) and isinstance(x2, GpuArray) and eager.may_share_memory(x1, x2)


def _checked(indices: Any, size: Any, axis: int) -> Any:
    """Indices that come from the host, within bounds; those on the device as they are."""
    if hasattr(indices, "_bind_rank"):
        return indices
    host = np.asarray(indices)
    if host.size == 0 and host.dtype.kind == "f":
        host = host.astype(np.int64)
    if host.dtype.kind not in "iu":
        raise IndexError(f"indices are integers, {host.dtype.name} came")
    indexing.check_bounds(host, size if isinstance(size, int) else None, axis)
    return host.astype(np.int64)


def _along(x: Any, indices: Any, axis: int, who: str) -> list[Any]:
    """An index for every axis: positions themselves, but along `axis` the indices."""
    shape = known_extents(x, who)
    indices = as_operand(_checked(indices, shape[axis], axis))
    if indices.ndim != x.ndim:
        raise ValueError(f"{who}(): x has {x.ndim} dimensions and the indices {indices.ndim}; they take as many")
    return [
        indices
        if a == axis
        else arange(n, device=getattr(x, "device", None)).reshape(*(-1 if b == a else 1 for b in range(x.ndim)))
        for a, n in enumerate(shape)
    ]
