"""The Spec of reductions, and how a row's code becomes C."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clarray.core import dtypes, expr
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Expr
from clarray.core.op import Reduction

from .operand import Operand, scalar_parameters

AHEAD = 4096  # bytes between what is read and what is asked for


@dataclass(frozen=True)
class Reduce:
    """The Spec of `reduce.mako`. A stage is "whole", "first" (writes states) or "last" (reads them)."""

    template: ClassVar[str] = "reduce"

    op: Reduction
    expr: Expr  # the row's operands, in the dtype it computes in; in the last stage the state's fields
    kind: str  # the kind letter that selects the row's code
    accumulator: NumpyDType
    out: NumpyDType
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
        return self.expr.fp64 or any(dtypes.DTYPES[d].is_double for d in (*self.fields, self.out))

    @property
    def own_code(self) -> bool:
        """Whether the user's code is in it, whose calls stay as they are."""
        return self.op.own_code or self.expr.own_code

    @property
    def preamble(self) -> str:
        """What the user's code wants before the kernel."""
        return self.op.preamble

    @property
    def fields(self) -> tuple[NumpyDType, ...]:
        """The dtypes of the state."""
        return state_dtypes(self.op, self.accumulator, self.index)

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
        return self.op.cascade and self.fields[0].kind in "fc"

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
        """Storage type and name of each buffer written: the result, or the state's fields."""
        if self.stage == "first":
            return [(dtypes.DTYPES[d].ctype, f"o{k}") for k, d in enumerate(self.fields)]
        return [(dtypes.DTYPES[self.out].storage, "o0")]

    @property
    def real_out(self) -> str:
        """The C type of `count` and `correction`."""
        return dtypes.DTYPES[self.out].real_ctype if self.out.kind in "fc" else "long"

    @property
    def identity(self) -> tuple[str, ...]:
        """The state of no elements."""
        return tuple(self._fill(code) for code in self.op.identity[self.kind])

    def element(self, index: str) -> tuple[list[str], list[str]]:
        """Statements for one element, and the C text of the state it makes."""
        loads = sorted(self.expr.leaves("load"))
        lines, names = self.expr.body({k: x.at(index) for k, x in zip(loads, self.inputs, strict=True)})
        if self.stage == "last":
            return list(lines), list(names)
        values = dict(zip(self.op.letters, names, strict=True))
        return list(lines), [replace_words(self._fill(code), values) for code in self.op.map[self.kind]]

    @property
    def index_ctype(self) -> str:
        """The C type of `index`."""
        return dtypes.DTYPES[self.index].ctype

    def combine(self, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """Statements that join state `b` into the variables `a`."""
        return self._joined(self.op.combine[self.kind], a, b)

    def step(self, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """Statements that join the state `b` of a later element into the variables `a`."""
        ordered = self.stage != "last"  # parts are joined in any order
        return self._joined((self.op.step if ordered else self.op.combine)[self.kind], a, b)

    def _joined(self, code: Sequence[str], a: Sequence[str], b: Sequence[str]) -> list[str]:
        names = {f"a{k}": x for k, x in enumerate(a)} | {f"b{k}": x for k, x in enumerate(b)}
        texts = [replace_words(self._fill(text), names) for text in code]
        if len(texts) == 1:
            return [f"{a[0]} = {texts[0]};"]
        joined = [f"const {t} joined{k} = {text};" for k, (t, text) in enumerate(zip(self.ctypes, texts, strict=True))]
        return ["{", *joined, *(f"{x} = joined{k};" for k, x in enumerate(a)), "}"]

    def finished(self, a: Sequence[str]) -> str:
        """C text of what is stored of a state."""
        (code,) = self.op.finish[self.kind]
        text = replace_words(self._fill(code), {f"a{k}": x for k, x in enumerate(a)})
        return expr.stored(f"({dtypes.DTYPES[self.out].ctype})({text})", dtypes.DTYPES[self.out])

    def _fill(self, code: str) -> str:
        last = expr.literal(np.iinfo(self.index).max, dtypes.DTYPES[self.index])
        return fill(code, dtypes.DTYPES[self.fields[0]], dtypes.DTYPES[self.out]).replace("{LAST}", last)


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
