"""How much memory a device's arrays take, and the most they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .current import context_for

if TYPE_CHECKING:
    from .context import Context
    from .memory import MemoryStats
    from .select import Device


def memory_stats(device: Context | Device | str | None = None) -> MemoryStats:
    """Bytes in use, held for reuse and borrowed on a device (None: the default one), and its limit; does not wait."""
    return context_for(device).memory.stats()


def set_memory_limit(nbytes: int | None, device: Context | Device | str | None = None) -> None:
    """The most bytes that arrays on a device may take together; None is no limit.

    Arrays that are there stay, also where they take more; the next one raises OutOfDeviceMemory.
    """
    if nbytes is not None and nbytes.__index__() < 0:
        raise ValueError(f"set_memory_limit(): a limit is a number of bytes, {nbytes} came")
    context_for(device).memory.limit = None if nbytes is None else nbytes.__index__()
