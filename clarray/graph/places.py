"""Where values are: `transfer` moves one, and an operation runs where its operands are.

Where they are on several devices it runs where the operand with the most axes is (axes of one element do not count),
of equals the first, and the others are transferred. Leaves without a place of their own (inputs, values kept on
the host) are where they are used, and what hangs together with no place at all runs at home, which a call chooses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from clarray.core.aval import Aval
from clarray.core.op import Op
from clarray.device.context import Context
from clarray.device.current import context_for

from .shared import SharedVariable
from .variable import Apply, Constant, Variable

HOST = "cpu"  # a target: the host's memory
Places = dict[Variable, Context | None]


class Transfer(Op):
    """The operand on `target`: a context's name, None (wherever it is computed) or "cpu", the host."""

    name = "transfer"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(avals[0].shape, avals[0].dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g,) if params["target"] in (None, HOST) else (transfer(g, None),)


transfer_op = Op.registry["transfer"] = Transfer()


def transfer(x: Variable, target: Any) -> Variable:
    """x on another device; see `Variable.transfer`."""
    if target is not None and target != HOST and not isinstance(target, Context):
        target = context_for(target)
    return transfer_op(x, target=target)


def is_transfer(x: Variable) -> bool:
    """Whether a variable is the result of a transfer."""
    return x.owner is not None and x.owner.op is transfer_op


def moves(node: Apply) -> bool:
    """Whether a node is a transfer to a device that it names."""
    return node.op is transfer_op and isinstance(node.params["target"], Context)


def find_places(
    nodes: Sequence[Apply],
    leaves: Iterable[Variable],
    known: Collection[Variable] = (),
    wanted: Mapping[Variable, Context] | None = None,
) -> Places:
    """The context of each variable; None where it may be any, that is, at home.

    What is `known` to the host is everywhere. What is `wanted` somewhere is put there if nothing else says where.
    """
    where: Places = {}
    for x in leaves:
        where[x] = x.container.context if isinstance(x, SharedVariable) else context_of(x)
    if not wanted and not any(where.values()) and not any(map(moves, nodes)):
        return where
    spread = _Spread(nodes, where, known)
    for node in nodes:
        place = node.params["target"] if moves(node) else _chosen(spread.tied[node], where)
        where.update(dict.fromkeys(node.outputs, place))
    spread.run([x for x in where if where[x] is not None])
    for x, context in (wanted or {}).items():
        if where.get(x) is None:
            where[x] = context
            spread.run([x])
    return where


def is_everywhere(x: Variable, known: Collection[Variable]) -> bool:
    """Whether a variable needs no transfer: a constant, or what the host knows and hands to every kernel."""
    if isinstance(x, Constant):
        return context_of(x) is None
    return x in known and (x.owner is not None or not x.ndim)


def _chosen(operands: Sequence[Variable], where: Places) -> Context | None:
    """Where an operation runs: where the first of its largest operands is."""
    placed = [x for x in operands if where.get(x) is not None]
    if len(placed) > 1:
        return where[max(placed, key=lambda x: x.broadcastable.count(False))]
    return where[placed[0]] if placed else None


class _Spread:
    """Gives a place to what has none from what it is tied to: operands and results of one operation."""

    def __init__(self, nodes: Sequence[Apply], where: Places, known: Collection[Variable]) -> None:
        self.where = where
        self.tied = {node: [x for x in node.read if not is_everywhere(x, known)] for node in nodes}
        self.readers: dict[Variable, list[Apply]] = {}
        self.makers: dict[Variable, Apply] = {}
        for node in nodes:
            if moves(node):
                continue
            self.makers.update((x, node) for x in node.outputs if not is_everywhere(x, known))
            for x in self.tied[node]:
                self.readers.setdefault(x, []).append(node)

    def run(self, begin: Sequence[Variable]) -> None:
        """Spread the places of some variables over what has none."""
        where, queue = self.where, deque(begin)
        while queue:
            x = queue.popleft()
            maker = self.makers.get(x)
            near = [] if maker is None else [*self.tied[maker], *maker.outputs]
            for y in [*near, *(y for node in self.readers.get(x, ()) for y in node.outputs)]:
                if where.get(y) is None:
                    where[y] = where[x]
                    queue.append(y)


def reader(x: Variable, nodes: Sequence[Apply]) -> str:
    """For an error: the first operation that reads a variable where the variable is, and the line that made it."""
    node = next((node for node in nodes if x in node.read and not moves(node)), None)
    return f" ({node.op.name}() at {node.line or 'an unknown line'})" if node is not None else ""


def context_of(x: Variable) -> Context | None:
    """The context of a constant that is a device array."""
    value = getattr(x, "value", None)
    block = getattr(value, "block", None)
    return block.context if block is not None else None
