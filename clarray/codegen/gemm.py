"""Kernels of matrix products with a fused epilogue, and how a product is cut into work for them.

On a CPU (`gemm.mako`) a work-item makes a block of the result, a register tile at a time, from panels of both
operands in the order in which the arithmetic reads them, after Goto and van de Geijn 2008, "Anatomy of
high-performance matrix multiplication". What a GPU gets is in `gemm_gpu`. Integers are multiplied as
unsigned ones of 32 or 64 bits, which wrap; bools are counted; halves are computed as floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar, Self

import numpy as np

from clarray.core import dtypes, expr
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Expr
from clarray.core.layout import Layout, Strides
from clarray.core.traits import Traits

from .gemm_blocks import BLOCK_BYTES, DEPTH, TASK, RegisterTile, cut, problem_class, register_tile
from .operand import Operand, scalar_parameters
from .plan import Argument, Buffer, Launch, Local, Offset, Plan, Scalar, Value, ceil_div, is_wide, round_up

PACKED_COLUMNS = 256  # of b to one work-item of kernel_pack
SMALL_BYTES = 128 << 10  # of b, or of the memory that its rows are spread over, up to which it is not packed
SUM_GROUP = 256  # work-items that add parts of k
PAGE = 4096  # bytes between rows above which they crowd the same places of a cache
PACKED_SHARE = 6  # packed b takes at most such a part of the memory of a, b and the result, but for one block of k
PACKED_BYTES = 512 << 10  # or so much


@dataclass(frozen=True)
class Product:
    """What both Specs have."""

    template: ClassVar[str]
    contract: ClassVar[bool] = True

    a: dtypes.DType
    b: dtypes.DType
    dtype: NumpyDType  # of the sums
    operands: tuple[Operand, ...]  # the result, then the epilogue's
    epilogue: Expr | None  # load 0 is the sum
    batch_rank: int
    wide: bool

    @property
    def fp64(self) -> bool:
        found = [self.a, self.b, dtypes.DTYPES[self.dtype], *(x.row for x in self.operands)]
        return any(row.is_double for row in found) or (self.epilogue is not None and self.epilogue.fp64)

    @property
    def ctype(self) -> str:
        """The C type of a sum."""
        return dtypes.DTYPES[self.dtype].ctype

    @property
    def real(self) -> str:
        """The C type of what is packed."""
        return dtypes.DTYPES[self.dtype].real_ctype

    @property
    def planes(self) -> int:
        """2 where real and imaginary parts are packed apart."""
        return 2 if self.dtype.kind == "c" else 1

    @property
    def alignment(self) -> int:
        """Bytes to which packed vectors are aligned: those of an element."""
        return self.dtype.itemsize // self.planes

    @property
    def zero(self) -> str:
        """C text of an empty sum."""
        return f"({self.ctype})(0)"

    @property
    def scalars(self) -> list[tuple[str, str]]:
        """C type and name of each scalar argument."""
        return scalar_parameters(self.epilogue) if self.epilogue else []

    @property
    def body(self) -> list[str]:
        """Statements that store the element `l` of a row, from its `sum`."""
        result, *loads = self.operands
        if self.epilogue is None:
            return [f"{result.at('l')} = sum;"]
        found = [k for k in sorted(self.epilogue.leaves("load")) if k]
        texts = {k: x.at("l") for k, x in zip(found, loads, strict=True)} | {0: "sum"}
        lines, (name,) = self.epilogue.body(texts)
        return [*lines, f"{result.at('l')} = {expr.stored(name, result.row)};"]

    def row(self, name: str) -> dtypes.DType:
        """The dtype of an operand in memory."""
        return self.a if name == "a" else self.b

    def value(self, name: str, text: str) -> str:
        """C text of an element of an operand, converted to the dtype of the sums."""
        row = self.row(name)
        text = expr.loaded(text, row)
        return text if row.ctype == self.ctype else expr.cast(text, row, dtypes.DTYPES[self.dtype])


@dataclass(frozen=True)
class Panels(RegisterTile, Product):
    """The Spec of `gemm.mako`: the register tile has `rows` rows and `vectors` vectors of `width` lanes."""

    template: ClassVar[str] = "gemm"

    rows: int
    vectors: int
    width: int
    b_packed: bool  # by a launch of its own, for all blocks of rows; else each work-item packs what it needs
    in_result: bool  # sums over some blocks of k wait for the others in the result; else in scratch memory

    @property
    def b_space(self) -> str:
        """Where packed b lies."""
        return "global" if self.b_packed else "local"

    @property
    def direct(self) -> bool:
        """Whether whole tiles are added to the result as vectors."""
        return self.in_result and self.planes == 1 and self.operands[0].inner == 1

    def gathered(self, real: str, imaginary: str) -> str:
        """C text of a sum, given its parts."""
        return f"({self.ctype})({real}, {imaginary})" if self.planes == 2 else real


@dataclass(frozen=True)
class Small(RegisterTile, Product):
    """The Spec of `gemm_small.mako`: `a_along` is the axis of a whose elements are neighbours, "k" or "m"."""

    template: ClassVar[str] = "gemm_small"

    rows: int
    vectors: int
    width: int
    a_along: str


@dataclass(frozen=True)
class Summed(Product):
    """The Spec of `gemm_sum.mako`: parts of k are added in their order."""

    template: ClassVar[str] = "gemm_sum"


@dataclass(frozen=True)
class Steps:
    """Strides of one operand in elements: along its two axes, and along the merged axes of the stack."""

    first: int
    second: int
    batch: Strides


def sums_dtype(dtype: NumpyDType) -> NumpyDType:
    """The dtype in which a product of this dtype is summed."""
    if dtype.kind in "biu":
        return np.dtype("uint32" if dtype.itemsize <= 4 else "uint64")
    return np.dtype("float32") if dtype == np.float16 else dtype


def same_bits(row: dtypes.DType, sums: NumpyDType) -> bool:
    """Whether elements in memory are what is summed, but for the sign of integers."""
    return row.numpy == sums or (row.kind in "iu" and sums.kind == "u" and row.itemsize == sums.itemsize)


@dataclass(frozen=True)
class Problem:
    """A product ready to be laid out. Operands are the result, a, b and what the epilogue loads."""

    m: int
    n: int
    depth: int
    batch: tuple[int, ...]  # merged
    layouts: Sequence[Layout]
    numbers: Sequence[int]  # by which the plan knows the operands
    steps: Sequence[Steps]
    scratch: int  # the number of the first scratch buffer
    row: dtypes.DType  # of the result as it is stored
    sums: NumpyDType
    epilogue: Expr | None
    traits: Traits
    in_place: bool = False  # the result is also loaded by the epilogue

    def plan(self) -> Plan:
        """The launches."""
        return self._small() or self._panels()

    def _small(self) -> Plan | None:
        """The product without packing, where b stays in a core's cache and its rows can be read as they lie."""
        (out, a, b, *loads), sums = self.steps, self.sums
        rows, vectors, width = register_tile(self.traits, sums)
        columns, itemsize, stacked = vectors * width, sums.itemsize, prod(self.batch)
        alike = all(row.storage == row.ctype and same_bits(row, sums) for row in self.factors())
        along = "k" if a.second == 1 else "m" if a.first == 1 else None
        spread = (abs(b.first) * self.depth if b.first * itemsize <= PAGE else SMALL_BYTES) * itemsize
        near = self.depth <= 2 * DEPTH and spread <= SMALL_BYTES and b.second == 1
        overlaps = self.n % columns and self.in_place  # what is made twice would be finished twice
        if not alike or along is None or not near or sums.kind == "c" or self.n < columns or overlaps:
            return None
        spec = Small(*self.factors(), sums, self.operands(), self.epilogue, len(self.batch), self.wide,
                     rows, vectors, width, along)  # fmt: skip
        multiplications = self.m * self.n * self.depth * stacked
        hands = ceil_div(min(4 * self.traits.compute_units, max(1, multiplications // TASK)), stacked)
        most = max(rows, BLOCK_BYTES // (self.depth * itemsize) // rows * rows)
        block_m = min(round_up(ceil_div(self.m, hands), rows), most)
        tasks = stacked * ceil_div(self.m, block_m)
        span = max(1, TASK // (block_m * self.n * self.depth))
        span = max(1, min(span, ceil_div(tasks, 4 * self.traits.compute_units)), ceil_div(tasks, 1 << 16))
        values = [tasks, span, self.m, self.n, self.depth, block_m, a.first if along == "k" else a.second, b.first]
        for s in (out, *loads):
            values += [s.first, s.second]
        arguments = [*self.buffers(), *self.scalars(), *self.values([*values, *self.stack()])]
        return Plan((self.layouts[0],), (Launch(spec, tuple(arguments), (ceil_div(tasks, span),), (1,)),))

    def parted(self, parts: int) -> tuple[Self, Launch]:
        """The problem whose result is the first of so many parts of k, one behind the other in scratch memory, and
        the launch that adds them."""
        flat = Layout.of(self.sums, (parts, *self.batch, self.m, self.n))
        row, first = dtypes.DTYPES[self.sums], Steps(self.n, 1, flat.elements[1:-2])
        partial = replace(
            self, layouts=[flat, *self.layouts[1:3]], numbers=[self.scratch, *self.numbers[1:3]],
            steps=[first, *self.steps[1:3]], row=row, epilogue=None,
        )  # fmt: skip
        spec = Summed(row, row, self.sums, self.operands(), self.epilogue, len(self.batch), partial.wide or self.wide)
        size, used = flat.size // parts, [self.steps[0], *self.steps[3:]]
        values = [self.m, self.n, parts, size]
        values += [v for s in used for v in (s.first, s.second)]
        for k in reversed(range(len(self.batch))):
            values += [self.batch[k], *(s.batch[k] for s in used)]
        arguments = [*self.buffers()[:-4], Buffer(self.scratch), *self.scalars()]
        arguments += [Value(v, "int64" if spec.wide else "int32") for v in values]
        group = min(SUM_GROUP, self.traits.max_work_group)
        return partial, Launch(spec, tuple(arguments), (round_up(size, group),), (group,))

    @property
    def wide(self) -> bool:
        return is_wide(self.layouts, self.traits.kind)

    def values(self, numbers: Sequence[int]) -> list[Argument]:
        return [Value(v, "int64" if self.wide else "int32") for v in numbers]

    def factors(self) -> tuple[dtypes.DType, dtypes.DType]:
        return dtypes.DTYPES[self.layouts[1].dtype], dtypes.DTYPES[self.layouts[2].dtype]

    def operands(self) -> tuple[Operand, ...]:
        """The result and what the epilogue loads, as the template sees them."""
        rows = [self.row, *(dtypes.DTYPES[x.dtype] for x in self.layouts[3:])]
        names = ["o0", *(f"x{k}" for k in range(1, len(rows)))]
        return tuple(
            Operand(name, row, s.second if s.second in (0, 1) else "s", name == "o0")
            for name, row, s in zip(names, rows, (self.steps[0], *self.steps[3:]), strict=True)
        )

    def buffers(self) -> list[Argument]:
        """The result, what the epilogue loads, a, b."""
        order = [self.numbers[0], *self.numbers[3:], *self.numbers[1:3]]
        return [argument for number in order for argument in (Buffer(number), Offset(number))]

    def scalars(self) -> list[Argument]:
        found = self.epilogue.leaves("scalar") if self.epilogue else {}
        return [Scalar(k, found[k]) for k in sorted(found)]

    def _strides(self, packed: Strides | None = None) -> list[int]:
        """Strides of the matrices, then extents and strides of the stack, innermost first."""
        out, a, b, *loads = self.steps
        values = [a.first, a.second, b.first, b.second]
        for s in (out, *loads):
            values += [s.first, s.second]
        return values + self.stack(packed)

    def stack(self, packed: Strides | None = None) -> list[int]:
        """Extents and strides of the stack, innermost first."""
        out, a, b, *loads = self.steps
        values: list[int] = []
        for k in reversed(range(len(self.batch))):
            values += [self.batch[k], a.batch[k], b.batch[k]]
            values += [packed[k]] if packed is not None else []
            values += [s.batch[k] for s in (out, *loads)]
        return values

    def _panels(self) -> Plan:
        itemsize, stacked = self.sums.itemsize, prod(self.batch)
        problem = problem_class(self.sums, self.m * self.n * self.depth * stacked)
        default = (*register_tile(self.traits, self.sums), DEPTH)
        rows, vectors, width, most_k = self.traits.choice("gemm.panels", problem, default)
        columns = vectors * width
        blocks = cut(self.m, self.n, self.depth, stacked, rows, columns, itemsize, self.traits, most_k)
        in_result = same_bits(self.row, self.sums) and not self.in_place
        spec = Panels(
            *self.factors(), self.sums, self.operands(), self.epilogue, len(self.batch), self.wide,
            rows, vectors, width, blocks.b_packed, in_result,
        )  # fmt: skip
        padded_m, padded_n = round_up(self.m, rows), round_up(self.n, columns)
        scratch: list[int] = []
        arguments = self.buffers()
        packed: Strides | None = None
        own: tuple[int, ...] = ()
        deep = self.depth  # steps of k in one launch
        if blocks.b_packed:
            steps = self.steps[2].batch
            own = tuple(1 if s == 0 else size for s, size in zip(steps, self.batch, strict=True))
            packed = tuple(0 if s == 0 else prod(own[k + 1 :]) for k, s in enumerate(steps))
            deep = self._packed_depth(prod(own) * padded_n * itemsize, blocks.block_k)
            arguments += [Buffer(self.scratch), Buffer(self.scratch + 1), *self.values([deep * padded_n])]
            scratch += [prod(own) * deep * padded_n * itemsize, 4]
        if not in_result:
            arguments.append(Buffer(self.scratch + len(scratch)))
            scratch.append(stacked * padded_m * padded_n * itemsize if blocks.block_k < self.depth else itemsize)
        tasks = stacked * ceil_div(self.m, blocks.block_m) * ceil_div(self.n, blocks.block_n)
        span, groups = 1, min(tasks, 4 * self.traits.compute_units)
        if not blocks.b_packed:
            span = max(1, TASK // (blocks.block_m * blocks.block_n * self.depth))
            span = max(1, min(span, ceil_div(tasks, 4 * self.traits.compute_units)), ceil_div(tasks, 1 << 16))
            groups = ceil_div(tasks, span)
        arguments += [Local(blocks.lanes * blocks.block_k * itemsize), *self.scalars()]
        launches: list[Launch] = []
        for start in range(0, self.depth, deep):
            end = min(start + deep, self.depth)
            if blocks.b_packed:
                launches.append(self._pack(spec, blocks.block_k, own, start, end, deep * padded_n))
            numbers = [tasks, span, self.m, self.n, self.depth, start, end]
            numbers += [blocks.block_m, blocks.block_n, blocks.block_k, *self._strides(packed)]
            launches.append(Launch(spec, (*arguments, *self.values(numbers)), (groups,), (1,)))
        return Plan((self.layouts[0],), tuple(launches), tuple(scratch))

    def _packed_depth(self, step: int, block_k: int) -> int:
        """Steps of k that are packed at once, of so many bytes each: whole blocks, about the same every time."""
        room = max(PACKED_BYTES, sum(x.nbytes for x in self.layouts[:3]) // PACKED_SHARE)
        most = max(1, room // (step * block_k))
        blocks = ceil_div(self.depth, block_k)
        return min(self.depth, ceil_div(blocks, ceil_div(blocks, most)) * block_k)

    def _pack(self, spec: Panels, block_k: int, own: tuple[int, ...], start: int, end: int, size: int) -> Launch:
        """The launch that packs some steps of b: `own` are the extents of the stack along which b has matrices."""
        b, wide = self.steps[2], round_up(PACKED_COLUMNS, spec.columns)
        values = [self.n, start, end, wide, block_k, b.first, b.second, size]
        for k in reversed(range(len(own))):
            values += [own[k], b.batch[k]]
        number = self.numbers[2]
        buffers = (Buffer(number), Offset(number), Buffer(self.scratch), Buffer(self.scratch + 1))
        groups = (ceil_div(self.n, wide), ceil_div(end - start, block_k), prod(own))
        return Launch(spec, (*buffers, *self.values(values)), groups, (1, 1, 1), "kernel_pack")
