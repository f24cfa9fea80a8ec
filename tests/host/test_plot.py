"""The pictures of a run: who counts as a peer, and where the roofline, its labels and the bars lie."""

import json
import sys

import pytest

from benchmarks import peers, plot


@pytest.fixture
def pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def case(name, nbytes, flops, ours, roof=(10e9, 100e9), goals=(), dtype="float32", **others):
    """A case as a file holds it."""
    seconds = {peer: {"median": t} for peer, t in {"ours": ours, "copy": 1.0, "peak": 1.0, **others}.items()}
    return {"name": name, "chapter": "chapter", "skipped": "", "nbytes": nbytes, "flops": flops, "dtype": dtype,
            "roof": roof, "share_of_roof": 0.5, "goals": list(goals), "seconds": seconds}  # fmt: skip


def run(*cases):
    return {"device": {"name": "D", "platform": "Portable Computing Language", "driver": "3.0"}, "cases": list(cases)}


def test_every_peer_has_a_marker_and_nobody_else():
    assert plot.PEERS.keys() == {*peers.PEERS, "NumPy out="}
    styles = list(plot.PEERS.values())
    assert len(set(styles)) == len(styles)


@pytest.mark.parametrize("name", ["bare launch", "bare set + launch", "ours, unfused", "raw", "copy", "peak"])
def test_kernels_by_hand_are_no_peers(name):
    assert plot.beside(case("one", 1, 1, 2.0, **{name: 0.1})) is None
    assert plot.beside(case("one", 1, 1, 2.0, NumPy=4.0, **{name: 0.1})) == ("NumPy", 0.5, None)


def test_a_case_is_held_against_its_first_goal_that_was_measured():
    goals = [
        {"peers": ["CLBlast"], "most": 0.2},
        {"peers": ["torch", "JAX"], "most": 0.8},
        {"peers": ["NumPy"], "most": 2},
    ]
    row = case("one", 1, 1, 2.0, goals=goals, NumPy=1.0, torch=8.0, JAX=4.0)
    assert plot.beside(row) == ("JAX", 0.5, 0.8)
    assert plot.beside({**row, "skipped": "no fp64"}) is None


@pytest.mark.parametrize("intensity", [0.01, 1.0, 10.0, 1e4])
def test_the_roof_rises_to_its_ridge(pyplot, intensity):
    """Wherever the cases lie: the ridge is at 10 operations a byte."""
    found = plot.roofline(pyplot, run(case("one", 1e6, intensity * 1e6, 1e-3, NumPy=2e-3)))
    (axes,) = found.axes
    roof = axes.lines[0]
    xs, ys = roof.get_xdata(), roof.get_ydata()
    assert list(xs) == sorted(xs)
    assert xs[1] == pytest.approx(10)
    assert list(ys) == pytest.approx([xs[0] * 10, 100, 100])
    low, high = axes.get_xlim()
    assert low <= xs[0] < intensity < high
    (bandwidth,) = [t for t in axes.texts if t.get_text().startswith("copy")]
    assert bandwidth.get_text() == "copy: 10 GB/s"
    found.canvas.draw()
    box, frame = bandwidth.get_window_extent(), axes.get_window_extent()
    assert frame.y0 <= box.y0
    assert box.y1 <= frame.y1
    assert frame.x0 <= box.x0
    assert box.x1 <= frame.x1


def test_dtypes_have_roofs_of_their_own(pyplot):
    rows = [case("a", 1e6, 1e6, 1e-3), case("b", 1e6, 9e7, 1e-3, roof=(10e9, 50e9), dtype="float64")]
    (axes,) = plot.roofline(pyplot, run(*rows)).axes
    labels = {t.get_text() for t in axes.texts}
    assert {"float32: 100 GFLOP/s", "float64: 50 GFLOP/s", "a", "b", "1", "2"} <= labels


def test_points_do_not_lie_on_one_another(pyplot):
    rows = [case(f"case {k}", 1e6, 1e6, 1e-3) for k in range(5)]
    figure = plot.roofline(pyplot, run(*rows))
    (axes,) = figure.axes
    numbers = {str(k + 1) for k in range(5)}
    spots = [axes.transData.transform(t.get_position()) for t in axes.texts
             if t.get_text() in numbers and t.get_transform() == axes.transData]  # fmt: skip
    assert len(spots) == 5
    width = 10 * figure.dpi / 72
    assert all(abs(a[0] - b[0]) > width for k, a in enumerate(spots) for b in spots[:k])


def test_bars_end_at_the_ratios(pyplot):
    goal = [{"peers": ["NumPy"], "most": 0.3}]
    rows = [
        case("fast", 1, 1, 1.0, NumPy=2.0),
        case("missed", 1, 1, 1.0, goals=goal, NumPy=2.0),
        case("alone", 1, 1, 1.0),
    ]
    (axes,) = plot.ratios(pyplot, run(*rows)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fast", "missed"]
    assert [bar.get_x() + bar.get_width() for bar in axes.patches] == pytest.approx([0.5, 0.5])
    colours = [matplotlib_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours == [plot.FASTER, plot.SLOWER]


def matplotlib_hex(colour):
    from matplotlib.colors import to_hex

    return to_hex(colour)


def test_there_is_no_picture_of_nothing(pyplot):
    assert plot.roofline(pyplot, run(case("one", 0, 5, 1.0))) is None
    assert plot.ratios(pyplot, run(case("one", 0, 5, 1.0))) is None


def test_the_command_draws_what_was_kept(tmp_path, monkeypatch):
    (tmp_path / "run.json").write_text(json.dumps(run(case("one", 1e6, 1e6, 1e-3, NumPy=2e-3))))
    monkeypatch.setattr(sys, "argv", ["plot", str(tmp_path / "run.json"), str(tmp_path / "run.png")])
    assert plot.main() == 0
    for name in ("run.png", "run-ratios.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(sys, "argv", ["plot"])
    assert plot.main() == 2
