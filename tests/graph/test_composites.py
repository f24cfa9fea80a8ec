"""Operations that are done by others: eager, in functions, and their gradients."""

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core import ops
from clarray.core.aval import Aval
from clarray.core.op import Composite


class SumAndDifference(Composite):
    """x + y and x - y, by the table's operations."""

    name = "sum_and_difference"
    nout = 2

    def infer(self, avals, params, fp64=True):
        return ops.add.infer(avals, {}, fp64) * 2

    def lower(self, x, y):
        return x + y, x - y


class Normalized(Composite):
    """x over its greatest element, which is looked at: no graph can tell its value."""

    name = "normalized"
    traceable = False

    def __init__(self):
        self.calls = 0

    def infer(self, avals, params, fp64=True):
        return (Aval(avals[0].shape, avals[0].dtype),)

    def lower(self, x):
        self.calls += 1
        return (x / float(ca.max(x))).T.copy("C").T if x.ndim == 2 else x / float(ca.max(x))

    def grad(self, g, out, operands, params):
        return (g * 2,)


@pytest.fixture
def pair(rng):
    return rng.normal(size=(5, 3)).astype("f"), rng.normal(size=(5, 3)).astype("f")


def test_on_arrays(ctx, pair):
    s, d = SumAndDifference()(*map(ca.asarray, pair))
    np.testing.assert_array_equal(s.numpy(), pair[0] + pair[1])
    np.testing.assert_array_equal(d.numpy(), pair[0] - pair[1])


def test_a_function_takes_it_apart_and_fuses(ctx, pair):
    x, y = T.fmatrices("x", "y")
    s, d = SumAndDifference()(x * 2, y)
    f = ca.function([x, y], [s + 1, d])
    assert len([n for n in f.maker.fgraph.toposort() if isinstance(n.op, T.Elemwise)]) == 1
    got = f(*pair)
    np.testing.assert_allclose(got[0], pair[0] * 2 + pair[1] + 1, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got[1], pair[0] * 2 - pair[1], rtol=1e-6, atol=1e-6)


def test_the_gradient_is_that_of_what_it_calls(ctx, pair):
    x, y = T.fmatrices("x", "y")
    s, d = SumAndDifference()(x, y)
    f = ca.function([x, y], T.grad((s**2 * d).sum(), [x, y]))
    a, b = (v.astype("d") for v in pair)
    gx, gy = f(*pair)
    np.testing.assert_allclose(gx, 2 * (a + b) * (a - b) + (a + b) ** 2, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gy, 2 * (a + b) * (a - b) - (a + b) ** 2, rtol=1e-4, atol=1e-4)


def test_one_of_two_results_may_have_no_gradient(ctx, pair):
    x, y = T.fmatrices("x", "y")
    _, d = SumAndDifference()(x, y)
    gx, gy = ca.function([x, y], T.grad(d.sum(), [x, y]))(*pair)
    assert (gx == 1).all()
    assert (gy == -1).all()


def test_an_operand_given_twice(ctx, pair):
    x = T.fmatrix("x")
    s, d = SumAndDifference()(x, x)
    g = ca.function([x], T.grad((3 * s + d).sum(), x))(pair[0])
    np.testing.assert_array_equal(g, np.full((5, 3), 6, "f"))


def test_what_looks_at_its_arrays_runs_in_every_call(ctx, rng):
    op = Normalized()
    x = T.fmatrix("x")
    f = ca.function([x], [op(x + 1) * 3, T.grad(op(x).sum(), x)])
    for n in (3, 3, 4):
        a = rng.uniform(1, 2, (n, 4)).astype("f")
        got, g = f(a)
        np.testing.assert_allclose(got, 3 * (a + 1) / (a + 1).max(), rtol=1e-6)
        assert (g == 2).all()
    assert op.calls == 3


def test_a_tape_can_be_watched(ctx, pair):
    x, y = T.fmatrices("x", "y")
    f = ca.function([x, y], T.dot(T.tanh(x).T, y).sum(axis=0).transfer(None))
    args = [ca.asarray(v) for v in pair]
    want = f(*args).numpy()
    tape, blocks = f._prepared(args)
    seen = []

    def after(record, slots):
        assert all(slots[p.slot] is not None for p in (*record.made, *record.read))
        seen.append(record.step.head.op.name if record.step else "copy")

    slots = tape.run_watched(list(blocks), lambda record, slots: None, after)
    slot, layout, offset = tape.results[0]
    np.testing.assert_array_equal(ca.GpuArray(layout, offset, slots[slot]).numpy(), want)
    assert len(seen) == len(tape.steps)
    assert "matmul" in seen
