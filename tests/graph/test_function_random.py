"""Random graphs: whatever is fused, stored or computed again, results are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T

N = 4  # every axis, so that any two values broadcast

UNARY = [
    (T.tanh, np.tanh),
    (lambda x: -x, lambda x: -x),
    (lambda x: x * 0.5, lambda x: x * 0.5),
    (T.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
]
BINARY = [(lambda x, y: x + y, np.add), (lambda x, y: x * y * 0.5, lambda x, y: x * y * 0.5), (T.maximum, np.maximum),
          (lambda x, y: T.switch(x > y, x, y * 0.25), lambda x, y: np.where(x > y, x, y * 0.25))]  # fmt: skip


def grow(rng, pairs, count):
    """Append `count` random values, each a variable with its NumPy value, to `pairs`."""
    for _ in range(count):
        (x, a), (y, b) = (pairs[max(len(pairs) - 1 - int(rng.exponential(6)), 0)] for _ in range(2))
        kind = rng.integers(0, 10)
        if kind < 3:
            f, g = UNARY[rng.integers(len(UNARY))]
            new = f(x), g(a)
        elif kind < 7:
            f, g = BINARY[rng.integers(len(BINARY))]
            new = f(x, y), g(a, b)
        elif kind == 7 and x.ndim:
            axis, keep = int(rng.integers(x.ndim)), bool(rng.integers(2))
            new = x.mean(axis=axis, keepdims=keep), a.mean(axis=axis, keepdims=keep)
        elif (
            kind == 8
            and x.ndim == 2
            and y.ndim >= 1
            and x.broadcastable == (False, False)
            and y.broadcastable[0] is False
        ):
            new = T.dot(x, y) * 0.25, (a @ b) * 0.25
        elif x.ndim:
            new = (x.T[::-1], a.T[::-1]) if rng.integers(2) else (x.dimshuffle(*range(x.ndim)), a)
            if new[0].ndim == 1 and rng.integers(2):
                new = new[0].dimshuffle("x", 0), new[1][None]
        else:
            new = T.second(pairs[0][0], x), np.broadcast_to(a, pairs[0][1].shape)
        if new[0].ndim <= 2:
            pairs.append(new)
    return pairs


@pytest.mark.parametrize("size", [12, 30])
def test_values(any_ctx, rng, size):
    leaves = [("m", (N, N)), ("n", (N, N)), ("v", (N,)), ("s", ()), ("r", (1, N)), ("c", (N, 1))]
    data = [rng.uniform(-1, 1, shape).astype("float32") for _, shape in leaves]
    xs = [T.tensor("float32", tuple(k == 1 for k in shape), name) for name, shape in leaves]
    s = ca.shared(data[0])
    pairs = grow(rng, [*zip(xs, (d.astype("float64") for d in data)), (s, data[0].astype("float64"))], size)
    chosen = [pairs[k] for k in rng.choice(len(pairs), 4, replace=False)] + pairs[-2:]
    for mode in ("FAST_RUN", "FAST_COMPILE"):
        s.set_value(data[0])
        update = [(s, T.tanh(s + x)) for x, _ in chosen if x.type == s.type][:1]
        f = ca.function(xs, [x for x, _ in chosen], updates=update, mode=mode, on_unused_input="ignore")
        for _ in range(2):  # the second call is the warm one
            s.set_value(data[0])
            for got, (x, want) in zip(f(*data), chosen, strict=True):
                np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5, err_msg=f"{mode}: {ca.pp(x)}"[:2000])


@pytest.mark.parametrize("size", [15])
def test_gradients_of_both_modes_agree(any_ctx, rng, size):
    xs = [T.matrix("m"), T.vector("v"), T.row("r"), T.scalar("s")]
    data = [rng.uniform(-1, 1, shape).astype("float32") for shape in ((N, N), (N,), (1, N), ())]
    pairs = grow(rng, list(zip(xs, (d.astype("float64") for d in data))), size)
    cost = sum((x * x).mean() for x, _ in pairs[-6:])
    gradients = T.grad(cost, xs, disconnected_inputs="ignore")
    a, b = (ca.function(xs, gradients, mode=m, on_unused_input="ignore")(*data) for m in ("FAST_RUN", "FAST_COMPILE"))
    for x, g, h in zip(xs, a, b, strict=True):
        np.testing.assert_allclose(g, h, rtol=1e-3, atol=1e-4, err_msg=str(x))
        assert g.shape == data[xs.index(x)].shape
