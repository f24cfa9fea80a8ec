"""Declaring which axes have one element: checked when a function runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clarray.core.aval import broadcast_shapes
from clarray.core.custom import ReductionCode
from clarray.core.movement import View

from .variable import Apply, Variable


class Rebroadcast(View):
    """The operand, whose axes are broadcastable as `pattern` says: True, False, or None for as it was."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        for axis, (n, one) in enumerate(zip(x.shape, params["pattern"], strict=True)):
            if one and n != 1:
                raise ValueError(
                    f"rebroadcast(): axis {axis} is declared broadcastable but has {n} elements: shape {x.shape}"
                )
        return x

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        # while extents are unknown, an axis that is not broadcastable is one of those
        other = [n if n != 1 else None for n in shapes[0]] if None in shapes[0] else shapes[0]
        pairs = zip(shapes[0], other, params["pattern"], strict=True)
        return tuple(1 if one else n if one is None else m for n, m, one in pairs)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (rebroadcast(g, pattern=tuple(n == 1 for n in operands[0].aval.shape)),)


rebroadcast = Rebroadcast("rebroadcast", "x with some axes declared broadcastable")


def addbroadcast(x: Variable, *axes: int) -> Variable:
    """x, of which these axes have one element and broadcast."""
    return _declared(x, axes, True)


def unbroadcast(x: Variable, *axes: int) -> Variable:
    """x, of which these axes are not broadcastable."""
    return _declared(x, axes, False)


def _declared(x: Variable, axes: Sequence[int], one: bool) -> Variable:
    named = [a % x.ndim for a in axes]
    return rebroadcast(x, pattern=tuple(one if a in named else None for a in range(x.ndim)))


def patternbroadcast(x: Variable, pattern: Sequence[bool]) -> Variable:
    """x, whose axes are broadcastable exactly as `pattern` says."""
    if len(pattern) != x.ndim:
        raise ValueError(f"patternbroadcast(): {x} has {x.ndim} axes, the pattern {len(pattern)}")
    return rebroadcast(x, pattern=tuple(map(bool, pattern)))


def check_broadcast(node: Apply, shapes: Mapping[Variable, tuple[int, ...]]) -> None:
    """An axis that was not declared broadcastable does not stretch: gradients count on it."""
    shape: Any = shapes[node.out]
    if isinstance(node.op, ReductionCode):
        shape = broadcast_shapes([shapes[x] for x in node.operands], node.op.name)
    for x in node.operands:
        own = shapes[x]
        if own == shape:
            continue
        for k, n in enumerate(own):
            axis = len(shape) - len(own) + k
            if n == 1 and shape[axis] != 1 and x.aval.shape[k] != 1:
                listed = " and ".join(str(shapes[y]) for y in node.operands)
                raise ValueError(
                    f"{node.op.name}(): operands have shapes {listed}; {x.described()} has one element along "
                    f"axis {k}, which is not declared broadcastable: use T.row, T.col or T.addbroadcast(x, {k})"
                    f"{f' (the operation at {node.line})' if node.line else ''}"
                )
