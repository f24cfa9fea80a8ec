"""Results for a reader: the table, and a file with all that was measured."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from typing import Any

from clarray.device.context import Context

from .harness import NUMPY, OURS, SECONDS, Goal, Result

UNITS = (("s", 1.0), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9))
COLUMNS = ("case", "ours", "NumPy", "ratio", "of roof", "beside", "goal")
PACKAGES = ("clarray", "numpy", "pyopencl", "torch", "jax", "numexpr", "cupy")


def seconds(value: float) -> str:
    """A time for a reader: 6.2 µs, 12.3 ms."""
    unit, factor = next((u for u in UNITS if value * u[1] >= 1), UNITS[-1])
    shown = value * factor
    return f"{shown:.{0 if shown >= 100 else 1 if shown >= 10 else 2}f} {unit}"


def asked(goal: Goal) -> str:
    """A goal for a reader: 12.0 µs, 1.10 × NumPy, 1.10 × best of NumPy, torch."""
    if goal.peers == (SECONDS,):
        return seconds(goal.most)
    return f"{goal.most:.2f} × {'best of ' * (len(goal.peers) > 1)}{', '.join(goal.peers)}"


def line(result: Result) -> tuple[str, ...]:
    """A result as the table's cells."""
    name = result.case.name
    if result.skipped:
        return (name, "-", "-", "-", "-", result.skipped, "-")
    ours, numpy = result.timings[OURS], result.timings.get(NUMPY)
    ratio = result.ratio(NUMPY)
    others = [
        f"{peer} {seconds(t.median)} ({result.ratio(peer):.2f})" for peer, t in result.peers.items() if peer != NUMPY
    ]
    if result.case.enqueued:  # worker threads and other processes disturb it most
        others.insert(0, f"at best {seconds(ours.best)}")
    verdicts = {True: "reached", False: "MISSED", None: "not measured"}
    goals = []
    for goal, value, reached in result.goals:
        shown = "" if value is None or goal.peers == (SECONDS,) else f" {value:.2f}"
        goals.append(f"{asked(goal)}:{shown} {verdicts[reached]}")
    return (
        name,
        f"{seconds(ours.median)} ±{ours.spread:.0%}",
        "-" if numpy is None else seconds(numpy.median),
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if result.share is None else f"{result.share:.0%}",
        ", ".join(others) or "-",
        "; ".join(goals) or "-",
    )


def table(results: Sequence[Result], device: str) -> str:
    """The device, all results, a line each, and how many goals were reached."""
    rows = [COLUMNS, *(line(r) for r in results)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    verdicts = [reached for r in results for _, _, reached in r.goals if reached is not None]
    end = [f"{sum(verdicts)} of {len(verdicts)} goals reached"] if verdicts else []
    return "\n".join([device, *lines, *end])


def as_json(results: Sequence[Result], context: Context, absent: dict[str, str]) -> dict[str, Any]:
    """Everything measured, with what it was measured on."""
    device = context.device
    return {
        "device": {"name": device.hardware, "platform": device.platform, "version": device.cl.platform.version.strip(),
                   "driver": device.driver_version, "compute_units": context.traits.compute_units,
                   "kind": context.traits.kind},
        "host": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": {"python": platform.python_version(), **_versions()},
        "absent": absent,
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cases": [
            {
                "name": r.case.name, "chapter": r.case.chapter, "skipped": r.skipped,
                "nbytes": r.case.nbytes, "flops": r.case.flops, "dtype": r.case.dtype, "enqueued": r.case.enqueued,
                "roof": r.roof, "share_of_roof": r.share,
                "goals": [{"peers": g.peers, "most": g.most, "measured": value, "reached": reached}
                          for g, value, reached in r.goals],
                "seconds": {name: t.numbers for name, t in r.timings.items()},
            }
            for r in results
        ],
    }  # fmt: skip


def _versions() -> dict[str, str]:
    """Of the packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(text.split(":", 1)[1].strip() for text in lines if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
