"""Reductions over each axis and over all."""

from __future__ import annotations

from math import prod

import clarray as ca

from ..harness import COPY, Bench, case

SIDE = 4096
LARGE = 4 * SIDE  # of matrices so large that a GPU's launch and wait do not count
BEST = (("NumPy", "torch", "JAX"), 1.1, "cpu")
COPIED = (COPY, 1 / 0.9, "gpu")


def torch_formula(name, axis):
    """torch's way where it is not NumPy's."""
    if axis is None:
        return lambda torch, x: getattr(x, name)()
    if name == "max":
        return lambda torch, x: x.amax(axis)
    if name == "var":
        return lambda torch, x: x.var(axis, correction=0)
    return lambda torch, x: getattr(x, name)(axis)


def reduced(name, axis, shape=(SIDE, SIDE), title="", goal=BEST, **row):
    """The case of a reduction over an axis or over all."""
    results = prod(shape) // shape[axis] if axis is not None else 1
    nbytes = 4 * prod(shape) + (8 if name.startswith("arg") else 4) * results
    of = name if axis is None else f"{name} axis {axis}"

    @case(title or f"{of}, {' x '.join(map(str, shape))}", nbytes=nbytes, goal=goal, **row)
    def prepare(bench: Bench):
        x = bench.draw(*shape)
        a = ca.asarray(x)
        formulas = {
            "NumPy": lambda np, x: getattr(x, name)(axis=axis),
            "torch": torch_formula(name, axis),
            "JAX": lambda jnp, x: getattr(x, name)(axis=axis),
        }
        return {"ours": lambda: getattr(a, name)(axis=axis).sync(), **bench.beside(formulas, x)}


for axis in (None, 0, 1):
    reduced("sum", axis, flops=SIDE * SIDE)
reduced("argmax", 1)
reduced("var", 1, goal=None)
reduced("argmax", 0)
reduced("max", 0)
reduced("sum", 1, (64, 1000, 500))
reduced("sum", 1, (1_000_000, 8), "sum axis 1, 1M x 8")
reduced("argmax", 1, (1_000_000, 8), "argmax axis 1, 1M x 8")
reduced("sum", 1, (1, 1 << 24), "sum, 1 x 16M")
for axis in (None, 0, 1):
    reduced("sum", axis, (LARGE, LARGE), goal=COPIED, kind="gpu")
reduced("argmax", 1, (LARGE, LARGE), goal=COPIED, kind="gpu")
