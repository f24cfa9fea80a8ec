"""The table as a picture: our time over NumPy's, a bar a case."""

from __future__ import annotations

from collections.abc import Sequence

from .harness import NUMPY, Result


def draw(results: Sequence[Result], device: str, filename: str) -> None:
    """Write the picture; the ending of its name says in which format."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        raise SystemExit('--plot needs matplotlib: pip install "clarray[plot]"') from None
    rows = [(r.case.name, r.ratio(NUMPY)) for r in results if not r.skipped and r.ratio(NUMPY) is not None]
    figure, axes = pyplot.subplots(figsize=(8, 0.4 * len(rows) + 1.2))
    names, ratios = zip(*rows) if rows else ((), ())
    axes.barh(names, ratios, color=["tab:blue" if x <= 1 else "tab:orange" for x in ratios])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("time over NumPy's")
    axes.set_title(f"clarray on {device}")
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(filename)
