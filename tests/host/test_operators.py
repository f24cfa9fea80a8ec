"""Python's operators and the shared methods: which Op they bind, and what they leave to others."""

from __future__ import annotations

import numpy as np
import pytest

from clarray.core.operators import ArrayOperators, Operators


class Term(Operators):
    """A formula written out: what an Op does to these, one can read."""

    def __init__(self, text, rank=1, dtype="float32"):
        self.text = text
        self._bind_rank = rank
        self.dtype = np.dtype(dtype)

    def _bind(self, op, operands, params):
        params = {k: v for k, v in params.items() if v is not None and v is not False}
        words = [x.text if isinstance(x, Term) else repr(x) for x in operands] + [f"{k}={v}" for k, v in params.items()]
        return type(self)(f"{op.name}({', '.join(words)})", self._bind_rank)

    def __repr__(self):
        return self.text


class ArrayTerm(Term, ArrayOperators):
    def _assign(self, op, other):
        self.text = f"{self.text} := {op.name}({other})"
        return self


class Variable(Term):
    """Of a higher rank, by a class of its own."""


class Foreign:
    __array_ufunc__ = None

    def __radd__(self, other):
        return "foreign"


def test_operators_bind_the_table():
    x, y = Term("x"), Term("y")
    assert str(x + y) == "add(x, y)"
    assert str(2 - x) == "subtract(2, x)"
    assert str(x / np.float32(2)).startswith("divide")
    assert str(2**x) == "pow(2, x)"
    assert str(-abs(~x)) == "negative(abs(bitwise_invert(x)))"
    assert list(map(str, divmod(x, 3))) == ["floor_divide(x, 3)", "remainder(x, 3)"]
    assert str(x < y) == "less(x, y)"
    assert str(x > 1) == "greater(x, 1)"
    assert str(x >> 1) == "bitwise_right_shift(x, 1)"
    assert x != y
    assert x in {x: 1}
    assert str(x.sum(1).max()) == "max(sum(x, axis=1))"
    assert str(x.clip(0)) == "maximum(x, 0)"
    assert str(x.std(0, 1)) == "sqrt(var(x, mean(x, axis=0, keepdims=True), axis=0, correction=1))"
    assert str(x.round(1)) == "divide(round(multiply(x, 10.0)), 10.0)"


def test_operators_leave_strangers_to_themselves():
    x = Term("x")
    assert x + Foreign() == "foreign"
    with pytest.raises(TypeError):
        x + object()
    with pytest.raises(TypeError):
        _ = x < "text"
    v = Variable("v", rank=2)
    assert x.__add__(v) is NotImplemented
    assert isinstance(x + v, Variable)
    assert str(x + v) == "add(x, v)"


def test_only_arrays_are_changed_in_place():
    x = kept = Term("x")
    x += 1
    assert str(x) == "add(x, 1)"
    assert str(kept) == "x"
    a = kept = ArrayTerm("a")
    a *= 2
    assert a is kept
    assert str(a) == "a := multiply(2)"
    assert str(a == 1).startswith("equal")
    assert ArrayTerm.__hash__ is None
