"""Results where a device's limits decide how work is cut: small groups, few bytes of arguments, many transposes."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import clarray as cla


@pytest.fixture(params=[64, 128])
def small_groups(request, ctx, monkeypatch):
    """The device as a GPU with so many work-items to a group at most."""
    most = request.param
    if ctx.traits.max_work_group < most:
        pytest.skip(f"the device has no groups of {most}")
    with oracle.with_traits(ctx, monkeypatch, f"groups of {most}", kind="gpu", max_work_group=most) as context:
        yield context


def test_small_groups_answer_right(small_groups, rng):
    x = rng.integers(-9, 10, (70, 90)).astype(np.float32)
    turned = np.asfortranarray(rng.integers(-9, 10, (70, 90)).astype(np.float32))
    a, b = cla.asarray(x), cla.asarray(turned.T.copy()).T
    np.testing.assert_array_equal((a + b).numpy(), x + turned)
    for m, depth, n in ((70, 90, 3), (3, 900, 70), (40, 300, 50), (20, 2000, 20)):
        left, right = (rng.integers(-4, 5, s).astype(np.float32) for s in ((m, depth), (depth, n)))
        np.testing.assert_array_equal(cla.matmul(cla.asarray(left), cla.asarray(right)).numpy(), left @ right)
    np.testing.assert_array_equal(cla.cumulative_sum(a, axis=1).numpy(), np.cumsum(x, 1))
    np.testing.assert_array_equal(cla.sum(a, axis=0).numpy(), x.sum(0))


def test_stacked_transposes_one_by_one(as_gpu, rng):
    x = rng.integers(-99, 100, (300, 33, 17)).astype(np.int32)
    turned = cla.asarray(np.ascontiguousarray(x.mT)).mT
    np.testing.assert_array_equal((turned + cla.asarray(x)).numpy(), x + x)


def test_pieces_of_many_axes(both_walks, rng):
    shape, gaps = (2, 3, 2, 1, 2, 3, 2), (slice(None, None, 2),) * 7
    hosts = [rng.random([2 * n for n in shape]).astype(np.float32) for _ in range(11)]
    views = [cla.asarray(x)[gaps] for x in hosts]
    for axis in (0, 3, 6):
        np.testing.assert_array_equal(
            cla.concat(views, axis=axis).numpy(), np.concatenate([x[gaps] for x in hosts], axis)
        )


def test_thin_products_of_mixed_dtypes(as_gpu, fp64, rng):
    """A work-item reads 16 bytes of the complex operand at once: one element, and as many of the real one."""
    pairs = [("complex128", "float64"), ("complex128", "int8"), ("float64", "complex128")]
    for first, second in pairs:
        a, b = (rng.integers(-5, 6, s).astype(d) for s, d in (((30, 70), first), ((70, 3), second)))
        if first == "complex128":
            a += 1j * rng.integers(-5, 6, a.shape)
        x, y = cla.asarray(a), cla.asarray(b)
        np.testing.assert_array_equal(cla.matmul(x, y).numpy(), a @ b)
        np.testing.assert_array_equal(cla.matmul(y.T, x.T).numpy(), b.T @ a.T)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_running_sums_keep_negative_zeros(both_walks, dtype):
    oracle.need(both_walks, dtype)
    for n in (1, 5, 60_000):
        x = np.full(n, -0.0, dtype)
        x[n // 2 + 1 :] = 0
        got, want = (f.view(x.real.dtype) for f in (cla.cumulative_sum(cla.asarray(x)).numpy(), np.cumsum(x)))
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def running_products(rng, dtype):
    """Rows whose running products stay in bounds where those of parts do not, and what else may go wrong."""
    top = {"float16": 5, "float32": 37, "float64": 300}[dtype]
    n = 50_000
    there = np.ones(n, dtype)  # down to 1e-top and up to 1e+top, far from one another
    there[:10], there[n // 2 : n // 2 + 20] = 10 ** (-top / 10), 10 ** (top / 10)
    zero = np.full(n, 10 ** (top * 0.8), dtype)
    zero[0] = -0.0
    infinite = np.full(n, 10 ** (-top * 0.8), dtype)
    infinite[0] = -np.inf
    lost = there.copy()
    lost[rng.integers(n // 4)] = np.nan
    walk = rng.uniform(0.5, 1, n)
    walk[1::2] = 1 / walk[::2]
    small = np.ones(n, dtype)  # subnormal elements
    small[7], small[n - 9] = np.finfo(dtype).smallest_subnormal * 5, -np.finfo(dtype).max / 2
    return [there, zero, infinite, lost, walk.astype(dtype), small]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_running_products_stay_in_bounds(both_walks, rng, dtype):
    """Against a product of the same order, which is rounded at each step as theirs is."""
    oracle.need(both_walks, dtype)
    if dtype == "float32" and not both_walks.traits.denormals:
        pytest.skip("the device has no subnormals")
    wide = np.float32 if dtype == "float16" else np.dtype(dtype)  # as halves are computed
    for x in running_products(rng, dtype):
        with np.errstate(all="ignore"):
            want = np.cumprod(x.astype(np.longdouble)).astype(dtype)
        got = cla.cumulative_prod(cla.asarray(x)).numpy()
        np.testing.assert_allclose(got, want, 50_000 * np.finfo(wide).eps, np.finfo(dtype).smallest_subnormal)
        np.testing.assert_array_equal(np.signbit(got[~np.isnan(want)]), np.signbit(want[~np.isnan(want)]))
