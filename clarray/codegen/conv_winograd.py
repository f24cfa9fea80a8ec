"""Convolutions with 3 by 3 kernels on a CPU by Winograd's method, which takes 2.25 multiplications less.

After S. Winograd 1980, "Arithmetic Complexity of Computations", and A. Lavin and S. Gray 2016, "Fast algorithms for
convolutional neural networks": m by m results are made of a tile of m + 2 by m + 2 elements as A'((G w G') * (B'x B))A
with the product taken element by element; summed over the channels it is a matrix product for each element. A
work-item transforms the tiles of a block, all channels at a time if they fit, multiplies them with strips of the
transformed w, and transforms back, so that nothing but w passes through global memory.

An infinity or a NaN would spoil the whole tile: a block with a result that is not finite is summed once more by the
definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import prod
from typing import ClassVar

from clarray.core.convolution import Window

from .conv_patches import Patch, blocked
from .conv_problem import Axis, Convolved, Problem
from .gemm_blocks import LOCAL_BYTES, TASK, RegisterTile, register_tile
from .plan import Buffer, Launch, Local, Plan, ceil_div, round_up

TILES = 64  # of one block, at most
STRIP_BYTES = 96 << 10  # of products of one strip of out channels
FEW = 16  # channels, and out channels, below which the transforms take longer than the products
POINTS = (0, 1, -1, 2, -2)  # at which polynomials are evaluated, beside infinity

Matrix = tuple[tuple[Fraction, ...], ...]


@cache
def matrices(m: int, r: int = 3) -> tuple[Matrix, Matrix, Matrix]:
    """A', G and B' for m results of a kernel of r: evaluation, evaluation over derivatives, interpolation."""
    points = [Fraction(p) for p in POINTS[: m + r - 2]]
    back, kernel, forth = [], [], []
    for p in points:
        others = [q for q in points if q != p]
        scale = prod((p - q for q in others), start=Fraction(1))
        back.append([p**i for i in range(m)])
        kernel.append([p**k / scale for k in range(r)])
        forth.append([*_with_roots(others), Fraction(0)])
    back.append([Fraction(i == m - 1) for i in range(m)])
    kernel.append([Fraction(k == r - 1) for k in range(r)])
    forth.append(_with_roots(points))
    return tuple(zip(*back, strict=True)), tuple(map(tuple, kernel)), tuple(map(tuple, forth))


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """Coefficients of the polynomial with these roots, the constant first."""
    found = [Fraction(1)]
    for root in roots:
        found = [a - root * b for a, b in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
    return found


@dataclass(frozen=True)
class Winograd(RegisterTile, Convolved):
    """The Spec of `conv_winograd.mako`: `m` by `m` results a tile, and the register tile of the products."""

    template: ClassVar[str] = "conv_winograd"

    m: int
    rows: int
    vectors: int
    width: int

    @property
    def side(self) -> int:
        """Elements of x along a tile."""
        return self.m + 2

    def transformed(self, which: str, column: Sequence[str]) -> list[str]:
        """C texts of the product of A', G or B' ("back", "kernel", "forth") with a column of values."""
        matrix = matrices(self.m)[("back", "kernel", "forth").index(which)]
        return [self._combined(row, column) for row in matrix]

    def _combined(self, factors: Sequence[Fraction], values: Sequence[str]) -> str:
        text = ""
        for factor, value in zip(factors, values, strict=True):
            if factor:
                size = abs(factor)
                sign = "-" if factor < 0 else "+" if text else ""
                scaled = value if size == 1 else f"{float(size).hex()}{'f' if self.real == 'float' else ''} * {value}"
                text += f" {sign} {scaled}" if text else sign + scaled
        return text


def plan(problem: Problem, m: int = 2) -> Plan | None:
    """The launches: w transformed and packed in panels, then the rest. None for what is not served, or not well."""
    traits, sums = problem.traits, problem.sums
    plain = all(
        (a.window.kernel, a.window.stride, a.window.dilation) == (3, 1, 1) and a.window.count >= m
        for a in problem.axes[1:]
    )
    if not plain or len(problem.axes) != 3 or sums.kind != "f" or traits.kind != "cpu":
        return None
    if problem.channels < FEW or problem.outs < FEW:
        return None
    tiled = replace(problem, axes=tuple(_tiles(a, m) if k else a for k, a in enumerate(problem.axes)))
    rows, vectors, width = register_tile(traits, sums)
    spec = Winograd(
        *problem.rows, sums, problem.operands, problem.epilogue, 3, problem.wide, m, rows, vectors, width
    )  # fmt: skip
    squares = spec.side**2
    room = min(traits.local_memory * 7 // 8, LOCAL_BYTES) // sums.itemsize
    hands = min(2 * traits.compute_units, max(1, problem.multiplications // TASK))
    cut = _cut(tiled, spec, room, hands)
    if cut is None:
        return None
    found, line, block_c, block_o = cut
    blocks = prod(ceil_div(a.window.count, b) for a, b in zip(tiled.axes, found.block, strict=True))
    wanted = min(ceil_div(hands, blocks * problem.groups), ceil_div(problem.outs, block_o))
    whole_c = block_c >= problem.channels
    span_o = round_up(ceil_div(problem.outs, wanted), block_o) if whole_c else block_o
    strips = ceil_div(problem.outs, rows)
    panels = problem.groups * strips
    pack = Launch(
        spec,
        (*problem.buffers(results=False, x=False), Buffer(problem.scratch),
         *problem.values([panels, strips, problem.outs, problem.channels, *problem.w_strides])),
        (panels,), (1,), "kernel_pack",
    )  # fmt: skip
    tasks = blocks * problem.groups * ceil_div(problem.outs, span_o)
    span = ceil_div(tasks, 1 << 16)
    results = [a.window.count for a in problem.axes]
    shared = [tasks, span, problem.groups, problem.channels, problem.outs, span_o]
    numbers = [*shared, block_o, block_c, found.plane, line, problem.x_channel, *tiled.parameters]
    numbers += [n for k in range(3) for n in (found.block[k], found.phases[k], found.extents[k])]
    main = (
        *problem.buffers(w=False), Buffer(problem.scratch), Buffer(problem.scratch + 1), *problem.scalars,
        Local((found.plane + 2 * width) * sums.itemsize),
        Local((squares * block_c * line + width) * sums.itemsize),
        Local((squares * block_o * line + width) * sums.itemsize),
        Local(m * m * round_up(found.block[2], width) * sums.itemsize),
        *problem.values([*numbers, *results, *problem.result_strides]),
    )  # fmt: skip
    numbers = [*shared, problem.x_channel, *problem.w_strides, *tiled.parameters, *found.block, *results]
    exact = (
        *problem.buffers(), Buffer(problem.scratch + 1), *problem.scalars,
        *problem.values([*numbers, *problem.result_strides]),
    )  # fmt: skip
    items = (ceil_div(tasks, span),)
    launches = (pack, Launch(spec, main, items, (1,)), Launch(spec, exact, items, (1,), "kernel_exact"))
    return Plan((problem.layouts[0],), launches, (panels * rows * problem.channels * squares * sums.itemsize, tasks))


def _tiles(axis: Axis, m: int) -> Axis:
    """An axis whose positions are tiles of m results."""
    w = axis.window
    count = ceil_div(w.count, m)
    after = (count - 1) * m + m + 2 - w.before - w.size
    return replace(axis, window=Window(w.size, m + 2, m, w.before, after, 1))


def _cut(tiled: Problem, spec: Winograd, room: int, hands: int) -> tuple[Patch, int, int, int] | None:
    """Block of tiles, elements from one line of transformed values to the next, channels and out channels at a time:
    the largest that fit and leave work for every hand, else the largest that fit."""
    first = None
    limit = TILES
    while limit >= spec.width // 2:
        patch = blocked(tiled, limit, room // 4)
        limit //= 2
        if patch is None:
            continue
        last = tiled.axes[2].window.count % patch.block[2] or patch.block[2]
        over = spec.width if last < spec.width else 0  # what a vector reaches over the end of a row
        line = round_up(prod(patch.block), spec.width) + over
        line += 16 * (line % 32 == 0)  # an even number of cache lines would meet in few sets of the cache
        left = room - patch.plane - 8 * spec.width - spec.m**2 * round_up(patch.block[2], spec.width)
        each = spec.side**2 * line  # elements that one channel takes
        strip = max(1, STRIP_BYTES // spec.dtype.itemsize // (each * spec.rows)) * spec.rows
        if (tiled.channels + strip) * each <= left:
            block_c, block_o = tiled.channels, min(strip, round_up(tiled.outs, spec.rows))
        else:
            block_o = min(left // each // 2 // spec.rows * spec.rows, round_up(tiled.outs, spec.rows))
            if block_o < spec.rows:
                continue
            block_o = round_up(ceil_div(tiled.outs, ceil_div(tiled.outs, block_o)), spec.rows)
            block_c = ceil_div(tiled.channels, ceil_div(tiled.channels, left // each - block_o))
        found = patch, line, block_c, block_o
        first = first or found
        blocks = prod(ceil_div(a.window.count, b) for a, b in zip(tiled.axes, patch.block, strict=True))
        if blocks * tiled.groups * ceil_div(tiled.outs, block_o) >= hands:
            return found
    return first
