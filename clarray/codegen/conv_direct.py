"""Convolutions summed output by output: for dtypes and shapes that the faster kernels leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .conv_problem import Convolved, Problem
from .plan import Launch, Plan, ceil_div, round_up

GROUP = 64  # work-items of a GPU's group
SMALL = 1 << 14  # multiplications below which a CPU's work-item is not worth its launch


@dataclass(frozen=True)
class Direct(Convolved):
    """The Spec of `conv_direct.mako`."""

    template: ClassVar[str] = "conv_direct"


def plan(problem: Problem) -> Plan:
    """One output after another; a work-item of a CPU makes a chunk of them."""
    total = problem.positions * problem.groups * problem.outs
    spec = Direct(*problem.rows, problem.sums, problem.operands, problem.epilogue, len(problem.axes), problem.wide)
    span, group = 1, min(GROUP, problem.traits.max_work_group)
    if problem.traits.kind == "cpu":
        span, group = max(ceil_div(SMALL, problem.channels * problem.taps or 1), ceil_div(total, 1 << 16)), 1
    numbers = [total, span, problem.groups, problem.channels, problem.outs, problem.x_channel]
    numbers += [*problem.w_strides, *problem.parameters, *problem.result_strides]
    arguments = (*problem.buffers(), *problem.scalars, *problem.values(numbers))
    launch = Launch(spec, arguments, (round_up(ceil_div(total, span), group),), (group,))
    return Plan((problem.layouts[0],), (launch,))
