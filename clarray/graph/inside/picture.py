"""Pictures of graphs: `pydotprint`, and `f.plot()`, in which time is a colour."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..function import Function
from ..running.nodes import CompiledNode
from ..shared import SharedVariable
from ..variable import Constant, Variable
from ..walk import toposort
from .drawing import Arrow, Box, Drawing
from .printing import last_shapes, outputs_of, own_variable
from .profile import seconds as seconds_of
from .svg import as_dot, as_svg, save_bitmap

FORMATS = ("svg", "png", "pdf", "dot")
KINDS = {
    "GpuFromHost": "#f7b6a6", "HostFromGpu": "#f7b6a6", "GpuToGpu": "#f7b6a6", "transfer": "#f7b6a6",
    "GpuElemwise": "#cfe2f7", "GpuCAReduce": "#d8ecc8", "GpuGemm": "#ffe0a8", "GpuGemv": "#ffe0a8", "GpuDot": "#ffe0a8",
    "Scan": "#f3e96b", "IfElse": "#e3b4e8", "GpuSubtensor": "#eadcf2", "GpuIncSubtensor": "#eadcf2",
    "GpuReshape": "#eeeeee", "GpuDimShuffle": "#eeeeee", "GpuAlloc": "#eeeeee",
}  # fmt: skip
SHAPES = {"input": "#e8f6e8", "shared": "#d9e8ff", "output": "#ffe9d6", "constant": "#f5f5f5", "host": "#fafafa"}
HEAT = ("#fff7ec", "#fee8c8", "#fdd49e", "#fdbb84", "#fc8d59", "#ef6548", "#e2452f")
WRAP = 34  # characters of a line in a box


class Picture:
    """Boxes and arrows of what some outputs depend on; `seconds` of a call colours the nodes of a compiled function."""

    def __init__(
        self,
        outputs: Sequence[Variable],
        title: str = "",
        shapes: Mapping[Variable, tuple[int, ...]] | None = None,
        seconds: Mapping[Any, float] | None = None,
        colours: Mapping[str, str] | None = None,
        filled: bool = True,
        ids: bool = False,
        most: int = 70,
        compact: bool = True,
        names: Sequence[str] = (),
    ) -> None:
        self.shapes = shapes or {}
        self.seconds = seconds
        self.colours = {**KINDS, **(colours or {})}
        self.filled, self.ids, self.most, self.compact = filled, ids, most, compact
        self.hottest = max(seconds.values(), default=0.0) if seconds else 0.0
        self.boxes: dict[Any, Box] = {}
        self.arrows: list[Arrow] = []
        nodes = [node for node in toposort(outputs) if not _bound_on_host(node, outputs)]
        for node in nodes:
            self.boxes[node] = self._node(node, len(self.boxes))
        kept = set(nodes)
        for node in nodes:
            for x in dict.fromkeys(node.inputs):
                self._connect(x, self.boxes[node], kept)
        for k, x in enumerate(outputs):
            called = names[k] if names else x.name or f"output {k}"
            box = Box(_wrapped(called, most), "output", SHAPES["output"], f"{x} of type {x.type}")
            self.boxes[("output", k)] = box
            self._connect(x, box, kept)
        self.drawing = Drawing(list(self.boxes.values()), self.arrows, title)
        if seconds is not None:
            self.drawing.scale = (self.hottest, HEAT)

    def _connect(self, x: Variable, head: Box, kept: set[Any]) -> None:
        tail = self.boxes.get(x.owner) if x.owner in kept else None
        if tail is None:
            tail = self.boxes.get(x) or self.boxes.setdefault(x, self._leaf(x))
        elif not self.compact:
            between = self.boxes.get(x)
            if between is None:
                between = self.boxes[x] = Box(_wrapped(x.name or str(x), self.most), "constant", "#ffffff", str(x.type))
                self.arrows.append(Arrow(tail, between))
            tail = between
        self.arrows.append(Arrow(tail, head, "" if isinstance(x, Constant) else self._label(x)))

    def _label(self, x: Variable) -> str:
        """Shape and dtype; extents that are not known are question marks."""
        shape = self._shape(x)
        extents = ", ".join("?" if n is None else str(n) for n in shape)
        text = f"{x.dtype}[{extents}]" if shape else x.dtype
        return f"{x.name} {text}" if x.name and x.owner is not None else text

    def _shape(self, x: Variable) -> Sequence[int | None]:
        own = own_variable(x)
        return self.shapes.get(own, own.aval.shape)

    def _node(self, node: Any, number: int) -> Box:
        compiled = isinstance(node, CompiledNode)
        kind = type(node.op).__name__ if compiled else node.op.name
        lines = _wrapped(str(node.op) if compiled else _named(node), self.most)
        if self.ids:
            lines[0] = f"{number}: {lines[0]}"
        fill = self._colour(kind, node)
        title = f"{node.op}{f', made at {node.line}' if node.line else ''}"
        if self.seconds is not None and compiled:
            spent = self.seconds.get(node.step)
            fill = "#eeeeee"
            if spent is not None:
                fill = HEAT[min(int(len(HEAT) * spent / self.hottest), len(HEAT) - 1)] if self.hottest else HEAT[0]
                lines.append(seconds_of(spent))
        return Box(lines, "box", fill if self.filled else "#ffffff", title)

    def _colour(self, kind: str, node: Any) -> str:
        name = getattr(node.op, "name", "")
        return self.colours.get(name, self.colours.get(kind, "#f2f2f2"))

    def _leaf(self, x: Variable) -> Box:
        if isinstance(x, SharedVariable):
            return Box(_wrapped(x.name or "shared", self.most), "shared", SHAPES["shared"], f"shared {x.type}")
        if isinstance(x, Constant):
            return Box(_wrapped(str(x), self.most), "constant", SHAPES["constant"], f"constant {x.type}")
        if x.owner is not None:  # worked out by the host before kernels run
            return Box(_wrapped(f"host: {x.owner.op.name}", self.most), "host", SHAPES["host"], f"{x.type}")
        return Box(_wrapped(x.name or str(x), self.most), "input", SHAPES["input"], f"input {x.type}")


def _bound_on_host(node: Any, outputs: Sequence[Variable]) -> bool:
    """Whether a node of a compiled function's graph is no step of it: the host works it out when it binds."""
    compiled = any(isinstance(x.owner, CompiledNode) for x in outputs)
    return compiled and not isinstance(node, CompiledNode)


def _named(node: Any) -> str:
    shown = {k: v for k, v in node.params.items() if v is not None and v is not False}
    return f"{node.op.name} {', '.join(f'{k}={v}' for k, v in shown.items())}" if shown else node.op.name


def _wrapped(text: str, most: int) -> list[str]:
    """Text in lines that fit a box, cut where it is longer than `most`."""
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < WRAP:
            lines[-1] += f" {word}"
        else:
            lines += [word[k : k + WRAP] for k in range(0, len(word), WRAP)]
    return lines or [""]


def of_function(f: Function, **options: Any) -> Picture:
    """The picture of a compiled function, with the shapes of its last call and the times of its profile."""
    shapes = last_shapes([f])
    profile: Any = f.profile
    times = None
    if profile is not None and profile.fct_callcount:
        times = {step: work.device / max(work.calls, 1) for step, work in profile.nodes.items()}
    names = [out.variable.name or f"output {k}" for k, out in enumerate(f._recipe["outs"])]
    names += [f"new {x}" for x in f._recipe["updates"]]
    return Picture(f.maker.fgraph.outputs, f"function {f.name}", shapes, times, names=names, **options)


def plot(f: Function, path: Any = None) -> str:
    """The function as SVG: a box for each kernel, transfer and view, coloured by time where it was profiled."""
    text = as_svg(of_function(f).drawing)
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return text


def pydotprint(
    fct: Any,
    outfile: Any = None,
    compact: bool = True,
    format: str | None = None,
    with_ids: bool = False,
    high_contrast: bool = True,
    cond_highlight: Any = None,
    colorCodes: Mapping[str, str] | None = None,
    max_label_size: int = 70,
    scan_graphs: bool = False,
    var_with_name_simple: bool = False,
    print_output_file: bool = True,
    return_image: bool = False,
) -> Any:
    """Draw a function, a variable or a list of them; graphviz is not needed.

    `format` is svg, png, pdf (both by matplotlib) or dot; without it the ending of `outfile` says so, and svg where
    there is none. Boxes are operations, coloured by kind (`colorCodes` maps names of kinds or operations to
    colours; without `high_contrast` they stay white). Where not `compact`, variables have boxes too.
    `with_ids` numbers the operations. With `return_image` the picture is returned, text or bytes, and no file is
    written. `cond_highlight`, `scan_graphs` and `var_with_name_simple` are accepted and change nothing.
    """
    if format is None:
        format = os.path.splitext(str(outfile or ""))[1].lstrip(".").lower() or "svg"
    if format not in FORMATS:
        raise ValueError(f"pydotprint(): format is one of {', '.join(FORMATS)}, {format!r} came")
    options: dict[str, Any] = {
        "colours": colorCodes, "filled": high_contrast, "ids": with_ids, "most": max_label_size, "compact": compact,
    }  # fmt: skip
    picture = of_function(fct, **options) if isinstance(fct, Function) else Picture(outputs_of(fct), **options)
    image: str | bytes
    if format in ("png", "pdf"):
        held = io.BytesIO()
        save_bitmap(picture.drawing, held, format)
        image = held.getvalue()
    else:
        image = as_svg(picture.drawing) if format == "svg" else as_dot(picture.drawing)
    if return_image:
        return image
    path = outfile if outfile is not None else f"clarray.pydotprint.{format}"
    with open(path, "wb") as file:
        file.write(image.encode() if isinstance(image, str) else image)
    if print_output_file:
        print(f"The output file is available at {path}")
    return None
