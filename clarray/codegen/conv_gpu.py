"""Convolutions on a GPU as matrix products whose second operand is gathered from x, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .conv_problem import Convolved, Problem
from .plan import Launch, Plan, ceil_div

GROUP = 256  # work-items of a group
GROUPS_PER_UNIT = 2  # groups a GPU wants at least
FEW = 4  # out channels of a group below which a tile would be mostly empty


@dataclass(frozen=True)
class Tiled(Convolved):
    """The Spec of `conv_tiled.mako`: 256 work-items, `each` x `each` elements of the tile to every one."""

    template: ClassVar[str] = "conv_tiled"
    depth: ClassVar[int] = 16  # products of one result in local memory
    pad: ClassVar[int] = 1  # columns that keep a step along k from meeting the same bank again

    each: int

    @property
    def side(self) -> int:
        """Out channels and positions of a group's tile."""
        return 16 * self.each

    @property
    def local_bytes(self) -> int:
        """Of local memory: a tile of x and one of w."""
        return 2 * self.depth * (self.side + self.pad) * self.dtype.itemsize


def plan(problem: Problem, each: int = 0) -> Plan | None:
    """The launch; None where tiles would be mostly empty, or groups of work-items or local memory too small."""
    traits = problem.traits
    if problem.outs < FEW or problem.channels == 0 or traits.max_work_group < GROUP:
        return None
    shared = *problem.rows, problem.sums, problem.operands, problem.epilogue, len(problem.axes), problem.wide
    specs = [spec for e in (4, 2, 1) if (spec := Tiled(*shared, e)).local_bytes <= traits.local_memory]
    tiles = {
        spec: problem.groups * ceil_div(problem.outs, spec.side) * ceil_div(problem.positions, spec.side)
        for spec in specs
    }
    wanted = GROUPS_PER_UNIT * max(traits.compute_units, 8)
    asked = [
        spec
        for spec, count in tiles.items()
        if spec.each == (each or 1) or (not each and count >= wanted and 8 * spec.each <= problem.outs)
    ]
    if not asked:
        return None
    spec = asked[0]
    numbers = [problem.positions, problem.groups, problem.channels, problem.outs, problem.taps, problem.x_channel]
    numbers += [*problem.w_strides, *problem.parameters, *problem.result_strides]
    arguments = (*problem.buffers(), *problem.scalars, *problem.values(numbers))
    return Plan((problem.layouts[0],), (Launch(spec, arguments, (GROUP * tiles[spec],), (GROUP,)),))
