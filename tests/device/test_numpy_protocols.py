"""NumPy's functions and operators on arrays, and the Array API's way to find the namespace."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca


@pytest.fixture
def x(rng):
    return rng.uniform(0.1, 2, (3, 4)).astype(np.float32)


def check(got, expected, rtol=2e-6):
    assert isinstance(got, ca.GpuArray)
    assert (got.shape, got.dtype) == (np.shape(expected), expected.dtype)
    np.testing.assert_allclose(got.numpy(), expected, rtol=rtol)


def test_reflected_operators(ctx, x):
    a = ca.asarray(x)
    for scalar in (np.float32(2), np.int8(3), x, x[0], x[:, ::-2].repeat(2, 1)):
        for apply in (
            lambda p, q: p + q, lambda p, q: p - q, lambda p, q: p * q, lambda p, q: p / q, lambda p, q: p**q,
            lambda p, q: p < q, lambda p, q: p == q, lambda p, q: p % q,
        ):  # fmt: skip
            check(apply(scalar, a), apply(scalar, x), 1e-5)
            check(apply(a, scalar), apply(x, scalar), 1e-5)
    check([1, 2, 3, 4] * ca.asarray([1, 2, 3, 4]), np.array([1, 4, 9, 16]))


def test_ufuncs(ctx, x):
    a = ca.asarray(x)
    for f in (np.exp, np.arctan, np.absolute, np.conjugate, np.rint, np.isnan, np.degrees, np.square, np.negative):
        check(f(a), f(x), 1e-5)
    for f in (np.add, np.power, np.arctan2, np.true_divide, np.maximum, np.hypot, np.greater, np.logical_and):
        check(f(a, x), f(x, x), 1e-5)
        check(f(x, a), f(x, x), 1e-5)
    integers = ca.arange(5)
    check(np.left_shift(integers, 2), np.arange(5) << 2)
    check(np.invert(integers), ~np.arange(5))
    for got, expected in zip(np.divmod(a, 0.3), np.divmod(x, np.float32(0.3))):
        np.testing.assert_array_equal(got.numpy(), expected)


def test_out(ctx, x):
    a, out = ca.asarray(x), ca.zeros((3, 4), np.float32)
    assert np.add(a, 1, out=out) is out
    check(out, x + 1)
    np.multiply(a, 2, out)
    check(out, x * 2)
    out += x
    check(out, x * 2 + x)
    assert np.sum(a, axis=0, out=out[0]).shape == (4,)
    np.testing.assert_allclose(out[0].numpy(), x.sum(0), rtol=1e-6)
    host = x.copy()
    with pytest.raises(TypeError, match="numpy"):
        np.add(a, a, out=host)
    with pytest.raises(TypeError):
        host += a
    np.testing.assert_array_equal(host, x)
    with pytest.raises(TypeError, match="without loss"):
        np.add(a, 1, out=ca.zeros((3, 4), np.int32))


def test_ufunc_methods(ctx, x):
    a = ca.asarray(x)
    for f in (np.add, np.multiply, np.maximum, np.minimum, np.logical_and, np.logical_or):
        check(f.reduce(a), f.reduce(x), 1e-5)
        check(f.reduce(a, axis=(0, 1)), f.reduce(x, axis=(0, 1)), 1e-5)
        check(f.reduce(a, axis=-1, keepdims=True), f.reduce(x, axis=-1, keepdims=True), 1e-5)
    check(np.add.accumulate(a, axis=1), np.add.accumulate(x, axis=1), 1e-5)
    check(np.multiply.outer(a, a[0]), np.multiply.outer(x, x[0]))
    check(np.add(ca.asarray([1, 2]), 1, dtype=np.float32), np.add([1, 2], 1, dtype=np.float32))


def test_what_is_not_there_is_a_type_error(ctx, x):
    a = ca.asarray(x)
    for call in (
        lambda: np.gcd(ca.arange(3), 2), lambda: np.maximum.at(a, [0], 1), lambda: np.add(a, 1, where=[True] * 4),
        lambda: np.subtract.reduce(a), lambda: np.unwrap(a), lambda: np.piecewise(a, [a > 0], [1]),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError, match=r"numpy\.gcd.*numpy\(\)"):
        np.gcd(ca.arange(3), 2)


class Foreign:
    """An array of another kind, which knows what to do with ours."""

    __array_ufunc__ = lambda self, ufunc, method, *inputs, **options: "foreign"  # noqa: E731


def test_other_arrays_have_their_say(ctx, x):
    assert np.add(ca.asarray(x), Foreign()) == "foreign"


CALLS = [
    lambda f, x: f.sum(x, axis=0),
    lambda f, x: f.mean(x, axis=1, keepdims=True),
    lambda f, x: f.std(x, ddof=1),
    lambda f, x: f.var(x, axis=0),
    lambda f, x: f.max(x),
    lambda f, x: f.argmin(x, axis=1),
    lambda f, x: f.any(x > 1, axis=0),
    lambda f, x: f.cumsum(x, axis=1),
    lambda f, x: f.where(x > 1, x, np.float32(0)),
    lambda f, x: f.concatenate([x, x[:1]], axis=0),
    lambda f, x: f.concatenate((x, x), axis=None),
    lambda f, x: f.stack([x, x], axis=-1),
    lambda f, x: f.reshape(x, (4, 3)),
    lambda f, x: f.reshape(x, shape=(2, 6)),
    lambda f, x: f.transpose(x),
    lambda f, x: f.swapaxes(x, 0, 1),
    lambda f, x: f.moveaxis(x, 0, -1),
    lambda f, x: f.expand_dims(x, 1),
    lambda f, x: f.squeeze(x[:1]),
    lambda f, x: f.clip(x, 0.5, 1.5),
    lambda f, x: f.clip(x, a_min=None, a_max=1.5),
    lambda f, x: f.round(x, 1),
    lambda f, x: f.flip(x, 0),
    lambda f, x: f.roll(x, 2, axis=1),
    lambda f, x: f.tile(x, (2, 1)),
    lambda f, x: f.repeat(x, 2, axis=0),
    lambda f, x: f.take(x, [0, 2], axis=1),
    lambda f, x: f.tril(x),
    lambda f, x: f.diff(x),
    lambda f, x: f.zeros_like(x),
    lambda f, x: f.full_like(x, 3.5),
    lambda f, x: f.broadcast_to(x, (2, 3, 4)),
    lambda f, x: f.matmul(x, x.T),
    lambda f, x: f.dot(x, x[0]),
    lambda f, x: f.tensordot(x, x, axes=((0,), (0,))),
    lambda f, x: f.copy(x),
    lambda f, x: f.ravel(x),
    lambda f, x: f.count_nonzero(x, axis=0),
    lambda f, x: f.searchsorted(f.ravel(x)[:1], x),
    lambda f, x: f.nonzero(x)[1],
    lambda f, x: f.isclose(x, x),
    lambda f, x: f.real(x),
    lambda f, x: f.amax(a=x, axis=0),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_functions(number, ctx, x):
    call = CALLS[number]
    got, expected = call(np, ca.asarray(x)), np.asarray(call(np, x))
    check(got, expected, 1e-5)


def test_functions_that_do_not_make_arrays(ctx, x):
    a = ca.asarray(x)
    assert np.shape(a) == (3, 4)
    assert (np.ndim(a), np.size(a), np.size(a, 1)) == (2, 12, 4)
    assert np.allclose(a, x)
    assert np.array_equal(a, x)
    assert np.may_share_memory(a, a[1:])
    assert np.result_type(a, np.float16) == np.float32
    assert all(g.shape == (3, 4) for g in np.broadcast_arrays(a, a[0]))


def test_nothing_is_downloaded(ctx, x):
    a = ca.asarray(x)
    before = ca.stats()
    np.sum(np.exp(a) * x) + np.float32(1)
    assert (ca.stats() - before).bytes_to_host == 0


def test_namespace(ctx, x):
    a = ca.asarray(x)
    assert a.__array_namespace__() is ca
    assert a.__array_namespace__(api_version="2023.12") is ca
    with pytest.raises(ValueError):
        a.__array_namespace__(api_version="1999.01")
    info = ca.__array_namespace_info__()
    assert info.default_device() == ctx.device == a.device
    assert ctx.device in info.devices()
    assert ("float64" in info.dtypes(kind="real floating")) == ctx.traits.fp64
    assert set(info.dtypes(kind=("bool", "signed integer"))) == {"bool", "int8", "int16", "int32", "int64"}
    assert info.default_dtypes()["integral"] == np.int64
    assert info.capabilities()["boolean indexing"]
    with pytest.raises(ValueError):
        info.dtypes(kind="words")


def test_dlpack(ctx, x):
    a = ca.asarray(x)
    assert a.__dlpack_device__() == (1, 0)
    np.testing.assert_array_equal(np.from_dlpack(a[:, ::-1]), x[:, ::-1])
    with pytest.raises(BufferError):
        a.__dlpack__(dl_device=(2, 0))


def test_public_names():
    assert sorted(set(ca.__all__)) == sorted(ca.__all__)
    for name in ca.__all__:
        assert hasattr(ca, name), name
    from clarray.core.ops import UFUNCS

    for name in UFUNCS:
        assert name in ca.__all__ or name in ca.special.__all__, name
