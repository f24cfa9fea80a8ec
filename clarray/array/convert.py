"""Anything to a GpuArray: nested lists, scalars, ndarrays, arrays of other libraries."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core import dtypes
from clarray.core.movement import astype
from clarray.device.context import Context
from clarray.device.current import context_for

from . import transfer
from .gpuarray import GpuArray


def to_array(
    obj: Any, dtype: Any = None, context: Context | None = None, copy: bool | None = None, borrow: bool = False,
    who: str = "asarray",
) -> GpuArray:  # fmt: skip
    """`obj` as an array of `context` (None: where it is, else the default one); errors say `who` wants it.

    `copy` as in the Array API: True always copies, False raises ValueError where a copy is needed, None
    copies where needed. Floats that are float64 only by default become float32 on a device without fp64.
    """
    wanted = None if dtype is None else np.dtype(dtype)
    if isinstance(obj, GpuArray):
        return _from_array(obj, wanted, context, copy)
    context = context or context_for()
    host = _host(obj, who)
    explicit = isinstance(obj, np.ndarray | np.generic) or hasattr(obj, "dtype")
    if wanted is None and not explicit and not context.traits.fp64:
        wanted = dtypes.without_fp64(host.dtype)
    if wanted is not None:
        transfer.check_dtype(context, wanted)
    converted = host if wanted is None or wanted == host.dtype else host.astype(wanted)
    if copy is False and not (borrow and converted is obj):
        raise ValueError(
            f"asarray(): a {type(obj).__name__} becomes a device array only by a copy, and copy=False came"
        )
    share = borrow and not copy and converted is host and isinstance(obj, np.ndarray)
    layout, offset, block = transfer.upload(context, converted, borrow=share)
    return GpuArray(layout, offset, block)


def _from_array(x: GpuArray, dtype: Any, context: Context | None, copy: bool | None) -> GpuArray:
    moved = x if context is None else x.transfer(context)
    changes = dtype is not None and dtype != x.dtype
    if copy is False and (moved is not x or changes):
        raise ValueError(
            f"asarray(): {x.dtype.name} on {x.device} needs a copy to become what was asked, and copy=False came"
        )
    if changes:
        return moved.astype(dtype)
    return astype(moved, dtype=x.dtype) if copy and moved is x else moved


def _host(obj: Any, who: str) -> np.ndarray[Any, Any]:
    """`obj` as an ndarray of one of clarray's dtypes; device arrays inside lists are read, which waits."""
    if isinstance(obj, list | tuple):
        obj = _read_nested(obj)
    try:
        host = np.asarray(obj)
    except OverflowError:
        raise OverflowError(f"{who}(): {obj!r} does not fit int64 or uint64") from None
    if host.dtype.kind == "O" and host.size and all(isinstance(v, int) for v in host.flat):
        raise OverflowError(f"{who}(): {obj!r} does not fit int64 or uint64")
    if host.dtype.kind == "O" and any(getattr(v, "_bind_rank", 0) > 1 for v in host.flat):
        raise TypeError(
            f"{who}(): {obj} is, or holds, a variable of a graph, which has no elements yet and cannot be put into "
            f"an array; make a new variable with set_subtensor of clarray.tensor, where() or stack()"
        )
    try:
        dtypes.row(host.dtype.newbyteorder("="))
    except TypeError as error:
        raise TypeError(f"{who}(): {type(obj).__name__} {obj!r} does not become an array: {error}") from None
    return host if host.dtype.isnative else host.astype(host.dtype.newbyteorder("="))


def _read_nested(obj: Any) -> Any:
    stack_has_arrays = any(isinstance(x, GpuArray | list | tuple) for x in obj)
    if not stack_has_arrays:
        return obj
    return [
        x.numpy() if isinstance(x, GpuArray) else _read_nested(x) if isinstance(x, list | tuple) else x for x in obj
    ]
