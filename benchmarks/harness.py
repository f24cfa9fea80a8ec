"""Cases, and how they are timed: each in turns with its peers in one process, medians and spread.

A case is a function that gets a `Bench` and returns what to time by name: "ours", "NumPy", and others. Each
callable does the work once and waits for it; where only the enqueuing is timed, it does not wait, and the
harness waits between the batches, off the clock.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clarray.device.context import Context
from clarray.errors import ClarrayError

OURS, NUMPY, COPY = "ours", "NumPy", "copy"
BATCH = 0.01  # seconds that one batch takes at least
SHORT_BATCH = 0.001  # the same where calls only enqueue: the queue has to take them all
ROUNDS = 9  # turns that every peer gets at least
BUDGET = 1.5  # seconds that a case may take for more turns

Work = Callable[[], Any]


class Skip(Exception):
    """A case that cannot run here, and why."""


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    name: str
    chapter: str
    prepare: Callable[[Bench], Mapping[str, Work | Sequence[float]]]
    nbytes: int = 0  # read and written by the least work that does the job; 0: bandwidth says nothing
    goal: tuple[str, float] | None = None  # ("raw", 1.11): at most so many times that peer's; ("seconds", 6e-6)
    enqueued: bool = False  # the time until the call returns, not until the work is done


CASES: list[Case] = []


def case(name: str, **row: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a row: the function below prepares it. The chapter is its module's name."""

    def add(prepare: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(name, prepare.__module__.rpartition(".")[2], prepare, **row))
        return prepare

    return add


@dataclass(frozen=True)
class Timing:
    """What one peer took: seconds a call, one number a turn."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def numbers(self) -> dict[str, float]:
        """For a file."""
        return {"median": self.median, "best": self.best, "spread": self.spread, "turns": len(self.samples)}

    @property
    def best(self) -> float:
        return min(self.samples)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.samples) < 4:
            return 0.0
        first, _, third = statistics.quantiles(self.samples, n=4)
        return (third - first) / 2 / self.median


@dataclass(frozen=True)
class Result:
    """A row as measured; `skipped` says why there is no measurement."""

    case: Case
    timings: Mapping[str, Timing] = field(default_factory=dict)
    copied: int = 0  # bytes that one "copy" reads and writes
    skipped: str = ""

    @property
    def share(self) -> float | None:
        """How much of the copy's bandwidth our bytes went by with.

        A CPU reads the lines that it is going to write, which nobody counts; a copy has most of them. So
        kernels that read more than they write come to more than 1.
        """
        if not self.case.nbytes or COPY not in self.timings:
            return None
        ours, copy = self.timings[OURS].median, self.timings[COPY].median
        return (self.case.nbytes / ours) / (self.copied / copy)

    def ratio(self, peer: str) -> float | None:
        """Our time over a peer's."""
        return self.timings[OURS].median / self.timings[peer].median if peer in self.timings else None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is; None without one."""
        if self.case.goal is None or self.skipped:
            return None
        peer, most = self.case.goal
        value = self.timings[OURS].median if peer == "seconds" else self.ratio(peer)
        return None if value is None else value <= most


class Bench:
    """What cases work with: a context, its raw kernels, random data, and whether peers are wanted."""

    def __init__(self, context: Context, peers: bool = False, seed: int = 1) -> None:
        from .raw import Raw

        self.context = context
        self.peers = peers
        self.rng = np.random.default_rng(seed)
        self.raw = Raw(context)
        self._copy: tuple[Work, int] | None = None

    def draw(self, *shape: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
        """Fresh normal numbers."""
        return self.rng.standard_normal(shape).astype(dtype)

    def peer(self, module: str) -> Any:
        """A peer's module, or None where it is not installed or not asked for."""
        if not self.peers:
            return None
        try:
            return __import__(module, fromlist=["_"])
        except ImportError:
            return None

    @property
    def copy(self) -> tuple[Work, int]:
        """The device's copy, by hand, in the best of several geometries; and the bytes it moves."""
        if self._copy is None:
            self._copy = self.raw.best_copy()
        return self._copy

    def run(self, row: Case) -> Result:
        """Prepare and time one case."""
        gc.collect()
        try:
            work = dict(row.prepare(self))
        except (Skip, ClarrayError) as reason:
            return Result(row, skipped=str(reason).split("\n")[0])
        given = {name: Timing(tuple(w)) for name, w in work.items() if not callable(w)}
        timed = {name: w for name, w in work.items() if callable(w)}
        copied = 0
        if row.nbytes:
            timed[COPY], copied = self.copy
        length = SHORT_BATCH if row.enqueued else BATCH
        taken = take_turns(timed, self.context.synchronize, length) if timed else {}
        return Result(row, {**given, **taken}, copied)


def take_turns(work: Mapping[str, Work], settle: Work, length: float = BATCH) -> dict[str, Timing]:
    """Time each in batches, one after the other, again and again; `settle` waits for the device between batches."""
    counts = {name: calibrate(w, settle, length) for name, w in work.items()}
    samples: dict[str, list[float]] = {name: [] for name in work}
    began, rounds = time.perf_counter(), 0
    while rounds < ROUNDS or (time.perf_counter() - began < BUDGET and rounds < 25 * ROUNDS):
        names = list(work)
        for name in names[rounds % len(names) :] + names[: rounds % len(names)]:
            samples[name].append(batch(work[name], counts[name], settle))
        rounds += 1
    return {name: Timing(tuple(s)) for name, s in samples.items()}


def calibrate(work: Work, settle: Work, length: float) -> int:
    """How many calls make a batch, after a warm-up."""
    work()
    work()
    settle()
    count = 1
    while True:
        spent = batch(work, count, settle) * count
        if spent >= length / 2:
            return max(1, round(count * length / spent))
        count = min(count * 10, max(count * 2, round(count * length / max(spent, 1e-9))))


def batch(work: Work, count: int, settle: Work) -> float:
    """Seconds a call takes, over `count` of them."""
    began = time.perf_counter()
    for _ in range(count):
        work()
    spent = time.perf_counter() - began
    settle()
    return spent / count


# the table

UNITS = (("s", 1.0), ("ms", 1e3), ("µs", 1e6))


def seconds(value: float) -> str:
    """A time for a reader: 6.2 µs, 12.3 ms."""
    unit, factor = next((u for u in UNITS if value * u[1] >= 1), UNITS[-1])
    shown = value * factor
    return f"{shown:.{0 if shown >= 100 else 1 if shown >= 10 else 2}f} {unit}"


COLUMNS = ("case", "device", "ours", "NumPy", "ratio", "of copy", "beside", "goal")


def line(result: Result, device: str) -> tuple[str, ...]:
    """A result as the table's cells."""
    name = result.case.name
    if result.skipped:
        return (name, device, "-", "-", "-", "-", result.skipped, "-")
    ours, numpy = result.timings[OURS], result.timings.get(NUMPY)
    ratio = result.ratio(NUMPY)
    others = [
        f"{peer} {seconds(t.median)} ({result.ratio(peer):.2f})"
        for peer, t in result.timings.items()
        if peer not in (OURS, NUMPY, COPY)
    ]
    if result.case.enqueued:  # worker threads and other processes disturb it most
        others.insert(0, f"at best {seconds(ours.best)}")
    goal = "-"
    if result.case.goal is not None:
        peer, most = result.case.goal
        bound = seconds(most) if peer == "seconds" else f"{most:.2f} × {peer}"
        goal = f"{bound}: {'reached' if result.reached else 'missed' if result.reached is False else 'not measured'}"
    return (
        name,
        device,
        f"{seconds(ours.median)} ±{ours.spread:.0%}",
        "-" if numpy is None else seconds(numpy.median),
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if result.share is None else f"{result.share:.0%}",
        ", ".join(others) or "-",
        goal,
    )


def table(results: Sequence[Result], device: str) -> str:
    """All results, a line each."""
    rows = [COLUMNS, *(line(r, device) for r in results)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)


def as_json(results: Sequence[Result], context: Context) -> dict[str, Any]:
    """Everything measured, with what it was measured on."""
    import datetime
    import os
    import platform

    import pyopencl

    import clarray

    device = context.device
    return {
        "device": {"name": device.hardware, "platform": device.platform, "version": device.cl.platform.version.strip(),
                   "driver": device.driver_version, "compute_units": context.traits.compute_units},
        "host": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"clarray": clarray.__version__, "python": platform.python_version(), "numpy": np.__version__,
                     "pyopencl": pyopencl.VERSION_TEXT},
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cases": [
            {
                "name": r.case.name, "chapter": r.case.chapter, "nbytes": r.case.nbytes, "skipped": r.skipped,
                "share_of_copy": r.share, "goal": r.case.goal, "reached": r.reached,
                "seconds": {name: t.numbers for name, t in r.timings.items()},
            }
            for r in results
        ],
    }  # fmt: skip


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(text.split(":", 1)[1].strip() for text in lines if text.startswith("model name"))
    except (OSError, StopIteration):
        import platform

        return platform.processor()
