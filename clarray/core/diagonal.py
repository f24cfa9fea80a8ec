"""Ops of diagonals and triangles of the last two axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .aval import Aval
from .layout import Layout
from .movement import View
from .op import Op


class Diagonal(View):
    """The `offset`-th diagonal of the last two axes, as the last axis."""

    def look(self, x: Any, layouts: Sequence[Layout], params: Mapping[str, Any]) -> Any:
        return np.diagonal(x, params["offset"], -2, -1)

    def shape(self, shapes: Sequence[tuple[int | None, ...]], params: Mapping[str, Any]) -> tuple[int | None, ...]:
        (shape,), offset = shapes, params["offset"]
        if len(shape) < 2:
            raise ValueError(f"{self.name}() takes at least two dimensions, {len(shape)} came")
        rows, columns = shape[-2:]
        if rows is None or columns is None:
            return (*shape[:-2], None)
        return (*shape[:-2], max(0, min(rows + min(offset, 0), columns - max(offset, 0))))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (undiagonal(g, operands[0], offset=params["offset"]),)


class Undiagonal(Op):
    """Zeros like the second operand, but the first on the `offset`-th diagonal: the gradient of Diagonal."""

    name = "undiagonal"
    shape_only = (1,)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(avals[1].shape, avals[0].dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (diagonal(g, offset=params["offset"]), None)


class FromDiagonal(Op):
    """Square matrices with the operand's last axis on the `offset`-th diagonal, zeros elsewhere."""

    name = "from_diagonal"
    doc = "square matrices with the last axis on a diagonal, zeros elsewhere"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        if not x.ndim:
            raise ValueError(f"{self.name}() takes at least one dimension, a scalar came")
        n = None if x.shape[-1] is None else x.shape[-1] + abs(params["offset"])
        return (Aval((*x.shape[:-1], n, n), x.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (diagonal(g, offset=params["offset"]),)


class Triangle(Op):
    """The part of the last two axes on one side of the `k`-th diagonal, this included; zeros on the other."""

    def __init__(self, name: str, lower: bool, doc: str) -> None:
        self.name = name
        self.lower = lower
        self.doc = doc
        Op.registry[name] = self

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        if x.ndim < 2:
            raise ValueError(f"{self.name}() takes at least two dimensions, {x.ndim} came")
        return (Aval(x.shape, x.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (self(g, k=params["k"]),)


diagonal = Diagonal("diagonal", "a diagonal of the last two axes")
undiagonal = Op.registry["undiagonal"] = Undiagonal()
from_diagonal = Op.registry["from_diagonal"] = FromDiagonal()
lower_triangle = Triangle("lower_triangle", True, "the elements on and below a diagonal")
upper_triangle = Triangle("upper_triangle", False, "the elements on and above a diagonal")
