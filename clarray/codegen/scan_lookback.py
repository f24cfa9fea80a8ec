"""The scan of a GPU whose groups make forward progress: one pass over memory (Merrill and Garland 2016).

A group takes a ticket, and with it a tile of a row. It adds the tile up, publishes the sum, and looks back at the sums
before it. Tickets are drawn in order: a group only waits for groups that run already.

Where a running sum is found first depends on time, and rounding must not. So sums have two levels: tiles are added
within a block of 32, from its first on, and blocks to the nearest sum of all that is known, in their order. That sum
was made in the same order, so every element is the same sequence of additions in each run.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod
from typing import ClassVar

import numpy as np

from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.core.traits import Traits

from . import elementwise
from .plan import Argument, Buffer, Launch, Offset, Value, ceil_div
from .scan_spec import Rows, Scan

GROUP = 256  # work-items of a group
WINDOW = 32  # tiles of a block, and blocks that a group looks back at
EACH = 8  # elements of a work-item
WORD = np.dtype("uint64")  # 32 bits of a sum, and above them whether they are there


@dataclass(frozen=True)
class Lookback(Scan):
    """The Spec of `scan_lookback.mako`."""

    template: ClassVar[str] = "scan_lookback"
    group: ClassVar[int] = GROUP
    window: ClassVar[int] = WINDOW

    @property
    def words(self) -> int:
        """32-bit words of a sum, as it is in registers."""
        return _nbytes(self) // 4

    @property
    def each(self) -> int:
        """Elements of a work-item."""
        return EACH if self.words <= 2 else EACH // 2

    @property
    def padded(self) -> int:
        """Elements of local memory of a tile: one in 32 is left out, so that neighbours are in different banks."""
        return self.each * GROUP * 33 // 32


def _nbytes(spec: Scan) -> int:
    """Bytes of a sum in registers."""
    return 4 if spec.accumulator.name == "float16" else spec.accumulator.itemsize


def suits(spec: Scan, rows: Rows, traits: Traits) -> bool:
    """Whether a scan in one pass is possible, and its rows long enough and not side by side."""
    return (
        traits.kind != "cpu" and traits.forward_progress and traits.int64_atomics and traits.max_work_group >= GROUP
        and _nbytes(spec) % 4 == 0 and rows.size > EACH * GROUP and abs(rows.x_step) == 1
    )  # fmt: skip


def launches(scan: Scan, rows: Rows, out: int, x: int, scratch: list[int], traits: Traits) -> list[Launch]:
    """Two launches: words of zeros, the scan; `scratch` receives the bytes of the words."""
    spec = Lookback(**{f.name: getattr(scan, f.name) for f in fields(scan)})
    tiles = ceil_div(rows.size, spec.each * GROUP)
    tickets = tiles * prod(rows.sizes)
    places = prod(rows.sizes) * (tiles + tiles // WINDOW)
    words = Layout.of(WORD, (1 + places * spec.words,))
    number = 2 + len(scratch)
    scratch.append(words.nbytes)
    builder = Builder()
    zeros = elementwise.lower(builder.build([builder.constant(0, WORD)]), [words], [], traits).renumbered({0: number})
    index = "int64" if spec.wide else "int32"
    arguments: list[Argument] = []
    for operand in (out, x, number):
        arguments += [Buffer(operand), Offset(operand)]
    arguments += [Value(v, index) for v in (rows.size, tiles)]
    for values in (rows.sizes, rows.out_steps, rows.x_steps):
        arguments += [Value(v, index) for v in reversed(values)]
    arguments += [Value(rows.out_step, index), Value(rows.x_step, index)]
    return [*zeros.launches, Launch(spec, tuple(arguments), (tickets * GROUP,), (GROUP,))]
