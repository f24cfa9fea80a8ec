"""Where values are: `transfer` moves one, and an operation runs where its operands are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clarray.core.aval import Aval
from clarray.core.op import Op
from clarray.device.context import Context
from clarray.device.current import context_for

from .shared import SharedVariable
from .variable import Apply, Constant, Variable

HOST = "cpu"  # a target: the host's memory


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
    """Whether a transfer goes to a device that it names."""
    return isinstance(node.params["target"], Context)


def find_places(nodes: Sequence[Apply], leaves: Iterable[Variable]) -> dict[Variable, Context | None]:
    """The context of each variable; None where it may be any, that is, where the function runs.

    An operation is where its operands are; what has no place of its own is where it is used.
    """
    where: dict[Variable, Context | None] = {}
    for x in leaves:
        where[x] = x.container.context if isinstance(x, SharedVariable) else context_of(x)
    for node in nodes:
        place = next((where[x] for x in _moved_operands(node) if where.get(x) is not None), None)
        if node.op is transfer_op and moves(node):
            place = node.params["target"]
        where.update(dict.fromkeys(node.outputs, place))
    for node in reversed(nodes):
        if node.op is not transfer_op:
            for x in _moved_operands(node):
                if where.get(x) is None:
                    where[x] = where[node.out]
    for node in nodes:
        if node.op is not transfer_op:
            _check_together(node, where)
    return where


def _moved_operands(node: Apply) -> list[Variable]:
    """The operands that have to be where the operation is: constants are everywhere."""
    return [x for x in node.read if not isinstance(x, Constant) or context_of(x)]


def _check_together(node: Apply, where: Mapping[Variable, Context | None]) -> None:
    placed = [x for x in (*_moved_operands(node), node.out) if where.get(x) is not None]
    for x in placed:
        a, b = where[placed[0]], where[x]
        if a is not b:
            line = f" ({node.line})" if node.line else ""
            raise ValueError(
                f"{node.op.name}(): {placed[0]} is on {a.name!r} and {x} on {b.name!r}; "  # type: ignore[union-attr]
                f"move one with transfer(){line}"
            )


def context_of(x: Variable) -> Context | None:
    """The context of a constant that is a device array."""
    value = getattr(x, "value", None)
    block = getattr(value, "block", None)
    return block.context if block is not None else None
