"""Reductions over each axis and over all."""

from __future__ import annotations

import clarray as ca

from ..harness import Bench, case

SIDE = 4096
BYTES = 4 * SIDE * SIDE
BEST = (("NumPy", "torch", "JAX"), 1.1)


def reduced(bench: Bench, name: str, axis, shape: tuple[int, ...] = (SIDE, SIDE)):
    x = bench.draw(*shape)
    a = ca.asarray(x)
    formulas = {
        "NumPy": lambda np, x: getattr(x, name)(axis=axis),
        "torch": lambda torch, x: getattr(x, name)() if axis is None else getattr(x, name)(axis),
        "JAX": lambda jnp, x: getattr(x, name)(axis=axis),
    }
    return {"ours": lambda: getattr(a, name)(axis=axis).sync(), **bench.beside(formulas, x)}


@case("sum, 4096 x 4096", nbytes=BYTES, flops=SIDE * SIDE, goal=BEST)
def sum_all(bench: Bench):
    return reduced(bench, "sum", None)


@case("sum axis 0, 4096 x 4096", nbytes=BYTES, flops=SIDE * SIDE, goal=BEST)
def sum_first(bench: Bench):
    return reduced(bench, "sum", 0)


@case("sum axis 1, 4096 x 4096", nbytes=BYTES, flops=SIDE * SIDE, goal=BEST)
def sum_last(bench: Bench):
    return reduced(bench, "sum", 1)


@case("argmax axis 1, 4096 x 4096", nbytes=BYTES, goal=BEST)
def argmax_last(bench: Bench):
    return reduced(bench, "argmax", 1)


@case("var axis 1, 4096 x 4096", nbytes=2 * BYTES)
def variance(bench: Bench):
    return reduced(bench, "var", 1)


@case("argmax axis 0, 4096 x 4096", nbytes=BYTES, goal=BEST)
def argmax_first(bench: Bench):
    return reduced(bench, "argmax", 0)


@case("max axis 0, 4096 x 4096", nbytes=BYTES, goal=(("NumPy", "JAX"), 1.1))
def max_first(bench: Bench):
    x = bench.draw(SIDE, SIDE)
    a = ca.asarray(x)
    formulas = {"NumPy": lambda np, x: x.max(axis=0), "JAX": lambda jnp, x: x.max(axis=0)}
    return {"ours": lambda: a.max(axis=0).sync(), **bench.beside(formulas, x)}


@case("sum axis 1, 64 x 1000 x 500", nbytes=4 * 64 * 1000 * 500, goal=BEST)
def sum_middle(bench: Bench):
    return reduced(bench, "sum", 1, (64, 1000, 500))


@case("sum axis 1, 1M x 8", nbytes=4 * 9_000_000, goal=BEST)
def sum_small_rows(bench: Bench):
    return reduced(bench, "sum", 1, (1_000_000, 8))


@case("argmax axis 1, 1M x 8", nbytes=40 * 1_000_000, goal=BEST)
def argmax_small_rows(bench: Bench):
    return reduced(bench, "argmax", 1, (1_000_000, 8))


@case("sum, 1 x 16M", nbytes=4 << 24, goal=BEST)
def sum_long_row(bench: Bench):
    return reduced(bench, "sum", 1, (1, 1 << 24))
