"""Rows: comparison, logic, bits, tests of floating-point numbers, choice, parts of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import ANY, BOOL, INTEGER, INTEGER_OR_BOOL, NUMERIC, REAL_OR_BOOL
from ..op import Ufunc
from . import ufunc

equal = ufunc(
    "equal", "x y", {"biuf": "x == y", "c": "x.x == y.x && x.y == y.y"}, ANY, result="bool", commutes=True, doc="x == y"
)
not_equal = ufunc(
    "not_equal",
    "x y",
    {"biuf": "x != y", "c": "x.x != y.x || x.y != y.y"},
    ANY,
    result="bool",
    commutes=True,
    doc="x != y",
)
less = ufunc("less", "x y", "x < y", REAL_OR_BOOL, result="bool", doc="x < y")
less_equal = ufunc("less_equal", "x y", "x <= y", REAL_OR_BOOL, result="bool", doc="x <= y")
greater = ufunc("greater", "x y", "x > y", REAL_OR_BOOL, result="bool", doc="x > y")
greater_equal = ufunc("greater_equal", "x y", "x >= y", REAL_OR_BOOL, result="bool", doc="x >= y")

logical_and = ufunc(
    "logical_and", "x y", {"biuf": "x != 0 && y != 0", "c": "complex_nonzero(x) && complex_nonzero(y)"}, ANY,
    result="bool", commutes=True, doc="whether both are not zero",
)  # fmt: skip
logical_or = ufunc(
    "logical_or", "x y", {"biuf": "x != 0 || y != 0", "c": "complex_nonzero(x) || complex_nonzero(y)"}, ANY,
    result="bool", commutes=True, doc="whether one is not zero",
)  # fmt: skip
logical_xor = ufunc(
    "logical_xor", "x y", {"biuf": "(x != 0) != (y != 0)", "c": "complex_nonzero(x) != complex_nonzero(y)"}, ANY,
    result="bool", commutes=True, doc="whether exactly one is not zero",
)  # fmt: skip
logical_not = ufunc(
    "logical_not", "x", {"biuf": "x == 0", "c": "!complex_nonzero(x)"}, ANY, result="bool", doc="whether x is zero"
)

bitwise_and = ufunc("bitwise_and", "x y", "x & y", INTEGER_OR_BOOL, commutes=True, doc="x & y")
bitwise_or = ufunc("bitwise_or", "x y", "x | y", INTEGER_OR_BOOL, commutes=True, doc="x | y")
bitwise_xor = ufunc("bitwise_xor", "x y", "x ^ y", INTEGER_OR_BOOL, commutes=True, doc="x ^ y")
bitwise_invert = ufunc("bitwise_invert", "x", {BOOL: "!x", INTEGER: "({T})~x"}, INTEGER_OR_BOOL, doc="~x")
bitwise_left_shift = ufunc(
    "bitwise_left_shift", "x y", "integer_shl(x, y)", INTEGER,
    domain=((-10.0, 10.0), (0.0, 9.0)), doc="x << y; 0 where y is at least the width",
)  # fmt: skip
bitwise_right_shift = ufunc(
    "bitwise_right_shift", "x y", "integer_shr(x, y)", INTEGER,
    domain=((-10.0, 10.0), (0.0, 9.0)), doc="x >> y; 0 or -1 where y is at least the width",
)  # fmt: skip

isnan = ufunc(
    "isnan",
    "x",
    {"biu": "0", "f": "x != x", "c": "complex_isnan(x)"},
    ANY,
    result="bool",
    doc="whether x is not a number",
)
isinf = ufunc(
    "isinf",
    "x",
    {"biu": "0", "f": "isinf(x)", "c": "complex_isinf(x)"},
    ANY,
    result="bool",
    doc="whether x is infinite",
)
isfinite = ufunc(
    "isfinite", "x", {"biu": "1", "f": "isfinite(x)", "c": "isfinite(x.x) && isfinite(x.y)"}, ANY,
    result="bool", doc="whether x is neither infinite nor NaN",
)  # fmt: skip

where: Ufunc = ufunc(
    "where", "condition x y", "condition ? x : y", ANY, condition=True, ulp=0,
    grad=lambda g, out, condition, x, y: (None, where(condition, g, 0), where(condition, 0, g)),
    doc="x where the condition holds, y elsewhere",
)  # fmt: skip

real = ufunc(
    "real", "x", {"biuf": "x", "c": "x.x"}, ANY, result="real", ulp=0, grad=lambda g, out, x: (g,), doc="the real part"
)
imag = ufunc(
    "imag", "x", {"biuf": "0", "c": "x.y"}, ANY, result="real", ulp=0,
    grad=lambda g, out, x: (-1j * g if is_complex(x) else None,), doc="the imaginary part",
)  # fmt: skip
conj: Ufunc = ufunc(
    "conj", "x", {"iuf": "x", "c": "complex_conj(x)"}, NUMERIC, ulp=0,
    grad=lambda g, out, x: (conj(g),), doc="the complex conjugate",
)  # fmt: skip
angle = ufunc(
    "angle", "x", {"f": "atan2(({R})0, x)", "c": "complex_angle(x)"}, NUMERIC, result="real",
    grad=lambda g, out, x: (-1j * g / x if is_complex(x) else None,), doc="the argument, in radians",
)  # fmt: skip


def is_complex(x: Any) -> bool:
    """Whether an operand, an array or a variable, is complex."""
    return bool(np.dtype(x.dtype).kind == "c")


def conjugated(x: Any) -> Any:
    """What a change of a real value is multiplied by is conjugated in the gradient: reals stay as they are."""
    return conj(x) if is_complex(x) else x
