"""Lowering of sorting Ops: elements become records whose keys sort as integers, and those are sorted by radix.

The radix sort goes from the least significant digit to the most (Knuth, The Art of Computer Programming 3, 5.2.5),
so it is stable. On a CPU a pass has two launches: every part of a row counts its digits; then, from all counts, knows
where its records go, and moves them. Many rows that fit into a cache are sorted by a work-item each, those of up to
1,024 values by a network of exchanges in the lanes of vectors, and short ones by counting for each element those
before it. A GPU's pass has three launches, as in Satish, Harris and Garland (Designing efficient sorting algorithms for
manycore GPUs, 2009): tiles are counted, the counts scanned, and each tile is sorted in local memory so that neighbours
are written by neighbours.

The first k of many elements are chosen before they are sorted: each part of a row keeps its k best, found by fixing
their last key bit by bit.

Kernels work on rows without gaps; where the axis lies otherwise, copies go before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from clarray.core import dtypes
from clarray.core.aval import normalize_axis
from clarray.core.expr import Builder
from clarray.core.layout import Layout, permute
from clarray.core.sorting import Argsort, Sort, TopK, sort
from clarray.core.traits import Traits

from . import elementwise
from .lowering import Call, rule
from .plan import Argument, Buffer, Launch, Offset, Plan, Value, ceil_div, is_wide, round_up
from .records import Best, Keys, Network, Radix, Ranks, Rows, Tiles
from .tuning import Sample, Tunable, tunable

DIGIT = 11  # bits a pass of a CPU sorts by
ROW_DIGIT = 8  # the same for rows of a cache's size, if they are short
SHORT_ROW = 4096
GPU_DIGIT = 4
PART = 1 << 15  # records below which a CPU's work-item is not worth its launch
CACHED = 1 << 17  # records of a row that one work-item of a CPU sorts
LANE_BYTES = 32  # of the vector in whose lanes a network sorts rows
NETWORK = 1024  # elements of such a row
RANKED = {"cpu": 64, "gpu": 256}  # elements of a row of which each is compared with all others
GROUP = 256
BLOCK = 32  # elements a CPU compares with the worst of the best at once


class Scratch:
    """Buffers that a plan needs, numbered after its operands."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.sizes: list[int] = []

    def take(self, nbytes: int) -> int:
        """The number of a new buffer."""
        self.sizes.append(max(nbytes, 1))
        return self.first + len(self.sizes) - 1


@dataclass(frozen=True)
class Work:
    """Rows to sort: the Spec's common fields, where they lie, how many, how long, and how much of each is wanted.

    `x` and `source` are the operands with the elements (rows of `whole`) and, if those are `encoded`, with the
    records (rows of `size`); `results` are operands too.
    """

    keys: Keys
    result: str
    wide: bool
    results: tuple[int, ...]
    x: int
    source: int
    encoded: bool
    rows: int
    whole: int
    size: int
    keep: int

    @property
    def index(self) -> str:
        """The dtype of extents."""
        return "int64" if self.wide else "int32"

    @property
    def common(self) -> tuple[Keys, str, bool]:
        """The first fields of every Spec."""
        return self.keys, self.result, self.wide

    def outs(self) -> list[Argument]:
        """The results as arguments."""
        return [Buffer(k) for k in self.results]

    def values(self, *values: int) -> list[Argument]:
        """Extents as arguments."""
        return [Value(v, self.index) for v in values]


@rule(Sort)
def _sort(op: Sort, call: Call) -> Plan:
    (x,) = call.arrays
    return _plan(x, (Layout.of(x.dtype, x.shape),), "values", x.shape[_axis(op, call)], call)


@rule(Argsort)
def _argsort(op: Argsort, call: Call) -> Plan:
    (x,) = call.arrays
    return _plan(x, (Layout.of(np.dtype("int64"), x.shape),), "indices", x.shape[_axis(op, call)], call)


@rule(TopK)
def _topk(op: TopK, call: Call) -> Plan:
    (x,), axis, k = call.arrays, _axis(op, call), call.params["k"]
    shape = tuple(k if a == axis else n for a, n in enumerate(x.shape))
    return _plan(x, (Layout.of(x.dtype, shape), Layout.of(np.dtype("int64"), shape)), "both", k, call)


def _axis(op: Any, call: Call) -> int:
    return normalize_axis(call.params["axis"], len(call.arrays[0].shape), op.name)


def _plan(x: Layout, outputs: tuple[Layout, ...], result: str, keep: int, call: Call) -> Plan:
    """The Plan of rows along an axis, brought into rows without gaps and back where they are not."""
    traits, axis = call.traits, normalize_axis(call.params["axis"], len(x.shape), "sort")
    if outputs[0].size == 0:
        return Plan(outputs, ())
    size = x.shape[axis]
    keys = Keys(dtypes.DTYPES[x.dtype], call.params["descending"], result != "values", size >= 2**32)
    scratch = Scratch(len(outputs) + 1)
    numbers = tuple(range(len(outputs)))
    wide = is_wide([x, *outputs], traits.kind)
    work = Work(keys, result, wide, numbers, len(outputs), -1, False, x.size // size, size, size, keep)
    last = prod(x.shape[axis + 1 :]) == 1
    order = [*(a for a in range(len(x.shape)) if a != axis), axis]
    before: list[Launch] = []
    after: list[Launch] = []
    spare: int | None = None
    if not last:
        work = replace(work, results=tuple(scratch.take(out.nbytes) for out in outputs))
        for number, row, out in zip(numbers, work.results, outputs, strict=True):
            after += _copy(row, Layout.of(out.dtype, permute(out.shape, order)), number, _moved(out, order), traits)
    if not (last and x.c_contiguous):
        if result == "values":  # two buffers do: passes go to and fro, and the last one leaves the result free
            spare = scratch.take(x.nbytes) if last else 0
            source = spare if _passes(work, traits) % 2 else work.results[0]
        else:
            source = scratch.take(x.nbytes)
        packed = Layout.of(x.dtype, permute(x.shape, order))
        before += _copy(len(outputs), _moved(x, order), source, packed, traits)
        work = replace(work, x=source)
    launches = _first(work, scratch, traits) if result == "both" else _sorted(work, scratch, traits, spare)
    return Plan(outputs, (*before, *launches, *after), tuple(scratch.sizes))


def _moved(x: Layout, order: Sequence[int]) -> Layout:
    return Layout.of(x.dtype, permute(x.shape, order), permute(x.strides, order))


def _copy(source: int, x: Layout, target: int, out: Layout, traits: Traits) -> list[Launch]:
    """The launches that copy operand `source` into operand `target`."""
    builder = Builder()
    plan = elementwise.lower(builder.build([builder.load(0, x.dtype)]), [out], [x], traits)
    return list(plan.renumbered({0: target, 1: source}).launches)


def _method(work: Work, traits: Traits) -> str:
    """How rows are sorted: by "network", "ranks", "rows" or "radix"."""
    lanes_suffice = traits.kind == "cpu" and work.result == "values" and work.keys.dtype.kind != "c"
    if lanes_suffice and work.rows >= _lanes(work.keys) and work.size <= _network_limit(work.keys, traits):
        return "network"
    if work.size <= RANKED["cpu" if traits.kind == "cpu" else "gpu"]:
        return "ranks"
    if traits.kind != "cpu":
        return "radix"
    single = work.size <= 2 * PART or (work.rows >= traits.compute_units and work.size <= CACHED)
    return "rows" if single else "radix"


def _lanes(keys: Keys) -> int:
    """Rows that a network sorts side by side."""
    return min(16, LANE_BYTES // keys.nbytes)


def _network_limit(keys: Keys, traits: Traits) -> int:
    """Elements of a row up to which a network is faster than a radix sort."""
    default: int = NETWORK
    return int(traits.choice("sort network", f"{keys.bits} bits", default))


def _digits(work: Work, traits: Traits) -> tuple[int, tuple[int, ...]]:
    """The bits of a digit and the shifts of all."""
    default = DIGIT if traits.kind == "cpu" else GPU_DIGIT
    return work.keys.shifts(traits.choice("sort digit", f"{work.keys.bits} bits", default))


def _passes(work: Work, traits: Traits) -> int:
    """How many times records are moved from buffer to buffer."""
    return len(_digits(work, traits)[1]) if _method(work, traits) == "radix" else 1


def _sorted(work: Work, scratch: Scratch, traits: Traits, spare: int | None = None) -> list[Launch]:
    """The launches that sort rows; records may pass through buffer `spare`."""
    method = _method(work, traits)
    if method == "ranks":
        return [_ranks(work, traits)]
    if method == "network":
        return [_network(work, traits)]
    if method == "rows":
        return [_rows(work, scratch, traits)]
    width, shifts = _digits(work, traits)
    cpu = traits.kind == "cpu"
    return (_parts if cpu else _tiles)(work, width, shifts, _ways(work, len(shifts), scratch, spare), scratch, traits)


def _ranks(work: Work, traits: Traits) -> Launch:
    walk = elementwise.walk_of(traits)
    spec = Ranks(*work.common, RANKED["cpu"] if walk == "chunk" else 0, walk, work.encoded)
    if walk == "chunk":
        enough = ceil_div(1 << 15, work.size * work.size)  # rows worth a launch
        span = max(enough, ceil_div(work.rows, 16 * traits.compute_units))
        global_size, local = ceil_div(work.rows, span), 1
    else:
        local, span = min(GROUP, traits.max_work_group), 1
        global_size = round_up(work.rows * work.size, local)
    arguments: list[Argument] = [
        *work.outs(),
        Buffer(work.x),
        Offset(work.x),
        Buffer(work.source if work.encoded else work.x),
    ]
    arguments += work.values(work.rows, span, work.whole)
    arguments += [Value(work.size, "int32"), Value(work.keep, "int32")]
    return Launch(spec, tuple(arguments), (global_size,), (local,))


def _network(work: Work, traits: Traits) -> Launch:
    lanes = _lanes(work.keys)
    limit = max(16, 1 << (work.size - 1).bit_length())
    spec = Network(*work.common, lanes, max(limit, 256))
    span = round_up(max(ceil_div(1 << 13, work.size), ceil_div(work.rows, 16 * traits.compute_units)), lanes)
    arguments = [*work.outs(), Buffer(work.x), Offset(work.x), *work.values(work.rows, span)]
    arguments.append(Value(work.size, "int32"))
    return Launch(spec, tuple(arguments), (ceil_div(work.rows, span),), (1,))


def _rows(work: Work, scratch: Scratch, traits: Traits) -> Launch:
    width, shifts = work.keys.shifts(ROW_DIGIT if work.size < SHORT_ROW else DIGIT)
    spec = Rows(*work.common, width, shifts, work.encoded)
    span = ceil_div(work.rows, 4 * traits.compute_units)
    items = ceil_div(work.rows, span)
    spare = scratch.take(items * 2 * work.size * work.keys.nbytes)
    arguments: list[Argument] = [
        *work.outs(),
        Buffer(work.x),
        Offset(work.x),
        Buffer(work.source if work.encoded else work.x),
    ]
    arguments += [Buffer(spare), *work.values(work.rows, span, work.whole, work.size, work.keep)]
    return Launch(spec, tuple(arguments), (items,), (1,))


def _ways(work: Work, passes: int, scratch: Scratch, spare: int | None) -> list[tuple[int, int]]:
    """From which buffer to which each pass goes; the first may read, and the last write, others than these say."""
    if passes == 1:
        return [(work.source if work.encoded else work.x, work.results[0])]
    bytes_ = work.rows * work.size * work.keys.nbytes
    here = scratch.take(bytes_) if spare is None else spare
    fits = work.keep == work.size and work.keys.nbytes == (8 if work.result == "indices" else work.keys.dtype.itemsize)
    there = work.results[0] if fits and work.result != "both" else scratch.take(bytes_) if passes > 2 else here
    targets = [here if (passes - p) % 2 == 0 else there for p in range(passes)]
    return list(zip([work.source if work.encoded else work.x, *targets], targets, strict=False))


def _parts(
    work: Work, width: int, shifts: Sequence[int], ways: Sequence[tuple[int, int]], scratch: Scratch, traits: Traits
) -> list[Launch]:
    """A CPU's passes over parts of rows."""
    spec = Radix(*work.common, width, traits.prefetches)
    parts = max(1, min(ceil_div(4 * traits.compute_units, work.rows), work.size // PART))
    per_part = ceil_div(work.size, parts)
    counts = scratch.take(work.rows * parts * 2**width * (8 if work.keys.far else 4))
    launches = []
    x: list[Argument] = [Buffer(work.x), Offset(work.x)]
    for p, (shift, (source, target)) in enumerate(zip(shifts, ways, strict=True)):
        first, last = Value(int(p == 0 and not work.encoded), "int32"), Value(int(p == len(shifts) - 1), "int32")
        extents = [*work.values(work.size, per_part, parts), Value(shift, "int32"), first]
        count = (*x, Buffer(source), Buffer(counts), *extents)
        move = (*work.outs(), *x, *work.values(work.whole), Buffer(source), Buffer(target), Buffer(counts), *extents,
                last, *work.values(work.keep))  # fmt: skip
        launches += [
            Launch(spec, count, (parts, work.rows), (1, 1), "count_digits"),
            Launch(spec, move, (parts, work.rows), (1, 1), "move_records"),
        ]
    return launches


def _tiles(
    work: Work, width: int, shifts: Sequence[int], ways: Sequence[tuple[int, int]], scratch: Scratch, traits: Traits
) -> list[Launch]:
    """A GPU's passes over tiles of rows."""
    group, each = _tile(work, traits)
    spec = Tiles(*work.common, width, group, each)
    tiles = ceil_div(work.size, group * each)
    counts = scratch.take(work.rows * tiles * 2**width * (8 if work.keys.far else 4))
    launches = []
    x: list[Argument] = [Buffer(work.x), Offset(work.x)]
    whole, local = (work.rows * tiles * group,), (group,)
    for p, (shift, (source, target)) in enumerate(zip(shifts, ways, strict=True)):
        first, last = Value(int(p == 0 and not work.encoded), "int32"), Value(int(p == len(shifts) - 1), "int32")
        extents = [*work.values(work.size), Value(shift, "int32"), first]
        count = (*x, Buffer(source), Buffer(counts), *extents)
        scan = (Buffer(counts), *work.values(tiles))
        move = (*work.outs(), *x, *work.values(work.whole), Buffer(source), Buffer(target), Buffer(counts), *extents,
                last, *work.values(work.keep))  # fmt: skip
        launches += [
            Launch(spec, count, whole, local, "count_digits"),
            Launch(spec, scan, (work.rows * group,), local, "scan_counts"),
            Launch(spec, move, whole, local, "move_records"),
        ]
    return launches


def _tile(work: Work, traits: Traits) -> tuple[int, int]:
    """Work-items of a group, a power of two, and records of each: 16 KiB of local memory at most."""
    group = 1 << (min(GROUP, traits.max_work_group).bit_length() - 1)
    return group, max(1, min(8, 64 // work.keys.nbytes))


def _first(work: Work, scratch: Scratch, traits: Traits) -> list[Launch]:
    """The launches that sort the first `keep` of each row: they are chosen before, if they are few."""
    cpu = traits.kind == "cpu"
    group, each = (1, BLOCK) if cpu else _tile(work, traits)
    enough = RANKED["cpu" if cpu else "gpu"]
    launches: list[Launch] = []
    while work.size > enough and work.size >= 8 * work.keep and (cpu or group * each >= 4 * work.keep):
        spec = Best(*work.common, elementwise.walk_of(traits), group, each, work.encoded)
        if cpu:
            parts = max(1, min(ceil_div(4 * traits.compute_units, work.rows), work.size // max(8 * work.keep, PART)))
        else:
            parts = ceil_div(work.size, group * each)
        items, span = work.rows * parts, 1
        best = scratch.take(items * work.keep * work.keys.nbytes)
        arguments: list[Argument] = [
            Buffer(work.x),
            Offset(work.x),
            Buffer(work.source if work.encoded else work.x),
            Buffer(best),
        ]
        if cpu:
            span = ceil_div(items, 4 * traits.compute_units)
            capacity = 2 * (work.keep + BLOCK)
            spare = scratch.take(ceil_div(items, span) * capacity * work.keys.nbytes)
        arguments += [*work.values(items, span, work.size, parts), Value(work.keep, "int32")]
        if cpu:
            arguments += [Buffer(spare), Value(capacity, "int32")]
            launches.append(Launch(spec, tuple(arguments), (ceil_div(items, span),), (1,)))
        else:
            launches.append(Launch(spec, tuple(arguments), (work.rows * parts * group,), (group,)))
        work = replace(work, source=best, encoded=True, size=parts * work.keep)
        if cpu:
            break
    return [*launches, *_sorted(work, scratch, traits)]


def _draw(rng: Any, layout: Layout) -> Any:
    return rng.standard_normal(layout.shape).astype(layout.dtype)


def _samples(traits: Traits, size: tuple[int, ...]) -> list[Sample]:
    """A sort of floats of each width."""
    names = ("float32", "float64") if traits.fp64 else ("float32",)
    layouts = [Layout.of(np.dtype(name), size) for name in names]
    params = {"axis": len(size) - 1, "descending": False}
    return [Sample(f"{8 * x.dtype.itemsize} bits", sort, (x,), np.sort, params, 0.0, _draw) for x in layouts]


tunable(
    Tunable(
        "sort network",
        "elements up to which rows are sorted by a network of exchanges, on a CPU",
        lambda traits, problem: (NETWORK, NETWORK // 4, NETWORK // 16) if traits.kind == "cpu" else (),
        lambda traits: _samples(traits, (1024, 1024)) if traits.kind == "cpu" else [],
    )
)
tunable(
    Tunable(
        "sort digit",
        "bits that one pass of a radix sort looks at",
        lambda traits, problem: (11, 8, 10, 6) if traits.kind == "cpu" else (GPU_DIGIT, 3, 2),
        lambda traits: _samples(traits, (1 << 20,)),
    )
)
