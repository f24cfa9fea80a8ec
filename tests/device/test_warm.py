"""The warm paths of eager calls: the second call of a kind gives what the first would, and refuses what it would."""

import numpy as np
import pytest

import clarray as ca


@pytest.fixture
def arrays(ctx, rng):
    """Pairs (ndarray, device array) of one layout."""

    def draw(*shape, dtype=np.float32):
        x = (10 * rng.standard_normal(shape)).astype(dtype)
        return x, ca.asarray(x, device=ctx)

    return draw


def test_an_assignment_that_overlaps_is_not_taken_for_one_that_does_not(arrays):
    (x, a), (y, b) = arrays(1000), arrays(1000)
    a[1:] += b[:-1]
    x[1:] += y[:-1]
    np.testing.assert_array_equal(a.numpy(), x)
    a[1:] += a[:-1]  # the same layouts, one memory
    x[1:] += x[:-1].copy()
    np.testing.assert_array_equal(a.numpy(), x)
    a += a
    np.testing.assert_array_equal(a.numpy(), x + x)


def test_a_destination_that_does_not_fit_is_refused_each_time(arrays):
    (_, a), (_, b) = arrays(3, 4), arrays(4, dtype=np.int32)
    for _ in range(2):
        with pytest.raises(ValueError, match="could not broadcast"):
            b += ca.ones((3, 4), dtype="int32", device=a.context)
        with pytest.raises(TypeError, match="without loss"):
            b += a[0]


@pytest.mark.parametrize("number", [2, -3, True, 2.5])
def test_scalars_on_either_side(arrays, number):
    x, a = arrays(50)
    for _ in range(2):
        np.testing.assert_array_equal((a - number).numpy(), x - number)
        np.testing.assert_array_equal((number - a).numpy(), number - x)
    assert (a * number).dtype == (x * number).dtype


def test_integers_out_of_bounds(arrays):
    x, a = arrays(50, dtype=np.int8)
    np.testing.assert_array_equal((a + 1).numpy(), x + 1)
    np.testing.assert_array_equal((a < 5).numpy(), x < 5)
    np.testing.assert_array_equal((a < 500).numpy(), np.ones(50, bool))
    np.testing.assert_array_equal((a > -500).numpy(), np.ones(50, bool))
    for _ in range(2):
        with pytest.raises(OverflowError):
            a + 500
        with pytest.raises(OverflowError):
            500 - a


def test_views_of_views(arrays):
    x, a = arrays(6, 8)
    for _ in range(2):
        for part in (np.s_[2:], np.s_[1:5, ::-2], np.s_[-1]):
            u, v = x[part], a[part]
            np.testing.assert_array_equal(v[1].numpy(), u[1])
            np.testing.assert_array_equal(v.T.numpy(), u.T)
            np.testing.assert_array_equal(v.reshape(-1).numpy(), u.reshape(-1))  # of a copy where strides do not do it
            assert v.base is a
    assert a[1:3].T.strides == x[1:3].T.strides


def test_functions_of_one_array(arrays):
    x, a = arrays(7, 3)
    for _ in range(2):
        np.testing.assert_array_equal((-a[::2, 1:]).numpy(), -x[::2, 1:])
        np.testing.assert_array_equal(ca.abs(a.T).numpy(), np.abs(x.T))
