"""What a call costs before any work is done: eager, compiled, at import."""

from __future__ import annotations

import subprocess
import sys

import clarray as ca

from ..harness import Bench, Skip, case

IMPORTS = 7


@case("eager a + b of 10, enqueued", goal=("seconds", 6e-6), enqueued=True)
def eager(bench: Bench):
    """pyopencl.array stands beside it without being asked for: it comes with pyopencl."""
    import pyopencl.array as array

    x, y = bench.draw(10), bench.draw(10)
    a, b = ca.asarray(x), ca.asarray(y)
    p, q = (array.to_device(bench.context.queue, v) for v in (x, y))
    found = {"ours": lambda: a + b, "NumPy": lambda: x + y, "pyopencl.array": lambda: p + q}
    if torch := bench.peer("torch"):
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        found["torch"] = lambda: s + t
    if jnp := bench.peer("jax.numpy"):
        u, v = jnp.asarray(x), jnp.asarray(y)
        found["JAX"] = lambda: u + v
    return found


@case("eager a * 2 of 10, enqueued", enqueued=True)
def eager_scalar(bench: Bench):
    x = bench.draw(10)
    a = ca.asarray(x)
    return {"ours": lambda: a * 2, "NumPy": lambda: x * 2}


@case("eager a + b of 10, waited for")
def waited(bench: Bench):
    x, y = bench.draw(10), bench.draw(10)
    a, b = ca.asarray(x), ca.asarray(y)
    return {"ours": lambda: (a + b).sync(), "NumPy": lambda: x + y}


@case("eager sum of 10, enqueued", enqueued=True)
def eager_sum(bench: Bench):
    x = bench.draw(10)
    a = ca.asarray(x)
    return {"ours": lambda: a.sum(), "NumPy": lambda: x.sum()}


@case("function of one kernel on 10, enqueued", goal=("seconds", 12e-6), enqueued=True)
def function(bench: Bench):
    if not hasattr(ca, "function"):
        raise Skip("no clarray.function yet")
    import numpy as np

    import clarray.tensor as T

    x, y = bench.draw(10), bench.draw(10)
    a, b = ca.asarray(x), ca.asarray(y)
    s, t = T.vectors("s", "t")
    f = ca.function([s, t], (T.tanh(s * t + 1) * T.exp(-s)).transfer(None))
    return {"ours": lambda: f(a, b), "NumPy": lambda: np.tanh(x * y + 1) * np.exp(-x)}


@case("import, over numpy and pyopencl", goal=("seconds", 0.25))
def imported(bench: Bench):
    """In processes of their own; in the column of NumPy stands the import of numpy and pyopencl."""
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
