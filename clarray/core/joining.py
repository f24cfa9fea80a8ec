"""Ops that lay arrays end to end, and take them apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import dtypes
from .aval import Aval, normalize_axis
from .movement import View
from .op import Op


class Concat(Op):
    """concat(*arrays): arrays one after another along `axis`, in their common dtype."""

    name = "concat"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        first = avals[0]
        axis = normalize_axis(params["axis"], first.ndim, self.name)
        shape: list[int | None] = list(first.shape)
        for other in avals[1:]:
            if other.ndim != first.ndim:
                raise ValueError(f"concat(): arrays of {first.ndim} and {other.ndim} dimensions do not go together")
            for a, n in enumerate(other.shape):
                if a == axis:
                    shape[a] = None if n is None or shape[a] is None else shape[a] + n  # type: ignore[operator]
                elif n is not None and shape[a] is not None and n != shape[a]:
                    raise ValueError(
                        f"concat(): shapes {first.shape} and {other.shape} differ along axis {a}; "
                        f"only axis {axis} may differ"
                    )
                else:
                    shape[a] = n if shape[a] is None else shape[a]
        return (Aval(tuple(shape), dtypes.promote(tuple(a.promotes_as for a in avals))),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return [concatenated(g, *operands, axis=params["axis"], number=k) for k in range(len(operands))]


class Concatenated(View):
    """concatenated(whole, *arrays): the piece of `whole` that is where concat puts array `number`."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        axis, number = params["axis"] % x.ndim, params["number"]
        extents = [layout.shape[axis] for layout in layouts[1:]]
        start = sum(extents[:number])
        return x[(slice(None),) * axis + (slice(start, start + extents[number]), ...)]

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        return tuple(shapes[1 + params["number"]])

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        pieces = [g if k == params["number"] else x * 0 for k, x in enumerate(operands[1:])]
        return (concat(*pieces, axis=params["axis"]), *[None] * len(pieces))


concat = Op.registry["concat"] = Concat()
concatenated = Concatenated("concatenated", "the piece that an array became in a concatenation")
