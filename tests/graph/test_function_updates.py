"""Updates, givens and states of functions, and copies over other variables."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T

F32 = np.dtype("float32")


def draw(rng, *shape):
    return rng.uniform(-2, 2, shape).astype(F32)


def names(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()]


def test_updates_see_the_old_values(ctx):
    a, b = ca.shared(np.float32(1)), ca.shared(np.float32(2))
    f = ca.function([], [a, b], updates=[(a, a + b), (b, a * 10)])
    assert [float(v) for v in f()] == [1, 2]
    assert (float(a.get_value()), float(b.get_value())) == (3, 10)
    swap = ca.function([], updates={a: b, b: a})
    swap()
    assert (float(a.get_value()), float(b.get_value())) == (10, 3)
    va, vb = (s.get_value(borrow=True, return_internal_type=True) for s in (a, b))
    va[...] = 7
    assert float(b.get_value()) == 3
    assert not ca.may_share_memory(va, vb)


@pytest.mark.parametrize("form", [dict, list, tuple])
def test_updates_of_every_form(any_ctx, form):
    s = ca.shared(1, "s")
    f = ca.function([], s, updates=form({s: s * 2}.items()))
    assert [int(f()), int(f())] == [1, 2]


def test_update_of_another_type_is_refused_or_converted(any_ctx):
    s, i = ca.shared(np.float32(1), "s"), ca.shared(np.int64(1), "i")
    ca.function([], updates=[(s, np.float32(3)), (i, T.constant(np.int8(4)) + 1)])()
    assert (float(s.get_value()), int(i.get_value())) == (3, 5)
    with pytest.raises(TypeError, match=r"update of shared variable i .*would lose precision.*astype"):
        ca.function([], updates={i: i + 0.5})
    with pytest.raises(TypeError, match=r"it has 1 axes instead of 0"):
        ca.function([], updates={s: T.vector("v")})
    with pytest.raises(ValueError, match="updated twice"):
        ca.function([], updates=[(s, s + 1), (s, s + 2)])
    with pytest.raises(TypeError, match="updates are of shared variables"):
        ca.function([], updates=[(T.scalar(), s)])
    with pytest.raises(TypeError, match="no pair"):
        ca.function([], updates=[s])


def test_failed_call_leaves_shared_variables(ctx, rng):
    w = ca.shared(draw(rng, 4), "w")
    v = T.vector("v")
    f = ca.function([v], (w * v).sum(), updates=[(w, w - v)])
    before = w.get_value()
    with pytest.raises(ValueError, match="shapes"):
        f(np.zeros(3, F32))
    np.testing.assert_array_equal(w.get_value(), before)
    f(np.ones(4, F32))
    np.testing.assert_array_equal(w.get_value(), before - 1)


def test_default_updates(any_ctx):
    n = ca.shared(0, "n")
    n.default_update = n + 1
    f = ca.function([], n)
    assert [int(f()), int(f())] == [0, 1]
    assert int(ca.function([], n, no_default_updates=True)()) == 2
    assert int(n.get_value()) == 2
    assert int(ca.function([], n, no_default_updates=[n])()) == 2
    assert int(ca.function([], n, updates={n: n + 10})()) == 2
    assert int(n.get_value()) == 12


def test_givens(ctx, rng):
    x, y = T.vector("x"), T.vector("y")
    data = ca.shared(draw(rng, 5))
    cost = (x * y).sum()
    f = ca.function([y], cost, givens={x: data})
    v = draw(rng, 5)
    np.testing.assert_allclose(f(v), (data.get_value() * v).sum(), rtol=1e-5, atol=1e-5)
    assert names(f).count("GpuFromHost") == 1
    g = ca.function([x], x - y, givens=[(y, x + 1)])
    np.testing.assert_allclose(g(v), np.full(5, -1), atol=1e-6)
    with pytest.raises(TypeError, match=r"givens cannot replace x .* types differ"):
        ca.function([y], cost, givens={x: T.ivector("n")})
    np.testing.assert_allclose(
        ca.function([y], cost, givens={x: [1, 2, 3, 4, 5]})(v), (np.arange(1, 6) * v).sum(), rtol=1e-5, atol=1e-5
    )
    intermediate = x * 2
    h = ca.function([x], intermediate + 1, givens={intermediate: x * 3})
    np.testing.assert_allclose(h(v), v * 3 + 1, rtol=1e-6, atol=1e-6)


def test_minibatches_by_symbolic_index(ctx, rng):
    data = draw(rng, 20, 3)
    x, index = ca.shared(data), T.lscalar("index")
    m = T.matrix("m")
    f = ca.function([index], m.sum(axis=1), givens={m: x[index * 4 : (index + 1) * 4]})
    for k in range(5):
        np.testing.assert_allclose(f(k), data[4 * k : 4 * k + 4].sum(axis=1), rtol=1e-5, atol=1e-6)
    row = ca.function([index], x[index])
    np.testing.assert_array_equal(row(-1), data[-1])
    with pytest.raises(IndexError):
        row(20)


def test_defaults_and_states(any_ctx):
    x, y = T.scalars("x", "y")
    f = ca.function([x, ca.In(y, value=1)], x + y)
    assert f(33) == 34
    assert f(33, 2) == 35
    named = ca.function([x, ca.In(y, value=1, name="step")], x + y)
    assert named(33, step=5) == 38
    state = T.scalar("state")
    accumulate = ca.function([x, ca.In(state, value=0, update=state + x)], state)
    assert [accumulate(1), accumulate(2), accumulate(0)] == [0, 1, 3]
    assert accumulate["state"] == 3
    accumulate["state"] = 10
    assert accumulate(0) == 10


def test_copy_of_a_function(any_ctx):
    s, inc = ca.shared(0, "s"), T.lscalar("inc")
    f = ca.function([inc], s, updates={s: s + inc})
    other = ca.shared(100)
    g = f.copy(swap={s: other})
    f(1)
    g(5)
    assert (int(s.get_value()), int(other.get_value())) == (1, 105)
    h = f.copy(delete_updates=True)
    h(7)
    assert int(s.get_value()) == 1
    assert f.get_shared() == [s]
    with pytest.raises(ValueError, match="not a shared variable of function"):
        f.copy(swap={other: s})
