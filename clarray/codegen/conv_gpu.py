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

    each: int

    @property
    def side(self) -> int:
        """Out channels and positions of a group's tile."""
        return 16 * self.each


def plan(problem: Problem, each: int = 0) -> Plan | None:
    """The launch; None where tiles would be mostly empty, or groups of work-items are too small."""
    traits = problem.traits
    if problem.outs < FEW or problem.channels == 0 or traits.max_work_group < GROUP:
        return None
    tiles = {
        e: problem.groups * ceil_div(problem.outs, 16 * e) * ceil_div(problem.positions, 16 * e) for e in (4, 2, 1)
    }
    wanted = GROUPS_PER_UNIT * max(traits.compute_units, 8)
    if not each:
        each = next((e for e, count in tiles.items() if count >= wanted and 8 * e <= problem.outs), 1)
    spec = Tiled(*problem.rows, problem.sums, problem.operands, problem.epilogue, len(problem.axes), problem.wide, each)
    numbers = [problem.positions, problem.groups, problem.channels, problem.outs, problem.taps, problem.x_channel]
    numbers += [*problem.w_strides, *problem.parameters, *problem.result_strides]
    arguments = (*problem.buffers(), *problem.scalars, *problem.values(numbers))
    return Plan((problem.layouts[0],), (Launch(spec, arguments, (GROUP * tiles[each],), (GROUP,)),))
