"""Device memory: blocks from a pool with a limit, and blocks that are a NumPy array's own memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
import pyopencl as cl
from pyopencl.tools import ImmediateAllocator, MemoryPool

from clarray.errors import DeviceError, OutOfDeviceMemory

from . import pages
from .stats import counters

if TYPE_CHECKING:
    from .context import Context

WINDOWS, WINDOW = 256, 1 << 14  # pieces of the pool that stay mapped, and the most bytes of one
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
        self.mapping: Any = None  # an ndarray over the mapped bytes

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
            flags: Any = cl.map_flags.READ | cl.map_flags.WRITE
            byte: Any = np.dtype(np.uint8)
            with self.context.lock:
                self.mapping, _ = cl.enqueue_map_buffer(
                    self.context.queue, self.buffer, flags, 0, (self.nbytes,), byte, is_blocking=True
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
    """A block over a NumPy array's own memory, which is kept alive until the kernels that use it are done.

    Whether it was borrowed is not what `shared` says: an adopted block is shared once the host looks into it.
    """

    __slots__ = ("borrowed",)

    def __init__(self, context: Context, buffer: Any, host: np.ndarray[Any, Any], shared: bool) -> None:
        super().__init__(context, buffer, host.nbytes, host, shared)
        self.borrowed = shared
        if shared:
            self.map()

    def __del__(self) -> None:
        context = self.context
        if not self.borrowed:
            context.memory.adopted -= self.nbytes
        if context.last_event is not None:
            context.pending.append((context.last_event, self.buffer, self.host))


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
        self.adopted = 0  # bytes of host copies that kernels work in, which are device memory too
        self.host_blocks: WeakSet[HostBlock] = WeakSet()
        self._windows: dict[int, tuple[Any, np.ndarray[Any, Any]]] = {}

    @property
    def in_use(self) -> int:
        """Bytes that arrays take, those borrowed from the host not counted."""
        return int(self.pool.active_bytes) + self.adopted

    def allocate(self, nbytes: int) -> Block:
        """A block of its own; OutOfDeviceMemory where the device is full even after freeing what is held."""
        if self.limit is None:
            try:
                return self._take(nbytes)
            except cl.Error as error:
                self._check_full(error, nbytes)
        elif self.pool.managed_bytes + self.adopted + nbytes <= self.limit:
            return self._within(nbytes, lambda: self._take(nbytes))
        self._make_room()
        return self._within(nbytes, lambda: self._take(nbytes))

    def adopt(self, array: np.ndarray[Any, Any]) -> HostBlock:
        """A block over the memory of a C-contiguous array that nobody else has."""
        self.context.poll()
        data = array.reshape(-1).view(np.uint8)
        if self.limit is not None and self.in_use + data.nbytes > self.limit:
            self._make_room()
        block = self._within(data.nbytes, lambda: HostBlock(self.context, self._over(data), data, shared=False))
        self.adopted += data.nbytes
        return block

    def borrow(self, array: np.ndarray[Any, Any]) -> tuple[HostBlock, int] | None:
        """A block over a C-contiguous array's own memory, and the array's offset in it in bytes.

        Arrays that are views of one another share one block: what the device writes through one is seen
        through all. None where the memory cannot be shared: it overlaps a block that does not hold all of
        it, or begins between two elements of the block.
        """
        start, end = _address(array), _address(array) + array.nbytes
        for block in self.host_blocks:
            assert block.host is not None
            base = _address(block.host)
            if start < base + block.nbytes and base < end:
                whole = base <= start and end <= base + block.nbytes and (start - base) % array.itemsize == 0
                return (block, start - base) if whole else None
        root = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        if not (root.flags.c_contiguous and root.flags.writeable) or (start - _address(root)) % array.itemsize:
            root = array
        data = root.reshape(-1).view(np.uint8)
        block = self._within(0, lambda: HostBlock(self.context, self._over(data), data, shared=True))
        self.host_blocks.add(block)
        counters.bytes_shared += array.nbytes
        return block, start - _address(data)

    def window(self, block: Block) -> np.ndarray[Any, Any]:
        """The bytes of a small block of the pool, on a device whose memory need not be mapped again (a CPU).

        Mapping is a command that wakes a thread, so that a piece of the pool stays mapped, and alive, for the arrays
        that get it later. Does not wait for kernels.
        """
        handle = block.buffer.int_ptr
        found = self._windows.get(handle)
        if found is None:
            if len(self._windows) >= WINDOWS:
                self._windows.clear()
            memory: Any = cl.MemoryObject.from_int_ptr(handle, True)
            flags, byte = cl.map_flags.READ, np.dtype(np.uint8)
            with self.context.lock:
                whole, _ = cl.enqueue_map_buffer(
                    self.context.queue, memory, flags, 0, (block.buffer.size,), byte, is_blocking=True
                )
            found = self._windows[handle] = memory, whole
        return found[1]

    def close_windows(self) -> None:
        """Let go of what `window` keeps."""
        self._windows.clear()

    def reserve(self, nbytes: int) -> None:
        """Take so many bytes at once and hold them for reuse."""
        piece = self.context.traits.max_alloc
        taken = [self.allocate(min(piece, nbytes - done)) for done in range(0, nbytes, piece)]
        del taken

    def stats(self) -> MemoryStats:
        """What is in use, held and borrowed now."""
        held = self.pool.managed_bytes - self.pool.active_bytes
        borrowed = sum(block.nbytes for block in self.host_blocks)
        return MemoryStats(self.in_use, held, borrowed, self.limit)

    def _take(self, nbytes: int) -> Block:
        """A block of the pool; memory that is new to it, on a CPU, in large pages."""
        pool, context = self.pool, self.context
        if nbytes < pages.LEAST or context.traits.kind != "cpu" or not context.traits.unified:
            return Block(context, pool.allocate(nbytes or 4), nbytes)
        before = pool.managed_bytes
        block = Block(context, pool.allocate(nbytes), nbytes)
        if pool.managed_bytes > before:
            with context.lock:
                pages.ask(context.queue, block.buffer)
        return block

    def _over(self, data: np.ndarray[Any, Any]) -> Any:
        return cl.Buffer(self.context.cl, cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR, hostbuf=data)

    def _make_room(self) -> None:
        """Free garbage and everything the pool holds."""
        gc.collect()
        self.context.poll()
        self.close_windows()
        self.pool.free_held()

    def _within(self, nbytes: int, make: Callable[[], Any]) -> Any:
        """What `make` allocates, or OutOfDeviceMemory where it passes the limit or the device."""
        limit = self.limit
        if limit is None or self.in_use + nbytes <= limit:
            try:
                return make()
            except cl.Error as error:
                self._check_full(error, nbytes)
                limit = self.context.traits.global_memory if limit is None else limit
        raise OutOfDeviceMemory(nbytes, self.in_use, limit, str(self.context.device))

    def _check_full(self, error: Exception, nbytes: int) -> None:
        """Raise DeviceError unless the driver says that memory is short."""
        if not any(code in str(error) for code in FULL):
            raise DeviceError(f"{self.context.device}: allocating {nbytes:,} bytes failed: {error}") from error


def _address(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])
