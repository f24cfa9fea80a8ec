"""Rows: arithmetic, division, roots, rounding, signs, extremes.

Where a maximum ties, each operand receives half of the gradient, as in JAX. Gradients for complex operands are such
that the change of the cost is the real part of the sum of g * dx.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import FLOATING, NUMERIC, REAL, REAL_FLOATING, REAL_OR_BOOL
from ..op import Ufunc
from . import ufunc
from .logic import (
    conj,
    conjugated,
    equal,
    greater,
    greater_equal,
    is_complex,
    less,
    less_equal,
    logical_and,
    real,
    where,
)

POSITIVE = (0.1, 10.0)
DIVISION = ((-10.0, 10.0), (0.5, 10.0))

add = ufunc(
    "add", "x y", {"b": "x | y", "iu": "({T})(({U})x + ({U})y)", "fc": "x + y"}, NUMERIC,
    commutes=True, grad=lambda g, out, x, y: (g, g), doc="the sum; of bools, or",
)  # fmt: skip
subtract = ufunc(
    "subtract", "x y", {"iu": "({T})(({U})x - ({U})y)", "fc": "x - y"}, NUMERIC,
    refuses_bool="for bools use logical_xor()",
    grad=lambda g, out, x, y: (g, -g), doc="the difference",
)  # fmt: skip
multiply = ufunc(
    "multiply", "x y",
    {"b": "x & y", "iu": "({T})(({U})x * ({U})y)", "f": "x * y", "c": "complex_mul(x, y)"}, NUMERIC,
    commutes=True, grad=lambda g, out, x, y: (g * y, g * x), doc="the product; of bools, and",
)  # fmt: skip
divide = ufunc(
    "divide", "x y", {"f": "x / y", "c": "complex_div(x, y)"}, NUMERIC, result="divide",
    grad=lambda g, out, x, y: (g / y, -g * out / y), domain=DIVISION, doc="the quotient, floating also for integers",
)  # fmt: skip
floor_divide = ufunc(
    "floor_divide", "x y", {"iu": "integer_floor_divide(x, y)", "f": "special_floor_divide(x, y)"}, REAL,
    domain=DIVISION, doc="the floor of the quotient; of an integer by zero, 0",
)  # fmt: skip
remainder = ufunc(
    "remainder", "x y", {"iu": "integer_remainder(x, y)", "f": "special_remainder(x, y)"}, REAL,
    grad=lambda g, out, x, y: (g, -g * floor_divide(x, y)),
    domain=DIVISION, doc="what floor_divide leaves, with the divisor's sign; of an integer by zero, 0",
)  # fmt: skip
fmod = ufunc(
    "fmod", "x y", {"iu": "integer_fmod(x, y)", "f": "fmod(x, y)"}, REAL,
    grad=lambda g, out, x, y: (g, -g * trunc(x / y)),
    domain=DIVISION, doc="what division truncated to zero leaves, with the dividend's sign",
)  # fmt: skip
reciprocal = ufunc(
    "reciprocal", "x",
    {"i": "x == 1 || x == -1 ? x : 0", "u": "x == 1", "f": "1 / x", "c": "complex_reciprocal(x)"}, NUMERIC,
    grad=lambda g, out, x: (-g * out * out,), domain=(0.5, 10.0),
    doc="1 / x, an integer's truncated; of an integer 0, 0",
)  # fmt: skip
square = ufunc(
    "square", "x", {"iu": "({T})(({U})x * ({U})x)", "f": "x * x", "c": "complex_mul(x, x)"}, NUMERIC,
    grad=lambda g, out, x: (2 * g * x,), doc="x * x",
)  # fmt: skip
sqrt = ufunc(
    "sqrt", "x", {"f": "sqrt(x)", "c": "complex_sqrt(x)"}, FLOATING,
    grad=lambda g, out, x: (g * 0.5 / out,), domain=POSITIVE, doc="the square root",
)  # fmt: skip
rsqrt = ufunc(
    "rsqrt", "x", "rsqrt(x)", REAL_FLOATING,
    grad=lambda g, out, x: (g * -0.5 * out * out * out,), domain=POSITIVE, doc="1 / sqrt(x)",
)  # fmt: skip
cbrt = ufunc(
    "cbrt", "x", "cbrt(x)", REAL_FLOATING,
    grad=lambda g, out, x: (g / (3 * out * out),), domain=POSITIVE, doc="the cube root",
)  # fmt: skip
hypot = ufunc(
    "hypot", "x y", "hypot(x, y)", REAL_FLOATING, commutes=True,
    grad=lambda g, out, x, y: (g * x / out, g * y / out), doc="sqrt(x*x + y*y) without overflow",
)  # fmt: skip

abs = ufunc(
    "abs", "x", {"bu": "x", "i": "({T})abs(x)", "f": "fabs(x)", "c": "complex_abs(x)"}, NUMERIC, result="real",
    grad=lambda g, out, x: (g * conjugated(sign(x)),), doc="the absolute value; its gradient at 0 is 0",
)  # fmt: skip
negative = ufunc(
    "negative", "x", {"iu": "({T})-({U})x", "fc": "-x"}, NUMERIC,
    refuses_bool="for bools use logical_not()", grad=lambda g, out, x: (-g,), doc="-x; unsigned integers wrap",
)  # fmt: skip
positive = ufunc(
    "positive", "x", "x", NUMERIC,
    refuses_bool="a bool has no sign", grad=lambda g, out, x: (g,), doc="x itself",
)  # fmt: skip
sign: Ufunc = ufunc(
    "sign", "x",
    {"i": "(x > 0) - (x < 0)", "u": "x != 0", "f": "x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x", "c": "complex_sign(x)"},
    NUMERIC, refuses_bool="a bool has no sign",
    grad=lambda g, out, x: (_turned(g, out, x) if is_complex(x) else None,),
    doc="-1, 0 or 1; of complex numbers x / |x|",
)  # fmt: skip
signbit = ufunc(
    "signbit", "x", "signbit(x)", REAL_FLOATING, result="bool", doc="whether the sign bit is set: of -0.0, True"
)
copysign = ufunc(
    "copysign", "x y", "copysign(x, y)", REAL_FLOATING,
    grad=lambda g, out, x, y: (where(equal(signbit(x), signbit(y)), g, -g), None), doc="x with the sign of y",
)  # fmt: skip
nextafter = ufunc(
    "nextafter", "x y", {"f": "nextafter(x, y)", "float16": "half_nextafter(x, y)"}, REAL_FLOATING,
    ulp=0, doc="the number after x on the way to y",
)  # fmt: skip

ceil = ufunc("ceil", "x", {"biu": "x", "f": "ceil(x)"}, REAL, ulp=0, doc="the least integer that is not below x")
floor = ufunc("floor", "x", {"biu": "x", "f": "floor(x)"}, REAL, ulp=0, doc="the greatest integer that is not above x")
trunc: Ufunc = ufunc("trunc", "x", {"biu": "x", "f": "trunc(x)"}, REAL, ulp=0, doc="x without its fraction")
round = ufunc("round", "x", {"iu": "x", "fc": "rint(x)"}, NUMERIC, ulp=0, doc="the nearest integer, halves to even")

maximum = ufunc(
    "maximum", "x y", {"biu": "x >= y ? x : y", "f": "x >= y || x != x ? x : y"}, REAL_OR_BOOL, ulp=0,
    commutes=True, grad=lambda g, out, x, y: (_share(g, greater, x, y), _share(g, less, x, y)),
    doc="the greater one; a NaN wins",
)  # fmt: skip
minimum = ufunc(
    "minimum", "x y", {"biu": "x <= y ? x : y", "f": "x <= y || x != x ? x : y"}, REAL_OR_BOOL, ulp=0,
    commutes=True, grad=lambda g, out, x, y: (_share(g, less, x, y), _share(g, greater, x, y)),
    doc="the lesser one; a NaN wins",
)  # fmt: skip
clip = ufunc(
    "clip", "x lo hi",
    {"biu": "x < lo ? (lo < hi ? lo : hi) : x > hi ? hi : x", "f": "special_minimum(special_maximum(x, lo), hi)"},
    REAL_OR_BOOL, ulp=0,
    grad=lambda g, out, x, lo, hi: (
        where(logical_and(greater_equal(x, lo), less_equal(x, hi)), g, 0),
        where(less(x, lo), g, 0),
        where(greater(x, hi), g, 0),
    ),
    domain=((-10.0, 10.0), (-6.0, -2.0), (2.0, 6.0)), doc="x where it lies between lo and hi, else the nearer of them",
)  # fmt: skip


def _turned(g: Any, out: Any, x: Any) -> Any:
    """The gradient of x / |x|, which only turns: what of g lies along x is left out. At 0 it is 0."""
    return where(equal(x, 0), 0, (g - real(g * out) * conj(out)) / abs(x))


def _share(g: Any, wins: Ufunc, x: Any, y: Any) -> Any:
    """x's share of an extreme's gradient: all where it wins, half where both are equal."""
    return where(wins(x, y), g, where(equal(x, y), 0.5 * g, 0))
