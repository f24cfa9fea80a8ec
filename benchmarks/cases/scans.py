"""Cumulative sums: of one long row, and along each axis of a matrix."""

from __future__ import annotations

from math import prod

import clarray as ca

from ..harness import Bench, case


def cumulative(title, shape, axis=0, goal=None):
    """The case of a cumulative sum along an axis."""

    @case(f"cumulative sum{title}", nbytes=8 * prod(shape), goal=goal)
    def prepare(bench: Bench):
        x = bench.draw(*shape)
        a = ca.asarray(x)
        formulas = {
            "NumPy": lambda np, x: np.cumsum(x, axis),
            "torch": lambda torch, x: torch.cumsum(x, axis),
            "JAX": lambda jnp, x: jnp.cumsum(x, axis),
        }
        return {"ours": lambda: ca.cumulative_sum(a, axis=axis).sync(), **bench.beside(formulas, x)}


cumulative(", 1,000", (1000,))
cumulative(", 1,000,003", (1_000_003,))
cumulative(", 16M", (1 << 24,), goal=("torch", 0.3, "cpu"))
cumulative(" axis 0, 4096 x 4096", (4096, 4096), 0, ("torch", 0.3, "cpu"))
cumulative(" axis 1, 4096 x 4096", (4096, 4096), 1, ("torch", 0.3, "cpu"))
cumulative(" axis 0, 1,000,003 x 3", (1_000_003, 3), 0)
cumulative(" axis 1, 1,000,003 x 3", (1_000_003, 3), 1)
