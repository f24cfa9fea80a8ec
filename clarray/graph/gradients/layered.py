"""An Op applied to the layers of stacks one after another: what batching does without a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clarray.core.aval import Aval
from clarray.core.joining import concat
from clarray.core.movement import slice_
from clarray.core.op import Composite, Op


class Layered(Composite):
    """The Op `of`, with `params`, applied to each layer of those operands that are `stacked`; results are stacks.

    On the device, one launch after the other: nothing is read in between.
    """

    name = "layered"
    traceable = False

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        stacked = params["stacked"]
        layers = next((x.shape[0] for x, s in zip(avals, stacked, strict=False) if s), None)
        each = [Aval(x.shape[1:], x.dtype, x.weak) if s else x for x, s in zip(avals, stacked, strict=False)]
        made = params["of"].infer(each, dict(params["params"]), fp64)
        return tuple(Aval((layers, *x.shape), x.dtype) for x in made)

    def lower(self, *operands: Any, of: Op, stacked: Sequence[bool], params: Sequence[tuple[str, Any]]) -> Any:
        """The stacks, of arrays."""
        layers = next(x.shape[0] for x, s in zip(operands, stacked, strict=True) if s)
        if not layers:
            raise ValueError(f"{of.name}() cannot be applied to a stack of no layers")
        found = []
        for n in range(layers):
            made = of(
                *[slice_(x, index=(n,)) if s else x for x, s in zip(operands, stacked, strict=True)], **dict(params)
            )
            found.append(made if isinstance(made, tuple | list) else (made,))
        stacks = tuple(
            concat(*[slice_(x, index=(None,)) for x in results], axis=0) for results in zip(*found, strict=True)
        )
        return stacks if len(stacks) > 1 else stacks[0]


layered = Op.registry["layered"] = Layered()
