"""The one launch path: a Plan bound to a context's kernels, run again and again.

Arguments that do not change stay set on the kernel object; a warm launch sets the buffers and
enqueues. pyopencl's private `_set_arg_multi` and `_set_arg_buf` set them fastest, where they exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyopencl as cl

from clarray.codegen.plan import Buffer, Launch, Local, Offset, Plan, Scalar, Table, Value
from clarray.errors import DeviceError

from .memory import Block
from .stats import counters, misses
from .tables import table_block

if TYPE_CHECKING:
    from .context import Context

INT64 = np.int64
NO_OFFSETS = (0, 0, 0)


def _half(value: Any) -> Any:
    """A half as kernels compute with it: rounded, in a float."""
    return np.float32(np.float16(value))


class Launcher:
    """A kernel with its constant arguments set."""

    __slots__ = ("_enqueue", "_interleave", "_offsets", "_positions", "_scalars", "_set", "_set_offsets", "_set_value",
                 "_tables", "context", "name", "operands")  # fmt: skip

    def __init__(self, context: Context, launch: Launch) -> None:
        self.context = context
        self.name = launch.spec.template
        kernel = context.programs.kernel(launch.spec, launch.kernel)
        misses.cache_hits += 1
        self._offsets: list[tuple[int, int, int]] = []  # argument, operand, elements further
        self._scalars: list[tuple[int, int, Any]] = []  # argument, number, conversion
        buffers: list[tuple[int, int]] = []
        self._tables: list[Block] = []
        for position, argument in enumerate(launch.arguments):
            match argument:
                case Buffer(operand):
                    buffers.append((position, operand))
                case Offset(operand, further):
                    self._offsets.append((position, operand, further))
                    kernel.set_arg(position, INT64(further))
                case Scalar(number, dtype):
                    self._scalars.append((position, number, _half if dtype == np.float16 else dtype.type))
                case Value(value, name):
                    kernel.set_arg(position, np.dtype(name).type(value))
                case Local(nbytes):
                    kernel.set_arg(position, cl.LocalMemory(nbytes))
                case Table():
                    self._tables.append(table_block(context, argument))
                    kernel.set_arg(position, self._tables[-1].buffer)
        self.operands = tuple(operand for _, operand in buffers)
        self._positions = tuple(position for position, _ in buffers)
        self._interleave: Any = None  # picks (position, buffer, position, buffer, ...)
        self._set = getattr(kernel, "_set_arg_multi", None) or partial(_set_each, kernel)
        self._set_value = getattr(kernel, "_set_arg_buf", kernel.set_arg)  # 0.1 µs against 9
        self._set_offsets: Sequence[int] = ()
        self._enqueue = partial(
            cl.enqueue_nd_range_kernel, context.plain_queue, kernel, launch.global_size, launch.local_size
        )

    def launch(self, buffers: tuple[Any, ...], offsets: tuple[int, ...], scalars: Sequence[Any]) -> Any:
        """Enqueue; `buffers` and `offsets` (elements) are those of the plan's operands. Returns the event.

        The caller holds the context's lock.
        """
        if self._interleave is None:
            n = len(buffers)
            self._interleave = itemgetter(*(i for k, x in enumerate(self.operands) for i in (n + k, x)))
        self._set(self._interleave(buffers + self._positions))
        if offsets != self._set_offsets:
            self.set_offsets(offsets)
        if self._scalars:
            self.set_scalars(scalars)
        context = self.context
        recorder = context.recorder
        event = context.last_event = self._enqueue() if recorder is None else recorder.enqueue(self._enqueue, self.name)
        counters.launches += 1
        return event

    def set_offsets(self, offsets: tuple[int, ...]) -> None:
        """Set where operands begin, in elements."""
        for position, operand, further in self._offsets:
            self._set_value(position, INT64(offsets[operand] + further))
        self._set_offsets = offsets

    def set_scalars(self, scalars: Sequence[Any]) -> None:
        """Set the scalars of this call; OverflowError for a Python integer that its dtype cannot hold."""
        for position, number, convert in self._scalars:
            self._set_value(position, convert(scalars[number]))


def _set_each(kernel: Any, arguments: Sequence[Any]) -> None:
    """Set arguments one by one, where pyopencl has no call for several."""
    for position, buffer in zip(arguments[::2], arguments[1::2], strict=True):
        kernel.set_arg(position, buffer)


class BoundPlan:
    """A Plan whose kernels are built; operands are named again at every run."""

    __slots__ = ("context", "launchers", "nbytes", "outputs", "scratch", "single")

    def __init__(self, context: Context, plan: Plan) -> None:
        self.context = context
        self.outputs = plan.outputs
        self.launchers = [Launcher(context, launch) for launch in plan.launches]
        self.scratch = plan.scratch
        single = len(self.launchers) == 1 and len(self.outputs) == 1 and not self.scratch and not context.maps
        self.single = self.launchers[0] if single else None
        self.nbytes = plan.outputs[0].nbytes if single else 0

    def fresh(self, arrays: Sequence[Any], scalars: Sequence[Any] = ()) -> Sequence[Block]:
        """Run into new blocks, which are returned.

        `arrays` have a block, an offset in bytes and a start in elements.
        """
        if self.single is not None:
            return (self.one(arrays, scalars),)
        blocks = [self.context.memory.allocate(layout.nbytes) for layout in self.outputs]
        if self.launchers:
            offsets = [x.offset // x.layout.dtype.itemsize for x in arrays]
            self.run([*blocks, *[x.block for x in arrays]], [*[0] * len(blocks), *offsets], scalars)
        return blocks

    def one(self, arrays: Sequence[Any], scalars: Sequence[Any] = ()) -> Block:
        """`fresh` of a plan with a `single` launch and one result: the warm path."""
        context, single = self.context, self.single
        assert single is not None
        block = context.memory.allocate(self.nbytes)
        if len(arrays) == 2:  # written out: a tenth of an operator's time
            x, y = arrays
            buffers: tuple[Any, ...] = (block.buffer, x.block.buffer, y.block.buffer)
            offsets: tuple[int, ...] = (0, x.start, y.start) if x.offset or y.offset else NO_OFFSETS
        else:
            buffers = (block.buffer, *[x.block.buffer for x in arrays])
            offsets = (0, *[x.offset and x.start for x in arrays])
        try:
            with context.lock:
                block.event = single.launch(buffers, offsets, scalars)
        except cl.Error as error:
            raise self._failed(error) from error
        return block

    def run(self, blocks: Sequence[Block], offsets: Sequence[int], scalars: Sequence[Any] = ()) -> None:
        """Enqueue every launch. `blocks` and `offsets` (in elements) are those of results, then inputs."""
        context = self.context
        if self.single is not None:  # what follows, without its loops
            try:
                with context.lock:
                    blocks[0].event = self.single.launch(tuple([b.buffer for b in blocks]), tuple(offsets), scalars)
            except cl.Error as error:
                raise self._failed(error) from error
            return
        if context.maps:
            for block in blocks:
                if block.shared:
                    block.release()
        buffers = tuple([block.buffer for block in blocks])
        starts = tuple(offsets)
        if self.scratch:
            held = [context.memory.allocate(nbytes) for nbytes in self.scratch]
            buffers += tuple([block.buffer for block in held])
            starts += (0,) * len(held)
        event = None
        try:
            with context.lock:
                for launcher in self.launchers:
                    event = launcher.launch(buffers, starts, scalars)
        except cl.Error as error:
            raise self._failed(error) from error
        for k in range(len(self.outputs)):
            blocks[k].event = event

    def _failed(self, error: Exception) -> DeviceError:
        return DeviceError(f"a launch on {self.context.device!r} failed: {error}")
