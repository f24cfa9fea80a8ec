"""Fourier transforms beside MKL's (in torch) and pocketfft (in NumPy)."""

from __future__ import annotations

from math import log2, prod

import clarray as ca

from ..harness import Bench, case

GOAL = ("torch", 1.5, "cpu")


def transform(bench: Bench, shape, name="fft", axis=-1):
    x = bench.draw(*shape, dtype="float32" if name == "rfft" else "complex64")
    a, ours = ca.asarray(x), getattr(ca.fft, name)
    formulas = {
        "NumPy": lambda np, x: getattr(np.fft, name)(x, axis=axis),
        "torch": lambda torch, x: getattr(torch.fft, name)(x, dim=axis),
        "JAX": lambda jnp, x: getattr(jnp.fft, name)(x, axis=axis),
    }
    return {"ours": lambda: ours(a, axis=axis).sync(), **bench.beside(formulas, x)}


def row(title, shape, name="fft", axis=-1, goal=GOAL):
    """The case of a transform: all is read and written once, with the operations of radix 2, half of them if real."""
    numbers, real = prod(shape), name == "rfft"
    nbytes = 4 * numbers + 8 * (numbers // shape[axis]) * (shape[axis] // 2 + 1) if real else 16 * numbers

    @case(title, nbytes=nbytes, flops=(2.5 if real else 5) * numbers * log2(shape[axis]), goal=goal)
    def prepare(bench: Bench):
        return transform(bench, shape, name, axis)


row("fft 1M", (1 << 20,))
row("rfft 1M", (1 << 20,), "rfft")
row("fft 1024 rows of 1024", (1024, 1024))
row("fft 1024 columns of 1024", (1024, 1024), axis=0)
row("fft 1000 rows of 1000", (1000, 1000))
row("fft 1000 rows of 1009, a prime", (1000, 1009), goal=None)
row("fft 2^20 - 1", ((1 << 20) - 1,), goal=None)
