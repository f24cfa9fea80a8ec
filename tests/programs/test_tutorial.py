"""The programs of tutorial/, which are Theano's but for their import lines, against NumPy and in every mode."""

import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import clarray as ca

FOLDER = Path(__file__).parent / "tutorial"
EXAMPLES = Path(__file__).parents[2] / "examples"
CHECKS = {}


def check(function):
    CHECKS[f"{function.__name__}.py"] = function
    return function


def close(got, wanted, rtol=1e-5, atol=1e-6):
    got = np.asarray(got)
    wanted = np.asarray(wanted)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)


@check
def adding(p):
    assert (p.five, p.by_eval) == (5, pytest.approx(28.4))
    assert p.decimals == pytest.approx(28.4)
    assert p.formula == "(x + y)"
    close(p.matrix, [[11, 22], [33, 44]])
    close(p.polynomial, [4, 16])


@check
def logistic_function(p):
    close(p.by_exp, 1 / (1 + np.exp(-p.points)), rtol=1e-12)
    close(p.by_tanh, p.by_exp, rtol=1e-10)


@check
def several_outputs(p):
    d = p.left - p.right
    for got, wanted in zip(p.listed, (d, abs(d), d**2), strict=True):
        close(got, wanted, rtol=1e-12)
    assert set(p.named) == {"difference", "square"}
    close(p.named["square"], d**2, rtol=1e-12)


@check
def defaults(p):
    assert (p.with_default, p.without) == (34, 35)
    assert [float(v) for v in p.results] == [68, 70, 33, 34, 33]


@check
def accumulator(p):
    assert [int(v) for v in p.before] == [0, 1]
    assert p.after == 301
    assert tuple(map(int, p.again)) == (-1, 2)
    assert tuple(map(int, p.decreased)) == (2, 0)
    assert tuple(map(int, p.skipped if isinstance(p.skipped, tuple) else (p.skipped,))) == (7,)
    assert p.untouched == 0
    assert tuple(map(int, p.swapped)) == (100, 0)
    assert tuple(map(int, p.looked)) == (0, 0)


@check
def gradients(p):
    assert p.at_four == 8
    assert p.at_many == pytest.approx(188.4)
    assert "x" in p.formula
    s = 1 / (1 + np.exp(-p.points))
    close(p.logistic, s * (1 - s), rtol=1e-10)
    a, b = p.values
    close(p.both[0], (1 - np.tanh(a) ** 2) * b, rtol=1e-10)
    close(p.both[1], np.tanh(a), rtol=1e-10)
    close(p.held, a**2, rtol=1e-12)


@check
def subtensors(p):
    wanted = p.data.copy()
    wanted[2] = p.new
    close(p.set_row, wanted)
    wanted = p.data.copy()
    wanted[1:4, ::2] += 10
    close(p.increased, wanted)
    wanted = p.data.copy()
    np.add.at(wanted, p.where, p.new)
    close(p.at_rows, wanted)
    close(p.masked, np.where(p.data < 0, 0, p.data))
    close(p.picked, p.data[p.where, 1])
    close(p.positive, p.data[p.data > 0])
    gx = 2 * p.data
    gx[2] = 0
    close(p.gradients[0], gx)
    close(p.gradients[1], 2 * p.new)
    wanted = p.data.copy()
    wanted[0] = p.new
    close(p.after, wanted)


@check
def choosing(p):
    close(p.lower, p.left.mean(dtype="d"), rtol=1e-5, atol=1e-6)
    close(p.upper, p.right.mean(dtype="d"), rtol=1e-5, atol=1e-6)
    close(p.larger, np.maximum(p.left, p.right))
    wanted = [0, p.left.size, (p.left > p.right).sum(), ((p.left > 0) & (p.right > 0)).any()]
    assert [int(v) for v in p.counted] == [int(v) for v in wanted]


@check
def shapes(p):
    d = p.data
    close(p.stretched, (d + p.row) * p.col)
    assert p.shape.tolist() == [4, 3]
    close(p.normalized, (d - d.mean(axis=0)) / 2, atol=1e-6)
    close(p.outer, d[:, None] * d[None])
    close(p.joined, np.concatenate([d, d[::-1]], axis=1))
    for got, wanted in zip(p.parts, np.split(d, [1], axis=1), strict=True):
        close(got, wanted)
    close(p.stacked, np.stack([d, -d]))
    close(p.flat, d.ravel())
    close(p.tiled, np.tile(d, (2, 1)))
    close(p.repeated, np.repeat(d, 2, axis=0))
    close(p.rolled, np.roll(d, 1, axis=0))
    close(p.diagonal, np.eye(3, 4, 1))
    assert p.numbers.tolist() == [0, 1, 2, 3]
    close(p.ordered[0], np.sort(d, axis=0))
    close(p.ordered[1], np.argsort(d, axis=0))
    close(p.summed[0], np.cumsum(d, axis=0), atol=1e-5)
    close(p.summed[1], np.cumprod(d, axis=1), atol=1e-5)


@check
def least_squares(p):
    design = np.stack([p.xs, np.ones_like(p.xs)], axis=1).astype("d")
    wanted = np.linalg.lstsq(design, p.ys.astype("d"))[0]
    close(p.found, wanted, rtol=1e-3, atol=1e-3)
    close(p.exact, wanted, rtol=1e-4, atol=1e-4)
    assert p.costs[-1] < p.costs[0] / 10


@check
def looking_inside(p):
    close(p.value, np.tanh(p.data @ np.ones((3, 2))).sum(), rtol=1e-4, atol=1e-4)
    assert "tanh" in p.formula
    assert "matmul" in p.tree
    assert "Gpu" in p.compiled
    assert "GpuGemm" in p.summary.getvalue()
    for text in p.pictures:
        assert ElementTree.fromstring(text).tag.endswith("svg")


@check
def borrowing(p):
    for value in p.values:
        close(value, [1, 1])
    assert not (p.unchanged == 7).any()
    assert isinstance(p.inner, ca.GpuArray)
    close(p.kept, [0, 2, 4])


@check
def keeping(p):
    close(p.first, [2, 4, 6])
    close(p.second, [4, 6, 8])
    close(p.original, [1, 2, 3])
    (vector,) = p.graph.owner.inputs[0].owner.inputs
    close(p.graph.eval({vector: [0, 1, 2]}), np.tanh([0, 1, 2]) + 1)


@check
def devices(p):
    close(p.products[0], p.a @ p.a, atol=1e-4)
    close(p.products[1], p.b @ p.b, atol=1e-4)
    close(p.together, p.a @ p.b, atol=1e-4)


def trained_by_hand(p):
    """The logistic regression of examples/ in float64: w, b and the last cost."""
    (points, labels), rate = (v.astype("d") for v in p.D), 0.1
    w, b = p.start.astype("d"), 0.0
    for _ in range(p.training_steps):
        z = points @ w + b
        cost = (labels * np.logaddexp(0, -z) + (1 - labels) * np.logaddexp(0, z)).mean() + 0.01 * (w**2).sum()
        error = (1 / (1 + np.exp(-z)) - labels) / len(labels)
        w, b = w - rate * (points.T @ error + 0.02 * w), b - rate * error.sum()
    return w, b, cost


def test_logistic_regression_against_numpy(any_ctx, mode, monkeypatch):
    """THEANO.md's second program: what training finds, step by step in higher precision."""
    steps = 3 if ca.config.mode == "DebugMode" else 100
    monkeypatch.setattr("sys.argv", ["logistic_regression.py", "--steps", str(steps)])
    p = SimpleNamespace(**runpy.run_path(EXAMPLES / "logistic_regression.py"))
    w, b, cost = trained_by_hand(p)
    close(p.w.get_value(), w, rtol=1e-3, atol=1e-4)
    close(p.b.get_value(), b, rtol=1e-3, atol=1e-4)
    if ca.config.mode != "FAST_COMPILE":  # which takes log(1 - p) as it is written: of p = 1 it is -inf
        assert float(p.err) == pytest.approx(cost, rel=1e-4)
    assert ((p.D[0] @ w + b > 0) == p.predict()).mean() > 0.99


def test_every_program_is_checked():
    assert {path.name for path in FOLDER.glob("*.py")} == set(CHECKS)


@pytest.fixture(params=["FAST_RUN", "FAST_COMPILE", "DebugMode"])
def mode(request, monkeypatch):
    monkeypatch.setattr(ca.config, "mode", request.param)


@pytest.mark.parametrize("program", CHECKS)
def test_program(program, any_ctx, mode, monkeypatch):
    if program == "devices.py":
        monkeypatch.setattr(ca.config, "contexts", f"dev0->{any_ctx.device.place};dev1->cpu0")
    CHECKS[program](SimpleNamespace(**runpy.run_path(FOLDER / program)))
