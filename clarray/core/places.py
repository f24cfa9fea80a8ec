"""Positions of elements, made where they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .aval import Aval, normalize_axis
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


positions_along = Op.registry["positions_along"] = PositionsAlong()
