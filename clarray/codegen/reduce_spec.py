"""The Spec of reductions, and how a row's code becomes C."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from clarray.core import dtypes, expr
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Expr
from clarray.core.op import Reduction

from .operand import Operand, scalar_parameters

AHEAD = 4096  # bytes between what is read and what is asked for


class Row(NamedTuple):
    """One of the reductions of a kernel."""

    op: Reduction
    kind: str  # the kind letter that selects the row's code
    accumulator: NumpyDType
    out: NumpyDType

    @property
    def cascade(self) -> bool:
        """Whether partial sums are folded through levels."""
        return self.op.cascade and state_dtypes(self.op, self.accumulator, np.dtype("int64"))[0].kind in "fc"


@dataclass(frozen=True)
class Reduce:
    """The Spec of `reduce.mako`. A stage is "whole", "first" (writes states) or "last" (reads them).

    The state is that of each row, one after the other.
    """

    template: ClassVar[str] = "reduce"

    rows: tuple[Row, ...]
    expr: Expr  # the rows' operands, in the dtypes they compute in; in the last stage the state's fields
    inputs: tuple[Operand, ...]
    stage: str
    kept_rank: int
    reduced_rank: int
    along: str  # where lanes lie: "reduced" or "kept"
    lanes: int
    streams: int  # places of a run at which it is read at once, each with lanes of its own
    prefetched: bool  # elements further along the run are asked for: the processor's own prefetch ends with a page
    walk: str  # "chunk" (CPU) or "grid" (GPU)
    wide: bool
    index: NumpyDType  # in which elements are counted

    @property
    def fp64(self) -> bool:
        used = (*self.fields, *(row.out for row in self.rows))
        return self.expr.fp64 or any(dtypes.DTYPES[d].is_double for d in used)

    @property
    def own_code(self) -> bool:
        """Whether the user's code is in it, whose calls stay as they are."""
        return self.expr.own_code or any(row.op.own_code for row in self.rows)

    @property
    def preamble(self) -> str:
        """What the user's code wants before the kernel."""
        return "\n".join(dict.fromkeys(row.op.preamble for row in self.rows if row.op.preamble))

    @property
    def fields(self) -> tuple[NumpyDType, ...]:
        """The dtypes of the state."""
        return fields_of(self.rows, self.index)

    @property
    def far(self) -> list[Operand]:
        """Inputs of which elements further along the run are asked for."""
        return [x for x in self.inputs if x.inner == 1 and self.prefetched and self.along == "reduced"]

    def ahead(self, x: Operand) -> int:
        """How many elements further."""
        return AHEAD // x.row.itemsize

    @property
    def ctypes(self) -> tuple[str, ...]:
        """The C types of the state."""
        return tuple(dtypes.DTYPES[d].ctype for d in self.fields)

    @property
    def cascade(self) -> bool:
        """Whether partial sums are folded through levels."""
        return any(row.cascade for row in self.rows)

    @property
    def levels(self) -> int:
        """Levels of accumulators: a GPU's work-items have no lanes that share the work of a sum, but more levels."""
        return levels_of(self.walk) if self.cascade else 1

    @property
    def scalars(self) -> list[tuple[str, str]]:
        """C type and name of each scalar argument."""
        return scalar_parameters(self.expr)

    @property
    def results(self) -> list[tuple[str, str]]:
        """Storage type and name of each buffer written: the results, or the state's fields."""
        if self.stage == "first":
            return [(dtypes.DTYPES[d].ctype, f"o{k}") for k, d in enumerate(self.fields)]
        return [(dtypes.DTYPES[row.out].storage, f"o{k}") for k, row in enumerate(self.rows)]

    @property
    def counts(self) -> list[tuple[str, str, str]]:
        """For each row the C type and the names of its `count` and `correction`."""
        names = [("count", "correction"), *((f"count{k}", f"correction{k}") for k in range(1, len(self.rows)))]
        return [(dtypes.DTYPES[real_of(row.out)].ctype, *pair) for row, pair in zip(self.rows, names, strict=False)]

    @property
    def identity(self) -> list[str]:
        """The state of no elements."""
        return [self._fill(code, row) for row in self.rows for code in row.op.identity[row.kind]]

    def element(self, index: str) -> tuple[list[str], list[str]]:
        """Statements for one element, and the C text of the state it makes."""
        loads = sorted(self.expr.leaves("load"))
        lines, names = self.expr.body({k: x.at(index) for k, x in zip(loads, self.inputs, strict=True)})
        if self.stage == "last":
            return list(lines), list(names)
        state: list[str] = []
        for row in self.rows:
            values, names = dict(zip(row.op.letters, names)), names[len(row.op.letters) :]
            state += [replace_words(self._fill(code, row), values) for code in row.op.map[row.kind]]
        return list(lines), state

    @property
    def index_ctype(self) -> str:
        """The C type of `index`."""
        return dtypes.DTYPES[self.index].ctype

    def combine(self, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """Statements that join state `b` into the variables `a`."""
        return self._joined(a, b, in_order=False)

    def step(self, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """Statements that join the state `b` of a later element into the variables `a`."""
        return self._joined(a, b, in_order=self.stage != "last")  # parts are joined in any order

    def _joined(self, a: Sequence[str], b: Sequence[str], in_order: bool) -> list[str]:
        lines: list[str] = []
        ctypes = self.ctypes
        for row, at in self._placed():
            names = {f"a{k}": x for k, x in enumerate(a[at])} | {f"b{k}": x for k, x in enumerate(b[at])}
            code = (row.op.step if in_order else row.op.combine)[row.kind]
            texts = [replace_words(self._fill(text, row), names) for text in code]
            if len(texts) == 1:
                lines.append(f"{a[at][0]} = {texts[0]};")
                continue
            joined = [f"const {t} joined{k} = {text};" for k, (t, text) in enumerate(zip(ctypes[at], texts))]
            lines += ["{", *joined, *(f"{x} = joined{k};" for k, x in enumerate(a[at])), "}"]
        return lines

    def finished(self, a: Sequence[str]) -> list[str]:
        """C text of what is stored of a state, for each row."""
        found = []
        for (row, at), (_, count, correction) in zip(self._placed(), self.counts, strict=True):
            (code,) = row.op.finish[row.kind]
            names = {f"a{k}": x for k, x in enumerate(a[at])} | {"count": count, "correction": correction}
            text = replace_words(self._fill(code, row), names)
            found.append(expr.stored(f"({dtypes.DTYPES[row.out].ctype})({text})", dtypes.DTYPES[row.out]))
        return found

    def _placed(self) -> Iterator[tuple[Row, slice]]:
        """Each row, and where its fields lie in the state."""
        first = 0
        for row in self.rows:
            yield row, slice(first, first + len(row.op.state))
            first += len(row.op.state)

    def _fill(self, code: str, row: Row) -> str:
        last = expr.literal(np.iinfo(self.index).max, dtypes.DTYPES[self.index])
        first = state_dtypes(row.op, row.accumulator, self.index)[0]
        return fill(code, dtypes.DTYPES[first], dtypes.DTYPES[row.out]).replace("{LAST}", last)


def fields_of(rows: Sequence[Row], index: NumpyDType) -> tuple[NumpyDType, ...]:
    """The dtypes of the fields of rows' states."""
    return tuple(d for row in rows for d in state_dtypes(row.op, row.accumulator, index))


def real_of(out: NumpyDType) -> NumpyDType:
    """The dtype in registers of `count` and `correction`, for a result's."""
    real = dtypes.real(out) if out.kind in "fc" else np.dtype("int64")
    return np.dtype("float32") if real == np.float16 else real


def fill(code: str, state: dtypes.DType, out: dtypes.DType) -> str:
    """A row's code with its holes filled, for a first field and a result of these dtypes."""
    low, high = extremes(state)
    holes = {"{S}": state.ctype, "{R}": state.real_ctype, "{T}": out.ctype, "{MIN}": low, "{MAX}": high}
    for hole, text in holes.items():
        code = code.replace(hole, text)
    return code


def replace_words(code: str, names: Mapping[str, str]) -> str:
    """`code` with whole identifiers replaced."""
    return re.sub(r"\b[A-Za-z_]\w*\b", lambda m: names.get(m[0], m[0]), code)


def state_dtypes(op: Reduction, accumulator: NumpyDType, index: NumpyDType) -> tuple[NumpyDType, ...]:
    """The dtypes of a state's fields."""
    named = {"acc": accumulator, "real": dtypes.real(accumulator), "index": index}
    return tuple(named.get(field) or np.dtype(field) for field in op.state)


def extremes(row: dtypes.DType) -> tuple[str, str]:
    """C text of the least and the greatest value of a dtype."""
    if row.kind == "f":
        return expr.literal(-np.inf, row), expr.literal(np.inf, row)
    if row.kind in "iu":
        info = np.iinfo(row.numpy)
        return expr.literal(info.min, row), expr.literal(info.max, row)
    return "0", "1"


def levels_of(walk: str) -> int:
    """Levels of a cascade."""
    return 3 if walk == "chunk" else 6
