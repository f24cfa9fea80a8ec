"""Integer arrays and masks as indices, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca

SHAPE = (4, 5, 6)
INDICES = [
    (np.s_[[0, 2, -1]]),
    (np.s_[:, [1, 1, 4]]),
    (np.s_[..., [0, -6]]),
    (np.s_[[0, 1], [2, 3]]),
    (np.s_[[0, 1], :, [2, 3]]),
    (np.s_[:, [0, 1], [2, 3]]),
    (np.s_[0, :, [2, 3]]),
    (np.s_[1, [2, 3]]),
    (np.s_[[[0], [3]], [[1, 2, 4]]]),
    (np.s_[None, [0, 1], None, [[2], [3]]]),
    (np.s_[[0, 1], None, [2, 3]]),
    (np.s_[::-1, [3, 0], 1::2]),
    (np.s_[[], 1]),
    (np.s_[[0, 1], ..., [2, 3], [4, 5]]),
    (np.s_[[0, 1], [2, 3], ..., [4, 5]]),
    (np.s_[[0, 1], [2, 3], [4, 5], ...]),
    (np.s_[np.array(2), :, [1, 0]]),
    (np.s_[np.zeros((2, 0), int)]),
    (np.s_[[True, False, True, False]]),
    (np.s_[:, [True, False, True, False, True], [1, 2, 3]]),
    (np.s_[True]),
    (np.s_[False, 1]),
    (np.s_[[1, 2], True, 0]),
]


def on_device(index):
    """The index with its lists as device arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    moved = tuple(
        ca.asarray(np.asarray(p, None if np.size(p) else int)) if isinstance(p, list | np.ndarray) else p for p in parts
    )
    return moved if isinstance(index, tuple) else moved[0]


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("where", ["host", "device"])
def test_get_and_put(index, where, ctx, rng):
    x = rng.integers(0, 1000, SHAPE).astype(np.int32)
    a = ca.asarray(x)
    given = on_device(index) if where == "device" else index
    expected = x[index]
    got = a[given]
    assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(got.numpy(), expected)
    assert not ca.may_share_memory(got, a)
    np.testing.assert_array_equal(a.transpose(2, 0, 1)[::-1].transpose(1, 2, 0)[given].numpy(), x[..., ::-1][index])
    values = [rng.integers(0, 1000, expected.shape), rng.integers(0, 1000, expected.shape[-1:]), 7]
    places = np.arange(x.size).reshape(SHAPE)[index]
    if np.unique(places).size == places.size:  # of equal indices it is not said who wins
        for value in values:
            x[index] = value
            a[given] = value
            np.testing.assert_array_equal(a.numpy(), x)


def test_out_of_bounds_on_the_host(ctx):
    a = ca.arange(12).reshape(3, 4)
    for index in ([3], (slice(None), [-5]), ([0, 1], [0, 4]), np.array([[0, 9]])):
        with pytest.raises(IndexError, match="out of bounds"):
            a[index]
        with pytest.raises(IndexError, match="out of bounds"):
            a[index] = 0
    np.testing.assert_array_equal(a.numpy(), np.arange(12).reshape(3, 4))


def test_out_of_bounds_on_the_device(ctx):
    """A read takes the nearest element, a write is left out; neither waits nor touches other memory."""
    a = ca.arange(10, 14)
    index = ca.asarray([0, 99, -99, -1])
    np.testing.assert_array_equal(a[index].numpy(), [10, 13, 10, 13])
    a[index] = ca.asarray([1, 2, 3, 4])
    np.testing.assert_array_equal(a.numpy(), [1, 11, 12, 4])


def test_refuses(ctx):
    a = ca.arange(12).reshape(3, 4)
    for index in ([0.5], ca.asarray([1.0], dtype="f4"), ([0], [0], [0]), ([0, 1], [0, 1, 2]), "x", (..., [0], ...)):
        with pytest.raises(IndexError):
            a[index]
    for index in (slice(None, 1.5), (0, slice("x", None)), slice(ca.asarray([1, 2]), None)):
        with pytest.raises(TypeError):
            a[index]
        with pytest.raises(TypeError):
            a[index] = 1
    for mask in ([True, False], np.ones((3, 3), bool), ca.asarray([True] * 4)):
        with pytest.raises(IndexError, match="boolean index did not match"):
            a[mask]
        with pytest.raises(IndexError, match="boolean index did not match"):
            a[mask] = 1
    with pytest.raises(IndexError):
        ca.zeros((0, 3))[ca.asarray([0])]
    with pytest.raises(ValueError):
        a[[0, 1]] = ca.zeros((3, 4))
    with pytest.raises(ValueError, match="broadcast view"):
        ca.broadcast_to(a, (2, 3, 4))[[0]] = 1


@pytest.mark.parametrize("shape", [(1000,), (20_000,), (30, 40), (5, 6, 7), (0, 3)])
def test_masks(shape, both_walks, rng):
    x = rng.integers(0, 1000, shape).astype(np.int32)
    mask = x % 3 == 0
    a, m = ca.asarray(x), ca.asarray(mask)
    np.testing.assert_array_equal(a[m].numpy(), x[mask])
    np.testing.assert_array_equal(a[mask].numpy(), x[mask])
    np.testing.assert_array_equal(a[m[0]].numpy() if len(shape) < 1 else a.T[m.T].numpy(), x.T[mask.T])
    for value in (5, rng.integers(0, 9, int(mask.sum())).astype(np.int64)):
        x[mask] = value
        a[m] = value
        np.testing.assert_array_equal(a.numpy(), x)


def test_masks_of_leading_axes(ctx, rng):
    x = rng.standard_normal((6, 4, 3)).astype(np.float32)
    rows = rng.random(6) < 0.5
    a, m = ca.asarray(x), ca.asarray(rows)
    np.testing.assert_array_equal(a[m].numpy(), x[rows])
    np.testing.assert_array_equal(a[m, 1:, 0].numpy(), x[rows, 1:, 0])
    for value in (
        2.5,
        rng.standard_normal((4, 3)),
        rng.standard_normal((1, 4, 3)),
        rng.standard_normal((int(rows.sum()), 1, 3)),
    ):
        x[rows] = value
        a[m] = value
        np.testing.assert_array_equal(a.numpy(), x)
    x[:, 1][rows] = 0
    a[:, 1][m] = 0
    x[x < 0] *= -1
    a[a < 0] *= -1
    np.testing.assert_array_equal(a.numpy(), x)
    with pytest.raises(ValueError):
        a[m] = np.zeros((int(rows.sum()) + 2, 4, 3))


def test_setting_a_scalar_through_a_mask_moves_nothing(ctx):
    a, m = ca.zeros(100, np.float32), ca.arange(100) > 50
    a[m] = 1.0
    before = ca.stats()
    a[m] = 2.0
    after = ca.stats() - before
    assert after.bytes_to_host == 0


def test_assignment_converts_and_overlaps(ctx, rng):
    a = ca.asarray(rng.integers(0, 9, 10).astype(np.int8))
    x = a.numpy()
    order = rng.permutation(10)
    a[order], x[order] = a, x.copy()
    np.testing.assert_array_equal(a.numpy(), x)
    a[[1, 3]] = [2.7, -1.2]
    x[[1, 3]] = [2.7, -1.2]
    np.testing.assert_array_equal(a.numpy(), x)
    places = ca.asarray(order)
    places[places] = ca.arange(10)  # the index is what is written to
    inverse = order.copy()
    inverse[order] = np.arange(10)
    np.testing.assert_array_equal(places.numpy(), inverse)


def test_zero_dimensional_index_arrays(ctx):
    a = ca.arange(12).reshape(3, 4)
    row = ca.asarray(2)
    np.testing.assert_array_equal(a[row].numpy(), np.arange(8, 12))
    np.testing.assert_array_equal(a[:, row].numpy(), [2, 6, 10])
    assert a[row, row].item() == 10
    a[row] = 0
    assert a[2].sum().item() == 0


@pytest.mark.oclgrind
def test_take_and_put_of_rows(both_walks, rng):
    """For a simulator that looks for races and bad reads: indices of both signs, and some outside."""
    x = rng.integers(0, 99, (7, 9)).astype(np.int32)
    a, index = ca.asarray(x), np.array([-7, 6, 0, 99, -1, -99, 3])
    nearest = np.clip(np.where(index < 0, index + 7, index), 0, 6)
    np.testing.assert_array_equal(a[ca.asarray(index)].numpy(), x[nearest])
    np.testing.assert_array_equal(ca.take(a.T, ca.asarray(index), axis=1).numpy(), x.T[:, nearest])
    places = rng.permutation(9)[:5] - 9
    value = rng.integers(0, 99, (7, 5)).astype(np.int32)
    a[:, ca.asarray(places)], x[:, places] = ca.asarray(value), value
    a[ca.asarray(np.array([2, 99, -99]))], x[2] = 5, 5
    np.testing.assert_array_equal(a.numpy(), x)
    mask = x % 2 == 0
    np.testing.assert_array_equal(a[ca.asarray(mask)].numpy(), x[mask])


def test_take(ctx, rng):
    x = rng.integers(0, 99, (4, 5)).astype(np.int32)
    a = ca.asarray(x)
    index = rng.integers(-4, 4, (3, 2))
    for given in (index, ca.asarray(index)):
        np.testing.assert_array_equal(ca.take(a, given, axis=0).numpy(), np.take(x, index, axis=0))
        np.testing.assert_array_equal(ca.take(a, given, axis=-1).numpy(), np.take(x, index, axis=-1))
        np.testing.assert_array_equal(ca.take(a, given).numpy(), np.take(x, index))
    order = np.argsort(x, axis=1)
    np.testing.assert_array_equal(ca.take_along_axis(a, order, axis=1).numpy(), np.take_along_axis(x, order, axis=1))
    order = np.argsort(x, axis=0)[:2]
    np.testing.assert_array_equal(
        ca.take_along_axis(a, ca.asarray(order), axis=0).numpy(), np.take_along_axis(x, order, axis=0)
    )
    with pytest.raises(IndexError):
        ca.take(a, [5], axis=0)


def test_put(ctx, rng):
    x = rng.integers(0, 99, (4, 5)).astype(np.int32)
    a = ca.asarray(x)
    places = rng.permutation(20)[:6] - 20
    ca.put(a, places, np.arange(6))
    np.put(x, places, np.arange(6))
    ca.put(a.T, [3], 77)
    x.T[0, 3] = 77
    index = np.argsort(x, axis=1)[:, :2]
    ca.put_along_axis(a, index, -1, axis=1)
    np.put_along_axis(x, index, -1, axis=1)
    np.testing.assert_array_equal(a.numpy(), x)
