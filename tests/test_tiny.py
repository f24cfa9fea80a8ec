"""Ten checks that take under five seconds on any device."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from clarray.array.convert import to_array
from clarray.core import ops
from clarray.errors import OutOfDeviceMemory

pytestmark = pytest.mark.oclgrind


def test_round_trip(ctx, rng):
    x = rng.standard_normal((3, 5)).astype(np.float32)
    a = to_array(x)
    assert (a.shape, a.dtype, a.strides, a.context) == (x.shape, x.dtype, x.strides, ctx)
    np.testing.assert_array_equal(a.numpy(), x)


def test_add(ctx, rng):
    x, y = rng.standard_normal((2, 300)).astype(np.float32)
    np.testing.assert_array_equal((to_array(x) + to_array(y)).numpy(), x + y)


def test_python_scalar_is_weak(ctx, rng):
    x = rng.standard_normal(40).astype(np.float32)
    y = 1 - to_array(x) * 0.5
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), 1 - x * 0.5)


def test_broadcast_and_transpose(ctx, rng):
    x, row = rng.standard_normal((7, 9)).astype(np.float32), rng.standard_normal(7).astype(np.float32)
    np.testing.assert_array_equal((to_array(x).T * to_array(row)).numpy(), x.T * row)


def test_views_share_memory(ctx, rng):
    x = rng.standard_normal((8, 6)).astype(np.float32)
    a = to_array(x)
    a[1::2, ::-1] = -1
    x[1::2, ::-1] = -1
    a[2:, 1] += a[:-2, 1]
    x[2:, 1] += x[:-2, 1].copy()
    np.testing.assert_array_equal(a.numpy(), x)


def test_exp(ctx, rng):
    x = rng.uniform(-5, 5, 200).astype(np.float32)
    np.testing.assert_allclose(ops.exp(to_array(x)).numpy(), np.exp(x.astype(np.float64)), rtol=1e-6)


def test_sum(ctx, rng):
    x = rng.integers(-100, 100, (30, 20)).astype(np.int32)
    a = to_array(x)
    assert a.sum().item() == x.sum()
    np.testing.assert_array_equal(a.sum(axis=0).numpy(), x.sum(axis=0))
    np.testing.assert_array_equal(a.sum(axis=1, keepdims=True).numpy(), x.sum(axis=1, keepdims=True))


def test_argmax(ctx, rng):
    x = rng.integers(0, 9, (11, 13)).astype(np.float32)
    np.testing.assert_array_equal(to_array(x).argmax(axis=1).numpy(), x.argmax(axis=1))


def test_empty_and_scalar_shapes(ctx):
    assert (to_array(np.empty((0, 3), np.float32)) + 1).shape == (0, 3)
    assert (to_array(np.float32(2)) ** 3).item() == 8
    assert to_array(np.empty(0, np.float32)).sum().item() == 0


def test_errors_leave_the_device_working(ctx):
    a = to_array(np.arange(4, dtype=np.float32))
    with pytest.raises(ValueError, match="do not broadcast"):
        a + to_array(np.zeros(3, np.float32))
    with pytest.raises(TypeError, match="bitwise_and"):
        a & a
    gc.collect()  # what others left behind would make room
    before, ctx.memory.limit = ctx.memory.limit, ctx.memory.pool.active_bytes
    try:
        with pytest.raises(OutOfDeviceMemory):
            a + a
    finally:
        ctx.memory.limit = before
    assert (a + a).numpy().tolist() == [0, 2, 4, 6]
