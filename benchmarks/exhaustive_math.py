"""Check inline math on every float32: `python benchmarks/exhaustive_math.py [--device D] [--stride N] [function...]`.

Prints, for each function of one argument, the largest error in ulps of the float32 nearest to the true value, the
operand it occurs at, and how many special values (NaN, infinities, signs of zeros) are wrong. The reference is NumPy
or SciPy in float64. With a stride N every N-th of the 2**32 bit patterns is tried, from a random one on; an even N is
made odd, for else the last bits of all operands would be the same, and on these rounding depends.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyopencl as cl
from scipy import special

from clarray.codegen.inline import FUNCTIONS, INLINE
from clarray.codegen.templates import render
from clarray.device.current import context_for
from clarray.device.select import list_devices
from clarray.progress import Progress

CHUNK = 1 << 22
REFERENCES: dict[str, Callable[..., Any]] = {
    "exp10": lambda x: np.power(10.0, x),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": special.erf,
    "erfc": special.erfc,
    "special_erfinv": lambda x: np.copysign(special.erfinv(x), x),  # SciPy drops the sign of zero
    "special_expit": special.expit,
    "tgamma": lambda x: np.where(x == -np.inf, np.nan, special.gamma(x)),
    "lgamma": lambda x: np.where(x == -np.inf, np.inf, special.gammaln(x)),
}
BINARY = ("pow", "atan2", "hypot")
NAMES = (*sorted(FUNCTIONS - set(BINARY)), "special_erfinv", "special_expit")


class OneCall:
    """The Spec of a kernel that the script writes itself."""

    fp64 = wide = False
    template = "lib/prelude"

    def __init__(self, text: str) -> None:
        self.preamble = text


def kernel(context: Any, name: str, operands: int = 1, inline: frozenset[str] = frozenset(INLINE)) -> Any:
    """o[i] = name(x[i], ...), in chunks, as an elementwise kernel does it; the inline version if it is named."""
    call = INLINE[name] if name in inline and name in INLINE else name
    arrays = "".join(f"global const float *restrict x{k}, " for k in range(operands))
    loads = ", ".join(f"x{k}[i]" for k in range(operands))
    text = (
        f"kernel void kernel_main(global float *restrict o, {arrays}const int size, const int chunk)\n"
        "{\n    const int first = get_global_id(0) * chunk, last = min(first + chunk, size);\n"
        f"    for (int i = first; i < last; i++)\n        o[i] = {call}({loads});\n}}\n"
    )
    program = context.programs.build(render("lib/prelude", OneCall(text), inline), ("-w",))
    return cl.Kernel(program, "kernel_main")


def least(name: str, x: np.ndarray) -> np.ndarray:
    """Ulps are of at least this: near the zeros of lgamma only the absolute error is bounded."""
    return np.maximum(1, -x) if name == "lgamma" else np.zeros_like(x)


def ulps(got: np.ndarray, want: np.ndarray, least: Any = 0) -> tuple[np.ndarray, np.ndarray]:
    """The error of each value in ulps, and where a special value is wrong."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        size = np.minimum(np.maximum(np.abs(rounded), np.float32(least)), np.finfo(np.float32).max)
        ulp = np.spacing(size).astype(np.float64)
        last = np.where(np.isinf(got) & (np.abs(want) < 2.0**129), np.copysign(2.0**128, got), got).astype(np.float64)
        error = np.abs(last - want) / ulp
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    bad = ~same & ~np.isfinite(error)
    bad |= (got == 0) & (rounded == 0) & (np.signbit(got) != np.signbit(rounded))
    return np.where(same & ~np.isfinite(error) | bad, 0, error), bad


def check(context: Any, name: str, stride: int, progress: Progress) -> tuple[float, float, float, int, float]:
    """The largest error and its operand, the share of correctly rounded results, wrong specials and one of them."""
    run = kernel(context, name)
    reference = REFERENCES.get(name) or getattr(np, name)
    first = int(np.random.default_rng().integers(stride)) if stride > 1 else 0
    worst, at, wrong, example, right, count = 0.0, np.nan, 0, np.nan, 0, 0
    for start in range(first, 1 << 32, CHUNK * stride):
        bits = np.arange(start, min(start + CHUNK * stride, 1 << 32), stride, dtype=np.int64).astype(np.uint32)
        x = bits.view(np.float32)
        got = np.empty_like(x)
        buffers = [cl.Buffer(context.cl, cl.mem_flags.COPY_HOST_PTR, hostbuf=a) for a in (got, x)]
        run(context.queue, (8,), (1,), *buffers, np.int32(x.size), np.int32(-(-x.size // 8)))
        done = cl.enqueue_copy(context.queue, got, buffers[0], is_blocking=False)
        with np.errstate(all="ignore"):
            want = reference(x.astype(np.float64))
        done.wait()
        error, bad = ulps(got, want, least(name, x))
        k = int(error.argmax())
        if error[k] > worst:
            worst, at = float(error[k]), float(x[k])
        if bad.any():
            wrong, example = wrong + int(bad.sum()), float(x[bad.argmax()])
        right, count = right + int((error <= 0.5).sum()), count + x.size
        progress.advance(1)
    return worst, at, right / count, wrong, example


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="opencl0:0")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("functions", nargs="*", metavar="function", help=", ".join(NAMES))
    arguments = parser.parse_args()
    if arguments.stride > 1:
        arguments.stride |= 1
    (device,) = (d for d in list_devices() if d.place == arguments.device)
    context = context_for(device)
    print(f"{device!r}, every {arguments.stride}th float32" if arguments.stride > 1 else f"{device!r}, every float32")
    steps = -(-(1 << 32) // (CHUNK * arguments.stride))
    failed = 0
    for name in arguments.functions or NAMES:
        begun = time.perf_counter()
        with Progress(steps, name) as progress:
            worst, at, right, wrong, example = check(context, name, arguments.stride, progress)
        limit = 8 if name in ("tgamma", "lgamma") else 4
        failed += worst > limit or wrong > 0
        specials = f"; {wrong} specials wrong, of {example!r}" if wrong else ""
        found = f"{name:16s} {worst:6.2f} ulp at {at!r:26} {100 * right:6.2f} % correctly rounded{specials}"
        print(f"{found} ({time.perf_counter() - begun:.0f} s)", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
