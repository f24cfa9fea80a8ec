"""What the kernels of a scan are told: the Spec of one launch, and how the rows of a call lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clarray.core import dtypes, expr
from clarray.core.expr import Expr
from clarray.core.layout import Strides
from clarray.core.op import Reduction

from .reduce_spec import fill, replace_words

STRETCH = 2048  # elements that several sums run through at once


@dataclass(frozen=True)
class Scan:
    """The Spec of `scan.mako`. Where it `stores` it writes every element, else the total of each part."""

    template: ClassVar[str] = "scan"

    reduction: Reduction
    expr: Expr  # the element, in the accumulator's dtype
    source: dtypes.DType  # as x lies in memory
    out: dtypes.DType
    accumulator: dtypes.DType
    rank: int  # of the rows
    lanes: int
    stores: bool
    carried: bool
    registers: bool  # x and the result lie in memory as they are in registers
    wide: bool
    chains: int  # quarters of a stretch, where a work-item has one row; 0: element after element
    x_near: bool  # elements of a row are neighbours in memory
    out_near: bool
    scaled: bool = False  # products whose exponent lies apart (`lib/scaled.mako`)
    of_totals: bool = False  # what is scanned are the totals of parts

    @property
    def fp64(self) -> bool:
        return self.expr.fp64 or self.out.is_double or self.accumulator.is_double

    @property
    def stretch(self) -> int:
        """Elements that a work-item takes between two additions to what went before."""
        return STRETCH

    @property
    def ctype(self) -> str:
        """The C type of what is accumulated."""
        return f"{self.accumulator.ctype}2" if self.scaled else self.accumulator.ctype

    @property
    def identity(self) -> str:
        """C text of the value of no elements; that of a sum keeps a -0."""
        if self.scaled:
            return f"({self.ctype})(1, 0)"
        if self.reduction.name == "sum" and self.accumulator.kind in "fc":
            return f"({self.ctype})(-0.0f)"
        return fill(self.reduction.identity[self.accumulator.kind][0], self.accumulator, self.out)

    def loaded(self, x: str) -> tuple[tuple[str, ...], str]:
        """Statements, and the C text of the value that they make of the element `x`."""
        if self.of_totals:
            return (), x
        lines, (name,) = self.expr.body({0: x})
        return lines, f"scaled_from({name})" if self.scaled else name

    def joined(self, a: str, b: str) -> str:
        """C text of two accumulators, or one and an element, joined."""
        if self.scaled:
            return f"scaled_product({a}, {b})"
        code = fill(self.reduction.combine[self.accumulator.kind][0], self.accumulator, self.out)
        return replace_words(code, {"a0": a, "b0": b})

    def stored(self, a: str) -> str:
        """C text of what is written of an accumulator."""
        if self.registers:
            return a
        return expr.stored(expr.cast(f"scaled_value({a})" if self.scaled else a, self.accumulator, self.out), self.out)

    def x_at(self, t: str) -> str:
        """C text of the row's element at `t`."""
        return f"row[{t}]" if self.x_near else f"row[({t}) * x_step]"

    def out_at(self, t: str) -> str:
        """C text of the result's element at `t`."""
        return f"o[{t}]" if self.out_near else f"o[({t}) * o_step]"

    @property
    def storage(self) -> tuple[str, str]:
        """C types of x and of the result in memory."""
        source = self.ctype if self.of_totals else self.source.storage
        return source, self.ctype if self.registers else self.out.storage


@dataclass(frozen=True)
class Rows:
    """Merged extents of the rows, and the strides of result and operand along them and along the axis."""

    sizes: tuple[int, ...]
    out_steps: Strides
    x_steps: Strides
    size: int
    out_step: int
    x_step: int
