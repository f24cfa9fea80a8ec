"""Cumulative sums: of one long row, and along each axis of a matrix."""

from __future__ import annotations

import clarray as ca

from ..harness import Bench, case

SIZE = 1 << 24
BYTES = 2 * 4 * SIZE


def cumulative(bench: Bench, shape: tuple[int, ...], axis: int):
    x = bench.draw(*shape)
    a = ca.asarray(x)
    formulas = {
        "NumPy": lambda np, x: np.cumsum(x, axis),
        "torch": lambda torch, x: torch.cumsum(x, axis),
        "JAX": lambda jnp, x: jnp.cumsum(x, axis),
    }
    return {"ours": lambda: ca.cumulative_sum(a, axis=axis).sync(), **bench.beside(formulas, x)}


@case("cumulative sum, 16M", nbytes=BYTES, goal=("torch", 0.3))
def one_row(bench: Bench):
    return cumulative(bench, (SIZE,), 0)


@case("cumulative sum axis 0, 4096 x 4096", nbytes=BYTES, goal=("torch", 0.3))
def first(bench: Bench):
    return cumulative(bench, (4096, 4096), 0)


@case("cumulative sum axis 1, 4096 x 4096", nbytes=BYTES, goal=("torch", 0.3))
def last(bench: Bench):
    return cumulative(bench, (4096, 4096), 1)
