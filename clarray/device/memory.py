"""Device memory: blocks from a pool with a limit, and blocks that are a NumPy array's own memory."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
import pyopencl as cl
from pyopencl.tools import ImmediateAllocator, MemoryPool

from clarray.errors import DeviceError, OutOfDeviceMemory

from .stats import counters

if TYPE_CHECKING:
    from .context import Context

FULL = ("MEM_OBJECT_ALLOCATION_FAILURE", "OUT_OF_RESOURCES", "OUT_OF_HOST_MEMORY", "INVALID_BUFFER_SIZE")


class Block:
    """A piece of memory that arrays are views of; `event` is that of its last writer.

    Where the host looks into it (`shared`), OpenCL wants it mapped: waiting maps, `release` (before a
    launch) unmaps. On a CPU device the mapping stays, as it is the same memory.
    """

    __slots__ = ("__weakref__", "buffer", "context", "event", "host", "mapping", "nbytes", "shared")

    def __init__(
        self, context: Context, buffer: Any, nbytes: int, host: np.ndarray[Any, Any] | None = None, shared: bool = False
    ) -> None:
        self.context = context
        self.buffer = buffer
        self.nbytes = nbytes
        self.host = host  # the bytes, where they are a NumPy array's
        self.shared = shared
        self.event: Any = None
        self.mapping: np.ndarray[Any, Any] | None = None

    def wait(self) -> None:
        """Return when the last write into this block is done and, if shared, the host can see it."""
        event = self.event
        if event is not None:
            self.context.wait(event)
            if self.event is event:
                self.event = None
        if self.shared and self.mapping is None:
            self.map()

    def map(self) -> None:
        """Let the host see the memory."""
        if self.mapping is None and (self.context.maps or self.host is None):
            flags = cl.map_flags.READ | cl.map_flags.WRITE
            with self.context.lock:
                self.mapping, _ = cl.enqueue_map_buffer(
                    self.context.queue, self.buffer, flags, 0, (self.nbytes,), np.uint8, is_blocking=True
                )

    def release(self) -> None:
        """Give the memory back to the device, before kernels that use it."""
        if self.mapping is not None:
            self.mapping.base.release(self.context.queue)
            self.mapping = None

    @property
    def bytes(self) -> np.ndarray[Any, Any]:
        """The memory as the host sees it; the block must be shared and waited for."""
        whole = self.host if self.host is not None else self.mapping
        assert whole is not None
        return whole


class HostBlock(Block):
    """A block over a NumPy array's own memory, which is kept alive until the kernels that use it are done."""

    __slots__ = ()

    def __init__(self, context: Context, buffer: Any, host: np.ndarray[Any, Any], shared: bool) -> None:
        super().__init__(context, buffer, host.nbytes, host, shared)
        if shared:
            self.map()

    def __del__(self) -> None:
        if self.context.last_event is not None:
            self.context.pending.append((self.context.last_event, self.buffer, self.host))


@dataclass(frozen=True)
class MemoryStats:
    """Bytes: in use by arrays, held by the pool for reuse, borrowed from the host, and the limit (None: none)."""

    in_use: int
    held: int
    borrowed: int
    limit: int | None


class Memory:
    """Where a context's blocks come from."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.pool = MemoryPool(ImmediateAllocator(context.queue, cl.mem_flags.READ_WRITE))
        self.limit: int | None = None
        self.host_blocks: WeakSet[HostBlock] = WeakSet()

    def allocate(self, nbytes: int) -> Block:
        """A block of its own; OutOfDeviceMemory where the device is full even after freeing what is held."""
        if self.limit is not None and self.pool.managed_bytes + nbytes > self.limit:
            return self._retry(nbytes)
        try:
            return Block(self.context, self.pool.allocate(nbytes or 4), nbytes)
        except cl.Error as error:
            if not any(code in str(error) for code in FULL):
                raise DeviceError(f"{self.context.device}: allocating {nbytes:,} bytes failed: {error}") from error
        return self._retry(nbytes)

    def _retry(self, nbytes: int) -> Block:
        """After freeing garbage and everything the pool holds, try once more."""
        gc.collect()
        self.context.poll()
        self.pool.free_held()
        if self.limit is None or self.pool.active_bytes + nbytes <= self.limit:
            try:
                return Block(self.context, self.pool.allocate(nbytes or 4), nbytes)
            except cl.Error as error:
                if not any(code in str(error) for code in FULL):
                    raise DeviceError(f"{self.context.device}: allocating {nbytes:,} bytes failed: {error}") from error
        limit = self.limit if self.limit is not None else self.context.traits.global_memory
        raise OutOfDeviceMemory(nbytes, self.pool.active_bytes, limit, str(self.context.device))

    def adopt(self, array: np.ndarray[Any, Any], borrowed: bool) -> tuple[HostBlock, int]:
        """A block over a C-contiguous array's own memory, and the array's offset in it in bytes.

        Arrays that are views of one another share one block: what the device writes through one is
        seen through all.
        """
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        if not root.flags.c_contiguous or not root.flags.writeable:
            root = array
        start = array.__array_interface__["data"][0]
        if borrowed:
            for block in self.host_blocks:
                assert block.host is not None
                offset = start - block.host.__array_interface__["data"][0]
                if 0 <= offset and offset + array.nbytes <= block.nbytes:
                    return block, offset
        data = root.reshape(-1).view(np.uint8)
        buffer = cl.Buffer(self.context.cl, cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR, hostbuf=data)
        block = HostBlock(self.context, buffer, data, shared=borrowed)
        if borrowed:
            counters.bytes_shared += array.nbytes
            self.host_blocks.add(block)
        return block, start - data.__array_interface__["data"][0]

    def stats(self) -> MemoryStats:
        """What is in use, held and borrowed now."""
        active = self.pool.active_bytes
        borrowed = sum(block.nbytes for block in self.host_blocks)
        return MemoryStats(active, self.pool.managed_bytes - active, borrowed, self.limit)
