"""Cumulative Ops: each element of the result combines the elements up to it along one axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import ops
from .aval import Aval, normalize_axis
from .movement import slice_
from .op import Op, Reduction


class Cumulative(Op):
    """A reduction of which every partial result is kept, in order: params `axis` and `dtype`.

    Dtypes are those of the reduction: small integers widen to 64 bits.
    """

    def __init__(self, name: str, reduction: Reduction, doc: str, grad: Callable[..., Any]) -> None:
        self.name = name
        self.reduction = reduction
        self.doc = doc
        self.gradient = grad
        Op.registry[name] = self

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        normalize_axis(params["axis"], x.ndim, self.name)
        _, out = self.reduction.resolve(x.dtype, params.get("dtype"), fp64)
        return (Aval(x.shape, out),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (self.gradient(g, out, operands[0], params["axis"]),)


def _suffix_sum(x: Any, axis: int) -> Any:
    """For each element the sum of it and of all that follow."""
    index = ((None, None, None),) * (axis % x.ndim) + ((None, None, -1),)
    return slice_(cumulative_sum(slice_(x, index=index), axis=axis), index=index)


cumulative_sum: Cumulative = Cumulative(
    "cumulative_sum", ops.sum, "the sum of the elements so far", lambda g, out, x, axis: _suffix_sum(g, axis)
)
cumulative_prod = Cumulative(
    "cumulative_prod",
    ops.prod,
    "the product of the elements so far; its gradient takes elements that are not zero",
    lambda g, out, x, axis: ops.divide(_suffix_sum(ops.multiply(g, out), axis), x),
)
