"""Exprs: what counts as the same node, literals with exactly the bits meant, printed statements."""

from __future__ import annotations

import ctypes
import itertools
import pickle

import numpy as np
import oracle
import pytest

from clarray.core import dtypes, expr, ops
from clarray.core.expr import Builder

FLOAT, INT = np.dtype("float32"), np.dtype("int32")


def constant(value, dtype):
    builder = Builder()
    return builder.build([builder.constant(value, np.dtype(dtype))])


def test_a_node_is_made_once():
    builder = Builder()
    x, y = builder.load(0, FLOAT), builder.load(1, FLOAT)
    loop, out = ops.add.resolve((FLOAT, FLOAT))
    first = builder.call(ops.add, [x, y], loop, out)
    assert builder.call(ops.add, [x, y], loop, out) == first
    assert builder.call(ops.add, [y, x], loop, out) != first
    assert builder.cast(x, FLOAT) == x
    assert builder.cast(x, INT) == builder.cast(x, INT) != x
    assert builder.load(0, FLOAT) == x


def test_equal_exprs_hash_alike_and_survive_pickling():
    def make():
        builder = Builder()
        loop, out = ops.exp.resolve((FLOAT,))
        x = builder.call(ops.exp, [builder.load(0, FLOAT)], loop, out)
        half = builder.constant(0.5, FLOAT)
        return builder.build([builder.call(ops.multiply, [x, half], (FLOAT, FLOAT), FLOAT)])

    a, b = make(), make()
    assert a == b
    assert hash(a) == hash(b)
    assert {a: 1}[b] == 1
    again = pickle.loads(pickle.dumps(a))
    assert again == a
    assert hash(again) == hash(a)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_constants_are_told_apart_by_their_bits(dtype):
    assert constant(np.nan, dtype) == constant(np.nan, dtype)
    assert hash(constant(np.nan, dtype)) == hash(constant(np.nan, dtype))
    assert constant(-0.0, dtype) != constant(0.0, dtype)
    assert constant(1.0, dtype) == constant(1, dtype)


def test_constants_of_different_dtypes_differ():
    kinds = ["bool", "int8", "uint8", "int32", "int64", "float32", "float64"]
    for first, second in itertools.combinations(kinds, 2):
        assert constant(1, first) != constant(1, second)


def test_unused_nodes_are_left_out():
    builder = Builder()
    x, y = builder.load(0, FLOAT), builder.load(3, FLOAT)
    builder.call(ops.add, [x, y], (FLOAT, FLOAT), FLOAT)
    kept = builder.call(ops.exp, [y], (FLOAT,), FLOAT)
    body = builder.build([kept, kept, y])
    assert [n.kind for n in body.nodes] == ["load", "call"]
    assert body.outputs == (1, 1, 0)
    assert body.leaves("load") == {3: FLOAT}


def test_fp64_is_known():
    assert constant(1, "float64").fp64
    assert constant(1, "complex128").fp64
    assert not constant(1, "float32").fp64
    assert not constant(1, "int64").fp64


def test_a_deep_chain_needs_no_recursion():
    builder = Builder()
    x = builder.load(0, FLOAT)
    for _ in range(5000):
        x = builder.call(ops.sin, [x], (FLOAT,), FLOAT)
    body = builder.build([x])
    lines, names = body.body({0: "x0[i]"})
    assert len(lines) == 5001
    assert names == ("t5000",)
    assert hash(pickle.loads(pickle.dumps(body))) == hash(body)


def test_every_value_has_its_own_c_type():
    builder = Builder()
    small = np.dtype("uint8")
    a, b = builder.load(0, small), builder.scalar(1, small)
    total = builder.call(ops.add, [a, b], (small, small), small)
    lines, names = builder.build([builder.cast(total, np.dtype("int64"))]).body({0: "x0[i]"})
    assert lines[0] == "const uchar t0 = x0[i];"
    assert lines[1] == "const uchar t1 = s1;"
    assert lines[2].startswith("const uchar t2 = ")
    assert lines[3] == "const long t3 = (long)t2;"
    assert names == ("t3",)


# literals: read back as a C compiler reads them


def value_of(text, row):
    """What the printed literal is worth, for the forms that `literal` prints."""
    text = text.replace(f"({row.ctype})", "")
    if row.kind == "f":
        plain = text.replace("(-NAN)", "-nan").replace("NAN", "nan")
        plain = plain.replace("(-INFINITY)", "-inf").replace("INFINITY", "inf").strip("()")
        if "nan" in plain or "inf" in plain:
            return float(plain)
        assert plain.endswith("f") != row.is_double, "a float's literal is no double's"
        return float.fromhex(plain.rstrip("f"))
    return eval(text.replace("ul", "").replace("u", "").replace("L", ""))


@pytest.mark.parametrize("row", [row for row in dtypes.ROWS if row.kind != "c"], ids=lambda row: row.name)
def test_literals_are_exact(row, rng):
    values = np.concatenate([oracle.specials(row.numpy), oracle.sample(rng, (-1e4, 1e4), row.numpy, 50)])
    for value in values:
        got = row.numpy.type(value_of(expr.literal(value, row), row))
        assert got.tobytes() == value.tobytes() or (np.isnan(value) and np.isnan(got)), value


def test_literal_of_the_least_long_is_no_overflow():
    text = expr.literal(np.int64(-(2**63)), dtypes.NAMES["int64"])
    assert ctypes.c_int64(eval(text.replace("L", ""))).value == -(2**63)
    assert "9223372036854775808" not in text


def test_complex_literals_have_both_parts():
    text = expr.literal(np.complex64(complex(1.5, -0.0)), dtypes.NAMES["complex64"])
    assert text == "(float2)((0x1.8000000000000p+0f), (-0x0.0p+0f))"
