"""Rules that every function needs: what has no kernel of its own gives way to what has.

They do not run before differentiating, where a barrier or a composite still has a gradient to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clarray.core.op import Composite

from ..barriers import Barrier
from ..building import as_variable
from ..places import moves, transfer_op
from ..variable import Apply, Variable
from .database import rewrite


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
