"""Matrix products beside NumPy's BLAS."""

from __future__ import annotations

import clarray as ca

from ..harness import Bench, Skip, case


def product(bench: Bench, *shapes, dtype="float32"):
    if not hasattr(ca, "matmul"):
        raise Skip("no clarray.matmul yet")
    if dtype == "float64" and not bench.context.traits.fp64:
        raise Skip("no fp64")
    x, y = (bench.draw(*shape, dtype=dtype) for shape in shapes)
    a, b = ca.asarray(x), ca.asarray(y)
    found = {"ours": lambda: (a @ b).sync(), "NumPy": lambda: x @ y}
    if torch := bench.peer("torch"):
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        found["torch"] = lambda: s @ t
    if jnp := bench.peer("jax.numpy"):
        u, v = jnp.asarray(x), jnp.asarray(y)
        found["JAX"] = lambda: (u @ v).block_until_ready()
    return found


def square(size, dtype="float32"):
    @case(f"matmul {dtype} {size}")
    def prepare(bench: Bench):
        return product(bench, (size, size), (size, size), dtype=dtype)


square(128)
square(512)
square(1024)
square(1024, "float64")


@case("matmul 64 x 128 x 128, batched")
def batched(bench: Bench):
    return product(bench, (64, 128, 128), (64, 128, 128))


@case("matrix-vector 4096", nbytes=4 * 4096 * 4096)
def vector(bench: Bench):
    return product(bench, (4096, 4096), (4096,))
