"""Convolutions on a CPU as matrix products whose second operand is never built.

A work-item copies the patch of x that a block of positions sees into local memory, zeros around it, the elements of
every stride's phase side by side. There the vector of neighbouring positions that a tap meets begins at a fixed
distance from the vector itself: the product's k-th row of b is the patch itself, moved by `table[k]`. So what is
packed is no larger than x, where im2col's panels would hold every element once for each tap. Positions
between two rows of the patch are computed with the rest and never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .conv_problem import Convolved, Problem
from .gemm_blocks import LOCAL_BYTES, TASK, RegisterTile, register_tile
from .plan import Buffer, Launch, Local, Plan, ceil_div, round_up

DEPTH = 512  # products of one result between two visits of its partial sum
POSITIONS = 512  # of one block
SUMS_BYTES = 128 << 10  # of partial sums: they and the patch stay in the second cache
PACKED = 1 << 13  # elements of w to one work-item of kernel_pack


@dataclass(frozen=True)
class Patches(RegisterTile, Convolved):
    """The Spec of `conv_patches.mako`: the register tile has `rows` out channels and `vectors` vectors of positions."""

    template: ClassVar[str] = "conv_patches"

    rows: int
    vectors: int
    width: int


@dataclass(frozen=True)
class Patch:
    """A block of positions, and how its patch lies in local memory; one number for each axis, the batch first."""

    block: tuple[int, ...]
    phases: tuple[int, ...]
    extents: tuple[int, ...]  # of one phase

    @property
    def plane(self) -> int:
        """Elements of one channel, in an odd number of cache lines: channels then do not meet in a set of the cache."""
        return round_up(prod(self.phases) * prod(self.extents), 32) + 16

    @property
    def positions(self) -> int:
        """Positions that are computed: those from the first to the last that is wanted."""
        last = 0
        for block, extent in zip(self.block, self.extents, strict=True):
            last = last * extent + block - 1
        return last + 1


def patch(problem: Problem, block: tuple[int, ...]) -> Patch:
    """The patch of a block of positions."""
    phases, extents = [], []
    for axis, size in zip(problem.axes, block, strict=True):
        phases.append(min(axis.window.stride, axis.window.reach))
        extents.append(size + (axis.window.reach - 1) // axis.window.stride)
    return Patch(block, tuple(phases), tuple(extents))


def blocked(problem: Problem, positions: int, most_plane: int) -> Patch | None:
    """The largest even block of at most so many positions whose patch fits, grown along the innermost axes first."""
    block = [1] * len(problem.axes)
    found = patch(problem, tuple(block))
    if found.plane > most_plane:
        return None
    for k in reversed(range(len(block))):
        count = problem.axes[k].window.count
        for parts in range(1, count + 1):
            block[k] = ceil_div(count, parts)
            grown = patch(problem, tuple(block))
            if grown.positions <= positions and grown.plane <= most_plane:
                break
        found = patch(problem, tuple(block))
    return found


def tile(problem: Problem) -> tuple[int, int, int]:
    """Rows, vectors and lanes of the register tile: few rows where a group has few out channels."""
    rows, vectors, width = register_tile(problem.traits, problem.sums)
    if problem.outs == 1:
        return 1, 8, width
    return (3, 4, width) if problem.outs <= 3 else (rows, vectors, width)


def plan(problem: Problem, rows: int = 0, vectors: int = 0) -> Plan | None:
    """The launches: w packed in panels, then the product. None for complex dtypes, and for patches that do not fit."""
    traits, sums = problem.traits, problem.sums
    if sums.kind == "c" or problem.channels == 0 or traits.kind != "cpu":
        return None
    chosen = tile(problem)
    spec = Patches(
        *problem.rows, sums, problem.operands, problem.epilogue, len(problem.axes), problem.wide,
        rows or chosen[0], vectors or chosen[1], chosen[2],
    )  # fmt: skip
    room = min(traits.local_memory * 7 // 8, LOCAL_BYTES) // sums.itemsize
    depth = problem.channels * problem.taps
    hands = min(2 * traits.compute_units, max(1, problem.multiplications // TASK))
    wanted = POSITIONS
    while True:
        found = blocked(problem, wanted, room // 2)
        if found is None:
            return None
        blocks = prod(ceil_div(a.window.count, b) for a, b in zip(problem.axes, found.block, strict=True))
        if blocks * problem.groups >= hands or wanted <= 4 * spec.columns:
            break
        wanted //= 2
    padded = round_up(found.positions, spec.columns)
    slack = spec.columns  # what the last vectors of the last channel reach
    sums_room = min(SUMS_BYTES // sums.itemsize, room // 2 - slack)
    block_o = max(spec.rows, sums_room // padded // spec.rows * spec.rows)
    parts_o = max(
        ceil_div(problem.outs, block_o), min(ceil_div(hands, blocks * problem.groups), problem.outs // spec.rows)
    )
    block_o = round_up(ceil_div(problem.outs, max(1, parts_o)), spec.rows)
    most_c = min((room - block_o * padded - slack) // found.plane, max(1, DEPTH // problem.taps))
    if most_c < 1:
        return None
    block_c = ceil_div(problem.channels, ceil_div(problem.channels, most_c))

    strips = ceil_div(problem.outs, spec.rows)  # of out channels in one group
    panels = problem.groups * strips
    pack_span = max(1, PACKED // (spec.rows * depth))
    pack = Launch(
        spec,
        (*problem.buffers(results=False, x=False), Buffer(problem.scratch), *problem.values(
            [panels, pack_span, strips, problem.outs, problem.channels, *problem.w_strides,
             *(a.window.kernel for a in problem.axes[1:])])),
        (ceil_div(panels, pack_span),), (1,), "kernel_pack",
    )  # fmt: skip
    tasks = blocks * problem.groups * ceil_div(problem.outs, block_o)
    span = max(1, TASK // max(1, block_o * found.positions * depth))
    span = max(1, min(span, ceil_div(tasks, 4 * traits.compute_units)), ceil_div(tasks, 1 << 16))
    numbers = [tasks, span, problem.groups, problem.channels, problem.outs, block_o, block_c, problem.taps]
    numbers += [found.plane, padded, problem.x_channel, *problem.parameters]
    numbers += [n for k in range(len(problem.axes)) for n in (found.block[k], found.phases[k], found.extents[k])]
    arguments = (
        *problem.buffers(w=False), Buffer(problem.scratch), *problem.scalars,
        Local((found.plane * block_c + slack) * sums.itemsize), Local(block_o * padded * sums.itemsize),
        Local(block_c * problem.taps * 4), *problem.values([*numbers, *problem.result_strides]),
    )  # fmt: skip
    launch = Launch(spec, arguments, (ceil_div(tasks, span),), (1,))
    return Plan((problem.layouts[0],), (pack, launch), (panels * spec.rows * depth * sums.itemsize,))
