"""Lowering of a reduction with a fused map to one kernel, or two where one row needs many hands.

Kept and reduced axes are merged apart. A work-item owns some results and one part of the reduced
range; where there are several parts they leave their states in scratch memory and a second launch of
the same template joins them. On a CPU a state has lanes, so that its compiler vectorizes: along the
reduced axis where that is the innermost in memory, else along the kept one, as many as the first cache has
room for: whole lines are read one after the other, where narrow blocks would open a page for a few elements of
each. A floating sum is folded every few steps into a second and a third level, so that rounding errors grow as
in a pairwise sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from clarray.core import dtypes, expr
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Expr
from clarray.core.layout import Layout, Strides, broadcast_strides, memory_order, merge, permute
from clarray.core.op import Reduction
from clarray.core.table import REDUCTIONS
from clarray.core.traits import Traits
from clarray.errors import DeviceError

from .operand import Operand
from .plan import INT32_MAX, Argument, Buffer, Launch, Offset, Plan, Scalar, Value, ceil_div, is_wide
from .reduce_spec import Reduce, Row, fields_of, real_of
from .tuning import Sample, Tunable, tunable

FOLD = 16  # most steps between two folds of a cascade, at every level
LANES = 16  # accumulators along a reduced axis
BLOCK = 16 << 10  # bytes of states that a CPU's work-item keeps side by side
NARROW = 128  # fewest results side by side
CACHED = 1 << 20  # elements that lie in caches, where narrow blocks cost nothing and need no second launch
RUN = 1024  # elements of a run that is worth asking for; 16 times as many are worth several streams
REGISTERS = 256  # bytes of states: half of what 16 registers of 32 bytes hold
PART = LANES * FOLD**3  # elements of one part: what three levels of folds take in
SHORT = 32  # elements of a row for which lanes along it are not worth the joining of one field of theirs
SMALL = 4096  # elements below which a CPU's work-item is not worth its launch
ITEMS_PER_UNIT = 1024  # work-items a GPU wants
STEPS = 48 << 10  # elements that a GPU's work-item reduces at most: llvmpipe takes 65,535 steps, those of folds counted


@dataclass(frozen=True)
class Walk:
    """Merged extents, and each operand's strides along them."""

    kept: tuple[int, ...]
    reduced: tuple[int, ...]
    kept_steps: tuple[Strides, ...]  # result first, then inputs
    reduced_steps: tuple[Strides, ...]  # inputs


def lower(
    op: Reduction,
    body: Expr,
    out: Layout,
    inputs: Sequence[Layout],
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    accumulator: NumpyDType,
    traits: Traits,
    correction: float = 0,
) -> Plan:
    """The Plan that reduces `body` over `axes` of `shape` into `out`.

    `body` makes the row's operands, already in the dtypes that the row computes in; `inputs[k]` is the
    operand of load k and broadcasts to `shape`. `out` has the kept axes, with or without the reduced ones.
    """
    kind = body.nodes[body.outputs[0]].dtype.kind
    return lower_rows([Row(op, kind, accumulator, out.dtype)], body, [out], inputs, shape, axes, traits, [correction])


def lower_rows(
    rows: Sequence[Row],
    body: Expr,
    outs: Sequence[Layout],
    inputs: Sequence[Layout],
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    traits: Traits,
    corrections: Sequence[float],
) -> Plan:
    """`lower` of several rows in one pass; `body` makes the operands of the first, then those of the next.

    Of `outs`, the kept axes have the same strides in elements.
    """
    out, results = outs[0], len(outs)
    if out.size == 0:
        return Plan(tuple(outs), ())
    loads = sorted(body.leaves("load"))
    walk = _walk(out, [inputs[k] for k in loads], shape, axes, any("index" in row.op.state for row in rows))
    wide = is_wide([*outs, *inputs], traits.kind, prod(shape))
    make = _Maker(tuple(rows), traits, wide, prod(walk.reduced), tuple(corrections))
    numbers = [results + k for k in loads]
    kinds = [dtypes.DTYPES[inputs[k].dtype] for k in loads]
    names = [f"x{k}" for k in loads]
    parts = make.parts(walk)
    if parts > STEPS and "loop_limit" in traits.quirks:  # the last stage would leave its loop and answer wrong
        raise DeviceError(
            f"{rows[0].op.name}() of {prod(walk.reduced):,} elements at once is too long for this driver, whose loops "
            f"end after 65,535 steps; reduce pieces of at most {STEPS * STEPS:,}"
        )
    if parts == 1:
        return Plan(tuple(outs), (make.launch("whole", body, walk, range(results), numbers, kinds, names, 1),))
    kept = prod(walk.kept)
    fields = make.fields
    first_scratch = results + len(inputs)
    scratch = [first_scratch + k for k in range(len(fields))]
    first = make.launch("first", body, walk, scratch, numbers, kinds, names, parts)
    joined = Walk(
        walk.kept, (parts,), (walk.kept_steps[0], *[flat_steps(walk.kept)] * len(fields)), ((kept,),) * len(fields)
    )
    builder = expr.Builder()
    stored = [np.dtype("float32") if d == np.float16 else d for d in fields]  # as they are in registers
    state = builder.build([builder.load(k, d) for k, d in enumerate(stored)])
    state_kinds = [dtypes.DTYPES[d] for d in stored]
    state_names = [f"x{k}" for k in range(len(fields))]
    last = make.launch("last", state, joined, range(results), scratch, state_kinds, state_names, 1)
    sizes = tuple(parts * kept * d.itemsize for d in stored)
    return Plan(tuple(outs), (first, last), sizes)


def fold_of(steps: int, levels: int) -> int:
    """Steps between two folds: few where they suffice, as sums of few are exact to more digits."""
    return next((fold for fold in (2, 4, 8) if fold**levels >= steps), FOLD)


def flat_steps(sizes: tuple[int, ...]) -> Strides:
    """Strides of merged axes in an array without gaps."""
    return tuple(prod(sizes[k + 1 :]) for k in range(len(sizes)))


def _walk(out: Layout, inputs: Sequence[Layout], shape: tuple[int, ...], axes: tuple[int, ...], in_order: bool) -> Walk:
    strides = [broadcast_strides(x.shape, x.elements, shape) for x in inputs]
    kept = [a for a in range(len(shape)) if a not in axes]
    out_steps = [out.elements[a] for a in kept] if len(out.shape) == len(shape) else list(out.elements)
    kept_shape, reduced_shape = permute(shape, kept), permute(shape, axes)
    kept_steps = [tuple(out_steps), *(permute(s, kept) for s in strides)]
    reduced_steps = [permute(s, axes) for s in strides]
    order = memory_order(kept_shape, [*kept_steps[1:], kept_steps[0]], first_wins=True)
    kept_sizes, kept_merged = merge(permute(kept_shape, order), [permute(s, order) for s in kept_steps])
    if not in_order:
        order = memory_order(reduced_shape, reduced_steps, first_wins=True)
        reduced_shape, reduced_steps = permute(reduced_shape, order), [permute(s, order) for s in reduced_steps]
    reduced_sizes, reduced_merged = merge(reduced_shape, reduced_steps)
    if not kept_sizes:
        kept_sizes, kept_merged = (1,), ((1,), *((0,) for _ in inputs))
    if not reduced_sizes:
        reduced_sizes, reduced_merged = (prod(reduced_shape),), tuple((0,) for _ in inputs)
    return Walk(kept_sizes, reduced_sizes, kept_merged, reduced_merged)


@dataclass(frozen=True)
class _Maker:
    """What the launches of one reduction, or of several over the same elements, have in common."""

    rows: tuple[Row, ...]
    traits: Traits
    wide: bool
    count: int
    corrections: tuple[float, ...]

    @property
    def walk(self) -> str:
        return "chunk" if self.traits.kind == "cpu" else "grid"

    @property
    def index(self) -> NumpyDType:
        """Narrow where that suffices: as wide as a float32, it goes through the same vector lanes."""
        own_code = any(row.op.own_code for row in self.rows)
        return np.dtype("int32" if self.count <= INT32_MAX and not own_code else "int64")

    @property
    def fields(self) -> tuple[NumpyDType, ...]:
        """The dtypes of the state."""
        return fields_of(self.rows, self.index)

    def along(self, walk: Walk) -> str:
        """Lanes lie along whichever side has the smaller stride in the largest input, the first of equals, but not
        along what is too short for them."""
        extents = (*walk.kept, *walk.reduced)
        inputs = sorted(
            zip(walk.kept_steps[1:], walk.reduced_steps, strict=True),
            key=lambda steps: -prod(n for n, step in zip(extents, (*steps[0], *steps[1]), strict=True) if step),
        )
        for kept, reduced in inputs:
            near = abs(kept[-1]) if walk.kept[-1] > 1 else 0
            if near or reduced[-1]:
                if self.walk == "chunk" and near and prod(walk.reduced) < SHORT * len(self.fields) <= prod(walk.kept):
                    return "kept"
                return "kept" if near and (near < abs(reduced[-1]) or not reduced[-1]) else "reduced"
        return "reduced"

    @property
    def lanes(self) -> int:
        """Most results that a CPU's work-item makes side by side."""
        state = sum(d.itemsize for d in self.fields)
        nbytes: int = self.traits.choice("reduce_block", self.rows[0].accumulator.name, BLOCK)
        return max(NARROW, 1 << (nbytes // state).bit_length() - 1)

    def blocks(self, walk: Walk) -> int:
        """Into how many blocks of neighbours the innermost kept axis is cut."""
        last, rest = walk.kept[-1], prod(walk.kept[:-1])
        fewest = min((abs(s[-1]) for s in walk.kept_steps[1:] if s[-1]), default=1)  # elements apart in memory
        blocks = ceil_div(last * min(fewest, SHORT), self.lanes)
        if prod(walk.kept) * prod(walk.reduced) <= CACHED:
            hands = ceil_div(4 * self.traits.compute_units, rest)
            blocks = max(blocks, min(hands, ceil_div(last, NARROW)))
        return blocks

    def streams(self, walk: Walk, parts: int) -> int:
        """Places at which a CPU's work-item reads a run at once; 0 where runs are short, or do not come from memory.

        Several only in very long ones, if registers hold the states of all lanes.
        """
        run = min(walk.reduced[-1], ceil_div(prod(walk.reduced), parts))
        if not self.traits.prefetches or run < RUN or prod(walk.kept) * prod(walk.reduced) <= CACHED:
            return 0
        fields = self.fields
        if len(fields) > 1 or run < 16 * RUN:
            return 1
        return max(1, min(4, REGISTERS // (LANES * fields[0].itemsize)))

    def parts(self, walk: Walk) -> int:
        """Into how many parts the reduced range is cut."""
        kept, reduced = prod(walk.kept), prod(walk.reduced)
        if self.walk == "grid":
            wanted = ITEMS_PER_UNIT * max(self.traits.compute_units, 8)
            least = ceil_div(reduced, STEPS)
            if (kept >= wanted and self.along(walk) == "kept") or reduced <= 32:
                return max(least, 1)
            return max(min(max(32, ceil_div(wanted, kept)), ceil_div(reduced, 16), 4096), least)
        wanted = 4 * self.traits.compute_units
        if self.along(walk) == "reduced":
            hands = ceil_div(wanted, kept) if kept * reduced > 4 * SMALL else 1
            return max(ceil_div(reduced, PART), min(hands, ceil_div(reduced, SMALL)), 1)
        blocks = prod(walk.kept[:-1]) * self.blocks(walk)
        least = max(ceil_div(reduced, FOLD**3), 1) if any(row.op.cascade for row in self.rows) else 1
        enough = self.traits.compute_units if kept * reduced <= CACHED else wanted
        if blocks >= enough or kept * reduced <= 4 * SMALL:
            return least
        return max(min(ceil_div(wanted, blocks), ceil_div(reduced, 64)), least)

    def launch(
        self,
        stage: str,
        body: Expr,
        walk: Walk,
        results: Sequence[int],
        numbers: Sequence[int],
        kinds: Sequence[dtypes.DType],
        names: Sequence[str],
        parts: int,
    ) -> Launch:
        """One launch; `numbers` are the operands that `names` stand for."""
        along = self.along(walk)
        lanes = 1 if self.walk == "grid" else self.lanes if along == "kept" else LANES
        found = self.streams(walk, parts) if along == "reduced" else 0
        streams, far = max(1, found), found > 0
        inner = [s[-1] for s in (walk.kept_steps[1:] if along == "kept" else walk.reduced_steps)]
        inputs = tuple(
            Operand(name, row, s if s in (0, 1) else "s") for name, row, s in zip(names, kinds, inner, strict=True)
        )
        spec = Reduce(
            self.rows, body, inputs, stage,
            len(walk.kept), len(walk.reduced), along, lanes, streams, far, self.walk, self.wide, self.index,
        )  # fmt: skip
        blocks = self.blocks(walk) if along == "kept" and self.walk == "chunk" else walk.kept[-1]
        width = ceil_div(walk.kept[-1], blocks)
        items = prod(walk.kept[:-1]) * blocks
        reduced = prod(walk.reduced)
        per_part = ceil_div(reduced, parts)
        global_size: tuple[int, ...]
        local_size: tuple[int, ...]
        if self.walk == "chunk":
            enough = ceil_div(SMALL, max(per_part * width, 1))
            span = max(1, min(ceil_div(items, 4 * self.traits.compute_units), max(enough, ceil_div(items, 4096))))
            global_size, local_size = (ceil_div(items, span), parts), (1, 1)
        else:
            local = 1 << min(256, self.traits.max_work_group).bit_length() - 1
            span = local if parts >= local else min(32, local) if parts > 1 else 1
            groups = ceil_div(items, local // span) * ceil_div(parts, span)
            global_size, local_size = (groups * local,), (local,)
        index = "int64" if self.wide else "int32"
        arguments: list[Argument] = []
        for number in results:
            arguments += [Buffer(number), Offset(number)]
        for number in numbers:
            arguments += [Buffer(number), Offset(number)]
        scalars = body.leaves("scalar")
        arguments += [Scalar(k, scalars[k]) for k in sorted(scalars)]
        arguments += [Value(v, index) for v in (items, span, blocks, reduced, per_part, parts)]
        if spec.cascade:
            lanes_along = lanes * streams if along == "reduced" else 1
            arguments.append(Value(fold_of(ceil_div(per_part, lanes_along), spec.levels), index))
        arguments += [Value(n, index) for n in reversed(walk.kept)]
        arguments += [Value(max(n, 1), index) for n in reversed(walk.reduced)]  # kernels divide by extents
        arguments += [Value(step, index) for step in reversed(walk.kept_steps[0])]
        for kept, red in zip(walk.kept_steps[1:], walk.reduced_steps, strict=True):
            arguments += [Value(step, index) for step in reversed(kept)]
            arguments += [Value(step, index) for step in reversed(red)]
        for row, correction in zip(self.rows, self.corrections, strict=True):
            real = real_of(row.out).name
            arguments += [Value(self.count, real), Value(correction, real)]
        return Launch(spec, tuple(arguments), global_size, local_size)


def _candidates(traits: Traits, problem: str) -> Sequence[Any]:
    return (BLOCK, 8 << 10, 32 << 10, 4 << 10)


def _samples(traits: Traits) -> list[Sample]:
    if traits.kind != "cpu":
        return []
    layout = Layout.of(np.dtype("float32"), (2048, 4096))
    return [Sample("float32", REDUCTIONS["sum"], (layout,), lambda x: np.sum(x, 0, np.float64), {"axis": 0})]


tunable(Tunable("reduce_block", "bytes of sums side by side in the first cache", _candidates, _samples))
