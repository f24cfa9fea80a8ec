"""Large graphs: compiled in time that grows with their size, without recursion, with few kernels."""

from __future__ import annotations

import time

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T


def chain(nodes):
    """A product, then elementwise operations, again and again."""
    x, w = T.fmatrix("x"), ca.shared(np.eye(4, dtype="f") / 2, "w")
    h = x
    for k in range(nodes):
        h = T.dot(h, w) if k % 10 == 0 else T.tanh(h) if k % 3 == 0 else h * 0.9 if k % 3 == 1 else h + 0.1
    return x, h.sum(), [w]


def wide(nodes):
    """Many terms of one input, each with constants of its own, and a tree of sums."""
    x, ws = T.fmatrix("x"), [ca.shared(np.full((4, 4), 0.1, "f"), f"w{k}") for k in range(6)]
    parts = [
        T.tanh(T.dot(x, ws[k % 6]) * 0.5 + float(k)) if k % 50 == 0 else T.exp(-abs(x * (0.1 + k) + ws[k % 6]))
        for k in range(nodes // 5)
    ]
    while len(parts) > 1:
        parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) // 2 * 2 :]
    return x, parts[0].sum(), ws


def compiled(make, nodes):
    """The function of a cost with updates, and the seconds of the processor that gradient and function took."""
    x, cost, ws = make(nodes)
    began = time.process_time()
    updates = [(w, w - 0.1 * g) for w, g in zip(ws, T.grad(cost, ws), strict=True)]
    f = ca.function([x], cost, updates=updates)
    return f, time.process_time() - began


@pytest.mark.parametrize("make", [chain, wide])
def test_time_grows_with_the_size(any_ctx, make):
    compiled(make, 50)
    small = min(compiled(make, 500)[1] for _ in range(2))
    _, large = compiled(make, 4000)
    assert large < 8 * 3 * small


def test_ten_thousand_nodes_compile(any_ctx):
    f, spent = compiled(chain, 10_000)
    assert len(f.maker.fgraph.toposort()) > 4000
    assert spent < 60  # some seconds, on a machine that has nothing else to do


def test_a_long_chain_has_the_right_value(any_ctx):
    f, _ = compiled(chain, 1500)
    data = np.linspace(-1, 1, 12, dtype="f").reshape(3, 4)
    h, w = data.astype("d"), np.eye(4) / 2
    for k in range(1500):
        h = h @ w if k % 10 == 0 else np.tanh(h) if k % 3 == 0 else h * 0.9 if k % 3 == 1 else h + 0.1
    np.testing.assert_allclose(f(data), h.sum(), rtol=1e-4)


def test_kernels_that_differ_in_constants_are_one(any_ctx, rng):
    x = T.fvector("x")
    parts = [T.tanh(T.exp(-abs(x[k] * 0.25 - k)) * (k + 1.5)).sum() * x for k in range(12)]
    f = ca.function([x], [(part * float(k + 2)).sum().transfer(None) for k, part in enumerate(parts)])
    data = rng.normal(size=12).astype("f")
    bodies = {step.body for step in f._schedule.steps if step.body is not None}
    assert len(bodies) <= 6
    d = data.astype("d")
    for k, got in enumerate(f(data)):
        wanted = (np.tanh(np.exp(-abs(d[k] * 0.25 - k)) * (k + 1.5)) * d * (k + 2)).sum()
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_unrolled_loops_build_few_kernels(any_ctx, rng):
    x = T.fmatrix("x")
    h = x
    for k in range(20):
        h = T.tanh(T.dot(h, x).sum(0) * (0.1 + k) - float(k)) + x
    f = ca.function([x], h)
    data = rng.uniform(-0.1, 0.1, (3, 3)).astype("f")
    before = ca.stats().builds
    got = f(data)
    assert ca.stats().builds - before <= 8
    h = d = data.astype("d")
    for k in range(20):
        h = np.tanh((h @ d).sum(0) * (0.1 + k) - k) + d
    np.testing.assert_allclose(got, h, rtol=1e-4, atol=1e-5)


def test_constants_keep_their_bits(any_ctx):
    x = T.fvector("x")
    values = [0.0, -0.0, np.inf, -np.inf, 1e-30, 3.5, float("nan"), 1 / 3]
    h = [T.exp(T.tanh(x.sum()) * 0) * np.float32(v) + x.sum(keepdims=True)[0] * 0 for v in values]
    results = ca.function([x], h)(np.ones(2, "f"))
    for got, v in zip(results, values, strict=True):
        np.testing.assert_equal(np.float32(got), np.float32(v) + np.float32(0))


@pytest.mark.parametrize("shape", ["chain", "wide"])
def test_long_kernels_that_differ_in_constants_are_one(any_ctx, shape):
    x = T.fvector("x")
    outputs, h = [], x
    for k in range(300):
        h = (abs(h) if shape == "chain" else abs(x)) - np.float32(k)
        outputs.append(h)
    f = ca.function([x], h if shape == "chain" else outputs)
    assert len({step.body for step in f._schedule.steps}) <= 3
    data = np.linspace(-1, 1, 3, dtype="f")
    if shape == "wide":
        np.testing.assert_array_equal(f(data), [abs(data) - np.float32(k) for k in range(300)])
        return
    h = data
    for k in range(300):
        h = abs(h) - np.float32(k)
    np.testing.assert_array_equal(f(data), h)
