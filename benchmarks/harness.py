"""Cases: what is timed, beside whom, and what is to be reached.

A case is a function that gets a `Bench` and returns what to time by name: "ours", and what it is held against:

    @case("tanh of a matrix, 4096 x 4096", nbytes=8 * 4096**2, goal=(("NumPy", "torch"), 1.0))
    def prepare(bench):
        x = bench.draw(4096, 4096)
        a = ca.asarray(x)
        formulas = {name: lambda xp, x: xp.tanh(x) for name in ("NumPy", "torch", "JAX")}
        return {"ours": lambda: ca.tanh(a).sync(), **bench.beside(formulas, x)}

`bench.beside` makes each peer's arrays, waits for its results and leaves out who is not here. A value may be any
function that does the work once and waits for it, or the seconds of calls already made. `Skip("why")` leaves a case
out.

`nbytes` (read and written by the least work that does the job) and `flops` (in `dtype`) give the case its place under
the roofline. A goal is (peer, ratio): our median is at most so many times that peer's, or that of the best of several
peers; ("seconds", s) is a bound on our median, and ("copy", ratio) holds it against a copy of `nbytes` at the bandwidth
measured. A third item, "cpu" or "gpu", is the kind of device that it is for. Several goals stand in a list. A whole
case is for one kind where `kind` says so.
`enqueued` cases time calls that do not wait; the harness waits between batches, off the clock.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from clarray.device.context import Context
from clarray.errors import ClarrayError

from .peers import PEERS, Peers
from .raw import Raw
from .timing import BATCH, SHORT_BATCH, Timing, Work, take_turns

OURS, NUMPY, COPY, PEAK, SECONDS = "ours", "NumPy", "copy", "peak", "seconds"


class Skip(Exception):
    """A case that cannot run here, and why."""


@dataclass(frozen=True)
class Goal:
    """Our median is at most `most` times that of the best of `peers`, or `most` seconds."""

    peers: tuple[str, ...]
    most: float
    kind: str | None = None  # of device that it is for; None: any

    @classmethod
    def all_of(cls, given: Any) -> tuple[Goal, ...]:
        """Goals as a case gives them: None, one, or a list."""
        rows = [] if given is None else given if isinstance(given, list) else [given]
        return tuple(cls((row[0],) if isinstance(row[0], str) else tuple(row[0]), *row[1:]) for row in rows)


@dataclass(frozen=True)
class Case:
    """A row of the table; the module's docstring explains its fields."""

    name: str
    chapter: str
    prepare: Callable[[Bench], Mapping[str, Work | Sequence[float]]]
    nbytes: int = 0
    flops: float = 0
    dtype: str = "float32"
    goals: tuple[Goal, ...] = ()
    enqueued: bool = False
    kind: str | None = None  # of device that it is for; None: any


CASES: list[Case] = []


def case(
    name: str, *, nbytes: float = 0, flops: float = 0, goal: Any = None, **row: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a row: the function below prepares it. The chapter is its module's name."""

    def add(prepare: Callable[..., Any]) -> Callable[..., Any]:
        chapter = prepare.__module__.rpartition(".")[2]
        if any(c.name == name for c in CASES):
            raise ValueError(f"case(): there are two cases {name!r}")
        CASES.append(Case(name, chapter, prepare, int(nbytes), float(flops), goals=Goal.all_of(goal), **row))
        return prepare

    return add


@dataclass(frozen=True)
class Result:
    """A row as measured; `skipped` says why there is no measurement."""

    case: Case
    kind: str
    timings: Mapping[str, Timing] = field(default_factory=dict)
    copied: float = 0  # bytes that one "copy" reads and writes
    computed: float = 0  # operations of one "peak"
    skipped: str = ""

    @property
    def peers(self) -> dict[str, Timing]:
        """Timings of all but ours and the roofline."""
        return {name: t for name, t in self.timings.items() if name not in (OURS, COPY, PEAK)}

    @property
    def roof(self) -> tuple[float, float] | None:
        """Bytes and operations a second of the device, as measured with this case; 0 where not."""
        if self.skipped or not (self.copied or self.computed):
            return None
        return (
            self.copied / self.timings[COPY].median if self.copied else 0.0,
            self.computed / self.timings[PEAK].median if self.computed else 0.0,
        )

    @property
    def share(self) -> float | None:
        """The least time that the roofline allows over our time.

        More than 1 where data stay in a cache, and where kernels read more than they write: a CPU reads the
        lines that it is going to write, which nobody counts, and a copy has most of them.
        """
        if self.roof is None:
            return None
        bandwidth, peak = self.roof
        least = max(self.case.nbytes / bandwidth if bandwidth else 0, self.case.flops / peak if peak else 0)
        return least / self.timings[OURS].median

    def ratio(self, *peers: str) -> float | None:
        """Our time over that of the best of these peers; None where none was measured. A copy has the case's bytes."""
        scale = {COPY: self.case.nbytes / self.copied} if self.copied else {}
        theirs = [self.timings[peer].median * scale.get(peer, 1) for peer in peers if peer in self.timings]
        return self.timings[OURS].median / min(theirs) if theirs else None

    @property
    def goals(self) -> list[tuple[Goal, float | None, bool | None]]:
        """Each goal for this kind of device, what was measured, and whether that reaches it; None: not measured."""
        found = []
        for goal in self.case.goals:
            if goal.kind in (None, self.kind) and not self.skipped:
                value = self.timings[OURS].median if goal.peers == (SECONDS,) else self.ratio(*goal.peers)
                found.append((goal, value, None if value is None else value <= goal.most))
        return found


class Bench:
    """What cases work with: a context, its raw kernels, random data, and peers where they are wanted.

    Where it is `small`, data are: enough to compare results, too little to time anything.
    """

    def __init__(self, context: Context, peers: bool = False, seed: int | None = None, small: bool = False) -> None:
        self.context = context
        self.small = small
        self.rng = np.random.default_rng(seed)
        self.peers = Peers(context, peers)
        self._roofs: dict[str, tuple[Work, float]] = {}

    @cached_property
    def raw(self) -> Raw:
        """Kernels written by hand, on this device."""
        return Raw(self.context)

    def extent(self, n: int) -> int:
        """n, or where the bench is small no more than 60; equal extents stay equal."""
        return min(n, 32 + n % 29) if self.small else n

    def draw(self, *shape: int, dtype: str = "float32") -> np.ndarray[Any, Any]:
        """Fresh normal numbers; integers among them are rounded."""
        shape = tuple(map(self.extent, shape))
        if np.dtype(dtype).kind == "c":
            real, imaginary = (self.rng.standard_normal(shape) for _ in range(2))
            return (real + 1j * imaginary).astype(dtype)
        return self.rng.standard_normal(shape, np.float64 if dtype == "float64" else np.float32).astype(dtype)

    def beside(
        self,
        formulas: Mapping[str, Callable[..., Any]],
        *arrays: np.ndarray[Any, Any],
        wait: bool = True,
        jit: bool = True,
    ) -> dict[str, Work]:
        """What to time of each peer that is here.

        `formulas` are functions of the peer's module and of its own arrays, made of these; JAX's is compiled
        if `jit`. torch's serves torch.cuda and NumPy's CuPy, on an NVIDIA device.
        """  # fmt: skip
        return self.peers.beside(dict(formulas), arrays, wait, jit)

    def peer(self, module: str) -> Any:
        """A peer's module, such as "torch" or "jax.lax", or None: for cases that make the peer's arrays themselves."""
        package = module.partition(".")[0]
        name = module if module in PEERS else {"jax": "JAX", "numpy": "NumPy", "cupy": "CuPy"}.get(package, package)
        return importlib.import_module(module) if self.peers.module(name) is not None else None

    def needs_fp64(self, dtype: str = "float64") -> None:
        """Skip the case where the device has no such numbers."""
        if np.dtype(dtype) in (np.float64, np.complex128) and not self.context.traits.fp64:
            raise Skip("no fp64")

    def roof(self, name: str) -> tuple[Work, float]:
        """COPY, or a dtype: a kernel at the roofline, and the bytes or operations of a call."""
        if name not in self._roofs:
            self._roofs[name] = self.raw.best_copy() if name == COPY else self.raw.best_peak(name)
        return self._roofs[name]

    def run(self, row: Case) -> Result:
        """Prepare and time one case."""
        kind = self.context.traits.kind
        gc.collect()
        try:
            work = dict(row.prepare(self))
            given = {name: Timing(tuple(w)) for name, w in work.items() if not callable(w)}
            timed = self._working(row.name, ((name, w) for name, w in work.items() if callable(w)))
        except (Skip, ClarrayError) as reason:
            return Result(row, kind, skipped=str(reason).split("\n")[0])
        copied = computed = 0.0
        if row.nbytes:
            timed[COPY], copied = self.roof(COPY)
        if row.flops:
            timed[PEAK], computed = self.roof(row.dtype)
        length = SHORT_BATCH if row.enqueued else BATCH
        taken = take_turns(timed, self.context.synchronize, length) if timed else {}
        return Result(row, kind, {**given, **taken}, copied, computed)

    def _working(self, case_name: str, work: Iterable[tuple[str, Any]]) -> dict[str, Work]:
        """Those that can do their work; a peer that fails is absent, and says why."""
        found = {}
        for name, one in work:
            try:
                one()
                self.context.synchronize()
            except Exception as error:  # whatever a peer raises
                if name == OURS:
                    raise
                self.peers.absent[f"{name} in {case_name}"] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            found[name] = one
        return found
