"""Where values are: `transfer` moves one, and an operation runs where its operands are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clarray.core.aval import Aval
from clarray.core.op import Op
from clarray.device.context import Context
from clarray.device.current import context_for

from .shared import SharedVariable
from .variable import Apply, Variable

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
    return transfer_op(x, target=target)  # type: ignore[no-any-return]


def is_transfer(x: Variable) -> bool:
    """Whether a variable is the result of a transfer."""
    return x.owner is not None and x.owner.op is transfer_op


def moves(node: Apply) -> bool:
    """Whether a transfer goes to a device that it names."""
    return isinstance(node.params["target"], Context)


def find_places(nodes: Iterable[Apply], leaves: Iterable[Variable]) -> dict[Variable, Context | None]:
    """The context of each variable; None where it may be any, that is, where the function runs."""
    where: dict[Variable, Context | None] = {}
    origin: dict[Variable, Variable] = {}  # the leaf or transfer that decided
    for x in leaves:
        where[x] = x.container.context if isinstance(x, SharedVariable) else context_of(x)
        origin[x] = x
    for node in nodes:
        fixed = [x for k, x in enumerate(node.operands) if k not in node.op.shape_only and where.get(x) is not None]
        place, source = None, None
        if node.op is transfer_op:
            place = node.params["target"] if moves(node) else where.get(node.inputs[0])
            source = node.out
        elif fixed:
            place, source = where[fixed[0]], origin[fixed[0]]
            for x in fixed[1:]:
                if where[x] is not place:
                    raise ValueError(
                        f"{node.op.name}(): {source} is on {place.name!r} and {origin[x]} on {where[x].name!r}; "  # type: ignore[union-attr]
                        f"move one with transfer(){f' ({node.line})' if node.line else ''}"
                    )
        for out in node.outputs:
            where[out] = place
            origin[out] = source if source is not None else out
    return where


def context_of(x: Variable) -> Context | None:
    """The context of a constant that is a device array."""
    value = getattr(x, "value", None)
    block = getattr(value, "block", None)
    return block.context if block is not None else None
