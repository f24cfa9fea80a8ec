"""Large pages for the memory of a CPU's driver, which Linux gives to those who ask for them.

With pages of 4 KiB every kernel that streams waits for their addresses to be looked up; NumPy asks for large ones too.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from typing import Any

import numpy as np
import pyopencl as cl

LEAST = 4 << 20  # bytes of a buffer for which to ask


def ask(queue: Any, buffer: Any) -> None:
    """Ask for large pages under a new buffer of a device whose memory is the host's. Does not wait.

    The buffer is mapped for its address alone, which is known before the mapping is done.
    """
    madvise = _madvise()
    if madvise is None:
        return
    flags, byte = cl.map_flags.WRITE_INVALIDATE_REGION, np.dtype(np.uint8)
    mapped: Any
    mapped, _ = cl.enqueue_map_buffer(queue, buffer, flags, 0, (buffer.size,), byte, is_blocking=False)
    start = mapped.__array_interface__["data"][0]
    first, last = -(-start // mmap.PAGESIZE), (start + mapped.nbytes) // mmap.PAGESIZE
    mapped.base.release(queue)
    madvise(first * mmap.PAGESIZE, (last - first) * mmap.PAGESIZE, mmap.MADV_HUGEPAGE)  # refused, nothing is lost


@cache
def _madvise() -> Any:
    """The C library's function, None where there is none."""
    if sys.platform != "linux" or not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    try:
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return None
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return madvise
