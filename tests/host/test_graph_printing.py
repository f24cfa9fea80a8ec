"""debugprint and pp. No device."""

from __future__ import annotations

import io

import pytest

import clarray as ca
import clarray.tensor as T
from clarray import printing


def test_tree():
    x, y = T.vectors("x", "y")
    s = T.exp(x)
    s.name = "s"
    text = printing.debugprint(s * y + s, file="str")
    assert text == (
        "add [id A] ''\n"
        " |multiply [id B] ''\n"
        " | |exp [id C] 's'\n"
        " | | |x [id D]\n"
        " | |y [id E]\n"
        " |exp [id C] 's'\n"
        "   > ...\n"
    )


def test_options(capsys):
    x = T.matrix("x")
    y = x.sum(axis=1) + 1
    assert "sum{axis=1}" in printing.debugprint(y, file="str")
    assert "<TensorType(float32, vector)>" in printing.debugprint(y, print_type=True, file="str")
    assert "[id" not in printing.debugprint(y, ids="", file="str")
    assert "[id 0]" in printing.debugprint(y, ids="int", file="str")
    assert printing.debugprint(y, depth=1, file="str").count("\n") == 1
    assert printing.debugprint([y, x], file="str").count("\n") == 5
    printing.debugprint(y)
    assert "sum" in capsys.readouterr().out
    target = io.StringIO()
    printing.debugprint(y, file=target)
    assert "sum" in target.getvalue()
    with pytest.raises(TypeError, match="debugprint"):
        printing.debugprint(3)
    with pytest.raises(ValueError, match="ids is"):
        printing.debugprint(y, ids="roman")


def test_function():
    x = T.vector("x")
    text = printing.debugprint(ca.function([x], T.exp(x) * 2), file="str")
    assert text.splitlines()[0].startswith("HostFromGpu")
    assert "GpuElemwise{exp multiply}" in text
    assert "GpuFromHost" in text


def test_deep_graphs_print():
    y = T.scalar("x")
    for _ in range(3000):
        y = -y
    assert printing.debugprint(y, file="str").count("negative") == 3000
    assert printing.pp(y).count("-") == 3000


def test_formula():
    x, y = T.matrices("x", "y")
    assert printing.pp(x * y + 2) == "((x * y) + 2)"
    assert printing.pp(T.dot(x, y.T)) == "(x \\dot y.T)"
    assert printing.pp(T.grad(T.sqr(T.vector("v")).sum(), T.vector("v"), disconnected_inputs="ignore")).startswith(
        "fill("
    )
    assert ca.pp(-T.exp(x)) == "(-exp(x))"
    with pytest.raises(TypeError, match=r"pp\(\) takes"):
        printing.pp(3)


def test_shared_long_parts_are_named():
    v = T.vector("v")
    z = T.tanh(v * v + T.exp(v - 1) / (2 + v)) * T.sin(v) + T.cos(v) * T.exp(T.sin(v) + T.log(v) * T.sqrt(v)) - 1
    assert len(printing.pp(z)) > 100
    first, where = printing.pp(z * z).split("\n")
    assert first == "(v1 * v1)"
    assert where == f"where v1 = {printing.pp(z)}"
    for _ in range(60):
        v = T.tanh(v + v) * v
    assert len(printing.pp(v)) < 20_000


def test_indices_as_written():
    x, i = T.tensor3("x"), T.iscalar("i")
    assert printing.pp(x[i, 1:, ::2]) == "x[i, 1:, ::2]"
    assert printing.pp(x[..., None, -1]) == "x[..., None, -1]"


def test_order_and_storage(any_ctx):
    x = T.vector("x")
    w = ca.shared([1.0, 2.0], name="w")
    f = ca.function([x], (x / x.shape[0] * w).sum())
    lines = printing.debugprint(f, file="str").splitlines()
    order = [int(line.rsplit("   ", 1)[1]) for line in lines if "Gpu" in line]
    assert order == list(range(len(order)))[::-1]
    assert any("HostOp{" in line for line in lines)
    f([3, 4])
    text = printing.debugprint(f, file="str", print_storage=True)
    assert "w [id" in text
    assert "[[1. 2.]]" in text
    assert "x [id" in text
    assert "[shape (2,)]" in text


def test_several_objects():
    x = T.scalar("x")
    y = T.exp(x)
    text = printing.debugprint([y, y + 1, ca.function([x], y)], file="str")
    assert text.count("exp [id") == 2
    f = ca.function([x], y)
    assert printing.debugprint(f.maker.fgraph, file="str") == printing.debugprint(f, file="str")
    assert printing.debugprint(y.owner, file="str") == printing.debugprint(y, file="str")
    assert "GpuElemwise{exp}" in text


def test_deep_trees_are_fast():
    z = T.scalar("x")
    for _ in range(10_000):
        z = z + 1
    assert printing.debugprint(z, depth=3, file="str").count("add") == 3
    z.name = "z"
    assert printing.debugprint(-z, stop_on_name=True, file="str").count("\n") == 2
