"""Fourier transforms beside MKL's (in torch) and pocketfft (in NumPy)."""

from __future__ import annotations

import numpy as np

import clarray as ca

from ..harness import Bench, case

GOAL = ("torch", 1.5)


def transform(bench: Bench, shape, name="fft", axis=-1):
    x = bench.draw(*shape)
    if name != "rfft":
        x = x + 1j * bench.draw(*shape)
    a, ours, numpy = ca.asarray(x), getattr(ca.fft, name), getattr(np.fft, name)
    found = {"ours": lambda: ours(a, axis=axis).sync(), "NumPy": lambda: numpy(x, axis=axis)}
    if torch := bench.peer("torch"):
        t, theirs = torch.from_numpy(x), getattr(torch.fft, name)
        found["torch"] = lambda: theirs(t, dim=axis)
    if jnp := bench.peer("jax.numpy"):
        j, jax = jnp.asarray(x), getattr(jnp.fft, name)
        found["JAX"] = lambda: jax(j, axis=axis).block_until_ready()
    return found


def row(title, shape, name="fft", axis=-1, goal=GOAL):
    @case(title, goal=goal)
    def prepare(bench: Bench):
        return transform(bench, shape, name, axis)


row("fft 1M", (1 << 20,))
row("rfft 1M", (1 << 20,), "rfft")
row("fft 1024 rows of 1024", (1024, 1024))
row("fft 1024 columns of 1024", (1024, 1024), axis=0)
row("fft 1000 rows of 1000", (1000, 1000))
row("fft 1000 rows of 1009, a prime", (1000, 1009), goal=None)
row("fft 2^20 - 1", ((1 << 20) - 1,), goal=None)
