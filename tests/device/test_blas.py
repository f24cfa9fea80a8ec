"""gemm, gemv and ger: factors, transposes, what is overwritten and what is not."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from clarray import blas
from clarray.array.convert import to_array


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "i4"])
@pytest.mark.parametrize("trans", [(False, False), (True, False), (False, True), (True, True)])
def test_gemm(ctx, rng, dtype, trans):
    oracle.need(ctx, dtype)
    m, k, n = rng.integers(1, 60, 3)
    a, b, c = (rng.integers(-4, 5, s).astype(dtype) for s in ((m, k), (k, n), (m, n)))
    x, y = to_array(a.T.copy() if trans[0] else a), to_array(b.T.copy() if trans[1] else b)
    z = to_array(c)
    got = blas.gemm(2, x, y, 3, z, trans_a=trans[0], trans_b=trans[1])
    assert got is not z
    assert got.dtype == np.dtype(dtype)
    wide = np.complex128 if dtype == "c8" else np.float64
    want = 2 * (a.astype(wide) @ b.astype(wide)) + 3 * c
    np.testing.assert_allclose(got.numpy(), want, rtol=2e-3 if dtype == "f2" else 1e-6)
    np.testing.assert_array_equal(z.numpy(), c)
    assert blas.gemm(2, x, y, 3, z, trans_a=trans[0], trans_b=trans[1], overwrite_c=True) is z
    np.testing.assert_allclose(z.numpy(), want, rtol=2e-3 if dtype == "f2" else 1e-6)


def test_gemm_in_place_over_several_blocks_of_k(ctx, rng):
    a, b, c = (rng.standard_normal(s).astype("f4") for s in ((50, 700), (700, 40), (40, 50)))
    z = to_array(c)
    blas.gemm(-1, to_array(a), to_array(b), 0.5, z.T, overwrite_c=True)
    np.testing.assert_allclose(z.numpy().T, 0.5 * c.T - a @ b, rtol=1e-3, atol=1e-3)


def test_gemm_that_overwrites_an_operand(ctx, rng):
    a, b = (rng.standard_normal((20, 20)).astype("f4") for _ in range(2))
    x = to_array(a)
    blas.gemm(1, x, to_array(b), 1, x, overwrite_c=True)
    np.testing.assert_allclose(x.numpy(), a @ b + a, rtol=1e-4, atol=1e-4)


def test_beta_of_zero_does_not_read(ctx, rng):
    a, b = (rng.standard_normal((20, 20)).astype("f4") for _ in range(2))
    z = to_array(np.full((20, 20), np.nan, "f4"))
    blas.gemm(1, to_array(a), to_array(b), 0, z, overwrite_c=True)
    np.testing.assert_allclose(z.numpy(), a @ b, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(blas.gemm(np.float32(2), to_array(a), b).numpy(), 2 * a @ b, rtol=1e-4, atol=1e-4)


def test_gemm_errors(ctx):
    a, b = to_array(np.zeros((2, 3), "f4")), to_array(np.zeros((3, 4), "f4"))
    with pytest.raises(ValueError, match="beta is 1"):
        blas.gemm(1, a, b, 1)
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        blas.gemm(1, a, b, 1, a)
    with pytest.raises(ValueError, match="3 columns"):
        blas.gemm(1, a, a)
    with pytest.raises(ValueError, match="2 dimensions"):
        blas.gemm(1, a, b[0])
    with pytest.raises(TypeError, match="alpha is a number"):
        blas.gemm(a, a, b)
    with pytest.raises(ValueError, match="nothing to overwrite"):
        blas.gemm(1, a, b, overwrite_c=True)


@pytest.mark.parametrize("trans", [False, True])
def test_gemv(ctx, rng, trans):
    m, n = rng.integers(1, 300, 2)
    a, x, y = (rng.standard_normal(s).astype("f4") for s in ((m, n), (n,), (m,)))
    given = to_array(a.T.copy() if trans else a)
    into = to_array(y)
    want = 2.5 * a.astype("f8") @ x - y
    np.testing.assert_allclose(blas.gemv(2.5, given, to_array(x), -1, into, trans).numpy(), want, rtol=1e-3, atol=1e-3)
    assert blas.gemv(2.5, given, to_array(x), -1, into, trans, overwrite_y=True) is into
    np.testing.assert_allclose(into.numpy(), want, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(blas.gemv(1, given, to_array(x), trans_a=trans).numpy(), a @ x, rtol=1e-3, atol=1e-3)


@pytest.mark.oclgrind
def test_ger(ctx, rng):
    x, y, a = (rng.standard_normal(s).astype("f4") for s in (17, 23, (17, 23)))
    into = to_array(a)
    np.testing.assert_allclose(blas.ger(2, to_array(x), to_array(y)).numpy(), 2 * np.outer(x, y), rtol=1e-5)
    np.testing.assert_allclose(
        blas.ger(2, to_array(x), to_array(y), into).numpy(), 2 * np.outer(x, y) + a, rtol=1e-4, atol=1e-5
    )
    assert blas.ger(2, to_array(x), to_array(y), into, overwrite_a=True) is into
    np.testing.assert_allclose(into.numpy(), 2 * np.outer(x, y) + a, rtol=1e-4, atol=1e-5)
