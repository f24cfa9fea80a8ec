"""Elementwise kernels: how near to the device's bandwidth."""

from __future__ import annotations

from functools import partial

import numpy as np

import clarray as ca

from ..harness import Bench, Skip, case
from ..raw import ELEMENTS

SIDE = 4096  # SIDE * SIDE elements are ELEMENTS
BYTES = 4 * ELEMENTS


def added(bench: Bench, x, y):
    """x + y of two views: (ours, NumPy's)."""
    a, b = view_of(x), view_of(y)
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), np.float32)
    return {
        "ours": lambda: (a + b).sync(),
        "NumPy": lambda: x + y,
        "raw": bench.raw.best_add(),
        "NumPy out=": partial(np.add, x, y, out=out),
        **peers(bench, x, y),
    }


def view_of(x):
    """A device array with the same strides."""
    base = x if x.base is None else x.base
    return ca.asarray(base).T if x.flags.f_contiguous and not x.flags.c_contiguous else ca.asarray(x)


def peers(bench: Bench, x, y):
    found = {}
    if torch := bench.peer("torch"):
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        found["torch"] = lambda: s + t
    if numexpr := bench.peer("numexpr"):
        found["numexpr"] = lambda: numexpr.evaluate("x + y", {"x": x, "y": y})
    if jnp := bench.peer("jax.numpy"):
        u, v = jnp.asarray(x), jnp.asarray(y)
        found["JAX"] = lambda: (u + v).block_until_ready()
    if (array := bench.peer("pyopencl.array")) and x.shape == y.shape and x.flags.c_contiguous and y.flags.c_contiguous:
        queue = bench.context.queue
        p, q = array.to_device(queue, x), array.to_device(queue, y)

        def pyopencl():
            p + q
            queue.finish()

        found["pyopencl.array"] = pyopencl
    return found


@case("a + b, 16M float32", nbytes=3 * BYTES, goal=("raw", 1 / 0.9))
def contiguous(bench: Bench):
    return added(bench, bench.draw(ELEMENTS), bench.draw(ELEMENTS))


@case("a.T + b.T, 4096 x 4096", nbytes=3 * BYTES, goal=("raw", 1 / 0.9))
def transposed(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE).T, bench.draw(SIDE, SIDE).T)


@case("a + row, 4096 x 4096", nbytes=2 * BYTES, goal=("raw", 1 / 0.7))
def row_broadcast(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE), bench.draw(SIDE))


@case("a + column, 4096 x 4096", nbytes=2 * BYTES, goal=("raw", 1 / 0.7))
def column_broadcast(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE), bench.draw(SIDE, 1))


@case("a + b.T, 4096 x 4096", nbytes=3 * BYTES)
def mixed_orders(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE), bench.draw(SIDE, SIDE).T)


@case("a.T.copy('C'), 4096 x 4096", nbytes=2 * BYTES)
def transpose(bench: Bench):
    x = bench.draw(SIDE, SIDE)
    a = ca.asarray(x)
    found = {"ours": lambda: a.T.copy("C").sync(), "NumPy": lambda: x.T.copy("C")}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: t.T.contiguous()
    return found


@case("exp of 230,400", nbytes=8 * 230_400)
def exponential(bench: Bench):
    x = bench.draw(230_400)
    a = ca.asarray(x)
    found = {"ours": lambda: ca.exp(a).sync(), "NumPy": lambda: np.exp(x)}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: torch.exp(t)
    return found


@case("tanh(a*b + 1) * exp(-a), 16M, function", nbytes=3 * BYTES)
def fused(bench: Bench):
    if not hasattr(ca, "function"):
        raise Skip("no clarray.function yet")
    import clarray.tensor as T

    x, y = bench.draw(ELEMENTS), bench.draw(ELEMENTS)
    a, b = ca.asarray(x), ca.asarray(y)
    s, t = T.vectors("s", "t")
    f = ca.function([s, t], (T.tanh(s * t + 1) * T.exp(-s)).transfer(None))
    found = {"ours": lambda: f(a, b).sync(), "NumPy": lambda: np.tanh(x * y + 1) * np.exp(-x)}
    if numexpr := bench.peer("numexpr"):
        found["numexpr"] = lambda: numexpr.evaluate("tanh(x * y + 1) * exp(-x)", {"x": x, "y": y})
    return found
