"""Plans keep within what devices bound: 32-bit counters, groups, the grid, arguments of a kernel, local memory."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from clarray.codegen import conv_gpu, lowering
from clarray.codegen.joining import ARGUMENTS, Joined
from clarray.codegen.plan import ROWS_OF_GRID, Local, Value, is_wide
from clarray.codegen.tiled import Tiled
from clarray.core import convolution, cumulative, indexing, joining, linear, rows, sorting
from clarray.core.layout import Layout
from clarray.core.table import REDUCTIONS, UFUNCS
from clarray.core.traits import Traits

GPU = Traits(
    kind="gpu", vendor="nvidia", compute_units=132, local_memory=49152, max_work_group=1024, simd_width=1, unified=False
)


def c_order(dtype, *shape):
    return Layout.of(np.dtype(dtype), shape)


def f_order(dtype, *shape):
    """Matrices, the last two axes of which lie in columns."""
    turned = Layout.of(np.dtype(dtype), (*shape[:-2], shape[-1], shape[-2]))
    return Layout.of(np.dtype(dtype), shape, (*turned.strides[:-2], turned.strides[-1], turned.strides[-2]))


def launches(op, layouts, traits=GPU, **params):
    return lowering.lower(op, layouts, params, traits).launches


def counting(launch):
    """Work-items of the launch whose loops are over elements with steps of the whole grid."""
    return prod(launch.global_size)


@pytest.mark.parametrize("count", [2**31 - 1, 46340**2])
def test_counters_have_room_for_a_step_past_the_end(count):
    near, small = c_order("uint8", count), c_order("uint8", 1 << 20)
    found = [
        *launches(UFUNCS["add"], [near, near]),
        *launches(REDUCTIONS["sum"], [near], axis=0),
        *launches(REDUCTIONS["max"], [near], axis=0),
        *launches(indexing.take, [small, near], axes=(0,), position=0),
    ]
    for launch in found:
        assert launch.spec.wide or max(count, counting(launch)) + counting(launch) < 2**31, launch.spec
    (narrow,) = launches(UFUNCS["add"], [small, small])
    assert not narrow.spec.wide


def test_reductions_count_what_they_broadcast():
    """The elements of a product with a vector are of no operand."""
    assert is_wide([c_order("uint8", 5)], "gpu", 2**31 - 1)
    assert not is_wide([c_order("uint8", 5)], "gpu", 2**30)
    assert not is_wide([], "gpu")
    assert is_wide([], "cpu")


@pytest.mark.parametrize("rank", [1, 4, 8])
@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_arguments_of_joined_pieces_fit(rank, kind):
    traits = GPU if kind == "gpu" else Traits()
    shape = (3,) * rank
    gaps = Layout.of(np.dtype("float32"), shape, tuple(4 * 2 * 6 ** (rank - 1 - k) for k in range(rank)))
    found = launches(joining.concat, [gaps] * 50, traits, axis=0)
    pieces = 0
    for launch in found:
        assert isinstance(launch.spec, Joined)
        pieces += len(launch.spec.pieces)
        sizes = [np.dtype(a.dtype).itemsize if isinstance(a, Value) else 8 for a in launch.arguments]
        assert sum(sizes) <= ARGUMENTS
    assert pieces == 50
    assert len(found) <= 25


def test_the_long_axis_of_a_grid_is_its_first():
    x, turned = c_order("float32", 70_000, 16, 16), f_order("float32", 70_000, 16, 16)
    transposes = launches(UFUNCS["add"], [x, turned])
    assert [type(launch.spec) for launch in transposes] == [Tiled]
    many = c_order("float32", 100_000, 300)
    long, wide = c_order("float32", 600_000, 1000), c_order("float32", 1000, 2_000_000)
    found = [
        *transposes,
        *launches(sorting.sort, [many], axis=1, descending=False),
        *launches(sorting.topk, [c_order("float32", 100_000, 4000)], axis=1, k=3, descending=True),
        *launches(REDUCTIONS["sum"], [long], axis=1),
        *launches(REDUCTIONS["sum"], [wide], axis=0),
        *launches(linear.matmul, [c_order("float32", 2, 1 << 23), c_order("float32", 1 << 23, 2)]),
        *launches(linear.matmul, [f_order("float32", 2, 1 << 23), c_order("float32", 1 << 23, 2)]),
        *launches(cumulative.cumulative_sum, [c_order("float32", 1 << 28)], axis=0),
    ]
    for launch in found:
        groups = [n // m for n, m in zip(launch.global_size, launch.local_size, strict=True)]
        assert max(groups[1:], default=1) <= ROWS_OF_GRID, type(launch.spec)


@pytest.mark.parametrize("most", [64, 128, 256, 512])
def test_groups_are_no_larger_than_a_device_has_them(most):
    traits = replace(GPU, compute_units=8, max_work_group=most, local_memory=32768)
    found = list(launches(UFUNCS["add"], [c_order("float32", 64, 64), f_order("float32", 64, 64)], traits))
    for dtype in ("float32", "float64", "complex128"):

        def x(*shape, dtype=dtype):
            return c_order(dtype, *shape)

        for m, depth, n in ((500, 500, 500), (20, 500, 20), (500, 500, 1), (3, 5000, 300), (900, 30, 3), (4, 999, 4)):
            found += launches(linear.matmul, [x(m, depth), x(depth, n)], traits)
            found += launches(linear.matmul, [f_order(dtype, m, depth), x(depth, n)], traits)
        convolved = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
        found += launches(convolution.convolution, [x(2, 32, 20, 20), x(32, 32, 3, 3)], traits, **convolved)
        found += launches(cumulative.cumulative_sum, [x(100_000)], traits, axis=0)
        for axis in (0, 1):
            found += launches(REDUCTIONS["sum"], [x(1000, 1000)], traits, axis=axis)
        found += launches(sorting.sort, [x(100_000)], traits, axis=0, descending=False) if dtype[0] == "f" else ()
    for axis in (0, 1):
        found += launches(rows.softmax, [c_order("float32", 1000, 300)], traits, axis=axis)
    for launch in found:
        assert prod(launch.local_size) <= most, type(launch.spec)
        assert all(n % m == 0 for n, m in zip(launch.global_size, launch.local_size, strict=True))
        assert sum(a.nbytes for a in launch.arguments if isinstance(a, Local)) <= traits.local_memory


@pytest.mark.parametrize("room", [16 << 10, 32 << 10, 48 << 10])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_tiles_of_convolutions_fit_local_memory(dtype, room):
    traits = replace(GPU, compute_units=8, local_memory=room)
    convolved = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    x, w = c_order(dtype, 8, 64, 80, 80), c_order(dtype, 64, 64, 3, 3)
    (launch,) = launches(convolution.convolution, [x, w], traits, **convolved)
    assert isinstance(launch.spec, conv_gpu.Tiled)
    assert launch.spec.local_bytes <= room
    assert launch.spec.each == (4 if dtype == "float32" or room > 33280 else 2 if room >= 16896 else 1)
