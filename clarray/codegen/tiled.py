"""Elementwise work on operands in different memory orders: tiles in which they meet.

Read along another operand's axis, a matrix costs a cache line and a page for every element (measured:
10 times the time of a copy). So an operand that is contiguous along another axis than the result is
read in tiles, whole cache lines at a time, turned in registers (CPU) or in local memory (GPU). A
CPU's work-item walks 64 columns by 256 rows, as many pages as its TLB holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from clarray.core.dtypes import DTYPES
from clarray.core.expr import Expr
from clarray.core.layout import Layout, Strides
from clarray.core.movement import astype
from clarray.core.traits import Traits

from .operand import Mapped, Operand
from .plan import Argument, Buffer, Launch, Offset, Value, ceil_div
from .tuning import Sample, Tunable, tunable

TILE = 16  # rows and columns of a tile: a cache line of float32
BLOCK = 64, 256  # columns and rows that a CPU's work-item walks
BLOCK_OF_BYTES = 32, 1024  # where an element is one byte


@dataclass(frozen=True)
class Tiled(Mapped):
    """The Spec of `tiled.mako`; the element of its body is at row r and column c of a tile."""

    template: ClassVar[str] = "tiled"

    staged: tuple[str, ...]  # the loads that lie along the other axis
    rank: int
    block: tuple[int, int] | None  # columns and rows that a work-item walks alone (CPU); else a group makes one tile
    wide: bool
    aliased: bool

    @property
    def restrict(self) -> str:
        """The qualifier of pointers: none where a result shares memory with an operand."""
        return "" if self.aliased else "restrict"

    @property
    def tile(self) -> int:
        """Rows and columns of a tile."""
        return TILE

    @property
    def loads(self) -> tuple[Operand, ...]:
        """The operands read through tiles."""
        return tuple(x for x in self.operands if x.name in self.staged)

    @property
    def direct(self) -> tuple[Operand, ...]:
        """The operands read and written where they are."""
        return tuple(x for x in self.operands if x.name not in self.staged)

    def word(self, x: Operand) -> tuple[str, int]:
        """The unsigned integer as wide as an element, and the lines of it that `tile_transpose` turns at once."""
        return {4: ("uint", 8), 8: ("ulong", 4)}.get(x.row.itemsize, ("", 0))

    def at(self, x: Operand) -> str:
        return f"{x.name}_tile[r][c]" if x.name in self.staged else x.at("c")


def suits(traits: Traits) -> bool:
    """Whether a group may have a work-item for each element of a tile; a CPU's work-items make tiles alone."""
    return traits.kind == "cpu" or traits.max_work_group >= TILE * TILE


def axis_across(sizes: tuple[int, ...], loads: Sequence[Strides]) -> int | None:
    """The axis, not the innermost, along which a load is contiguous: there tiles pay."""
    last = len(sizes) - 1
    for s in loads:
        if last > 0 and abs(s[last]) > 1 and sizes[last] >= TILE:
            for axis in range(last):
                if s[axis] == 1 and sizes[axis] >= TILE:
                    return axis
    return None


def make(
    body: Expr,
    operands: tuple[Operand, ...],
    strides: Sequence[Strides],
    across: int,
    traits: Traits,
    wide: bool,
    aliased: bool,
) -> Tiled:
    """The Spec for operands of these strides (results, then loads)."""
    staged = tuple(
        x.name for x, s in zip(operands, strides, strict=True) if not x.written and s[across] == 1 and abs(s[-1]) > 1
    )
    widest = max(x.row.itemsize for x in operands)
    default = BLOCK_OF_BYTES if widest == 1 else BLOCK
    block = traits.choice("tiled", f"{widest} bytes", default) if traits.kind == "cpu" else None
    return Tiled(body, operands, staged, len(strides[0]), block, wide, aliased)


def launch(
    spec: Tiled,
    numbers: Sequence[int],
    scalars: Sequence[Argument],
    sizes: tuple[int, ...],
    strides: Sequence[Strides],
    across: int,
    traits: Traits,
) -> Launch:
    """The launch of `spec` over merged axes; `numbers` and `strides` are those of its operands."""
    last = len(sizes) - 1
    outer = [a for a in range(last) if a != across]
    width, height = spec.block or (TILE, TILE)
    columns, rows = ceil_div(sizes[last], width), ceil_div(sizes[across], height)
    strips = prod(sizes[a] for a in outer) * rows
    index = "int64" if spec.wide else "int32"
    arguments: list[Argument] = []
    for number in numbers:
        arguments += [Buffer(number), Offset(number)]
    arguments += scalars
    arguments += [Value(v, index) for v in (sizes[last], sizes[across], columns, rows)]
    arguments += [Value(sizes[a], index) for a in reversed(outer)]
    for s in strides:
        arguments += [Value(s[a], index) for a in (last, across, *reversed(outer))]
    if spec.block:
        return Launch(spec, tuple(arguments), (strips * columns,), (1,))
    return Launch(spec, tuple(arguments), (strips * columns * TILE, TILE), (TILE, TILE))


def _candidates(traits: Traits, problem: str) -> Sequence[tuple[int, int]]:
    """Columns and rows of a block."""
    return (
        BLOCK,
        BLOCK_OF_BYTES,
        (128, 256),
        (64, 512),
        (32, 512),
        (64, 128),
        (128, 128),
        (64, 64),
        (32, 256),
        (128, 64),
    )


def _samples(traits: Traits) -> list[Sample]:
    """Matrices in Fortran's order; none on a GPU, which has no blocks."""
    if traits.kind != "cpu":
        return []
    rows, columns = 3000, 2900  # no powers of two, which are a cache's worst case
    samples = []
    for dtype in map(np.dtype, ("float32", "float64", "uint8", "uint16", "complex128")):
        if traits.fp64 or not DTYPES[dtype].is_double:
            layout = Layout.of(dtype, (rows, columns), (dtype.itemsize, rows * dtype.itemsize))
            params = {"dtype": dtype, "order": "C"}
            samples.append(Sample(f"{dtype.itemsize} bytes", astype, (layout,), np.copy, params))
    return samples


tunable(Tunable("tiled", "the block of a transpose that one work-item of a CPU walks", _candidates, _samples))
