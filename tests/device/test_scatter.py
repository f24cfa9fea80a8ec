"""Adding at indices, some of which come more than once: `numpy.add.at`, and the gradients of indexing."""

from dataclasses import replace

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core import indexing
from clarray.errors import DeviceError

SHAPE = (4, 5, 6)
INDICES = [
    np.s_[[0, 2, -1, 0]], np.s_[..., [0, -6, 5, 0]], np.s_[:, [0, 1, 0], [2, 3, 2]], np.s_[1, [2, 3, 2]],
    np.s_[[[0], [3]], [[1, 2, 1]]], np.s_[None, [0, 0], None, [[2], [3]]], np.s_[::-1, [3, 0, 3], 1::2], np.s_[[], 1],
    np.s_[[True, False, True, False]], np.s_[:, [True, False, True, False, True], [1, 1, 3]], np.s_[1:3], np.s_[...],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_add_at_matches_numpy(index, both_walks, rng):
    x = rng.integers(-50, 50, SHAPE).astype(np.int32)
    values = rng.integers(-50, 50, x[index].shape).astype(np.int32)
    a = ca.asarray(x)
    np.add.at(a, index, ca.asarray(values))
    np.subtract.at(a, index, 3)
    expected = x.copy()
    np.add.at(expected, index, values)
    np.subtract.at(expected, index, 3)
    np.testing.assert_array_equal(a.numpy(), expected)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint64", "float16", "float32", "complex64"])
def test_equal_indices_add_up(dtype, both_walks, rng):
    count, rows = 3000, 37
    x = (rng.standard_normal((rows, 5)) * 4).astype(dtype)
    values = (rng.standard_normal((count, 5)) * 4).astype(dtype)
    index = rng.integers(-rows, rows, count).astype(np.int32)
    for ordered in (False, True):
        places = {"axes": (0,), "position": 0, "ordered": ordered}
        got = indexing.put_add(*map(ca.asarray, (x, values, index)), **places).numpy()
        expected = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64 if x.dtype.kind == "f" else dtype)
        np.add.at(expected, index, values)
        assert got.dtype == x.dtype
        if x.dtype.kind in "fc":
            total = np.abs(x)
            np.add.at(total, index, np.abs(values))
            steps = 2 if dtype == "float16" else 30  # halves are summed as floats
            assert (np.abs(got - expected) <= steps * np.finfo(dtype).eps * total).all()
        else:
            np.testing.assert_array_equal(got, expected)


@pytest.mark.oclgrind
@pytest.mark.parametrize("ordered", [False, True])
def test_few_sums(ordered, both_walks, rng):
    """For a simulator that looks for races and bad reads: words of every width, indices often equal, some outside.

    A GPU's floats are left out: what is read before an exchange is a race to the simulator, if not to the exchange.
    """
    index = rng.integers(-8, 8, 60).astype(np.int32)
    inside = (index >= -5) & (index < 5)
    for dtype in ("int8", "uint32", "int64"):
        x, values = (rng.integers(0, 9, (n, 3)).astype(dtype) for n in (5, 60))
        got = indexing.put_add(*map(ca.asarray, (x, values, index)), axes=(0,), position=0, ordered=ordered)
        np.add.at(x, index[inside], values[inside])
        np.testing.assert_array_equal(got.numpy(), x)


def test_doubles_add_up(fp64, both_walks, rng):
    x, values = rng.standard_normal(11), rng.standard_normal(500)
    index = rng.integers(0, 11, 500)
    for dtype in (np.float64, np.complex128):
        a = ca.asarray(x.astype(dtype))
        np.add.at(a, index, values)
        expected = x.astype(dtype)
        np.add.at(expected, index, values)
        np.testing.assert_allclose(a.numpy(), expected, rtol=0, atol=1e-12)


def test_ordered_sums_are_the_same_each_time(both_walks, rng):
    x, values = np.zeros(3, np.float32), rng.standard_normal(20_000).astype(np.float32)
    index = rng.integers(0, 3, values.size).astype(np.int32)
    arrays = [ca.asarray(v) for v in (x, values, index)]
    places = {"axes": (0,), "position": 0, "ordered": True}
    first = indexing.put_add(*arrays, **places).numpy()
    serial = x.copy()
    np.add.at(serial, index, values)
    np.testing.assert_array_equal(first, serial)


def test_many_cores_and_long_rows(ctx, rng):
    table, index = rng.standard_normal((1000, 64)).astype(np.float32), rng.integers(0, 1000, (40, 50))
    values = rng.standard_normal((40, 50, 64)).astype(np.float32)
    a = ca.asarray(table)
    np.add.at(a.T[::-1].T, ca.asarray(index.astype(np.int32)), ca.asarray(values)[..., ::-1])
    expected = table.astype(np.float64)
    np.add.at(expected, index, values)
    np.testing.assert_allclose(a.numpy(), expected, rtol=0, atol=1e-4)


def test_indices_outside_are_left_out(both_walks):
    a = ca.zeros(4, dtype=ca.float32)
    index = ca.asarray(np.array([0, 4, -5, -1, 0, 100], np.int32))
    np.add.at(a, index, 1)
    np.testing.assert_array_equal(a.numpy(), [2, 0, 0, 1])


def test_refusals(ctx):
    a = ca.zeros(4, dtype=ca.int32)
    with pytest.raises(TypeError, match="float32 values cannot be added to int32"):
        np.add.at(a, [0], np.float32(0.5))
    with pytest.raises(TypeError, match="no counterpart"):
        np.multiply.at(a, [0], 2)
    with pytest.raises(IndexError, match="index 4 is out of bounds"):
        np.add.at(a, [0, 4], 1)
    with pytest.raises(TypeError, match="on the host"):
        np.add.at(np.zeros(4), a, a)
    with pytest.raises(ValueError, match="cannot be assigned to the indexed"):
        np.add.at(a, [0, 1], np.zeros(3, np.int32))


def test_gradient_of_take(ctx, rng):
    x, index = T.matrix("x", dtype="float32"), T.ivector("index")
    weights = rng.standard_normal((6, 3)).astype(np.float32)
    f = ca.function([x, index], T.grad((x[index] * weights).sum(), x))
    found = rng.integers(0, 4, 6).astype(np.int32)
    expected = np.zeros((4, 3))
    np.add.at(expected, found, weights)
    np.testing.assert_allclose(f(rng.standard_normal((4, 3)).astype(np.float32), found), expected, rtol=0, atol=1e-5)


def test_second_derivative_through_take(ctx, rng):
    x, index = T.vector("x", dtype="float32"), T.ivector("index")
    first = T.grad((x[index] ** 3).sum(), x)
    f = ca.function([x, index], T.grad((first**2).sum(), x))
    values, found = rng.uniform(0.5, 1, 5).astype(np.float32), np.array([0, 0, 3, 4, 3, 0], np.int32)
    times = np.bincount(found, minlength=5)
    expected = 2 * (3 * times * values.astype(float) ** 2) * (6 * times * values)
    np.testing.assert_allclose(f(values, found), expected, rtol=1e-5)


def test_gradient_of_put(ctx, rng):
    x, value, index = T.matrix("x", dtype="float32"), T.matrix("value", dtype="float32"), T.ivector("index")
    made = indexing.put(x, value, index, axes=(0,), position=0)
    added = indexing.put_add(x, value, index, axes=(0,), position=0)
    weights = rng.standard_normal((4, 3)).astype(np.float32)
    f = ca.function([x, value, index], T.grad((made * weights).sum() + 2 * (added * weights).sum(), [x, value]))
    found = np.array([2, 0], np.int32)
    got = f(np.ones((4, 3), np.float32), np.ones((2, 3), np.float32), found)
    expected = 3 * weights
    expected[found] = 2 * weights[found]
    np.testing.assert_allclose(got[0], expected, rtol=1e-6)
    np.testing.assert_allclose(got[1], 3 * weights[found], rtol=1e-6)


def test_too_much_in_order_for_a_device_that_leaves_loops(ctx, monkeypatch):
    monkeypatch.setattr(ctx, "traits", replace(ctx.traits, kind="gpu", quirks=ctx.traits.quirks | {"loop_limit"}))
    index = ca.zeros(70_000, dtype=ca.int32)
    places = {"axes": (0,), "position": 0}
    with pytest.raises(DeviceError, match="70,000 elements cannot be added in order"):
        indexing.put_add(ca.zeros(3, dtype=ca.int32), ca.ones(70_000, dtype=ca.int32), index, **places, ordered=True)
    total = indexing.put_add(ca.zeros(3, dtype=ca.int32), ca.ones(70_000, dtype=ca.int32), index, **places)
    np.testing.assert_array_equal(total.numpy(), [70_000, 0, 0])
