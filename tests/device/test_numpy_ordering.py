"""numpy.sort, argsort, unique and ufunc.at on arrays: NumPy's arguments, NumPy's answers."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as cl


@pytest.fixture
def x(rng):
    return rng.integers(-3, 3, (4, 5)).astype(np.float32)


@pytest.mark.parametrize(
    "options", [{}, {"kind": "stable"}, {"kind": "mergesort", "order": None}, {"stable": True}, {"axis": None}]
)
def test_sort_and_argsort(options, ctx, x):
    a = cl.asarray(x)
    for function in (np.sort, np.argsort):
        got = function(a, **options)
        assert isinstance(got, cl.GpuArray)
        want = function(x, **{"kind": "stable", **options} if "stable" not in options else options)
        np.testing.assert_array_equal(got.numpy(), want)
    np.testing.assert_array_equal(np.sort(a=a, axis=0).numpy(), np.sort(x, axis=0))


def test_what_sort_refuses(ctx, x):
    a = cl.asarray(x)
    for function in (np.sort, np.argsort):
        for options in ({"kind": "fast"}, {"order": "x"}, {"kind": "stable", "stable": True}):
            with pytest.raises(ValueError, match=rf"numpy\.{function.__name__}\(\)"):
                function(a, **options)


@pytest.mark.parametrize("nans", [0, 1, 4])
@pytest.mark.parametrize("equal_nan", [True, False])
def test_unique(nans, equal_nan, ctx, x, rng):
    x.flat[rng.choice(20, nans, replace=False)] = np.nan
    a = cl.asarray(x)
    np.testing.assert_array_equal(np.unique(a, equal_nan=equal_nan).numpy(), np.unique(x, equal_nan=equal_nan))
    got = np.unique(a, True, return_inverse=True, return_counts=True, equal_nan=equal_nan)
    want = np.unique(x, True, return_inverse=True, return_counts=True, equal_nan=equal_nan)
    assert isinstance(got, tuple)
    for k in (0, 1, 3):
        np.testing.assert_array_equal(got[k].numpy(), want[k])
    assert got[2].shape == x.shape
    if equal_nan:
        np.testing.assert_array_equal(got[2].numpy(), want[2].reshape(x.shape))
    values, counts = np.unique(a, return_counts=True, equal_nan=equal_nan)
    np.testing.assert_array_equal(values.numpy(), want[0])
    np.testing.assert_array_equal(counts.numpy(), want[3])


def test_unique_of_other_dtypes(ctx):
    host = np.array([3, 1, 3, 2, 1], np.uint8)
    np.testing.assert_array_equal(np.unique(cl.asarray(host)).numpy(), np.unique(host))
    host = np.array([1 + 1j, complex(np.nan, 1), 0, complex(0, np.nan), 1 + 1j], np.complex64)
    assert np.unique(cl.asarray(host)).shape == np.unique(host).shape == (3,)
    assert np.unique(cl.zeros(0, dtype="float32")).shape == (0,)
    with pytest.raises(TypeError, match=r"numpy\.unique\(\) on GpuArrays takes axis=None"):
        np.unique(cl.zeros((2, 2), dtype="float32"), axis=0)


def test_at_of_one_operand(ctx):
    x = cl.zeros(3, dtype="float32")
    with pytest.raises(TypeError, match=r"numpy\.negative\.at\(\) has no counterpart"):
        np.negative.at(x, [0])
