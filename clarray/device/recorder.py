"""Recorder: how long a device takes for what a context enqueues, by its own clock.

A queue keeps times only where it was made to, which costs each launch; so a context works on a queue without, and
while a Recorder is there on another one that does. Both are drained when they change places, and so
nothing overtakes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pyopencl as cl

if TYPE_CHECKING:
    from .context import Context

MOST = 256  # events held: NVIDIA's driver slows down with many
P = ParamSpec("P")
R = TypeVar("R")


class Spent:
    """How often something ran, for how many seconds, and how many bytes it moved."""

    __slots__ = ("count", "nbytes", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.nbytes = 0

    def add(self, seconds: float, nbytes: int = 0, count: int = 1) -> None:
        """Count one more."""
        self.count += count
        self.seconds += seconds
        self.nbytes += nbytes


class Recorder:
    """Times of kernels, by `key` (what they are launched for) and name, and of transfers, while it is entered."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.key: Any = None
        self.kernels: dict[tuple[Any, str], Spent] = defaultdict(Spent)
        self.transfers: dict[str, Spent] = {"to device": Spent(), "to host": Spent()}
        self._events: list[tuple[tuple[Any, str], Any]] = []
        self._before: list[tuple[Any, Recorder | None]] = []

    def __enter__(self) -> Recorder:
        context = self.context
        context.timing.acquire()
        try:
            with context.lock:
                if context.recorder is not None:
                    context.recorder.settle()
                context.queue.finish()
                if context.timed_queue is None:
                    context.timed_queue = cl.CommandQueue(
                        context.cl, properties=cl.command_queue_properties.PROFILING_ENABLE
                    )
                self._before.append((context.queue, context.recorder))
                context.queue, context.recorder = context.timed_queue, self
        except BaseException:
            context.timing.release()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        context = self.context
        with context.lock:
            try:
                self.settle()
            finally:
                context.queue, context.recorder = self._before.pop()
                context.timing.release()

    def enqueue(self, launch: Any, name: str) -> Any:
        """What `Launcher` does: the partial of a launch, on the queue that keeps times."""
        event = launch.func(self.context.queue, *launch.args[1:])
        self.note(name, event)
        return event

    def note(self, kernel: str, event: Any) -> None:
        """Keep the event of a launch until its times are there."""
        self._events.append(((self.key, kernel), event))
        if len(self._events) >= MOST:
            self.settle()

    def settle(self) -> None:
        """Wait, take the times, and let go of the events."""
        self.context.queue.finish()
        events, self._events = self._events, []
        for key, event in events:
            self.kernels[key].add((event.profile.end - event.profile.start) * 1e-9)

    def transfer(self, way: str, nbytes: int, move: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """`move(...)`, timed by the host's clock from when all before it is done until it is."""
        self.settle()
        began = perf_counter()
        result = move(*args, **named)
        self.context.queue.finish()
        self.transfers[way].add(perf_counter() - began, nbytes)
        return result
