"""unique_* and isin, against NumPy; where NaNs go among each other nobody says."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import clarray as ca
import clarray.tensor as T

SHAPES = [(0,), (), (1,), (2, 0), (6, 50), (4000,)]


def draw(rng, dtype, shape):
    """Few values, each often."""
    x = np.asarray(rng.integers(0, 9, shape)).astype(dtype)
    if x.dtype.kind in "fc" and x.size > 8:
        x.flat[rng.choice(x.size, 5, replace=False)] = [np.nan, -0.0, np.nan, np.inf, -np.inf]
    return x


def assert_same(got, want):
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("kind", ["b", "iu", "f", "c"])
def test_unique(ctx, rng, kind):
    """A dtype of each kind: sorting has its own tests of every one."""
    dtype = rng.choice(oracle.supported(ctx.traits, kind))
    for shape in SHAPES:
        x = draw(rng, dtype, shape)
        a = ca.asarray(x)
        values, counts = np.unique(x, return_counts=True, equal_nan=False)
        assert_same(ca.unique_values(a), values)
        for found in (ca.unique_counts(a), ca.unique_all(a)):
            assert_same(found.values, values)
            assert_same(found.counts, counts)
        for found in (ca.unique_inverse(a), ca.unique_all(a)):
            assert found.inverse_indices.shape == x.shape
            np.testing.assert_array_equal(values[found.inverse_indices.numpy()], x)
        indices = ca.unique_all(a).indices.numpy()
        whole = values == values
        np.testing.assert_array_equal(indices[whole], np.unique(x, return_index=True, equal_nan=False)[1][whole])
        assert sorted(indices[~whole]) == list(np.flatnonzero(x != x))


def test_unique_of_views(ctx, rng):
    x = draw(rng, "i4", (30, 40))
    a = ca.asarray(x)
    for view in (lambda x: x.T, lambda x: x[::-2, 3:], lambda x: x[:, 7]):
        found = ca.unique_all(view(a))
        values, indices, inverse, counts = np.unique(
            view(x), return_index=True, return_inverse=True, return_counts=True
        )
        for got, want in zip(found, (values, indices, inverse, counts), strict=True):
            assert_same(got, want.astype(got.dtype))


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("pair", [("i4", "i4"), ("f4", "i2"), ("?", "?"), ("c8", "f4"), ("u1", "i4")], ids="-".join)
def test_isin(ctx, rng, pair, invert):
    for shape, among in [((), (3,)), ((7, 5), (4,)), ((3000,), (2, 2)), ((0,), (2,)), ((5,), (0,)), ((4,), ())]:
        x, y = draw(rng, pair[0], shape), np.asarray(draw(rng, pair[1], among) // 2 if among else 3).astype(pair[1])
        assert_same(ca.isin(ca.asarray(x), ca.asarray(y), invert=invert), np.asarray(np.isin(x, y, invert=invert)))


def test_isin_of_scalars(ctx, rng):
    x = draw(rng, "i4", 40)
    assert_same(ca.isin(ca.asarray(x), 3), x == 3)
    assert ca.isin(3, ca.asarray(x)).item() == (3 in x)


def test_variables_are_refused(any_ctx):
    x = T.fvector("x")
    for function in (ca.unique_all, ca.unique_counts, ca.unique_inverse, ca.unique_values, lambda x: ca.isin(x, 1)):
        with pytest.raises(TypeError, match="variable of a graph"):
            function(x)
