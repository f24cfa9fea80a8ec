"""The benchmarks' cases: ours computes what NumPy does, and the command runs one from beginning to end."""

import json

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import cases, harness, timing  # noqa: F401  the rows add themselves
from benchmarks.check import check, difference
from benchmarks.harness import CASES, NUMPY, OURS, Bench, Skip
from benchmarks.peers import PEERS

HOSTLESS = {"matmul float16 4096"}  # takes NumPy minutes
SLOW = {"loop_limit": "its compiler takes minutes", "simulator": "it takes minutes"}


@pytest.fixture
def small(any_ctx):
    """A bench of little data, without optional peers."""
    for quirk, reason in SLOW.items():
        if quirk in any_ctx.traits.quirks:
            pytest.skip(reason)
    return Bench(any_ctx, small=True)


@pytest.mark.parametrize("chapter", dict.fromkeys(c.chapter for c in CASES))
def test_all_compute_the_same(small, chapter):
    wrong, compared = {}, 0
    for row in CASES:
        if row.chapter != chapter:
            continue
        try:
            found = check(small, row)
        except Skip:
            continue
        compared += len(found)
        assert OURS in found or row.name in HOSTLESS, f"{row.name}: NumPy is not beside ours"
        wrong |= {f"{name} in {row.name}": reason for name, reason in found.items() if reason}
    assert compared
    assert not wrong
    assert not [name for name in small.peers.absent if name.startswith(NUMPY)]


def test_a_case_that_computes_something_else_is_found(small, rng):
    def prepare(bench):
        x = rng.uniform(1, 2, 5).astype(np.float32)
        formulas = {"NumPy": lambda np, x: x + 1, "pyopencl.array": lambda array, x: x + 2}
        return {"ours": lambda: x + np.float32(1.001), **bench.beside(formulas, x), "raw": lambda: None}

    found = check(small, harness.Case("one", "chapter", prepare))
    assert found.keys() == {"ours", "pyopencl.array"}
    assert all("off by" in reason for reason in found.values())


def test_differences_are_named(rng):
    x = rng.uniform(1, 2, (2, 3)).astype(np.float32)
    assert difference(x, x.astype(np.float64) * (1 + 1e-6)) == ""
    assert "shape" in difference(x, x[0])
    assert "int32" in difference(x, x.astype(np.int32))
    assert "of 6 elements" in difference(x.astype(np.int32), 2 * x.astype(np.int32))
    assert "nan" in difference(x, np.full_like(x, np.nan))


def test_peers_compute_on_arrays_of_their_own(small, rng):
    x = rng.uniform(1, 2, 7).astype(np.float32)
    every = dict.fromkeys(PEERS, lambda xp, x: x * 2)
    work = small.beside(every, x)
    assert list(work) == [name for name, peer in PEERS.items() if peer.always]
    for name, one in work.items():
        np.testing.assert_array_equal(small.peers.host(name, one()), 2 * x)


def test_absent_peers_say_why(any_ctx):
    if "NVIDIA" in any_ctx.device.cl.vendor.upper():
        pytest.skip("the device is NVIDIA's")
    bench = Bench(any_ctx, peers=True, small=True)
    assert bench.beside({"CuPy": lambda cupy, x: x}, np.ones(3)) == {}
    assert "NVIDIA" in bench.peers.absent["CuPy"]


def test_what_a_peer_is_like_serves_for_it(small, monkeypatch):
    """As torch.cuda is like torch: the formula is applied to its own module and arrays."""
    from benchmarks import peers

    twin = peers.Peer(lambda context: "module", lambda module, x: (module, x), like="NumPy", always=True)
    monkeypatch.setitem(peers.PEERS, "twin", twin)
    work = small.beside({"NumPy": lambda xp, x: (xp, x)}, np.ones(3))
    assert work["twin"]()[0] == "module"
    assert work["twin"]()[1][0] == "module"


@pytest.fixture
def quickly(monkeypatch):
    """Two short turns of each, without silence between them."""
    monkeypatch.setattr(timing, "ROUNDS", 2)
    monkeypatch.setattr(timing, "BUDGET", 0)
    monkeypatch.setattr(timing, "quiet", lambda: None)


def test_the_command_times_cases_and_keeps_them(any_ctx, quickly, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "context_for", lambda: any_ctx)
    other = "cpu" if any_ctx.traits.kind == "gpu" else "gpu"

    def prepare(bench):
        return {"ours": lambda: None, **bench.beside({"NumPy": lambda np, x: x + 1}, np.ones(3))}

    goals = harness.Goal.all_of([("NumPy", 100.0), ("NumPy", 0.0, other)])
    rows = [
        harness.Case("here", "chapter", prepare, goals=goals),
        harness.Case("elsewhere", "chapter", prepare, kind=other),
    ]
    monkeypatch.setattr(command, "CASES", rows)
    assert command.main(["chapter", "--json", str(tmp_path / "run.json")]) == 0
    printed = capsys.readouterr().out
    assert "here" in printed
    assert "1 of 1 goals reached" in printed
    assert "elsewhere" not in printed
    assert printed.startswith(f"{any_ctx.device.hardware}, {any_ctx.device.platform} ")
    (found,) = json.loads((tmp_path / "run.json").read_text())["cases"]
    assert found["name"] == "here"
    assert found["seconds"].keys() == {"ours", "NumPy"}
    assert [goal["peers"] for goal in found["goals"]] == [["NumPy"]]


def test_the_command_checks_cases(any_ctx, capsys, monkeypatch):
    monkeypatch.setattr(command, "context_for", lambda: any_ctx)
    wrong = harness.Case("wrong", "chapter", lambda bench: {"ours": lambda: [1.0], "NumPy": lambda: [2.0]})
    right = harness.Case("right", "chapter", lambda bench: {"ours": lambda: [1.0], "NumPy": lambda: [1.0]})
    monkeypatch.setattr(command, "CASES", [wrong, right])
    assert command.main(["--check", "right"]) == 0
    assert capsys.readouterr().out == "right: ours agrees\n"
    assert command.main(["--check"]) == 1
    assert "wrong: ours off by" in capsys.readouterr().out
