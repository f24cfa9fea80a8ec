"""ProfiledFunction: a Function whose calls are timed, step by step."""

from __future__ import annotations

from contextlib import ExitStack
from time import perf_counter
from typing import Any

from clarray.array.gpuarray import GpuArray
from clarray.config import config
from clarray.device.context import Context
from clarray.device.current import context_for
from clarray.device.recorder import Recorder
from clarray.device.stats import stats

from ..function import Function
from ..running.compiled import op_of
from ..running.nodes import GpuOp
from ..running.step import Step
from ..running.tape import Record, Slots, Tape, Watch
from .profile import ProfileStats, Work

COPY, OUTSIDE = "GpuContiguous", "outside the steps"  # rows that are no step: copies into C order, and all else


def stats_for(profile: Any, name: str) -> ProfileStats:
    """What `profile=` stands for: the object itself, a message, or True for a new one."""
    if isinstance(profile, ProfileStats):
        return profile
    if not isinstance(profile, bool | str):
        raise TypeError(f"function(): profile is True, False, a message or a ProfileStats, {profile!r} came")
    return ProfileStats(profile if isinstance(profile, str) else f"function {name}")


class ProfiledFunction(Function):
    """A function that keeps in `profile` where the time of its calls goes; results are the same.

    A call waits for its kernels.
    """

    def __init__(self, *args: Any, profile: Any = True, **named: Any) -> None:
        began = perf_counter()
        super().__init__(*args, **named)
        self.profile: ProfileStats = stats_for(profile, self.name)  # type: ignore[assignment]
        self.profile.compile_time += perf_counter() - began
        self.profile.profile_memory = bool(config.profile_memory)
        self._recorders: dict[Context, Recorder] = {}
        self._in_tapes = 0.0
        self._bound = 0
        for stage in self._stages:
            stage.watch = self._watched

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run and take the times; see `Function.__call__`."""
        profile, before, began = self.profile, stats(), perf_counter()
        contexts = {c for stage in self._stages for c in stage.schedule.fixed}
        arrays = [x for x in (*args, *named.values()) if isinstance(x, GpuArray)]
        contexts |= {x.context for x in arrays} or {self._home or context_for()}
        with ExitStack() as stack:
            recorders = [stack.enter_context(self._recorder(c)) for c in sorted(contexts, key=id)]
            used = {c: c.memory.in_use for c in contexts}
            self._used = used
            try:
                result = super().__call__(*args, **named)
            except BaseException:
                self._recorders.clear()  # a call that failed is not counted
                raise
        profile.fct_call_time += perf_counter() - began
        profile.fct_callcount += 1
        profile.builds += (stats() - before).builds
        for recorder in recorders:
            self._gather(recorder)
        return result

    def _recorder(self, context: Context) -> Recorder:
        return self._recorders.setdefault(context, Recorder(context))

    def _gather(self, recorder: Recorder) -> None:
        """Take over what a recorder has found in a call."""
        profile = self.profile
        for (key, kernel), spent in recorder.kernels.items():
            work = self._work(key or OUTSIDE)
            work.device += spent.seconds
            work.launches += spent.count
            profile.launches += spent.count
            profile.kernels[kernel].add(spent.seconds, count=spent.count)
        for way, moved in recorder.transfers.items():
            profile.transfers[way].add(moved.seconds, moved.nbytes, moved.count)
        self._recorders.pop(recorder.context, None)

    def _prepared(self, args: Any) -> Any:
        began, bound, inside = perf_counter(), self._bound, self._in_tapes
        moved = sum(r.transfers["to device"].seconds for r in self._recorders.values())
        result = super()._prepared(args)
        if self._bound > bound:
            moved = sum(r.transfers["to device"].seconds for r in self._recorders.values()) - moved
            self.profile.bind_time += perf_counter() - began - (self._in_tapes - inside) - moved
            self.profile.bind_count += self._bound - bound
        return result

    def _watched(self, tape: Tape) -> Tape:
        self._bound += 1
        return WatchedTape(tape, self)

    def _work(self, key: Step | str) -> Work:
        """The row of a step, or of what is none."""
        found = self.profile.nodes.get(key)
        if found is None:
            if isinstance(key, str):
                found = Work(key, key, "")
            else:
                op = op_of(key)
                kind = "transfer" if op is None else str(op) if type(op) is GpuOp else type(op).__name__
                found = Work(str(op or kind), kind, key.head.line)
            self.profile.nodes[key] = found
        return found

    def _run(self, tape: Tape, slots: Slots, first: Watch | None = None, last: Watch | None = None) -> Slots:
        """Run a tape; each step is billed for what it enqueues, but not for what a mode does `first` and `last`."""
        began = perf_counter()
        clock, looked_on = began, 0.0

        def look(watch: Watch | None, record: Record, slots: Slots) -> None:
            nonlocal looked_on
            if watch is not None:
                start = perf_counter()
                watch(record, slots)
                looked_on += perf_counter() - start

        def before(record: Record, slots: Slots) -> None:
            nonlocal clock
            look(first, record, slots)
            for recorder in self._recorders.values():
                recorder.key = record.step or COPY
            clock = perf_counter()

        def after(record: Record, slots: Slots) -> None:
            work = self._work(record.step or COPY)
            work.host += perf_counter() - clock
            work.calls += 1
            work.nbytes = sum(p.layout.nbytes for p in record.made)
            for context, used in self._used.items():
                peak = context.memory.in_use
                work.peak = max(work.peak, peak)
                self.profile.memory_peak = max(self.profile.memory_peak, peak)
                self.profile.memory_own = max(self.profile.memory_own, peak - used)
            for recorder in self._recorders.values():
                recorder.key = None
            look(last, record, slots)

        slots = Tape.run_watched(tape, slots, before, after)
        taken = perf_counter() - began
        self._in_tapes += taken
        self.profile.enqueue_time += taken - looked_on
        return slots


class WatchedTape(Tape):
    """A tape that a profiled function runs its own way."""

    __slots__ = ("_function",)

    def __init__(self, tape: Tape, function: ProfiledFunction) -> None:
        super().__init__(tape.width)
        for name in Tape.__slots__:
            setattr(self, name, getattr(tape, name))
        self._function = function

    def run(self, slots: Slots) -> Slots:
        """`Tape.run`, timed."""
        return self._function._run(self, slots)

    def run_watched(self, slots: Slots, before: Watch, after: Watch) -> Slots:
        """`Tape.run_watched`, timed."""
        return self._function._run(self, slots, before, after)
