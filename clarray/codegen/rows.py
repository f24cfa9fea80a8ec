"""Lowering of row Ops: one kernel in which a work-item of a CPU, or a group of a GPU, holds a row through all stages.

On a CPU a work-item takes rows one after the other, a row staying in the cache between stages, with lanes along it;
where rows are strided and their neighbours adjacent (axis 0 of a C array) it takes a block of rows, lanes across.
On a GPU a group shares a row, or several short ones. Rows too long for that, and those of several axes that do not
merge, become reductions and an elementwise kernel, one launch or two for each stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any, ClassVar

import numpy as np

from clarray.core import dtypes, expr
from clarray.core.aval import normalize_axes
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Builder, Expr
from clarray.core.layout import Layout, Shape, Strides, broadcast_strides, memory_order, merge, permute
from clarray.core.op import Reduction
from clarray.core.rows import KEPT, VALUE, Program, Row, Stage, logsumexp_program, softmax
from clarray.core.table.reductions import LogSumExp
from clarray.core.traits import Traits

from . import elementwise, lowering, reduction
from .lowering import Call, rule
from .operand import Operand
from .plan import Argument, Buffer, Launch, Local, Offset, Plan, Value, ceil_div, is_wide
from .reduce_spec import fill, replace_words
from .tuning import Sample, Tunable, tunable

LANES = 32  # accumulators along a row
BLOCK = 32  # rows side by side
FOLD = 32  # steps of a sum between two folds into a second level
SMALL = 4096  # elements below which a CPU's work-item is not worth its launch
LONG = 1 << 17  # elements of a row that are worth several hands, where there are few rows
CACHE = 256 << 10  # bytes of a CPU's cache that a row's kept values may take
GROUP = 256  # work-items of a GPU's group
GPU_CACHE = 40 << 10  # bytes of local memory for values; partial results take the rest
STEPS = 1 << 12  # elements of a row that a GPU's work-item takes at most
FEW_STEPS = 1 << 7  # and where groups are few


@dataclass(frozen=True)
class Rows:
    """The Spec of `rows.mako`."""

    template: ClassVar[str] = "rows"
    contract: ClassVar[bool] = True  # a * b + c may round once: the inline exp takes a third fewer instructions

    program: Program
    inputs: tuple[Operand, ...]
    out: dtypes.DType
    register: dtypes.DType
    out_inner: int | str  # the result's stride, as an Operand's
    rank: int  # of the rows
    along: bool  # whether lanes lie along a row, or across neighbouring ones
    walk: str  # "chunk" (CPU) or "grid" (GPU)
    lanes: int
    cached: bool  # whether kept values have a place in local memory
    wide: bool

    @property
    def fp64(self) -> bool:
        return self.program.fp64 or self.out.is_double or self.register.is_double

    @property
    def keeps(self) -> bool:
        """Whether a stage keeps what it makes of each element."""
        return self.cached and any(stage.keeps for stage in self.program.stages)

    def cascade(self, stage: Stage) -> bool:
        """Whether partial sums are folded into a second level."""
        return stage.reduction.cascade

    def identity(self, stage: Stage) -> str:
        """C text of the state of no elements."""
        return self._fill(stage.reduction.identity["f"][0])

    def element(self, stage: Stage, index: str, place: str) -> tuple[tuple[str, ...], str, str]:
        """Statements for the element at `index`, the C text of its state, and that of what is kept at `place`."""
        lines, names = self._body(stage.expr, index, place)
        code = self._fill(stage.reduction.map["f"][0])
        return lines, replace_words(code, dict(zip(stage.reduction.letters, names, strict=True))), names[0]

    def joined(self, stage: Stage, a: str, b: str) -> str:
        """C text of two states joined."""
        return replace_words(self._fill(stage.reduction.combine["f"][0]), {"a0": a, "b0": b})

    def finished(self, stage: Stage, a: str) -> str:
        """C text of a stage's value."""
        (code,) = stage.reduction.finish["f"]
        return f"({self.register.ctype})({replace_words(self._fill(code), {'a0': a})})"

    def result(self, index: str, place: str) -> tuple[tuple[str, ...], str]:
        """Statements for an element of the result, and the C text of what is stored."""
        lines, (name,) = self._body(self.program.result, index, place)
        return lines, expr.stored(expr.cast(name, self.register, self.out), self.out)

    def at_out(self, index: str) -> str:
        """C text of the result's element."""
        return Operand("o", self.out, self.out_inner).at(index)

    def _body(self, body: Expr, index: str, place: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        texts = {k: x.at(index) for k, x in enumerate(self.inputs)}
        texts |= {VALUE + k: self.value(k, index) for k in range(len(self.program.stages))}
        texts[KEPT] = f"cache[{place}]"
        return body.body(texts)

    def value(self, k: int, index: str) -> str:
        """C text of what stage k found for this row."""
        return f"value{k}[{index}]" if self.walk == "chunk" and not self.along else f"value{k}"

    def _fill(self, code: str) -> str:
        return fill(code, self.register, self.register).replace("correction", "0")


@dataclass(frozen=True)
class Walk:
    """Merged extents of the rows, one extent along them, and each operand's strides: the result's first."""

    rows: Shape
    size: int
    row_steps: tuple[Strides, ...]
    steps: tuple[int, ...]

    @property
    def along(self) -> bool:
        """Whether elements of a row lie closer than neighbouring rows, in the first input."""
        near = abs(self.row_steps[1][-1]) if self.rows[-1] > 1 else 0
        return not near or (self.steps[1] != 0 and abs(self.steps[1]) <= near)


@rule(Row)
def _row(op: Row, call: Call) -> Plan:
    arrays, params, traits = call.arrays, call.params, call.traits
    result = op.resolve([x.dtype for x in arrays], traits.fp64)
    register = np.dtype("float32") if result == np.float16 else result
    program = op.stages([x.dtype for x in arrays], register, params)
    shape = arrays[0].shape
    if call.out is not None:
        out = call.out
    else:
        builder = Builder()
        (out,) = elementwise.result_layouts(builder.build([builder.load(0, result)]), shape, arrays[:1])
    return lower(program, out, arrays, shape, normalize_axes(params.get("axis"), len(shape), op.name), register, traits)


@rule(LogSumExp)
def _logsumexp(op: LogSumExp, call: Call) -> Plan:
    (x,), params, traits = call.arrays, call.params, call.traits
    accumulator, result = op.resolve(x.dtype, params.get("dtype"), traits.fp64)
    register = np.dtype("float32") if accumulator == np.float16 else accumulator
    axes = normalize_axes(params.get("axis"), len(x.shape), op.name)
    keepdims = params.get("keepdims", False)
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes)
    out = call.out or Layout.of(result, shape)
    if result.kind != "f" or 0 in x.shape:
        return lowering.RULES[Reduction](op, call)
    return lower(logsumexp_program(x.dtype, register), out, [x], x.shape, axes, register, traits)


def lower(
    program: Program,
    out: Layout,
    inputs: Sequence[Layout],
    shape: Shape,
    axes: tuple[int, ...],
    register: NumpyDType,
    traits: Traits,
) -> Plan:
    """The Plan that computes `program` along `axes` of `shape` into `out`."""
    if out.size == 0:
        return Plan((out,), ())
    walk = _walk(program, out, inputs, shape, axes)
    if walk is None or _too_long(walk, traits):
        return composed(program, out, inputs, shape, axes, register, traits)
    return Plan((out,), (_launch(program, walk, out, inputs, register, traits),))


def _walk(program: Program, out: Layout, inputs: Sequence[Layout], shape: Shape, axes: tuple[int, ...]) -> Walk | None:
    """How rows lie; None where a row does not merge to one axis."""
    kept = [a for a in range(len(shape)) if a not in axes]
    strides = [broadcast_strides(x.shape, x.elements, shape) for x in inputs]
    if program.per_row:
        own = [out.elements[a] for a in kept] if len(out.shape) == len(shape) else list(out.elements)
        of_out, along_out = tuple(own), (0,) * len(axes)
    else:
        of_out, along_out = permute(out.elements, kept), permute(out.elements, axes)
    along = [along_out, *(permute(s, axes) for s in strides)]
    lengths = permute(shape, axes)
    if program.per_row:  # its stride of zero would keep axes apart
        order = memory_order(lengths, along[1:], first_wins=True)
        sizes, merged = merge(permute(lengths, order), [permute(s, order) for s in along[1:]])
        merged = ((0,) * len(sizes), *merged)
    else:
        order = memory_order(lengths, [*along[1:], along_out], first_wins=True)
        sizes, merged = merge(permute(lengths, order), [permute(s, order) for s in along])
    if len(sizes) > 1:
        return None
    size, steps = (sizes[0], tuple(s[0] for s in merged)) if sizes else (1, (0,) * len(along))
    across = [of_out, *(permute(s, kept) for s in strides)]
    counts = permute(shape, kept)
    order = memory_order(counts, [*across[1:], of_out], first_wins=True)
    rows, row_steps = merge(permute(counts, order), [permute(s, order) for s in across])
    if not rows:
        rows, row_steps = (1,), ((0,),) * len(across)
    return Walk(rows, size, row_steps, steps)


def _too_long(walk: Walk, traits: Traits) -> bool:
    """Whether a row asks for more hands than one work-item's, or one group's."""
    if traits.kind != "cpu":
        hands = GROUP if walk.along else GROUP // 32
        groups = prod(walk.rows) if walk.along else ceil_div(prod(walk.rows), 32)
        few = groups < 2 * max(traits.compute_units, 8) and walk.size > FEW_STEPS * hands
        return few or walk.size > STEPS * hands
    rows = prod(walk.rows) if walk.along else prod(walk.rows[:-1]) * ceil_div(walk.rows[-1], BLOCK)
    return walk.size > LONG and rows < 4 * traits.compute_units


def without_kept(program: Program) -> Program:
    """The program with what a stage keeps computed again wherever it is used."""
    kept = next((stage.expr for stage in program.stages if stage.keeps), None)
    if kept is None:
        return program

    def spelled(body: Expr) -> Expr:
        if KEPT not in body.leaves("load"):
            return body
        builder = Builder()
        value = builder.splice(kept, {})[0]
        return builder.build(builder.splice(body, {KEPT: value}))

    stages = tuple(replace(stage, expr=spelled(stage.expr), keeps=False) for stage in program.stages)
    return replace(program, stages=stages, result=spelled(program.result))


def _launch(
    program: Program, walk: Walk, out: Layout, inputs: Sequence[Layout], register: NumpyDType, traits: Traits
) -> Launch:
    chunk, along = traits.kind == "cpu", walk.along
    count = prod(walk.rows)
    wide = is_wide([out, *inputs], traits.kind)
    itemsize = register.itemsize
    if chunk:
        lanes = traits.choice(
            "row_lanes", f"{register.name} {'along' if along else 'across'}", LANES if along else BLOCK
        )
        width = 1 if along else lanes
        most = min(CACHE, traits.local_memory)
    else:
        local = 1 << min(GROUP, traits.max_work_group).bit_length() - 1
        lanes, (hands, width) = 1, _group(walk, local)
        most = min(GPU_CACHE, traits.local_memory - local * itemsize)
    cache = width * walk.size * itemsize
    cached = cache <= most
    if not cached:
        program = without_kept(program)
    inner = walk.steps if along else [s[-1] for s in walk.row_steps]
    operands = tuple(
        Operand(f"x{k}", dtypes.DTYPES[x.dtype], s if s in (0, 1) else "s")
        for k, (x, s) in enumerate(zip(inputs, inner[1:]))
    )
    spec = Rows(
        program, operands, dtypes.DTYPES[out.dtype], dtypes.DTYPES[register], inner[0] if inner[0] in (0, 1) else "s",
        len(walk.rows), along, "chunk" if chunk else "grid", lanes, cached, wide,
    )  # fmt: skip
    blocks = ceil_div(walk.rows[-1], width) if chunk else 0
    items = prod(walk.rows[:-1]) * blocks if chunk else count
    span = 1
    if chunk:
        enough = ceil_div(SMALL, max(walk.size * width, 1))
        span = max(1, min(ceil_div(items, 4 * traits.compute_units), max(enough, ceil_div(items, 4096))))
        global_size, local_size = (ceil_div(items, span),), (1,)
    else:
        span = hands
        global_size, local_size = (ceil_div(count, width) * width * hands,), (width * hands,)
    index = "int64" if wide else "int32"
    arguments: list[Argument] = []
    for number in range(1 + len(inputs)):
        arguments += [Buffer(number), Offset(number)]
    if spec.keeps:
        arguments.append(Local(cache))
    if not chunk:
        arguments.append(Local(hands * width * itemsize))
    arguments += [Value(v, index) for v in (items, span, blocks, walk.size)]
    arguments += [Value(n, index) for n in reversed(walk.rows)]
    for steps, step in zip(walk.row_steps, walk.steps, strict=True):
        arguments += [Value(s, index) for s in reversed(steps)]
        arguments.append(Value(step, index))
    arguments.append(Value(walk.size, register.name))
    return Launch(spec, tuple(arguments), global_size, local_size)


def _group(walk: Walk, local: int) -> tuple[int, int]:
    """How many work-items of a GPU's group share a row, and how many rows a group takes."""
    if not walk.along:
        width = min(32, local)
        return max(1, min(local // width, _power(walk.size))), width
    hands = min(local, _power(ceil_div(walk.size, 4)))
    return hands, max(1, min(local // hands, 64 // hands if hands < 64 else 1))


def _power(n: int) -> int:
    """The first power of two that is not below n."""
    return 1 << max(n - 1, 0).bit_length()


def composed(
    program: Program,
    out: Layout,
    inputs: Sequence[Layout],
    shape: Shape,
    axes: tuple[int, ...],
    register: NumpyDType,
    traits: Traits,
) -> Plan:
    """The same from reductions, whose results lie in scratch memory, and an elementwise kernel."""
    program = without_kept(program)
    values = Layout.of(register, tuple(1 if a in axes else n for a, n in enumerate(shape)))
    first = 1 + len(inputs)  # the operand number of the first stage's value
    stages = len(program.stages)
    scratch = [values.nbytes] * stages
    launches: list[Launch] = []

    def renumbered(body: Expr) -> Expr:
        """Loads of stages' values as further operands."""
        builder = Builder()
        found = body.leaves("load")
        loads = {k: builder.load(k - VALUE + len(inputs), found[k]) for k in found if VALUE <= k < KEPT}
        return builder.build(builder.splice(body, loads))

    for k, stage in enumerate(program.stages):
        operands = [*inputs, *[values] * k]
        plan = reduction.lower(stage.reduction, renumbered(stage.expr), values, operands, shape, axes, register, traits)
        names = {0: first + k} | {1 + len(operands) + j: first + len(scratch) + j for j in range(len(plan.scratch))}
        launches += plan.renumbered(names).launches
        scratch += plan.scratch
    whole = values if program.per_row else Layout.of(out.dtype, shape)
    body = renumbered(program.result)
    builder = Builder()
    (value,) = builder.splice(body, {})
    body = builder.build([builder.cast(value, out.dtype)])
    target = out
    if program.per_row and out.shape != whole.shape:
        target = Layout.of(out.dtype, whole.shape, _with_axes(out, axes, len(shape)))
    last = elementwise.lower(body, [target], [*inputs, *[values] * stages], traits)
    return Plan((out,), (*launches, *last.launches), tuple(scratch))


def _with_axes(out: Layout, axes: tuple[int, ...], ndim: int) -> Strides:
    """The byte strides of a result with the reduced axes put in again."""
    rest = iter(out.strides)
    return tuple(0 if a in axes else next(rest) for a in range(ndim))


def _candidates(traits: Traits, problem: str) -> Sequence[Any]:
    return (LANES if problem.endswith("along") else BLOCK, 16, 64)


def _samples(traits: Traits) -> list[Sample]:
    if traits.kind != "cpu":
        return []
    layout = Layout.of(np.dtype("float32"), (2048, 1000))
    return [
        Sample(f"float32 {where}", softmax, (layout,), partial(_softmax, axis=axis), {"axis": axis})
        for where, axis in (("along", 1), ("across", 0))
    ]


def _softmax(x: Any, axis: int) -> Any:
    e = np.exp(x.astype(np.float64))
    return e / e.sum(axis, keepdims=True)


tunable(Tunable("row_lanes", "accumulators along a row, or rows side by side", _candidates, _samples))
