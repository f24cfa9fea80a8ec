"""Kernels that differ only in their constants become one, whose constants are arguments.

So a loop that a program has unrolled, with the number of the turn in its formula, builds one kernel for all turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from clarray.core.aval import Aval
from clarray.core.expr import Expr, Node

from ..variable import Constant
from .step import Step

LEAST = 4  # kernels that are worth it: a constant that is part of the source computes a little faster
ARGUMENT_BYTES = 900  # of a kernel, its arrays' included


def lift(steps: Sequence[Step]) -> list[Constant]:
    """Let steps share kernels; the constants that have become arguments."""
    alike: dict[Any, list[Step]] = defaultdict(list)
    for step in steps:
        if step.body is not None and step.product is None:
            rows = tuple([n.op for n in step.reductions])
            alike[step.kind, rows, len(step.scalars), _skeleton(step.body)].append(step)
    lifted: list[Constant] = []
    for group in alike.values():
        bodies = [step.body for step in group if step.body is not None]
        if len(set(bodies)) < LEAST:
            continue
        first = bodies[0].nodes
        at = [k for k, n in enumerate(first) if n.kind == "constant" and any(b.nodes[k] != n for b in bodies)]
        rank = len(group[0].pattern)
        arrays = len(group[0].inputs) + len(group[0].outputs)
        if arrays * (16 + 8 * rank) + 16 * len(at) <= ARGUMENT_BYTES:
            for step in group:
                lifted += _lifted(step, at)
    return lifted


def _skeleton(body: Expr) -> tuple[Any, ...]:
    """A body without the values of its constants."""
    nodes = [n._replace(payload=None) if n.kind == "constant" else n for n in body.nodes]
    return (tuple(nodes), body.outputs)


def _lifted(step: Step, at: Sequence[int]) -> list[Constant]:
    """Let the constants of a step's body that stand `at` these places be scalar arguments."""
    assert step.body is not None
    nodes = list(step.body.nodes)
    made = []
    for number, k in enumerate(at, len(step.scalars)):
        value = np.frombuffer(nodes[k].payload, nodes[k].dtype)[0]
        made.append(Constant(value, Aval((), nodes[k].dtype)))
        nodes[k] = Node("scalar", nodes[k].dtype, number)
    step.body = Expr(tuple(nodes), step.body.outputs)
    step.scalars = [*step.scalars, *made]
    return made
