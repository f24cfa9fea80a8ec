"""Scans of long rows: the sums that run at once, their accuracy, and the single pass of groups that look back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest

import clarray as ca
from clarray.codegen.scan_lookback import Lookback
from clarray.core.cumulative import cumulative_sum
from clarray.core.layout import Layout


@pytest.mark.parametrize("size", [3, 4, 5, 2047, 2048, 2053, 40_001])
def test_every_rest_of_a_stretch(size, both_walks, rng):
    x = rng.integers(-9, 9, (2, size)).astype(np.int32)
    a = ca.asarray(x)
    np.testing.assert_array_equal(ca.cumulative_sum(a, axis=1).numpy(), np.cumsum(x, 1))
    np.testing.assert_array_equal(ca.cumulative_sum(a[:, ::-2], axis=1).numpy(), np.cumsum(x[:, ::-2], 1))


def test_no_element_is_less_accurate_than_numpy(ctx, rng):
    x = rng.random(3_000_000, dtype=np.float32)
    want = np.cumsum(x, dtype=np.float64)
    ours = np.max(np.abs(ca.cumulative_sum(ca.asarray(x)).numpy() - want) / want)
    assert ours < np.max(np.abs(np.cumsum(x) - want) / want)
    assert ours < 1e-5


def test_products_whose_quarters_would_overflow(ctx):
    """A product that stays in bounds because what came before was small."""
    x = np.concatenate([np.full(900, 0.9), np.full(1800, 1.1)]).astype(np.float32)
    want = np.cumprod(x, dtype=np.float64)
    np.testing.assert_allclose(ca.cumulative_prod(ca.asarray(x)).numpy(), want, rtol=1e-3)


@pytest.fixture
def looking_back(ctx, monkeypatch):
    """The device as a GPU whose groups make progress, as those of PoCL do: threads run them to their ends."""
    if ctx.traits.kind != "cpu" or not ctx.traits.int64_atomics:
        pytest.skip("a group of this device may wait for one that never runs")
    with oracle.with_traits(ctx, monkeypatch, "looking back", kind="gpu", forward_progress=True) as context:
        yield context


@pytest.mark.oclgrind
def test_short_rows_of_every_kernel(both_walks, rng):
    """For a simulator that looks for races and bad reads: along rows and across them, and parts of a longer row."""
    for shape, axis in [((3, 37), 1), ((5, 9), 0), ((1, 1500), 1)]:
        x = rng.integers(-9, 9, shape).astype(np.int32)
        a = ca.asarray(x)
        np.testing.assert_array_equal(ca.cumulative_sum(a, axis=axis).numpy(), np.cumsum(x, axis))
        np.testing.assert_array_equal(
            ca.cumulative_sum(a[::-1, ::-1], axis=axis).numpy(), np.cumsum(x[::-1, ::-1], axis)
        )


@pytest.mark.parametrize("dtype", ["int8", "float32", "float16", "complex64", "complex128"])
def test_looking_back(dtype, looking_back, rng):
    """Values of one word, of two and of four; several rows; tiles that are cut; strides."""
    oracle.need(looking_back, dtype)
    for shape in [(100_003,), (3, 5001)]:
        x = rng.integers(-1, 2, shape).astype(dtype)
        a = ca.asarray(x)
        for b, y in ((a, x), (a[..., ::-1], x[..., ::-1])):
            got = ca.cumulative_sum(b, axis=-1)
            want = np.cumsum(y.astype(np.int64) if dtype == "float16" else y, -1)
            np.testing.assert_array_equal(got.numpy(), want.astype(got.dtype))


def test_sums_that_look_back_round_alike(looking_back, rng):
    """However far a group has to look, an element is the same sequence of additions."""
    x = rng.random((2, 160_001), dtype=np.float32)
    want = np.stack([_looked_back(row, Lookback.group, Lookback.window) for row in x])
    for _ in range(8):
        np.testing.assert_array_equal(ca.cumulative_sum(ca.asarray(x), axis=1).numpy(), want)


def _looked_back(x, group, window, each=8):
    """The additions of `scan_lookback.mako`."""
    tiles = -(-len(x) // (group * each))
    padded = np.zeros((tiles, group, each), np.float32)
    padded.reshape(-1)[: len(x)] = x
    mine = np.add.accumulate(padded, axis=2)
    sums = mine[..., -1]
    for w in (1 << k for k in range(group.bit_length() - 1)):
        sums = np.concatenate([sums[:, :w], sums[:, :-w] + sums[:, w:]], axis=1)
    block = before = np.float32(0)  # sums of the tiles of this block, and of the blocks before it
    for t in range(tiles):
        start = before + block
        whole = sums[t, -1]
        mine[t, 0] += start
        mine[t, 1:] += (start + sums[t, :-1])[:, None]
        block = block + whole
        if t % window == window - 1:
            before, block = before + block, np.float32(0)
    return mine.reshape(-1)[: len(x)]


def test_which_scans_look_back(looking_back):
    from clarray.codegen.lowering import lower

    def found(shape, axis, traits):
        plan = lower(cumulative_sum, [Layout.of(np.dtype("float32"), shape)], {"axis": axis}, traits)
        return any(isinstance(launch.spec, Lookback) for launch in plan.launches)

    traits = looking_back.traits
    assert found((1 << 20,), 0, traits)
    assert not found((1 << 20, 4), 0, traits)  # rows side by side
    assert not found((1000,), 0, traits)
    assert not found((1 << 20,), 0, replace(traits, forward_progress=False))
