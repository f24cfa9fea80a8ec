"""Parcels: arrays on their way from one device to another, for which the host does not wait.

Events do not cross contexts, so the bytes pass through the host's memory. The one device is asked to read into it at
once; the other gets a gate in its queue, a user event that is set when they have arrived. What was enqueued there
before the gate runs meanwhile.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pyopencl as cl

from clarray.core.layout import Layout
from clarray.device.context import Context
from clarray.device.memory import Block
from clarray.device.stats import counters

from . import transfer

COMPLETE = cl.command_execution_status.COMPLETE
GATES = 64  # closed at a time: pyopencl has a thread for the callback of each

_closed: list[Any] = []  # the events that open gates, without the memory that pyopencl's hold


class Parcel:
    """The bytes of an array in C order, which are read into the host's memory while this is held."""

    __slots__ = ("event", "host", "layout", "source")

    def __init__(self, layout: Layout, offset: int, block: Block) -> None:
        self.layout = layout
        self.host = np.empty(layout.nbytes, np.uint8)
        self.event: Any = None  # None: they are there
        self.source = context = block.context
        context.poll()
        if not layout.nbytes:
            return
        if context.recorder is not None or _is_done(context.last_event):  # nothing to wait for, or somebody takes times
            transfer.read(block, offset, self.host)
            return
        with context.lock:
            if context.maps and block.shared:
                block.release()
            self.event = cl.enqueue_copy(context.queue, self.host, block.buffer, src_offset=offset, is_blocking=False)
            context.queue.flush()  # another queue is going to wait for it
            context.pending.append((self.event, self.host))
            context.last_event = self.event
        counters.bytes_to_host += layout.nbytes

    def unpacked(self, target: Context) -> Block:
        """A block of another context, which is written before anything that is enqueued there from now on runs."""
        transfer.check_dtype(target, self.layout.dtype)
        if not self.host.nbytes:
            return target.memory.allocate(0)
        if target.recorder is not None:
            return target.recorder.transfer("to device", self.host.nbytes, self._unpacked, target)
        return self._unpacked(target)

    def _unpacked(self, target: Context) -> Block:
        host, event = self.host, self.event
        target.poll()
        arrived = _is_done(event)
        in_place = target.traits.unified and not target.maps
        block = target.memory.adopt(host) if in_place else target.memory.allocate(host.nbytes)
        if arrived and event is not None:
            self.source.wait(event)  # raises, if they never came
        if arrived and not in_place:
            transfer.write(block, 0, host)
            return block
        if not arrived:
            _make_room()
            _closed.append(cl.Event.from_int_ptr(event.int_ptr))
            with target.lock:
                gate = cl.UserEvent(target.cl)
                event.set_callback(COMPLETE, _opener(gate, self.source, target))
                if in_place:
                    written = cl.enqueue_barrier(target.queue, wait_for=[gate])
                else:
                    written = cl.enqueue_copy(target.queue, block.buffer, host, is_blocking=False, wait_for=[gate])
                target.pending.append((written, host))
                block.event = target.last_event = written
        counters.bytes_to_device += host.nbytes
        return block


def _is_done(event: Any) -> bool:
    return event is None or event.command_execution_status <= COMPLETE


def _make_room() -> None:
    """Forget gates that are open; where too many are closed, wait for the oldest."""
    if len(_closed) < GATES:
        return
    _closed[:] = [event for event in _closed if not _is_done(event)]
    if len(_closed) >= GATES:
        with suppress(cl.Error, IndexError):  # the opener notes a failure; another thread may have waited
            _closed.pop(0).wait()


def _opener(gate: Any, source: Context, target: Context) -> Any:
    """What opens a gate, also if the bytes will never come: PoCL ends the process where a user event fails."""

    def open_gate(status: int) -> None:
        if status < COMPLETE:
            target.lost = f"an array from {source.device!r} never arrived (status {status})"
        gate.set_status(COMPLETE)

    return open_gate
