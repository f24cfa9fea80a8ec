"""Arguments that cannot be taken are named, with the function that was called and what is allowed."""

from __future__ import annotations

import re

import numpy as np
import pytest

import clarray as cl
import clarray.tensor as T

nn, fft = cl.nn, cl.fft


@pytest.fixture(scope="module")
def made():
    """Arrays by context."""
    return {}


@pytest.fixture
def a(any_ctx, made):
    """A small array."""
    return made.setdefault(any_ctx, cl.asarray(np.ones((2, 3), np.float32)))


WRONG = {
    "sort axis": (lambda a: cl.sort(a, axis=None), TypeError, "sort(): axis is an int, None came"),
    "argsort axis": (lambda a: cl.argsort(a, axis=1.0), TypeError, "argsort(): axis is an int, 1.0 came"),
    "topk axis": (lambda a: cl.topk(a, 1, axis=None), TypeError, "topk(): axis is an int, None came"),
    "topk k": (lambda a: cl.topk(a, 1.5), TypeError, "topk(): k is an int, 1.5 came"),
    "cumulative": (lambda a: cl.cumulative_sum(a, axis=1.0), TypeError, "cumulative_sum(): axis is None or an int"),
    "sum": (lambda a: cl.sum(a, axis=1.0), TypeError, "sum(): axis is None, an int or several ints, 1.0 came"),
    "several": (lambda a: cl.std(a, axis=(0, "b")), TypeError, "std(): axis is None, an int or several ints, 'b' came"),
    "argmax": (lambda a: cl.argmax(a, axis=0.5), TypeError, "argmax(): axis is"),
    "softmax": (lambda a: nn.softmax(a, axis=1.0), TypeError, "softmax(): axis is"),
    "fftshift": (lambda a: fft.fftshift(a, axes=1.0), TypeError, "fftshift(): axes is"),
    "roll": (lambda a: cl.roll(a, 1.5), TypeError, "roll(): shift is an int, 1.5 came"),
    "fftn s": (lambda a: fft.fftn(a, s=2), TypeError, "fftn(): s is a sequence of ints"),
    "fftn s 0": (lambda a: fft.fftn(a, s=(0, 2)), ValueError, "fftn(): invalid number of FFT data points (0)"),
    "rfftn norm": (lambda a: fft.rfftn(a, norm="x"), ValueError, "rfftn(): norm is one of"),
    "rfftn dtype": (lambda a: fft.rfftn(1j * a), TypeError, "rfftn() does not take complex64"),
    "fft2": (lambda a: fft.fft2(a, axes=1), TypeError, "fft2(): axes is a sequence of ints, 1 came"),
    "ifft2": (lambda a: fft.ifft2(a, axes=(0, 2)), IndexError, "ifft2(): axis 2 is out of bounds"),
    "irfft2": (lambda a: fft.irfft2(a, s=(2, 2.5)), TypeError, "irfft2(): n is an int, 2.5 came"),
    "fft n": (lambda a: fft.fft(a, n=2.5), TypeError, "fft(): n is an int, 2.5 came"),
    "fftfreq n": (lambda a: fft.fftfreq(-3), ValueError, "fftfreq(): n is an integer of at least 1, -3 came"),
    "rfftfreq n": (lambda a: fft.rfftfreq(0), ValueError, "rfftfreq(): n is an integer of at least 1, 0 came"),
    "fftfreq d": (lambda a: fft.fftfreq(3, d=0), ZeroDivisionError, "fftfreq(): d, "),
    "rfftfreq d": (lambda a: fft.rfftfreq(3, d="x"), TypeError, "rfftfreq(): d is a real number, 'x' came"),
    "fftfreq int": (lambda a: fft.fftfreq(3, dtype="int32"), TypeError, "fftfreq(): dtype is a real floating one"),
    "rfftfreq": (lambda a: fft.rfftfreq(3, dtype="complex64"), TypeError, "rfftfreq(): dtype is a real floating one"),
    "logsumexp": (lambda a: cl.logsumexp(a, dtype="int32"), TypeError, "logsumexp(): dtype is a real floating one"),
    "out": (
        lambda a: cl.sum(a, axis=0, out=cl.zeros((2, 3), dtype="float32")),
        ValueError, "sum(): out has shape (2, 3), the result (3,)",
    ),
    "out of a product": (
        lambda a: cl.matmul(a.T, a, out=cl.zeros((2, 3, 3), dtype="float32")),
        ValueError, "matmul(): out has shape (2, 3, 3), the result (3, 3)",
    ),
    "sort in place": (lambda a: cl.broadcast_to(a, (2, 2, 3)).sort(), ValueError, "sort(): the array of shape"),
    "fill": (lambda a: cl.broadcast_to(a, (2, 2, 3)).fill(1), ValueError, "assignment: the destination of shape"),
    "unique_inverse": (lambda a: cl.unique_inverse(T.fvector()), TypeError, "unique_inverse() looks at elements"),
    "concat": (lambda a: cl.concat(3), TypeError, "concat() takes a sequence of arrays, int came"),
    "stack": (lambda a: cl.stack(3), TypeError, "stack() takes a sequence of arrays, int came"),
    "epsilon": (lambda a: nn.layer_norm(a, epsilon="a"), TypeError, "layer_norm(): epsilon is a real number, 'a' came"),
    "isin": (lambda a: cl.isin([1], "a"), TypeError, "isin(): str 'a' does not become an array"),
    "sort": (lambda a: cl.sort("abc"), TypeError, "sort(): str 'abc' does not become an array"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_messages(call, error, message, a):
    with pytest.raises(error, match=re.escape(message)):
        call(a)


@pytest.mark.parametrize(("dtype", "n"), [("float16", 5000), ("float16", 10001), ("float32", 1_000_003)])
def test_frequencies_are_rounded_once(dtype, n, ctx):
    """In float16 not even the numbers of periods are exact, and in float32 not those of long transforms."""
    for name in ("fftfreq", "rfftfreq"):
        got = getattr(fft, name)(n, d=0.5, dtype=dtype).numpy()
        want = getattr(np.fft, name)(n, 0.5)
        assert got.dtype == dtype
        assert got.shape == want.shape
        # without fp64 two roundings more, in float32
        spacing = np.spacing(np.abs(want).astype(dtype)) * (0.51 if ctx.traits.fp64 or dtype == "float16" else 2)
        assert (np.abs(got.astype(np.float64) - want) <= spacing).all()


@pytest.mark.usefixtures("fp64")
@pytest.mark.parametrize("axis", [0, 1])
def test_initial_values_in_a_graph(axis, ctx, rng):
    x = T.dmatrix()
    sums = cl.cumulative_sum(x, axis=axis, include_initial=True)
    products = cl.cumulative_prod(x, axis=axis, include_initial=True)
    f = cl.function([x], [sums, products, cl.grad(cl.sum(sums * sums), x)])
    value = rng.uniform(0.5, 2, (3, 4))
    for given in (value, value[:0]):
        found = [np.asarray(y) for y in f(given)]
        np.testing.assert_allclose(found[0], np.cumulative_sum(given, axis=axis, include_initial=True), rtol=1e-13)
        np.testing.assert_allclose(found[1], np.cumulative_prod(given, axis=axis, include_initial=True), rtol=1e-13)
        reverse = np.flip(np.cumsum(np.flip(2 * np.cumsum(given, axis), axis), axis), axis)
        np.testing.assert_allclose(found[2], reverse, rtol=1e-13)
