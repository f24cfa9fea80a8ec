"""Rows: reductions."""

from __future__ import annotations

from typing import Any

from ..dtypes import ANY, REAL_OR_BOOL, NumpyDType
from ..op import Reduction
from . import reduction
from .functions import exp
from .logic import conjugated, equal, where

WRAPPING_SUM = "({S})((ulong)a0 + (ulong)b0)"
WRAPPING_PRODUCT = "({S})((ulong)a0 * (ulong)b0)"
ZERO = {"biuf": "0", "c": "({S})(0, 0)"}
NONZERO = {"biuf": "x != 0", "c": "complex_nonzero(x)"}

sum = reduction(
    "sum", "x", "x", {"b": "a0 | b0", "iu": WRAPPING_SUM, "fc": "a0 + b0"}, ZERO, ANY,
    result="widen", cascade=True, grad=lambda g, out, x, **_: (g,), doc="the sum",
)  # fmt: skip
mean = reduction(
    "mean", "x", "x", {"b": "a0 | b0", "iu": WRAPPING_SUM, "fc": "a0 + b0"}, ZERO, ANY,
    result="mean", finish="a0 / count", cascade=True,
    grad=lambda g, out, x, count, **_: (g / count,), doc="the arithmetic mean; of integers, floating",
)  # fmt: skip
prod = reduction(
    "prod", "x", "x",
    {"b": "a0 & b0", "iu": WRAPPING_PRODUCT, "f": "a0 * b0", "c": "complex_mul(a0, b0)"},
    {"biuf": "1", "c": "({S})(1, 0)"}, ANY, result="widen", domain=(0.5, 1.5),
    grad=lambda g, out, x, **params: (g * _product_of_others(x, params.get("axis")),), doc="the product",
)  # fmt: skip
max = reduction(
    "max", "x", "x", {"biu": "a0 >= b0 ? a0 : b0", "f": "a0 >= b0 || a0 != a0 ? a0 : b0"}, "{MIN}", REAL_OR_BOOL,
    empty=False, grad=lambda g, out, x, **params: (_share(g, out, x, params.get("axis")),),
    doc="the greatest element; a NaN wins; equal ones share the gradient",
)  # fmt: skip
min = reduction(
    "min", "x", "x", {"biu": "a0 <= b0 ? a0 : b0", "f": "a0 <= b0 || a0 != a0 ? a0 : b0"}, "{MAX}", REAL_OR_BOOL,
    empty=False, grad=lambda g, out, x, **params: (_share(g, out, x, params.get("axis")),),
    doc="the least element; a NaN wins; equal ones share the gradient",
)  # fmt: skip
any = reduction("any", "x", NONZERO, "a0 | b0", "0", ANY, state=("bool",), result="bool", doc="whether one is not zero")
all = reduction("all", "x", NONZERO, "a0 & b0", "1", ANY, state=("bool",), result="bool", doc="whether none is zero")
count_nonzero = reduction(
    "count_nonzero", "x", NONZERO, "a0 + b0", "0", ANY, state=("index",), result="index", doc="how many are not zero"
)


def _first(better: str, than: str) -> tuple[dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """How (value, index) states are joined, and how a later element is taken in: the better value wins, a NaN
    before all, and of equals the first."""
    tie = {"biu": "b0 == a0", "f": "(b0 == a0 || (b0 != b0 && a0 != a0))"}
    wins = {"biu": better, "f": f"{better} || (b0 != b0 && a0 == a0)"}
    join = {kinds: f"({wins[kinds]} || ({tie[kinds]} && b1 < a1))" for kinds in tie}
    later = {"biu": f"({better})", "f": f"(!({than}) && a0 == a0)"}
    codes = [
        {kinds: (f"{test} ? b0 : a0", f"{test} ? b1 : a1") for kinds, test in tests.items()} for tests in (join, later)
    ]
    return codes[0], codes[1]


# An index that loses to that of any element; it remains where none is better than the identity, and all are equal.
NO_INDEX, FIRST_INDEX = "{LAST}", "a1 == {LAST} ? 0 : a1"

_join, _step = _first("b0 > a0", "b0 <= a0")
argmax = reduction(
    "argmax", "x", ("x", "index"), _join, ("{MIN}", NO_INDEX), REAL_OR_BOOL, step=_step,
    state=("acc", "index"), result="index", finish=FIRST_INDEX, empty=False, one_axis=True,
    doc="the index of the greatest element, the first of equals; a NaN wins",
)  # fmt: skip
_join, _step = _first("b0 < a0", "b0 >= a0")
argmin = reduction(
    "argmin", "x", ("x", "index"), _join, ("{MAX}", NO_INDEX), REAL_OR_BOOL, step=_step,
    state=("acc", "index"), result="index", finish=FIRST_INDEX, empty=False, one_axis=True,
    doc="the index of the least element, the first of equals; a NaN wins",
)  # fmt: skip


class LogSumExp(Reduction):
    """The row below: of its own class because whole rows take two cheaper passes (`codegen.rows`)."""

    def resolve(
        self, operand: NumpyDType, dtype: NumpyDType | None = None, fp64: bool = True
    ) -> tuple[NumpyDType, NumpyDType]:
        if dtype is not None and dtype.kind != "f":
            raise TypeError(f"{self.name}(): dtype is a real floating one, {dtype.name} came")
        return super().resolve(operand, dtype, fp64)


# The state is the greatest element and the sum of exp(x - greatest); equal infinities are no distance apart.
logsumexp = reduction(
    "logsumexp", "x", ("x", "1"),
    (
        "a0 >= b0 || a0 != a0 ? a0 : b0",
        "a0 == b0 ? a1 + b1 : a0 > b0 ? a1 + b1 * exp(b0 - a0) : b1 + a1 * exp(a0 - b0)",
    ),
    ("{MIN}", "0"), REAL_OR_BOOL, state=("acc", "acc"), result="mean", finish="a0 + log(a1)", cls=LogSumExp,
    grad=lambda g, out, x, **_: (g * exp(x - out),), doc="log(sum(exp(x))) without overflow",
)  # fmt: skip
# The second operand is the mean over the same axes, kept: two passes, as accurate as NumPy.
var = reduction(
    "var", "x m", {"biuf": "(x - m) * (x - m)", "c": "dot(x - m, x - m)"}, "a0 + b0", "0", ANY,
    state=("real",), result="real", finish="a0 / fmax(count - correction, ({T})0)", cascade=True,
    grad=lambda g, out, x, m, count, correction=0, **_: (2 * g * conjugated(x - m) / (count - correction), None),
    doc="the mean squared distance from m",
)  # fmt: skip


def _share(g: Any, out: Any, x: Any, axis: Any) -> Any:
    """The gradient of an extreme, in equal parts to all elements that attain it."""
    attained = equal(x, out)
    return where(attained, g / sum(attained, axis=axis, keepdims=True, dtype=g.dtype), 0)


def _product_of_others(x: Any, axis: Any) -> Any:
    """For each element the product of the others: right also where one of them is zero, or several."""
    zero = equal(x, 0)
    zeros = sum(zero, axis=axis, keepdims=True)
    product = prod(where(zero, 1, x), axis=axis, keepdims=True)
    return where(zero, where(equal(zeros, 1), product, 0), where(equal(zeros, 0), product / where(zero, 1, x), 0))
