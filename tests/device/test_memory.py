"""Pool, limit and counters; borrowed memory; windows through which small results are read."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import numpy as np
import oracle
import pyopencl as cl
import pytest

from clarray.array.convert import to_array
from clarray.array.eager import filled
from clarray.array.gpuarray import GpuArray
from clarray.core import ops
from clarray.core.layout import Layout
from clarray.core.movement import broadcast_to
from clarray.device import memory
from clarray.device.stats import stats
from clarray.device.usage import memory_stats, set_memory_limit
from clarray.errors import OutOfDeviceMemory

MEGABYTE = 1 << 20


def empty(context, nbytes):
    return GpuArray(Layout.of(np.dtype("uint8"), (nbytes,)), 0, context.memory.allocate(nbytes))


# the pool


def test_memory_is_reused(ctx):
    ctx.synchronize()
    first = empty(ctx, 3 * MEGABYTE)
    in_use = memory_stats(ctx).in_use
    del first
    after = memory_stats(ctx)
    assert in_use - after.in_use >= 3 * MEGABYTE
    assert after.held >= 3 * MEGABYTE
    second = empty(ctx, 3 * MEGABYTE)
    assert memory_stats(ctx).held <= after.held - 3 * MEGABYTE
    del second


def test_new_memory_is_poisoned(ctx):
    """What other tests rely on: an output that a kernel does not write shows."""
    if "simulator" in ctx.traits.quirks:
        pytest.skip("a simulator finds uninitialized memory by itself")
    assert oracle.is_poison(empty(ctx, 1000).numpy())


def advised(address):
    """Whether the system was asked for large pages at this address of the process."""
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if place := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            inside = int(place[1], 16) <= address < int(place[2], 16)
        elif inside and line.startswith("VmFlags:"):
            return "hg" in line.split()
    raise AssertionError("nothing lies there")


def test_large_blocks_of_a_cpu_ask_for_large_pages(ctx):
    if ctx.traits.kind != "cpu" or not Path("/sys/kernel/mm/transparent_hugepage").exists():
        pytest.skip("no memory of the host's, or a system without large pages")
    ctx.memory.pool.free_held()
    x = empty(ctx, 37 * MEGABYTE)
    x.block.map()
    start = x.block.mapping.__array_interface__["data"][0]
    assert advised(start + MEGABYTE)
    assert advised(start + 36 * MEGABYTE)


def test_asking_for_large_pages_does_not_wait(ctx):
    """The address of a new block is known before what was enqueued is done."""
    if ctx.traits.kind != "cpu":
        pytest.skip("its memory is not the host's")
    x = to_array(np.linspace(0, 1, 1 << 22, dtype=np.float32))
    for _ in range(20):  # as long as many new blocks
        x = ops.sin(ops.tan(x))
    event = x.block.event
    ctx.memory.pool.free_held()
    held = empty(ctx, 99 * MEGABYTE)
    assert event.command_execution_status != cl.command_execution_status.COMPLETE
    del held
    ctx.synchronize()


@pytest.fixture
def limited(ctx):
    """A function that limits memory to so many bytes more than are in use, until the test ends."""

    def limit(more):
        gc.collect()
        ctx.memory.pool.free_held()
        set_memory_limit(memory_stats(ctx).in_use + more, ctx)
        return memory_stats(ctx)

    yield limit
    set_memory_limit(None, ctx)


def test_limit(ctx, limited):
    now = limited(4 * MEGABYTE)
    kept = empty(ctx, 2 * MEGABYTE)
    with pytest.raises(OutOfDeviceMemory) as caught:
        empty(ctx, 3 * MEGABYTE)
    error = caught.value
    assert isinstance(error, MemoryError)
    assert (error.requested, error.in_use, error.limit) == (3 * MEGABYTE, now.in_use + 2 * MEGABYTE, now.limit)
    for words in (f"{3 * MEGABYTE} bytes", f"{error.in_use} bytes", f"limit {now.limit} bytes", "set_memory_limit"):
        assert words in str(error)
    assert empty(ctx, MEGABYTE).size == MEGABYTE  # the next call works
    del kept
    assert empty(ctx, 3 * MEGABYTE).size == 3 * MEGABYTE


def test_held_memory_makes_room(ctx, limited):
    """Blocks of other sizes that the pool keeps are given back before an allocation fails."""
    limited(4 * MEGABYTE)
    for size in (1, 2, 3):
        del_soon = empty(ctx, size * MEGABYTE)
        del del_soon
    assert empty(ctx, 4 * MEGABYTE - 4096).size


def test_garbage_makes_room(ctx, limited):
    limited(4 * MEGABYTE)
    cycle = [empty(ctx, 3 * MEGABYTE)]
    cycle.append(cycle)
    del cycle
    assert empty(ctx, 3 * MEGABYTE).size


def test_an_operation_that_does_not_fit_leaves_its_operands(ctx, limited, rng):
    x = rng.standard_normal(MEGABYTE // 4).astype(np.float32)
    a = to_array(x)
    limited(MEGABYTE // 2)
    with pytest.raises(OutOfDeviceMemory):
        a + a
    with pytest.raises(OutOfDeviceMemory):
        to_array(x)
    np.testing.assert_array_equal(a.numpy(), x)
    a += 1
    np.testing.assert_array_equal(a.numpy(), x + 1)


def test_more_than_the_device_has(ctx):
    with pytest.raises(OutOfDeviceMemory):
        empty(ctx, 1 << 50)
    assert empty(ctx, 10).size == 10


@pytest.mark.parametrize("shape", [(2**62, 4), (2**31, 2**31, 2), (2**63,)], ids=str)
def test_sizes_that_overflow(shape, ctx):
    with pytest.raises(ValueError, match="too large"):
        filled(ctx, shape, 0, "float32")
    a = to_array(np.zeros((1,) * len(shape), np.float32))
    with pytest.raises(ValueError, match=r"large|exceeded"):
        broadcast_to(a, shape=shape) + 1
    big = broadcast_to(to_array(np.zeros((1, 1), np.int8)), shape=(2**31, 2**31))
    with pytest.raises((ValueError, OutOfDeviceMemory)):
        big * 2.0


def test_bad_limit(ctx):
    with pytest.raises(ValueError, match="limit"):
        set_memory_limit(-1, ctx)
    with pytest.raises((TypeError, AttributeError)):
        set_memory_limit(1.5, ctx)


# counters


def test_launches_and_builds_are_counted(ctx, rng):
    x = rng.standard_normal((7, 3)).astype(np.float32)
    a = to_array(x)
    fresh = float(rng.random())  # a constant nobody compiled a kernel for would be a build; a scalar argument is none
    (a + 0.5).sync()
    before = stats()
    (a + fresh).sync()
    (a + a[0]).sync()
    (a + a[0]).sync()
    spent = stats() - before
    assert spent.launches == 3
    assert spent.builds <= 1
    assert spent.cache_hits >= 2
    assert spent.host_fallbacks == 0


def test_bytes_are_counted(ctx, rng):
    x = rng.standard_normal(1000).astype(np.float32)
    before = stats()
    a = to_array(x)
    assert (stats() - before).bytes_to_device == x.nbytes
    b = a * 2
    b.sync()
    assert (stats() - before).bytes_to_host == 0
    b.numpy()
    b[10:20].numpy()
    a.item(3)
    spent = stats() - before
    assert spent.bytes_to_host == x.nbytes + 40 + 4
    assert spent.bytes_to_device == x.nbytes


def test_difference_of_stats_prints(ctx):
    text = str(stats() - stats())
    assert "launches=0" in text
    assert "bytes_to_host=0" in text


# borrowed memory


def borrowed(ctx, x):
    if not ctx.traits.unified:
        pytest.skip(f"{ctx.device.hardware} does not work in host memory")
    return to_array(x, borrow=True)


def test_borrowed_array_is_shared_both_ways(ctx, rng):
    x = rng.standard_normal(500).astype(np.float32)
    a = borrowed(ctx, x)
    x[3] = 42
    assert a.item(3) == 42
    a += 1
    a.sync()
    assert x[3] == 43


def test_borrowed_array_is_kept_alive(ctx, rng):
    arrays = []
    want = rng.standard_normal(100_000).astype(np.float32)
    for k in range(20):
        x = want + k
        arrays.append(borrowed(ctx, x))
        del x
    gc.collect()
    scrap = [np.full(100_000, np.nan, np.float32) for _ in range(20)]
    for k, a in enumerate(arrays):
        np.testing.assert_array_equal(a.numpy(), want + k)
    del scrap


def test_memory_of_a_deleted_array_outlives_its_kernels(ctx, rng):
    """The host array and the device array go while kernels that read them are queued."""
    want = rng.standard_normal(300_000).astype(np.float32)
    for _ in range(5):
        x = want.copy()
        a = borrowed(ctx, x)
        b = ops.sin(a)
        for _ in range(3):
            b = ops.sin(a) + b * 0
        del a, x
        scrap = np.full_like(want, np.nan)
        np.testing.assert_allclose(b.numpy(), np.sin(want), atol=1e-6)
        del scrap


def test_a_view_of_borrowed_memory_keeps_it(ctx):
    view = borrowed(ctx, np.arange(10, dtype=np.int32))[2:5]
    gc.collect()
    assert view.numpy().tolist() == [2, 3, 4]


def test_unborrowed_array_may_change_at_once(ctx, rng):
    x = rng.standard_normal(200_000).astype(np.float32)
    want = np.exp(x)
    a = to_array(x)
    b = ops.exp(a)
    x[:] = np.nan
    np.testing.assert_allclose(b.numpy(), want, rtol=1e-6)


def test_what_was_uploaded_is_given_back_though_the_host_looked_into_it(ctx):
    """numpy(borrow=True) shares an uploaded array's block, which still counts as device memory until it goes."""
    before = ctx.memory.in_use
    x = to_array(np.ones(1 << 16, np.float32))
    assert ctx.memory.in_use > before
    view = x.numpy(borrow=True)
    assert view.sum() == 1 << 16
    del x, view
    ctx.synchronize()
    assert ctx.memory.in_use == before


def test_small_results_are_read_without_a_command(ctx, rng):
    """On a CPU a copy through the queue wakes a thread; pieces of the pool that were read once stay mapped."""
    if not ctx.traits.unified or ctx.maps:
        pytest.skip("reading is a copy or a mapping here")
    host = rng.standard_normal(11).astype(np.float32)
    x = to_array(host)
    for k in range(20):  # the pool hands the same pieces out again, for arrays of other sizes too
        part = x[: 11 - k % 5] + np.float32(k)
        np.testing.assert_array_equal(part.numpy(), host[: part.size] + np.float32(k))
        assert part[3].item() == host[3] + np.float32(k)
        del part
    ctx.memory.close_windows()
    y = x * 2
    np.testing.assert_array_equal(y.numpy(), host * 2)
    y += 1  # into memory that is mapped
    np.testing.assert_array_equal(y.numpy(), host * 2 + 1)
    assert ctx.memory._windows


def test_windows_are_few_and_go_when_memory_is_short(any_ctx, monkeypatch):
    if not any_ctx.traits.unified or any_ctx.maps:
        pytest.skip("reading is a copy or a mapping here")
    monkeypatch.setattr(memory, "WINDOWS", 5)
    held = [to_array(np.full(4, k, np.int32)) + 1 for k in range(12)]
    assert [x.numpy()[0] for x in held] == [k + 1 for k in range(12)]
    assert len(any_ctx.memory._windows) <= 5
    any_ctx.memory._make_room()
    assert not any_ctx.memory._windows
    assert held[7].item(2) == 8
