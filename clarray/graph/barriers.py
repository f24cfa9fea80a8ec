"""Operations that only say how a gradient passes: in a compiled function nothing is left of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement
from clarray.core.op import Op

from .building import constant
from .variable import Variable


class Barrier(Op):
    """Its operand as it is, with a gradient of its own choosing."""

    def __init__(self, name: str, doc: str, backward: Any) -> None:
        self.name = name
        self.doc = doc
        self.backward = backward
        Op.registry[name] = self

    def infer(self, avals: Sequence[Any], params: Mapping[str, Any], fp64: bool = True) -> Any:
        return (avals[0],)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (self.backward(g, **params),)


def zeros_like(x: Variable) -> Variable:
    """Zeros in x's shape and dtype."""
    return movement.broadcast_like(constant(np.zeros((), x.aval.dtype)), x)


def ones_like(x: Variable) -> Variable:
    """Ones in x's shape and dtype."""
    return movement.broadcast_like(constant(np.ones((), x.aval.dtype)), x)


disconnected_grad = Barrier("disconnected_grad", "x; no gradient passes, and none is said to be there", lambda g: None)
consider_constant = Barrier("consider_constant", "x, taken as a constant: its gradient is zero", zeros_like)
zero_grad = Barrier("zero_grad", "x; its gradient is zero", zeros_like)
