"""Rules that every function needs: what has no kernel of its own gives way to what has.

They do not run before differentiating, where a barrier or a composite still has a gradient to say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from clarray.core.op import Composite

from ..building import as_variable
from ..gradients.barriers import Barrier
from ..places import moves, transfer_op
from ..variable import Apply, Variable
from ..walk import toposort
from .database import Rewrite, Rules, rewrite
from .rebuild import Rebuild


@rewrite(Barrier, phase="required")
def drop_barrier(node: Apply) -> Variable | None:
    """disconnected_grad(x) and its kin -> x"""
    return node.inputs[0]


@rewrite(Composite, phase="required")
def take_apart(node: Apply) -> Sequence[Variable] | None:
    """A traceable composite -> what it calls"""
    op: Any = node.op
    if not op.traceable:
        return None
    made = op.lower(*node.operands, **node.filled(node.holes))
    return [as_variable(x) for x in (made if isinstance(made, tuple | list) else (made,))]


def _open_up(node: Apply) -> Sequence[Variable] | None:
    op: Any = node.op
    made: Sequence[Variable] | None = take_apart(node) if op.captures else None
    return made


OPEN_UP = Rules([Rewrite("open_up", "required", "An operation that captures -> what it calls", (Composite,), _open_up)])


def opened(outputs: Sequence[Variable], keep: Collection[Variable]) -> Sequence[Variable]:
    """The outputs with what they capture in sight, for derivatives to reach it; nothing is changed behind `keep`."""
    nodes = toposort(outputs, keep)
    if not any(isinstance(node.op, Composite) and node.op.captures for node in nodes):
        return outputs
    made = Rebuild(OPEN_UP, {})
    for node in nodes:
        made.add(node)
    return [made.current(x) for x in outputs]


@rewrite(transfer_op, phase="required")
def cancel_transfers(node: Apply) -> Variable | None:
    """A transfer to no device in particular -> x; transfers one after the other -> the last one"""
    x = node.inputs[0]
    if not moves(node):
        return x
    inner = x.owner
    if inner is not None and inner.op is transfer_op:
        return transfer_op(inner.inputs[0], target=node.params["target"])
    return None
