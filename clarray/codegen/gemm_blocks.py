"""How a CPU's work-items share a matrix product: the register tile, the blocks, and what of these can be tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clarray.core.dtypes import NumpyDType
from clarray.core.layout import Layout
from clarray.core.linear import matmul
from clarray.core.traits import Traits

from .plan import ceil_div, round_up
from .tuning import Sample, Tunable, tunable

DEPTH = 256  # steps of k in one block: a panel of b then fits the first cache
BLOCK_BYTES = 192 << 10  # of packed rows of a: they stay in the second cache
LOCAL_BYTES = 448 << 10  # of local memory, where there is so much
TASK = 1 << 19  # multiplications below which a CPU's work-item is not worth its launch
LARGE = 1 << 24  # multiplications from which a product is one of the large, for tuning
LAUNCH = 1 << 15  # elements that are packed in the time that one more launch takes
TASKS = 8  # that a core takes of a product with packed b, so that none ends long before the others


def register_tile(traits: Traits, sums: NumpyDType) -> tuple[int, int, int]:
    """Rows, vectors and lanes of a vector of the tile that a CPU's registers hold."""
    planes = 2 if sums.kind == "c" else 1
    lanes = min(16, max(2, max(traits.simd_width, 4) * 4 * planes // sums.itemsize))
    rows = 12 if traits.simd_width >= 16 else 6 if traits.simd_width >= 8 else 4
    return rows, 2 // planes, lanes


class RegisterTile:
    """What Specs have whose sums are `vectors` vectors of `width` lanes in every row of a tile of registers."""

    vectors: int
    width: int

    @property
    def columns(self) -> int:
        """Of the tile."""
        return self.vectors * self.width


@dataclass(frozen=True)
class Cut:
    """How a CPU's work-items share a product: the blocks one makes, and whether b is packed for all beforehand.

    Blocks of packed b are taken one by one by whoever is free; the others are dealt out by the device.
    """

    block_m: int
    block_n: int
    block_k: int
    b_packed: bool

    @property
    def lanes(self) -> int:
        """Lanes of the panels in local memory."""
        return self.block_m + (0 if self.b_packed else self.block_n)


def cut(
    m: int,
    n: int,
    depth: int,
    stacked: int,
    rows: int,
    columns: int,
    itemsize: int,
    traits: Traits,
    most_k: int = DEPTH,
) -> Cut:
    """Blocks that fit the caches, enough of them for every core, and with the least to pack."""
    room = min(traits.local_memory * 7 // 8, LOCAL_BYTES)
    block_k = min(depth, most_k if room >= 2 * BLOCK_BYTES else most_k // 4)
    most = room // (block_k * itemsize)  # lanes of panels in local memory
    most_m = max(rows, min(BLOCK_BYTES // (block_k * itemsize), most // 2) // rows * rows)
    hands = ceil_div(min(2 * traits.compute_units, max(1, m * n * depth * stacked // TASK)), stacked)
    tasks = min(TASKS * traits.compute_units, max(1, m * n * depth * stacked // TASK))
    best: tuple[int, Cut] | None = None
    blocks_m = ceil_div(m, most_m)
    while best is None or blocks_m <= min(4 * hands, ceil_div(m, 2 * rows)):
        even = round_up(blocks_m, traits.compute_units) if blocks_m > 1 and stacked == 1 else blocks_m
        block_m = min(round_up(ceil_div(m, even), rows), most_m)
        made = ceil_div(m, block_m)
        wanted_n = min(ceil_div(hands, made), ceil_div(n, 2 * columns))
        for b_packed in (False, True):
            most_n = n if b_packed else max(columns, (most - block_m) // columns * columns)
            blocks_n = max(ceil_div(n, most_n), wanted_n)
            packed = blocks_n * m + (2 * n + LAUNCH // (depth * stacked) if b_packed else made * n)
            if best is None or packed < best[0]:
                several = ceil_div(tasks, stacked * blocks_n) if b_packed else made
                fine = max(round_up(ceil_div(m, max(several, made)), rows), min(4 * rows, block_m))
                best = packed, Cut(fine, round_up(ceil_div(n, blocks_n), columns), block_k, b_packed)
        blocks_m *= 2
    return best[1]


def problem_class(sums: NumpyDType, multiplications: int) -> str:
    """The class of products of so many multiplications, for tuning."""
    return f"{sums.name} {'small' if multiplications < LARGE else 'large'}"


def _candidates(traits: Traits, problem: str) -> list[tuple[int, ...]]:
    """The register tile (rows, vectors, lanes) and the steps of k of a block."""
    sums = np.dtype(problem.split()[0])
    rows, vectors, width = register_tile(traits, sums)
    shapes = [
        (rows, vectors),
        (2 * rows, max(1, vectors // 2)),
        (max(2, rows * 2 // 3), vectors + 1),
        (rows - 2, vectors),
    ]
    tiles = [(r, v, width) for r, v in dict.fromkeys(shapes)]
    if width >= 8:
        tiles.append((max(4, rows // 2), 2 * vectors, width // 2))
    return [(*tile, depth) for tile in tiles for depth in (DEPTH, DEPTH * 3 // 2, DEPTH * 3 // 4)]


def _samples(traits: Traits) -> Iterator[Sample]:
    for name in ("float32", "float64", "complex64"):
        for side, depth in ((128, 640), (1024, 1024)) if name == "float32" else ((512, 512),):
            if traits.kind == "cpu" and (traits.fp64 or name != "float64"):
                a, b = Layout.of(np.dtype(name), (side, depth)), Layout.of(np.dtype(name), (depth, side))
                yield Sample(problem_class(np.dtype(name), side * depth * side), matmul, (a, b), np.matmul)


tunable(
    Tunable("gemm.panels", "The register tile of a matrix product on a CPU (rows, vectors, lanes of a vector) and the "
            "steps of k of a block.", _candidates, lambda traits: list(_samples(traits)))
)  # fmt: skip
