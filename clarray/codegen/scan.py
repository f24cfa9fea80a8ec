"""Lowering of a cumulative Op: three phases where one axis needs many hands.

The axis is cut into parts. Each part is reduced to its total; the totals, themselves an array, are
scanned (by the same rule, so in turn in parts); then each part is scanned, beginning with what went
before. A short axis, or many rows, take the last phase alone. On a CPU a work-item takes a block of
neighbouring rows, so that its compiler vectorizes across them. Where there are none it takes a stretch of
the row that stays in the first cache, adds up each quarter of it, in vectors, and then runs through the quarters
at once: four sums that do not wait for each other hide what one addition takes. As each starts from zero and is
added to what went before, an element's error is that of few additions.

Floating products are another matter: that of a part may overflow, or become 0, where the one of all up to an element
stays in bounds. A CPU's work-item takes such a row whole; on a GPU real numbers keep their exponent apart while parts
are multiplied (`lib/scaled.mako`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from clarray.core import dtypes
from clarray.core.aval import normalize_axis
from clarray.core.cumulative import Cumulative, cumulative_sum
from clarray.core.expr import Builder
from clarray.core.layout import Layout, memory_order, merge, permute
from clarray.core.op import Reduction
from clarray.core.traits import Traits

from . import scan_lookback
from .lowering import Call, rule
from .plan import Argument, Buffer, Launch, Offset, Plan, Value, ceil_div, is_wide, round_up
from .scan_spec import Rows, Scan
from .tuning import Sample, Tunable, tunable

BLOCK = 64  # rows a CPU's work-item scans side by side
CHAINS = 4  # sums that run at once through a stretch
SMALL = 4096  # elements below which a CPU's work-item is not worth its launch
SHORT = 64  # elements of a part on a GPU
ITEMS_PER_UNIT = 1024  # work-items a GPU wants


@rule(Cumulative)
def _cumulative(op: Cumulative, call: Call) -> Plan:
    (x,), params, traits = call.arrays, call.params, call.traits
    accumulator, result = op.reduction.resolve(x.dtype, params.get("dtype"), traits.fp64)
    target = call.out or Layout.of(result, x.shape)
    if target.size == 0:
        return Plan((target,), ())
    axis = normalize_axis(params["axis"], len(x.shape), op.name)
    others = [a for a in range(len(x.shape)) if a != axis]
    sizes, steps = permute(x.shape, others), [permute(s.elements, others) for s in (target, x)]
    order = memory_order(sizes, steps[::-1])
    sizes, steps = merge(permute(sizes, order), [permute(s, order) for s in steps])  # type: ignore[assignment]
    if not sizes:
        sizes, steps = (1,), [(0,), (0,)]
    rows = Rows(sizes, steps[0], steps[1], x.shape[axis], target.elements[axis], x.elements[axis])
    builder = Builder()
    body = builder.build([builder.cast(builder.load(0, x.dtype), accumulator)])
    near = abs(steps[1][-1]) == 1 and sizes[-1] > 1  # rows side by side in memory
    spec = Scan(
        op.reduction, body, dtypes.DTYPES[x.dtype], dtypes.DTYPES[target.dtype], dtypes.DTYPES[accumulator], len(sizes),
        BLOCK if traits.kind == "cpu" and near else 1, True, False, False, is_wide([x, target], traits.kind),
        _chains(op.reduction, accumulator, traits, near), rows.x_step == 1, rows.out_step == 1,
    )  # fmt: skip
    scratch: list[int] = []
    launches = _launches(spec, rows, 0, 1, scratch, traits)
    return Plan((target,), tuple(launches), tuple(scratch))


def _chains(reduction: Reduction, accumulator: np.dtype[Any], traits: Traits, near: bool) -> int:
    """How many sums run at once. Floating products run one after the other."""
    if traits.kind != "cpu" or near:
        return 0
    if _bounded(reduction, accumulator):
        return 1
    return int(traits.choice("scan_chains", accumulator.name, CHAINS))


def _bounded(reduction: Reduction, accumulator: np.dtype[Any]) -> bool:
    """Whether parts may leave the bounds of a dtype in which the whole stays."""
    return reduction.name == "prod" and accumulator.kind in "fc"


def _launches(spec: Scan, rows: Rows, out: int, x: int, scratch: list[int], traits: Traits) -> list[Launch]:
    """The phases that scan operand `x` into operand `out`; `scratch` receives the bytes of buffers they need."""
    parts = _parts(spec, rows, traits)
    if parts == 1:
        return [_launch(spec, rows, [out, x], 1, traits)]
    if spec.accumulator.kind == "f" and _bounded(spec.reduction, spec.accumulator.numpy):
        spec = replace(spec, scaled=True)
    elif scan_lookback.suits(spec, rows, traits):
        return scan_lookback.launches(spec, rows, out, x, scratch, traits)
    count = prod(rows.sizes)
    row = spec.accumulator
    totals = 2 + len(scratch)
    nbytes = np.dtype("float32" if row.name == "float16" else row.name).itemsize
    scratch.append(parts * count * nbytes * (2 if spec.scaled else 1))
    flat = tuple(prod(rows.sizes[k + 1 :]) for k in range(len(rows.sizes)))
    builder = Builder()
    register = dtypes.NAMES["float32"] if row.name == "float16" else row  # a half's total stays a float
    body = builder.build([builder.load(0, register.numpy)])
    inner = replace(
        spec, expr=body, source=register, out=register, accumulator=register, rank=1, registers=True, carried=False,
        of_totals=True,
        lanes=BLOCK if traits.kind == "cpu" and count > 1 else 1, chains=0,
    )  # fmt: skip
    sums = replace(spec, stores=False, out=register, registers=True, out_near=False)
    return [
        _launch(sums, replace(rows, out_steps=flat, out_step=count), [totals, x], parts, traits),
        *_launches(inner, Rows((count,), (1,), (1,), parts, count, count), totals, totals, scratch, traits),
        _launch(replace(spec, carried=True), rows, [out, x, totals], parts, traits),
    ]


def _parts(spec: Scan, rows: Rows, traits: Traits) -> int:
    """Into how many parts the axis is cut."""
    if traits.kind != "cpu":
        wanted = ITEMS_PER_UNIT * max(traits.compute_units, 8)
        return max(1, min(ceil_div(rows.size, SHORT), ceil_div(wanted, prod(rows.sizes))))
    if _bounded(spec.reduction, spec.accumulator.numpy):
        return 1
    blocks = prod(rows.sizes[:-1]) * ceil_div(rows.sizes[-1], spec.lanes)
    wanted = 4 * traits.compute_units
    if blocks >= wanted or prod(rows.sizes) * rows.size <= 4 * SMALL:
        return 1
    return max(1, min(ceil_div(wanted, blocks), ceil_div(rows.size * min(spec.lanes, rows.sizes[-1]), SMALL)))


def _launch(spec: Scan, rows: Rows, numbers: Sequence[int], parts: int, traits: Traits) -> Launch:
    """One phase; `numbers` are its operands: result, operand, and the totals where they are carried."""
    index = "int64" if spec.wide else "int32"
    blocks = ceil_div(rows.sizes[-1], spec.lanes)
    items = prod(rows.sizes[:-1]) * blocks
    per_part = ceil_div(rows.size, parts)
    span = 1
    if traits.kind == "cpu":
        enough = ceil_div(SMALL, per_part * spec.lanes)
        span = max(1, min(ceil_div(items, 4 * traits.compute_units), max(enough, ceil_div(items, 4096))))
        global_size, local_size = (ceil_div(items, span), parts), (1, 1)
    else:
        local = min(256, traits.max_work_group)
        group = (1, local) if items == 1 else (local // 8, 8) if parts > 1 else (local, 1)
        global_size, local_size = (round_up(items, group[0]), round_up(parts, group[1])), group
    arguments: list[Argument] = []
    for number in numbers:
        arguments += [Buffer(number), Offset(number)]
    count = prod(rows.sizes)
    arguments += [Value(v, index) for v in (items, span, blocks, rows.size, per_part, parts, count)]
    arguments += [Value(n, index) for n in reversed(rows.sizes)]
    arguments += [Value(s, index) for s in reversed(rows.out_steps)]
    arguments += [Value(s, index) for s in reversed(rows.x_steps)]
    arguments += [Value(rows.out_step, index), Value(rows.x_step, index)]
    return Launch(spec, tuple(arguments), global_size, local_size)


def _candidates(traits: Traits, problem: str) -> Sequence[Any]:
    return (CHAINS, 2, 8)


def _samples(traits: Traits) -> list[Sample]:
    if traits.kind != "cpu":
        return []
    layout = Layout.of(np.dtype("float32"), (1 << 23,))
    return [Sample("float32", cumulative_sum, (layout,), lambda x: np.cumsum(x, 0, np.float64), {"axis": 0})]


tunable(Tunable("scan_chains", "sums that run at once through a stretch of a row", _candidates, _samples))
