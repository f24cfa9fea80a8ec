"""The one launch path: a Plan bound to a context's kernels, run again and again.

Arguments that do not change stay set on the kernel object; a warm launch sets the buffers and
enqueues. Private `_set_arg_multi` of pyopencl sets them in one call where it exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyopencl as cl

from clarray.codegen.plan import Buffer, Launch, Local, Offset, Plan, Scalar, Value
from clarray.errors import DeviceError

from .memory import Block
from .stats import counters, misses

if TYPE_CHECKING:
    from .context import Context

INT64 = np.int64


def _half(value: Any) -> Any:
    """A half as kernels compute with it: rounded, in a float."""
    return np.float32(np.float16(value))


class Launcher:
    """A kernel with its constant arguments set."""

    __slots__ = ("_interleave", "_numbers", "_offsets", "_scalars", "_set", "_set_offsets", "context", "global_size",
                 "kernel", "local_size", "operands")  # fmt: skip

    def __init__(self, context: Context, launch: Launch) -> None:
        self.context = context
        self.kernel = context.programs.kernel(launch.spec, launch.kernel)
        misses.cache_hits += 1
        self.global_size, self.local_size = launch.global_size, launch.local_size
        self._offsets: list[tuple[int, int, int]] = []
        self._scalars: list[tuple[int, int, Any]] = []
        buffers: list[tuple[int, int]] = []
        for position, argument in enumerate(launch.arguments):
            match argument:
                case Buffer(operand):
                    buffers.append((position, operand))
                case Offset(operand, further):
                    self._offsets.append((position, operand, further))
                    self.kernel.set_arg(position, INT64(further))
                case Scalar(number, dtype):
                    self._scalars.append((position, number, _half if dtype == np.float16 else dtype.type))
                case Value(value, name):
                    self.kernel.set_arg(position, np.dtype(name).type(value))
                case Local(nbytes):
                    self.kernel.set_arg(position, cl.LocalMemory(nbytes))
        self.operands = tuple(operand for _, operand in buffers)
        self._numbers = tuple(position for position, _ in buffers)
        self._set_offsets = (0,) * len(self._offsets)
        self._set = getattr(self.kernel, "_set_arg_multi", None)
        self._interleave: Any = None

    def __call__(self, buffers: tuple[Any, ...], offsets: Sequence[int], scalars: Sequence[Any]) -> Any:
        """Enqueue; `buffers` and `offsets` (elements) are those of the plan's operands. Returns the event."""
        context = self.context
        with context.lock:
            kernel = self.kernel
            if self._set is not None:
                if self._interleave is None:
                    n = len(buffers)
                    self._interleave = itemgetter(*(i for k, x in enumerate(self.operands) for i in (n + k, x)))
                self._set(self._interleave(buffers + self._numbers))
            else:
                for position, operand in zip(self._numbers, self.operands, strict=True):
                    kernel.set_arg(position, buffers[operand])
            if self._offsets:
                wanted = tuple([offsets[operand] for _, operand, _ in self._offsets])
                if wanted != self._set_offsets:
                    for (position, _, further), value in zip(self._offsets, wanted, strict=True):
                        kernel.set_arg(position, INT64(value + further))
                    self._set_offsets = wanted
            for position, number, convert in self._scalars:
                kernel.set_arg(position, convert(scalars[number]))
            event = cl.enqueue_nd_range_kernel(context.queue, kernel, self.global_size, self.local_size)
            context.last_event = event
        counters.launches += 1
        return event


class BoundPlan:
    """A Plan whose kernels are built; operands are named again at every run."""

    __slots__ = ("context", "launchers", "outputs", "scratch")

    def __init__(self, context: Context, plan: Plan) -> None:
        self.context = context
        self.outputs = plan.outputs
        self.launchers = [Launcher(context, launch) for launch in plan.launches]
        self.scratch = plan.scratch

    def run(self, blocks: Sequence[Block], offsets: Sequence[int], scalars: Sequence[Any] = ()) -> None:
        """Enqueue every launch. `blocks` and `offsets` (in elements) are those of results, then inputs."""
        context = self.context
        if context.maps:
            for block in blocks:
                if block.shared:
                    block.release()
        buffers = tuple([block.buffer for block in blocks])
        if self.scratch:
            held = [context.memory.allocate(nbytes) for nbytes in self.scratch]
            buffers += tuple([block.buffer for block in held])
            offsets = [*offsets, *([0] * len(held))]
        event = None
        try:
            for launcher in self.launchers:
                event = launcher(buffers, offsets, scalars)
        except cl.Error as error:
            raise DeviceError(f"a launch on {context.device!r} failed: {error}") from error
        for k in range(len(self.outputs)):
            blocks[k].event = event
