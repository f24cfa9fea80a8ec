"""Ops about where elements are: their positions along an axis, and the diagonal of two axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import ops
from .aval import Aval, normalize_axis
from .indexing import gather_back, ordered
from .movement import View, reshape
from .op import Op


class PositionsAlong(Op):
    """positions_along(like): 0, 1, 2, ... along `axis` of `like`, in int64, with one element along its other axes."""

    name = "positions_along"
    shape_only = (0,)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (like,) = avals
        axis = normalize_axis(params["axis"], like.ndim, self.name)
        return (Aval(tuple(n if a == axis else 1 for a, n in enumerate(like.shape)), np.dtype("int64")),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (None,)


class Diagonal(View):
    """The elements of x on a diagonal of the axes `axis1` and `axis2`, `offset` above the main one, along a last axis."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        return x.diagonal(params["offset"], params["axis1"], params["axis2"])

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        (shape,) = shapes
        axes = [normalize_axis(params[a], len(shape), self.name) for a in ("axis1", "axis2")]
        if axes[0] == axes[1]:
            raise ValueError(
                f"diagonal(): axis1 and axis2 are both {params['axis1']}; two different axes make a diagonal"
            )
        rest = tuple(n for a, n in enumerate(shape) if a not in axes)
        rows, columns = (shape[a] for a in axes)
        if rows is None or columns is None:
            return (*rest, None)
        offset = params["offset"]
        return (*rest, max(0, min(rows + min(offset, 0), columns - max(offset, 0))))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (x,), offset = operands, params["offset"]
        along = reshape(positions_along(g, axis=-1), shape=(-1,))
        axes = tuple(normalize_axis(params[a], x.ndim, self.name) for a in ("axis1", "axis2"))
        indices = [ops.add(along, max(-offset, 0)), ops.add(along, max(offset, 0))]
        return (gather_back(g, x, *indices, axes=axes, position=x.ndim - 2, ordered=ordered()),)


positions_along = Op.registry["positions_along"] = PositionsAlong()
diagonal = Diagonal("diagonal", "the elements on a diagonal of two axes")
