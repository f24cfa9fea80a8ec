"""Lowering of an Expr over broadcast operands to one kernel.

Axes are put in memory order and merged first, so that most work is a single flat axis. A CPU's
work-item walks one contiguous chunk with an inner loop that its compiler vectorizes (measured on PoCL:
30 GB/s, against 13 with a work-item an element); a GPU's strides over the grid so that neighbours
read neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from clarray.core import dtypes
from clarray.core.expr import Expr
from clarray.core.layout import Layout, Strides, broadcast_strides, memory_order, merge, ordered_strides, permute
from clarray.core.table import UFUNCS
from clarray.core.traits import Traits

from . import tiled
from .operand import Mapped, Operand
from .plan import Argument, Buffer, Launch, Offset, Plan, Scalar, Value, ceil_div, is_wide, round_up
from .tuning import Sample, Tunable, tunable

CHUNK = 4096  # elements below which a CPU's work-item is not worth its launch
CHUNKS_PER_UNIT = 4
GROUP = 256  # work-items of a GPU's group
GROUPS_PER_UNIT = 32
SMALL = 1 << 20  # elements below which operands are likely to lie in a cache


@dataclass(frozen=True)
class Elementwise(Mapped):
    """The Spec of `elementwise.mako`."""

    template: ClassVar[str] = "elementwise"

    rank: int
    walk: str  # "chunk" (CPU) or "grid" (GPU); "all": every work-item meets every element
    wide: bool
    aliased: bool  # a result is also an operand, element by element

    @property
    def restrict(self) -> str:
        """The qualifier of pointers: none where a result shares memory with an operand."""
        return "" if self.aliased else "restrict"

    @property
    def indices(self) -> list[int]:
        """The axes whose index the Expr uses; then axes are neither merged nor moved."""
        return sorted(self.expr.leaves("index"))


def result_layouts(body: Expr, shape: tuple[int, ...], inputs: Sequence[Layout]) -> tuple[Layout, ...]:
    """Layouts of fresh results: NumPy's 'K' order, that of the operands."""
    if all(x.c_contiguous and x.shape == shape for x in inputs):
        return tuple(Layout.of(d, shape) for d in body.results)
    order = memory_order(shape, [broadcast_strides(x.shape, x.elements, shape) for x in inputs])
    strides = ordered_strides(shape, order)
    return tuple(Layout.of(d, shape, tuple(s * d.itemsize for s in strides)) for d in body.results)


def lower(
    body: Expr, outputs: Sequence[Layout], inputs: Sequence[Layout], traits: Traits, aliased: bool = False
) -> Plan:
    """The Plan of one kernel that computes `body` into `outputs`.

    `inputs[k]` is the operand of load k; inputs broadcast to the outputs' shape. `aliased` tells that
    an output is, element by element, also an input.
    """
    shape = outputs[0].shape
    plan_outputs = tuple(outputs)
    if 0 in shape:
        return Plan(plan_outputs, ())
    loads = sorted(body.leaves("load"))
    layouts = [*outputs, *(inputs[k] for k in loads)]
    strides = [broadcast_strides(x.shape, x.elements, shape) for x in layouts]
    sizes, strides = normalize(shape, strides, bool(body.leaves("index")))
    rank = len(sizes)
    numbers = [*range(len(outputs)), *(len(outputs) + k for k in loads)]
    names = [f"o{k}" for k in range(len(outputs))] + [f"x{k}" for k in loads]
    operands = tuple(
        Operand(name, dtypes.DTYPES[x.dtype], s[-1] if s[-1] in (0, 1) else "s", k < len(outputs))
        for k, (name, x, s) in enumerate(zip(names, layouts, strides, strict=True))
    )
    found = body.leaves("scalar")
    scalars = [Scalar(k, found[k]) for k in sorted(found)]
    wide = is_wide(layouts, traits.kind)
    tiles_fit = tiled.suits(traits) and not body.leaves("index")
    across = tiled.axis_across(sizes, strides[len(outputs) :]) if tiles_fit else None
    if across is not None:
        tiles = tiled.make(body, operands, strides, across, traits, wide, aliased)
        return Plan(plan_outputs, (tiled.launch(tiles, numbers, scalars, sizes, strides, across, traits),))
    spec = Elementwise(body, operands, rank, walk_of(traits), wide, aliased)
    return Plan(plan_outputs, (launch(spec, numbers, scalars, sizes, strides, traits),))


def walk_of(traits: Traits) -> str:
    """How work-items share the elements on this device."""
    return "chunk" if traits.kind == "cpu" else "grid"


def launch(
    spec: Elementwise,
    numbers: Sequence[int],
    scalars: Sequence[Argument],
    sizes: tuple[int, ...],
    strides: Sequence[Strides],
    traits: Traits,
) -> Launch:
    """The launch of `spec` over merged axes; `numbers` and `strides` are those of its operands."""
    total = prod(sizes)
    index = "int64" if spec.wide else "int32"
    arguments: list[Argument] = []
    for number in numbers:
        arguments += [Buffer(number), Offset(number)]
    arguments += scalars
    arguments.append(Value(total, index))
    if spec.walk == "chunk":
        chunks = traits.choice("elementwise", size_class(total), CHUNKS_PER_UNIT) * traits.compute_units
        chunk = round_up(max(CHUNK, ceil_div(total, chunks)), 64)
        arguments.append(Value(chunk, index))
        global_size, local_size = (ceil_div(total, chunk),), (1,)
    elif spec.walk == "all":
        global_size, local_size = (1,), (1,)
    else:
        group, per_unit = traits.choice("elementwise", size_class(total), (GROUP, GROUPS_PER_UNIT))
        local = min(group, traits.max_work_group)
        groups = min(ceil_div(total, local), per_unit * max(traits.compute_units, 8))
        global_size, local_size = (groups * local,), (local,)
    arguments += [Value(n, index) for n in reversed(sizes)]
    for operand, s in zip(spec.operands, strides, strict=True):
        if operand.inner == "s":
            arguments.append(Value(s[-1], index))
        arguments += [Value(step, index) for step in reversed(s[:-1])]
    return Launch(spec, tuple(arguments), global_size, local_size)


def normalize(shape: tuple[int, ...], strides: list[Strides], keep_axes: bool) -> tuple[tuple[int, ...], list[Strides]]:
    """Axes in the order of memory and merged, at least one of them."""
    if keep_axes:
        sizes, merged = shape, tuple(strides)
    else:
        order = memory_order(shape, strides, first_wins=True)
        sizes, merged = merge(permute(shape, order), [permute(s, order) for s in strides])
    if not sizes:
        return (1,), [(1,) if k == 0 else (0,) for k in range(len(strides))]
    return sizes, list(merged)


def size_class(total: int) -> str:
    """The class of problems of so many elements."""
    return "small" if total < SMALL else "large"


def _candidates(traits: Traits, problem: str) -> Sequence[Any]:
    """Chunks of a compute unit; of a GPU work-items of a group, and groups of a compute unit."""
    if walk_of(traits) == "chunk":
        return (2, 1, 8, 16, 64)
    pairs = [(group, per_unit) for group in (256, 128, 512, 64) for per_unit in (32, 8, 128)]
    return [(group, per_unit) for group, per_unit in pairs if group <= traits.max_work_group]


def _samples(traits: Traits) -> list[Sample]:
    return [
        Sample(problem, UFUNCS["add"], (Layout.of(np.dtype(np.float32), (size,)),) * 2, np.add)
        for problem, size in (("large", 1 << 24), ("small", 1 << 17))
    ]


tunable(Tunable("elementwise", "into how many pieces elementwise work is cut", _candidates, _samples))
