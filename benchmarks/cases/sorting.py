"""Sorting beside NumPy's quicksort in vectors, torch and JAX."""

from __future__ import annotations

from math import prod

import clarray as ca

from ..harness import Bench, case

SIZE = 1 << 22
FEW = 64


def sorted_rows(title, shape, goal=None):
    """The case of a sort along the last axis; what moves at least is read and written once."""

    @case(f"sort{title} float32", nbytes=8 * prod(shape), goal=goal)
    def prepare(bench: Bench):
        x = bench.draw(*shape)
        a = ca.asarray(x)
        formulas = {
            "NumPy": lambda np, x: np.sort(x),
            "torch": lambda torch, x: torch.sort(x)[0],
            "JAX": lambda jnp, x: jnp.sort(x),
        }
        return {"ours": lambda: ca.sort(a).sync(), **bench.beside(formulas, x)}


sorted_rows(", 1,000", (1000,))
sorted_rows(", 100,003", (100_003,))
sorted_rows(", 4M", (SIZE,), ("NumPy", 1.0, "cpu"))
sorted_rows(" of rows, 4096 x 1024", (4096, 1024), ("NumPy", 1.0, "cpu"))
sorted_rows(" of rows, 300,007 x 7", (300_007, 7))


@case("argsort, 4M float32", nbytes=12 * SIZE, goal=("NumPy", 1.0, "cpu"))
def argsort(bench: Bench):
    x = bench.draw(SIZE)
    a = ca.asarray(x)
    formulas = {
        "NumPy": lambda np, x: np.argsort(x),
        "torch": lambda torch, x: torch.argsort(x),
        "JAX": lambda jnp, x: jnp.argsort(x),
    }
    return {"ours": lambda: ca.argsort(a).sync(), **bench.beside(formulas, x)}


@case("topk 64 of 4M float32", nbytes=4 * SIZE, goal=("NumPy", 0.5, "cpu"))
def topk(bench: Bench):
    """NumPy's is a partition, whose part is then sorted."""
    x = bench.draw(SIZE)
    a, few = ca.asarray(x), min(FEW, x.size // 2)

    def jax(jnp, x):
        from jax import lax

        return lax.top_k(x, few)[0]

    formulas = {
        "NumPy": lambda np, x: np.sort(x[np.argpartition(x, x.size - few)[x.size - few :]])[::-1],
        "torch": lambda torch, x: torch.topk(x, few)[0],
        "JAX": jax,
    }
    return {"ours": lambda: ca.topk(a, few)[0].sync(), **bench.beside(formulas, x)}
