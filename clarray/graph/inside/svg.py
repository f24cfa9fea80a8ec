"""A Drawing as SVG, as text for graphviz, or as a bitmap by way of matplotlib."""

from __future__ import annotations

from html import escape
from typing import Any

from .drawing import LINE, Arrow, Box, Drawing
from .profile import seconds

MARGIN, HEAD = 20.0, 24.0  # pixels: around the drawing, of the title
SCALE = 180.0  # the width of the scale of times
FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"
STROKE, FAINT = "#333333", "#777777"


def extent(drawing: Drawing) -> tuple[float, float, float]:
    """Width and height of the picture, and where the drawing begins below the title and the scale."""
    top = MARGIN + (HEAD if drawing.title else 0) + (2 * HEAD if drawing.scale else 0)
    width = max(drawing.width, len(drawing.title) * 8.5, SCALE + 80 if drawing.scale else 0) + 2 * MARGIN
    return width, drawing.height + top + MARGIN, top


def as_svg(drawing: Drawing) -> str:
    """The drawing as a whole SVG document."""
    width, height, top = extent(drawing)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" font-size="11">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0,1 L8,4 L0,7 z" fill="{FAINT}"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    if drawing.title:
        out.append(f'<text x="{MARGIN}" y="{MARGIN + 8}" font-size="14">{escape(drawing.title)}</text>')
    if drawing.scale:
        out += _scale(*drawing.scale, MARGIN + (HEAD if drawing.title else 0))
    out.append(f'<g transform="translate({MARGIN},{top})">')
    out += [_path(a) for a in drawing.arrows]
    for box in drawing.boxes:
        out += _frame(box)
    out += [_label(a) for a in drawing.arrows if a.at is not None]
    return "\n".join([*out, "</g>", "</svg>"])


def curve(arrow: Arrow) -> list[tuple[tuple[float, float], ...]]:
    """The arrow as cubic pieces (two handles and an end), upright at each of its points."""
    pieces: list[tuple[tuple[float, float], ...]] = []
    for (x, y), (v, w) in zip(arrow.points, arrow.points[1:], strict=False):
        middle = (y + w) / 2
        pieces.append(((x, middle), (v, middle), (v, w)))
    return pieces


def outline(box: Box) -> list[tuple[float, float]]:
    """The corners of a box that is no rectangle, and none for one that is round."""
    x, y, w, h = box.x - box.width / 2, box.y - box.height / 2, box.width, box.height
    slant = min(h / 2, 9)
    if box.shape == "shared":  # a hexagon
        left, right, middle = x + slant, x + w - slant, y + h / 2
        return [(left, y), (right, y), (x + w, middle), (right, y + h), (left, y + h), (x, middle)]
    if box.shape == "output":  # a parallelogram
        return [(x + slant, y), (x + w, y), (x + w - slant, y + h), (x, y + h)]
    return []


def _frame(box: Box) -> list[str]:
    kind, corners = f'class="node {box.shape}" fill="{box.fill}" stroke="{STROKE}"', outline(box)
    dashes = ' stroke-dasharray="4 3"' if box.shape == "host" else ""
    round_ = {"input": box.height / 2, "constant": 7}.get(box.shape, 2)
    if corners:
        frame = f'<polygon {kind} points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}">'
    else:
        frame = (
            f'<rect {kind} x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="{round_}"{dashes}>'
        )
    lines = [f"{frame}<title>{escape(box.title or ' '.join(box.lines))}</title></{'polygon' if corners else 'rect'}>"]
    for k, text in enumerate(box.lines):
        y = box.y + (k - (len(box.lines) - 1) / 2) * LINE + 4
        lines.append(f'<text x="{box.x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>')
    return lines


def _path(arrow: Arrow) -> str:
    x, y = arrow.points[0]
    pieces = " ".join("C" + " ".join(f"{a:.1f},{b:.1f}" for a, b in piece) for piece in curve(arrow))
    return f'<path class="edge" d="M{x:.1f},{y:.1f} {pieces}" fill="none" stroke="{FAINT}" marker-end="url(#tip)"/>'


def _label(arrow: Arrow) -> str:
    assert arrow.at is not None
    x, y = arrow.at
    place = f'x="{x:.1f}" y="{y + 3.5:.1f}" font-size="10" text-anchor="middle"'
    text = escape(arrow.label)
    halo = f'<text class="halo" {place} stroke="white" stroke-width="4" aria-hidden="true">{text}</text>'
    return f'{halo}<text class="label" {place} fill="#444444">{text}</text>'  # not every renderer knows paint-order


def _scale(most: float, colours: Any, top: float) -> list[str]:
    step = SCALE / len(colours)
    out = [
        f'<rect x="{MARGIN + k * step:.1f}" y="{top}" width="{step + 0.5:.1f}" height="12" fill="{c}"/>'
        for k, c in enumerate(colours)
    ]
    y = top + 26
    out.append(f'<text class="scale" x="{MARGIN}" y="{y}">0</text>')
    out.append(f'<text class="scale" x="{MARGIN + SCALE}" y="{y}" text-anchor="middle">{seconds(most)}</text>')
    out.append(f'<text x="{MARGIN + SCALE + 12}" y="{top + 10}">in kernels, a call</text>')
    return out


# --- graphviz


SHAPES = {"box": "box", "host": "box", "input": "ellipse", "shared": "hexagon", "output": "parallelogram"}


def as_dot(drawing: Drawing) -> str:
    """The drawing as a graph in graphviz's language, which lays it out anew."""
    names = {box: f"n{k}" for k, box in enumerate(drawing.boxes)}
    out = ["digraph clarray {", f"  label={_quoted(drawing.title)};", '  node [fontname="monospace", style=filled];']
    for box, name in names.items():
        shape = SHAPES.get(box.shape, "note")
        label = _quoted("\n".join(box.lines))
        out.append(f'  {name} [label={label}, shape={shape}, fillcolor="{box.fill}", tooltip={_quoted(box.title)}];')
    for a in drawing.arrows:
        out.append(f"  {names[a.tail]} -> {names[a.head]} [label={_quoted(a.label)}];")
    return "\n".join([*out, "}"])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# --- bitmaps


def save_bitmap(drawing: Drawing, file: Any, format: str, dpi: int = 144) -> None:
    """Write the drawing as PNG or PDF; needs matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
        from matplotlib.path import Path
    except ImportError:
        raise ImportError(
            f"a picture as {format} is drawn by matplotlib, which is not here: pip install 'clarray[plot]', "
            f"or ask for format='svg' or 'dot', which need nothing"
        ) from None
    width, height, top = extent(drawing)
    scale = min(1.0, 30_000 / (max(width, height) * dpi / 96))  # pixels that matplotlib can draw
    figure = Figure(figsize=(width / 96 * scale, height / 96 * scale), dpi=dpi)
    FigureCanvasAgg(figure)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, width - MARGIN)
    axes.set_ylim(height - top, -top)
    axes.axis("off")
    points = 0.75 * scale  # of a pixel
    mono = {"family": "DejaVu Sans Mono", "ha": "center", "va": "center"}
    for a in drawing.arrows:
        vertices = [a.points[0], *(p for piece in curve(a) for p in piece)]
        codes = [Path.MOVETO] + [Path.CURVE4] * (len(vertices) - 1)
        axes.add_patch(PathPatch(Path(vertices, codes), fill=False, edgecolor=FAINT, linewidth=points))
        (x, y), tip = a.points[-1], 5
        axes.add_patch(Polygon([(x - 3, y - tip - 2), (x + 3, y - tip - 2), (x, y)], facecolor=FAINT, edgecolor="none"))
    for box in drawing.boxes:
        style: dict[str, Any] = {"facecolor": box.fill, "edgecolor": STROKE, "linewidth": points}
        if corners := outline(box):
            axes.add_patch(Polygon(corners, closed=True, **style))
        else:
            r = {"input": box.height / 2, "constant": 7}.get(box.shape, 2)
            corner, dashes = (box.x - box.width / 2, box.y - box.height / 2), "--" if box.shape == "host" else "-"
            look = f"round,pad=0,rounding_size={r}"
            axes.add_patch(FancyBboxPatch(corner, box.width, box.height, look, linestyle=dashes, **style))
        for k, text in enumerate(box.lines):
            y = box.y + (k - (len(box.lines) - 1) / 2) * LINE
            axes.text(box.x, y, text, fontsize=11 * points, parse_math=False, **mono)
    for a in drawing.arrows:
        if a.at is not None:
            halo = {"facecolor": "white", "edgecolor": "none", "pad": 1 * points}
            axes.text(*a.at, a.label, fontsize=10 * points, color="#444444", bbox=halo, parse_math=False, **mono)
    if drawing.title:
        axes.text(0, 8 - top + MARGIN, drawing.title, fontsize=14 * points, family="DejaVu Sans Mono", parse_math=False)
    if drawing.scale:
        most, colours = drawing.scale
        y, step = MARGIN - top + (HEAD if drawing.title else 0), SCALE / len(colours)
        for k, colour in enumerate(colours):
            left = k * step
            corners = [(left, y), (left + step, y), (left + step, y + 12), (left, y + 12)]
            axes.add_patch(Polygon(corners, facecolor=colour, edgecolor="none"))
        axes.text(0, y + 22, "0", fontsize=11 * points, **mono)
        axes.text(SCALE, y + 22, seconds(most), fontsize=11 * points, **mono)
    figure.savefig(file, format=format, dpi=dpi)
