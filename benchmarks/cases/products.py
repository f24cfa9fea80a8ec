"""Matrix products: squares, thin and odd shapes, stacks, transposes, dtypes, beside BLAS; and what follows one."""

from __future__ import annotations

import numpy as np

import clarray as ca
import clarray.tensor as T
from clarray import blas

from ..harness import Bench, case

LIBRARIES = ("NumPy", "torch", "JAX", "CLBlast")
FORMULAS = {name: lambda xp, x, y: xp.matmul(x, y) for name in LIBRARIES}


def product(bench: Bench, x, y, formulas=FORMULAS):
    """x @ y of these arrays, beside everybody."""
    bench.needs_fp64(x.dtype)
    a, b = ca.asarray(x), ca.asarray(y)
    return {"ours": lambda: (a @ b).sync(), **bench.beside(formulas, x, y)}


def shaped(name, first, second, dtype="float32", goal=None, formulas=FORMULAS, kind=None):
    """The case of a product of operands of these shapes."""
    flops = 2.0 * np.prod(first) * (second[-1] if len(second) > 1 else 1)
    floats = dtype if dtype in ("float32", "float64") else "float32"
    elements = (
        np.prod(first) + np.prod(second) + np.prod((*first[:-1], *second[-1:]) if len(second) > 1 else first[:-1])
    )

    @case(name, nbytes=elements * np.dtype(dtype).itemsize,
          flops=flops if dtype == floats else 0, dtype=floats, goal=goal, kind=kind)  # fmt: skip
    def prepare(bench: Bench):
        return product(bench, bench.draw(*first, dtype=dtype), bench.draw(*second, dtype=dtype), formulas)


def square(size, dtype="float32", most=None):
    goal = most and [("NumPy", most, "cpu"), ("CLBlast", 0.2, "cpu")]
    shaped(f"matmul {dtype} {size}", (size, size), (size, size), dtype, goal)


square(128, most=3)
square(512, most=1.2)
square(1024, most=1.1)
square(2048, most=1.05)
square(1024, "float64", most=1.1)
square(512, "float16")
square(512, "complex64")
square(512, "int32")
CUBLAS = ("torch.cuda", "CuPy")
shaped("matmul float32 4096", (4096, 4096), (4096, 4096), goal=(CUBLAS, 1 / 0.85, "gpu"), kind="gpu")
shaped("matmul float16 4096", (4096, 4096), (4096, 4096), "float16", (CUBLAS, 1 / 0.5, "gpu"),
       dict.fromkeys(CUBLAS, FORMULAS["NumPy"]), "gpu")  # fmt: skip
shaped("matmul 64 x 128 x 128, batched", (64, 128, 128), (64, 128, 128),
       goal=[("NumPy", 1.0, "cpu"), ("CLBlast", 0.2, "cpu")])  # fmt: skip
shaped("matmul 32 x 4096 x 4096", (32, 4096), (4096, 4096))
shaped("matmul 4096 x 32 x 4096", (4096, 32), (32, 4096))
shaped("matmul 4096 x 4096 x 32", (4096, 4096), (4096, 32))
shaped("matmul 1000 x 1001 x 999", (1000, 1001), (1001, 999))
shaped("matrix-vector 4096", (4096, 4096), (4096,), goal=("NumPy", 1.05, "cpu"))


@case("matmul 1024, the first transposed", nbytes=12 * 1024**2, flops=2.0 * 1024**3)
def transposed(bench: Bench):
    x, y = bench.draw(1024, 1024), bench.draw(1024, 1024)
    a, b = ca.asarray(x), ca.asarray(y)
    formulas = {name: lambda xp, x, y: xp.matmul(x.T, y) for name in ("NumPy", "torch", "JAX")}
    return {"ours": lambda: (a.T @ b).sync(), **bench.beside(formulas, x, y)}


@case("matrix-vector 4096, transposed", nbytes=4 * 4096**2, flops=2.0 * 4096**2, goal=("NumPy", 1.05, "cpu"))
def transposed_vector(bench: Bench):
    x, y = bench.draw(4096, 4096), bench.draw(4096)
    a, b = ca.asarray(x), ca.asarray(y)
    formulas = {name: lambda xp, x, y: xp.matmul(x.T, y) for name in ("NumPy", "torch", "JAX")}
    return {"ours": lambda: (a.T @ b).sync(), **bench.beside(formulas, x, y)}


@case("ger, 4096 x 4096 in place", nbytes=8 * 4096**2)
def outer_update(bench: Bench):
    x, y, z = bench.draw(4096), bench.draw(4096), bench.draw(4096, 4096)
    a, b, c = ca.asarray(x), ca.asarray(y), ca.asarray(z)

    def update(np, x, y, z):
        z += np.outer(np.float32(0.5) * x, y)
        return z

    def torch(torch, x, y, z):
        return z.addr_(x, y, alpha=0.5)

    return {
        "ours": lambda: blas.ger(0.5, a, b, c, overwrite_a=True).sync(),
        **bench.beside({"torch": torch}, x, y, z.copy()),  # torch works in the ndarray's memory
        **bench.beside({"NumPy": update}, x, y, z),
    }


@case("tanh(a @ b + c), 512", nbytes=12 * 512**2, flops=2.0 * 512**3)
def epilogue(bench: Bench):
    x, y, z = bench.draw(512, 512), bench.draw(512, 512), bench.draw(512)
    a, b, c = T.fmatrix(), T.fmatrix(), T.fvector()
    fused = ca.function([a, b, c], T.tanh(T.dot(a, b) + c).transfer(None))
    given = [ca.asarray(v) for v in (x, y, z)]
    u, v, w = given
    formulas = {name: lambda xp, x, y, z: xp.tanh(x @ y + z) for name in ("NumPy", "torch", "JAX")}
    return {
        "ours": lambda: fused(*given).sync(),
        "ours, unfused": lambda: ca.tanh(u @ v + w).sync(),
        **bench.beside(formulas, x, y, z),
    }
