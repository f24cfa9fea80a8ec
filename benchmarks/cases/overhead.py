"""What a call costs before any work is done: eager, compiled, at import."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyopencl as cl

import clarray as ca
import clarray.tensor as T

from ..harness import Bench, Skip, case

IMPORTS = 7
CUPY = ("CuPy", 1.0, "gpu")
SOURCE = """
kernel void add(global const float *a, global const float *b, global float *o, const int n)
{
    for (int i = get_global_id(0); i < n; i += get_global_size(0))
        o[i] = a[i] + b[i];
}
"""


def bare(bench: Bench, *buffers):
    """The least that Python can do through pyopencl: three buffers set at once and a launch, or the launch alone."""
    kernel = cl.Kernel(cl.Program(bench.context.cl, SOURCE).build(), "add")
    kernel.set_args(*buffers, np.int32(10))
    queue, enqueue, size, group = bench.context.queue, cl.enqueue_nd_range_kernel, (1,), (1,)
    found = {"bare launch": lambda: enqueue(queue, kernel, size, group)}
    if hasattr(kernel, "_set_arg_multi"):
        a, b, out = buffers

        def set_and_launch():
            kernel._set_arg_multi((0, a, 1, b, 2, out))
            enqueue(queue, kernel, size, group)

        found["bare set + launch"] = set_and_launch
    return found


@case("eager a + b of 10, enqueued", goal=[("pyopencl.array", 0.5), ("seconds", 6e-6), CUPY], enqueued=True)
def eager(bench: Bench):
    x, y = bench.draw(10), bench.draw(10)
    a, b = ca.asarray(x), ca.asarray(y)
    formulas = dict.fromkeys(("NumPy", "pyopencl.array", "torch", "JAX"), lambda xp, x, y: x + y)
    return {
        "ours": lambda: a + b,
        **bare(bench, a.base_data, b.base_data, ca.empty_like(a).base_data),
        **bench.beside(formulas, x, y, wait=False, jit=False),
    }


@case("eager a * 2 of 10, enqueued", goal=CUPY, enqueued=True)
def eager_scalar(bench: Bench):
    x = bench.draw(10)
    a = ca.asarray(x)
    formulas = dict.fromkeys(("NumPy", "pyopencl.array", "torch", "JAX"), lambda xp, x: x * 2)
    return {"ours": lambda: a * 2, **bench.beside(formulas, x, wait=False, jit=False)}


@case("eager exp of 10, enqueued", goal=CUPY, enqueued=True)
def eager_function(bench: Bench):
    x = bench.draw(10)
    a = ca.asarray(x)
    formulas = dict.fromkeys(("NumPy", "torch", "JAX"), lambda xp, x: xp.exp(x))
    return {"ours": lambda: ca.exp(a), **bench.beside(formulas, x, wait=False, jit=False)}


@case("eager sum of 10, enqueued", goal=CUPY, enqueued=True)
def eager_sum(bench: Bench):
    x = bench.draw(10)
    a = ca.asarray(x)
    formulas = dict.fromkeys(("NumPy", "torch", "JAX"), lambda xp, x: x.sum())
    return {"ours": lambda: a.sum(), **bench.beside(formulas, x, wait=False, jit=False)}


@case("rows x[i] + x[j] of 10, enqueued", enqueued=True)
def rows(bench: Bench):
    """Two views and a sum."""
    x = bench.draw(4, 10)
    a = ca.asarray(x)
    formulas = dict.fromkeys(("NumPy", "torch"), lambda xp, x: x[1] + x[2])
    return {"ours": lambda: a[1] + a[2], **bench.beside(formulas, x, wait=False, jit=False)}


@case("eager a + b of 10, waited for")
def waited(bench: Bench):
    x, y = bench.draw(10), bench.draw(10)
    a, b = ca.asarray(x), ca.asarray(y)
    formulas = dict.fromkeys(("NumPy", "pyopencl.array", "torch", "JAX"), lambda xp, x, y: x + y)
    return {"ours": lambda: (a + b).sync(), **bench.beside(formulas, x, y, jit=False)}


@case("function of one kernel on 10, enqueued", goal=("seconds", 12e-6), enqueued=True)
def function(bench: Bench):
    x, y = bench.draw(10), bench.draw(10)
    a, b = ca.asarray(x), ca.asarray(y)
    s, t = T.vectors("s", "t")
    f = ca.function([s, t], (T.tanh(s * t + 1) * T.exp(-s)).transfer(None))
    formulas = dict.fromkeys(("NumPy", "torch", "JAX"), lambda xp, x, y: xp.tanh(x * y + 1) * xp.exp(-x))
    return {
        "ours": lambda: f(a, b),
        **bare(bench, a.base_data, b.base_data, ca.empty_like(a).base_data),
        **bench.beside(formulas, x, y, wait=False),
    }


@case("function of ndarrays of 10, to an ndarray")
def function_of_host(bench: Bench):
    """Theano's default: arguments go to the device, the result comes back."""
    x, y = bench.draw(10), bench.draw(10)
    s, t = T.vectors("s", "t")
    f = ca.function([s, t], T.tanh(s * t + 1) * T.exp(-s))
    return {"ours": lambda: f(x, y), **bench.beside({"NumPy": lambda np, x, y: np.tanh(x * y + 1) * np.exp(-x)}, x, y)}


@case("import, over numpy and pyopencl", goal=("seconds", 0.25))
def imported(bench: Bench):
    """In processes of their own; in the column of NumPy stands the import of numpy and pyopencl."""
    if bench.small:
        raise Skip("an import has no result")
    program = (
        "import time; a = time.perf_counter(); import numpy, pyopencl; b = time.perf_counter(); "
        "import clarray; c = time.perf_counter(); print(b - a, c - b)"
    )
    both = []
    for _ in range(IMPORTS + 1):  # the first may have to compile the sources
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        both.append([float(v) for v in done.stdout.split()])
    before, ours = zip(*both[1:])
    return {"ours": ours, "NumPy": before}
