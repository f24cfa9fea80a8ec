"""Tape: what a warm call does, worked out beforehand: launches over slots that hold blocks of memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from clarray.core.layout import Layout
from clarray.device.run import BoundPlan

from ..inside.failures import in_call
from ..variable import Variable
from .step import Step

Slots = list[Any]


class Place:
    """Where a variable lies: a slot, and in its block a layout and an offset in bytes."""

    __slots__ = ("layout", "offset", "root", "slot")

    def __init__(self, slot: int, layout: Layout, offset: int, root: Variable) -> None:
        self.slot = slot
        self.layout = layout
        self.offset = offset
        self.root = root  # the variable whose block this is


class Record:
    """What a step of a tape is, for those who look on: profiles and modes that check."""

    __slots__ = ("bound", "made", "read", "run", "step")

    def __init__(
        self,
        step: Step | None,
        run: Callable[[Slots], None],
        made: Sequence[Place],
        read: Sequence[Place],
        bound: BoundPlan | None = None,
    ) -> None:
        self.step = step  # what is computed; None: a copy into C order
        self.run = run
        self.made = made  # where its results lie; `root` is their variable
        self.read = read
        self.bound = bound  # its kernels, if it has any


Watch = Callable[[Record, Slots], None]


class Tape:
    """What a call does for arguments of certain layouts: launches over slots, then results."""

    __slots__ = ("blocks", "dead", "records", "results", "shapes", "steps", "width")

    def __init__(self, width: int) -> None:
        self.width = width  # slots of the caller, which come first
        self.blocks: Slots = []  # what the other slots hold beforehand: constants
        self.steps: list[Callable[[Slots], None]] = []
        self.records: list[Record] = []  # one for each step
        self.shapes: dict[Variable, tuple[int, ...]] = {}  # of what the steps read and make
        self.dead: dict[int, list[int]] = {}  # by step: the slots that nobody reads after it
        self.results: list[tuple[int, Layout | None, Any]] = []  # slot, layout, offset; or -1, None, a known ndarray

    def slot(self, block: Any = None) -> int:
        """A new slot."""
        self.blocks.append(block)
        return self.width + len(self.blocks) - 1

    def run(self, slots: Slots) -> Slots:
        """Enqueue everything; the caller's slots become those of the whole, in which what died is None."""
        slots += self.blocks
        try:
            for step in self.steps:
                step(slots)
        except Exception as error:
            in_call(error, self, self.steps.index(step), slots)
            raise
        return slots

    def run_watched(self, slots: Slots, before: Watch, after: Watch) -> Slots:
        """`run`, with a call before and after each step, when its operands and results are all there."""
        slots += self.blocks
        for k, record in enumerate(self.records):
            try:
                before(record, slots)
                record.run(slots)
                after(record, slots)
            except Exception as error:
                in_call(error, self, k, slots)
                raise
            for slot in self.dead.get(k, ()):
                slots[slot] = None
        return slots


def freeing(step: Callable[[Slots], None], dead: Sequence[int]) -> Callable[[Slots], None]:
    """A step after which the blocks in some slots are let go."""

    def run(slots: Slots) -> None:
        step(slots)
        for slot in dead:
            slots[slot] = None

    return run


def launcher(
    bound: BoundPlan,
    made: Sequence[tuple[int, int]],
    slots: Sequence[int],
    offsets: Sequence[int],
    kept: Sequence[tuple[int, int]] = (),
) -> Callable[[Slots], None]:
    """A step that allocates results (slot, bytes) and enqueues the launches of a plan.

    Results (slot, slot of an operand) that are `kept` lie where an operand does.
    """
    allocate = bound.context.memory.allocate
    run, offsets = bound.run, tuple(offsets)
    if kept:

        def launch_over(held: Slots) -> None:
            for slot, operand in kept:
                held[slot] = held[operand]
            for slot, nbytes in made:
                held[slot] = allocate(nbytes)
            run([held[slot] for slot in slots], offsets)

        return launch_over
    if not bound.launchers:

        def only_allocate(held: Slots) -> None:
            for slot, nbytes in made:
                held[slot] = allocate(nbytes)

        return only_allocate
    if len(made) == 1 and len(slots) > 1:
        (first, nbytes), get = made[0], itemgetter(*slots)

        def launch_one(held: Slots) -> None:
            held[first] = allocate(nbytes)
            run(get(held), offsets)

        return launch_one

    def launch(held: Slots) -> None:
        for slot, nbytes in made:
            held[slot] = allocate(nbytes)
        run([held[slot] for slot in slots], offsets)

    return launch
