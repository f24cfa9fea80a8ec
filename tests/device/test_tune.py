"""Tuning keeps what is right and faster, whatever else the candidates do; what is kept is used, or ignored in peace."""

import argparse
import importlib
import logging
import sqlite3
import time
from dataclasses import replace

import numpy as np
import pyopencl as cl
import pytest

import clarray as ca
from clarray import cache_command, tuning_command
from clarray.codegen import elementwise, lowering, tuning
from clarray.codegen.tuning import Sample, Tunable
from clarray.config import config
from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.core.op import Op, Ufunc
from clarray.device import binaries, context, store
from clarray.device.context import Context
from clarray.device.measure import COPIED, described, measure
from clarray.device.tune import Effort, Outcome, classes, difference, drawn, tune
from clarray.errors import ClarrayError

SIZE = 1 << 18
FEW = Effort(seconds=0.1, pairs=5)
CODES = {"fast": "x + x", "wrong": "x + x + 0.01f", "broken": "no_such_function(x)"}  # others are slow


class Doubling(Op):
    """2 * x, by the function that tuning chooses: the default is slow."""

    name = "doubling"


@pytest.fixture(autouse=True)
def folder(tmp_path):
    """An empty cache folder."""
    with config.change_flags(cache_dir=str(tmp_path / "cache"), tuning=True):
        yield tmp_path / "cache"


@pytest.fixture
def row(monkeypatch):
    """A Tunable of two classes; its default, which one candidate equals, does the work 30 times."""
    ops = {code: Ufunc("doubled", "x", code, "f") for code in CODES.values()}

    def rule(op, call):
        (x,) = call.arrays
        chosen = call.traits.choice("doubling", "odd" if x.size % 2 else "even", "slow")
        if chosen == "raises":
            raise KeyError("a rule that does not know its own candidate")
        builder = Builder()
        op = ops[CODES.get(chosen, "x + x")]
        body = builder.build([builder.call(op, [builder.load(0, x.dtype)], (x.dtype,), x.dtype)])
        plan = elementwise.lower(body, [Layout.of(x.dtype, x.shape)], [x], call.traits)
        return plan if chosen in CODES else replace(plan, launches=plan.launches * 30)

    def sample(problem, size):
        return Sample(problem, op, (Layout.of(np.dtype("float32"), (size,)),), lambda x: 2 * x.astype(float))

    op = Doubling()
    monkeypatch.setitem(lowering.RULES, Doubling, rule)
    samples = [sample("even", SIZE), sample("odd", SIZE + 1)]
    made = Tunable(
        "doubling",
        "how to double",
        lambda traits, problem: ["wrong", "same", "broken", "raises", "fast"],
        lambda traits: samples,
    )
    monkeypatch.setattr(tuning, "TUNABLES", {})
    for module in (tuning_command, importlib.import_module("clarray.device.tune")):
        monkeypatch.setattr(module, "TUNABLES", tuning.TUNABLES)
    return tuning.tunable(made)


def arguments(*ops, **options):
    return argparse.Namespace(**{"ops": list(ops), "quick": False, "device": None, "verbose": False, **options})


def test_what_is_right_and_faster_wins_and_the_next_context_uses_it(ctx, row):
    outcomes = list(tune(ctx, classes(ctx.traits), FEW))
    assert [(o.problem, o.winner, o.tried) for o in outcomes] == [("even", "fast", 2), ("odd", "fast", 2)]
    for o in outcomes:
        failures = dict(o.failures)
        assert failures.keys() == {"wrong", "broken", "raises"}
        assert "elements are wrong" in failures["wrong"]
        assert "does not build" in failures["broken"]
        assert "KeyError" in failures["raises"]
        assert o.gain > 1.03
        assert o.default_seconds > o.seconds > 0
    assert ctx.traits.choice("doubling", "even", "slow") == "slow"  # a context keeps what it began with
    following = Context(ctx.device, "next")
    assert dict(following.traits.tuned) == {("doubling", "even"): "fast", ("doubling", "odd"): "fast"}
    with config.change_flags(tuning=False):
        assert not Context(ctx.device, "untuned").traits.tuned


def test_a_default_that_nobody_beats_stays_and_an_earlier_winner_goes(any_ctx, row):
    with store.writing() as kept:
        kept.keep_winner(any_ctx.device, "doubling", "even", '"fast"', 1.0, 2.0)
    same = replace(row, candidates=lambda traits, problem: ["same", "wrong"])
    (outcome, _) = tune(any_ctx, [(same, s) for s in row.samples(None)], FEW)
    assert outcome.winner is None
    assert outcome.default_seconds > 0
    assert store.load(any_ctx.device).winners == ()


def test_a_short_run_does_not_forget_a_winner_that_it_would_not_come_to(any_ctx, row):
    kept_winner(any_ctx.device)
    following = Context(any_ctx.device, "next")
    (outcome, _) = tune(following, classes(following.traits), replace(FEW, candidates=1))
    assert (outcome.winner, outcome.tried) == ("fast", 2)


def test_a_class_that_no_kernel_of_its_sample_asks_for_is_told(any_ctx, row):
    stray = replace(row.samples(None)[0], problem="evne")
    (outcome,) = tune(any_ctx, [(row, stray)], FEW)
    assert "other kernels" in outcome.skipped
    assert not outcome.error


def test_a_reference_that_the_default_does_not_meet_is_told(any_ctx, row):
    sample = replace(row.samples(None)[0], reference=lambda x: 3 * x)
    (outcome,) = tune(any_ctx, [(row, sample)], FEW)
    assert "the default's result is wrong" in outcome.skipped
    assert outcome.error
    assert store.load(any_ctx.device).winners == ()


def test_when_time_is_over_the_rest_is_left(any_ctx, row):
    outcomes = list(tune(any_ctx, classes(any_ctx.traits), replace(FEW, in_all=-1.0)))
    assert all(o.late for o in outcomes)
    assert "no time was left for 2 more" in tuning_command.table(outcomes)


def test_an_interrupted_run_keeps_what_was_finished(any_ctx, row, monkeypatch, capsys):
    def interrupt(x):
        raise KeyboardInterrupt

    first, second = row.samples(None)
    samples = [first, replace(second, reference=interrupt)]
    monkeypatch.setitem(tuning.TUNABLES, "doubling", replace(row, samples=lambda traits: samples))
    monkeypatch.setattr(tuning_command, "FULL", FEW)
    assert tuning_command.run(arguments()) == 130
    out, err = capsys.readouterr()
    assert "interrupted: 1 of 2 classes are done" in err
    assert "even" in out
    assert store.load(any_ctx.device).winners == (("doubling", "even", '"fast"'),)


def test_the_command_says_what_failed_and_why(any_ctx, row, monkeypatch, capsys):
    monkeypatch.setattr(tuning_command, "FULL", FEW)
    assert tuning_command.run(arguments("doubling", verbose=True)) == 0
    out = capsys.readouterr().out
    assert "copies" in out
    assert "failed      doubling, even, 'broken': CompileError" in out
    assert "2 winners" in out
    with pytest.raises(ClarrayError, match="nothing to tune is called 'tripling'; there are: doubling"):
        tuning_command.run(arguments("tripling"))


# the file


def kept_winner(device):
    with store.writing() as kept:
        kept.keep_winner(device, "doubling", "even", '"fast"', 1.0, 2.0)


SPOILT = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not what was written" * 1000),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:700]),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "format": lambda path: sqlite3.connect(path).executescript("PRAGMA user_version = 99").close(),
    "tables": lambda path: sqlite3.connect(path).executescript("DROP TABLE winners").close(),
    "facts": lambda path: sqlite3.connect(path).executescript("UPDATE facts SET value = 'no JSON'").close(),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_file_is_as_good_as_none(any_ctx, row, how, caplog):
    kept_winner(any_ctx.device)
    Context(any_ctx.device, "first")  # stores what its probe found
    SPOILT[how](store.path())
    with caplog.at_level(logging.INFO, "clarray.tuning"):
        assert store.load(any_ctx.device) == store.Kept()
        started = Context(any_ctx.device, "again")
    assert not started.traits.tuned
    assert started.traits == any_ctx.traits
    assert how in ("folder", "empty") or "is not used" in caplog.text


def test_a_spoilt_file_is_an_error_where_one_writes_and_clear_mends_it(any_ctx, row, capsys, tmp_path, monkeypatch):
    for name in ("XDG_CACHE_HOME", "POCL_CACHE_DIR", "MESA_SHADER_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path))  # the machine's own may hold much
    kept_winner(any_ctx.device)
    SPOILT["text"](store.path())
    with pytest.raises(ClarrayError, match="clarray cache --clear"):
        tuning_command.run(arguments())
    assert cache_command.run(argparse.Namespace(clear=False)) == 1
    assert "clarray cache --clear" in capsys.readouterr().err
    assert cache_command.run(argparse.Namespace(clear=True)) == 0
    assert not store.path().exists()
    assert cache_command.run(argparse.Namespace(clear=False)) == 0
    kept_winner(any_ctx.device)


def test_a_locked_file_does_not_stop_a_start(any_ctx, row, monkeypatch):
    kept_winner(any_ctx.device)
    other = sqlite3.connect(store.path(), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    waits, connect = [], sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, wait, **options: waits.append(wait) or connect(path, wait, **options)
    )
    assert not Context(any_ctx.device, "meanwhile").traits.tuned
    assert waits
    assert sum(waits) <= 1  # second, in all
    other.execute("ROLLBACK")
    other.close()
    assert Context(any_ctx.device, "later").traits.tuned


@pytest.mark.parametrize("column", range(4))
def test_winners_of_another_device_driver_or_version_do_not_count(any_ctx, row, monkeypatch, column):
    key = list(store.key_of(any_ctx.device))
    with monkeypatch.context() as patched:
        patched.setattr(store, "key_of", lambda device: (*key[:column], "another", *key[column + 1 :]))
        kept_winner(any_ctx.device)
    assert not Context(any_ctx.device, "again").traits.tuned
    kept_winner(any_ctx.device)
    assert Context(any_ctx.device, "again").traits.tuned
    assert [winners for *_, winners in store.counts()] == [1, 1]


def test_what_is_no_candidate_any_more_is_left_out(any_ctx, row, caplog):
    with store.writing() as kept:
        kept.keep_winner(any_ctx.device, "doubling", "even", '"faster still"', 1.0, 2.0)
        kept.keep_winner(any_ctx.device, "no such row", "even", "4", 1.0, 2.0)
    with caplog.at_level(logging.INFO, "clarray.tuning"):
        assert not Context(any_ctx.device, "again").traits.tuned
    assert caplog.text.count("no candidate any more") == 2


def test_a_second_context_finds_the_probes_answers(ctx, monkeypatch):
    first = Context(ctx.device, "first")

    def never(*args):
        raise AssertionError("probed again")

    monkeypatch.setattr(context, "try_features", never)
    assert Context(ctx.device, "second").traits == first.traits == ctx.traits


def test_features_found_where_a_driver_listed_others_do_not_count(any_ctx):
    """As with RUSTICL_FEATURES=fp64 in one process and not in the next."""
    store.keep_quietly(any_ctx.device, "features", {"listed": "cl_khr_fp16", "work": ["FP16"]})
    assert Context(any_ctx.device, "again").traits == any_ctx.traits
    store.keep_quietly(any_ctx.device, "features", ["FP64"])
    assert Context(any_ctx.device, "and again").traits == any_ctx.traits


def test_programs_come_from_disk_and_spoilt_ones_are_built(any_ctx, folder, monkeypatch):
    if "slow_source_cache" not in any_ctx.traits.quirks:
        pytest.skip("this driver's programs are kept by pyopencl or by itself")
    source = f"kernel void f(global int *x) {{ x[0] = {np.random.default_rng().integers(1 << 30)}; }}"
    real, built = binaries.keep, []
    monkeypatch.setattr(binaries, "keep", lambda program, file: (real(program, file), built.append(file)))

    def builds():
        built.clear()
        program = Context(any_ctx.device, "fresh").programs.build(source)
        assert cl.Kernel(program, "f").num_args == 1
        return len(built)

    assert builds() == 1
    (file,) = built
    assert file.stat().st_size == 0  # seen once
    assert (builds(), builds(), builds()) == (1, 0, 0)
    whole = file.read_bytes()
    for spoilt in (b"", b"x", b"x" * 5000, whole[:-1], whole[:32]):
        file.write_bytes(spoilt)
        assert (builds(), builds()) == (1, 0)


# parts


def test_measured_figures_are_those_of_a_machine(ctx):
    """Within what the load of the machine does to clocks, they are what a copy and a tiny kernel take here."""
    facts = measure(ctx)
    large, tiny = ca.zeros(COPIED // 4, dtype=np.float32), ca.zeros(10, dtype=np.float32)
    copy, wake, launch = (
        shortest(7, lambda: (large.copy(), ctx.queue.finish())),
        shortest(100, lambda: (tiny.copy(), ctx.queue.finish())),
        shortest(7, lambda: ([tiny.copy() for _ in range(1000)], ctx.queue.finish())) / 1000,
    )
    assert 1 / 5 < facts["copy"] * copy / (2 * COPIED) < 5
    assert 1 / 10 < facts["wake"] / wake < 5
    assert 1 / 20 < facts["launch"] / launch < 5
    rates = [rate for name, rate in facts.items() if name.startswith("float")]
    assert bool(rates) == (ctx.traits.kind == "cpu")
    assert all(1e8 < rate < 1e12 * ctx.traits.compute_units for rate in rates)
    line = described({"copy": 12.34e9, "launch": 5.6e-6, "wake": 78.9e-6, "float4": 10e9, "float16": 21e9})
    assert line == ("copies 12.3 GB/s, a launch 5.6 µs, launch and wait 78.9 µs; GFLOP/s with float4 10, float16 21")


def shortest(rounds, run):
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64"])
def test_operands_are_drawn_in_any_layout(rng, dtype):
    dtype = np.dtype(dtype)
    whole = np.zeros((6, 8, 5), dtype)
    for view in (
        whole,
        whole.T,
        whole[::-1, 1::2],
        whole[:, ::-3, ::-1],
        np.broadcast_to(whole[:1], (4, 8, 5)),
        whole[:0],
    ):
        layout = Layout.of(dtype, view.shape, view.strides)
        memory, start, array = drawn(rng, layout)
        assert (array.shape, array.strides, array.dtype) == (view.shape, view.strides, dtype)
        if view.size:
            first = memory.view(dtype)[start] if memory.size else None
            assert first == array[(0,) * array.ndim]
            assert len(np.unique(array)) > 1


def test_difference_finds_what_is_wrong(rng):
    want = rng.standard_normal(1000)
    assert difference(want.astype(np.float32), want, 1e-6) == ""
    for bad in (np.nan, np.inf, want[7] + 1e-3):
        got = want.astype(np.float32)
        got[7] = bad
        assert "1 of 1,000 elements are wrong" in difference(got, want, 1e-5)
    special = np.array([np.nan, np.inf, -np.inf, 1.0])
    assert difference(special.astype(np.float32), special, 1e-6) == ""
    assert difference(-special.astype(np.float32), special, 1e-6)
    assert "2 of 3" in difference(np.array([1, 2, 3]), np.array([1, 3, 2]), 1.0)
    assert "shape" in difference(np.zeros(3), np.zeros((3, 1)), 1.0)
    assert difference(np.zeros((0, 3), np.float32), np.zeros((0, 3)), 1e-6) == ""


def test_the_table_has_a_line_for_each_class():
    outcomes = [
        Outcome("gemm", "square", (6, 2), 2e-3, 1e-3),
        Outcome("scan", "rows", None, 5e-6, 5e-6),
        Outcome("sort", "keys", skipped="OutOfDeviceMemory: too much"),
    ]
    lines = tuning_command.table(outcomes).splitlines()
    assert lines[1].split() == ["gemm", "square", "2", "ms", "6", "x", "2", "1", "ms", "2.00x"]
    assert lines[2].split() == ["scan", "rows", "5", "µs", "the", "default"]
    assert lines[3].endswith("not tried: OutOfDeviceMemory: too much")
