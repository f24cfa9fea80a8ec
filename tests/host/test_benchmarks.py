"""The harness of the benchmarks: goals, the roofline, turns, and what is made of a run."""

import json
import time
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as command
from benchmarks import cases, harness, render, report, timing  # noqa: F401  the rows add themselves
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


def test_a_case_has_a_goal_if_it_has_one_in_any_file(result, rng):
    ours, with_goal = rng.uniform(1, 2), [{"peers": ["NumPy"], "most": 1.1, "measured": 0.5, "reached": True}]
    row = result(ours, NumPy=ours * 2)
    case = {"name": "both", "skipped": "", "seconds": {n: t.numbers for n, t in row.timings.items()}, "goals": []}
    device = {"host": {"processor": "P", "cores": 2}, "date": "2026-01-01T00:00"}
    runs = [
        {**device, "device": {"platform": "Portable", "driver": "3.0"}, "cases": [{**case, "goals": with_goal}]},
        {**device, "device": {"platform": "Portable", "driver": "3.1"}, "cases": [case, {**case, "name": "bare"}]},
    ]
    for given in (runs, runs[::-1]):
        shown, _, folded = render.rendered(given).partition("<details>")
        assert "| both |" in shown
        assert "0.50 × NumPy ✓" in shown
        assert "| both |" not in folded
        assert "| bare |" in folded
        assert "| bare |" not in shown


def test_a_goal_may_be_a_share_of_the_copy(result):
    """A roof of 2 bytes a second: 6 bytes take 3 seconds."""
    ((goal, value, reached),) = result(4.0, ("copy", 1.4, "cpu"), nbytes=6).goals
    assert value == pytest.approx(4 / 3)
    assert reached
    assert report.asked(goal) == "1.40 × copy"
    assert not result(5.0, ("copy", 1.4), nbytes=6).goals[0][2]


def test_the_table_has_a_line_a_case_and_counts_goals(result, rng):
    ours = rng.uniform(1, 2)
    reached = result(ours, [("NumPy", 1.1), ("torch", 0.5)], nbytes=5, NumPy=ours * 2, torch=ours)
    skipped = Result(reached.case, "cpu", skipped="no fp64")
    device, head, first, second, count = report.table([reached, skipped], "a device").split("\n")
    assert device == "a device"
    assert head.split()[:3] == ["case", "ours", "NumPy"]
    assert all(word in first for word in (report.seconds(ours), "0.50", "torch", "reached", "MISSED"))
    assert "no fp64" in second
    assert count == "1 of 2 goals reached"
    assert "goals" not in report.table([skipped], "a device").split("\n")[-1]


def test_a_file_holds_everything_measured(result, rng):
    ours = rng.uniform(1, 2)
    row = result(ours, ("NumPy", 1.1), nbytes=5, flops=7, NumPy=ours * 2)
    hardware = SimpleNamespace(hardware="H", platform="P", driver_version="1", cl=SimpleNamespace(
        platform=SimpleNamespace(version="OpenCL 3.0 ")))  # fmt: skip
    context = SimpleNamespace(device=hardware, traits=SimpleNamespace(compute_units=2, kind="cpu"))
    found = json.loads(json.dumps(report.as_json([row], context, {"CuPy": "not here"})))
    assert found["device"]["version"] == "OpenCL 3.0"
    assert found["absent"] == {"CuPy": "not here"}
    (case,) = found["cases"]
    assert case["seconds"]["ours"]["median"] == ours
    assert case["seconds"].keys() == row.timings.keys()
    assert case["goals"] == [{"peers": ["NumPy"], "most": 1.1, "measured": 0.5, "reached": True}]
    assert case["share_of_roof"] == row.share
    assert (case["nbytes"], case["flops"]) == (5, 7)


def test_words_select_cases(monkeypatch):
    rows = [Case(name, chapter, dict) for name, chapter in (("Sum of rows", "reductions"), ("sort", "sorting"))]
    monkeypatch.setattr(command, "CASES", rows)
    assert command.select([]) == rows
    assert command.select(["SUM"]) == rows[:1]
    assert command.select(["sorting", "rows"]) == rows
    assert command.select(["nothing of this"]) == []


def test_the_command_lists_cases(monkeypatch, capsys):
    monkeypatch.setattr(command, "CASES", [Case("one", "a", dict), Case("two", "b", dict, kind="gpu")])
    assert command.main(["--list", "two"]) == 0
    assert capsys.readouterr().out == "b: two (GPUs)\n"
    assert command.main(["three"]) == 2
    assert capsys.readouterr().out.splitlines() == ["a: one", "b: two (GPUs)"]


def test_goals_for_gpus_are_those_asked_for():
    for_gpus = {case.name: [g for g in case.goals if g.kind == "gpu"] for case in harness.CASES}
    assert [(g.peers, g.most) for g in for_gpus["matmul float32 4096"]] == [(("torch.cuda", "CuPy"), 1 / 0.85)]
    assert [(g.peers, g.most) for g in for_gpus["matmul float16 4096"]] == [(("torch.cuda", "CuPy"), 1 / 0.5)]
    assert [(g.peers, g.most) for g in for_gpus["eager a + b of 10, enqueued"]] == [(("CuPy",), 1.0)]
    for name in ("a + b, 64M float32", "sum axis 0, 16384 x 16384"):
        assert [(g.peers, g.most) for g in for_gpus[name]] == [(("copy",), 1 / 0.9)]


def test_cases_that_move_memory_have_their_place_under_the_roofline():
    chapters = {"fft", "sorting", "scans", "rows", "reductions", "convolution", "elementwise"}
    assert not [c.name for c in harness.CASES if c.chapter in chapters and not c.nbytes]
    assert not [c.name for c in harness.CASES if c.chapter == "fft" and not c.flops]


@pytest.fixture
def clock(monkeypatch):
    """Time that passes in sleep alone, while threads burn `busy` seconds of it, from the beginning on."""

    def start(busy, cores=2.0):
        now = [0.0]

        def sleep(seconds):
            now[0] += seconds

        fake = SimpleNamespace(perf_counter=lambda: now[0], process_time=lambda: cores * min(now[0], busy), sleep=sleep)
        monkeypatch.setattr(timing, "time", fake)
        return lambda: now[0]

    return start


def test_quiet_waits_for_threads_to_sleep(clock, rng):
    busy = rng.uniform(0.02, 0.3)
    passed = clock(busy)
    timing.quiet()
    assert busy < passed() <= busy + 3 * timing.WINDOW + 1e-9


def test_quiet_is_short_in_silence_and_gives_up_in_noise(clock):
    passed = clock(0)
    timing.quiet()
    assert passed() == pytest.approx(2 * timing.WINDOW)
    passed = clock(1e9)
    timing.quiet()
    assert timing.LONGEST <= passed() <= timing.LONGEST + timing.WINDOW
