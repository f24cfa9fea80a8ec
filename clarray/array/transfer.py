"""Bytes between the host and a device.

On a unified device an upload is an adoption: the kernels work in the NumPy array's own memory, or in
that of a host copy nobody else knows. Elsewhere the host copy is staged and enqueued, so that the
caller may change its array at once and nothing waits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl

from clarray.core import dtypes
from clarray.core.layout import Layout
from clarray.device.context import Context
from clarray.device.memory import WINDOW, Block
from clarray.device.stats import counters

HostArray = np.ndarray[Any, Any]


def check_dtype(context: Context, dtype: Any) -> None:
    """TypeError for a dtype that clarray has not, or that needs fp64 where the device has none."""
    row = dtypes.row(dtype)
    if row.is_double and not context.traits.fp64:
        raise TypeError(
            f"{context.device} ({context.device.hardware}) has no fp64 and cannot hold {row.name}; "
            f"use {dtypes.without_fp64(row.numpy).name}"
        )


def upload(context: Context, array: HostArray, borrow: bool = False) -> tuple[Layout, int, Block]:
    """Layout, offset in bytes and block of a host array on the device.

    `borrow` shares memory on a unified device where the array is C-contiguous, aligned and writable;
    on others it saves the staging copy. Does not wait.
    """
    if context.recorder is not None:
        return context.recorder.transfer("to device", array.nbytes, _upload, context, array, borrow)
    return _upload(context, array, borrow)


def _upload(context: Context, array: HostArray, borrow: bool) -> tuple[Layout, int, Block]:
    check_dtype(context, array.dtype)
    array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if array.size == 0:
        return Layout.of(array.dtype, array.shape), 0, context.memory.allocate(0)
    sharable = array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
    if context.traits.unified:
        shared = context.memory.borrow(array) if borrow and sharable else None
        if shared is not None:
            block, offset = shared
            return Layout.of(array.dtype, array.shape), offset, block
        counters.bytes_to_device += array.nbytes
        return Layout.of(array.dtype, array.shape), 0, context.memory.adopt(_own_copy(array))
    source = array if borrow and array.flags.c_contiguous else _own_copy(array)
    layout = Layout.of(array.dtype, array.shape)
    staged = context.memory.allocate(layout.nbytes)
    write(staged, 0, source)
    return layout, 0, staged


def _own_copy(array: HostArray) -> HostArray:
    """A C-ordered copy that nobody else has."""
    return np.array(array, order="C", copy=True)


def write(block: Block, offset: int, source: HostArray) -> None:
    """Enqueue a copy of a C-contiguous host array, which nobody may change, into a block."""
    context = block.context
    with context.lock:
        data = source.reshape(-1).view(np.uint8)
        event = cl.enqueue_copy(context.queue, block.buffer, data, dst_offset=offset, is_blocking=False)
        context.pending.append((event, source))
        block.event = context.last_event = event
    counters.bytes_to_device += source.nbytes
    if len(context.pending) > 64:
        context.poll()


def read(block: Block, offset: int, dest: HostArray) -> None:
    """Copy bytes of a block into a C-contiguous host array; waits."""
    context = block.context
    if dest.nbytes and context.recorder is not None:
        context.recorder.transfer("to host", dest.nbytes, _read, block, offset, dest)
    elif dest.nbytes:
        _read(block, offset, dest)


def _read(block: Block, offset: int, dest: HostArray) -> None:
    context = block.context
    target = dest.reshape(-1).view(np.uint8)
    if block.host is not None and not context.maps:
        block.wait()
        target[:] = block.host[offset : offset + dest.nbytes]
    elif block.nbytes <= WINDOW and context.traits.unified and not context.maps:
        window = context.memory.window(block)
        context.synchronize()
        target[:] = window[offset : offset + dest.nbytes]
    else:
        if context.maps and block.shared:
            block.release()
        with context.lock:
            cl.enqueue_copy(context.queue, target, block.buffer, src_offset=offset, is_blocking=True)
        context.check()
    counters.bytes_to_host += dest.nbytes


class _Pin:
    """What an ndarray over device memory has as its base: it keeps the block from being reused."""

    def __init__(self, block: Block, layout: Layout, offset: int) -> None:
        self.block = block
        start, _ = block.bytes.__array_interface__["data"]
        self.__array_interface__ = {
            "data": (start + offset, False),
            "shape": layout.shape,
            "strides": layout.strides,
            "typestr": layout.dtype.str,
            "version": 3,
        }


def share(block: Block, layout: Layout, offset: int) -> HostArray:
    """An ndarray over the memory of a unified device, after a sync; later syncs show later writes in it."""
    block.shared = True
    block.wait()
    counters.bytes_shared += layout.nbytes
    return np.asarray(_Pin(block, layout, offset))
