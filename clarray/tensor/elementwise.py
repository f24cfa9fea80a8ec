"""Elementwise functions of variables, under Theano's names and the Array API's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clarray.core import movement, ops
from clarray.core.op import Ufunc
from clarray.graph.building import as_variable, dot
from clarray.graph.variable import Variable

# Theano's name: the row's
NAMES = {
    "abs_": "abs", "neg": "negative", "inv": "reciprocal", "sgn": "sign", "sqr": "square", "sub": "subtract",
    "mul": "multiply", "true_div": "divide", "int_div": "floor_divide", "mod": "remainder", "power": "pow",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "gammaln": "lgamma", "psi": "digamma", "sigmoid": "expit",
    "eq": "equal", "neq": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "and_": "bitwise_and", "or_": "bitwise_or", "xor": "bitwise_xor", "invert": "bitwise_invert", "switch": "where",
    "conjugate": "conj", "iround": "round",
}  # fmt: skip


def _wrapped(op: Ufunc, name: str) -> Callable[..., Variable]:
    def function(*operands: Any) -> Variable:
        return op(*map(as_variable, operands))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}."
    return function


FUNCTIONS = {name: _wrapped(op, name) for name, op in ops.UFUNCS.items()}
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


def matmul(a: Any, b: Any) -> Variable:
    """The matrix product, with NumPy's rules for stacks."""
    return as_variable(a) @ as_variable(b)


def outer(a: Any, b: Any) -> Variable:
    """The products of all elements of one vector with all of another."""
    return as_variable(a).flatten().dimshuffle(0, "x") * as_variable(b).flatten().dimshuffle("x", 0)


FUNCTIONS |= {f.__name__: f for f in (round, cast, second, fill, dot, matmul, outer)}
FUNCTIONS |= {"tensor_copy": FUNCTIONS["positive"], "largest": FUNCTIONS["maximum"], "smallest": FUNCTIONS["minimum"]}
