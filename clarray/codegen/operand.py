"""Operand: an array as a kernel sees it; and what the Specs of an Expr over operands have in common."""

from __future__ import annotations

from dataclasses import dataclass

from clarray.core import dtypes, expr
from clarray.core.expr import Expr


@dataclass(frozen=True)
class Operand:
    """An array a kernel reads or writes; `inner` is its stride along the innermost axis: 0, 1 or "s"."""

    name: str
    row: dtypes.DType
    inner: int | str
    written: bool = False

    def at(self, index: str) -> str:
        """C text of the element `index` steps along the innermost axis."""
        return f"{self.name}[{self.position(index)}]"

    def position(self, index: str) -> str:
        """C text of that element's distance from the first of its row."""
        return {0: "0", 1: index}.get(self.inner, f"{index} * {self.name}_inner")  # type: ignore[arg-type]

    @property
    def qualifier(self) -> str:
        """The C type of the memory."""
        return f"global {'' if self.written else 'const '}{self.row.storage} *"


@dataclass(frozen=True)
class Mapped:
    """A Spec that computes an Expr for each element of its operands."""

    expr: Expr
    operands: tuple[Operand, ...]  # results, then loads

    @property
    def fp64(self) -> bool:
        return self.expr.fp64

    @property
    def own_code(self) -> bool:
        """Whether the user's code is in it, whose calls stay as they are."""
        return self.expr.own_code

    @property
    def preamble(self) -> str:
        """What the user's code wants before the kernel."""
        return self.expr.preamble

    @property
    def scalars(self) -> list[tuple[str, str]]:
        """C type and name of each scalar argument."""
        return scalar_parameters(self.expr)

    def at(self, x: Operand) -> str:
        """C text of an operand's element."""
        return x.at("i")

    @property
    def body(self) -> tuple[str, ...]:
        """The statements of one element."""
        results, loads = self.operands[: len(self.expr.outputs)], self.operands[len(self.expr.outputs) :]
        reads = {k: self.at(x) for k, x in zip(sorted(self.expr.leaves("load")), loads, strict=True)}
        lines, names = self.expr.body(reads)
        stores = [f"{self.at(x)} = {expr.stored(name, x.row)};" for x, name in zip(results, names, strict=True)]
        return lines + tuple(stores)


def scalar_parameters(body: Expr) -> list[tuple[str, str]]:
    """C type and name of each scalar argument of an Expr."""
    found = body.leaves("scalar")
    return [(dtypes.DTYPES[found[k]].ctype, f"s{k}") for k in sorted(found)]
