"""The borrow table of the documentation: one test a cell.

A test that uses `discrete` runs on the same device as if its memory were not the host's.
"""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np
import oracle
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.device.current import context_for, device

F32 = np.dtype("float32")


@pytest.fixture
def unified(ctx):
    if not ctx.traits.unified:
        pytest.skip("the device has memory of its own")
    return ctx


@pytest.fixture
def discrete(ctx, monkeypatch):
    if not ctx.traits.unified:
        yield ctx
        return
    context = context_for(replace(ctx.device, name=f"{ctx.device.place} as discrete"))
    context.traits = replace(ctx.traits, unified=False)
    context.maps = False
    oracle.poison(context, monkeypatch)
    with device(context):
        yield context


@pytest.fixture(params=["unified", "discrete"])
def either(request, ctx):
    return request.getfixturevalue(request.param)


@pytest.fixture
def data(rng):
    return rng.uniform(-1, 1, 1000).astype(F32)


def shares(array, host, change=5.0):
    """Whether a device array and an ndarray are the same memory, by writing through the one and reading the other."""
    array.sync()
    host[0] = change
    seen = float(array[0].item()) == change
    array[1] = change + 1
    array.sync()
    return seen and host[1] == change + 1


def device_shares(a, b, change=7.0):
    """Whether two device arrays are the same memory."""
    a[0] = change
    return float(b[0].item()) == change


def device_array(s):
    return s.get_value(borrow=True, return_internal_type=True)


class TestAsarray:
    """asarray(ndarray), shared(ndarray)"""

    @pytest.fixture(params=["asarray", "shared"])
    def make(self, request):
        if request.param == "asarray":
            return ca.asarray
        return lambda host, borrow=False: device_array(ca.shared(host, borrow=borrow))

    def test_copies(self, ctx, data, make):
        expected = data.copy()
        array = make(data)
        data[:] = 0  # the caller may change its array at once
        np.testing.assert_array_equal(array.numpy(), expected)
        assert not shares(array, data)

    def test_copies_on_a_discrete_device(self, discrete, data, make):
        expected = data.copy()
        array = make(data)
        data[:] = 0
        np.testing.assert_array_equal(array.numpy(), expected)
        assert not shares(array, data)

    def test_borrowed_is_uploaded_without_staging_and_kept_alive(self, discrete, data, make):
        expected = data.copy()
        before = ca.stats().bytes_to_device
        array = make(data, borrow=True)
        assert ca.stats().bytes_to_device - before == data.nbytes
        del data
        gc.collect()
        np.testing.assert_array_equal(array.numpy(), expected)

    def test_borrowed_is_shared(self, unified, data, make):
        before = ca.stats()
        array = make(data, borrow=True)
        after = ca.stats() - before
        assert (after.bytes_to_device, after.bytes_shared) == (0, data.nbytes)
        assert shares(array, data)

    def test_borrowed_but_not_contiguous_is_copied(self, unified, data, make):
        array = make(data[::2], borrow=True)
        np.testing.assert_array_equal(array.numpy(), data[::2])
        assert not shares(array, data[::2])

    def test_borrowed_but_not_aligned_is_copied(self, unified, data, make):
        host = np.zeros(data.nbytes + 1, np.uint8)[1:].view(F32)
        host[:] = data
        assert not host.flags.aligned
        array = make(host, borrow=True)
        np.testing.assert_array_equal(array.numpy(), data)
        assert not shares(array, host)

    def test_overlapping_borrows_are_one_memory(self, unified, data, make):
        whole, tail = make(data, borrow=True), make(data[10:], borrow=True)
        assert device_shares(tail, whole[10:])


class TestSharedOfGpuArray:
    """shared(GpuArray), same device"""

    def test_copies(self, ctx, data):
        array = ca.asarray(data)
        s = ca.shared(array)
        assert not device_shares(array, device_array(s))
        np.testing.assert_array_equal(s.get_value(), data)

    def test_borrowed_is_shared(self, either, data):
        array = ca.asarray(data)
        assert device_shares(array, device_array(ca.shared(array, borrow=True)))


class TestGetValue:
    """get_value()"""

    def test_is_new(self, ctx, data):
        s = ca.shared(data)
        value = s.get_value()
        assert type(value) is np.ndarray
        np.testing.assert_array_equal(value, data)
        assert not shares(device_array(s), value)

    def test_borrowed_is_new_on_a_discrete_device(self, discrete, data):
        s = ca.shared(data)
        value = s.get_value(borrow=True)
        np.testing.assert_array_equal(value, data)
        assert not shares(device_array(s), value)

    def test_borrowed_is_shared(self, unified, data):
        s = ca.shared(data)
        ca.function([], updates={s: s * 2})()
        value = s.get_value(borrow=True)
        np.testing.assert_array_equal(value, data * 2)
        assert shares(device_array(s), value)


class TestGetValueInternal:
    """get_value(return_internal_type=True)"""

    def test_copies(self, ctx, data):
        s = ca.shared(data)
        value = s.get_value(return_internal_type=True)
        assert isinstance(value, ca.GpuArray)
        assert not device_shares(value, device_array(s))

    def test_borrowed_is_shared(self, either, data):
        s = ca.shared(data)
        before = ca.stats()
        value = s.get_value(borrow=True, return_internal_type=True)
        assert (ca.stats() - before).launches == 0  # O(1)
        assert device_shares(value, device_array(s))
        value.shape = (10, 100)  # the variable keeps its own shape
        assert s.get_value().shape == (1000,)


class TestSetValueOfNdarray:
    """set_value(ndarray)"""

    def test_writes_in_place_where_it_fits(self, ctx, data):
        s = ca.shared(data)
        alias = device_array(s)
        s.set_value(data * 2)
        np.testing.assert_array_equal(alias.numpy(), data * 2)
        source = data * 3
        s.set_value(source)
        source[:] = 0
        np.testing.assert_array_equal(alias.numpy(), data * 3)

    def test_has_a_new_buffer_where_it_does_not(self, ctx, data):
        s = ca.shared(data)
        alias = device_array(s)
        s.set_value(data[:10])
        np.testing.assert_array_equal(alias.numpy(), data)
        np.testing.assert_array_equal(s.get_value(), data[:10])

    def test_borrowed_writes_in_place_on_a_discrete_device(self, discrete, data):
        s = ca.shared(data)
        alias = device_array(s)
        s.set_value(data * 2, borrow=True)
        np.testing.assert_array_equal(alias.numpy(), data * 2)
        s.set_value(data[:10], borrow=True)
        np.testing.assert_array_equal(s.get_value(), data[:10])
        np.testing.assert_array_equal(alias.numpy(), data * 2)

    def test_borrowed_is_shared(self, unified, data):
        s = ca.shared(data)
        fresh = data * 2
        s.set_value(fresh, borrow=True)
        assert shares(device_array(s), fresh)


class TestSetValueOfGpuArray:
    """set_value(GpuArray)"""

    def test_copies(self, ctx, data):
        s, array = ca.shared(data), ca.asarray(data * 2)
        s.set_value(array)
        np.testing.assert_array_equal(s.get_value(), data * 2)
        assert not device_shares(array, device_array(s))

    def test_borrowed_is_shared(self, either, data):
        s, array = ca.shared(data), ca.asarray(data * 2)
        s.set_value(array, borrow=True)
        assert device_shares(array, device_array(s))


def doubled(borrow, mutable=None, out_borrow=False):
    x = T.vector("x")
    return ca.function([ca.In(x, borrow=borrow, mutable=mutable)], ca.Out((x * 2).transfer(None), borrow=out_borrow))


def identity(borrow, out_borrow):
    x = T.vector("x")
    return ca.function([ca.In(x, borrow=borrow)], ca.Out(x.transfer(None), borrow=out_borrow))


class TestIn:
    """In(x, borrow=True), In(x, mutable=True)"""

    def test_argument_is_never_written(self, ctx, data):
        array = ca.asarray(data)
        results = [doubled(borrow=False)(array), identity(False, True)(array), identity(False, False)(array)]
        for result in results:
            result[...] = -9
        np.testing.assert_array_equal(array.numpy(), data)

    def test_borrowed_may_back_a_borrowed_output(self, either, data):
        array = ca.asarray(data)
        assert device_shares(identity(True, True)(array), array)
        assert not device_shares(identity(True, False)(array), array, 8.0)
        view = ca.function([ca.In(x := T.vector("x"), borrow=True)], ca.Out(x[10:].transfer(None), borrow=True))
        assert device_shares(view(array), array[10:])

    def test_mutable_may_be_overwritten_and_results_are_right(self, either, data):
        result = doubled(borrow=True, mutable=True)(ca.asarray(data))
        np.testing.assert_array_equal(result.numpy(), data * 2)
        np.testing.assert_array_equal(doubled(True, True)(data).numpy(), data * 2)

    def test_mutable_arguments_that_are_one_array(self, ctx, data):
        x, y = T.vectors("x", "y")
        f = ca.function(
            [ca.In(x, mutable=True), ca.In(y, mutable=True)], [(x + y).transfer(None), (x * 2 - y).transfer(None)]
        )
        array = ca.asarray(data)
        total, difference = f(array, array)
        np.testing.assert_allclose(total.numpy(), data * 2)
        np.testing.assert_allclose(difference.numpy(), data, rtol=1e-6)

    def test_host_arguments_may_be_changed_at_once(self, ctx, data):
        expected = data * 2
        result = doubled(borrow=False)(data)
        data[:] = 0
        np.testing.assert_array_equal(result.numpy(), expected)


class TestOut:
    """Out(y)"""

    def test_is_fresh_in_every_call(self, ctx, data):
        f = doubled(borrow=False)
        first = f(ca.asarray(data))
        second = f(ca.asarray(data + 1))
        np.testing.assert_array_equal(first.numpy(), data * 2)
        assert not device_shares(first, second)

    def test_borrowed_may_be_reused_by_the_next_call(self, either, data):
        f = doubled(borrow=False, out_borrow=True)
        f(ca.asarray(data + 1))
        np.testing.assert_array_equal(f(ca.asarray(data)).numpy(), data * 2)

    def test_ndarrays_are_fresh(self, ctx, data):
        x = T.vector("x")
        f = ca.function([x], [x, x])
        a, b = f(data)
        c, _ = f(data)
        assert not any(np.may_share_memory(p, q) for p, q in [(a, b), (a, c), (a, data), (b, data)])
        a[:] = 0
        np.testing.assert_array_equal(b, data)


class TestNumpy:
    """x.numpy()"""

    def test_copies(self, ctx, data):
        array = ca.asarray(data)
        assert not shares(array, array.numpy())

    def test_borrowed_is_a_copy_on_a_discrete_device(self, discrete, data):
        array = ca.asarray(data)
        host = array.numpy(borrow=True)
        np.testing.assert_array_equal(host, data)
        assert not shares(array, host)

    def test_borrowed_is_shared(self, unified, data):
        array = ca.asarray(data) * 1
        host = array.numpy(borrow=True)
        np.testing.assert_array_equal(host, data)
        assert shares(array, host)

    def test_borrowed_block_is_pinned(self, unified, data):
        host = (ca.asarray(data) * 1).numpy(borrow=True)  # the array itself is gone
        gc.collect()
        for _ in range(20):
            (ca.asarray(data) * 3).sync()
        np.testing.assert_array_equal(host, data)


def test_updates_do_not_write_into_what_was_borrowed(ctx, data):
    s = ca.shared(data)
    alias = device_array(s)
    ca.function([], updates={s: s * 2})()
    np.testing.assert_array_equal(alias.numpy(), data)
    np.testing.assert_array_equal(s.get_value(), data * 2)


def test_shared_variables_are_never_uploaded_twice(ctx, data):
    s, x = ca.shared(data), T.vector("x")
    f = ca.function([], (x * s).sum(), givens={x: s}, updates={s: s + 1})
    f()
    before = ca.stats().bytes_to_device
    f()
    assert ca.stats().bytes_to_device == before
