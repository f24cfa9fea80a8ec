"""Indexing functions: elements at positions along an axis. `clarray.array.indexing` says what bounds mean."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from clarray.array import eager
from clarray.array.gpuarray import GpuArray
from clarray.core import indexing, ops
from clarray.core.movement import astype

from .arguments import as_operand, axis_of, extents
from .creation import arange

__all__ = ["may_share_memory", "put", "put_along_axis", "take", "take_along_axis"]


def take(x: Any, indices: Any, /, axis: int | None = None) -> Any:
    """The elements of x at integer `indices` along an axis; without one, of x made flat."""
    x = as_operand(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis_of(axis, x, "take")
    return indexing.take(x, _checked(indices, extents(x)[axis], axis, "take"), axes=(axis,), position=axis)


def take_along_axis(x: Any, indices: Any, /, axis: int = -1) -> Any:
    """The elements of x at positions along one axis that differ from row to row: x[..., indices[..., k], ...]."""
    x = as_operand(x)
    axis = axis_of(axis, x, "take_along_axis")
    return indexing.take(x, *_along(x, indices, axis, "take_along_axis"), axes=tuple(range(x.ndim)), position=0)


def put(x: GpuArray, indices: Any, values: Any, /) -> None:
    """x.flat[indices] = values, in place; the values broadcast to the indices."""
    _check_target(x, "put")
    flat = _checked(indices, x.size, 0, "put")
    if x.ndim == 1 or x.layout.c_contiguous:
        x.reshape(-1)[flat] = values
    else:
        x[_unraveled(astype(as_operand(flat), dtype=np.dtype("int64")), x.shape)] = values


def put_along_axis(x: GpuArray, indices: Any, values: Any, /, axis: int = -1) -> None:
    """What `take_along_axis` reads is set to `values`, in place."""
    _check_target(x, "put_along_axis")
    axis = axis_of(axis, x, "put_along_axis")
    x[tuple(_along(x, indices, axis, "put_along_axis"))] = values


def may_share_memory(x1: Any, x2: Any, /) -> bool:
    """Whether two arrays may have bytes in common: their extents in memory overlap. What is no GpuArray shares none."""
    return isinstance(x1, GpuArray) and isinstance(x2, GpuArray) and eager.may_share_memory(x1, x2)


def _check_target(x: Any, who: str) -> None:
    if not isinstance(x, GpuArray):
        raise TypeError(f"{who}() changes its first operand in place: a GpuArray, {type(x).__name__} came")


def _unraveled(flat: GpuArray, shape: tuple[int, ...]) -> tuple[GpuArray, ...]:
    """Positions in an array made flat as one index for each axis, the first out of bounds where they are."""
    size = prod(shape)
    flat = ops.where(ops.less(flat, 0), ops.add(flat, size), flat)
    flat = ops.where(ops.less(flat, 0), size, flat)
    places = []
    for n in reversed(shape[1:]):
        places.append(ops.remainder(flat, n))
        flat = ops.floor_divide(flat, n)
    return (flat, *places[::-1])


def _checked(indices: Any, size: Any, axis: int, who: str) -> Any:
    """Indices that come from the host, within bounds; those on the device as they are."""
    host = indices if hasattr(indices, "_bind_rank") else np.asarray(indices)
    if host is not indices and host.size == 0 and host.dtype.kind == "f":
        host = host.astype(np.int64)
    dtype = np.dtype(host.dtype)
    if dtype.kind not in "iu":
        raise IndexError(f"{who}(): indices are integers, {dtype.name} came; cast with astype() first")
    if hasattr(indices, "_bind_rank"):
        return indices
    indexing.check_bounds(host, size if isinstance(size, int) else None, axis)
    return host.astype(np.int64)


def _along(x: Any, indices: Any, axis: int, who: str) -> list[Any]:
    """An index for every axis: positions themselves, but along `axis` the indices."""
    shape = extents(x)
    indices = as_operand(_checked(indices, shape[axis], axis, who))
    if indices.ndim != x.ndim:
        raise ValueError(f"{who}(): x has {x.ndim} dimensions and the indices {indices.ndim}; they take as many")
    return [
        indices
        if a == axis
        else arange(n, device=getattr(x, "device", None)).reshape(*(-1 if b == a else 1 for b in range(x.ndim)))
        for a, n in enumerate(shape)
    ]
