"""What errors say: each names the variable, what was expected, and the user's line that made it."""

from __future__ import annotations

import gc
import linecache
import traceback

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.errors import DeviceError, OutOfDeviceMemory
from clarray.graph import origin
from clarray.graph.ends import MissingInputError, UnusedInputError
from clarray.graph.rewriting.database import rewrite

HERE = "test_graph_messages.py:"


def one(*shape):
    return np.ones(shape, "f")


def case(f, kind, *parts):
    """A call, the exception that it raises, and what stands in its message or its notes."""
    return pytest.param(f, kind, parts, id=linecache.getline(__file__, f.__code__.co_firstlineno).strip()[5:70])


class Some:
    """Variables to make mistakes with."""

    def __init__(self):
        self.x, self.y = T.vectors("x", "y")
        self.m, self.s, self.i = T.matrix("m"), T.scalar("s"), T.iscalar("i")
        self.d, self.n = T.dvector("d"), T.lvector("n")
        self.w = ca.shared(np.ones(3, "f"), name="w")
        self.k = ca.shared(np.int32(1), name="k")
        self.z = T.exp(self.x) + self.y
        self.f = ca.function([self.x, self.y], self.z, name="f")


def cyclic(o):
    a = T.exp(o.x)
    b = a + 1
    a.owner.inputs = (b,)
    return b


FUNCTION = [
    case(lambda o: ca.function([o.x, o.y], T.exp(o.x)), UnusedInputError, "y of type", "on_unused_input='ignore'"),
    case(lambda o: ca.function([o.x], o.z), MissingInputError, "y of type", "inputs or givens", "read by add", HERE),
    case(lambda o: ca.function(o.x, o.z), TypeError, "inputs is a list", "write [x]"),
    case(lambda o: ca.function([3], o.z), TypeError, "an input is a variable or In", "int came: 3"),
    case(lambda o: ca.function([o.w], o.w), TypeError, "the shared variable w", "givens"),
    case(lambda o: ca.function([o.x, o.x], o.x), ValueError, "x of type", "twice"),
    case(lambda o: ca.function([o.x], "abc"), TypeError, "an output is a variable", "str 'abc'"),
    case(lambda o: ca.function([o.x], {1: o.x}), TypeError, "keys of a dict of outputs are strings", "1 came"),
    case(lambda o: ca.function([o.x], o.x, mode="FASTER"), ValueError, "'FASTER'", "FAST_COMPILE"),
    case(lambda o: ca.function([o.x], o.x, on_unused_input="no"), ValueError, "'raise', 'warn' or 'ignore'", "'no'"),
    case(lambda o: ca.function([], cyclic(o)), ValueError, "cycle", "depends on its own result add.0", HERE),
    case(lambda o: ca.In(3), TypeError, "In() takes a variable", "int came"),
    case(lambda o: ca.function([ca.In(o.x, update=o.x)], o.x), ValueError, "In(x)", "needs a value"),
]
UPDATES = [
    case(lambda o: ca.function([o.x], [], updates=[(o.x, o.y)]), TypeError, "updates are of shared variables", "x"),
    case(lambda o: ca.function([o.d], [], updates=[(o.w, o.d)]), TypeError, "shared variable w", "d of type", "astype"),
    case(lambda o: ca.function([], [], updates=[(o.k, o.k * 1.5)]), TypeError, "variable k", "lose precision", HERE),
    case(
        lambda o: ca.function([o.m], [], updates=[(o.w, o.m * 2)]), TypeError, "variable w", "2 axes instead of 1", HERE
    ),
    case(lambda o: ca.function([], [], updates=[(o.w, o.w), (o.w, o.w)]), ValueError, "variable w", "twice"),
    case(lambda o: ca.function([], [], updates=[(o.w, "abc")]), TypeError, "update of shared variable w", "str 'abc'"),
    case(lambda o: ca.function([], [], updates=[(o.w, one(2, 2))]), TypeError, "variable w", "2 axes instead of 1"),
    case(lambda o: ca.function([], [], updates=[o.w]), TypeError, "list of pairs", "w is no pair"),
    case(lambda o: ca.function([], o.z, givens={3: o.x}), TypeError, "givens replace variables", "3"),
    case(lambda o: ca.function([o.d], o.z, givens={o.x: o.d}), TypeError, "replace x of type", "by d of type", "cast"),
    case(lambda o: ca.function([o.m], o.z, givens={o.x: o.m * 2}), TypeError, "replace x of type", "multiply", HERE),
    case(lambda o: ca.function([o.x], o.z, givens={o.x: o.x * 2}), ValueError, "the input x", "depends on it", HERE),
    case(lambda o: o.w.set_value(np.ones(3)), TypeError, "shared variable w holds float32", "float64", "cast"),
    case(lambda o: o.w.set_value(one(3, 3)), TypeError, "shared variable w", "2 dimensions came"),
    case(lambda o: ca.shared(o.x), TypeError, "shared() takes a value, not the variable x"),
]
ARGUMENTS = [
    case(lambda o: o.f([1], [2], [3]), TypeError, "function f takes 2 arguments, 3 came"),
    case(lambda o: o.f([1]), TypeError, "function f misses its input y"),
    case(lambda o: o.f([1], q=3), TypeError, "function f has no input named 'q'", "x, y"),
    case(lambda o: o.f([1], x=[3]), TypeError, "input 'x' came twice"),
    case(lambda o: o.f(np.full(3, 0.1), one(3)), TypeError, "argument 0 (x) of function f", "lose precision", "astype"),
    case(lambda o: o.f(one(3, 3), one(3)), TypeError, "argument 0 (x)", "expected 1, got 2 with shape (3, 3)"),
    case(lambda o: o.f("abc", one(3)), TypeError, "argument 0 (x)", "str"),
    case(lambda o: o.f(o.x, one(3)), TypeError, "argument 0 (x)", "a variable came, x", "givens"),
    case(lambda o: o.f(None, one(3)), TypeError, "argument 0 (x)", "None came", "TensorType(float32, vector)"),
    case(lambda o: o.z.eval({o.x: [1]}), MissingInputError, "y of type", "read by add", HERE),
    case(lambda o: o.z.eval({"q": [1]}), KeyError, "no variable named 'q'"),
]
CALLS = [
    case(lambda o: o.f([1, 2], [1, 2, 3]), ValueError, "add()", "(2,) (3,)", "y: float32, shape (3,)", HERE, "T.exp"),
    case(lambda o: o.f([1], [1, 2, 3]), ValueError, "not declared broadcastable", "T.addbroadcast(x, 0)", HERE),
    case(lambda o: ca.function([o.m, o.i], o.m.reshape((o.i, 7)))(one(3, 4), 2), ValueError, "(3, 4)", "(2, 7)", HERE),
    case(lambda o: ca.function([o.x, o.i], o.x[o.i])(one(3), 7), IndexError, "index 7", "x: float32, shape (3,)", HERE),
    case(lambda o: ca.function([o.x], T.max(o.x))(one(0)), ValueError, "max() of an empty axis", "shape (0,)", HERE),
    case(lambda o: ca.function([o.m], T.dot(o.m, o.m))(one(2, 3)), ValueError, "shapes (2, 3) and (2, 3)", HERE),
    case(lambda o: ca.function([o.m], T.concatenate([o.m, o.m.T]))(one(2, 3)), ValueError, "only axis 0", HERE),
]
WRITING = [
    case(lambda o: o.x[1, 2], IndexError, "1-dimensional", "x of type"),
    case(lambda o: o.x & o.y, TypeError, "bitwise_and() does not take (float32, float32)", "x of type", "y of type"),
    case(lambda o: (o.m + 1).sum(axis=2), ValueError, "axis 2 is out of bounds", "add.0 of type", HERE),
    case(lambda o: T.concatenate([o.x, o.m]), ValueError, "1 and 2 dimensions", "x of type", "m of type"),
    case(lambda o: T.switch(o.x, "a", o.y), TypeError, "str 'a' is neither a variable nor an array"),
    case(lambda o: float(o.s), TypeError, "s has no value before a function computes it", "s.eval()"),
    case(lambda o: bool(o.x > 1), TypeError, "greater", "where()", HERE),
    case(lambda o: list(o.x), TypeError, "x of type", "cannot be iterated over"),
    case(lambda o: len(o.x), TypeError, "x has no length", "x.shape[0]"),
    case(lambda o: o.m.dimshuffle(0), ValueError, "axis 1 of m", "not broadcastable"),
    case(lambda o: T.zeros((o.s,)), TypeError, "an extent is an integer scalar", "s of type"),
    case(lambda o: T.grad(o.z.sum(), o.m), ValueError, "m of type", "does not take part", "the cost sum.0", HERE),
    case(lambda o: T.grad(o.z, o.x), TypeError, "the cost has to be a scalar", "add.0 of type", HERE),
    case(lambda o: T.grad(o.n.sum() * 1.0, o.n), TypeError, "n of type TensorType(int64, vector)", "cast it first"),
    case(lambda o: T.grad(T.sum(o.n), o.x), TypeError, "has to be real floating-point", "sum.0 of type", HERE),
    case(lambda o: T.grad(o.z.sum(), "x"), TypeError, "wrt is a variable or a list of them", "str came"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "kind", "parts"), [*FUNCTION, *UPDATES, *ARGUMENTS, *CALLS, *WRITING])
def test_message(any_ctx, f, kind, parts):
    with pytest.raises(kind) as caught:
        f(Some())
    told = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    for part in parts:
        assert part in told


class Failing(ca.Op):
    """An operation that finds out too late."""

    def infer(self, x):
        return x

    def lower(self, x):
        raise KeyError("no such table")


COMPILING = [
    case(
        lambda o: ca.function([o.x], Failing()(o.x)), KeyError, "no such table", "take_apart", "failing(x), made", HERE
    ),
    case(lambda o: rewrite(T.sinh), TypeError, "a target is an Op", "clarray.sinh"),
]


@pytest.mark.parametrize(("f", "kind", "parts"), COMPILING)
def test_message_of_a_rewrite(any_ctx, f, kind, parts):
    test_message(any_ctx, f, kind, parts)


def fails(f, *args):
    """The traceback of a call that fails, as a user sees it."""
    with pytest.raises(Exception) as caught:
        f(*args)
    return "".join(traceback.format_exception(caught.value))


def test_the_traceback_ends_at_the_users_line(any_ctx):
    x, y = T.matrices("x", "y")
    z = T.exp(x) * y  # the line
    f = ca.function([x, y], z.sum())
    told = fails(f, one(2, 3), one(2, 4))
    assert told.rstrip().endswith("z = T.exp(x) * y  # the line")
    assert f"{HERE}" in told.rstrip().splitlines()[-2]


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_gradients_and_rewritten_nodes_point_at_the_forward_line(any_ctx, mode):
    x, w = T.matrix("x"), T.vector("w")
    p = T.dot(x, w)
    q = 1 / (1 + T.exp(-p))  # rewritten
    cost = -T.log(q).mean()
    g = T.grad(cost, w)
    f = ca.function([x, w], [cost, g], mode=mode)
    first, last = (p.owner.line.rpartition(":")[2], cost.owner.line.rpartition(":")[2])
    lines = {node.line for node in f.maker.fgraph.toposort() if node.line}
    assert lines
    for line in lines:
        file, _, number = line.rpartition(":")
        assert file == __file__
        assert int(first) <= int(number) <= int(last)


def test_a_program_beside_the_package_is_the_users(any_ctx):
    name = origin.PACKAGE[:-1] + "_programs.py"
    scope = {"T": T}
    exec(compile("x = T.exp(T.vector())", name, "exec"), scope)
    assert scope["x"].owner.line == f"{name}:1"


def test_out_of_memory_in_a_call(any_ctx):
    x = T.vector("x")
    big = T.exp(x)[:, None] + x[None, :]  # the line
    w = ca.shared(one(3), name="w")
    f = ca.function([x], [big.dimshuffle(1, 0).transfer(None), big.sum()], updates=[(w, w * 2)])
    try:
        ca.set_memory_limit(ca.memory_stats().in_use + (1 << 20))
        told = fails(f, one(2000))
    finally:
        ca.set_memory_limit(None)
    assert OutOfDeviceMemory.__name__ in told
    assert "big = T.exp(x)[:, None] + x[None, :]" in told
    assert "float32, shape (1, 2000)" in told
    np.testing.assert_array_equal(w.get_value(), one(3))


def test_out_of_memory_for_an_argument(any_ctx):
    x = T.vector("x")
    f = ca.function([x], x * 2, name="f")
    try:
        gc.collect()  # what other tests left would make room
        ca.set_memory_limit(ca.memory_stats().in_use + (1 << 16))
        told = fails(f, one(100_000))
    finally:
        ca.set_memory_limit(None)
    assert "while argument 0 (x) of function f was uploaded" in told


def test_high_verbosity(any_ctx):
    x, y = T.matrices("x", "y")
    f = ca.function([x, y], T.dot(T.tanh(x), y))
    low = fails(f, one(2, 3), one(2, 4))
    with ca.config.change_flags(exception_verbosity="high"):
        high = fails(f, one(2, 3), one(2, 4))
    assert 'exception_verbosity = "high" tells more' in low
    assert 'exception_verbosity = "high" tells more' not in high
    assert "the graph behind it:" in high
    assert " |tanh [id B]" in high
    assert "24 bytes" in high
    assert "24 bytes" not in low


def test_high_verbosity_lists_memory(any_ctx):
    x = T.vector("x")
    f = ca.function([x], (T.sort(x)[:, None] * x).transfer(None))
    try:
        ca.set_memory_limit(ca.memory_stats().in_use + (1 << 20))
        with ca.config.change_flags(exception_verbosity="high"):
            told = fails(f, one(2000))
    finally:
        ca.set_memory_limit(None)
    assert "in memory:" in told
    assert "8,000 bytes" in told


def test_what_is_wrong_as_it_is_written_names_the_operands(any_ctx):
    x = T.vector("x")
    y = x * 2
    told = fails(lambda: T.concatenate([y, T.matrix("m")]))
    assert f"in concat() of multiply.0 of type TensorType(float32, vector), made at {__file__}" in told


class TestNoHost:
    """assert_no_cpu_op: who had to go through the host, and the line that made it."""

    @pytest.fixture
    def masked(self, any_ctx):
        x = T.vector("x")
        count = T.sum(x > 0)
        return ca.function([x], T.zeros((count,)))

    def test_ignore(self, masked):
        assert masked([1, -1, 2]).shape == (2,)

    def test_raise(self, masked):
        with (
            ca.config.change_flags(assert_no_cpu_op="raise"),
            pytest.raises(DeviceError, match=rf"sum\.\d of type .*, made at .*{HERE}.* runs on the host"),
        ):
            masked([1, -1, 2])

    def test_warn(self, masked):
        with ca.config.change_flags(assert_no_cpu_op="warn"), pytest.warns(UserWarning, match=rf"made at .*{HERE}"):
            assert masked([1, -1, 2]).shape == (2,)

    def test_inside_an_operation(self, any_ctx):
        class Peek(ca.Op):
            traceable = False

            def infer(self, x):
                return x

            def lower(self, x):
                return x * float(np.max(np.asarray(x)) > 0)

        x = T.vector("x")
        y = Peek()(x * 2)
        f = ca.function([x], y)
        np.testing.assert_array_equal(f([1, 2]), [2, 4])
        with (
            ca.config.change_flags(assert_no_cpu_op="raise"),
            pytest.raises(DeviceError, match=rf"__array__ runs on the host, in Peek.*made at .*{HERE}"),
        ):
            f([1, 2])
