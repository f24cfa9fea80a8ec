"""Matrix products on a GPU, and which kernel a problem gets.

A group makes a tile of the result through local memory, a work-item a block of it in registers
(`gemm_tiled.mako`), after Volkov and Demmel 2008, "Benchmarking GPUs to tune dense linear algebra". Few columns are
made by teams that read rows of a (`gemm_rows.mako`), few rows and small matrices without local memory
(`gemm_direct.mako`). Where that leaves the device idle, the steps of k are divided: parts go to scratch memory and
`gemm_sum.mako` adds them in their order, so that results are the same at every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeVar

import numpy as np

from clarray.core import dtypes
from clarray.core.dtypes import NumpyDType
from clarray.core.layout import Layout
from clarray.core.linear import matmul
from clarray.core.traits import Traits

from .gemm import Problem, Steps, sums_dtype
from .gemm_specs import GROUP, Direct, Rows, Tile, Tiled, log2
from .gemm_tensor import Tensor, Warps
from .plan import ROWS_OF_GRID, Argument, Launch, Plan, Value, ceil_div, round_up
from .tuning import Sample, Tunable, tunable

S = TypeVar("S")

ITEMS_PER_UNIT = 1024  # work-items a GPU wants
SKINNY = 8  # rows or columns that are too few for tiles
SMALL = 32  # rows and columns below which a matrix is too small for tiles
PART = 128  # steps of k that are worth a part of their own
LONGEST = 1 << 15  # steps of k to one work-item without local memory, at most
LAUNCH = 600_000  # multiplications a unit does in the time that one more launch takes
BYTE = 6  # multiplications a unit does in the time that a byte takes from memory
FULL = 256  # work-items that keep a unit busy
TENSOR = 16  # multiplications of tensor cores in the time of one other

# by words of 4 bytes to an element of the sums: those the model chooses from, then what else may be tried
TILES = {
    1: ([Tile(128, 64, 8, 8, 8), Tile(64, 64, 16, 4, 4), Tile(32, 32, 16, 4, 4), Tile(32, 128, 8, 4, 8),
         Tile(128, 32, 8, 8, 4)],
        [Tile(128, 128, 8, 8, 8), Tile(128, 128, 16, 8, 8), Tile(128, 64, 16, 8, 4), Tile(64, 128, 16, 4, 8),
         Tile(64, 64, 16, 8, 8), Tile(32, 32, 32, 4, 4), Tile(16, 128, 16, 4, 4)]),
    2: ([Tile(128, 64, 8, 8, 4), Tile(64, 64, 16, 4, 4), Tile(32, 32, 16, 4, 4), Tile(32, 128, 8, 4, 4),
         Tile(128, 32, 8, 4, 4)],
        [Tile(128, 128, 8, 8, 8), Tile(64, 128, 8, 4, 8), Tile(64, 64, 8, 4, 4), Tile(16, 128, 8, 4, 4)]),
    4: ([Tile(64, 64, 8, 4, 4), Tile(32, 32, 8, 4, 4)], [Tile(16, 64, 8, 4, 4), Tile(64, 16, 8, 4, 4)]),
}  # fmt: skip
WARPS = (
    [Warps(128, 128, 32, 2, 2), Warps(64, 64, 32, 2, 2)],
    [Warps(128, 256, 32, 2, 4), Warps(256, 128, 32, 4, 2), Warps(128, 128, 32, 2, 4), Warps(128, 64, 32, 2, 2),
     Warps(32, 64, 32, 2, 2)],
)  # fmt: skip


def tiles(sums: NumpyDType, traits: Traits, more: bool = False) -> list[Tile]:
    """The tiles that a device has room for: those for everyday, and `more` to try in tuning."""
    usual, others = TILES[sums.itemsize // 4]
    room, most = traits.local_memory, traits.max_work_group
    known = [*usual, *others] if more else usual
    fit = [tile for tile in known if tile.local_bytes(sums.itemsize) <= room and tile.group <= most]
    return fit or [min(usual, key=lambda tile: tile.local_bytes(sums.itemsize))]


def warps(traits: Traits, more: bool = False) -> list[Warps]:
    """Those of tensor cores; none where there are none."""
    usual, others = WARPS
    known = [*usual, *others] if more else usual
    return [tile for tile in known if traits.tensor_cores and tile.local_bytes(2) <= traits.local_memory]


def problem_class(row: dtypes.DType, m: int, n: int, stacked: int) -> str:
    """The class of problems for tuning: the dtype of a, and the side of a square of as many elements as the result."""
    side = 1 << min(12, max(7, round(np.log2(max(1, m * n * stacked)) / 2)))
    return f"{row.name} {side}"


def cost(tile: Tile | Warps, parts: int, problem: Problem, units: int) -> float:
    """Multiplications that a unit could have done in the time the product takes, by a plain model.

    A tile's rate is bounded by what it reads of local memory for each multiplication; units run their groups in turn,
    and a unit with too few work-items waits for memory.
    """
    m, n, stacked, fast = problem.m, problem.n, prod(problem.batch), TENSOR if isinstance(tile, Warps) else 1
    itemsize = problem.sums.itemsize
    groups = stacked * ceil_div(m, tile.rows) * ceil_div(n, tile.columns) * parts
    steps = round_up(ceil_div(problem.depth, parts), tile.depth) + 2 * tile.depth
    turns = max(ceil_div(groups, units), FULL / tile.group)
    made = turns * tile.rows * tile.columns * steps * (1 + 1 / tile.ratio) * itemsize / 4
    made += turns * (tile.rows + tile.columns) * steps * itemsize  # what all units read at once, mostly hidden
    return made + fast * (LAUNCH + 2 * BYTE * parts * m * n * stacked * itemsize / units if parts > 1 else 0)


@dataclass(frozen=True)
class GpuProblem(Problem):
    """A product ready to be laid out on a GPU."""

    def plan(self) -> Plan:
        """The launches."""
        if min(self.m, self.n) <= (SKINNY if self.sums.itemsize <= 8 else SKINNY // 2):
            return self._skinny()
        if max(self.m, self.n) < SMALL:
            return self._direct()
        return self._tiled()

    def vector(self) -> Plan | None:
        """The product with a vector; of two vectors it is a reduction."""
        return self._skinny() if max(self.m, self.n) > 1 else None

    @property
    def _units(self) -> int:
        return max(self.traits.compute_units, 8)

    @property
    def _group(self) -> int:
        """Work-items of a group that makes no tile: a power of two."""
        return 1 << log2(min(GROUP, self.traits.max_work_group))

    def _turned(self) -> GpuProblem:
        """The transpose, of b' and a'."""
        steps = [Steps(s.second, s.first, s.batch) for s in self.steps]
        order = (0, 2, 1, *range(3, len(steps)))
        return replace(
            self, m=self.n, n=self.m, steps=[steps[k] for k in order],
            layouts=[self.layouts[k] for k in order], numbers=[self.numbers[k] for k in order],
        )  # fmt: skip

    def _skinny(self) -> Plan:
        problem = self if self.n <= self.m else self._turned()  # few columns
        a = problem.steps[1]
        if abs(a.second) > abs(a.first):
            return problem._turned()._direct()
        return problem._rows_of_a()

    def _rows_of_a(self) -> Plan:
        columns = next(c for c in (1, 2, 4, 8) if c >= self.n)
        row = self.factors()[0]
        lanes = min(8, 16 // row.itemsize)
        rows = self.m * prod(self.batch)
        team = 8
        while team < self._group and self.depth >= 8 * team * lanes and rows * team < ITEMS_PER_UNIT * self._units:
            team *= 2
        team = max(team, columns)
        spec = self._spec(Rows, columns, team, self._group)
        idle = ITEMS_PER_UNIT * self._units // (2 * rows * team)
        parts = max(1, min(idle, self.depth // (8 * team * lanes)), ceil_div(self.depth, LONGEST * team))
        return self._in_parts(spec, parts, rows, ceil_div(rows, self._group // team), team * lanes)

    def _direct(self) -> Plan:
        rows = next(r for r in (1, 2, 4, 8) if r >= min(8, self.m))
        items = prod(self.batch) * ceil_div(self.m, rows) * self.n
        idle = ITEMS_PER_UNIT * self._units // items
        parts = max(1, min(idle, self.depth // (PART // 2), ROWS_OF_GRID), ceil_div(self.depth, LONGEST))
        spec = self._spec(Direct, rows, self._group)
        return self._in_parts(spec, parts, items, ceil_div(items, spec.group), 4)

    def _tiled(self) -> Plan:
        a, b = self.steps[1:3]
        turned = abs(a.second) < abs(a.first), abs(b.first) < abs(b.second)
        halves = all(row.name == "float16" for row in self.factors()) and self.traits.tensor_cores
        name = "gemm.tensor" if halves else "gemm.tiled"
        stacked = prod(self.batch)
        fit: Sequence[Tile | Warps] = warps(self.traits) if halves else tiles(self.sums, self.traits)
        chosen = self.traits.choice(name, problem_class(self.factors()[0], self.m, self.n, stacked), None)
        if chosen is not None:
            tried = warps(self.traits, True) if halves else tiles(self.sums, self.traits, True)
            fit = [tile for tile in tried if tuple(tile) == tuple(chosen)] or fit
        ways = [(tile, parts) for tile in fit for parts in (1, 2, 4, 8, 16, 32) if parts <= max(1, self.depth // PART)]
        tile, parts = min(ways, key=lambda way: cost(way[0], way[1], self, self._units))
        groups = stacked * ceil_div(self.m, tile.rows) * ceil_div(self.n, tile.columns)
        spec: Tensor | Tiled
        if isinstance(tile, Warps):
            spec = self._spec(Tensor, tile, *turned)
        else:
            spec = self._spec(Tiled, tile, *turned)
        return self._in_parts(spec, parts, groups, groups, tile.depth)

    def _spec(self, kind: Callable[..., S], *own: Any) -> S:
        """A Spec of a class with fields of its `own`."""
        shared = *self.factors(), self.sums, self.operands(), self.epilogue, len(self.batch), self.wide
        return kind(*shared, *own)

    def _in_parts(self, spec: Tiled | Tensor | Direct | Rows, parts: int, items: int, groups: int, unit: int) -> Plan:
        """The launch of a kernel, and where the steps of k are divided, the sum of its parts."""
        chunk = round_up(ceil_div(self.depth, parts), unit)
        parts = ceil_div(self.depth, chunk)
        if parts == 1:
            return Plan((self.layouts[0],), (self._launch(spec, items, groups, 1, chunk),))
        partial, adding = self.parted(parts)
        wide = adding.spec.wide
        made = replace(spec, operands=partial.operands(), epilogue=None, wide=wide)
        launches = (partial._launch(made, items, groups, parts, chunk, partial.layouts[0].size // parts), adding)
        return Plan((self.layouts[0],), launches, (partial.layouts[0].nbytes,))

    def _launch(
        self, spec: Tiled | Tensor | Direct | Rows, items: int, groups: int, parts: int, chunk: int, part: int = 0
    ) -> Launch:
        values = [self.m, self.n, self.depth, chunk, part, items, *self._strides()]
        index = "int64" if spec.wide else "int32"
        arguments: list[Argument] = [*self.buffers(), *self.scalars(), *(Value(v, index) for v in values)]
        return Launch(spec, tuple(arguments), (groups * spec.group, parts), (spec.group, 1))


def _samples(traits: Traits, dtypes_: Sequence[str]) -> list[Sample]:
    found = []
    for name in dtypes_:
        row = dtypes.NAMES[name]
        if traits.kind != "cpu" and (traits.fp64 or not row.is_double):
            for side in (256, 1024, 4096) if row.itemsize <= 4 else (1024,):
                x = Layout.of(row.numpy, (side, side))
                rtol = 1e-2 if name == "float16" else 1e-4
                found.append(Sample(problem_class(row, side, side, 1), matmul, (x, x), np.matmul, rtol=rtol))
    return found


def _tile_candidates(traits: Traits, problem: str) -> list[tuple[int, ...]]:
    sums = sums_dtype(np.dtype(problem.split()[0]))
    return [tuple(tile) for tile in tiles(sums, traits, more=True)]


tunable(
    Tunable(
        "gemm.tiled",
        "The tile of a matrix product on a GPU: its rows, columns and steps of k, rows and columns of a work-item.",
        _tile_candidates,
        lambda traits: _samples(traits, ["float32", "float64", "complex64"]),
    )
)
tunable(
    Tunable(
        "gemm.tensor",
        "The tile of a product of halves on tensor cores: its rows, columns and steps of k, warps along both axes.",
        lambda traits, problem: [tuple(tile) for tile in warps(traits, more=True)],
        lambda traits: _samples(traits, ["float16"]) if traits.tensor_cores else [],
    )
)
