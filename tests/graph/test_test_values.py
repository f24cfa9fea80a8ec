"""compute_test_value: shapes and dtypes are checked where the expression is written."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.gof.op import get_test_value


@pytest.fixture
def raising(ctx):
    with ca.config.change_flags(compute_test_value="raise"):
        yield ctx


def example(x, value):
    x.tag.test_value = value
    return x


def test_values_follow_the_expression(raising, rng):
    a, b = rng.standard_normal((4, 3)).astype("f"), rng.standard_normal(3).astype("f")
    x, w = example(T.matrix("x"), a), ca.shared(b, name="w")
    y = T.tanh(T.dot(x, w) + 1)
    np.testing.assert_allclose(np.asarray(y.tag.test_value), np.tanh(a @ b + 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(x.T[1:].tag.test_value), a.T[1:])
    z = (x / x.shape[0]).sum(axis=0)
    np.testing.assert_allclose(np.asarray(z.tag.test_value), (a / 4).sum(0), rtol=1e-5, atol=1e-6)
    assert np.asarray(x.shape.tag.test_value).tolist() == [4, 3]
    assert z.tag.test_value.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(x.reshape((x.shape[1], -1)).tag.test_value), a.reshape(3, 4))
    np.testing.assert_array_equal(np.asarray(get_test_value(w)), b)
    assert get_test_value(x) is a
    assert get_test_value(3) == 3


def test_gradients_and_functions(raising, rng):
    a, b = rng.standard_normal((4, 3)).astype("f"), rng.standard_normal(3).astype("f")
    x, w = example(T.matrix("x"), a), ca.shared(b, name="w")
    cost = T.log(1 + T.exp(T.dot(x, w))).sum()
    g = T.grad(cost, w)
    expected = a.T @ (1 / (1 + np.exp(-(a @ b))))
    np.testing.assert_allclose(np.asarray(g.tag.test_value), expected, rtol=1e-4, atol=1e-5)
    f = ca.function([x], cost, updates=[(w, w - 0.1 * g)])
    np.testing.assert_allclose(f(a), np.log1p(np.exp(a @ b)).sum(), rtol=1e-5)
    np.testing.assert_allclose(w.get_value(), b - 0.1 * expected, rtol=1e-4, atol=1e-5)


def test_an_error_is_raised_in_the_line_that_is_wrong(raising):
    x, y = example(T.matrix("x"), np.ones((2, 3), "f")), example(T.matrix("y"), np.ones((4, 5), "f"))
    with pytest.raises(ValueError, match="shapes") as caught:
        T.dot(x, y)
    note = "\n".join(caught.value.__notes__)
    assert "x: float32, shape (2, 3)" in note
    assert "y: float32, shape (4, 5)" in note
    assert "T.dot(x, y)" in note
    with pytest.raises(ValueError, match="not declared broadcastable"):
        x + example(T.matrix("z"), np.ones((2, 1), "f"))


def test_a_wrong_test_value_names_its_variable(raising):
    with pytest.raises(TypeError, match=r"test value of x .*wrong number of dimensions: expected 2, got 1"):
        example(T.matrix("x"), np.ones(3, "f")) + 1
    with pytest.raises(TypeError, match=r"test value of x .*lose precision"):
        example(T.vector("x"), np.full(3, 0.1)) + 1


def test_missing(ctx, monkeypatch):
    x = T.vector("x")
    with ca.config.change_flags(compute_test_value="raise"), pytest.raises(ValueError, match=r"x.tag.test_value"):
        T.exp(x)
    with (
        ca.config.change_flags(compute_test_value="warn"),
        pytest.warns(UserWarning, match=r"x of type .* has no test"),
    ):
        T.exp(x)
    with ca.config.change_flags(compute_test_value="ignore"):
        y = T.exp(x)
    assert not hasattr(y.tag, "test_value")
    stops = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: stops.append(1))
    with ca.config.change_flags(compute_test_value="pdb"):
        T.exp(x)
    assert stops == [1]
    with pytest.raises(AttributeError, match=r"x of type .* has no test value"):
        get_test_value(x)
    x.tag.test_value = np.zeros(2, "f")
    T.exp(x)  # the flag is off again
    assert ca.config.compute_test_value == "off"


EXPRESSIONS = {
    "views": lambda x, m, i: x[i:] + m.T[0, :-1],
    "reshape": lambda x, m, i: m.reshape((x.shape[0] - 1, -1)),
    "take": lambda x, m, i: m[i] + x[T.stack([i, i, i, i])],
    "mask": lambda x, m, i: x[x > 0],
    "ranges": lambda x, m, i: T.arange(i) + T.zeros((3, i)),
    "writes": lambda x, m, i: T.inc_subtensor(T.set_subtensor(x[i:], 0)[:2], 1.5),
    "integers": lambda x, m, i: i / 2 + m.sum(axis=0).argmax(),
    "sort": lambda x, m, i: T.sort(x)[::-1],
    "algebra": lambda x, m, i: T.nlinalg.matrix_inverse(m),
    "gradient": lambda x, m, i: T.grad(T.sum(T.nlinalg.matrix_inverse(m) ** 2), m),
    "jacobian": lambda x, m, i: T.jacobian(T.dot(m, x[1:]) ** 2, x),
    "barrier": lambda x, m, i: T.grad(T.sum(ca.gradient.disconnected_grad(x) * x), x),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_tried_is_what_is_computed(ctx, rng, name):
    values = [rng.standard_normal(5), rng.standard_normal((4, 4)) + 4 * np.eye(4)]
    x, m = (example(T.tensor("float32", [False] * v.ndim), v.astype("f")) for v in values)
    i = example(T.iscalar("i"), np.int32(2))
    with ca.config.change_flags(compute_test_value="raise"):
        y = EXPRESSIONS[name](x, m, i)
        tried = np.asarray(y.tag.test_value)
    inputs = [x, m, i]
    expected = ca.function(inputs, y, on_unused_input="ignore")(*(v.tag.test_value for v in inputs))
    assert (tried.dtype, tried.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(tried, expected, rtol=1e-4, atol=1e-5)
