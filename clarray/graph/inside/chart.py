"""Bars as SVG, one for each row of a profile."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .profile import seconds

ROW, LABEL, LENGTH, MARGIN = 22, 400, 420, 16  # pixels
KINDS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#8c8c8c")


def bars(title: str, rows: Sequence[tuple[str, str, float]]) -> str:
    """Rows of name, kind and seconds; bars of a kind have a colour."""
    most = max((value for *_, value in rows), default=0.0) or 1.0
    whole = sum(value for *_, value in rows) or 1.0
    colours = {kind: KINDS[k % len(KINDS)] for k, kind in enumerate(dict.fromkeys(kind for _, kind, _ in rows))}
    width, height = MARGIN * 2 + LABEL + LENGTH + 130, MARGIN * 2 + 30 + ROW * (len(rows) + 1)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="Helvetica, Arial, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 12}" font-size="15">{escape(title)}</text>',
    ]
    x = MARGIN
    for kind, colour in colours.items():
        out.append(f'<rect x="{x}" y="{MARGIN + 24}" width="11" height="11" fill="{colour}"/>')
        out.append(f'<text x="{x + 15}" y="{MARGIN + 34}">{escape(kind)}</text>')
        x += 32 + 8 * len(kind)
    for k, (name, kind, value) in enumerate(rows):
        y = MARGIN + 30 + ROW * (k + 1)
        short = name if len(name) <= 56 else f"{name[:53]}..."
        out.append(f'<text x="{MARGIN + LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(short)}</text>')
        out.append(
            f'<rect class="bar" x="{MARGIN + LABEL}" y="{y}" width="{max(LENGTH * value / most, 0.5):.1f}" '
            f'height="{ROW - 6}" fill="{colours[kind]}"><title>{escape(name)}</title></rect>'
        )
        end = MARGIN + LABEL + LENGTH * value / most + 6
        out.append(f'<text x="{end:.1f}" y="{y + 12}">{seconds(value)} ({100 * value / whole:.0f}%)</text>')
    return "\n".join([*out, "</svg>"])
