"""Products in functions: how many launches forms of alpha * A @ B + beta * C take, and that their values are right."""

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T

A, B, C = T.fmatrices("A", "B", "C")
v, a, b = T.fvector("v"), T.fscalar("a"), T.fscalar("b")
FORMS = {
    "product": lambda A, B, C, v, a, b, dot, tanh: dot(A, B),
    "first transposed": lambda A, B, C, v, a, b, dot, tanh: dot(A.T, B),
    "second transposed": lambda A, B, C, v, a, b, dot, tanh: dot(A, B.T),
    "both transposed": lambda A, B, C, v, a, b, dot, tanh: dot(A.T, B.T),
    "result transposed and added": lambda A, B, C, v, a, b, dot, tanh: dot(A, B).T + C,
    "constant factors": lambda A, B, C, v, a, b, dot, tanh: 0.5 * dot(A, B) + 3 * C,
    "variable factors": lambda A, B, C, v, a, b, dot, tanh: a * dot(A, B) + b * C,
    "factor of an operand": lambda A, B, C, v, a, b, dot, tanh: dot(a * A, B) - b * C,
    "negative operand": lambda A, B, C, v, a, b, dot, tanh: C - dot(-A, B),
    "bias": lambda A, B, C, v, a, b, dot, tanh: dot(A, B) + v,
    "bias and activation": lambda A, B, C, v, a, b, dot, tanh: tanh(dot(A, B.T) + v),
    "matrix and vector": lambda A, B, C, v, a, b, dot, tanh: a * dot(A, v) + b * C[0],
    "vector and transposed matrix": lambda A, B, C, v, a, b, dot, tanh: dot(v, A.T) + v,
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_one_launch(any_ctx, form, rng):
    write = FORMS[form]
    values = [rng.normal(size=(40, 40)) for _ in range(3)] + [rng.normal(size=40), 1.7, -0.6]
    expected = write(*values, np.dot, np.tanh)
    given = [np.asarray(x, "f") for x in values]
    f = ca.function([A, B, C, v, a, b], write(A, B, C, v, a, b, T.dot, T.tanh), on_unused_input="ignore")
    (step,) = [s for s in f._schedule.steps if s.kind != "view"]
    assert step.head.op.name == "matmul"
    np.testing.assert_allclose(f(*given), expected, rtol=1e-4, atol=1e-4)
    (tape,) = f._tapes.values()
    (record,) = [r for r in tape.records if r.bound is not None]  # and no copy
    assert len(record.bound.launchers) == 1 or any_ctx.traits.kind != "cpu"  # a GPU may share out the steps of k
    apart = ca.function(
        [A, B, C, v, a, b], write(A, B, C, v, a, b, T.dot, T.tanh), on_unused_input="ignore", mode="FAST_COMPILE"
    )
    np.testing.assert_allclose(apart(*given), expected, rtol=1e-4, atol=1e-4)


def test_a_factor_of_what_has_to_be_computed_stays_where_it_is(any_ctx):
    f = ca.function([A, B, a], T.dot(a * T.exp(A), B))
    kinds = [s.kind for s in f._schedule.steps]
    assert kinds == ["elementwise", "other"]


def test_categorical_crossentropy_and_its_gradient_are_stable(any_ctx, rng):
    """Of scores so far apart that a softmax is exactly 0 where its logarithm is wanted."""
    scores, classes = T.fmatrix("scores"), T.ivector("classes")
    data = (rng.normal(size=(6, 4)) * 300).astype("f")
    labels = rng.integers(0, 4, 6).astype("i")
    shifted = data.astype("d") - data.max(axis=1, keepdims=True).astype("d")
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    losses = -logs[np.arange(6), labels]
    gradient = (np.exp(logs) - np.eye(4)[labels]) / 6
    e = T.exp(scores)
    by_hand = e / e.sum(axis=1, keepdims=True)
    for p in (T.nnet.softmax(scores), by_hand):
        for loss in (T.nnet.categorical_crossentropy(p, classes), -T.log(p[T.arange(6), classes])):
            f = ca.function([scores, classes], [loss, T.grad(loss.mean(), scores)])
            got, slope = f(data, labels)
            np.testing.assert_allclose(got, losses, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(slope, gradient, rtol=1e-4, atol=1e-6)


def test_logistic_loss_and_its_gradient_are_stable(any_ctx):
    x, y = T.fvectors("x", "y")
    z = np.array([-500, -40, -1, 0, 3, 60, 700], "f")
    targets = np.array([0, 1, 0, 1, 1, 0, 1], "f")
    p = 1 / (1 + T.exp(-x))
    loss = -y * T.log(p) - (1 - y) * T.log(1 - p)
    got, slope = ca.function([x, y], [loss, T.grad(loss.sum(), x)])(z, targets)
    wide = z.astype("d")
    np.testing.assert_allclose(got, np.logaddexp(0, wide) - targets * wide, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, 1 / (1 + np.exp(-wide)) - targets, rtol=1e-5, atol=1e-7)
