"""Tunables: the numbers in kernels that a device has to be asked for, and the problems to ask with.

A rule of lowering takes `traits.choice(name, problem, default)`, where `problem` names a class of problems
("float32 square"), and declares a `Tunable` beside itself. `device.tune` times its candidates. A candidate is
whatever the rule understands, made of numbers, strings and tuples, so that it can be kept in a file.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clarray.core.layout import Layout
from clarray.core.op import Op
from clarray.core.traits import Traits

log = logging.getLogger("clarray.tuning")


@dataclass(frozen=True)
class Sample:
    """A problem that stands for its class: an Op on operands of these layouts.

    `reference` computes the results from ndarrays of normal numbers (or what `draw` draws), in higher precision;
    a candidate whose error exceeds `rtol` times the largest result is wrong. Integer results have to be equal.
    """

    problem: str
    op: Op
    operands: tuple[Layout, ...]
    reference: Callable[..., Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    rtol: float = 1e-4
    draw: Callable[[Any, Layout], Any] | None = None
    """Values for one operand, from a `numpy.random.Generator` and its layout; called for each in turn."""


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


def text_of(candidate: Any) -> str:
    """A candidate as it is kept in a file."""
    return json.dumps(candidate)


def accepted(traits: Traits, winners: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], Any]:
    """What `Traits.tuned` holds of (tunable, problem, candidate's text) from a file.

    A rule meets only what is a candidate today: a file that another state of the code wrote breaks nothing.
    """
    tuned = {}
    for name, problem, text in winners:
        row = TUNABLES.get(name)
        found = [c for c in row.candidates(traits, problem) if text_of(c) == text] if row else []
        if found:
            tuned[name, problem] = found[0]
        else:
            log.info("%s, %s: %s is no candidate any more and is left out", name, problem, text)
    return tuned


class Asked(dict[tuple[str, str], Any]):
    """Choices for `Traits.tuned` that remember which were asked for."""

    def __init__(self, choices: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(choices)
        self.keys_asked: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        return True  # or `Traits.choice` would not look

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        self.keys_asked.add(key)
        return super().get(key, default)
