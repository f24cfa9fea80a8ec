"""Crossings: the transfers that an expression over several devices needs, and an order that lets devices run at once.

Enqueuing never waits, but what comes after a transfer in a queue does. So what depends on fewer transfers
is enqueued first, and what a transfer reads is sent as soon as it is made.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from clarray.device.context import Context

from ..origin import made_for
from ..places import Places, context_of, find_places, is_everywhere, is_transfer, moves, transfer_op
from ..variable import Apply, Constant, Variable
from ..walk import toposort
from . import known
from .step import Step


def with_transfers(
    leaves: Sequence[Variable], outputs: Sequence[Variable], wanted: Sequence[Context | None]
) -> tuple[list[Variable], Places]:
    """The outputs, in a graph in which every operation finds its operands where it runs; and all places.

    Output k ends up in `wanted[k]`, where that is not None. A value goes to each device once, and one that comes from
    where it is needed is taken from there.
    """
    outputs = [_own_constant(x) if context is not None else x for x, context in zip(outputs, wanted, strict=True)]
    nodes = toposort(outputs, set(leaves))
    inputs = dict.fromkeys([*(x for node in nodes for x in node.inputs), *outputs])
    constants = [x for x in inputs if isinstance(x, Constant)]
    follows = known.Knowledge(nodes, leaves).follows
    goals = {x: context for x, context in zip(outputs, wanted, strict=True) if context is not None}
    where = find_places(nodes, [*leaves, *constants], follows, goals)
    if len({*where.values(), *goals.values()} - {None}) > 1 or any(map(moves, nodes)):
        outputs = _Crossings(where, follows).through(nodes, outputs, wanted)
    return outputs, where


def _own_constant(x: Variable) -> Variable:
    """A constant as one of its own: it may be the new value of variables on several devices."""
    return Constant(x.value, x.aval, x.name) if isinstance(x, Constant) and context_of(x) is None else x


class _Crossings:
    """Rebuilds a graph with its transfers; `where` grows with it."""

    def __init__(self, where: Places, follows: Collection[Variable]) -> None:
        self.where = where
        self.follows = set(follows)
        self.now: dict[Variable, Variable] = {}
        self.moved: dict[tuple[Variable, Context], Variable] = {}

    def through(
        self, nodes: Sequence[Apply], outputs: Sequence[Variable], wanted: Sequence[Context | None]
    ) -> list[Variable]:
        """The outputs of the rebuilt graph."""
        for node in nodes:
            with made_for(node.line):
                if moves(node):
                    (x,) = node.inputs
                    self.now[node.out] = self._on(self.now.get(x, x), node.params["target"], always=True)
                else:
                    self._rebuild(node)
        found = []
        for x, context in zip(outputs, wanted, strict=True):
            x = self.now.get(x, x)
            found.append(x if context is None else self._on(x, context, always=isinstance(x, Constant)))
        return found

    def _rebuild(self, node: Apply) -> None:
        context = None if node.out in self.follows else self.where.get(node.out)
        inputs = [self.now.get(x, x) for x in node.inputs]
        if context is not None:
            read = {self.now.get(x, x) for x in node.read}
            inputs = [
                self._on(x, context) if k < node.operand_count and x in read and not is_everywhere(x, self.follows)
                else x
                for k, x in enumerate(inputs)
            ]  # fmt: skip
        if inputs == list(node.inputs):
            return
        made = node.with_inputs(inputs)
        for old, new in zip(node.outputs, made.outputs, strict=True):
            new.name = old.name
            self.now[old] = new
            self.where[new] = self.where.get(old)
            if old in self.follows:
                self.follows.add(new)

    def _on(self, x: Variable, context: Context, always: bool = False) -> Variable:
        """A variable where it is needed; one without a place is, or with `always` is sent there."""
        if isinstance(x, Constant) and context_of(x) is not None and not always:
            return x  # moved once, when it is bound
        while is_transfer(x) and self.where[x] is not context:
            x = x.owner.inputs[0]  # type: ignore[union-attr]
        place = self.where.get(x)
        if place is context or (place is None and not always):
            return x
        found = self.moved.get((x, context))
        if found is None:
            found = self.moved[x, context] = transfer_op(x, target=context)
            found.name = x.name
            self.where[found] = context
        return found


def side_by_side(steps: Sequence[Step]) -> list[Step]:
    """Steps in an order in which no device waits for another longer than it has to."""
    if not any(moves(step.head) for step in steps):
        return list(steps)
    levels: dict[Variable, int] = {}  # the transfers behind a variable, one after the other
    depth: dict[Step, int] = {}
    sent: dict[Variable, list[Step]] = {}
    made: set[Variable] = set()
    for step in steps:
        depth[step] = level = max((levels.get(x, 0) for x in step.inputs), default=0)
        levels.update(dict.fromkeys(step.outputs, level + moves(step.head)))
        if moves(step.head):
            sent.setdefault(step.inputs[0], []).append(step)
        else:
            made.update(step.outputs)
    order = [step for x in sent if x not in made for step in sent[x]]  # what is there from the beginning
    order = [step for step in order if not depth[step]]
    early = set(order)
    for step in sorted((s for s in steps if s not in early), key=depth.__getitem__):
        if step in early:
            continue
        order.append(step)
        for x in step.outputs if not moves(step.head) else ():
            order += sent.get(x, [])
            early.update(sent.get(x, ()))
    return order
