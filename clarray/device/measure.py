"""What a device takes for the basic things, in seconds and bytes: timed by `clarray tune`, never at a start.

The kernels of the first three are those of ordinary arrays, so that what is measured is what users get.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyopencl as cl

from clarray.codegen.lowering import lower
from clarray.core.layout import Layout
from clarray.core.movement import astype
from clarray.errors import ClarrayError

from .run import BoundPlan

if TYPE_CHECKING:
    from .context import Context

COPIED = 64 << 20  # bytes: beyond all caches of most devices
FEW = 10  # elements
WIDTHS = (4, 8, 16)
ROUNDS = 7

# a work-item's sums of products of registers: arithmetic alone
_ARITHMETIC = """
kernel void arithmetic(global float *out, const int steps, const float factor)
{
    VECTOR a = (VECTOR)(factor), b = a + 1, c = a + 2, d = a + 3, e = a + 4, f = a + 5;
    for (int i = 0; i < steps; i++) {
        a = a * factor + 1; b = b * factor + 1; c = c * factor + 1;
        d = d * factor + 1; e = e * factor + 1; f = f * factor + 1;
    }
    a += b + c + d + e + f;
    float total = 0;
    for (int i = 0; i < WIDTH; i++)
        total += ((float *)&a)[i];
    out[get_global_id(0)] = total;
}
"""


def measure(context: Context) -> dict[str, float]:
    """ "copy": bytes a second, read and written together; "launch": seconds to enqueue a kernel from Python;
    "wake": seconds until a kernel of a few elements is done and waited for; "float<N>": operations a second with
    vectors of N floats. Waits."""
    facts = {"copy": 2 * COPIED / _best(_copy(context, COPIED // 4))}
    few = _copy(context, FEW)
    facts["wake"] = _best(few, 100)
    facts["launch"] = _best(lambda: few(1000)) / 1000
    for width in WIDTHS if context.traits.kind == "cpu" else ():
        try:
            facts[f"float{width}"] = _operations(context, width)
        except (ClarrayError, cl.Error):  # a compiler without vectors so wide
            continue
    return facts


def described(facts: Mapping[str, Any]) -> str:
    """The figures for a reader, in one line; nothing where nothing was measured."""
    if "copy" not in facts:
        return ""
    widths = ", ".join(f"float{w} {facts[f'float{w}'] / 1e9:.0f}" for w in WIDTHS if f"float{w}" in facts)
    return (
        f"copies {facts['copy'] / 1e9:.1f} GB/s, a launch {facts['launch'] * 1e6:.1f} µs, launch and wait "
        f"{facts['wake'] * 1e6:.1f} µs" + (f"; GFLOP/s with {widths}" if widths else "")
    )


def _copy(context: Context, size: int) -> Callable[..., None]:
    """What copies so many float32 some times and waits."""
    layout = Layout.of(np.dtype(np.float32), (size,))
    bound = BoundPlan(context, lower(astype, [layout], {"dtype": layout.dtype}, context.traits))
    blocks = [context.memory.allocate(layout.nbytes) for _ in range(2)]

    def run(count: int = 1) -> None:
        for _ in range(count):
            bound.run(blocks, (0, 0))
        context.queue.finish()

    return run


def _operations(context: Context, width: int) -> float:
    """Float operations a second of all work-items together."""
    program = context.programs.build(_ARITHMETIC, (f"-DVECTOR=float{width}", f"-DWIDTH={width}"))
    kernel = cl.Kernel(program, "arithmetic")
    items, steps = 4 * context.traits.compute_units, 1 << 16
    out = context.memory.allocate(4 * items)
    kernel.set_args(out.buffer, np.int32(steps), np.float32(0.999))

    def run() -> None:
        cl.enqueue_nd_range_kernel(context.queue, kernel, (items,), (1,))
        context.queue.finish()

    return 12.0 * width * steps * items / _best(run)


def _best(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)
