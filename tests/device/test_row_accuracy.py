"""Sums along rows keep their accuracy however a row lies."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as cl


@pytest.mark.parametrize("axis", [0, 1])
def test_long_rows_far_from_zero(axis, ctx, rng):
    """The mean's error is what is seen of the result: two levels of partial sums would leave 5e-4 across rows."""
    x = (rng.standard_normal((40000, 24)) + 1000).astype(np.float32)
    wide = x.astype(np.float64)
    want = (wide - wide.mean(0)) / np.sqrt(wide.var(0) + 1e-5)
    if axis:
        x, want = np.ascontiguousarray(x.T), want.T
    got = cl.nn.layer_norm(cl.asarray(x), axis=axis).numpy()
    assert np.sqrt(np.mean((got - want) ** 2)) < 2.5e-4
