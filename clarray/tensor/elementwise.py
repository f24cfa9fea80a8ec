"""Elementwise functions of variables, under Theano's names and the Array API's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clarray.core import movement, ops
from clarray.core.op import Ufunc
from clarray.functions import elementwise
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable

# Theano's name: the row's
NAMES = {
    "abs_": "abs", "neg": "negative", "inv": "reciprocal", "sgn": "sign", "sqr": "square", "sub": "subtract",
    "mul": "multiply", "true_div": "divide", "int_div": "floor_divide", "mod": "remainder", "power": "pow",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "gammaln": "lgamma", "psi": "digamma", "sigmoid": "expit",
    "eq": "equal", "neq": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "and_": "bitwise_and", "or_": "bitwise_or", "xor": "bitwise_xor", "invert": "bitwise_invert", "switch": "where",
    "conjugate": "conj", "absolute": "abs", "true_divide": "divide", "floor_div": "floor_divide",
    "bitwise_not": "bitwise_invert", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
    "degrees": "rad2deg", "radians": "deg2rad",
}  # fmt: skip


def _wrapped(op: Ufunc, name: str) -> Callable[..., Variable]:
    def function(*operands: Any) -> Variable:
        return op(*map(as_variable, operands))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}."
    return function


FUNCTIONS: dict[str, Any] = {name: _wrapped(op, name) for name, op in ops.UFUNCS.items()}
FUNCTIONS |= {name: _wrapped(ops.UFUNCS[row], name) for name, row in NAMES.items()}


def _folding(name: str) -> Callable[..., Variable]:
    """add and mul take any number of operands."""
    op = ops.UFUNCS[name]

    def function(first: Any, *rest: Any) -> Variable:
        result = as_variable(first)
        for x in rest:
            result = op(result, as_variable(x))
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}, of any number of operands."
    return function


FUNCTIONS["add"] = _folding("add")
FUNCTIONS["mul"] = FUNCTIONS["multiply"] = _folding("multiply")


def round(x: Any, mode: str = "half_to_even") -> Variable:
    """The nearest integer: `mode` is "half_to_even" or "half_away_from_zero"."""
    x = as_variable(x)
    if mode == "half_to_even":
        return ops.round(x)
    if mode != "half_away_from_zero":
        raise ValueError(f"round(): mode is 'half_to_even' or 'half_away_from_zero', {mode!r} came")
    return ops.sign(x) * ops.floor(abs(x) + 0.5)


def cast(x: Any, dtype: Any) -> Variable:
    """x converted to `dtype`."""
    return as_variable(x).astype(dtype)


def second(a: Any, b: Any) -> Variable:
    """b in the shape of a."""
    return movement.broadcast_like(as_variable(b), as_variable(a))


def fill(a: Any, b: Any) -> Variable:
    """b in the shape of a, in b's dtype."""
    return second(a, b)


def iround(x: Any, mode: str = "half_to_even") -> Variable:
    """The nearest integer, in int64."""
    return round(x, mode).astype("int64")


def clip(x: Any, min: Any, max: Any) -> Variable:
    """x limited to [min, max]."""
    return ops.clip(as_variable(x), as_variable(min), as_variable(max))


def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Variable:
    """Whether |a - b| is at most atol + rtol |b|, element by element; equal infinities are close."""
    return elementwise.isclose(as_variable(a), as_variable(b), rtol, atol, equal_nan)


def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Variable:
    """Whether all elements are close."""
    return isclose(a, b, rtol, atol, equal_nan).all()


def isneginf(x: Any) -> Variable:
    """Whether x is minus infinity."""
    return ops.equal(as_variable(x), float("-inf"))


def isposinf(x: Any) -> Variable:
    """Whether x is plus infinity."""
    return ops.equal(as_variable(x), float("inf"))


def ceil_intdiv(a: Any, b: Any) -> Variable:
    """The least integer that is not below a / b, of integers."""
    x, y = as_variable(a), as_variable(b)
    return ops.floor_divide(x, y) + ops.not_equal(ops.remainder(x, y), 0).astype("int8")


def divmod(a: Any, b: Any) -> tuple[Variable, Variable]:
    """The floor of a / b, and what remains."""
    x, y = as_variable(a), as_variable(b)
    return ops.floor_divide(x, y), ops.remainder(x, y)


def complex(real: Any, imag: Any) -> Variable:
    """The complex number of a real and an imaginary part."""
    return as_variable(real) + as_variable(imag) * 1j


def complex_from_polar(abs: Any, angle: Any) -> Variable:
    """The complex number of an absolute value and an angle in radians."""
    r, phi = as_variable(abs), as_variable(angle)
    return complex(r * ops.cos(phi), r * ops.sin(phi))


def tri_gamma(x: Any) -> Variable:
    """The derivative of psi, which is that of gammaln."""
    (slope,) = ops.digamma.grad(1.0, None, (as_variable(x),), {})
    return as_variable(slope)


FUNCTIONS |= {
    f.__name__: f
    for f in (
        tri_gamma, round, cast, second, fill, iround, clip, isclose, allclose, isneginf, isposinf, ceil_intdiv, divmod,
        complex, complex_from_polar,
    )
}  # fmt: skip
FUNCTIONS |= {"tensor_copy": FUNCTIONS["positive"], "largest": FUNCTIONS["maximum"], "smallest": FUNCTIONS["minimum"]}
