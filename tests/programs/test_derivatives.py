"""The programs of Theano's tutorial on derivatives, but for their import lines, checked against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as theano
import clarray.tensor as T

pytestmark = pytest.mark.usefixtures("fp64")


def test_a_square(any_ctx):
    x = T.dscalar("x")
    y = x**2
    gy = T.grad(y, x)
    assert theano.pp(gy)
    f = theano.function([x], gy)
    assert f(4) == 8
    np.testing.assert_allclose(f(94.2), 188.4)


def test_the_logistic_function(any_ctx, rng):
    x = T.dmatrix("x")
    s = T.sum(1 / (1 + T.exp(-x)))
    dlogistic = theano.function([x], T.grad(s, x))
    data = rng.normal(scale=3, size=(5, 2))
    p = 1 / (1 + np.exp(-data))
    np.testing.assert_allclose(dlogistic(data), p * (1 - p), rtol=1e-12)
    np.testing.assert_allclose(dlogistic([[0, 1], [-1, -2]]), [[0.25, 0.19661193], [0.19661193, 0.10499359]], rtol=1e-7)


def test_a_jacobian(any_ctx, rng):
    x = T.dvector("x")
    y = x**2
    f = theano.function([x], T.jacobian(y, x))
    assert f([4, 4]).tolist() == [[8, 0], [0, 8]]
    data = rng.normal(size=7)
    np.testing.assert_allclose(f(data), np.diag(2 * data))


def test_a_hessian(any_ctx, rng):
    x = T.dvector("x")
    cost = (x**3).sum()
    H = T.hessian(cost, x)
    data = rng.normal(size=4)
    np.testing.assert_allclose(theano.function([x], H)(data), np.diag(6 * data))
    by_hand = T.jacobian(T.grad(cost, x), x)
    np.testing.assert_allclose(theano.function([x], by_hand)(data), np.diag(6 * data))


def test_the_r_operator(any_ctx, rng):
    W = T.dmatrix("W")
    V = T.dmatrix("V")
    x = T.dvector("x")
    y = T.dot(x, W)
    JV = T.Rop(y, W, V)
    f = theano.function([W, V, x], JV)
    assert f([[1, 1], [1, 1]], [[2, 2], [2, 2]], [0, 1]).tolist() == [2, 2]
    w, v, a = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=3)
    np.testing.assert_allclose(f(w, v, a), a @ v, rtol=1e-12, atol=1e-12)


def test_the_l_operator(any_ctx, rng):
    W = T.dmatrix("W")
    v = T.dvector("v")
    x = T.dvector("x")
    y = T.dot(x, W)
    VJ = T.Lop(y, W, v)
    f = theano.function([v, x], VJ)
    assert f([2, 2], [0, 1]).tolist() == [[0, 0], [2, 2]]
    a, b = rng.normal(size=4), rng.normal(size=3)
    np.testing.assert_allclose(f(a, b), np.outer(b, a), rtol=1e-12)


@pytest.mark.parametrize("power", [2, 3])
def test_a_hessian_times_a_vector(any_ctx, rng, power):
    x = T.dvector("x")
    v = T.dvector("v")
    y = T.sum(x**power)
    gy = T.grad(y, x)
    backwards = theano.function([x, v], T.grad(T.sum(gy * v), x))
    forwards = theano.function([x, v], T.Rop(gy, x, v))
    at_once = theano.function([x, v], T.hessian_vector(y, x, v))
    data, along = rng.normal(size=5), rng.normal(size=5)
    for f in (backwards, forwards, at_once):
        np.testing.assert_allclose(f(data, along), power * (power - 1) * data ** (power - 2) * along, rtol=1e-12)


def test_a_gradient_is_checked(any_ctx, rng):
    T.verify_grad(lambda x, w: T.nnet.softmax(T.dot(x, w)), [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))], rng=rng)
