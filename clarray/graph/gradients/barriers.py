"""Operations that only say how a gradient passes: in a compiled function nothing is left of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.op import Op

from ..building import as_variable, constant
from ..variable import Variable
from .absent import Disconnected


class Barrier(Op):
    """Its operand as it is, with a gradient of its own choosing: `backward` makes it of the result's.

    `passes` is whether derivatives that are carried forward (`Rop`) go through unchanged; else they end here.
    """

    def __init__(self, name: str, doc: str, backward: Callable[..., Any], passes: bool = False) -> None:
        self.name = name
        self.doc = doc
        self.backward = backward
        self.passes = passes
        Op.registry[name] = self

    def infer(self, avals: Sequence[Any], params: Mapping[str, Any], fp64: bool = True) -> Any:
        return (avals[0],)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (self.backward(g, **params),)


class DerivativeOf(Barrier):
    """derivative_of(d, y): d, a derivative of y; what y depends on stays in the graph, though d may not need it.

    So a function of d may be given all inputs of y, as Theano's programs do.
    """

    shape_only = (1,)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g, None)


def zeros_like(x: Variable) -> Variable:
    """Zeros in x's shape and dtype."""
    return movement.broadcast_like(constant(np.zeros((), x.aval.dtype)), x)


def ones_like(x: Variable) -> Variable:
    """Ones in x's shape and dtype."""
    return movement.broadcast_like(constant(np.ones((), x.aval.dtype)), x)


disconnected_grad = Barrier(
    "disconnected_grad", "x; no gradient passes, and none is said to be there", lambda g: Disconnected()
)
consider_constant = Barrier("consider_constant", "x, taken as a constant: its gradient is zero", zeros_like)
zero_grad = Barrier("zero_grad", "x; its gradient is zero", zeros_like)
derivative_of = DerivativeOf("derivative_of", "the first operand", lambda g: g, passes=True)
_clip = Barrier("grad_clip", "x, its gradient clipped", lambda g, lower, upper: ops.clip(g, lower, upper), passes=True)
_scale = Barrier("grad_scale", "x, its gradient multiplied", lambda g, multiplier: g * multiplier, passes=True)


def grad_clip(x: Any, lower_bound: float, upper_bound: float) -> Variable:
    """x, whose gradient is clipped to `lower_bound` and `upper_bound`; derivatives going forward are not."""
    if not lower_bound <= upper_bound:
        raise ValueError(f"grad_clip(): lower_bound {lower_bound!r} is not below upper_bound {upper_bound!r}")
    result: Variable = _clip(as_variable(x), lower=float(lower_bound), upper=float(upper_bound))
    return result


def grad_scale(x: Any, multiplier: float) -> Variable:
    """x, whose gradient is multiplied by a number."""
    result: Variable = _scale(as_variable(x), multiplier=float(multiplier))
    return result
