"""Fourier transforms: against NumPy's in double precision, on the kernels of CPUs and of GPUs."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.array.convert import to_array
from clarray.codegen import fft as lowering

KINDS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
OF_REALS = ("rfft", "ihfft")
NORMS = ("backward", "ortho", "forward")


def some_walks(name, own, gpu):
    """Parameters with the device's own kernels, and fewer with those of a GPU, which take long to build."""
    values = [*(("own", value) for value in own), *(("gpu", value) for value in gpu)]
    return pytest.mark.parametrize(("both_walks", name), values, indirect=["both_walks"])


def draw(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind in "biu":
        return oracle.sample(rng, None, dtype, shape) % (dtype.type(100) if dtype.kind != "b" else 2)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.kind == "c" else x).astype(dtype)


def wider(x):
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def check(got, want, dtype):
    """`got` is `want`, as exact as a transform in this dtype is."""
    assert (got.shape, got.dtype) == (want.shape, np.dtype(dtype))
    host = got.numpy()
    if want.size:
        eps = {"float16": 2e-3}.get(np.dtype(dtype).name, np.finfo(np.dtype(dtype)).eps * 2)
        assert np.abs(host - want).max() <= eps * (2 + np.log2(want.size)) * np.abs(want).max()
        assert np.linalg.norm(host - want) <= 2 * eps * np.linalg.norm(want)


def transform(name, x, single, **arguments):
    """A transform of x on the device beside NumPy's."""
    want = getattr(np.fft, name)(wider(x), **arguments)
    dtype = want.dtype if not single else {"c": "complex64", "f": "float32"}[want.dtype.kind]
    check(getattr(ca.fft, name)(to_array(x), **arguments), want, dtype)


# 2 to 13, their products, larger primes, and what takes two steps on a GPU
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16, 17, 30, 49, 64, 96, 101, 128, 1000, 1001, 1009, 4096]
FEW = 8  # of them, in a sample


@pytest.mark.parametrize(
    ("both_walks", "dtype"),
    [("own", "complex64"), ("own", "complex128"), ("gpu", "complex64")],
    indirect=["both_walks"],
)
def test_lengths(both_walks, rng, dtype):
    oracle.need(both_walks, dtype)
    for n in oracle.some(rng, LENGTHS, FEW):
        transform("fft", draw(rng, n, dtype), dtype == "complex64")
        transform("ifft", draw(rng, (n, 11), dtype), dtype == "complex64", axis=0)


@pytest.mark.parametrize("n", [1 << 16, 3 * 5 * 7 * 11 * 13, (1 << 17) - 1, 1 << 20])
def test_long(ctx, rng, n):
    transform("fft", draw(rng, n, "complex64"), True)


def test_steps_within_steps(both_walks, rng, monkeypatch):
    monkeypatch.setattr(lowering, "CACHED", 16)
    monkeypatch.setattr(lowering, "LOCAL", 16 * 16)
    for shape in [(1 << 11,), (2, 3**6), (2, 16 * 15 * 14)]:
        transform("ifft", draw(rng, shape, "complex64"), True)


@pytest.mark.parametrize(
    ("both_walks", "name"),
    [*(("own", name) for name in KINDS), ("gpu", "rfft"), ("gpu", "irfft")],
    indirect=["both_walks"],
)
def test_every_number_of_points(both_walks, rng, name):
    """Zeros follow where there are too few elements, and those too many are left out."""
    for m in (1, 2, 5, 8):
        x = draw(rng, (3, m), "float32" if name in OF_REALS else "complex64")
        for n in (None, 1, 2, 3, 7, 10, 17):
            if n is not None or name not in ("irfft", "hfft") or m > 1:
                transform(name, x, True, n=n, norm=NORMS[int(rng.integers(3))])


@pytest.mark.parametrize("name", ["rfft", "irfft"])
def test_longer_reals(ctx, rng, name):
    """In several steps, and by convolutions, with enough rows for vectors and with few; cut and followed by zeros."""
    for rows, n in [(2, 2 * 4096), (2, 3 * 5 * 7 * 31), (19, 2 * 37), (19, 2 * 40)]:
        for further in (-5, 0, 4):
            m = (n if name == "rfft" else n // 2 + 1) + further
            x = draw(rng, (rows, m), "float32" if name == "rfft" else "complex64")
            transform(name, x, True, n=n)


def test_rows_and_columns(both_walks, rng):
    """Those that vectors are full of, and the rest; in rows, in columns, and across."""
    for n in (20, 37):
        for further in (-3, 0, 2):
            for rows in (8, 21):
                transform("fft", draw(rng, (rows, n), "complex64"), True, n=n + further)
                transform("ifft", draw(rng, (n, rows), "complex64"), True, n=n + further, axis=0)
                transform("fft", draw(rng, (rows, n), "complex64").T, True, n=n + further, axis=0)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "float64"])
def test_dtypes(ctx, rng, dtype):
    """Single precision stays single; all else is double where there is double."""
    oracle.need(ctx, dtype)
    single = dtype in ("float16", "float32") or not ctx.traits.fp64
    x = draw(rng, (4, 10), dtype)
    for name in oracle.some(rng, ("fft", "rfft", "irfft"), 1):
        if name == "irfft" and dtype == "float16":
            check(ca.fft.irfft(to_array(x)), np.fft.irfft(wider(x)), "float16")
        else:
            transform(name, x, single)


def test_a_half_spectrum_of_reals(fp64, ctx, rng):
    transform("irfft", draw(rng, (4, 10), "float64"), False)


VIEWS = {
    "reversed": lambda x: x[::-1, :, ::-1],
    "stepped": lambda x: x[1::2, ::3, ::2],
    "transposed": lambda x: x.transpose((2, 0, 1)),
    "stretched": lambda x: x[:, :1, :],
}


@some_walks("view", VIEWS, ["stepped"])
def test_views(both_walks, rng, view):
    x, r = draw(rng, (6, 9, 20), "complex64"), draw(rng, (6, 9, 20), "float32")
    y, s = VIEWS[view](x), VIEWS[view](r)
    on_device, reals = (to_array(v) for v in (x, r))
    on_device, reals = (v.transpose((2, 0, 1)) if view == "transposed" else VIEWS[view](v) for v in (on_device, reals))
    if view == "stretched":
        y, s = (np.broadcast_to(v, (6, 5, 20)) for v in (y, s))
        on_device, reals = (ca.broadcast_to(v, (6, 5, 20)) for v in (on_device, reals))
    for axis in range(3):
        check(ca.fft.fft(on_device, axis=axis), np.fft.fft(wider(y), axis=axis), "complex64")
        check(ca.fft.rfft(reals, axis=axis), np.fft.rfft(wider(s), axis=axis), "complex64")
        check(ca.fft.irfft(on_device, axis=axis), np.fft.irfft(wider(y), axis=axis), "float32")


def test_several_axes(ctx, rng):
    x, r = draw(rng, (3, 4, 6), "complex64"), draw(rng, (3, 4, 6), "float32")
    cases = [{}, {"axes": (0, 2)}, {"s": (4, 7), "axes": (1, 0)}, {"s": (-1, 5), "axes": (2, 0)}, {"axes": (0, 0)}]
    for arguments in [*cases, {"norm": "ortho"}, {"s": (3, -1), "axes": (0, 1)}]:
        for name in ("fftn", "ifftn", "irfftn"):
            transform(name, x, True, **arguments)
        transform("rfftn", r, True, **arguments)
    for name in ("fft2", "ifft2", "irfft2"):
        transform(name, x, True)
    transform("rfft2", r, True, s=(5, 4), axes=(-2, -1))
    assert ca.fft.fftn(to_array(x), axes=()).numpy().tobytes() == x.tobytes()


@pytest.mark.parametrize("shape", [(0, 4), (2, 0, 3)])
def test_no_rows(ctx, shape):
    x = np.zeros(shape, "complex64")
    check(ca.fft.fft(to_array(x), axis=-1), np.fft.fft(x, axis=-1), "complex64")


def test_no_elements_to_transform_are_zeros(ctx):
    check(ca.fft.fft(to_array(np.zeros((3, 0), "complex64")), n=4), np.zeros((3, 4)), "complex64")


@pytest.mark.oclgrind
def test_special_values_stay_in_their_row(ctx, rng):
    x = draw(rng, (9, 12), "complex64")
    x[3, 5], x[6, 2] = np.nan, np.inf
    got = ca.fft.fft(to_array(x)).numpy()
    bad = ~np.isfinite(got)
    assert bad[[3, 6]].all()
    assert not bad[[0, 1, 2, 4, 5, 7, 8]].any()


def test_accuracy(ctx, rng):
    """As good as pocketfft's single precision."""
    for n in (1 << 14, 10000, 10007):
        x = draw(rng, n, "complex64")
        want = np.fft.fft(x.astype(complex))
        error = np.linalg.norm(ca.fft.fft(to_array(x)).numpy() - want) / np.linalg.norm(want)
        assert error < 2e-8 * np.log2(n) * (3 if n == 10007 else 1)


def test_frequencies(ctx):
    double = "float64" if ctx.traits.fp64 else "float32"
    for n in (1, 2, 7, 8):
        for name in ("fftfreq", "rfftfreq"):
            got = getattr(ca.fft, name)(n, d=0.3)
            assert got.dtype == double
            np.testing.assert_allclose(got.numpy(), getattr(np.fft, name)(n, d=0.3), rtol=1e-6)
            assert getattr(ca.fft, name)(n, dtype=ca.float32).dtype == "float32"
    with pytest.raises(ValueError, match="n is an integer"):
        ca.fft.fftfreq(2.5)


def test_shifts(ctx, rng):
    x = rng.integers(0, 99, (3, 4, 5)).astype("int32")
    for axes in (None, 0, (0, 2), -1):
        for name in ("fftshift", "ifftshift"):
            got = getattr(ca.fft, name)(to_array(x), axes=axes).numpy()
            np.testing.assert_array_equal(got, getattr(np.fft, name)(x, axes=axes))


def test_errors(any_ctx):
    x, z = to_array(np.ones((3, 4), "float32")), to_array(np.ones(3, "complex64"))
    for call, error, message in [
        (lambda: ca.fft.fft(x, n=0), ValueError, r"fft\(\): invalid number of FFT data points \(0\)"),
        (lambda: ca.fft.irfft(to_array(np.ones(1, "float32"))), ValueError, r"points \(0\)"),
        (lambda: ca.fft.fft(x, norm="unit"), ValueError, r"norm is one of 'backward', 'ortho', 'forward'.*'unit' came"),
        (lambda: ca.fft.fft(x, axis=2), IndexError, "axis 2 is out of bounds"),
        (lambda: ca.fft.fft(x, n=2.5), TypeError, r"fft\(\): n is an int, 2.5 came"),
        (lambda: ca.fft.rfft(z), TypeError, r"rfft\(\) does not take complex64.*x.real"),
        (lambda: ca.fft.fftn(x, s=(2,), axes=(0, 1)), ValueError, "different lengths, 1 and 2"),
        (lambda: ca.fft.fftn(x, axes=1), TypeError, "axes is a sequence of ints"),
        (lambda: ca.fft.rfftn(x, axes=()), IndexError, r"rfftn\(\) takes at least one axis"),
    ]:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("name", KINDS)
def test_gradients(fp64, ctx, rng, name):
    """Against finite differences; g is such that the cost changes by the real part of the sum of g * dx."""
    for n in (None, 4, 7, 10):
        dtype = "float64" if name in OF_REALS else "complex128"
        x = draw(rng, (2, 6), dtype)
        shape = getattr(np.fft, name)(x, n=n).shape
        weights = draw(rng, shape, "complex128" if name not in ("irfft", "hfft") else "float64")
        v = T.matrix("x", dtype=dtype)
        cost = T.sum(ca.real(getattr(ca.fft, name)(v, n=n) * weights))
        value, g = ca.function([v], [cost, T.grad(cost, v)])(x)

        def exact(y, n=n, weights=weights):
            return np.sum(np.real(getattr(np.fft, name)(y, n=n) * weights))

        np.testing.assert_allclose(value, exact(x))
        for _ in range(4):
            step = draw(rng, x.shape, dtype)
            change = (exact(x + step) - exact(x - step)) / 2  # the cost is linear
            np.testing.assert_allclose(np.sum(np.real(g * step)), change, rtol=1e-9, atol=1e-9)


def test_in_a_function(ctx, rng):
    """A convolution by transforms, whose lengths are known at the call."""
    x, y = T.vector("x", dtype="float32"), T.vector("y", dtype="float32")
    f = ca.function([x, y], ca.fft.irfft(ca.fft.rfft(x) * ca.fft.rfft(y)))
    for n in (8, 30):
        a, b = draw(rng, n, "float32"), draw(rng, n, "float32")
        want = np.fft.irfft(np.fft.rfft(a) * np.fft.rfft(b))
        np.testing.assert_allclose(f(a, b), want, atol=1e-4)
