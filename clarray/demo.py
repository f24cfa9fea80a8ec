"""`clarray demo`: exp of 230,400 random numbers, 1000 times, as a compiled function, beside NumPy."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import clarray
import clarray.tensor as T
from clarray.errors import ClarrayError
from clarray.progress import Progress

SIZE = 10 * 30 * 768
CHUNKS = 20  # how often progress is shown, in each form


@dataclass
class Row:
    """One way of doing the work: seconds, bytes each way, and its last result."""

    name: str
    seconds: float
    to_device: int = 0
    to_host: int = 0
    result: Any = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--device", metavar="D", help="which device, as CLARRAY_DEVICE names it")
    parser.add_argument("--iterations", type=int, default=1000, metavar="N", help="how many times (1000)")
    parser.add_argument("--plot", metavar="FILE", help="draw the times as bars (needs matplotlib)")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 where results differ or a node ran on the host."""
    if args.iterations < 1:
        raise ClarrayError(f"--iterations is at least 1, {args.iterations} came")
    pyplot = _pyplot() if args.plot else None
    with clarray.device(args.device) as device:
        data = np.random.default_rng().random(SIZE, dtype=np.float32)
        print(f"device      {device.name}: {device.hardware} ({device.platform}, {device.version})")
        print(f"work        exp of {SIZE:,} random float32, {args.iterations:,} times")
        rows, nodes, fallbacks = measure(data, args.iterations)
    reference = np.exp(data.astype(np.float64))
    numpy_row, *ours = rows
    print()
    print(f"{'form':<24}{'time':>12}{'NumPy / ours':>14}{'to device':>16}{'to host':>18}")
    for row in rows:
        ratio = "" if row is numpy_row else f"{numpy_row.seconds / row.seconds:.2f}"
        print(f"{row.name:<24}{row.seconds * 1e3:9.1f} ms{ratio:>14}{row.to_device:>16,}{row.to_host:>18,}")
    print()
    errors = [_ulps(row.result, reference) for row in ours]
    right = all(e <= 4 for e in errors)
    print(f"results     {'equal' if right else 'DIFFERENT'}: at most {max(errors):.1f} ulp from exact")
    on_device = not fallbacks and all("Gpu" in name for name in nodes)
    print(f"ran on      {'the device, every node' if on_device else 'the HOST, in part'}: {', '.join(nodes)}")
    if pyplot is not None:
        _draw(pyplot, rows, str(device), args.plot)
        print(f"picture     {args.plot}")
    return 0 if right and on_device else 1


def measure(data: np.ndarray[Any, Any], iterations: int) -> tuple[list[Row], list[str], int]:
    """The rows, NumPy's first; the classes of the device-resident function's nodes; host fallbacks."""
    x = clarray.shared(data, name="x")
    y = T.exp(x)
    forms = [
        ("function, ndarray out", clarray.function([], y), lambda out: None),
        ("device out", clarray.function([], y.transfer(None)), lambda out: out.sync()),
        (
            "borrowed out, sync",
            clarray.function([], clarray.Out(y.transfer(None), borrow=True)),
            lambda out: out.sync(),
        ),
    ]
    begin = clarray.stats()
    with Progress(4 * CHUNKS, "demo") as progress:
        rows = [_timed("NumPy", lambda: np.exp(data), lambda out: None, iterations, progress)]
        for name, f, wait in forms:
            wait(f())  # the first call builds the kernel
            before = clarray.stats()
            row = _timed(name, f, wait, iterations, progress)
            moved = clarray.stats() - before
            row.to_device, row.to_host = moved.bytes_to_device, moved.bytes_to_host
            row.result = np.asarray(row.result.numpy() if hasattr(row.result, "numpy") else row.result)
            rows.append(row)
    nodes = [type(node.op).__name__ for node in forms[1][1].maker.fgraph.toposort()]
    return rows, nodes, (clarray.stats() - begin).host_fallbacks


def _timed(name: str, f: Callable[[], Any], wait: Callable[[Any], Any], iterations: int, progress: Progress) -> Row:
    """Run `f` so many times and wait once, at the end."""
    marks = {iterations * k // CHUNKS for k in range(1, CHUNKS)}
    start = time.perf_counter()
    out = None
    for i in range(iterations):
        out = f()
        if i in marks:
            progress.advance()
    wait(out)
    seconds = time.perf_counter() - start
    progress.advance(CHUNKS - len(marks - {0}), name)
    return Row(name, seconds, result=out)


def _ulps(result: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> float:
    """The largest error of float32 results, in units of the last place."""
    return float(np.max(np.abs(result - exact) / np.spacing(exact.astype(np.float32))))


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise ClarrayError('--plot needs matplotlib: pip install "clarray[plot]"') from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _draw(pyplot: Any, rows: list[Row], device: str, file: str) -> None:
    """Times as horizontal bars, into a file whose suffix names the format."""
    figure, axes = pyplot.subplots(figsize=(7, 2.6), layout="constrained")
    names, times = [r.name for r in rows][::-1], [r.seconds * 1e3 for r in rows][::-1]
    bars = axes.barh(names, times, color=["#3b6ea5"] * (len(rows) - 1) + ["#999999"])
    axes.bar_label(bars, fmt="%.0f ms", padding=3)
    axes.set_xlabel("milliseconds, lower is better")
    axes.set_xlim(0, max(times) * 1.15)
    axes.set_title(f"exp of {SIZE:,} float32 on {device}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise ClarrayError(f"--plot {file}: {error}") from None


if __name__ == "__main__":
    sys.exit(run(argparse.Namespace(device=None, iterations=1000, plot=None)))
