"""Functions of whole rows: softmax and its kin."""

from __future__ import annotations

import clarray as ca

from ..harness import Bench, case

ROWS, LENGTH = 4096, 1000
BYTES = 2 * 4 * ROWS * LENGTH


def rows(bench: Bench, name: str, axis: int, torch_name: str = "", jax_name: str = ""):
    x = bench.draw(ROWS, LENGTH)
    a = ca.asarray(x)
    extra = {"normalized_shape": (LENGTH,)} if name == "layer_norm" else {"dim": axis}
    formulas = {"torch": lambda torch, x: getattr(torch, torch_name or name)(x, **extra)}
    if name != "layer_norm":
        formulas["JAX"] = lambda jnp, x: getattr(jax_nn(), jax_name or name)(x, axis=axis)
    return {"ours": lambda: getattr(ca.nn, name)(a, axis=axis).sync(), **bench.beside(formulas, x)}


def jax_nn():
    import jax

    return jax.nn


@case("softmax of rows, 4096 x 1000", nbytes=BYTES, goal=("torch", 1.0))
def softmax(bench: Bench):
    return rows(bench, "softmax", -1)


@case("softmax of columns, 4096 x 1000", nbytes=BYTES)
def softmax_first(bench: Bench):
    return rows(bench, "softmax", 0)


@case("log_softmax of rows, 4096 x 1000", nbytes=BYTES, goal=("torch", 1.1))
def log_softmax(bench: Bench):
    return rows(bench, "log_softmax", -1)


@case("logsumexp of rows, 4096 x 1000", nbytes=BYTES // 2, goal=("torch", 1.1))
def logsumexp(bench: Bench):
    return rows(bench, "logsumexp", -1)


@case("layer_norm of rows, 4096 x 1000", nbytes=BYTES, goal=("torch", 1.1))
def layer_norm(bench: Bench):
    return rows(bench, "layer_norm", -1)
