"""Builtin against inline math against NumPy, in nanoseconds an element: `python benchmarks/inline_math.py`.

4M float32, the same run for all; each is the best of a few. Prints a table in Markdown, a device a column group.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyopencl as cl
from exhaustive_math import BINARY, REFERENCES, kernel

from clarray.codegen.inline import BUILTINS, FUNCTIONS, INLINE
from clarray.device.current import context_for
from clarray.device.select import list_devices

SIZE = 1 << 22
ROUNDS = 9
PREDICATES = {"isnan", "isinf", "isfinite", "signbit"}
DOMAINS = {
    "asin": (-1, 1),
    "acos": (-1, 1),
    "atanh": (-1, 1),
    "acosh": (1, 20),
    "tgamma": (-5, 20),
    "special_erfinv": (-1, 1),
}
POSITIVE = {"log", "log2", "log10", "log1p", "sqrt", "rsqrt", "pow", "lgamma"}
PLAIN = {"fmin": np.minimum, "fmax": np.maximum}


def operands(name: str) -> list[np.ndarray]:
    """Random values that a function is used on."""
    low, high = DOMAINS.get(name, (0.1, 10) if name in POSITIVE else (-10, 10))
    rng = np.random.default_rng(0)
    count = 2 if name in (*BINARY, "copysign", "fmin", "fmax") else 1
    return [rng.uniform(low, high, SIZE).astype(np.float32) for _ in range(count)]


def on_host(name: str, xs: list[np.ndarray]) -> float:
    """NumPy's or SciPy's time."""
    function = PLAIN.get(name) or REFERENCES.get(name) or getattr(np, name)
    keywords = {"out": np.empty_like(xs[0])} if isinstance(function, np.ufunc) else {}
    return best(lambda: function(*xs, **keywords))


def best(f: Callable[[], Any]) -> float:
    """Nanoseconds an element."""
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - begun)
    return min(seconds[1:]) / SIZE * 1e9


def on_device(context: Any, name: str, xs: list[np.ndarray], inline: frozenset[str]) -> float:
    """The time of a kernel that calls one function."""
    run = kernel(context, name, len(xs), inline)
    flags = cl.mem_flags.USE_HOST_PTR
    buffers = [cl.Buffer(context.cl, flags, hostbuf=x) for x in (np.empty_like(xs[0]), *xs)]
    items = 4 * context.traits.compute_units

    def once() -> None:
        run(context.queue, (items,), (1,), *buffers, np.int32(SIZE), np.int32(-(-SIZE // items)))
        context.queue.finish()

    return best(once)


def main() -> None:
    contexts = [context_for(d) for d in list_devices() if d.usable]
    print("|  | NumPy | " + " | ".join(f"{c.device.place}: builtin | inline" for c in contexts) + " |")
    print("| --- " * (2 + 2 * len(contexts)) + "|")
    everything = frozenset(INLINE)
    for name in (*sorted(BUILTINS - PREDICATES), *sorted(FUNCTIONS), "special_erfinv", "special_expit"):
        xs = operands(name)
        cells = [f"{on_host(name, xs):.2f}"]
        for context in contexts:
            cells += [f"{on_device(context, name, xs, inline):.2f}" for inline in (frozenset(), everything)]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
