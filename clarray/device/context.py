"""Context: a device at work: one in-order queue, memory, programs, and the cache of bound plans."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict, deque
from dataclasses import replace
from typing import Any
from weakref import WeakSet

import pyopencl as cl

from clarray.codegen.tuning import accepted
from clarray.config import config
from clarray.core.traits import Traits
from clarray.errors import DeviceError

from .current import kept_context, name_to_keep
from .memory import Memory
from .probe import probe, try_features
from .program import Programs, forgo_unusable_cache
from .quirks import missing_linker
from .recorder import Recorder
from .select import Device
from .store import keep_quietly, load

PLANS = 4096  # bound plans kept; the least recently made goes first

_live: WeakSet[Context] = WeakSet()


class Context:
    """A started device. Arrays belong to one; work in it runs in the order in which it was asked for."""

    def __init__(self, device: Device, name: str) -> None:
        self.device = device
        self.name = name
        forgo_unusable_cache()
        if missing := missing_linker(device.platform):
            raise DeviceError(f"{device!r} does not start: {missing}")
        try:
            self.cl = cl.Context([device.cl])
            self.queue = self.plain_queue = cl.CommandQueue(self.cl)
        except cl.Error as error:
            raise DeviceError(f"{device!r} does not start: {error}") from error
        self.lock = threading.RLock()
        self.traits: Traits = self._traits()
        self.maps = self.traits.unified and self.traits.kind != "cpu"
        self.memory = Memory(self)
        self.programs = Programs(self)
        self.plans: OrderedDict[Any, Any] = OrderedDict()
        self.pending: deque[tuple[Any, ...]] = deque()  # (event, what must live until it is done), in order
        self.last_event: Any = None
        self.lost = ""  # what never arrived from another device, so that results here may be of anything
        self.recorder: Recorder | None = None  # while it is there, `queue` is the one that keeps times
        self.timed_queue: Any = None
        self.timing = threading.RLock()  # held by the recorder's thread
        limit = config.gpuarray.memory_limit
        if limit:
            self.memory.limit = int(limit)
        wanted = config.gpuarray.preallocate
        if wanted > 0:  # a fraction up to 1, then megabytes
            self.memory.reserve(int(wanted * (self.traits.global_memory if wanted <= 1 else 1 << 20)))
        _live.add(self)

    def _traits(self) -> Traits:
        """What the device can do, from the store or tried and then stored; and what tuning found to be best on it.

        The driver decides what the probe finds, and the variables that have some drivers list more than usual.
        """
        kept = load(self.device)
        listed = self.device.cl.extensions
        known = kept.facts.get("features")
        if isinstance(known, dict) and known.get("listed") == listed and isinstance(known.get("work"), list):
            found = set(known["work"])
        else:
            found = try_features(self.cl, self.queue, self.device.cl)
            keep_quietly(self.device, "features", {"listed": listed, "work": sorted(found)})
        traits = probe(self.cl, self.queue, self.device.cl, found)
        return replace(traits, tuned=accepted(traits, kept.winners)) if config.tuning else traits

    def wait(self, event: Any) -> None:
        """Return when `event` is done; a failure on the device is raised here."""
        try:
            event.wait()
        except cl.Error as error:
            raise DeviceError(f"work on {self.device!r} failed: {error}") from error
        self.check()

    def check(self) -> None:
        """DeviceError if something never arrived that work here has read."""
        if self.lost:
            raise DeviceError(f"work on {self.device!r} failed: {self.lost}; results may be of anything, begin anew")

    def synchronize(self) -> None:
        """Return when everything enqueued so far is done."""
        try:
            self.queue.finish()
        except cl.Error as error:
            raise DeviceError(f"work on {self.device!r} failed: {error}") from error
        self.poll()
        self.check()

    def poll(self) -> None:
        """Let go of host memory whose commands are done."""
        complete, pending = cl.command_execution_status.COMPLETE, self.pending
        while pending and pending[0][0].command_execution_status <= complete:  # a failed one is negative
            pending.popleft()

    def remember(self, key: Any, plan: Any) -> None:
        """Keep a bound plan for the next call with the same key."""
        self.plans[key] = plan
        if len(self.plans) > PLANS:
            self.plans.popitem(last=False)

    def __repr__(self) -> str:
        return f"<Context {self.name!r} on {self.device!r}>"

    def __reduce__(self) -> Any:
        return kept_context, (name_to_keep(self),)

    def __copy__(self) -> Context:
        """Another one of the same device, queue and memory, whose parts may be exchanged: what tuning tries."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: Any) -> Context:
        return self


def _finish_all() -> None:
    """At exit: work in flight ends before the objects it uses are destroyed."""
    for context in list(_live):
        try:
            context.queue.finish()
        except cl.Error:  # the driver is going away too; there is nobody left to tell
            continue
        context.memory.close_windows()
        context.plans.clear()
        context.programs.clear()
        context.pending.clear()


atexit.register(_finish_all)
