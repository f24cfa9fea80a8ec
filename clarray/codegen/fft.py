"""Lowering of Fourier transforms: steps of at most some thousand points, each done in fast memory.

A step is a Stockham transform (Stockham 1966; Swarztrauber 1987) of many columns side by side: on a CPU a
work-item has a lane of neighbouring transforms in vectors, whose tile stays in the cache; on a GPU a group has
columns in local memory. A longer transform is taken apart into columns and rows with factors between (Gentleman
and Sande 1966; Bailey 1990), one with other prime factors is a convolution with a chirp (Bluestein 1968), and one
of reals is that of half as many pairs. Loads pad, cut, convert and assemble Hermitian halves; stores scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import ClassVar

from clarray.core import dtypes, expr
from clarray.core.aval import Aval, normalize_axis
from clarray.core.dtypes import DType, NumpyDType
from clarray.core.expr import Builder, Expr
from clarray.core.fft import Fft, Fourier, Irfft
from clarray.core.layout import Layout, memory_order, merge, permute
from clarray.core.traits import Traits

from . import fft_plan
from .fft_plan import chirp_spectrum, chirp_table, half_table, pass_table, turn_tables
from .lowering import Call, rule
from .plan import INT32_MAX, Argument, Buffer, Launch, Local, Offset, Plan, Table, Value, ceil_div, round_up

CACHED = 2048  # points that a CPU's work-item transforms in its cache
SPLIT = 64  # points from which a lone transform is cut in two, so that there are columns
COLUMNS = 16  # transforms that a GPU's group takes side by side, more where they are short
GROUP = 128  # work-items of a GPU's group at most
RANK = 3  # axes that every kernel has at least, so that few serve all
LOCAL = 48 << 10  # bytes of local memory that a group takes at most


@dataclass(frozen=True)
class Step:
    """The Spec of `fft.mako`."""

    template: ClassVar[str] = "fft"
    contract: ClassVar[bool] = True

    expr: Expr  # of the operand's element, in the complex dtype of the transform
    source: DType
    out: DType
    real: DType
    load: str  # what an element is: "complex", "pairs" of reals, a half spectrum's ("hermitian"), or "halves"
    store: str  # "complex", "doubled" but for the first, "real", "pairs"
    pre: bool  # elements are multiplied by a table's as they are loaded
    post: bool
    turn: bool  # there are factors between this step and the next
    radices: tuple[int, ...]
    rank: int
    lanes: int
    group: bool
    wide_load: bool  # elements are such that a lane may lie side by side in memory
    wide_store: bool
    wide: bool

    @property
    def fp64(self) -> bool:
        return self.real.is_double or self.expr.fp64

    @property
    def tile(self) -> str:
        """The address space of the tile."""
        return "local" if self.group else "global"

    @property
    def read(self) -> tuple[tuple[str, ...], str]:
        """Statements, and the C text of the value that they make of the element at x."""
        lines, (name,) = self.expr.body({0: "x[0]"})
        return lines, name

    def number(self, value: float) -> str:
        """C text of a constant."""
        return expr.literal(value, self.real)

    def written(self, text: str) -> str:
        """C text of what a real result is in memory."""
        return expr.stored(expr.cast(text, self.real, self.out), self.out)


@dataclass(frozen=True)
class Halves:
    """The Spec of `fft_halves.mako`."""

    template: ClassVar[str] = "fft_halves"

    real: DType
    doubled: bool
    rank: int
    wide: bool

    @property
    def fp64(self) -> bool:
        return self.real.is_double


@dataclass(frozen=True)
class Axis:
    """Transforms side by side: how many, the strides between them, and between the numbers of their elements."""

    size: int
    x_row: int
    o_row: int
    x_g: int = 0
    o_g: int = 0


@dataclass(frozen=True)
class End:
    """Where a transform reads from or writes to: element g lies at `g * step`, those from `valid` on are not there."""

    operand: int
    dtype: NumpyDType
    kind: str
    step: int
    valid: int
    conj: bool = False
    table: Table | None = None
    points: int = 0  # the entries of the table

    @property
    def unit(self) -> int:
        """Elements of memory that an element of the transform takes."""
        return 2 if self.kind == "pairs" else 1

    def beside(self, row: int, g: int) -> int:
        """The distance of the same element of the next column."""
        return row + self.unit * g * self.step

    def is_plain(self, dtype: DType) -> bool:
        """Whether elements lie in memory as they are in registers."""
        own = {"complex": dtype.numpy, "pairs": dtypes.real(dtype.numpy)}
        return self.kind in own and self.dtype == own[self.kind]

    def order(self, row: int, g: int, further: int) -> int:
        """1 where columns lie side by side, 2 where a column's next element is nearer, 3 where it is beside."""
        if (self.unit == 2 and self.step != 1) or (self.table is not None and g):
            return 0
        beside, after = abs(self.beside(row, g)), self.unit * further * self.step
        return 1 if self.beside(row, g) == self.unit else 3 if after == self.unit else 2 if abs(after) < beside else 0


@rule(Fourier)
def _fourier(op: Fourier, call: Call) -> Plan:
    (x,), params, traits = call.arrays, call.params, call.traits
    (aval,) = op.infer([Aval(x.shape, x.dtype)], params, traits.fp64)
    result = Layout.of(aval.dtype, aval.shape)  # type: ignore[arg-type]
    if result.size == 0:
        return Plan((result,), ())
    axis = normalize_axis(params["axis"], len(x.shape), op.name)
    n = op.points(x.shape[axis], params)
    assert n is not None
    others = [a for a in range(len(x.shape)) if a != axis]
    sizes, steps = permute(x.shape, others), [permute(s.elements, others) for s in (x, result)]
    order = memory_order(sizes, steps)
    sizes, (x_rows, o_rows) = merge(permute(sizes, order), [permute(s, order) for s in steps])
    axes = [Axis(*row) for row in zip(sizes, x_rows, o_rows, strict=True)] or [Axis(1, 0, 0)]
    complex_ = dtypes.NAMES["complex128" if dtypes.row(aval.dtype).is_double else "complex64"]
    work = Work(traits, complex_, _is_wide(x, result, traits))
    source = End(1, x.dtype, "complex", x.elements[axis], x.shape[axis], op.inverse)
    sink = End(0, aval.dtype, "complex", result.elements[axis], result.shape[axis], op.inverse)
    scale = op.scale(n, params.get("norm", "backward"))
    if isinstance(op, Fft):
        work.transform(n, source, sink, axes, scale)
    elif isinstance(op, Irfft):
        work.to_real(n, source, sink, axes, scale)
    else:
        work.from_real(n, source, sink, axes, scale, params.get("doubled", False))
    return Plan((result,), tuple(work.launches), tuple(work.scratch))


def _is_wide(x: Layout, result: Layout, traits: Traits) -> bool:
    """Whether indices need 64 bits: intermediate results may be several times as large as the operands."""
    return traits.kind == "cpu" or 8 * max(_span(x), _span(result)) > INT32_MAX


def _span(x: Layout) -> int:
    return max(x.size, 1 + sum((n - 1) * abs(s) for n, s in zip(x.shape, x.elements, strict=True) if n))


@dataclass
class Work:
    """The launches of a plan as they are made."""

    traits: Traits
    dtype: DType  # complex
    wide: bool
    launches: list[Launch] = field(default_factory=list)
    scratch: list[int] = field(default_factory=list)

    @property
    def real(self) -> DType:
        """The dtype of a part."""
        return dtypes.row(dtypes.real(self.dtype.numpy))

    @property
    def lanes(self) -> int:
        """Values of a vector."""
        if self.traits.kind != "cpu":
            return 1
        return max(2, min(16, self.traits.simd_width * 4 // self.real.itemsize))

    @property
    def limit(self) -> int:
        """The most points of one step."""
        if self.traits.kind == "cpu":
            return CACHED
        return min(LOCAL, self.traits.local_memory) // (4 * self.real.itemsize)

    def buffer(self, count: int) -> int:
        """A new scratch operand of so many complex numbers."""
        self.scratch.append(count * self.dtype.itemsize)
        return 1 + len(self.scratch)

    def from_real(self, n: int, source: End, sink: End, axes: list[Axis], scale: float, doubled: bool) -> None:
        """The first half of the spectrum of n reals: that of n / 2 pairs taken apart, if n is even."""
        if n % 2:
            self.transform(n, source, replace(sink, kind="doubled") if doubled else sink, axes, scale)
            return
        pairs = replace(source, kind="pairs", conj=False)
        self.transform(n // 2, pairs, replace(sink, conj=False, valid=n // 2), axes, 1)
        self._halves(n, sink, axes, scale / 2, doubled)

    def to_real(self, n: int, source: End, sink: End, axes: list[Axis], scale: float) -> None:
        """The n reals of half a spectrum."""
        if n % 2:
            self.transform(n, replace(source, kind="hermitian"), replace(sink, kind="real"), axes, scale, total=n)
            return
        table = Table(half_table, (n, self.real.name))
        source = replace(source, kind="halves")
        self.transform(n // 2, source, replace(sink, kind="pairs", conj=True), axes, scale, total=n, halves=table)

    def transform(
        self, n: int, source: End, sink: End, axes: list[Axis], scale: float, total: int = 0,
        halves: Table | None = None, x_g: int = 1, o_g: int = 1,
    ) -> None:  # fmt: skip
        """A transform of n points along each of the axes' rows, in as many steps as it takes."""
        if fft_plan.radices(n) is None:
            self._bluestein(n, source, sink, axes, scale, total, halves)
            return
        lengths = self.lengths(n, axes)
        if len(lengths) == 1:
            self._step(n, source, sink, axes, scale, total, halves, x_g, o_g)
            return
        first, rest = lengths[0], n // lengths[0]
        pitch = rest + (self.lanes if rest % 64 == 0 else 0)  # else lines of the cache would be evicted in turns
        strides = [prod(a.size for a in axes[k + 1 :]) * first * pitch for k in range(len(axes))]
        between = self.buffer(prod(a.size for a in axes) * first * pitch)
        columns = [replace(a, o_row=s, o_g=0) for a, s in zip(axes, strides, strict=True)]
        self._step(
            first, source, End(between, self.dtype.numpy, "complex", pitch, first),
            [*columns, Axis(rest, 0, 1, x_g, 0)], 1, total, halves, x_g * rest, 1, turn=n,
        )  # fmt: skip
        rows = [replace(a, x_row=s, x_g=0) for a, s in zip(axes, strides, strict=True)]
        self.transform(
            rest, End(between, self.dtype.numpy, "complex", 1, rest), sink,
            [*rows, Axis(first, pitch, 0, 0, o_g)], scale, 0, None, 1, o_g * first,
        )  # fmt: skip

    def lengths(self, n: int, axes: list[Axis]) -> tuple[int, ...]:
        """Of how many points the steps of a transform are."""
        if n > self.limit:
            cpu = self.traits.kind == "cpu"
            return fft_plan.steps(n, self.limit if cpu else max(16, self.limit // 4), self.lanes if cpu else COLUMNS)
        if self.traits.kind == "cpu" and n >= SPLIT and prod(a.size for a in axes) < self.lanes:
            return fft_plan.halved(n, self.lanes)
        return (n,)

    def _bluestein(
        self, n: int, source: End, sink: End, axes: list[Axis], scale: float, total: int, halves: Table | None
    ) -> None:
        """A transform of any n as a convolution of a length that has small factors."""
        length = fft_plan.convolution_length(n)
        strides = [prod(a.size for a in axes[k + 1 :]) * length for k in range(len(axes))]
        between = self.buffer(prod(a.size for a in axes) * length)
        name = self.real.name
        chirped = replace(source, table=Table(chirp_table, (n, False, name)), points=n)
        middle = End(between, self.dtype.numpy, "complex", 1, length)
        spectrum = Table(chirp_spectrum, (n, length, name))
        there = [replace(a, o_row=s, o_g=0) for a, s in zip(axes, strides, strict=True)]
        self.transform(length, chirped, replace(middle, conj=True, table=spectrum), there, 1, total, halves)
        back = [replace(a, x_row=s, x_g=0) for a, s in zip(axes, strides, strict=True)]
        final = replace(sink, conj=not sink.conj, valid=min(n, sink.valid), table=Table(chirp_table, (n, True, name)))
        self.transform(length, middle, final, back, scale / length)

    def _step(
        self, n: int, source: End, sink: End, axes: list[Axis], scale: float, total: int, halves: Table | None,
        x_g: int, o_g: int, turn: int = 0,
    ) -> None:  # fmt: skip
        """One launch of `fft.mako`."""
        cpu = self.traits.kind == "cpu"
        if not turn and axes[-1].size < self.lanes:  # the longest axis gives the columns
            longest = max(range(len(axes)), key=lambda k: axes[k].size)
            axes = [*axes[:longest], *axes[longest + 1 :], axes[longest]]
        axes = [Axis(1, 0, 0)] * (RANK - len(axes)) + axes
        near = axes[-1]
        columns, group = 1, min(GROUP, self.traits.max_work_group)
        while not cpu and columns < near.size and 2 * columns * n <= self.limit:
            if columns >= COLUMNS and columns * n >= 4 * group:
                break
            columns *= 2
        builder = Builder()
        read = builder.build([builder.cast(builder.load(0, source.dtype), self.dtype.numpy)])
        radices = fft_plan.radices(n) or ()
        spec = Step(
            read, dtypes.row(source.dtype), dtypes.row(sink.dtype), self.real, source.kind, sink.kind,
            source.table is not None, sink.table is not None, bool(turn),
            _family(radices), len(axes), self.lanes, not cpu,
            cpu and source.is_plain(self.dtype), cpu and sink.is_plain(self.dtype), self.wide,
        )  # fmt: skip
        index = "int64" if self.wide else "int32"
        width = self.lanes * columns
        blocks = ceil_div(near.size, width)
        items = prod(a.size for a in axes[:-1]) * blocks
        passes = Table(pass_table, (n, self.real.name))
        turns = Table(turn_tables, (turn, n, width, self.lanes, self.real.name)) if turn else passes
        tile = 4 * n * width * self.real.itemsize
        if cpu:
            workers = min(items, 4 * self.traits.compute_units)
            span = ceil_div(items, workers)
            global_size, local_size = (ceil_div(items, span),), (1,)
            self.scratch.append(tile * global_size[0])
            tiles: Argument = Buffer(1 + len(self.scratch))
        else:
            span = 1
            global_size, local_size = (items * group,), (group,)
            tiles = Local(tile)
        factors = sum(r << 4 * k for k, r in enumerate(radices))
        arguments: list[Argument] = [
            Buffer(sink.operand), Offset(sink.operand), Buffer(source.operand), Offset(source.operand), tiles,
            passes, turns, halves or passes, source.table or passes, sink.table or passes,
            *(Value(v, index) for v in (items, span, blocks)), Value(n, "int32"), Value(factors, "uint64"),
            *(Value(v, index) for v in (total, source.points, source.valid, source.step, x_g)),
            *(Value(v, index) for v in (sink.valid, sink.step, o_g)),
            Value(columns.bit_length() - 1, "int32"),
            Value(source.order(near.x_row, near.x_g, x_g), "int32"),
            Value(sink.order(near.o_row, near.o_g, o_g), "int32"),
            *(Value(v, self.real.name) for v in (-1 if source.conj else 1, scale, -scale if sink.conj else scale)),
        ]  # fmt: skip
        for name in ("size", "x_row", "x_g", "o_row", "o_g"):
            arguments += [Value(getattr(a, name), index) for a in reversed(axes)]
        self.launches.append(Launch(spec, tuple(arguments), global_size, local_size))

    def _halves(self, n: int, sink: End, axes: list[Axis], scale: float, doubled: bool) -> None:
        """One launch of `fft_halves.mako`."""
        index = "int64" if self.wide else "int32"
        axes = [Axis(1, 0, 0)] * (RANK - len(axes)) + axes
        spec = Halves(self.real, doubled, len(axes), self.wide)
        rows, pairs = prod(a.size for a in axes), n // 4 + 1
        parts = max(1, min(ceil_div(pairs, 1024), ceil_div(4 * self.traits.compute_units, rows)))
        if self.traits.kind == "cpu":
            items = rows * parts
            span = max(1, ceil_div(items, 4 * self.traits.compute_units))
            global_size, local_size = (ceil_div(items, span),), (1,)
        else:
            parts = ceil_div(pairs, 1)
            items, span, group = rows * parts, 1, min(GROUP, self.traits.max_work_group)
            global_size, local_size = (round_up(items, group),), (group,)
        arguments: list[Argument] = [
            Buffer(sink.operand), Offset(sink.operand), Table(half_table, (n, self.real.name)),
            *(Value(v, index) for v in (items, span, parts, n // 2, sink.step)),
            *(Value(v, self.real.name) for v in (scale, -scale if sink.conj else scale)),
        ]  # fmt: skip
        for name in ("size", "o_row"):
            arguments += [Value(getattr(a, name), index) for a in axes]
        self.launches.append(Launch(spec, tuple(arguments), global_size, local_size))


def _family(radices: tuple[int, ...]) -> tuple[int, ...]:
    """The radices that a kernel has passes of: few kernels serve all lengths."""
    for family in ((2, 3, 4, 5, 8), fft_plan.RADICES):
        if set(radices) <= set(family):
            return tuple(sorted(family))
    raise AssertionError(radices)
