"""Steps of dense decompositions: what kernels do in place with blocks of stacks of matrices.

A step works on views of what is being factored, whose rows are contiguous. Of some, a work-group has a matrix to itself
(on a CPU one work-item); of others, a work-item has columns, which do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from clarray.core import dtypes, ops
from clarray.core.diagonal import FromDiagonal, Triangle, Undiagonal, diagonal
from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.core.traits import Traits

from . import elementwise
from .lowering import Call, rule
from .plan import Argument, Buffer, Launch, Offset, Plan, Value, ceil_div, is_wide, round_up

GROUP = 64  # work-items that share a matrix on a GPU
LANES = 32  # columns of a CPU's work-item
PANEL = 32  # columns that are factored one after the other, before the rest
GROUPS_PER_UNIT = 4  # work-groups a CPU's core is given


class Operand(NamedTuple):
    """An array of a step: its name in the kernel, the type of its elements and what follows the axis of the stack.

    Types are "T", that of the matrices, "R", of their real parts, and "int". A "matrix" has contiguous rows, a
    "strided" one has not; a "vector" is contiguous.
    """

    name: str
    type: str
    form: str


class Step(NamedTuple):
    """What a kernel does: its operands, its numbers, and whether a work-item has columns of the last operand."""

    operands: tuple[Operand, ...]
    numbers: tuple[str, ...]
    by_columns: bool = False


def _step(operands: str, numbers: str = "", by_columns: bool = False) -> Step:
    """A row of the table: operands as name:type:form."""
    return Step(tuple(Operand(*x.split(":")) for x in operands.split()), tuple(numbers.split()), by_columns)


STEPS = {
    "cholesky": _step("a:T:matrix info:int:vector", "n first"),
    "lu": _step("a:T:matrix pivots:int:vector", "m n first"),
    "swap": _step("pivots:int:vector b:T:matrix", "n first m", by_columns=True),
    "substitute": _step("t:T:strided b:T:matrix", "n m", by_columns=True),
    "reflect": _step("a:T:matrix tau:T:vector", "m n"),
    "combine": _step("gram:T:matrix tau:T:vector t:T:matrix", "n"),
    "tridiagonalize": _step("a:T:matrix d:R:vector e:R:vector tau:T:vector work:T:matrix", "n"),
    "bidiagonalize": _step("a:T:matrix d:R:vector e:R:vector left:T:vector right:T:vector work:T:matrix", "n"),
    "eigenvalues": _step(
        "d:R:vector e:R:vector c:R:vector s:R:vector sweeps:int:vector state:int:vector", "n room most"
    ),
    "singular_values": _step(
        "d:R:vector e:R:vector c:R:vector s:R:vector c2:R:vector s2:R:vector sweeps:int:vector state:int:vector",
        "n room most",
    ),
    "rotate": _step("c:R:vector s:R:vector sweeps:int:vector state:int:vector z:R:matrix", "m", by_columns=True),
}


@dataclass(frozen=True)
class Dense:
    """The Spec of the templates of `dense/`; `flags` are a step's own."""

    template: ClassVar[str] = "dense"
    contract: ClassVar[bool] = True

    step: str
    dtype: dtypes.DType
    shared: bool  # a work-group of several work-items has a matrix
    lanes: int
    wide: bool
    flags: frozenset[str] = frozenset()

    @property
    def fp64(self) -> bool:
        return self.dtype.is_double

    @property
    def group(self) -> int:
        """Work-items that share a matrix."""
        return GROUP

    @property
    def row(self) -> Step:
        """The step's row of the table."""
        return STEPS[self.step]

    @property
    def T(self) -> str:
        """The C type of an element."""
        return self.dtype.ctype

    @property
    def epsilon(self) -> str:
        """C text of the distance from 1 to the next number."""
        return "DBL_EPSILON" if self.dtype.is_double else "FLT_EPSILON"

    def power(self, exponent: int) -> str:
        """C text of a power of two."""
        return f"0x1p{exponent}" + "f" * (not self.dtype.is_double)

    @property
    def panel(self) -> int:
        """The most columns that are reflected together."""
        return PANEL

    @property
    def R(self) -> str:
        """The C type of its real part."""
        return self.dtype.real_ctype

    def whole(self, real: str) -> str:
        """C text of an element with this real part."""
        return f"({self.T})({real}, 0)" if self.dtype.kind == "c" else real

    def ctype(self, operand: Operand) -> str:
        """The C type of an operand's elements."""
        return {"T": self.T, "R": self.R}.get(operand.type, operand.type)

    def strides(self, operand: Operand) -> tuple[str, ...]:
        """The kernel's names of an operand's strides."""
        names = {"vector": ("batch",), "matrix": ("batch", "row"), "strided": ("batch", "row", "column")}
        return tuple(f"{operand.name}_{s}" for s in names[operand.form])


def plan(step: str, operands: Sequence[Layout], numbers: Sequence[int], flags: frozenset[str], traits: Traits) -> Plan:
    """The launch of a step, in place: the operands are results and inputs at once."""
    row, cpu = STEPS[step], traits.kind == "cpu"
    types = {o.type: x.dtype for x, o in zip(operands, row.operands, strict=True)}
    dtype = types["T"] if "T" in types else types["R"]
    count, columns = operands[0].shape[0], operands[-1].shape[-1] if row.by_columns else 1
    lanes = LANES if cpu and row.by_columns else 1
    wide = is_wide(operands, traits.kind, columns * count)
    spec = Dense(step, dtypes.DTYPES[dtype], not cpu and not row.by_columns, lanes, wide, flags)
    index = "int64" if wide else "int32"
    arguments: list[Argument] = []
    for k, (x, operand) in enumerate(zip(operands, row.operands, strict=True)):
        strides = x.elements[: len(spec.strides(operand))]
        if operand.form != "strided" and x.shape[-1] > 1 and x.elements[-1] != 1:
            raise ValueError(f"{step}: operand {operand.name} has strides {x.strides}, its rows are not contiguous")
        arguments += [Buffer(k), Offset(k), *(Value(s, index) for s in strides)]
    chunks = ceil_div(columns, lanes)
    arguments += [Value(v, index) for v in (*numbers, count, chunks)]
    if row.by_columns:
        local = 1 if cpu else min(GROUP, traits.max_work_group)
        size = round_up(count * chunks, local)
    else:
        local = 1 if cpu else GROUP
        size = local * min(count, GROUPS_PER_UNIT * traits.compute_units if cpu else 65_535)
    launches = () if prod(x.size for x in operands) == 0 else (Launch(spec, tuple(arguments), (size,), (local,)),)
    return Plan(tuple(operands), launches)


@rule(Triangle)
def _triangle(op: Triangle, call: Call) -> Plan:
    (x,), out = call.arrays, call.out
    out = out or Layout.of(x.dtype, x.shape)
    builder, ndim = Builder(), len(x.shape)
    long = (np.dtype("int64"),) * 2
    distance = builder.call(ops.subtract, [builder.index(ndim - 1), builder.index(ndim - 2)], long, long[0])
    compare = ops.less_equal if op.lower else ops.greater_equal
    inside = builder.call(compare, [distance, builder.constant(call.params["k"], long[0])], long, np.dtype("bool"))
    parts = [inside, builder.load(0, x.dtype), builder.constant(0, x.dtype)]
    value = builder.call(ops.where, parts, (np.dtype("bool"), x.dtype, x.dtype), x.dtype)
    body = builder.build([builder.cast(value, out.dtype)])
    return elementwise.lower(body, [out], [x], call.traits, call.aliased)


@rule(Undiagonal)
def _undiagonal(op: Undiagonal, call: Call) -> Plan:
    g, like = call.arrays
    return _on_diagonal(call.out or Layout.of(g.dtype, like.shape), g, call)


@rule(FromDiagonal)
def _from_diagonal(op: FromDiagonal, call: Call) -> Plan:
    (x,) = call.arrays
    n = x.shape[-1] + abs(call.params["offset"])
    return _on_diagonal(call.out or Layout.of(x.dtype, (*x.shape[:-1], n, n)), x, call)


def _on_diagonal(whole: Layout, values: Layout, call: Call) -> Plan:
    """Zeros, but for a diagonal."""
    builder = Builder()
    zeros = elementwise.lower(builder.build([builder.constant(0, whole.dtype)]), [whole], [], call.traits)
    found: Any = diagonal.view([whole], {"offset": call.params["offset"]})
    part, offset = found
    body = builder.build([builder.cast(builder.load(0, values.dtype), whole.dtype)])
    copy = elementwise.lower(body, [part], [values], call.traits).moved(0, offset // whole.dtype.itemsize)
    return Plan((whole,), zeros.launches + copy.launches)
