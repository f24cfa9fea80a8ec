"""Elementwise kernels: how near to the device's bandwidth, at every size, stride and dtype."""

from __future__ import annotations

import numpy as np

import clarray as ca
import clarray.tensor as T

from ..harness import COPY, Bench, case
from ..raw import ELEMENTS

SIDE = 4096  # SIDE * SIDE elements are ELEMENTS
BYTES = 4 * ELEMENTS
TIMES = 1000
LIBRARIES = ("NumPy", "torch", "JAX")
COPIED = (COPY, 1 / 0.9, "gpu")  # for cases that move as much as the copy or more: its launch and wait count in it


def view_of(x):
    """A device array with the same strides."""
    base = x if x.base is None else x.base
    return ca.asarray(base).T if x.flags.f_contiguous and not x.flags.c_contiguous else ca.asarray(x)


def same(formula, *names):
    """One formula for several peers."""
    return dict.fromkeys(names or LIBRARIES, formula)


def added(bench: Bench, x, y):
    """x + y of two views, beside everybody."""
    a, b = view_of(x), view_of(y)
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), x.dtype)
    formulas = same(lambda xp, x, y: x + y)
    formulas["numexpr"] = lambda numexpr, x, y: numexpr.evaluate("x + y", {"x": x, "y": y})
    if x.shape == y.shape and x.ndim == 1 and x.size <= ELEMENTS:  # it takes 4 seconds for 64M
        formulas["pyopencl.array"] = formulas["NumPy"]
    found = {
        "ours": lambda: (a + b).sync(),
        "NumPy out=": lambda: np.add(x, y, out=out),
        **bench.beside(formulas, x, y),
    }
    if x.dtype == np.float32 and out.size == ELEMENTS:
        found["raw"] = bench.raw.best_add()
    return found


# sizes


def sized(label, size, goal=None):
    @case(f"a + b, {label} float32", nbytes=12 * size, flops=size if size >= ELEMENTS else 0, goal=goal)
    def prepare(bench: Bench):
        return added(bench, bench.draw(size), bench.draw(size))


sized("10", 10)
sized("1,000", 1000)
sized("100,003", 100_003)
sized("1M", 1 << 20)
sized("16M", ELEMENTS, [("NumPy out=", 1.05, "cpu"), ("raw", 1 / 0.9), COPIED])
sized("64M", 4 * ELEMENTS, COPIED)


@case("a + b, 16M float64", nbytes=6 * BYTES, goal=COPIED)
def doubles(bench: Bench):
    bench.needs_fp64()
    return added(bench, bench.draw(ELEMENTS, dtype="float64"), bench.draw(ELEMENTS, dtype="float64"))


@case("a + b, 16M float16", nbytes=3 * BYTES // 2)
def halves(bench: Bench):
    x, y = (bench.draw(ELEMENTS, dtype="float16") for _ in range(2))
    a, b = ca.asarray(x), ca.asarray(y)
    return {"ours": lambda: (a + b).sync(), **bench.beside(same(lambda xp, x, y: x + y), x, y)}


@case("a + b, 16M int32", nbytes=3 * BYTES, goal=COPIED)
def integers(bench: Bench):
    x, y = (bench.rng.integers(-1000, 1000, bench.extent(ELEMENTS), dtype=np.int32) for _ in range(2))
    return added(bench, x, y)


# memory orders


@case("a.T + b.T, 4096 x 4096", nbytes=3 * BYTES, goal=[("raw", 1 / 0.9), COPIED])
def transposed(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE).T, bench.draw(SIDE, SIDE).T)


@case("a + row, 4096 x 4096", nbytes=2 * BYTES, goal=[("raw", 1 / 0.7), COPIED])
def row_broadcast(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE), bench.draw(SIDE))


@case("a + column, 4096 x 4096", nbytes=2 * BYTES, goal=[("raw", 1 / 0.7), COPIED])
def column_broadcast(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE), bench.draw(SIDE, 1))


@case("column + row, 4096 x 4096", nbytes=BYTES)
def outer(bench: Bench):
    return added(bench, bench.draw(SIDE, 1), bench.draw(SIDE))


@case("a + b.T, 4096 x 4096", nbytes=3 * BYTES)
def mixed_orders(bench: Bench):
    return added(bench, bench.draw(SIDE, SIDE), bench.draw(SIDE, SIDE).T)


@case("a + row, 1,000,003 x 3", nbytes=8 * 3_000_009)
def skinny(bench: Bench):
    return added(bench, bench.draw(1_000_003, 3), bench.draw(3))


@case("a + column, 3 x 1,000,003", nbytes=8 * 3_000_009)
def flat(bench: Bench):
    return added(bench, bench.draw(3, 1_000_003), bench.draw(3, 1))


@case("a[::2] + b[1::2], 16M", nbytes=5 * BYTES // 2)
def strided(bench: Bench):
    """Every second element: whole cache lines of both are read."""
    x, y = bench.draw(ELEMENTS), bench.draw(ELEMENTS)
    a, b = ca.asarray(x), ca.asarray(y)
    formulas = same(lambda xp, x, y: x[::2] + y[1::2])
    return {"ours": lambda: (a[::2] + b[1::2]).sync(), **bench.beside(formulas, x, y)}


@case("a[1:-1, 1:-1] + b[1:-1, 1:-1], 4095 x 4097", nbytes=12 * 4093 * 4095)
def inner(bench: Bench):
    x, y = bench.draw(4095, 4097), bench.draw(4095, 4097)
    a, b = ca.asarray(x), ca.asarray(y)
    formulas = same(lambda xp, x, y: x[1:-1, 1:-1] + y[1:-1, 1:-1])
    return {"ours": lambda: (a[1:-1, 1:-1] + b[1:-1, 1:-1]).sync(), **bench.beside(formulas, x, y)}


@case("a.T.copy('C'), 4096 x 4096", nbytes=2 * BYTES, goal=("torch", 0.4, "cpu"))
def transpose(bench: Bench):
    x = bench.draw(SIDE, SIDE)
    a = ca.asarray(x)
    formulas = {
        "NumPy": lambda np, x: x.T.copy("C"),
        "torch": lambda torch, x: x.T.contiguous(),
        "JAX": lambda jnp, x: x.T.copy(),
    }
    return {"ours": lambda: a.T.copy("C").sync(), **bench.beside(formulas, x)}


@case("a.T.copy('C'), 1,000,003 x 3", nbytes=8 * 3_000_009)
def transpose_skinny(bench: Bench):
    x = bench.draw(1_000_003, 3)
    a = ca.asarray(x)
    formulas = {"NumPy": lambda np, x: x.T.copy("C"), "torch": lambda torch, x: x.T.contiguous()}
    return {"ours": lambda: a.T.copy("C").sync(), **bench.beside(formulas, x)}


# functions


@case("exp of 230,400", nbytes=8 * 230_400)
def exponential(bench: Bench):
    x = bench.draw(230_400)
    a = ca.asarray(x)
    return {"ours": lambda: ca.exp(a).sync(), **bench.beside(same(lambda xp, x: xp.exp(x)), x)}


@case("exp of 230,400, 1000 times", nbytes=8 * 230_400 * TIMES, goal=("torch", 0.8, "cpu"))
def exponentials(bench: Bench):
    """Results stay on the device, and only the last is waited for, as in Theano's own test of a GPU."""
    x = bench.draw(230_400)
    a = ca.asarray(x)

    def again(exp, x):
        for _ in range(TIMES):
            result = exp(x)
        return result

    formulas = same(lambda xp, x: again(xp.exp, x))
    return {"ours": lambda: again(ca.exp, a).sync(), **bench.beside(formulas, x, jit=False)}


@case("exp of 16M float64", nbytes=4 * BYTES, goal=COPIED)
def exponential_doubles(bench: Bench):
    bench.needs_fp64()
    x = bench.draw(ELEMENTS, dtype="float64")
    a = ca.asarray(x)
    return {"ours": lambda: ca.exp(a).sync(), **bench.beside(same(lambda xp, x: xp.exp(x)), x)}


@case("where(c, a, b), 16M", nbytes=3 * BYTES + ELEMENTS, goal=COPIED)
def chosen(bench: Bench):
    x, y = bench.draw(ELEMENTS), bench.draw(ELEMENTS)
    c = x > y
    a, b, d = (ca.asarray(v) for v in (x, y, c))
    return {
        "ours": lambda: ca.where(d, a, b).sync(),
        **bench.beside(same(lambda xp, c, x, y: xp.where(c, x, y)), c, x, y),
    }


@case("a > b, 16M", nbytes=2 * BYTES + ELEMENTS, goal=COPIED)
def compared(bench: Bench):
    x, y = bench.draw(ELEMENTS), bench.draw(ELEMENTS)
    a, b = ca.asarray(x), ca.asarray(y)
    return {"ours": lambda: (a > b).sync(), **bench.beside(same(lambda xp, x, y: x > y), x, y)}


def cast(source, target, size=ELEMENTS):
    nbytes = size * (np.dtype(source).itemsize + np.dtype(target).itemsize)

    @case(f"astype {source} to {target}, 16M", nbytes=nbytes)
    def prepare(bench: Bench):
        bench.needs_fp64(source)
        bench.needs_fp64(target)
        x = (100 * bench.draw(size)).astype(source)
        a = ca.asarray(x)
        formulas = {
            "NumPy": lambda np, x: x.astype(target),
            "torch": lambda torch, x: x.to(getattr(torch, target)),
            "JAX": lambda jnp, x: x.astype(target),
        }
        return {"ours": lambda: a.astype(target).sync(), **bench.beside(formulas, x)}


cast("float32", "float64")
cast("float32", "float16")
cast("float32", "int32")
cast("uint8", "float32")


# fused


def several(label, size, goal=None):
    @case(f"tanh(a*b + 1) * exp(-a), {label}, function", nbytes=12 * size, goal=goal)
    def prepare(bench: Bench):
        x, y = bench.draw(size), bench.draw(size)
        a, b = ca.asarray(x), ca.asarray(y)
        s, t = T.vectors("s", "t")
        f = ca.function([s, t], (T.tanh(s * t + 1) * T.exp(-s)).transfer(None))
        formulas = same(lambda xp, x, y: xp.tanh(x * y + 1) * xp.exp(-x))
        formulas["numexpr"] = lambda numexpr, x, y: numexpr.evaluate("tanh(x * y + 1) * exp(-x)", {"x": x, "y": y})
        found = {"ours": lambda: f(a, b).sync(), **bench.beside(formulas, x, y)}
        if x.size == ELEMENTS:
            found["raw"] = bench.raw.best_tanh(x, y)
        return found


several("1,000", 1000)
several("1M", 1 << 20)
several("16M", ELEMENTS, [("JAX", 0.4, "cpu"), ("raw", 1.3), COPIED])


@case("a*b + c in place, 16M, function", nbytes=4 * BYTES, goal=COPIED)
def updated(bench: Bench):
    """A shared variable's update, beside NumPy with out= and torch in place."""
    x, y, z = (bench.draw(ELEMENTS) for _ in range(3))
    a, b = ca.asarray(x), ca.asarray(y)
    total = ca.shared(z)
    s, t = T.vectors("s", "t")
    f = ca.function([s, t], updates=[(total, total * 0.5 + s * t)])

    def ours():
        f(a, b)
        f.sync_shared()
        return total.get_value(borrow=True, return_internal_type=True)

    def numpy(np, x, y, z, product):
        np.multiply(x, y, out=product)
        np.multiply(z, np.float32(0.5), out=z)
        return np.add(z, product, out=z)

    def torch(torch, x, y, z):
        return z.mul_(0.5).addcmul_(x, y)

    return {
        "ours": ours,
        **bench.beside({"torch": torch}, x, y, z.copy()),  # torch works in the ndarray's memory
        **bench.beside({"NumPy": numpy}, x, y, z, np.empty_like(x)),
    }
