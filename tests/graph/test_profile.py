"""Profiles: every launch is billed to its node by the device's clock, and tables say so."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.inside.profile import ProfileStats, _told_at_exit, table
from clarray.graph.inside.profile import seconds as told


@pytest.fixture(autouse=True)
def _quiet_exit():
    yield
    _told_at_exit.clear()


UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
DIGIT = 1e-8  # seconds: the last digit of a time that is shown


@pytest.fixture
def step(ctx, rng):
    """A function of several kinds of nodes with an update, and its arguments."""
    x, y = T.matrix("x"), T.vector("y")
    w = ca.shared(rng.standard_normal(50).astype("f"), name="w")
    cost = T.sqr(T.tanh(T.dot(x, w)) - y).mean()
    arguments = rng.standard_normal((300, 50)).astype("f"), rng.standard_normal(300).astype("f")
    return [x, y], cost, [(w, w - 0.1 * T.grad(cost, w))], arguments, w


def test_results_are_those_of_the_function_without(step):
    inputs, cost, updates, arguments, w = step
    before = w.get_value()
    plain = [ca.function(inputs, cost, updates=updates)(*arguments), w.get_value()]
    w.set_value(before)
    profiled = ca.function(inputs, cost, updates=updates, profile=True)
    np.testing.assert_allclose(profiled(*arguments), plain[0], rtol=1e-5)
    np.testing.assert_allclose(w.get_value(), plain[1], rtol=1e-5, atol=1e-6)
    assert isinstance(profiled.profile, ProfileStats)
    assert ca.function(inputs, cost, profile=False).profile is None


def test_every_launch_is_billed(step):
    inputs, cost, updates, arguments, _ = step
    f = ca.function(inputs, cost, updates=updates, profile=True, name="step")
    before = ca.stats()
    for _ in range(5):
        f(*arguments)
    seen, p = ca.stats() - before, f.profile
    assert p.fct_callcount == 5
    assert p.launches == seen.launches == sum(w.launches for w in p.nodes.values())
    assert sum(k.count for k in p.kernels.values()) == seen.launches
    assert 0 < p.device_time < p.fct_call_time
    assert all(w.calls == 5 and w.line for w in p.nodes.values())
    assert p.transfers["to host"].nbytes == seen.bytes_to_host
    assert p.transfers["to device"].nbytes == seen.bytes_to_device >= 5 * sum(a.nbytes for a in arguments)
    assert p.bind_count == 1
    assert p.bind_time > 0
    assert p.compile_time > 0
    assert 0 < p.memory_own <= p.memory_peak
    assert sum(p.class_time().values()) == pytest.approx(p.device_time)
    assert sum(p.class_callcount().values()) == sum(p.apply_callcount.values())


def test_the_queue_is_as_it_was(ctx, step, rng):
    inputs, cost, _, arguments, _ = step
    queue = ctx.queue
    f = ca.function(inputs, cost, profile=True)
    f(*arguments)
    assert ctx.queue is queue
    assert ctx.recorder is None
    with pytest.raises(ValueError, match="matmul"):
        f(arguments[0][:, :7], arguments[1])
    assert ctx.queue is queue
    assert ctx.recorder is None
    x = rng.standard_normal(1000).astype("f")
    np.testing.assert_allclose((ca.asarray(x) * 3 + 1).numpy(), x * 3 + 1, rtol=1e-6)


def test_threads_take_turns(ctx, rng):
    x = T.matrix("x")
    functions = [ca.function([x], T.dot(x, x).sum() + k, profile=True) for k in range(3)]
    queue, a = ctx.queue, rng.standard_normal((40, 40)).astype("f")
    failed = []

    def work(f, k):
        with ca.device(ctx):
            for _ in range(5):
                if not np.isclose(f(a), (a @ a).sum() + k, rtol=1e-3, atol=1e-2):
                    failed.append(k)

    threads = [threading.Thread(target=work, args=(f, k)) for k, f in enumerate(functions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    assert ctx.queue is queue
    assert ctx.recorder is None
    for f in functions:
        assert f.profile.fct_callcount == 5
        assert all(w.calls == 5 and w.launches and w.launches % 5 == 0 for w in f.profile.nodes.values())


def test_kernels_first_built_in_a_profiled_call_stay_in_order(ctx, rng):
    """A launcher made while times are kept launches on the plain queue afterwards."""
    x = T.vector("x")
    f = ca.function([x], [T.exp(T.sin(x)).transfer(None)], profile=True)
    g = ca.function([x], [T.exp(T.sin(x)).transfer(None)])
    a = rng.standard_normal(100_000).astype("f")
    f(a)
    before = f.profile.launches
    for _ in range(3):
        (y,) = g(a)
        np.testing.assert_allclose((y - 1).numpy(), np.exp(np.sin(a)) - 1, rtol=1e-5, atol=1e-5)
    assert f.profile.launches == before


def test_the_tables_are_aligned_and_add_up(step):
    inputs, cost, updates, arguments, _ = step
    f = ca.function(inputs, cost, updates=updates, profile="my training")
    for _ in range(3):
        f(*arguments)
    file = io.StringIO()
    f.profile.summary(file)
    text = file.getvalue()
    assert text.startswith("Profile of my training\n")
    assert max(map(len, text.splitlines())) < 200
    blocks = text.split("\n\n")
    assert len(blocks) == 4
    for block in blocks[1:]:
        heads, dashes, *rows = block.rstrip().splitlines()
        columns = [m.span() for m in re.finditer("-+", dashes)]
        assert len(rows) >= 1
        assert len(columns) >= 5
        for line in (heads, *rows):  # nothing stands between the columns
            assert all(line[b : b + 2].strip() == "" for _, b in columns[:-1])
        shares = [float(row[slice(*columns[0])].strip().rstrip("%")) for row in rows]
        assert sum(shares) == pytest.approx(100, abs=0.06 * len(shares))
        assert shares == sorted(shares, reverse=True)
        times = [row[slice(*columns[1])].split() for row in rows]
        assert sum(float(n) * UNITS[u] for n, u in times) == pytest.approx(
            f.profile.device_time, rel=0.02, abs=DIGIT * len(rows)
        )
    assert re.search(r"calls +3\n", text)
    assert f"{f.profile.launches:,}" in blocks[0]


def test_memory_of_each_node(ctx, rng):
    x = T.vector("x")
    with ca.config.change_flags(profile_memory=True):
        f = ca.function([x], T.exp(x).sum() + T.max(x), profile=True)
    a = rng.standard_normal(10_000).astype("f")
    f(a)
    assert "in use" in f.profile.text()
    assert max(w.peak for w in f.profile.nodes.values()) == f.profile.memory_peak
    assert f.profile.memory_own >= a.nbytes


def test_one_object_for_several_functions(ctx):
    x = T.scalar("x")
    both = ProfileStats("both", atexit_print=False)
    f, g = (ca.function([x], e, profile=both) for e in (x + 1, x * 2))
    f(1), g(2), g(3)
    assert both.fct_callcount == 3
    assert len(both.nodes) == 2
    with pytest.raises(TypeError, match="profile is True"):
        ca.function([x], x, profile=3)


def test_modes_that_check_go_on_checking(ctx):
    x = T.vector("x")
    f = ca.function([x], T.log(x) * 2, mode="NanGuardMode", profile=True)
    assert f([1, 1]).tolist() == [0, 0]
    with pytest.raises(ca.errors.NotFinite):
        f([-1, 1])
    assert f.profile.fct_callcount == 1
    assert f.profile.launches >= 1
    assert f.profile.class_callcount()["GpuElemwise"] >= 1  # the mode's own launches stand beside the steps


def test_several_devices(ctx, rng):
    """Arrays of two contexts, one of them another name of the same device."""
    with ca.config.change_flags(contexts=f"beside->{ctx.device.place}"):
        a, b = rng.standard_normal((2, 1000)).astype("f")
        w, v = ca.shared(a), ca.shared(b, target="beside")
        f = ca.function([], (w * 2).transfer("beside") + v, profile=True)
        for _ in range(2):
            np.testing.assert_allclose(f(), a * 2 + b, rtol=1e-5, atol=1e-5)
        kinds = f.profile.class_callcount()
    assert kinds["GpuElemwise"] == 4
    assert f.profile.launches == 4


def test_flag(ctx):
    x = T.scalar("x")
    with ca.config.change_flags(profile=True):
        f = ca.function([x], x + 1)
    assert f(1) == 2
    assert f.profile.fct_callcount == 1
    assert ca.function([x], x + 1).profile is None
    copied = f.copy(profile=True)
    assert copied(2) == 3
    assert copied.profile is not f.profile
    assert f.profile.fct_callcount == 1


def test_a_whole_program(ctx, tmp_path):
    """CLARRAY_FLAGS=profile=True prints at exit."""
    program = tmp_path / "program.py"
    program.write_text(
        "import clarray as theano, clarray.tensor as T\n"
        "x = T.vector('x')\n"
        "f = theano.function([x], T.exp(x).sum(), name='first')\n"
        "g = theano.function([x], x * 2, name='second')\n"
        "f([1, 2, 3]); g([1, 2]); g([3, 4])\n"
    )
    environ = {**os.environ, "CLARRAY_FLAGS": "profile=True", "CLARRAY_DEVICE": ctx.device.place}
    done = subprocess.run([sys.executable, str(program)], env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "Profile of function first" in done.stderr
    assert "All functions" in done.stderr
    assert "program.py:3" in done.stderr


def test_bars(step):
    inputs, cost, updates, arguments, _ = step
    f = ca.function(inputs, cost, updates=updates, profile=True)
    f(*arguments)
    root = ET.fromstring(f.profile.plot())
    bars = [e for e in root.iter() if e.get("class") == "bar"]
    assert len(bars) == len(f.profile.nodes)
    lengths = [float(b.get("width")) for b in bars]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] > 0


def test_picture(step, tmp_path):
    """One box a step, in a colour by its time; arrows tell dtype and shape of the last call."""
    inputs, cost, updates, arguments, _ = step
    f = ca.function(inputs, cost, updates=updates, profile=True)
    count = len(f.maker.fgraph.toposort())
    assert "scale" not in f.plot()
    f(*arguments)
    assert f.plot(tmp_path / "f.svg") == (tmp_path / "f.svg").read_text()
    root = ET.fromstring(f.plot())
    kinds = [e.get("class").removeprefix("node ") for e in root.iter() if e.get("class", "").startswith("node")]
    assert (kinds.count("box"), kinds.count("input"), kinds.count("output")) == (count, 2, 2)
    assert kinds.count("shared") == 1
    texts = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert {"float32[300, 50]", "float32[50]", "new w"} <= set(texts)
    shown = [float(m[1]) * UNITS[m[2]] for m in (re.fullmatch(r"([\d.]+) (µs|ms|s)", t) for t in texts) if m]
    times = [w.device / w.calls for w in f.profile.nodes.values()]
    assert max(shown) == pytest.approx(max(times), rel=0.01, abs=DIGIT)
    assert sum(shown) == pytest.approx(
        sum(times) + max(times), rel=0.02, abs=DIGIT * len(shown)
    )  # the scale tells the greatest, too


def test_figures():
    assert [told(x) for x in (0, 1.5e-6, 1.234e-3, 0.0123, 2.5)] == [
        "0.00 µs",
        "1.50 µs",
        "1.23 ms",
        "12.3 ms",
        "2.50 s",
    ]
    assert table(["a", "b"], [("1", "x"), ("22", "y"), ("3", "z")], "><", 2) == [
        "   a  b", "  --  -", "   1  x", "  22  y", "  ... and 1 more",
    ]  # fmt: skip
