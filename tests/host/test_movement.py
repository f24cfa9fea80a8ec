"""Views against NumPy: the same elements, shapes and errors, and no copy where NumPy makes none."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from clarray.core import movement
from clarray.core.aval import Aval
from clarray.core.layout import Layout
from clarray.core.movement import freeze, is_basic, thaw

INT = np.dtype("int32")
SHAPES = [(), (5,), (2, 3), (3, 1, 4), (2, 3, 4, 5), (0,), (2, 0, 3)]


def look(op, x, *others, **params):
    """The view that an Op describes of `x`, made in host memory; None where it takes a copy."""
    layouts = [Layout.of(v.dtype, v.shape, v.strides) for v in (x, *others)]
    found = op.view(layouts, params)
    if found is None:
        return None
    layout, offset = found
    assert op.infer([Aval(v.shape, v.dtype) for v in (x, *others)], params)[0].shape == layout.shape
    if not layout.size:
        return np.empty(layout.shape, x.dtype)
    low, high = np.lib.array_utils.byte_bounds(x)
    first = x.__array_interface__["data"][0] + offset
    assert low <= first < high
    origin = np.ndarray((), x.dtype, (ctypes.c_byte * x.itemsize).from_address(first))
    return as_strided(origin, layout.shape, layout.strides)


def number(shape):
    return np.arange(np.prod(shape, dtype=int), dtype=INT).reshape(shape)


def views(shape):
    """Some views of these shapes: contiguous, transposed, strided backwards."""
    x = number(shape)
    yield x
    if shape:
        yield x.T
        yield x[tuple(slice(None, None, -2) for _ in shape)]


INDICES = [
    0, -1, slice(None), slice(1, None), slice(None, None, -1), slice(4, 0, -2), Ellipsis, None,
    (0, ...), (..., 0), (slice(None), None), (slice(None, None, 2), 0), (None, ..., None, slice(1)), (), (0, 0),
    slice(10, 20), slice(-100, 100), 7, (0, 0, 0, 0, 0), (..., ...),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_basic_indexing(index):
    for shape in SHAPES:
        for x in views(shape):
            try:
                want = np.asarray(x[index])
            except IndexError as error:
                with pytest.raises(IndexError, match=str(error)[:20].replace("(", r"\(")):
                    look(movement.slice_, x, index=freeze(index))
                continue
            np.testing.assert_array_equal(look(movement.slice_, x, index=freeze(index)), want)


def test_random_slices(rng):
    for _ in range(300):
        shape = tuple(int(n) for n in rng.integers(1, 6, 3))
        x = number(shape).transpose(rng.permutation(3))
        index = []
        for _n in range(int(rng.integers(1, 4))):
            ends = [None if rng.random() < 0.3 else int(v) for v in rng.integers(-7, 8, 2)]
            index.append(slice(*ends, int(rng.choice([1, 2, 3, -1, -2]))))
        np.testing.assert_array_equal(look(movement.slice_, x, index=freeze(tuple(index))), x[tuple(index)])


def test_freezing_is_undone():
    for index in INDICES:
        parts = index if isinstance(index, tuple) else (index,)
        assert thaw(freeze(index)) == parts
        hash(freeze(index))
    assert freeze(np.int64(3)) == (3,)
    assert freeze(slice(np.int8(1), None, np.int8(2))) == ((1, None, 2),)
    with pytest.raises((TypeError, AttributeError)):
        freeze(1.5)


def test_what_is_basic():
    assert all(map(is_basic, INDICES))
    for index in (True, np.bool_(True), [0], np.array([0]), (0, [1]), 1.5, "a"):
        assert not is_basic(index)


@pytest.mark.parametrize("to", [(-1,), (6,), (3, 2), (1, 6, 1), (2, -1), (3, -1, 1), (0, 6), (4,), (-1, -1), (2, 3)])
def test_reshape(to):
    for x in views((2, 3)):
        try:
            want = x.reshape(to)
        except ValueError:
            with pytest.raises(ValueError, match="cannot reshape"):
                movement.reshape.infer([Aval(x.shape, x.dtype)], {"shape": to})
            with pytest.raises(ValueError):
                look(movement.reshape, x, shape=to)
            continue
        got = look(movement.reshape, x, shape=to)
        if got is None:
            assert not np.shares_memory(want, x)
        else:
            np.testing.assert_array_equal(got, want)
            assert np.shares_memory(want, x)


def test_reshape_of_nothing():
    x = np.empty((0, 3), INT)
    assert look(movement.reshape, x, shape=(3, 0)).shape == (3, 0)
    assert look(movement.reshape, x, shape=(-1, 3)).shape == (0, 3)
    for to in [(-1, 0), (-2, 3), (2, 2)]:
        with pytest.raises(ValueError, match="cannot reshape"):
            look(movement.reshape, x, shape=to)


def test_reshape_like():
    x = number((2, 6))
    np.testing.assert_array_equal(look(movement.reshape_like, x, number((3, 4))), x.reshape(3, 4))


def test_permute():
    for axes in [(2, 0, 1), (0, 1, 2), (-1, -2, -3)]:
        x = number((2, 3, 4))
        np.testing.assert_array_equal(look(movement.permute_dims, x, axes=axes), x.transpose(axes))
    for axes in [(0, 1), (0, 0, 1), (0, 1, 3)]:
        with pytest.raises(ValueError):
            movement.permute_dims.infer([Aval((2, 3, 4), INT)], {"axes": axes})


@pytest.mark.parametrize("to", [(2, 3), (4, 2, 3), (5, 3), (3,), (2, 1)])
def test_broadcast(to):
    for shape in [(3,), (1, 3), (2, 1), (), (1,)]:
        x = number(shape)
        try:
            want = np.broadcast_to(x, to)
        except ValueError:
            with pytest.raises(ValueError):
                look(movement.broadcast_to, x, shape=to)
            with pytest.raises(ValueError, match="broadcast"):
                movement.broadcast_to.infer([Aval(shape, INT)], {"shape": to})
            continue
        np.testing.assert_array_equal(look(movement.broadcast_to, x, shape=to), want)


def test_shapes_that_are_not_known():
    """None stands for an extent that a run will tell."""
    unknown = Aval((None, 3), INT)
    assert movement.reshape.infer([unknown], {"shape": (-1,)})[0].shape == (None,)
    assert movement.permute_dims.infer([unknown], {"axes": (1, 0)})[0].shape == (3, None)
    assert movement.slice_.infer([unknown], {"index": freeze((0,))})[0].shape == (3,)
    assert movement.slice_.infer([unknown], {"index": freeze((slice(1, None), 0))})[0].shape == (None,)
    assert movement.slice_.infer([unknown], {"index": freeze((None, ..., slice(0, 2)))})[0].shape == (1, None, 2)
