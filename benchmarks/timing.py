"""Timing in turns: each peer in batches, again and again in a fresh order, none beside another's waking threads.

Threads of OpenBLAS, of OpenMP and of XLA go on spinning for some time after a call, and on a machine of few cores they
take the next peer's. So a turn begins with `quiet`, which waits until no thread of this process burns time, half a
second at most; some untimed calls then wake the peer's own threads and caches; and its batch is timed.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

BATCH = 0.01  # seconds that one batch takes at least
SHORT_BATCH = 0.001  # the same where calls only enqueue: the queue has to take them all
ROUNDS = 9  # turns that every peer gets at least
BUDGET = 1.5  # seconds that a case may take for more turns
FEW, SHARE = 3, 1.0  # a peer that has had so many turns and seconds gets no more
WINDOW = 0.005  # seconds in which quiet() looks: a running thread's time is booked every 1 to 4 ms
CALM = 0.15  # the share of a core that counts as none
LONGEST = 0.5  # seconds that quiet() waits at most

Work = Callable[[], Any]


@dataclass(frozen=True)
class Timing:
    """What one peer took: seconds a call, one number a turn."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

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

    @property
    def numbers(self) -> dict[str, float]:
        """For a file."""
        return {"median": self.median, "best": self.best, "spread": self.spread, "turns": len(self.samples)}


def take_turns(work: Mapping[str, Work], settle: Work, length: float = BATCH) -> dict[str, Timing]:
    """Time each in batches of `length` seconds; `settle` waits for the device, off the clock."""
    counts = {name: calibrate(w, settle, length) for name, w in work.items()}
    samples: dict[str, list[float]] = {name: [] for name in work}
    order, shuffled = list(work), random.Random(1)
    began, rounds = time.perf_counter(), 0
    while rounds < ROUNDS or (time.perf_counter() - began < BUDGET and rounds < 25 * ROUNDS):
        shuffled.shuffle(order)
        for name in order:
            if len(samples[name]) < FEW or sum(samples[name]) * counts[name] < SHARE:
                samples[name].append(turn(work[name], counts[name], settle))
        rounds += 1
    return {name: Timing(tuple(s)) for name, s in samples.items()}


def turn(work: Work, count: int, settle: Work) -> float:
    """Seconds a call takes, over a batch of `count` calls that follows silence and a fifth as many untimed calls."""
    quiet()
    for _ in range(max(1, count // 5)):
        work()
    settle()
    return batch(work, count, settle)


def quiet() -> None:
    """Return when the threads of this process sleep: in two windows on end they took next to no time."""
    end, calm = time.perf_counter() + LONGEST, 0
    while calm < 2 and time.perf_counter() < end:
        began, used = time.perf_counter(), time.process_time()
        time.sleep(WINDOW)
        calm = calm + 1 if time.process_time() - used < CALM * (time.perf_counter() - began) else 0


def calibrate(work: Work, settle: Work, length: float) -> int:
    """How many calls make a batch, after a warm-up."""
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
