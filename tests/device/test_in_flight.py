"""Work in flight: waiting, threads, processes that exit; and caches that are spoilt."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from clarray.array.convert import to_array
from clarray.core import ops


def long_work(ctx, a, launches):
    for _ in range(launches):
        a = ops.sin(ops.exp(a) * 0.1)
    return a


def test_launches_return_before_work_ends(ctx, rng):
    if "simulator" in ctx.traits.quirks:
        pytest.skip("a simulator works while it is asked to")
    a = to_array(rng.standard_normal(1_000_000).astype(np.float32))
    long_work(ctx, a, 2).sync()
    shares = []
    for _ in range(3):
        began = time.perf_counter()
        b = long_work(ctx, a, 10)
        enqueued = time.perf_counter() - began
        b.sync()
        shares.append(enqueued / (time.perf_counter() - began))
    assert min(shares) < 0.5, shares


def test_results_wait_for_what_they_need(ctx, rng):
    x = rng.standard_normal(300_000).astype(np.float32)
    reads = {
        "all": (lambda a: a.numpy(), slice(None)),
        "a view of a copy": (lambda a: a.copy()[::2].numpy(), slice(None, None, 2)),
        "elements": (lambda a: np.array([a.item(k) for k in (0, 2, 4)]), slice(0, 5, 2)),
    }
    for name, (read, which) in reads.items():
        got = read(ops.sin(ops.exp(to_array(x)) * 0.1))
        np.testing.assert_allclose(got, np.sin(np.exp(x) * np.float32(0.1))[which], atol=1e-5, err_msg=name)


def test_two_threads_use_one_context(ctx, rng):
    """Arguments left set on a kernel by one thread are not another's."""
    seeds = [int(s) for s in rng.integers(0, 2**31, 4)]
    failures = []

    def work(seed):
        own = np.random.default_rng(seed)
        try:
            for _ in range(30):
                x, y = own.standard_normal((2, own.integers(1, 5000))).astype(np.float32)
                a, b = to_array(x, None, ctx), to_array(y, None, ctx)
                got = ((a - b) * (b + float(seed % 7))).sum().item()
                want = ((x - y) * (y + np.float32(seed % 7))).astype(np.float64).sum()
                np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-2)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(s,)) for s in seeds]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


def run_python(ctx, code, **environment):
    """(standard output, standard error) of a fresh interpreter, which must end well."""
    everything = {**os.environ, "CLARRAYRC": os.devnull, "CLARRAY_DEVICE": ctx.device.place, **environment}
    if "CLARRAY_FLAGS" not in environment:
        everything.pop("CLARRAY_FLAGS", None)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=everything, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_exit_with_work_in_flight(any_ctx):
    out, err = run_python(
        any_ctx,
        """
        import numpy as np, clarray
        a = clarray.asarray(np.ones(2_000_000, np.float32))
        borrowed = clarray.asarray(np.ones(2_000_000, np.float32), borrow=True)
        kept = [clarray.exp(a) + borrowed for _ in range(30)]
        print("enqueued", flush=True)
        """,
    )
    assert out == "enqueued\n"
    assert err == ""


def test_exit_by_an_exception_with_work_in_flight(any_ctx):
    out, _ = run_python(
        any_ctx,
        """
        import numpy as np, clarray, subprocess, sys, threading
        def work():
            a = clarray.asarray(np.ones(2_000_000, np.float32))
            for _ in range(20):
                a = clarray.sin(a)
            raise SystemExit
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        print("left")
        """,
    )
    assert out == "left\n"


PROGRAM = """
import numpy as np, clarray
x = np.arange(5, dtype=np.float32)
print((clarray.asarray(x) * 3 + x).numpy().tolist())
"""


ANSWER = "[0.0, 4.0, 8.0, 12.0, 16.0]\n"


@pytest.mark.parametrize("named", [True, False], ids=["cache_dir", "default"])
def test_corrupt_cache(named, any_ctx, tmp_path):
    environment = {"XDG_CACHE_HOME": str(tmp_path), "POCL_CACHE_DIR": str(tmp_path / "driver")}
    if named:
        environment["CLARRAY_FLAGS"] = f"cache_dir={tmp_path / 'own'}"
    assert run_python(any_ctx, PROGRAM, **environment)[0] == ANSWER
    files = [p for p in tmp_path.rglob("*") if p.is_file() and "driver" not in p.relative_to(tmp_path).parts]
    assert files, "nothing was cached"
    for number, path in enumerate(files):
        path.write_bytes([b"", b"not what was written", path.read_bytes()[:40]][number % 3])
    assert run_python(any_ctx, PROGRAM, **environment)[0] == ANSWER


@pytest.mark.parametrize("named", [True, False], ids=["cache_dir", "default"])
def test_unwritable_cache(named, any_ctx, tmp_path):
    """A folder that cannot be made, as it would be inside a file: also root may not write there."""
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    if named:
        out, err = run_python(any_ctx, PROGRAM, CLARRAY_FLAGS=f"cache_dir={obstacle / 'cache'}")
    else:
        driver = tmp_path / "driver"  # PoCL has no devices where it cannot write
        out, err = run_python(any_ctx, PROGRAM, XDG_CACHE_HOME=str(obstacle), POCL_CACHE_DIR=str(driver))
    assert err.count("without a disk cache") == 1
    assert out == ANSWER
