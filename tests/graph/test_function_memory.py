"""Memory of functions: blocks go back to the pool after their last use; elementwise results take dying operands'."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.running.liveness import ordered

N = 512
UNIT = 4 * N * N  # bytes of one matrix
ALLOWED = 1.2

X = T.fmatrix("X")


@pytest.fixture
def peak(ctx, monkeypatch):
    """What tells how many units a call of a function needs at most, besides what the process holds anyway."""
    highest = 0
    allocate = ctx.memory.allocate

    def watched(nbytes):
        nonlocal highest
        block = allocate(nbytes)
        highest = max(highest, ca.memory_stats(ctx.device.place).in_use)
        return block

    monkeypatch.setattr(ctx.memory, "allocate", watched)

    def measure(f, *args):
        nonlocal highest
        f(*args)  # binds it, and puts constants on the device
        held = highest = ca.memory_stats(ctx.device.place).in_use
        f(*args)
        return (highest - held) / UNIT

    return measure


def matrix(rng):
    return (rng.standard_normal((N, N)) / N**0.5).astype("f4")


def test_chain_of_products(ctx, rng, peak):
    """Two products are alive at a time: one is read while the next is written; X is the caller's."""
    h = X
    for _ in range(6):
        h = T.dot(h, X)
    f = ca.function([X], h.transfer(None))
    assert peak(f, ca.asarray(matrix(rng))) + 1 <= ALLOWED * (2 + 1)


def test_chain_with_elementwise_breaks(ctx, rng, peak):
    """tanh(h @ X + column sums of h) overwrites nothing that is needed: h, the product, and vectors."""
    h = X
    for _ in range(5):
        h = T.tanh(T.dot(h, X) + h.sum(axis=0))
        h = h * h.sum(axis=1, keepdims=True) + h  # in the place of h
    f = ca.function([X], h.transfer(None))
    assert peak(f, ca.asarray(matrix(rng))) + 1 <= ALLOWED * (2 + 1)


def test_an_elementwise_result_takes_the_place_of_what_dies(ctx, rng, peak):
    h = X
    for k in range(4):
        h = T.exp(h - h.max(axis=0)) * (k + 0.5)  # a reduction keeps the steps apart
    f = ca.function([X], h.transfer(None))
    given = ca.asarray(matrix(rng))
    assert peak(f, given) <= ALLOWED
    want = given.numpy().astype("f8")
    kept = want.copy()
    for k in range(4):
        want = np.exp(want - want.max(0)) * (k + 0.5)
    np.testing.assert_allclose(f(given).numpy(), want, rtol=1e-4)
    np.testing.assert_array_equal(given.numpy(), kept.astype("f4"))  # what the caller has is left alone


def test_perceptron_with_gradients(ctx, rng, peak):
    """Ten layers: at most ten matrices wait for their gradients, beside new weights and one more gradient."""
    layers = 10
    weights = [ca.shared(matrix(rng)) for _ in range(layers)]
    biases = [ca.shared(np.zeros(N, "f4")) for _ in range(layers)]
    h = X
    for w, b in zip(weights, biases):
        h = T.tanh(T.dot(h, w) + b)
    cost = (h**2).mean()
    changes = [(p, p - 0.1 * g) for p, g in zip(weights + biases, T.grad(cost, weights + biases))]
    f = ca.function([X], [], updates=changes)
    resident = layers + 1  # weights and X
    assert peak(f, ca.asarray(matrix(rng))) + resident <= ALLOWED * (layers + 2 + resident)


def test_an_uploaded_argument_goes_after_its_last_use(ctx, rng, peak):
    """An ndarray's copy on the device is not kept while the rest runs."""
    h = T.tanh(X)
    for _ in range(3):
        h = T.dot(h, h)
    f = ca.function([X], h.transfer(None))
    data = matrix(rng)
    assert peak(f, data) < 3  # two and a half; with the copy it would be one more


HARD = {
    "read twice, the second time turned": lambda h: h + h.T,
    "a view of it is read later": lambda h: (h * 2) * h.T.sum(axis=0),
    "a part of it": lambda h: h[: N // 4] + 1,
    "the result is another dtype": lambda h: T.gt(h, 0) * 2.0,
    "two results": lambda h: [h + 1, h * 2],
    "also a result": lambda h: [h, h + 1],
    "a view of it is a result": lambda h: [h.T, h + 1],
    "reversed": lambda h: h[::-1] * 2 + h,
    "reversed alone": lambda h: T.exp(h[::-1]),
    "turned alone": lambda h: T.exp(h.T) + 1,
}


@pytest.mark.parametrize("name", HARD)
def test_what_is_still_needed_is_not_overwritten(ctx, rng, name):
    x = T.fmatrix("x")
    h = T.dot(x, x).sum(axis=0) + x[::-1]  # made in this call
    made = T.cumsum(h, axis=0) if hasattr(T, "cumsum") else T.dot(h, h)
    outputs = HARD[name](made)
    data = (rng.standard_normal((64, 64)) / 8).astype("f4")
    fused, plain = (ca.function([x], outputs, mode=mode) for mode in ("FAST_RUN", "FAST_COMPILE"))
    for _ in range(2):
        got, want = fused(data), plain(data)
        for g, w in zip(got, want, strict=True) if isinstance(got, list) else [(got, want)]:
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-4)


def test_order(any_ctx):
    """A step that frees its operand comes at once; every step comes after those it depends on."""
    x = T.fmatrix("x")
    h = [T.exp(x)]
    for _ in range(5):
        h.append(T.dot(h[-1], x))
    sums = [(a * a).sum() for a in h]
    f = ca.function([x], [h[-1], *sums])
    steps = f._schedule.steps
    sizes = {v: 4 if v.ndim == 0 else 4000 for s in steps for v in s.outputs}
    order = ordered(steps, f._schedule.outputs, sizes)
    assert sorted(map(id, order)) == sorted(map(id, steps))
    place = {v: k for k, s in enumerate(order) for v in s.outputs}
    for k, step in enumerate(order):
        assert all(place.get(v, -1) < k for v in step.inputs)
    reduces = [k for k, s in enumerate(order) if s.kind == "reduce"]
    assert all(place[order[k].inputs[0]] == k - 1 for k in reduces)
