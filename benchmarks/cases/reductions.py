"""Reductions over each axis and over all."""

from __future__ import annotations

from functools import partial

import clarray as ca

from ..harness import Bench, case

SIDE = 4096
BYTES = 4 * SIDE * SIDE


def reduced(bench: Bench, name: str, axis):
    x = bench.draw(SIDE, SIDE)
    a = ca.asarray(x)
    found = {"ours": lambda: getattr(a, name)(axis=axis).sync(), "NumPy": partial(getattr(x, name), axis=axis)}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: getattr(t, name)() if axis is None else getattr(t, name)(axis)
    if jnp := bench.peer("jax.numpy"):
        j = jnp.asarray(x)
        found["JAX"] = lambda: getattr(j, name)(axis=axis).block_until_ready()
    return found


@case("sum, 4096 x 4096", nbytes=BYTES)
def sum_all(bench: Bench):
    return reduced(bench, "sum", None)


@case("sum axis 0, 4096 x 4096", nbytes=BYTES)
def sum_first(bench: Bench):
    return reduced(bench, "sum", 0)


@case("sum axis 1, 4096 x 4096", nbytes=BYTES)
def sum_last(bench: Bench):
    return reduced(bench, "sum", 1)


@case("argmax axis 1, 4096 x 4096", nbytes=BYTES)
def argmax_last(bench: Bench):
    return reduced(bench, "argmax", 1)


@case("var axis 1, 4096 x 4096", nbytes=2 * BYTES)
def variance(bench: Bench):
    return reduced(bench, "var", 1)
