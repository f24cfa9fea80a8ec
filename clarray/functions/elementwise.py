"""Elementwise functions: the rows of the table, and those whose arguments need a word before."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core import ops
from clarray.core.ops import (
    abs,
    acos,
    acosh,
    add,
    angle,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    cbrt,
    ceil,
    conj,
    copysign,
    cos,
    cosh,
    deg2rad,
    divide,
    equal,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    greater,
    greater_equal,
    hypot,
    imag,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    nextafter,
    not_equal,
    positive,
    pow,
    rad2deg,
    real,
    reciprocal,
    remainder,
    rsqrt,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
)

from .arguments import as_operand, is_symbolic

__all__ = [
    "abs", "acos", "acosh", "add", "allclose", "angle", "array_equal", "asin", "asinh", "atan", "atan2", "atanh",
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "cbrt",
    "ceil", "clip", "conj", "copysign", "cos", "cosh", "deg2rad", "diff", "divide", "equal", "exp", "exp2", "expm1",
    "floor", "floor_divide", "fmod", "greater", "greater_equal", "hypot", "imag", "isclose", "isfinite", "isinf",
    "isnan", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not",
    "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal", "positive",
    "pow", "rad2deg", "real", "reciprocal", "remainder", "round", "rsqrt", "sign", "signbit", "sin", "sinh", "sqrt",
    "square", "subtract", "tan", "tanh", "trunc",
]  # fmt: skip


def clip(x: Any, /, min: Any = None, max: Any = None, out: Any = None) -> Any:
    """x limited to [min, max], which broadcast against it; None is no limit. A NaN stays one."""
    x = as_operand(x)
    result = x.clip(min, max) if min is not None or max is not None else x.copy()
    return result if out is None else _store(result, out)


def round(x: Any, /, decimals: int = 0, out: Any = None) -> Any:
    """x rounded to `decimals` digits after the point, halves to even."""
    result = as_operand(x).round(decimals)
    return result if out is None else _store(result, out)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th differences of neighbours along an axis, of x with `prepend` before and `append` after it."""
    from .manipulation import concat, swapaxes

    x = as_operand(x)
    if n < 0:
        raise ValueError(f"diff(): n is a count, {n} came")
    ends = [as_operand(e) for e in (prepend, x, append) if e is not None]
    x = swapaxes(concat(ends, axis=axis) if len(ends) > 1 else x, axis, 0)
    for _ in range(n):
        x = not_equal(x[1:], x[:-1]) if np.dtype(x.dtype).kind == "b" else subtract(x[1:], x[:-1])
    return swapaxes(x, axis, 0)


def isclose(x1: Any, x2: Any, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether |x1 - x2| is at most atol + rtol |x2|, element by element; equal infinities are close."""
    x1, x2 = as_operand(x1), as_operand(x2)
    if np.dtype(x2.dtype).kind == "b":
        x1, x2 = x1.astype("int8"), x2.astype("int8")
    finite = logical_and(isfinite(x1), isfinite(x2))
    near = less_equal(abs(subtract(x1, x2)), add(atol, multiply(rtol, abs(x2))))
    close = ops.where(finite, near, equal(x1, x2))
    return logical_or(close, logical_and(isnan(x1), isnan(x2))) if equal_nan else close


def allclose(x1: Any, x2: Any, /, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close; waits."""
    return bool(isclose(x1, x2, rtol, atol, equal_nan).all())


def array_equal(x1: Any, x2: Any, /, equal_nan: bool = False) -> bool:
    """Whether shapes and elements are equal; waits."""
    x1, x2 = as_operand(x1), as_operand(x2)
    if is_symbolic(x1) or is_symbolic(x2):
        raise TypeError(
            "array_equal() looks at elements, which variables of a graph have not yet; use all(equal(x, y))"
        )
    if x1.shape != x2.shape:
        return False
    same = equal(x1, x2)
    return bool((logical_or(same, logical_and(isnan(x1), isnan(x2))) if equal_nan else same).all())


def _store(result: Any, out: Any) -> Any:
    """`result` written to `out`, if its dtype allows it."""
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        raise TypeError(
            f"a {result.dtype.name} result cannot be stored in {out.dtype.name} without loss; cast it first"
        )
    out[...] = result
    return out
