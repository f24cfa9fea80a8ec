"""Manipulation, searching, statistical and data type functions against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import few, some, supported

import clarray as ca


@pytest.fixture
def x(rng):
    return rng.integers(-50, 50, (4, 1, 3, 5)).astype(np.int32)


MOVES = {
    "reshape": [((12, 5),), ((-1,),), ((2, 2, 15, 1),)],
    "transpose": [(), ((3, 1, 0, 2),), ((-1, 0, 1, 2),)],
    "permute_dims": [((3, 1, 0, 2),)],
    "swapaxes": [(0, -1), (2, 2)],
    "moveaxis": [(0, -1), ([0, 1], [-1, -2]), (2, 0)],
    "squeeze": [(), (1,), ((1,),)],
    "expand_dims": [(0,), (-1,), ((1, 3),)],
    "flip": [(), (0,), ((0, -1),)],
    "roll": [(3,), (2, 0), (-2, 2), ((1, -2), (0, 3)), (0,), (1, (0, 2))],
    "repeat": [(2,), (3, 1), (0, 2), ([1, 0, 2, 4], 0)],
    "tile": [((2,),), ((2, 1, 3),), ((2, 1, 1, 1, 2),), (3,)],
    "broadcast_to": [((4, 6, 3, 5),), ((2, 4, 1, 3, 5),)],
    "ravel": [()],
}


@pytest.mark.parametrize("name", MOVES)
def test_moves(name, ctx, x):
    a = ca.asarray(x)
    for arguments in MOVES[name]:
        expected = getattr(np, name)(x, *arguments)
        got = getattr(ca, name)(a, *arguments)
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype), arguments
        np.testing.assert_array_equal(got.numpy(), expected, err_msg=str(arguments))
        got = getattr(ca, name)(a[::-1, :, ::-1].transpose(3, 1, 2, 0), *arguments) if name == "ravel" else got


def test_views_are_views(ctx, x):
    a = ca.asarray(x)
    for name in (
        "reshape",
        "transpose",
        "swapaxes",
        "moveaxis",
        "squeeze",
        "expand_dims",
        "flip",
        "broadcast_to",
        "ravel",
    ):
        assert ca.may_share_memory(getattr(ca, name)(a, *MOVES[name][0]), a), name
    for name in ("roll", "repeat", "tile"):
        assert not ca.may_share_memory(getattr(ca, name)(a, *MOVES[name][0]), a), name
    assert not ca.may_share_memory(ca.reshape(a, (60,), copy=True), a)
    with pytest.raises(ValueError, match="copy"):
        ca.reshape(a.T, (60,), copy=False)


def test_joining(ctx, rng):
    xs = [rng.integers(0, 9, (n, 4)).astype(d) for n, d in ((2, np.int8), (0, np.int16), (3, np.float32))]
    arrays = [ca.asarray(x) for x in xs]
    for name, args, values in (
        ("concat", {}, slice(None)), ("concat", {"axis": None}, slice(None)), ("stack", {"axis": 1}, [0, 0]),
        ("stack", {"axis": -1}, [2, 2, 2]), ("concat", {"axis": -1}, [2, 2]),
    ):  # fmt: skip
        chosen, given = (
            (xs[values], arrays[values])
            if isinstance(values, slice)
            else ([xs[k] for k in values], [arrays[k] for k in values])
        )
        expected = getattr(np, name)(chosen, **args)
        got = getattr(ca, name)(given, **args)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.numpy(), expected)
    np.testing.assert_array_equal(
        ca.concat([arrays[0].T, arrays[2].T[:, ::-1]], axis=1).numpy(), np.concat([xs[0].T, xs[2].T[:, ::-1]], axis=1)
    )
    np.testing.assert_array_equal([u.numpy() for u in ca.unstack(arrays[2], axis=1)], np.unstack(xs[2], axis=1))
    for wrong in (
        lambda: ca.concat([arrays[0], arrays[0][:, :2]]),
        lambda: ca.concat([]),
        lambda: ca.stack([arrays[0], arrays[2]]),
    ):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(IndexError):
        ca.concat(arrays, axis=2)


@pytest.mark.oclgrind
def test_eight_arrays_are_joined_in_one_launch(both_walks, rng):
    longest = 100 if "simulator" in both_walks.traits.quirks else 4096
    xs = [(rng.standard_normal((5, n)) * 9).astype(d) for n, d in zip((1, 70, longest, 3, 30, 9, 2, 4), "fbhfeBhf")]
    arrays = [ca.asarray(x)[::-1] for x in xs]
    before = ca.stats()
    got = ca.concat(arrays, axis=1)
    assert (ca.stats() - before).launches == 1
    np.testing.assert_array_equal(got.numpy(), np.concatenate(xs, axis=1)[::-1])
    turned = [ca.asarray(x.T).T if k % 2 else ca.asarray(x) for k, x in enumerate(xs)]  # some tile by tile
    np.testing.assert_array_equal(ca.concat([*turned, *arrays], axis=1).numpy(),
                                  np.concatenate([*xs, *(x[::-1] for x in xs)], axis=1))  # fmt: skip


def test_broadcast_arrays(ctx, rng):
    x, y = rng.integers(0, 9, (3, 1)), rng.integers(0, 9, 4)
    for got, expected in zip(ca.broadcast_arrays(ca.asarray(x), y), np.broadcast_arrays(x, y)):
        np.testing.assert_array_equal(got.numpy(), expected)
    assert ca.broadcast_shapes((3, 1), (4,), ()) == (3, 4)
    with pytest.raises(ValueError):
        ca.broadcast_shapes((3,), (4,))


@pytest.mark.parametrize("name", ["cumulative_sum", "cumulative_prod"])
def test_cumulative(name, both_walks, rng):
    dtypes = [dtype for dtype in supported(both_walks.traits) if dtype.name != "float16"]
    for dtype in few(rng, dtypes, 4) if both_walks.traits.kind == "gpu" else some(rng, dtypes, 4):
        for shape in ((6,), (3, 4, 5), (2, 0), (1, 70)):
            x = rng.integers(-2, 3, shape).astype(dtype)
            for axis in range(len(shape)):
                expected = getattr(np, name)(x, axis=axis)
                got = getattr(ca, name)(ca.asarray(x), axis=axis)
                assert got.dtype == expected.dtype
                np.testing.assert_array_equal(got.numpy(), expected)


def test_long_scans(both_walks, rng):
    x = rng.integers(-9, 9, (3, 70_001)).astype(np.int16)
    a = ca.asarray(x)
    np.testing.assert_array_equal(ca.cumulative_sum(a, axis=1).numpy(), np.cumsum(x, axis=1))
    np.testing.assert_array_equal(ca.cumulative_sum(a.T, axis=0).numpy(), np.cumsum(x.T, axis=0))
    np.testing.assert_array_equal(ca.cumsum(a[:, ::-3]).numpy(), np.cumsum(x[:, ::-3]))
    y = rng.standard_normal(100_000).astype(np.float32)
    np.testing.assert_allclose(ca.cumsum(y).numpy(), np.cumsum(y, dtype=float), atol=2e-2)
    half = rng.standard_normal(5000).astype(np.float16)
    np.testing.assert_allclose(ca.cumsum(half).numpy(), np.cumsum(half, dtype=float), rtol=2e-3, atol=2e-2)


def test_cumulative_options(ctx, rng):
    x = rng.integers(0, 5, (4, 3)).astype(np.uint8)
    for axis in (0, -1):
        expected = np.cumulative_sum(x, axis=axis, include_initial=True)
        np.testing.assert_array_equal(
            ca.cumulative_sum(ca.asarray(x), axis=axis, include_initial=True).numpy(), expected
        )
    assert ca.cumulative_prod(x, axis=0, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError):
        ca.cumulative_sum(x)
    with pytest.raises(IndexError):
        ca.cumulative_sum(x, axis=2)


def test_reductions_take_axes_of_any_kind(ctx, rng):
    x = rng.integers(-9, 9, (2, 3, 4)).astype(np.int32)
    a = ca.asarray(x)
    for name in ("sum", "prod", "max", "min", "mean", "any", "all", "var", "std", "count_nonzero"):
        for axis in (None, 1, -1, (0, 2), [0, 1]):
            expected = getattr(np, name)(x, axis=tuple(axis) if isinstance(axis, list) else axis)
            np.testing.assert_allclose(getattr(ca, name)(a, axis=axis).numpy(), expected, rtol=1e-5, err_msg=name)
    for name in ("argmax", "argmin"):
        for axis in (None, 0, -1):
            np.testing.assert_array_equal(getattr(ca, name)(a, axis=axis).numpy(), getattr(np, name)(x, axis=axis))
    np.testing.assert_allclose(ca.var(a, correction=1).item(), x.var(ddof=1), rtol=1e-5)
    out = ca.empty((2, 4), np.int64)
    assert ca.sum(a, 1, out=out) is out
    np.testing.assert_array_equal(out.numpy(), x.sum(1))
    np.testing.assert_array_equal(ca.sum([1, 2, 3], dtype="int8").numpy(), 6)


def test_searching(ctx, rng):
    x = rng.integers(-2, 3, (5, 7)).astype(np.float32)
    a = ca.asarray(x)
    for got, expected in zip(ca.nonzero(a), np.nonzero(x)):
        assert got.dtype == np.int64
        np.testing.assert_array_equal(got.numpy(), expected)
    np.testing.assert_array_equal(ca.argwhere(a).numpy(), np.argwhere(x))
    np.testing.assert_array_equal(ca.flatnonzero(a.T).numpy(), np.flatnonzero(x.T))
    np.testing.assert_array_equal(ca.where(a > 0, a, -1).numpy(), np.where(x > 0, x, np.float32(-1)))
    np.testing.assert_array_equal(ca.where(a)[0].numpy(), np.where(x)[0])
    assert ca.nonzero(ca.zeros(3))[0].shape == (0,)
    with pytest.raises(ValueError):
        ca.nonzero(ca.asarray(1))


def test_searchsorted(ctx, rng):
    x = np.sort(rng.integers(0, 20, 33)).astype(np.float32)
    v = rng.integers(-1, 22, (4, 5)).astype(np.float32)
    v[0, 0] = np.nan
    for side in ("left", "right"):
        for n in (33, 16, 1, 0):
            got = ca.searchsorted(ca.asarray(x[:n]), ca.asarray(v), side=side)
            np.testing.assert_array_equal(got.numpy(), np.searchsorted(x[:n], v, side=side))
    order = rng.permutation(33)
    mixed = np.empty_like(x)
    mixed[order] = x
    np.testing.assert_array_equal(ca.searchsorted(mixed, v, sorter=order).numpy(), np.searchsorted(x, v))


def test_utility(ctx, rng):
    x = rng.integers(-9, 9, (3, 6)).astype(np.int32)
    for n in (0, 1, 3):
        for axis in (0, -1):
            np.testing.assert_array_equal(ca.diff(ca.asarray(x), n=n, axis=axis).numpy(), np.diff(x, n=n, axis=axis))
    np.testing.assert_array_equal(ca.diff(ca.asarray(x), prepend=x[:, :1]).numpy(), np.diff(x, prepend=x[:, :1]))
    y = x.astype(np.float32)
    assert ca.allclose(ca.asarray(y), y + np.float32(1e-9))
    assert not ca.allclose(ca.asarray(y), y + 1)
    assert ca.array_equal(ca.asarray(x), x)
    assert not ca.array_equal(ca.asarray(x), x[:2])
    for low, high in ((None, 3), (-2, None), (-2, 3), (None, None)):
        np.testing.assert_array_equal(ca.clip(ca.asarray(x), low, high).numpy(), np.clip(x, low, high))
    np.testing.assert_allclose(ca.round(ca.asarray(y) / 7, 2).numpy(), np.round(y / 7, 2), rtol=1e-6)


def test_data_types(ctx, rng):
    a = ca.zeros(3, np.int8)
    assert ca.result_type(a, np.int16, 2.0) == np.float64
    assert ca.result_type(a, 2) == np.int8
    assert ca.can_cast(a, np.int16)
    assert not ca.can_cast(np.float32, np.int64)
    assert ca.finfo(np.float32).eps == np.finfo(np.float32).eps
    assert ca.iinfo(a).max == 127
    assert ca.isdtype(a.dtype, "signed integer")
    assert ca.astype(a, np.int8, copy=False) is a
    assert ca.astype(a, np.float32).dtype == np.float32


def test_negative_integer_powers(ctx):
    for wrong in (lambda: ca.pow(ca.arange(3), -1), lambda: ca.arange(3) ** -2, lambda: ca.pow(2, -1)):
        with pytest.raises(ValueError, match="negative integer powers"):
            wrong()
    np.testing.assert_array_equal((ca.asarray([1, 2], dtype="f4") ** -1).numpy(), [1, 0.5])
