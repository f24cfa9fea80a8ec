"""Tunables: the numbers in kernels that a device has to be asked for, and the problems to ask with.

A rule of lowering takes `traits.choice(name, problem, default)`, where `problem` names a class of problems
("float32 square"), and declares a `Tunable` beside itself. `device.tune` times its candidates. A candidate is
whatever the rule understands, made of numbers, strings and tuples, so that it can be kept in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clarray.core.layout import Layout
from clarray.core.op import Op
from clarray.core.traits import Traits


@dataclass(frozen=True)
class Sample:
    """A problem that stands for its class: an Op on operands of these layouts.

    `reference` computes the results from ndarrays of normal numbers (or what `draw` draws), in higher precision;
    a candidate whose error exceeds `rtol` times the largest result is wrong.
    """

    problem: str
    op: Op
    operands: tuple[Layout, ...]
    reference: Callable[..., Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    rtol: float = 1e-4
    draw: Callable[[Any, Layout], Any] | None = None


@dataclass(frozen=True)
class Tunable:
    """One row: which candidates a device has, the likeliest first, and the samples to time them on."""

    name: str
    doc: str
    candidates: Callable[[Traits, str], Sequence[Any]]
    samples: Callable[[Traits], Sequence[Sample]]


TUNABLES: dict[str, Tunable] = {}


def tunable(row: Tunable) -> Tunable:
    """Add a row."""
    TUNABLES[row.name] = row
    return row
