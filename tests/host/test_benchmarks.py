"""The harness of the benchmarks: goals, the roofline, turns, and what is made of a run."""

import time

import pytest

from benchmarks import harness, render, report, timing
from benchmarks.harness import Case, Goal, Result
from benchmarks.timing import Timing


@pytest.fixture
def result():
    """A case that takes `ours` seconds beside peers, under a roof of 2 bytes and 10 operations a second."""

    def make(ours, goal=None, kind="cpu", nbytes=0, flops=0, **peers):
        case = Case("a case", "chapter", dict, nbytes, flops, goals=Goal.all_of(goal))
        took = {"ours": ours, "copy": 3.0, "peak": 5.0, **peers}
        copied, computed = 6.0 if nbytes else 0.0, 50.0 if flops else 0.0
        return Result(case, kind, {name: Timing((t,)) for name, t in took.items()}, copied, computed)

    return make


def test_a_goal_is_held_against_the_best_of_its_peers(result, rng):
    ours = rng.uniform(1, 2)
    goal = [(("NumPy", "torch"), 1.1), ("JAX", 0.5), ("seconds", ours * 1.01), ("CLBlast", 1.0)]
    found = result(ours, goal, NumPy=ours * 2, torch=ours, JAX=ours).goals
    assert [reached for _, _, reached in found] == [True, False, True, None]
    assert [value for _, value, _ in found] == pytest.approx([1.0, 1.0, ours, None])


def test_a_goal_for_another_kind_of_device_does_not_count(result):
    row = result(1.0, [("NumPy", 1.0, "gpu"), ("torch", 2.0)], NumPy=0.1, torch=1.0)
    assert [(goal.peers, reached) for goal, _, reached in row.goals] == [(("torch",), True)]
    assert "NumPy" not in report.line(row)[-1]


def test_the_roofline_is_the_larger_of_both_times(result, rng):
    nbytes, flops = rng.integers(1, 100, 2)
    assert result(7.0, nbytes=nbytes, flops=flops).share == pytest.approx(max(nbytes / 2, flops / 10) / 7)
    assert result(7.0, flops=flops).share == pytest.approx(flops / 70)
    assert result(7.0).share is None


def test_two_cases_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(harness, "CASES", [])
    harness.case("one")(lambda bench: {})
    with pytest.raises(ValueError, match="two cases"):
        harness.case("one")(lambda bench: {})


def test_slow_peers_get_few_turns(monkeypatch):
    monkeypatch.setattr(timing, "BUDGET", 0)
    monkeypatch.setattr(timing, "SHARE", 0.05)
    calls = {"fast": lambda: None, "slow": lambda: time.sleep(0.03)}
    found = timing.take_turns(calls, lambda: None, 0.001)
    assert len(found["fast"].samples) == timing.ROUNDS
    assert len(found["slow"].samples) == timing.FEW
    assert found["slow"].median > 0.03 > found["fast"].median


def test_the_readme_says_which_goals_are_reached(result, rng):
    ours = rng.uniform(1, 2)
    goals = [("NumPy", 1.1), ("torch", 0.1)]
    case = {"name": "a | b", "skipped": "", "seconds": {}, "goals": []}
    row = result(ours, goals, NumPy=ours * 2, torch=ours)
    case["seconds"] = {name: t.numbers for name, t in row.timings.items()}
    case["goals"] = [{"peers": g.peers, "most": g.most, "measured": v, "reached": r} for g, v, r in row.goals]
    run = {"device": {"platform": "Portable", "driver": "3.0"}, "host": {"processor": "P", "cores": 2},
           "date": "2026-01-01T00:00", "cases": [case, {**case, "name": "other", "goals": []}]}  # fmt: skip
    text = render.rendered([run])
    assert f"| a \\| b | {report.seconds(ours)}, 0.50 × NumPy ✓, 1.00 × torch ✗ |" in text
    assert f"| other | {report.seconds(ours)}, 1.00 × torch |" in text.partition("<details>")[2]
