"""Layouts against NumPy: strides, broadcasting, merging, memory order, extents."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from clarray.core.layout import (
    Layout,
    broadcast_strides,
    contiguous_strides,
    extent,
    is_contiguous,
    memory_order,
    merge,
    ordered_strides,
    permute,
    reshaped_strides,
)

FLOAT = np.dtype("float32")


def random_view(rng, shape, broadcast=True):
    """A view with these extents, or 1 along some axes: permuted, sliced, reversed."""
    order = rng.permutation(len(shape))
    shape = [1 if broadcast and rng.random() < 0.25 else n for n in shape]
    steps = [int(rng.choice([1, 1, 2, -1, -2])) for _ in shape]
    whole = np.arange(np.prod([2 * shape[a] for a in order]), dtype=FLOAT).reshape([2 * shape[a] for a in order])
    x = whole.transpose(np.argsort(order))
    x = x[tuple(slice(None, None, s) for s in steps)]
    return x[tuple(slice(0, n) for n in shape)]


def elements(x):
    return tuple(s // x.itemsize for s in x.strides)


@pytest.fixture
def shapes(rng):
    return [tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 5))) for _ in range(200)]


def test_layouts_are_interned():
    assert Layout.of(FLOAT, (2, 3)) is Layout.of(FLOAT, (2, 3), (12, 4))
    assert Layout.of(FLOAT, (2, 3)) is not Layout.of(FLOAT, (2, 3), (4, 8))
    assert Layout.of(FLOAT, (2, 3)) is not Layout.of(np.dtype("int32"), (2, 3))


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4), (1, 1)])
def test_contiguous_layout_is_numpys(shape):
    x = np.empty(shape, FLOAT)
    layout = Layout.of(FLOAT, shape)
    assert (layout.size, layout.nbytes, layout.c_contiguous) == (x.size, x.nbytes, True)
    if x.size:
        assert layout.strides == x.strides


def test_contiguity_is_numpys(rng, shapes):
    for shape in shapes:
        x = random_view(rng, shape)
        assert is_contiguous(x.shape, elements(x)) == x.flags.c_contiguous
        assert is_contiguous(x.shape[::-1], elements(x)[::-1]) == x.flags.f_contiguous
        assert Layout.of(FLOAT, x.shape, x.strides).c_contiguous == x.flags.c_contiguous


def test_sizes_that_overflow_are_refused():
    with pytest.raises(ValueError, match="too large"):
        Layout.of(FLOAT, (2**62, 2))
    with pytest.raises(ValueError, match="negative"):
        Layout.of(FLOAT, (-1, 2))


def test_broadcast_strides_are_numpys(rng, shapes):
    for shape in shapes:
        x = random_view(rng, shape)
        to = (2, *shape)
        got = broadcast_strides(x.shape, elements(x), to)
        want = elements(np.broadcast_to(x, to))
        assert [g for g, n in zip(got, to) if n > 1] == [w for w, n in zip(want, to) if n > 1]


def test_merged_axes_visit_the_same_elements(rng, shapes):
    for shape in shapes:
        xs = [random_view(rng, shape) for _ in range(rng.integers(1, 4))]
        steps = [broadcast_strides(x.shape, elements(x), shape) for x in xs]
        sizes, merged = merge(shape, steps)
        assert 1 not in sizes
        for x, s in zip(xs, merged):
            view = as_strided(x, sizes, [k * x.itemsize for k in s])
            np.testing.assert_array_equal(view.reshape(-1), np.broadcast_to(x, shape).reshape(-1))


def test_merge_joins_all_it_can():
    assert merge((2, 3, 4), [(12, 4, 1), (12, 4, 1)]) == ((24,), ((1,), (1,)))
    assert merge((2, 3, 4), [(12, 4, 1), (0, 0, 0)]) == ((24,), ((1,), (0,)))
    assert merge((2, 3, 4), [(12, 4, 1), (0, 4, 1)]) == ((2, 12), ((12, 1), (0, 1)))
    assert merge((2, 3, 4), [(-12, -4, -1)]) == ((24,), ((-1,),))
    assert merge((1, 1), [(5, 7)]) == ((), ((),))


def test_memory_order_is_that_of_numpys_results(rng, shapes):
    """The strides of what a ufunc returns, order='K'."""
    for shape in shapes:
        xs = [random_view(rng, shape) for _ in range(rng.integers(1, 3))]
        want = np.positive(xs[0]) if len(xs) == 1 else np.add(*xs)
        steps = [broadcast_strides(x.shape, elements(x), want.shape) for x in xs]
        got = ordered_strides(want.shape, memory_order(want.shape, steps))
        assert [s for s, n in zip(got, want.shape) if n > 1] == [
            s for s, n in zip(elements(want) if want.ndim else (), want.shape) if n > 1
        ]


def test_memory_order_with_a_leader():
    assert memory_order((2, 3), [(1, 2), (3, 1)]) == (0, 1)
    assert memory_order((2, 3), [(1, 2), (3, 1)], first_wins=True) == (1, 0)
    assert memory_order((2, 3), [(0, 1), (1, 2)], first_wins=True) == (1, 0)


def test_ordered_strides_have_no_gaps(rng, shapes):
    for shape in shapes:
        order = tuple(int(a) for a in rng.permutation(len(shape)))
        strides = ordered_strides(shape, order)
        assert permute(strides, order) == contiguous_strides(permute(shape, order))


def test_extent_is_numpys_bounds(rng, shapes):
    for shape in shapes:
        x = random_view(rng, shape)
        start = x.__array_interface__["data"][0]
        low, high = np.lib.array_utils.byte_bounds(x)
        assert extent(x.shape, x.strides, x.itemsize) == (low - start, high - start)
    assert extent((0, 3), (12, 4), 4) == (0, 0)


def test_reshape_needs_a_copy_where_numpys_does(rng, shapes):
    for shape in shapes:
        x = random_view(rng, shape)
        for to in [(-1,), shape[::-1], (1, *shape), tuple(n for n in shape if n > 1)]:
            try:
                to = np.empty(x.shape, np.bool_).reshape(to).shape
            except ValueError:
                continue
            got = reshaped_strides(x.shape, elements(x), to)
            view = x.reshape(to)
            if got is None:
                assert not np.shares_memory(view, x)
            else:
                strided = as_strided(x, to, [s * x.itemsize for s in got])
                np.testing.assert_array_equal(strided, view)


def test_writable():
    assert Layout.of(FLOAT, (2, 3)).writable
    assert not Layout.of(FLOAT, (2, 3), (0, 4)).writable
    assert Layout.of(FLOAT, (1, 3), (0, 4)).writable
