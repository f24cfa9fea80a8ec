"""Pictures of a run: its cases under the device's roofline, and their ratios to the peers.

`python -m benchmarks.plot FILE.json PICTURE` draws a run that was kept; the picture's ending says in which format, and
the ratios go to PICTURE-ratios.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INK, FAINT = "#222222", "#8a8a8a"
FASTER, SLOWER = "#0072b2", "#d55e00"
PEERS = {  # marker and colour; who has none, such as kernels by hand, is no peer
    "NumPy": ("o", "#e69f00"), "NumPy out=": ("o", "#b37a00"), "torch": ("s", "#d55e00"), "JAX": ("D", "#009e73"),
    "CuPy": ("o", "#009e73"), "torch.cuda": ("s", "#7a3500"), "numexpr": ("v", "#56b4e9"),
    "pyopencl.array": ("^", "#999999"), "CLBlast": ("P", "#cc79a7"),
}  # fmt: skip
STYLE: Any = {
    "font.family": "sans-serif", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": FAINT, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "text.color": INK,
    "axes.titlelocation": "left", "axes.titlesize": 12, "svg.fonttype": "none",
}  # fmt: skip


def draw(run: Mapping[str, Any], filename: str) -> None:
    """Write both pictures of what `report.as_json` gave."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        raise SystemExit('--plot needs matplotlib: pip install "clarray[plot]"') from None
    path = Path(filename)
    with pyplot.rc_context(STYLE):
        for figure, target in (
            (roofline(pyplot, run), path),
            (ratios(pyplot, run), path.with_stem(f"{path.stem}-ratios")),
        ):
            if figure is not None:
                figure.savefig(target, dpi=160, bbox_inches="tight", pad_inches=0.15)
                pyplot.close(figure)


def title(run: Mapping[str, Any]) -> str:
    """The device, for a heading."""
    device = run["device"]
    platform = device["platform"].replace("Portable Computing Language", "PoCL")
    return f"clarray on {device['name']}, {platform} {device['driver']}"


# the roofline


def roofline(pyplot: Any, run: Mapping[str, Any]) -> Any:
    """Operations a second over operations a byte, cases by number; None where no case counts both."""
    cases = [c for c in run["cases"] if not c["skipped"] and c["nbytes"] and c["flops"]]
    if not cases:
        return None
    cases.sort(key=lambda c: c["flops"] / c["nbytes"])
    intensities = [c["flops"] / c["nbytes"] for c in cases]
    bandwidth = statistics.median(c["roof"][0] for c in cases)
    peaks = {
        dtype: statistics.median(c["roof"][1] for c in cases if c["dtype"] == dtype)
        for dtype in sorted({c["dtype"] for c in cases})
    }
    ridges = [peak / bandwidth for peak in peaks.values()]
    low, high = min(*intensities, *ridges) / 6, max(2 * max(intensities), 3 * max(ridges))
    figure, axes = pyplot.subplots(figsize=(9, max(5.6, 0.19 * len(cases) + 1)))
    for dtype, peak in peaks.items():
        ridge = peak / bandwidth
        line = "-" if dtype == "float32" else (0, (5, 2))
        xs, ys = [low, ridge, high], [low * bandwidth / 1e9, peak / 1e9, peak / 1e9]
        axes.plot(xs, ys, color=INK, linewidth=1.5, linestyle=line, zorder=1)
        axes.annotate(
            f"{dtype}: {peak / 1e9:.0f} GFLOP/s", (ridge, peak / 1e9), (-4, 3), textcoords="offset points", ha="right"
        )
    axes.set(xscale="log", yscale="log", xlim=(low, high))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    axes.set_xlabel("operations a byte, of the least work that does the job")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(title(run), pad=12)
    axes.grid(True, which="major", color="#e6e6e6", linewidth=0.7, zorder=0)
    handles: dict[str, Any] = {}
    for case, x in zip(cases, intensities):
        for peer, (marker, color) in PEERS.items():
            if peer in case["seconds"]:
                y = case["flops"] / case["seconds"][peer]["median"] / 1e9
                style = {"markerfacecolor": "none", "markeredgecolor": color, "markersize": 6}
                (handles[peer],) = axes.plot(x, y, marker, zorder=2, label=peer, **style)
    rates = [c["flops"] / c["seconds"]["ours"]["median"] / 1e9 for c in cases]
    (ours,) = axes.plot(intensities[:1], rates[:1], "o", color=FASTER, markersize=7, zorder=0, label="clarray")
    axes.set_ylim(axes.get_ylim()[0], 2 * max(*peaks.values(), 1e9 * max(rates)) / 1e9)
    figure.canvas.draw()
    for number, (x, y) in enumerate(_apart(axes, list(zip(intensities, rates))), 1):
        axes.plot(x, y, "o", color=FASTER, markeredgecolor="white", markersize=12, zorder=4)
        axes.text(x, y, number, color="white", fontsize=7, weight="bold", ha="center", va="center_baseline", zorder=5)
    (x0, y0), (x1, y1) = axes.transData.transform([(1, bandwidth / 1e9), (10, 10 * bandwidth / 1e9)])
    slope = math.degrees(math.atan2(y1 - y0, x1 - x0))
    axes.annotate(
        f"copy: {bandwidth / 1e9:.0f} GB/s", (low * 1.25, low * 1.25 * bandwidth / 1e9), (-3, 5),
        textcoords="offset points", rotation=slope, rotation_mode="anchor",
    )  # fmt: skip
    shown = [ours, *(handles[p] for p in PEERS if p in handles)]
    axes.legend(handles=shown, frameon=False, loc="lower right")
    for k, case in enumerate(cases):
        top = 1 - (k + 1) * 0.98 / max(len(cases), 24)
        for place, text, align, color in (
            (1.05, f"{k + 1}", "right", FASTER),
            (1.115, f"{case['share_of_roof']:.0%}", "right", FAINT),
            (1.13, case["name"], "left", INK),
        ):
            axes.text(place, top, text, transform=axes.transAxes, ha=align, va="center", color=color, fontsize=8)
    axes.text(1.115, 1, "of roof", transform=axes.transAxes, ha="right", va="center", color=FAINT, fontsize=8)
    return figure


def _apart(axes: Any, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points, those that would lie on one another moved sideways."""
    width = 11 * axes.figure.dpi / 72
    placed: list[Any] = []
    for point in points:
        x, y = axes.transData.transform(point)
        while any(math.hypot(x - u, y - v) < width for u, v in placed):
            x += width / 2
        placed.append((x, y))
    return [tuple(axes.transData.inverted().transform(spot)) for spot in placed]


# the ratios


def ratios(pyplot: Any, run: Mapping[str, Any]) -> Any:
    """Our time over the best peer's, or the first goal's, a bar a case; None where nobody was beside us."""
    rows = []
    for case in run["cases"]:
        held = beside(case)
        if held is not None:
            rows.append((case, *held))
    if not rows:
        return None
    chapters = list(dict.fromkeys(case["chapter"] for case, *_ in rows))
    rows.sort(key=lambda row: chapters.index(row[0]["chapter"]))
    heights, headings, y = [], [], 0.0
    for k, (case, *_) in enumerate(rows):
        if not k or case["chapter"] != rows[k - 1][0]["chapter"]:
            y += 1.6 if k else 0.8
            headings.append((y - 0.95, case["chapter"]))
        heights.append(y)
        y += 1
    figure, axes = pyplot.subplots(figsize=(9, 0.2 * y + 1.1))
    values = [ratio for _, _, ratio, _ in rows]
    axes.set_xscale("log")
    low, high = min([*values, 0.25]) / 1.15, max([*values, 2.0]) * 1.15
    axes.set_xlim(low, high)
    for (_, peer, ratio, most), height in zip(rows, heights):
        color = FASTER if ratio <= (most or 1) else SLOWER
        axes.barh(height, ratio - 1, left=1, height=0.66, color=color, zorder=2)
        for place, text, align in ((1.055, f"{ratio:.2f}", "right"), (1.07, peer, "left")):
            axes.text(
                place,
                height,
                text,
                transform=axes.get_yaxis_transform(),
                fontsize=8,
                ha=align,
                va="center",
                color=color,
            )
        if most is not None:
            axes.plot([most, most], [height - 0.42, height + 0.42], color=INK, linewidth=1.4, zorder=3)
    for height, chapter in headings:
        axes.text(-0.01, height, chapter, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
    axes.axvline(1, color=INK, linewidth=0.9, zorder=3)
    axes.set_yticks(heights, [case["name"] for case, *_ in rows], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(True, axis="x", which="major", color="#e6e6e6", linewidth=0.7, zorder=0)
    axes.set_ylim(y + 0.2, -1)
    ticks = [t for t in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlabel(
        "our time over the peer's: left of 1 clarray is faster; black strokes are goals, orange misses its own or 1"
    )
    axes.set_title(title(run))
    return figure


def beside(case: Mapping[str, Any]) -> tuple[str, float, float | None] | None:
    """The peer that a case is held against, our ratio to it, and the goal if there is one."""
    if case["skipped"]:
        return None
    times = {name: t["median"] for name, t in case["seconds"].items() if name in PEERS}
    ours = case["seconds"]["ours"]["median"]
    most = None
    for goal in case.get("goals", ()):
        named = {p: times[p] for p in goal["peers"] if p in times}
        if named:
            times, most = named, goal["most"]
            break
    if not times:
        return None
    peer = min(times, key=lambda p: times[p])
    return peer, ours / times[peer], most


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    draw(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
