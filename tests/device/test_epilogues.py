"""Products with epilogues: what is elementwise and follows a product in a graph runs in the product's kernel."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core.linear import gemm

F32 = np.dtype("float32")


def draw(rng, *shape):
    return rng.uniform(-1, 1, shape).astype(F32)


def launches(f, *args):
    """How many kernels a warm call launches, and what it returns."""
    f(*args)
    before = ca.stats()
    result = f(*args)
    return (ca.stats() - before).launches, result


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


A, B, C = T.fmatrices("A", "B", "C")
x, y, z = T.fvectors("x", "y", "z")
stack = T.ftensor3("stack")
flags = T.bmatrix("flags")

CASES = {
    "gemm": (2 * T.dot(A, B) + 3 * C, lambda A, B, C, **_: 2 * (A @ B) + 3 * C),
    "bias": (T.dot(A, B) + x, lambda A, B, x, **_: A @ B + x),
    "relu": (T.nnet.relu(T.dot(A, B) + x), lambda A, B, x, **_: np.maximum(A @ B + x, 0)),
    "sigmoid": (T.nnet.sigmoid(T.dot(A, B) + x), lambda A, B, x, **_: sigmoid(A @ B + x)),
    "tanh": (T.tanh(T.dot(A, B) + x), lambda A, B, x, **_: np.tanh(A @ B + x)),
    "swish": ((lambda h: h * T.sigmoid(h))(T.dot(A, B) + x), lambda A, B, x, **_: (A @ B + x) * sigmoid(A @ B + x)),
    "rows": (T.dot(A, B) * y.dimshuffle(0, "x") - C.sum(), lambda A, B, C, y, **_: A @ B * y[:, None] - C.sum()),
    "strided": (T.dot(A, B) + C[::-1], lambda A, B, C, **_: A @ B + C[::-1]),
    "transposed": (T.dot(B.T, A.T) - C.T, lambda A, B, C, **_: (A @ B - C).T),
    "another dtype": (T.gt(T.dot(A, B), C), lambda A, B, C, **_: A @ B > C),
    "where": (T.switch(flags, T.dot(A, B), C), lambda A, B, C, flags, **_: np.where(flags, A @ B, C)),
    "vector": (T.tanh(T.dot(A, z) + y), lambda A, y, z, **_: np.tanh(A @ z + y)),
    "along columns": (T.exp(T.dot(B.T, A[0]) * x), lambda A, B, x, **_: np.exp(B.T @ A[0] * x)),
    "row": (T.dot(A[0], B) / 2 + x, lambda A, B, x, **_: A[0] @ B / 2 + x),
    "stack": (T.tanh(T.dot(stack, B) + C), lambda stack, B, C, **_: np.tanh(stack @ B + C)),
    "two products": (T.dot(A, B) - T.dot(C, T.dot(B.T, B)), lambda A, B, C, **_: A @ B - C @ (B.T @ B)),
    "outer": (T.dot(y.dimshuffle(0, "x"), x.dimshuffle("x", 0)) + C, lambda x, y, C, **_: np.outer(y, x) + C),
}
MORE = {"rows": 1, "two products": 2}  # launches besides that of the product and its epilogue


DEPTHS = [(20, 200), (520, 700)]  # steps of k that need no packing, and several blocks of them


def run(name, rng, depth):
    """A case on random shapes: its values are checked, and how many kernels it launches is returned."""
    m, k, n = (int(rng.integers(low, high)) for low, high in ((20, 60), depth, (20, 60)))
    mask = rng.integers(0, 2, (m, n)).astype("i1")
    shapes = {"A": (m, k), "B": (k, n), "C": (m, n), "x": (n,), "y": (m,), "z": (k,), "stack": (3, m, k)}
    data = {name: draw(rng, *shape) for name, shape in shapes.items()} | {"flags": mask}
    result, reference = CASES[name]
    f = ca.function([A, B, C, x, y, z, stack, flags], result.transfer(None), on_unused_input="ignore")
    count, got = launches(f, *data.values())
    want = reference(**{key: v.astype("f8") if v.dtype == F32 else v for key, v in data.items()})
    assert got.shape == want.shape
    if want.dtype == bool:
        assert got.dtype == bool
        assert (got.numpy() != want).mean() < 1e-2
    else:
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-4, atol=1e-3)
    return count


@pytest.mark.parametrize("name", CASES)
def test_values(ctx, rng, name):
    for depth in DEPTHS:
        count = run(name, rng, depth)
        if ctx.traits.kind == "cpu":
            assert count == 1 + MORE.get(name, 0)


def test_values_with_the_kernels_of_a_gpu(both_walks, rng):
    for name in oracle.some(rng, list(CASES), 4):
        run(name, rng, DEPTHS[rng.integers(2)])


def test_packed_in_parts(ctx, rng):
    """Several launches, each of some steps of k; only the last one may finish the sums."""
    a, b, c = draw(rng, 400, 1300), draw(rng, 1300, 300), draw(rng, 400, 300)
    f = ca.function([A, B, C], T.tanh(T.dot(A, B) / 8) + C)
    count, got = launches(f, a, b, c)
    np.testing.assert_allclose(got, np.tanh(a.astype("f8") @ b / 8) + c, rtol=1e-4, atol=1e-4)
    assert count > 2 or ctx.traits.kind != "cpu"


def test_a_gemm_takes_a_further_epilogue(ctx, rng):
    a, b, c = draw(rng, 30, 300), draw(rng, 300, 20), draw(rng, 30, 20)
    f = ca.function([A, B, C, x], T.tanh(gemm(A, B, C, alpha=0.5, beta=2) + x))
    bias = draw(rng, 20)
    count, got = launches(f, a, b, c, bias)
    np.testing.assert_allclose(got, np.tanh(0.5 * a.astype("f8") @ b + 2 * c + bias), rtol=1e-4, atol=1e-5)
    assert count == 1 or ctx.traits.kind != "cpu"


def test_integers_and_known_scalars(ctx, rng):
    i, j = T.imatrices("i", "j")
    count = T.iscalar("count")
    a, b = rng.integers(-9, 9, (15, 20)).astype("i4"), rng.integers(-9, 9, (20, 25)).astype("i4")
    f = ca.function([i, j, count], [T.dot(i, j) % 7 + count, T.zeros((count,))])
    got, zeros = f(a, b, 5)
    np.testing.assert_array_equal(got, (a @ b) % 7 + 5)
    assert zeros.shape == (5,)


def test_a_product_used_twice(ctx, rng):
    a, b = draw(rng, 30, 40), draw(rng, 40, 20)
    p = T.dot(A, B)
    f = ca.function([A, B], [T.tanh(p), p, p.sum(axis=0), T.dot(p, B.T)])
    h = a.astype("f8") @ b
    for got, want in zip(f(a, b), [np.tanh(h), h, h.sum(0), h @ b.T], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("activation", [T.tanh, T.nnet.relu])
def test_gradients_of_a_perceptron(ctx, rng, activation):
    """Fewer launches than unfused, the same gradients."""
    weights = [T.fmatrix(f"w{k}") for k in range(3)]
    biases = [T.fvector(f"b{k}") for k in range(3)]
    h = A
    for w, b in zip(weights, biases):
        h = activation(T.dot(h, w) + b)
    gradients = T.grad(((h - C) ** 2).mean(), [*weights, *biases])
    data = [
        draw(rng, 33, 20),
        draw(rng, 33, 20),
        *(draw(rng, 20, 20) for _ in weights),
        *(draw(rng, 20) for _ in biases),
    ]
    counts, results = [], []
    for mode in ("FAST_RUN", "FAST_COMPILE"):
        f = ca.function([A, C, *weights, *biases], gradients, mode=mode)
        count, result = launches(f, *data)
        counts.append(count)
        results.append(result)
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)
    assert counts[0] < counts[1] / 2
