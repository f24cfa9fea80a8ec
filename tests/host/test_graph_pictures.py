"""Pictures of graphs, read back as XML: boxes do not overlap, labels are inside, arrows point down. No device."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.inside.drawing import CHAR, Arrow, Box, Drawing
from clarray.printing import pydotprint

SVG = "{http://www.w3.org/2000/svg}"


def drawn(x, **options):
    return ET.fromstring(pydotprint(x, return_image=True, **options))


def boxes(root):
    return [e for e in root.iter() if e.get("class", "").startswith("node")]


def random_drawing(rng, count):
    """A graph of `count` boxes in which each reads up to three earlier ones."""
    found = [
        Box(["x" * int(n)] * int(m))
        for n, m in zip(rng.integers(1, 40, count), rng.integers(1, 4, count), strict=False)
    ]
    pairs = {(int(rng.integers(max(0, k - 12), k)), k) for k in range(1, count) for _ in range(rng.integers(1, 4))}
    return Drawing(found, [Arrow(found[a], found[b], "float32[3, 4]" if a % 2 else "") for a, b in sorted(pairs)])


@pytest.mark.parametrize("count", [1, 2, 20, 200])
def test_nothing_overlaps(rng, count):
    drawing = random_drawing(rng, count)
    frames = [(b.x, b.y, b.width, b.height) for b in drawing.boxes]
    frames += [(*a.at, len(a.label) * CHAR * 0.9, 14) for a in drawing.arrows if a.at is not None]
    for k, (x, y, w, h) in enumerate(frames):
        assert x - w / 2 >= -0.01
        assert x + w / 2 <= drawing.width + 0.01
        assert y - h / 2 >= -0.01
        assert y + h / 2 <= drawing.height + 0.01
        for v, z, u, g in frames[:k]:
            assert abs(x - v) >= (w + u) / 2 or abs(y - z) >= (h + g) / 2
    for a in drawing.arrows:
        heights = [y for _, y in a.points]
        assert heights == sorted(heights)
        assert abs(a.points[0][0] - a.tail.x) < a.tail.width / 2
        assert abs(a.points[-1][0] - a.head.x) < a.head.width / 2


def test_a_box_for_each_operation_and_leaf():
    x, y = T.vectors("x", "y")
    w = ca.shared(np.ones(3, "f"), name="w", target="cpu")
    z = T.exp(x * y + w) * 2
    z.name = "z"
    root = drawn(z)
    kinds = [e.get("class").split()[1] for e in boxes(root)]
    assert sorted(kinds) == ["box"] * 4 + ["constant", "input", "input", "output", "shared"]
    assert sum(e.get("class") == "edge" for e in root.iter()) == 8
    texts = {e.text for e in root.iter(f"{SVG}text")}
    assert {"exp", "multiply", "add", "x", "y", "w", "z", "2", "float32[?]", "z float32[?]"} <= texts
    shapes = {e.get("class").split()[1]: e.tag.removeprefix(SVG) for e in boxes(root)}
    assert shapes["shared"] == shapes["output"] == "polygon"
    assert shapes["box"] == "rect"


def test_labels_are_inside_their_boxes():
    x = T.matrix("a_name_that_is_rather_long_for_a_variable_of_a_graph")
    root = drawn(T.sum(T.exp(x), axis=1, keepdims=True) + x.reshape((3, -1)))
    rows = list(root.iter())
    seen = 0
    for k, e in enumerate(rows):
        if e.tag == f"{SVG}rect" and e.get("class"):
            left, right = float(e.get("x")), float(e.get("x")) + float(e.get("width"))
            top, bottom = float(e.get("y")), float(e.get("y")) + float(e.get("height"))
            for text in rows[k + 2 :]:  # after its title
                if text.tag != f"{SVG}text" or text.get("class"):
                    break
                middle, half = float(text.get("x")), len(text.text) * CHAR / 2
                assert left <= middle - half
                assert middle + half <= right
                assert top < float(text.get("y")) - 8
                assert float(text.get("y")) < bottom
                seen += 1
    assert seen >= 6


def test_options():
    x, y = T.scalars("x", "y")
    z = x * y + T.exp(x)
    assert any(e.get("fill") == "#123456" for e in boxes(drawn(z, colorCodes={"exp": "#123456"})))
    assert all(e.get("fill") == "#ffffff" for e in boxes(drawn(z, high_contrast=False)) if "box" in e.get("class"))
    assert {"0: multiply", "1: exp", "2: add"} <= {e.text for e in drawn(z, with_ids=True).iter(f"{SVG}text")}
    assert len(boxes(drawn(z, compact=False))) == len(boxes(drawn(z))) + 3
    long = T.scalar("n" * 200)
    cut = [e.text for e in drawn(long + 1, max_label_size=10).iter(f"{SVG}text")]
    assert "n" * 7 + "..." in cut
    with pytest.raises(ValueError, match=r"pydotprint\(\): format is one of svg, png, pdf, dot, 'gif' came"):
        pydotprint(z, format="gif")
    with pytest.raises(TypeError, match="takes variables or functions"):
        pydotprint(3)


def test_markup_in_names_is_text():
    x = T.scalar('<b> & "quotes"')
    assert '<b> & "quotes"' in [e.text for e in drawn(x + 1).iter(f"{SVG}text")]
    assert r"\"quotes\"" in pydotprint(x + 1, format="dot", return_image=True)


def test_files(tmp_path, capsys):
    x = T.vector("x")
    for name, start in (("a.svg", b"<svg"), ("a.dot", b"digraph"), ("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")):
        pydotprint(T.exp(x) + x, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    assert capsys.readouterr().out.count("The output file is available at") == 4
    pydotprint(x, tmp_path / "b", format="svg", print_output_file=False)
    assert capsys.readouterr().out == ""
    assert (tmp_path / "b").read_bytes().startswith(b"<svg")


def test_text_for_graphviz():
    x, y = T.vectors("x", "y")
    text = pydotprint(T.exp(x) * y, format="dot", return_image=True)
    names = re.findall(r'^  (n\d+) \[label="(.*?)"', text, re.MULTILINE)
    assert sorted(label for _, label in names) == ["exp", "multiply", "output 0", "x", "y"]
    arrows = re.findall(r"^  (n\d+) -> (n\d+) ", text, re.MULTILINE)
    assert len(arrows) == 4
    assert {n for pair in arrows for n in pair} == {n for n, _ in names}


def test_a_bitmap_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"clarray\[plot\]"):
        pydotprint(T.scalar("x") + 1, format="png", return_image=True)


def test_long_chains():
    z = x = T.vector("x")
    for _ in range(300):
        z = z * 1.5 + x
    assert len(boxes(drawn(z))) == 600 + 300 + 2
