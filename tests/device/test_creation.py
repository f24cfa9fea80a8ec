"""Creation functions against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import supported

import clarray as ca
from clarray.core import dtypes


def same(got, expected, ctx):
    """Equal in dtype (float32 for what is float64 by default only, where there are no doubles), shape and elements."""
    expected = np.asarray(expected)
    if not ctx.traits.fp64:
        expected = expected.astype(dtypes.without_fp64(expected.dtype))
    assert (got.dtype, got.shape, got.context) == (expected.dtype, expected.shape, ctx)
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("name", ["zeros", "ones"])
def test_constants(name, ctx):
    for shape in ((), 4, (0, 3), [2, 3, 4]):
        same(getattr(ca, name)(shape), getattr(np, name)(shape), ctx)
    for dtype in supported(ctx.traits):
        same(getattr(ca, name)((3, 5), dtype), getattr(np, name)((3, 5), dtype), ctx)


def test_full(ctx, rng):
    for value in (True, 7, -2.5, 3 + 1j, np.int16(4), np.nan, -0.0):
        same(ca.full((2, 3), value), np.full((2, 3), value), ctx)
    row = rng.integers(0, 9, 3)
    same(ca.full((2, 3), row), np.full((2, 3), row), ctx)
    same(ca.full((2, 3), ca.asarray(5)), np.full((2, 3), 5), ctx)
    with pytest.raises(OverflowError):
        ca.full(3, 300, np.int8)


def test_extents_are_integers(ctx):
    for shape in (2.5, (2, 2.5), "ab"):
        with pytest.raises(TypeError, match="integer"):
            ca.zeros(shape)


def test_like(ctx, rng):
    x = rng.standard_normal((4, 3, 5)).astype(np.float32).transpose(2, 0, 1)
    a = ca.asarray(np.ascontiguousarray(x.transpose(1, 2, 0))).transpose(2, 0, 1)
    for name in ("zeros_like", "ones_like", "empty_like"):
        got, expected = getattr(ca, name)(a), getattr(np, name)(x)
        assert (got.shape, got.strides, got.dtype) == (expected.shape, expected.strides, expected.dtype)
    same(ca.full_like(a, 2.5), np.full_like(x, 2.5), ctx)
    same(ca.zeros_like(a, dtype=np.int8), np.zeros_like(x, np.int8), ctx)
    same(ca.ones_like([1, 2]), np.ones_like([1, 2]), ctx)


ARANGES = [
    (0,), (7,), (-3,), (2, 9), (9, 2), (2, 9, 3), (9, 2, -2), (5.0,), (0, 1, 0.1), (0.5, 3.3, 0.37), (1, -1, -0.3),
    (1e-9, 1, 0.013), (2**40, 2**40 + 5), (-5, 5, 3), (0.1, 0.1), (True, 5),
]  # fmt: skip


@pytest.mark.parametrize("arguments", ARANGES, ids=str)
def test_arange(arguments, ctx):
    expected = np.arange(*arguments)
    if expected.dtype.kind == "f" and not ctx.traits.fp64:
        expected = np.arange(*arguments, dtype=np.float32)
    same(ca.arange(*arguments), expected, ctx)


def test_arange_dtypes(ctx, rng):
    start, step = rng.uniform(-20, 20), rng.uniform(0.1, 3)
    for dtype in supported(ctx.traits):
        if dtype.kind == "b":
            same(ca.arange(2, dtype=dtype), np.arange(2, dtype=dtype), ctx)
            with pytest.raises(TypeError):
                ca.arange(3, dtype=dtype)
            continue
        same(ca.arange(40, dtype=dtype), np.arange(40, dtype=dtype), ctx)
        if dtype.kind != "u":
            same(ca.arange(start, start + 30, step, dtype), np.arange(start, start + 30, step, dtype), ctx)
    same(ca.arange(np.int16(5)), np.arange(np.int16(5)), ctx)
    same(ca.arange(5, 0, -1, np.uint8), np.arange(5, 0, -1, np.uint8), ctx)


def test_arange_refuses(ctx):
    for arguments in ((0, 1, 0), (0, np.inf), (0, np.nan)):
        with pytest.raises(ValueError):
            ca.arange(*arguments)


LINSPACES = [(0, 1, 5), (0, 1, 1), (0, 1, 0), (3, -2, 7), (0.1, 0.7, 64), (2, 2, 3), (0, 10, 50), (0, 5e-324, 4)]


@pytest.mark.parametrize("arguments", LINSPACES, ids=str)
@pytest.mark.parametrize("endpoint", [True, False])
def test_linspace(arguments, endpoint, ctx):
    expected, step = np.linspace(*arguments, endpoint=endpoint, retstep=True)
    got, got_step = ca.linspace(*arguments, endpoint=endpoint, retstep=True)
    if ctx.traits.fp64:
        same(got, expected, ctx)
        np.testing.assert_array_equal(got_step, step)
    else:
        np.testing.assert_allclose(got.numpy(), expected.astype(np.float32), rtol=3e-7, atol=3e-7)
    for dtype in (np.float32, np.int16, np.complex64):
        got, expected = (
            ca.linspace(*arguments, endpoint=endpoint, dtype=dtype),
            np.linspace(*arguments, endpoint=endpoint, dtype=dtype),
        )
        assert got.dtype == expected.dtype
        if ctx.traits.fp64:
            np.testing.assert_array_equal(got.numpy(), expected)


def test_linspace_refuses(ctx):
    with pytest.raises(ValueError):
        ca.linspace(0, 1, -1)


def test_matrices(ctx, rng):
    for arguments in ((3,), (3, 5), (0,), (4, 2)):
        for k in (-2, 0, 1, 7):
            same(ca.eye(*arguments, k=k), np.eye(*arguments, k=k), ctx)
    x = rng.integers(-9, 9, (2, 4, 5)).astype(np.int16)
    for k in (-3, -1, 0, 2, 6):
        same(ca.tril(ca.asarray(x), k=k), np.tril(x, k), ctx)
        same(ca.triu(ca.asarray(x), k=k), np.triu(x, k), ctx)
        same(ca.triu(ca.asarray(x > 0), k=k), np.triu(x > 0, k), ctx)
    with pytest.raises(ValueError):
        ca.tril(ca.zeros(3))


def test_meshgrid(ctx, rng):
    xs = [rng.integers(0, 9, n).astype(np.int32) for n in (3, 4, 2)]
    for count in range(4):
        for indexing in ("xy", "ij"):
            for sparse in (False, True):
                got = ca.meshgrid(*xs[:count], indexing=indexing, sparse=sparse)
                expected = np.meshgrid(*xs[:count], indexing=indexing, sparse=sparse)
                assert len(got) == len(expected)
                for g, e in zip(got, expected):
                    same(g, e, ctx)


def test_asarray(ctx, rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)
    a = ca.asarray(x)
    assert ca.asarray(a) is a
    assert ca.array(a, copy=False) is a
    assert ca.array(a) is not a
    assert not ca.may_share_memory(ca.array(a), a)
    same(ca.asarray([[1, 2], [3, 4]]), [[1, 2], [3, 4]], ctx)
    same(ca.asarray([1.5, a[0, 0]]), np.array([1.5, x[0, 0]]), ctx)
    same(ca.asarray(a, dtype=np.int8), x.astype(np.int8), ctx)
    same(ca.asarray(x[::-1, ::2]), x[::-1, ::2], ctx)
    same(ca.asarray(x.astype(">f4")), x, ctx)
    with pytest.raises(ValueError):
        ca.asarray(a, dtype=np.int8, copy=False)
    with pytest.raises(TypeError):
        ca.asarray("words")
    with pytest.raises(OverflowError):
        ca.asarray(2**70)
    x[0] = 0  # the caller may change its array at once
    assert a[0, 1].item() != 0


def test_no_doubles(ctx):
    if ctx.traits.fp64:
        assert ca.asarray([1.0]).dtype == np.float64
        return
    assert ca.asarray([1.0]).dtype == np.float32
    for make in (lambda: ca.zeros(3, np.float64), lambda: ca.asarray(np.ones(3)), lambda: ca.arange(3, dtype="f8")):
        with pytest.raises(TypeError, match="float32"):
            make()


def test_from_dlpack(ctx, rng):
    x = rng.standard_normal((3, 4)).astype(np.float32)
    same(ca.from_dlpack(x), x, ctx)
    a = ca.asarray(x)
    assert ca.from_dlpack(a) is a
    np.testing.assert_array_equal(np.from_dlpack(a), x)


def test_too_large(ctx):
    with pytest.raises(ValueError, match="too large"):
        ca.zeros((2**40, 2**40))
    with pytest.raises(ValueError, match="negative"):
        ca.zeros((2, -1))


def test_no_upload(ctx):
    before = ca.stats()
    ca.arange(100), ca.linspace(0, 1, 30), ca.eye(4), ca.zeros((3, 3)), ca.full(7, 2)
    assert (ca.stats() - before).bytes_to_device == 0
