"""Which variables have one shape, whatever it turns out to be."""

from __future__ import annotations

from collections.abc import Iterable

from clarray.core import movement

from ..variable import Apply, Variable
from .step import kind_of


class SameShape:
    """Classes of variables, found by way of elementwise operations.

    An axis that is not declared broadcastable does not stretch, so that an operand with the result's pattern has the
    result's shape.
    """

    def __init__(self, nodes: Iterable[Apply]) -> None:
        self._above: dict[Variable, Variable] = {}
        for node in nodes:
            if kind_of(node) == "elementwise" or node.op is movement.broadcast_like:
                for x in node.operands:
                    for out in node.outputs:
                        if x.broadcastable == out.broadcastable:
                            self._join(x, out)

    def of(self, x: Variable) -> Variable:
        """The variable that stands for the class of x."""
        above = self._above
        top = x
        while top in above:
            top = above[top]
        while x is not top:
            above[x], x = top, above[x]
        return top

    def _join(self, x: Variable, y: Variable) -> None:
        a, b = self.of(x), self.of(y)
        if a is not b:
            self._above[b] = a
