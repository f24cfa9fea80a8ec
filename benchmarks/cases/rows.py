"""Functions of whole rows: softmax and its kin."""

from __future__ import annotations

import clarray as ca

from ..harness import Bench, case

LARGE = (4096, 1000)


def shifted(np, x, axis):
    """The largest elements, the exponentials of what x is less than they are, and the sums of those."""
    most = x.max(axis=axis, keepdims=True)
    e = np.exp(x - most)
    return most, e, e.sum(axis=axis, keepdims=True)


def softmax(np, x, axis):
    _, e, total = shifted(np, x, axis)
    return e / total


def log_softmax(np, x, axis):
    most, _, total = shifted(np, x, axis)
    return x - (most + np.log(total))


def logsumexp(np, x, axis):
    most, _, total = shifted(np, x, axis)
    return (most + np.log(total)).squeeze(axis)


def layer_norm(np, x, axis):
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + 1e-5)


def jax_nn():
    import jax

    return jax.nn


def rows(title, by_hand, shape=LARGE, axis=-1, goal=None):
    """The case of one of these functions along an axis."""
    name = by_hand.__name__
    elements = shape[0] * shape[1] + (shape[0] if name == "logsumexp" else shape[0] * shape[1])

    @case(f"{name} of {title}", nbytes=4 * elements, goal=goal)
    def prepare(bench: Bench):
        x = bench.draw(*shape)
        a, ours = ca.asarray(x), getattr(ca.nn, name)
        formulas = {
            "NumPy": lambda np, x: by_hand(np, x, axis),
            "torch": lambda torch, x: getattr(torch, name)(x, dim=axis),
            "JAX": lambda jnp, x: getattr(jax_nn(), name)(x, axis=axis),
        }
        if name == "layer_norm":
            formulas["torch"] = lambda torch, x: torch.layer_norm(x, x.shape[-1:])
            formulas["JAX"] = formulas["NumPy"]
        return {"ours": lambda: ours(a, axis=axis).sync(), **bench.beside(formulas, x)}


rows("rows, 4096 x 1000", softmax, goal=("torch", 1.0, "cpu"))
rows("columns, 4096 x 1000", softmax, axis=0)
rows("rows, 32 x 10", softmax, (32, 10))
rows("rows, 1009 x 1013", softmax, (1009, 1013))
rows("rows, 1,000,003 x 3", softmax, (1_000_003, 3))
rows("rows, 4096 x 1000", log_softmax, goal=("torch", 1.1, "cpu"))
rows("rows, 4096 x 1000", logsumexp, goal=("torch", 1.1, "cpu"))
rows("rows, 4096 x 1000", layer_norm, goal=("torch", 1.1, "cpu"))
