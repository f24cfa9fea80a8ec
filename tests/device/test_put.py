"""put at positions in an array made flat, and the gradient of take, where indices come from the device."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as cl
import clarray.tensor as T
from clarray.core import indexing

SHAPE = (3, 4, 5)
SIZE = 60


def layouts(rng):
    """The same numbers contiguous, and as a view that no single stride walks."""
    host = rng.integers(0, 100, SHAPE).astype(np.int32)
    whole = cl.asarray(host)
    wide = cl.zeros((4, 5, 10), dtype="int32")
    strided = wide[1:, :4, ::2]
    strided[...] = host
    return host, {"contiguous": whole, "strided": strided}


@pytest.mark.parametrize("kind", ["contiguous", "strided"])
def test_what_is_out_of_bounds_is_left_out(kind, ctx, rng):
    host, arrays = layouts(rng)
    outside = [SIZE, SIZE + 1, 10 * SIZE, -SIZE - 1, -SIZE - 2, -100 * SIZE, 2**62, -(2**63)]
    inside = rng.choice(SIZE, 7, replace=False)
    index = rng.permutation(np.concatenate([outside, inside, inside[:2]]))
    index[-1] -= SIZE if 0 <= index[-1] < SIZE else 0
    cl.put(arrays[kind], cl.asarray(index), 1000)
    host.flat[inside] = 1000
    np.testing.assert_array_equal(arrays[kind].numpy(), host)


@pytest.mark.parametrize("kind", ["contiguous", "strided"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64"])
def test_narrow_indices_reach_large_arrays(dtype, kind, ctx, rng):
    base = cl.zeros((40, 20), dtype="int32")
    x = base if kind == "contiguous" else base.T
    index = np.array([0, 100, 127, 1], dtype) if dtype != "int8" else np.array([0, 100, -1, -128], dtype)
    values = rng.integers(1, 1000, 4).astype(np.int32)
    cl.put(x, cl.asarray(index), cl.asarray(values))
    want = np.zeros(x.shape, np.int32)
    np.put(want, index.astype(np.int64), values)
    np.testing.assert_array_equal(x.numpy(), want)


def test_messages(ctx):
    x = cl.zeros((2, 3))
    for index in (cl.asarray([1.0], dtype="float32"), cl.asarray([True]), [0.5]):
        for function in (lambda i: cl.put(x, i, 1), lambda i: cl.take(x, i)):
            with pytest.raises(IndexError, match=r"(put|take)\(\): indices are integers, (float|bool)"):
                function(index)
    for function in (cl.put, cl.put_along_axis):
        with pytest.raises(TypeError, match=rf"{function.__name__}\(\) changes its first operand in place.*list came"):
            function([1, 2, 3], [0], [5])


@pytest.mark.usefixtures("fp64")
@pytest.mark.parametrize(("dtype", "known"), [("int8", True), ("uint8", True), ("int64", False)])
def test_gradients_go_where_take_read(dtype, known, ctx, rng):
    """An index outside is moved to the nearest end, for the gradient too."""
    matrix = T.dmatrix()
    index = np.array([0, 99, -1, -99, 2], np.int64).astype(dtype)
    near = np.clip(index.astype(np.int64), -4, 3)
    weights = rng.standard_normal((3, 5))
    cost = cl.sum(cl.take(matrix.reshape((3, 4)) if known else matrix, cl.asarray(index), axis=1) * weights)
    got = cl.function([matrix], cl.grad(cost, matrix))(rng.standard_normal((3, 4)))
    want = np.zeros((3, 4))
    np.add.at(want, (slice(None), near), weights)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


@pytest.mark.usefixtures("fp64")
@pytest.mark.parametrize("op", [indexing.put, indexing.put_add], ids=lambda op: op.name)
def test_what_is_left_out_has_no_gradient(op, ctx, rng):
    x, value = T.dmatrix(), T.dmatrix()
    index = cl.asarray(np.array([2, 9, -4, -1], np.int8))
    weights = rng.standard_normal((3, 5))
    cost = cl.sum(op(x, value, index, axes=(0,), position=0) * weights)
    got = cl.function([x, value], cl.grad(cost, value))(rng.standard_normal((3, 5)), rng.standard_normal((4, 5)))
    np.testing.assert_array_equal(np.asarray(got), weights[[2, 0, 0, 2]] * [[1], [0], [0], [1]])
