"""Sorting beside NumPy's quicksort in vectors, torch and JAX."""

from __future__ import annotations

import numpy as np

import clarray as ca

from ..harness import Bench, case

SIZE = 1 << 22
FEW = 64


@case("sort, 4M float32", goal=("NumPy", 1.0))
def sort(bench: Bench):
    x = bench.draw(SIZE)
    a = ca.asarray(x)
    found = {"ours": lambda: ca.sort(a).sync(), "NumPy": lambda: np.sort(x)}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: torch.sort(t)
    if jnp := bench.peer("jax.numpy"):
        j = jnp.asarray(x)
        found["JAX"] = lambda: jnp.sort(j).block_until_ready()
    return found


@case("argsort, 4M float32", goal=("NumPy", 1.0))
def argsort(bench: Bench):
    x = bench.draw(SIZE)
    a = ca.asarray(x)
    found = {"ours": lambda: ca.argsort(a).sync(), "NumPy": lambda: np.argsort(x)}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: torch.argsort(t)
    return found


@case("sort of rows, 4096 x 1024 float32", goal=("NumPy", 1.0))
def sort_rows(bench: Bench):
    x = bench.draw(4096, 1024)
    a = ca.asarray(x)
    found = {"ours": lambda: ca.sort(a).sync(), "NumPy": lambda: np.sort(x)}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: torch.sort(t)
    return found


@case("topk 64 of 4M float32", nbytes=4 * SIZE, goal=("NumPy", 0.5))
def topk(bench: Bench):
    """NumPy's is a partition alone, whose part is not sorted."""
    x = bench.draw(SIZE)
    a = ca.asarray(x)
    found = {"ours": lambda: ca.topk(a, FEW)[0].sync(), "NumPy": lambda: np.argpartition(x, SIZE - FEW)}
    if torch := bench.peer("torch"):
        t = torch.from_numpy(x)
        found["torch"] = lambda: torch.topk(t, FEW)
    if jnp := bench.peer("jax.numpy"):
        from jax import lax

        j = jnp.asarray(x)
        found["JAX"] = lambda: lax.top_k(j, FEW)[0].block_until_ready()
    return found
