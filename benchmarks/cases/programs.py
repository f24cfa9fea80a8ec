"""Whole programs, as users write them."""

from __future__ import annotations

import numpy as np

import clarray as ca
import clarray.tensor as T

from ..harness import Bench, Skip, case

EXAMPLES, FEATURES, STEPS, RATE, DECAY = 400, 784, 100, 0.1, 0.01


def training(start):
    """The weights, a shared variable that begins at `start`, and the compiled step that updates them and the bias."""
    features, labels = T.fmatrix(), T.fvector()
    w, b = ca.shared(start, name="w"), ca.shared(np.float32(0), name="b")
    p = 1 / (1 + T.exp(-T.dot(features, w) - b))
    cost = (-labels * T.log(p) - (1 - labels) * T.log(1 - p)).mean() + DECAY * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = ca.function([features, labels], updates=[(w, w - RATE * gw), (b, b - RATE * gb)])
    return w, train


@case("logistic regression, 400 x 784, 100 steps", goal=("NumPy", 0.9, "cpu"))
def logistic_regression(bench: Bench):
    """As in Theano's tutorial: gradients of the cross-entropy and a weight decay, and an update of both variables."""
    x, start = bench.draw(EXAMPLES, FEATURES), bench.draw(FEATURES)
    y = bench.rng.integers(0, 2, len(x)).astype(np.float32)
    w, train = training(start)
    u, v = ca.asarray(x), ca.asarray(y)

    def ours():
        w.set_value(start)
        for _ in range(STEPS):
            train(u, v)
        train.sync_shared()
        return w.get_value(borrow=True, return_internal_type=True)

    def by_hand(np, x, y, w):
        b = np.float32(0)
        for _ in range(STEPS):
            error = (1 / (1 + np.exp(-(x @ w) - b)) - y) / np.float32(len(x))
            w, b = w - RATE * (x.T @ error + 2 * DECAY * w), b - RATE * error.sum()
        return w

    def with_autograd(torch, x, y, start):
        w, b = start.clone().requires_grad_(), torch.zeros((), device=x.device, requires_grad=True)
        for _ in range(STEPS):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w + b, y) + DECAY * (w**2).sum()
            gw, gb = torch.autograd.grad(loss, (w, b))
            with torch.no_grad():
                w -= RATE * gw
                b -= RATE * gb
        return w.detach()

    found = {"ours": ours, **bench.beside({"NumPy": by_hand, "torch": with_autograd}, x, y, start)}
    if jnp := bench.peer("jax.numpy"):
        found["JAX"] = with_jit(jnp, *(jnp.asarray(v) for v in (x, y, start)))
    return found


@case("compile logistic regression, warm cache", goal=("seconds", 0.5))
def compile_logistic_regression(bench: Bench):
    """From the formula to the end of the first step, in a process that has built its kernels before."""
    if bench.small:
        raise Skip("what is measured is the compiling")
    x, start = bench.draw(EXAMPLES, FEATURES), bench.draw(FEATURES)
    u, v = ca.asarray(x), ca.asarray(bench.rng.integers(0, 2, len(x)).astype(np.float32))

    def ours():
        w, train = training(start)
        train(u, v)
        return w.get_value(borrow=True, return_internal_type=True)

    return {"ours": ours}


@case("compile 10,000 nodes", goal=("seconds", 20))
def compile_many_nodes(bench: Bench):
    """A chain of elementwise operations and products with its gradient, and the first call."""
    if bench.small:
        raise Skip("what is measured is the compiling")
    x, start = ca.asarray(bench.draw(8, 8)), np.eye(8, dtype=np.float32) / 2

    def ours():
        h, w = T.fmatrix(), ca.shared(start)
        inputs = [h]
        for k in range(10_000):
            h = T.dot(h, w) if k % 10 == 0 else T.tanh(h) if k % 3 == 0 else h * 0.9 if k % 3 == 1 else h + 0.1
        cost = h.sum()
        step = ca.function(inputs, cost.transfer(None), updates=[(w, w - RATE * T.grad(cost, w))])
        return step(x)

    return {"ours": ours}


def with_jit(jnp, x, y, start):
    """JAX's way: one compiled step, called again and again."""
    import jax

    def loss(w, b):
        z = x @ w + b
        return (jnp.logaddexp(0, z) - y * z).mean() + DECAY * (w**2).sum()

    @jax.jit
    def step(w, b):
        gw, gb = jax.grad(loss, (0, 1))(w, b)
        return w - RATE * gw, b - RATE * gb

    def train():
        w, b = start, jnp.float32(0)
        for _ in range(STEPS):
            w, b = step(w, b)
        return w.block_until_ready()

    return train
