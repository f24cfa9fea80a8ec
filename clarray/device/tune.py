"""Tuning: every candidate of a Tunable is built, run on fresh random data, checked, and timed against the default.

A candidate has to be right before it is timed, and has to beat the default in a duel of its own, in turns, before it is
kept: what merely was lucky among many in the first contest loses there. Winners are in the store as soon as they are
known, so that an interrupted run keeps them. Nothing here runs by itself.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pyopencl as cl

from clarray.codegen.inline import inlined
from clarray.codegen.lowering import lower
from clarray.codegen.plan import Plan
from clarray.codegen.tuning import TUNABLES, Asked, Sample, Tunable, text_of
from clarray.core.layout import Layout, extent
from clarray.core.traits import Traits
from clarray.errors import ClarrayError

from .memory import Block
from .program import Programs
from .run import BoundPlan
from .store import writing

if TYPE_CHECKING:
    from .context import Context

GAIN = 1.03  # how many times faster than the default a winner has to be
TURN = 4e-3  # seconds that a candidate runs before it is the next one's turn
HOPELESS = 1.25  # times the best one's time: such a candidate leaves the contest
PAIRS = 9  # turns of the duel
QUICK_SECONDS, QUICK_CANDIDATES = 10.0, 4
PERIOD = 1_000_003  # random numbers drawn for an operand, a prime, so that no two of its rows are equal


@dataclass(frozen=True)
class Effort:
    """How much a run may take: seconds of timing for a class of problems, pairs of a duel, seconds in all (which the
    rows share), and candidates of a class."""

    seconds: float = 2.0
    pairs: int = PAIRS
    in_all: float = float("inf")
    candidates: int = 1000


FULL = Effort()
QUICK = Effort(0.25, 5, QUICK_SECONDS, QUICK_CANDIDATES)


@dataclass
class Outcome:
    """What came of one class of problems; `winner` is None where the default stays."""

    tunable: str
    problem: str
    winner: Any = None
    default_seconds: float = 0.0
    seconds: float = 0.0
    tried: int = 0
    failures: list[tuple[Any, str]] = field(default_factory=list)
    skipped: str = ""
    """Why nothing was tried."""
    late: bool = False
    """Nothing was tried, for there was no time left."""
    error: bool = False
    """Nothing was tried, for the sample does not even work as it is."""

    @property
    def gain(self) -> float:
        """How many times faster the winner is than the default."""
        return self.default_seconds / self.seconds if self.winner is not None else 1.0


def classes(traits: Traits, names: Sequence[str] = ()) -> list[tuple[Tunable, Sample]]:
    """What there is to tune in these rows, or in all: the first sample of every row before the second of any."""
    unknown = [name for name in names if name not in TUNABLES]
    if unknown:
        raise ClarrayError(f"nothing to tune is called {unknown[0]!r}; there are: {', '.join(sorted(TUNABLES))}")
    rows = [TUNABLES[name] for name in names or TUNABLES]
    numbered = [(k, row, sample) for row in rows for k, sample in enumerate(row.samples(traits))]
    return [(row, sample) for _, row, sample in sorted(numbered, key=lambda x: x[0])]


def tune(context: Context, work: Sequence[tuple[Tunable, Sample]], effort: Effort = FULL) -> Iterator[Outcome]:
    """Tune one class after the other and store each winner; an Outcome for each, as soon as it is known. Waits."""
    end = time.perf_counter() + effort.in_all
    share = effort.in_all / max(1, len({row.name for row, _ in work}))
    tuned = dict(context.traits.tuned)
    for row, sample in work:
        key = row.name, sample.problem
        outcome = Outcome(*key)
        if time.perf_counter() > end:
            outcome.late = True
            yield outcome
            continue
        earlier = tuned.pop(key, None)
        candidates = list(row.candidates(context.traits, sample.problem))[: effort.candidates]
        if earlier is not None:  # though a quick run might not come to it
            candidates = [earlier, *(c for c in candidates if c != earlier)]
        try:
            arena = Arena(context, sample, replace(context.traits, tuned=dict(tuned)))
            _tune(arena, key, candidates, effort, time.perf_counter() + share, outcome)
        except (ClarrayError, cl.Error) as error:
            outcome.skipped, outcome.error = _line(error), True
        device = context.device
        with writing() as store:
            if outcome.winner is not None:
                tuned[key] = outcome.winner
                text = text_of(outcome.winner)
                store.keep_winner(device, *key, text, outcome.seconds, outcome.default_seconds)
            elif not outcome.skipped:
                store.forget_winner(device, *key)
        yield outcome


def _tune(
    arena: Arena, key: tuple[str, str], candidates: Sequence[Any], effort: Effort, until: float, outcome: Outcome
) -> None:
    """Fill `outcome`. After `until` no second candidate is built."""
    asked = Asked(arena.traits.tuned)
    default = arena.trial(replace(arena.traits, tuned=asked), None)
    assert default is not None  # nothing was there before it
    if key not in asked.keys_asked:
        outcome.skipped = "its sample gets other kernels here"
        return
    if wrong := arena.wrong(default):
        outcome.skipped, outcome.error = f"the default's result is wrong: {wrong}", True
        return
    rivals: list[Trial] = []
    for candidate in candidates:
        if rivals and time.perf_counter() > until:
            break
        try:
            chosen = {**arena.traits.tuned, key: candidate}
            trial = arena.trial(replace(arena.traits, tuned=chosen), candidate)
            if trial is None:  # it makes the same kernels as one before
                continue
            outcome.tried += 1
            if wrong := arena.wrong(trial):
                outcome.failures.append((candidate, wrong))
            else:
                rivals.append(trial)
        except Exception as error:  # a candidate is an experiment: whatever it breaks, it is out
            outcome.failures.append((candidate, _line(error)))
    best = contest(default, rivals, effort.seconds, arena.finish)
    if best is not default:
        won, outcome.default_seconds, outcome.seconds = duel(default, best, effort, arena.finish)
        outcome.winner = best.candidate if won else None
    if outcome.winner is None:
        outcome.default_seconds = outcome.seconds = median(default.seconds)


@dataclass
class Trial:
    """One candidate (None: the default) at work, and the seconds of a run in each of its turns."""

    candidate: Any
    plan: Plan
    inline: frozenset[str]
    run: Callable[[], None]
    seconds: list[float] = field(default_factory=list)
    count: int = 1  # runs of a turn

    def turn(self, finish: Callable[[], None]) -> float:
        """Run for about `TURN` seconds; the seconds of one run."""
        start = time.perf_counter()
        for _ in range(self.count):
            self.run()
        finish()
        taken = (time.perf_counter() - start) / self.count
        self.count = max(1, min(1000, int(TURN / taken)))
        return taken


def contest(default: Trial, rivals: Sequence[Trial], seconds: float, finish: Callable[[], None]) -> Trial:
    """The one whose median is least after turns by all; those far behind leave early, the default stays."""
    end = time.perf_counter() + seconds
    alive = [default, *rivals]
    for trial in alive:
        trial.turn(finish)  # finds the number of runs
        trial.seconds.append(trial.turn(finish))
    while len(alive) > 1 and time.perf_counter() < end:
        for trial in alive:
            trial.seconds.append(trial.turn(finish))
        limit = HOPELESS * min(min(trial.seconds) for trial in alive)
        alive = [trial for trial in alive if trial is default or min(trial.seconds) <= limit]
        alive.append(alive.pop(0))  # nobody always follows the same one
    return min(alive, key=lambda trial: median(trial.seconds))


def duel(default: Trial, rival: Trial, effort: Effort, finish: Callable[[], None]) -> tuple[bool, float, float]:
    """Whether `rival` is faster in most pairs of turns and by more than noise in the median; the median times."""
    pairs = []
    for k in range(effort.pairs):
        one, other = (default, rival) if k % 2 else (rival, default)
        first, second = one.turn(finish), other.turn(finish)
        pairs.append((first, second) if one is default else (second, first))
    ratios = sorted(a / b for a, b in pairs)
    won = median(ratios) > GAIN and ratios[len(ratios) // 4] > 1
    return won, median(a for a, _ in pairs), median(b for _, b in pairs)


class Arena:
    """A sample's operands in device memory, what its results have to be, and memory for results.

    `traits` know the winners of other classes.
    """

    def __init__(self, context: Context, sample: Sample, traits: Traits) -> None:
        self.context = context
        self.sample = sample
        self.traits = traits
        rng = np.random.default_rng()
        hosts = [drawn(rng, layout, sample.draw) for layout in sample.operands]
        self._inputs = [self._uploaded(memory) for memory, _, _ in hosts]
        self._starts = [start for _, start, _ in hosts]
        found = sample.reference(*(view for _, _, view in hosts))
        self._wanted = found if isinstance(found, tuple) else (found,)
        self._outputs: dict[tuple[int, ...], list[Block]] = {}
        self._programs: dict[frozenset[str], Context] = {}
        self._seen: list[tuple[Plan, frozenset[str]]] = []

    def trial(self, traits: Traits, candidate: Any) -> Trial | None:
        """The sample lowered and built with these traits; None where a trial before has the same kernels."""
        plan = lower(self.sample.op, self.sample.operands, self.sample.params, traits)
        inline = inlined(traits)
        if (plan, inline) in self._seen:
            return None
        self._seen.append((plan, inline))
        bound = BoundPlan(self._with_traits(traits, inline), plan)
        blocks = [*self._results(plan), *self._inputs]
        starts = [0] * len(plan.outputs) + self._starts
        return Trial(candidate, plan, inline, lambda: bound.run(blocks, starts))

    def wrong(self, trial: Trial) -> str:
        """Run once into memory full of nonsense; what is wrong with the results, or nothing."""
        blocks = self._results(trial.plan)
        queue = self.context.queue
        for block in blocks:
            cl.enqueue_copy(queue, block.buffer, np.full(block.nbytes, 0xA5, np.uint8), is_blocking=True)
        trial.run()
        for k, (block, layout, wanted) in enumerate(zip(blocks, trial.plan.outputs, self._wanted, strict=True)):
            memory = np.empty(max(block.nbytes, 1), np.uint8)
            cl.enqueue_copy(queue, memory, block.buffer, is_blocking=True)
            got = np.ndarray(layout.shape, layout.dtype, memory, 0, layout.strides)
            if problem := difference(got, np.asarray(wanted), self.sample.rtol):
                return f"result {k}: {problem}" if len(blocks) > 1 else problem
        return ""

    def finish(self) -> None:
        """Wait for the device."""
        self.context.queue.finish()

    def _uploaded(self, memory: np.ndarray[Any, Any]) -> Block:
        block = self.context.memory.allocate(memory.nbytes)
        if memory.nbytes:
            cl.enqueue_copy(self.context.queue, block.buffer, memory, is_blocking=True)
        return block

    def _results(self, plan: Plan) -> list[Block]:
        sizes = tuple(layout.nbytes for layout in plan.outputs)
        if sizes not in self._outputs:
            self._outputs[sizes] = [self.context.memory.allocate(nbytes) for nbytes in sizes]
        return self._outputs[sizes]

    def _with_traits(self, traits: Traits, inline: frozenset[str]) -> Context:
        """The context with other traits, and programs that go when the arena does."""
        base = self._programs.setdefault(inline, copy.copy(self.context))
        if base.programs is self.context.programs:
            base.traits = traits
            base.programs = Programs(base)
        return base


def drawn(
    rng: np.random.Generator, layout: Layout, draw: Callable[[Any, Layout], Any] | None = None
) -> tuple[np.ndarray[Any, Any], int, np.ndarray[Any, Any]]:
    """Random values in a layout: all its memory as bytes, the element of it that comes first, the array itself."""
    low, high = extent(layout.shape, layout.strides, layout.dtype.itemsize)
    memory = np.zeros(high - low, np.uint8)
    view: np.ndarray[Any, Any] = np.ndarray(layout.shape, layout.dtype, memory, -low, layout.strides)
    view[...] = draw(rng, layout) if draw else _normal(rng, layout)
    return memory, -low // layout.dtype.itemsize, view


def _normal(rng: np.random.Generator, layout: Layout) -> np.ndarray[Any, Any]:
    """Normal numbers, small integers, or bools: some, and then the same again."""
    kind, count = layout.dtype.kind, min(layout.size, PERIOD)
    if kind == "b":
        some = rng.integers(0, 2, count).astype(bool)
    elif kind in "iu":
        some = rng.integers(-100 if kind == "i" else 0, 101, count)
    else:
        some = rng.standard_normal(count, np.float32)
        some = some if kind == "f" else some + 1j * rng.standard_normal(count, np.float32)
    return np.resize(some.astype(layout.dtype), layout.shape)


def difference(got: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], rtol: float) -> str:
    """How `got` differs from the reference, in words; nothing where it does not."""
    if got.shape != wanted.shape:
        return f"its shape is {got.shape}, not {wanted.shape}"
    if got.dtype.kind in "biu":
        many = int(np.count_nonzero(got != wanted))
        return f"{many:,} of {got.size:,} elements differ" if many else ""
    if np.array_equal(got, wanted):  # most often, and much faster
        return ""
    with np.errstate(all="ignore"):
        error = np.abs(got - wanted)
        bound = rtol * np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    bad = ~(same | (error <= bound))
    many = int(np.count_nonzero(bad))
    if not many:
        return ""
    return (
        f"{many:,} of {got.size:,} elements are wrong, by up to {np.max(error[bad]):.2g} where {bound:.2g} is allowed"
    )


def _line(error: Exception) -> str:
    """What an exception says, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
