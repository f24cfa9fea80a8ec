"""GpuArray: what it is made of, views, assignment, exchange with the host, copies, pickles."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from oracle import supported

import clarray as ca
from clarray.errors import OutOfDeviceMemory


@pytest.fixture
def x(rng):
    return rng.integers(-99, 99, (4, 5, 6)).astype(np.int32)


def equal(a, x):
    assert (a.shape, a.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(a.numpy(), x)


VIEWS = {
    "whole": lambda x: x[...],
    "int": lambda x: x[2],
    "slice": lambda x: x[1:3, ::2],
    "backwards": lambda x: x[::-1, 4:0:-2, ::-3],
    "new axis": lambda x: x[None, :, None, 1],
    "ellipsis": lambda x: x[..., -1],
    "element": lambda x: x[1, 2, 3, ...],
    "none": lambda x: x[2:2],
    "transposed": lambda x: x.T[1:],
    "permuted": lambda x: x.transpose(1, 0, 2)[:, ::-1],
    "reshaped": lambda x: x.reshape(20, -1)[::3],
    "swapped": lambda x: x.swapaxes(0, 2) if isinstance(x, np.ndarray) else ca.swapaxes(x, 0, 2),
    "mT": lambda x: x.mT,
    "ravelled": lambda x: x[1].ravel(),
    "squeezed": lambda x: x[:, 1:2].squeeze(1),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views(name, ctx, x):
    a = ca.asarray(x)
    view, expected = VIEWS[name](a), VIEWS[name](x)
    equal(view, expected)
    assert view.strides == expected.strides
    assert (view.ndim, view.size, view.itemsize, view.nbytes) == (
        expected.ndim, expected.size, expected.itemsize, expected.nbytes)  # fmt: skip
    for flag in ("c_contiguous", "f_contiguous", "forc", "writeable"):
        assert view.flags[flag.upper()] == getattr(expected.flags, flag), flag
    assert view.base is a
    assert ca.may_share_memory(view, a) == bool(view.size)
    if view.size:
        assert view.offset == expected.__array_interface__["data"][0] - x.__array_interface__["data"][0]
    view[...] = 7
    expected[...] = 7
    equal(a, x)
    view += ca.arange(view.size, dtype=np.int32).reshape(view.shape)
    expected += np.arange(expected.size, dtype=np.int32).reshape(expected.shape)
    equal(a, x)


def test_index_errors(ctx, x):
    a = ca.asarray(x)
    for index in (4, -5, (0, 5), (0, 0, 0, 0), (..., 0, ...)):
        with pytest.raises(IndexError):
            a[index]
    with pytest.raises(ValueError):
        a[::0]


def test_attributes(ctx, x):
    a = ca.asarray(x)
    assert a.context is ctx
    assert a.device == ctx.device
    assert a.base is None
    assert a.flags.owndata
    assert a.data is a.base_data
    assert a[1:].base_data is a.base_data
    with pytest.raises(ValueError, match="base_data"):
        a[1:].data  # noqa: B018
    assert len(a) == 4
    with pytest.raises(TypeError):
        len(a[0, 0, 0])
    assert [row.shape for row in a] == [(5, 6)] * 4
    with pytest.raises(TypeError):
        hash(a)
    assert a.sync() is a
    assert "float32" in repr(ca.zeros(2, np.float32))
    assert str(ca.arange(3)) == "[0 1 2]"
    assert f"{ca.asarray(2.5):.2f}" == "2.50"


def test_scalars(ctx):
    for value in (True, -3, 2.5, 1 + 2j):
        a = ca.asarray(value)
        assert a.item() == value
        assert type(a.item()) is type(value)
        assert bool(a) is bool(value)
        assert complex(a) == value
    assert (int(ca.asarray(3.7)), float(ca.asarray(2)), [10, 20][ca.asarray(1)]) == (3, 2.0, 20)
    assert ca.arange(6).reshape(2, 3).item(4) == 4
    assert ca.arange(6).reshape(2, 3).item(1, 2) == 5
    assert ca.arange(6).reshape(2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    for wrong in (lambda: bool(ca.zeros(2)), lambda: ca.zeros(2).item()):
        with pytest.raises(ValueError):
            wrong()
    for wrong in (lambda: int(ca.zeros(2)), lambda: float(ca.zeros((1, 2))), lambda: [1][ca.asarray(0.0)]):
        with pytest.raises(TypeError):
            wrong()


def test_every_dtype_goes_across(ctx, rng):
    for dtype in supported(ctx.traits):
        x = (rng.standard_normal((3, 4)) * 50).astype(dtype)
        a = ca.asarray(x)
        equal(a, x)
        equal(a.T[::-1], x.T[::-1])
        equal(a.copy(), x)
        equal(pickle.loads(pickle.dumps(a)), x)
        a[1] = x[2]
        x[1] = x[2]
        equal(a, x)


def test_read_and_write(ctx, rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)
    a = ca.zeros((3, 4), np.float32)
    a.write(x)
    kept, x[0, 0] = x.copy(), 99  # the host array may be reused at once
    equal(a, kept)
    flat = np.empty(12, np.float32)
    a.read(flat)
    np.testing.assert_array_equal(flat, kept.ravel())
    a[1].write(kept[0])
    kept[1] = kept[0]
    equal(a, kept)
    for wrong in (
        lambda: a.read(np.empty(12, np.float64)), lambda: a.read(np.empty(11, np.float32)),
        lambda: a.T.read(np.empty((4, 3), np.float32)), lambda: a.read(np.empty((4, 3), np.float32).T),
        lambda: a.write(np.zeros((3, 4), np.int32)), lambda: a.write(np.zeros((3, 8), np.float32)[:, ::2]),
        lambda: a[:, ::2].write(np.zeros((3, 2), np.float32)),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


OVERLAPS = [
    (np.s_[1:], np.s_[:-1]), (np.s_[:-1], np.s_[1:]), (np.s_[:], np.s_[::-1]), (np.s_[::2], np.s_[1::2]),
    (np.s_[2:8], np.s_[5:11]), (np.s_[4:0:-1], np.s_[1:5]),
]  # fmt: skip


@pytest.mark.parametrize("pair", OVERLAPS, ids=str)
def test_overlapping_assignment(pair, ctx, rng):
    x = rng.integers(-99, 99, 12).astype(np.int32)
    a, (to, source) = ca.asarray(x), pair
    a[to] = a[source]
    x[to] = x[source].copy()
    equal(a, x)
    a[to] += a[source]
    x[to] = x[to] + x[source].copy()
    equal(a, x)
    square = rng.integers(-9, 9, (5, 5)).astype(np.int32)
    b = ca.asarray(square)
    b[...] = b.T
    equal(b, square.T)


def test_assignment_broadcasts_and_converts(ctx, x):
    a = ca.asarray(x)
    for index, value in (
        (np.s_[:], 3), (np.s_[1], [1, 2, 3, 4, 5, 6]), (np.s_[..., 0], [[1]]), (np.s_[2], np.arange(5)[:, None]),
        (np.s_[0], np.ones((1, 1, 5, 6), np.float32)), (np.s_[0, 0], 2.75), (np.s_[0, 0, 0], np.float32(-8.5)),
        (np.s_[3:3], 5), (np.s_[1, 1], ca.arange(6, dtype=np.float32)),
    ):  # fmt: skip
        a[index] = value
        x[index] = value.numpy() if isinstance(value, ca.GpuArray) else value
        equal(a, x)
    for index, value in ((np.s_[:], [1, 2]), (np.s_[0, 0], np.ones((2, 6)))):
        with pytest.raises(ValueError):
            a[index] = value
    with pytest.raises(OverflowError):
        a[0] = 2**40
    with pytest.raises(TypeError):
        a[0] = 1j
    with pytest.raises(ValueError, match="broadcast view"):
        ca.broadcast_to(a[0, 0], (2, 6))[...] = 1
    equal(a, x)


def test_in_place_operators(ctx, rng):
    x = rng.integers(1, 9, (3, 4)).astype(np.int32)
    a = ca.asarray(x)
    view = a[:, ::2]
    a += 2
    a -= x
    a *= [[2], [3], [4]]
    a //= 3
    a <<= 1
    expected = ((x + 2 - x) * [[2], [3], [4]] // 3 << 1).astype(np.int32)
    equal(a, expected)
    equal(view, expected[:, ::2])
    with pytest.raises(TypeError, match="without loss"):
        a /= 2
    with pytest.raises(ValueError):
        a += ca.zeros((2, 3, 4), np.int32)


def test_shape_in_place(ctx, x):
    a = ca.asarray(x)
    a.shape = (20, -1)
    assert a.shape == (20, 6)
    equal(a, x.reshape(20, 6))
    with pytest.raises(AttributeError):
        a.T.shape = 120
    with pytest.raises(ValueError):
        a.shape = (7, 7)
    for wrong in ((-1, -1), (7, -1)):
        with pytest.raises(ValueError):
            a.reshape(wrong)
    equal(a.T.reshape(120), x.reshape(20, 6).T.reshape(120))
    equal(a.reshape(4, 5, 6), x)


def test_strides_in_place(ctx, rng):
    x = rng.integers(0, 99, 12).astype(np.int32)
    a = ca.asarray(x).reshape(3, 4)
    a.strides = (4, 12)
    equal(a, x.reshape(4, 3).T)
    for wrong in ((16, 16), (-4, 4), (4,), (3, 4)):
        with pytest.raises(ValueError):
            a.strides = wrong
    equal(a, x.reshape(4, 3).T)


def test_astype_and_view(ctx, rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)
    a = ca.asarray(x)
    equal(a.view(np.uint32), x.view(np.uint32))
    equal(a.view(np.uint8), x.view(np.uint8))
    equal(a[1:].view(np.int16)[:, ::3], x[1:].view(np.int16)[:, ::3])
    assert ca.may_share_memory(a.view(np.uint32), a)
    with pytest.raises(ValueError):
        a.T.view(np.uint8)
    assert a.astype(np.float32, copy=False) is a
    assert not ca.may_share_memory(a.astype(np.float32), a)
    for dtype in supported(ctx.traits):
        if dtype.kind != "u":  # a negative float has no unsigned value
            equal((a * 50).astype(dtype), (x * 50).astype(dtype))
    assert a.T.copy().strides == x.T.copy("K").strides
    assert a.T.copy("C").flags.c_contiguous


def test_copies(ctx, x):
    a = ca.asarray(x)
    for duplicate in (a.copy(), copy.copy(a), copy.deepcopy(a), a.flatten().reshape(x.shape), a[::-1][::-1].copy()):
        equal(duplicate, x)
        assert not ca.may_share_memory(duplicate, a)
        duplicate[...] = 0
        equal(a, x)


def test_pickle(ctx, x):
    a = ca.asarray(x)
    for b, y in ((a, x), (a[::-1, ::2].T, x[::-1, ::2].T), (a[0, 0, 0], x[0, 0, 0, ...]), (a[:0], x[:0])):
        again = pickle.loads(pickle.dumps(b))
        equal(again, y)
        assert again.context is ctx


def test_conversion_to_numpy_is_counted(ctx, x):
    a = ca.asarray(x)
    before = ca.stats()
    np.testing.assert_array_equal(np.asarray(a), x)
    assert (ca.stats() - before).bytes_to_host == x.nbytes
    assert np.asarray(a, np.float32).dtype == np.float32
    with pytest.raises(ValueError):
        np.asarray(a, copy=False)
    ca.config.assert_no_cpu_op = "raise"
    try:
        with pytest.raises(Exception, match="assert_no_cpu_op"):
            np.asarray(a)
        equal(a, x)  # numpy() is explicit
    finally:
        ca.config.assert_no_cpu_op = "ignore"


def test_borrowing(ctx, rng):
    x = np.ascontiguousarray(rng.standard_normal((4, 4)), np.float32)
    a = ca.asarray(x, borrow=True)
    if not ctx.traits.unified:
        equal(a, x)
        return
    a.sync()
    x[1] = 5
    assert a[1].sum().item() == 20
    a[2] = 3
    a.sync()
    np.testing.assert_array_equal(x[2], 3)
    shared = a.numpy(borrow=True)
    a += 1
    a.sync()
    np.testing.assert_array_equal(shared, x)


def test_empty_and_zero_dimensional(ctx):
    for shape in ((0,), (3, 0), (0, 4, 2), ()):
        a, x = ca.ones(shape, np.float32), np.ones(shape, np.float32)
        for f in (
            lambda v: v + 1, lambda v: -v, lambda v: v * v, lambda v: v.T, lambda v: v.copy(), lambda v: v.ravel(),
            lambda v: v.sum(), lambda v: v.prod(), lambda v: v[..., None], lambda v: v > 0, lambda v: v.astype(np.int8),
            lambda v: v.reshape(-1) if v.size else v.reshape(v.shape), lambda v: v.all(), lambda v: v.any(),
        ):  # fmt: skip
            equal(f(a), np.asarray(f(x)))
        a[...] = 4
        a += 1
        equal(a, np.full(shape, 5, np.float32))
        if not a.size:
            with pytest.raises(ValueError):
                a.max()
            assert a.tolist() == x.tolist()


def test_devices_do_not_mix(ctx):
    other = next((d for d in ca.devices() if d != ctx.device and d.usable), None)
    if other is None:
        pytest.skip("there is one device alone")
    a, b = ca.arange(3, dtype=np.int32), ca.arange(3, dtype=np.int32, device=other)
    for mixed in (
        lambda: a + b,
        lambda: ca.concat([a, b]),
        lambda: a[b],
        lambda: ca.asarray(b, device=ctx.device, copy=False),
    ):
        with pytest.raises(ValueError):
            mixed()
    assert b.transfer(ctx.device).context is ctx
    equal(a + b.to_device(ctx.device), np.arange(3, dtype=np.int32) * 2)
    assert a.to_device(ctx.device) is a


def test_memory_limit(ctx):
    limit = ca.memory_stats().in_use + (1 << 20)  # plans that are kept have constants on the device
    try:
        ca.set_memory_limit(limit)
        assert ca.memory_stats().limit == limit
        with pytest.raises(OutOfDeviceMemory, match="limit"):
            ca.zeros(limit + 1, np.int8)  # too much by itself, whatever garbage is freed for it
        assert ca.zeros(1000, np.float32).sum().item() == 0
        with pytest.raises(ValueError):
            ca.set_memory_limit(-1)
    finally:
        ca.set_memory_limit(None)
    held = ca.zeros(1 << 18, np.int8)
    assert ca.memory_stats().in_use >= held.nbytes


def test_more_than_two_to_the_31_elements(ctx, rng):
    value = int(rng.integers(1, 100))
    n = 2**31 + 10
    one = ca.asarray(np.array([value], np.int8))
    wide = ca.broadcast_to(one, (n,))
    assert (wide.size, wide.nbytes, wide.strides) == (n, n, (0,))
    assert wide[n - 1].item() == value
    assert wide[:: 2**30].shape == (3,)
    if ctx.traits.kind == "cpu" and "mesa" in ctx.traits.vendor:
        return  # a software rasterizer takes minutes
    assert wide.sum().item() == n * value


def test_strides_beyond_two_to_the_31_bytes(ctx, rng):
    """Elements 2**31 and more apart in a view of few, in memory that nobody fills."""
    n = 2**31 + 8
    if ctx.traits.max_alloc < n:
        pytest.skip(f"{ctx.device.hardware} has no buffer of {n:,} bytes")
    try:
        a = ca.empty((n,), np.int8)
    except OutOfDeviceMemory:
        pytest.skip("the device is too small")
    far = a[:: 2**31 + 3]
    far[...] = ca.asarray(np.array([5, 7], np.int8))
    np.testing.assert_array_equal(far.numpy(), [5, 7])
    assert a[2**31 + 3].item() == 7
    a[[2**31 + 1]] = 9
    assert (a[2**31 + 1].item(), a[ca.asarray([-7])].item(), (far + far).numpy()[1]) == (9, 9, 14)
