"""Stages: a function whose extents and indices are computed on the device runs in pieces.

A parameter has to be known before the kernel that it shapes is made. Where a device computes one, as the number of
true elements of a mask, a stage ends: it makes what that value needs and no more, the value is read by the host (which
waits), and the next stage is bound with it. What both need is carried along on the device. A function
without such parameters is one stage.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.array import transfer as bytes_between
from clarray.array.gpuarray import GpuArray
from clarray.core import indexing, movement
from clarray.core.layout import Layout
from clarray.core.movement import ELLIPSIS, View
from clarray.device.context import Context
from clarray.device.fallback import host_work
from clarray.errors import ClarrayError

from ..places import reader
from ..shared import uploaded
from ..variable import Apply, Hole, Variable
from ..walk import toposort
from . import known
from .binder import Binder
from .crossings import with_transfers
from .schedule import Schedule
from .step import is_cheap, is_stored
from .tape import Tape

TAPES = 256  # bound signatures that a stage keeps
WHOLE = (None, None, None)
Values = dict[Variable, Any]


class Stage:
    """A Schedule, the tapes bound for it, and which of its results the host has to know before the next stage."""

    def __init__(self, schedule: Schedule, asked: Sequence[Variable] = ()) -> None:
        self.schedule = schedule
        self.asked = set(asked)
        self.fresh: Sequence[bool | None] = [None] * len(schedule.outputs)  # see Binder.bind
        self.tapes: OrderedDict[Any, Tape] = OrderedDict()
        self.watcher: Callable[[Tape, Binder], Tape] | None = None  # a mode's, that checks what a tape does
        self.watch: Callable[[Tape], Tape] | None = None  # makes of a tape one that somebody looks at

    def prepared(
        self, values: Values, home: Context, arity: int, where: Callable[[int], str]
    ) -> tuple[Tape, list[Any]]:
        """The tape for these values of the leaves, and their blocks; what is on the host is uploaded.

        The first `arity` leaves are arguments, which `where` names in errors.
        """
        schedule = self.schedule
        key: list[Any] = []
        blocks: list[Any] = []
        layouts: list[Layout | None] = []
        offsets: list[int] = []
        host_values: Values = {}
        for k, x in enumerate(schedule.leaves):
            value = values[x]
            if x in schedule.needed:
                host_values[x] = host = _known_value(value, x)
                key.append(host.tobytes() + repr(host.shape).encode())
            if not schedule.wanted[k]:
                blocks.append(None)
                layouts.append(None)
                offsets.append(0)
                continue
            place = schedule.where.get(x) or home
            if isinstance(value, GpuArray):
                array = value
            else:
                try:
                    array = values[x] = uploaded(np.asarray(value), place)
                except (ClarrayError, TypeError) as error:
                    error.add_note(f"while {where(k) if k < arity else x.described()} was uploaded")
                    raise
            key += (array.layout, array.offset)
            if k < arity:
                key.append(array.block.context)
                if array.context is not place:
                    raise ValueError(
                        f"{where(k)}: the array is on {array.context.name!r}, the function runs on "
                        f"{place.name!r}{reader(x, schedule.nodes)}; move it with transfer()"
                    )
            blocks.append(array.block)
            layouts.append(array.layout)
            offsets.append(array.offset)
        found = tuple(key)
        tape = self.tapes.get(found)
        if tape is None:
            binder = Binder(schedule, home, layouts, offsets, host_values)
            tape = binder.bind(self.fresh)
            tape = self.watch(tape) if self.watch is not None else tape
            if self.watcher is not None:
                tape = self.watcher(tape, binder)
            self.tapes[found] = tape
            if len(self.tapes) > TAPES:
                self.tapes.popitem(last=False)
        return tape, blocks

    def advance(self, slots: Sequence[Any], tape: Tape, values: Values) -> None:
        """Put what a run of the tape has made where the next stage finds it; waits for what the host has to know."""
        for x, (slot, layout, offset) in zip(self.schedule.outputs, tape.results, strict=True):
            if layout is None:
                values[x] = offset
            elif x in self.asked:
                host_work(f"reading {x.described()}, on which an extent or an index depends,")
                values[x] = downloaded(slots[slot], layout, offset)
            else:
                values[x] = GpuArray(layout, offset, slots[slot])


def _known_value(value: Any, x: Variable) -> np.ndarray[Any, Any]:
    if isinstance(value, GpuArray):
        host_work(f"reading {x.described()}, whose value a shape or an index depends on,")
        return value.numpy()
    return np.asarray(value)


def downloaded(block: Any, layout: Layout, offset: int) -> np.ndarray[Any, Any]:
    """A new ndarray; waits."""
    result = np.empty(layout.shape, layout.dtype)
    bytes_between.read(block, offset, result)
    return result


def staged(
    leaves: Sequence[Variable], outputs: Sequence[Variable], fuse: bool, wanted: Sequence[Context | None] = ()
) -> list[Stage]:
    """The stages that make `outputs` from leaves, those that are `wanted` on a device there; the last one makes all."""
    outputs = _gathered(leaves, list(outputs))
    outputs, where = with_transfers(leaves, outputs, wanted or [None] * len(outputs))
    nodes = toposort(outputs, set(leaves))
    asked = _asked(nodes, leaves)
    if not asked:
        return [Stage(Schedule(leaves, outputs, fuse, where=where))]
    levels = _levels(nodes, asked)
    goals: list[list[Variable]] = [[] for _ in range(1 + max(levels[x] for x in asked))]
    for x in asked:
        goals[levels[x]].append(x)
    goals.append(outputs)
    made: dict[Variable, int] = {}  # by which stage
    kept: list[dict[Variable, None]] = [{} for _ in goals]
    taken: list[list[Variable]] = []
    told: list[Variable] = []  # what the host knows by now
    for number, goal in enumerate(goals):
        follows = known.Knowledge(nodes, leaves, told).follows
        reached, carried = _reached(goal, {*leaves, *told, *follows}, made)
        for x in carried:
            kept[made[x]][x] = None
        taken.append([*carried, *told])
        made.update((x, number) for x in reached if x not in made)
        told = [*told, *goal]
    stages = []
    for number, goal in enumerate(goals):
        last = number == len(goals) - 1
        results = goal if last else list({**dict.fromkeys(goal), **kept[number]})
        given = [x for x in taken[number] if x in asked]
        schedule = Schedule([*leaves, *taken[number]], results, fuse, given, where)
        stages.append(Stage(schedule, () if last else goal))
    return stages


def _asked(nodes: Sequence[Apply], leaves: Sequence[Variable]) -> list[Variable]:
    """The values that parameters need and that a device computes."""
    return known.Knowledge(nodes, leaves).asked if any(node.holes for node in nodes) else []


def _levels(nodes: Sequence[Apply], asked: Collection[Variable]) -> dict[Variable, int]:
    """For each variable how many stages end before it can be computed."""
    levels: dict[Variable, int] = {}
    for node in nodes:
        level = max((levels.get(x, 0) for x in node.inputs), default=0)
        level = max([level, *(levels.get(x, 0) + 1 for x in node.holes if x in asked)])
        levels.update(dict.fromkeys(node.outputs, level))
    return {**dict.fromkeys(asked, 0), **levels}


def _reached(
    goal: Sequence[Variable], known_before: Collection[Variable], made: Mapping[Variable, int]
) -> tuple[list[Variable], list[Variable]]:
    """What a stage computes for `goal`, and what of earlier stages it reads.

    Views, and cheap values of arrays, are rather made again.
    """
    reached: dict[Variable, None] = {}
    carried: dict[Variable, None] = {}
    stack = list(goal)
    while stack:
        x = stack.pop()
        node = x.owner
        if node is None or x in known_before or x in reached or x in carried:
            continue
        again = isinstance(node.op, View) or (is_cheap(node) and all(map(is_stored, node.read)))
        if x in made and not again:
            carried[x] = None
            continue
        reached.update(dict.fromkeys(node.outputs))
        stack += node.read
    return list(reached), list(carried)


# an element picked by a computed index takes no stage


def _gathered(leaves: Sequence[Variable], outputs: list[Variable]) -> list[Variable]:
    """The outputs, but x[i] with an integer that a device computes a `take`, and its gradient the gradient of one."""
    nodes = toposort(outputs, set(leaves))
    asked = _asked(nodes, leaves)
    if not any(node.op in (movement.slice_, movement.unslice) and _picks(node, asked) for node in nodes):
        return outputs
    now: dict[Variable, Variable] = {}
    for node in nodes:
        inputs = [now.get(x, x) for x in node.inputs]
        made = node if inputs == list(node.inputs) else node.with_inputs(inputs)
        picks = _picks(node, asked) if node.op in (movement.slice_, movement.unslice) else []
        results: Sequence[Variable] = made.outputs
        if picks:
            results = [_picked(made, picks)]
            for step in toposort(results, made.inputs):
                step.line = node.line
        for old, new in zip(node.outputs, results, strict=True):
            if old is not new:
                new.name = new.name or old.name
                now[old] = new
    return [now.get(x, x) for x in outputs]


def _picks(node: Apply, asked: Collection[Variable]) -> list[int]:
    """Which parts of an index are integers that a device computes."""
    index = node.params["index"]
    return [k for k, part in enumerate(index) if isinstance(part, Hole) and node.inputs[part.input] in asked]


def _picked(node: Apply, picks: Sequence[int]) -> Variable:
    """x[..., i, ...] -> take(x[..., :, ...], i, ...), and the gradient of the one -> that of the other"""
    index, back = node.params["index"], node.op is movement.unslice
    x = node.operands[1] if back else node.operands[0]
    indices = [node.inputs[index[k].input] for k in picks]
    filled = [node.inputs[part.input] if isinstance(part, Hole) else part for part in index]
    rest = tuple(WHOLE if k in picks else part for k, part in enumerate(filled))
    consumed = sum(part is not None and part != ELLIPSIS for part in index)
    axes: list[int] = []
    axis = 0  # of the view
    for k, part in enumerate(index):
        if k in picks:
            axes.append(axis)
        if part is None or k in picks or isinstance(part, tuple):
            axis += 1
        elif part == ELLIPSIS:
            axis += x.ndim - consumed
    view: Variable = movement.slice_(x, index=_with_variables(rest, node))
    params = {"axes": tuple(axes), "position": axes[0]}
    if not back:
        result: Variable = indexing.take(view, *indices, **params)
        return result
    scattered = indexing.gather_back(node.operands[0], view, *indices, **params, ordered=indexing.ordered())
    result = movement.unslice(scattered, x, index=_with_variables(rest, node))
    return result


def _with_variables(index: Sequence[Any], node: Apply) -> tuple[Any, ...]:
    """An index with variables where it had holes."""

    def settled(part: Any) -> Any:
        if isinstance(part, Hole):
            return node.inputs[part.input]
        return tuple(map(settled, part)) if isinstance(part, tuple) else part

    return tuple(map(settled, index))
