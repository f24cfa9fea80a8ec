"""Operand: an array as a kernel sees it."""

from __future__ import annotations

from dataclasses import dataclass

from clarray.core import dtypes


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
