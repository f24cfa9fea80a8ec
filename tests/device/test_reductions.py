"""Every reduction: dtypes, axes, layouts, special values, empty axes, accuracy, sizes."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import oracle
import pytest

from clarray.array.convert import to_array
from clarray.core import dtypes, ops
from clarray.core.movement import broadcast_to
from clarray.errors import DeviceError

each_reduction = pytest.mark.parametrize(
    "op", [op for op in ops.REDUCTIONS.values() if op.name != "var"], ids=lambda op: op.name
)
ARG = ("argmax", "argmin")


def reference(op, x, axis=None, keepdims=False):
    """What NumPy says, and the number of ulps it may be off by."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if op.name == "logsumexp":
            wide = x.astype(np.float64)
            top = np.max(wide, axis=axis, keepdims=True, initial=-np.inf)
            shift = np.where(np.isfinite(top), top, 0)
            total = np.log(np.sum(np.exp(wide - shift), axis=axis, keepdims=True)) + shift
            return total if keepdims else np.squeeze(total, tuple(range(x.ndim)) if axis is None else axis)
        function = getattr(np, op.name)
        if x.dtype.kind in "fc" and op.name in ("sum", "mean", "prod"):
            x = x.astype(np.longdouble if x.dtype.kind == "f" else np.clongdouble)
        return np.asarray(function(x, axis=axis, keepdims=keepdims))


def expected_dtype(op, x, traits):
    """NumPy's result dtype; float64 by default only becomes float32 where there is no fp64."""
    if op.name == "logsumexp":
        found = np.dtype("float64") if x.dtype.kind in "biu" else x.dtype
    else:
        found = np.asarray(getattr(np, op.name)(np.ones((1, 1), x.dtype), axis=0)).dtype
    return found if traits.fp64 or x.dtype.kind in "fc" else dtypes.without_fp64(found)


def check(op, a, x, traits, axis=None, keepdims=False):
    """The reduction of `a` on the device is that of `x` on the host."""
    got = op(a, axis=axis, keepdims=keepdims)
    want = reference(op, x, axis, keepdims)
    assert (got.shape, got.dtype) == (want.shape, expected_dtype(op, x, traits))
    host = got.numpy()
    if host.dtype.kind in "biu":
        np.testing.assert_array_equal(host, want)
        return
    real = np.finfo(host.dtype).dtype
    count = max(1, x.size // max(1, want.size))
    with np.errstate(all="ignore"):
        finite = np.abs(np.nan_to_num(x.astype(np.clongdouble), posinf=0, neginf=0))
        size = np.max(np.sum(finite, axis=axis), initial=1)
        if op.name in ("sum", "mean"):
            atol = 2 * np.finfo(real).eps * size / (count if op.name == "mean" else 1)
            rtol = 2 * np.finfo(real).eps
        else:
            atol, rtol = 0, (count if op.name == "prod" else 8) * np.finfo(real).eps
            if op.name == "logsumexp":
                atol = 8 * np.finfo(real).eps
        np.testing.assert_allclose(host, want.astype(host.dtype), rtol=float(rtol), atol=float(atol))


def kinds(op):
    return "".join(k for k in "biufc" if k in op.category)


PATTERNS = [axes for n in (1, 2, 3) for axes in itertools.combinations(range(3), n)]


@each_reduction
def test_dtypes_and_axes(op, ctx, rng):
    """Every dtype along three of: an axis, a pair, all. A row's 70 elements use the vectorized part and the rest."""
    for dtype in oracle.some(rng, oracle.supported(ctx.traits, kinds(op)), 3):
        x = oracle.sample(rng, op.domain, dtype, (3, 5, 70))
        if op.name == "prod" and dtype.kind in "fc":
            x = x.astype(dtype) / np.abs(x).astype(dtype) * dtype.type(1.01)
        a = to_array(x)
        patterns = [axes for axes in PATTERNS if not (op.one_axis and len(axes) == 2)]
        for k in rng.choice(len(patterns), 3, replace=False):
            axes = patterns[k]
            axis = None if len(axes) == 3 else axes[0] if len(axes) == 1 else axes
            check(op, a, x, ctx.traits, axis, keepdims=bool(rng.integers(2)))


VIEWS = {
    "strided": lambda x: x[:, ::2, 1::3],
    "reversed": lambda x: x[::-1, :, ::-1],
    "transposed": lambda x: x.transpose(2, 0, 1),
    "shifted": lambda x: x[1:, 3:, 5:],
    "one row": lambda x: x[:1, 2],
    "one element": lambda x: x[1:2, 2:3, 3:4],
}


@pytest.mark.oclgrind
@pytest.mark.parametrize("name", ["sum", "max", "argmin", "any"])
@pytest.mark.parametrize("view", VIEWS)
def test_views(name, view, both_walks, rng):
    op = ops.REDUCTIONS[name]
    whole = oracle.sample(rng, op.domain, "int32" if name != "sum" else "float32", (3, 8, 40))
    a, x = VIEWS[view](to_array(whole)), VIEWS[view](whole)
    for axis in [*range(x.ndim), -1, None]:
        check(op, a, x, both_walks.traits, axis)


@pytest.mark.parametrize("dtype", ["int8", "int32", "float16", "float32", "complex64"])
def test_several_streams(dtype, ctx, rng):
    """Runs long enough to be read in several places at once, whole, in parts and with gaps between rows."""
    x = oracle.sample(rng, (-1, 1), dtype, (3, 400_003))
    a = to_array(x)
    for at in (np.s_[:], np.s_[:, 7:], np.s_[1], np.s_[:2, 100:-9], np.s_[:, ::-1]):
        for name in ("sum",) if dtype == "complex64" else ("sum", "max", "argmax"):
            for axis in (None, -1):
                check(ops.REDUCTIONS[name], a[at], x[at], ctx.traits, axis)


@pytest.mark.parametrize("name", ["sum", "mean", "argmax", "logsumexp", "count_nonzero"])
def test_stretched(name, both_walks, rng):
    """Operands with strides of zero, along kept and along reduced axes."""
    op = ops.REDUCTIONS[name]
    for shape in [(5, 1, 7), (1, 6, 1), (1, 1, 1), (5, 6, 1)]:
        part = rng.uniform(-3, 3, shape).astype(np.float32)
        a, x = broadcast_to(to_array(part), shape=(5, 6, 7)), np.broadcast_to(part, (5, 6, 7))
        for axis in (0, 1, 2, None):
            check(op, a, x, both_walks.traits, axis)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float16", "float32"])
def test_ends_of_rows(dtype, ctx, rng):
    """The elements past the last whole lanes of every row count: compilers have mistaken lanes kept across rows."""
    for rows, length in rng.integers(1, 100, (4, 2)):
        x = oracle.sample(rng, (-9, 9), dtype, (rows, 5, length))
        for name in ("max", "min"):
            check(ops.REDUCTIONS[name], to_array(x), x, ctx.traits, (0, 2))


@pytest.mark.oclgrind
@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (40, 50), (2, 700, 2), (1,)], ids=str)
def test_shapes(shape, both_walks, rng):
    """One long row, many small ones, both, and neither."""
    x = rng.integers(-1000, 1000, shape).astype(np.int32)
    a = to_array(x)
    for name, axis in itertools.product(("sum", "argmax", "max"), [*range(len(shape)), None]):
        check(ops.REDUCTIONS[name], a, x, both_walks.traits, axis)


@pytest.mark.parametrize("shape", [(1_500_000,), (3, 700_000), (700_000, 3), (1200, 1300), (2, 1000, 700)], ids=str)
def test_large(shape, both_walks, rng):
    """Sizes at which work is cut into parts that a second launch joins."""
    x = rng.integers(-100, 100, shape).astype(np.int16)
    y = x.astype(np.float32)
    a, b = to_array(x), to_array(y)
    for axis in [*range(len(shape)), None]:
        check(ops.sum, a, x, both_walks.traits, axis)
        check(ops.argmax, b, y, both_walks.traits, axis)
        check(ops.mean, b, y, both_walks.traits, axis)


@each_reduction
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)], ids=str)
def test_empty(op, shape, ctx):
    dtype = "float32"
    x = np.empty(shape, dtype)
    for axis in [*range(len(shape)), None]:
        try:
            want = np.asarray(getattr(np, op.name)(x, axis=axis)) if op.name != "logsumexp" else reference(op, x, axis)
        except ValueError:
            with pytest.raises(ValueError, match=op.name):
                op(to_array(x), axis=axis)
            continue
        got = op(to_array(x), axis=axis)
        assert got.shape == want.shape
        np.testing.assert_array_equal(got.numpy(), want.astype(got.dtype))


@each_reduction
def test_special_values(op, both_walks, rng):
    """NaN, infinities and signed zeros anywhere in rows of many lengths, against NumPy's rules."""
    values = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 2], np.float32)
    for length in (1, 2, 17, 70):
        x = rng.choice(values[rng.integers(0, 3) :], (40, length), p=None)
        mostly = rng.integers(-3, 3, (40, length)).astype(np.float32)
        x = np.where(rng.random((40, length)) < 2 / length, x, mostly)
        for data, axis in ((x, 1), (np.ascontiguousarray(x.T), 0)):
            got = op(to_array(data), axis=axis).numpy()
            want = reference(op, data, axis)
            np.testing.assert_allclose(got, want.astype(got.dtype), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ARG)
def test_ties_take_the_first(name, both_walks, rng):
    op = ops.REDUCTIONS[name]
    x = rng.integers(0, 3, (50, 1000)).astype(np.int8)
    for view in (x, x[:, ::-1], x.T):
        for axis in (0, 1, None):
            np.testing.assert_array_equal(op(to_array(view), axis=axis).numpy(), getattr(np, name)(view, axis=axis))
    same = np.zeros(300_000, np.float32)
    assert op(to_array(same)).item() == 0
    same[[777, 250_000]] = np.nan
    assert op(to_array(same)).item() == 777


@pytest.mark.parametrize("name", ARG)
def test_extremes_are_found_first(name, ctx):
    """Elements equal to a combination's identity are elements all the same."""
    op = ops.REDUCTIONS[name]
    for value in (
        np.int8(-128),
        np.int8(127),
        np.float32(-np.inf),
        np.float32(np.inf),
        np.bool_(False),
        np.bool_(True),
    ):
        x = np.full((3, 40), value)
        np.testing.assert_array_equal(op(to_array(x), axis=1).numpy(), [0, 0, 0])
        np.testing.assert_array_equal(op(to_array(x), axis=0).numpy(), [0] * 40)


@pytest.mark.parametrize("correction", [0, 1, 2.5])
def test_variance(correction, ctx, rng):
    for dtype in oracle.some(
        rng, ["float16", "float32", "complex64", "int16", "bool"] + ["float64"] * ctx.traits.fp64, 3
    ):
        x = oracle.sample(rng, (90, 110), dtype, (6, 9, 4))
        a = to_array(x)
        for axis in (0, (0, 2), None):
            for name in ("var", "std"):
                got = getattr(a, name)(axis=axis, correction=correction)
                wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
                want = getattr(np, name)(wide, axis=axis, correction=correction)
                usual = getattr(np, name)(x, axis=axis).dtype
                assert got.dtype == (usual if ctx.traits.fp64 or x.dtype.kind in "fc" else dtypes.without_fp64(usual))
                eps = max(np.finfo(got.dtype).eps, np.finfo("float32").eps if not ctx.traits.fp64 else 0)
                np.testing.assert_allclose(got.numpy(), want, rtol=30 * eps)


def test_variance_of_too_few(ctx):
    x = np.array([[1.0, 2.0]], np.float32)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for correction in (1, 2):
            want = np.var(x, axis=0, correction=correction)
            np.testing.assert_array_equal(to_array(x).var(axis=0, correction=correction).numpy(), want)


def test_dtype_argument(ctx, rng):
    x = rng.integers(0, 200, 1000).astype(np.uint8)
    assert ops.sum(to_array(x), dtype="uint8").item() == x.sum(dtype=np.uint8)
    assert ops.sum(to_array(x), dtype="int16").dtype == np.int16
    got = ops.mean(to_array(x), dtype=np.float32)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.item(), x.mean(), rtol=1e-6)
    halves = rng.uniform(0, 1, 5000).astype(np.float16)
    np.testing.assert_allclose(
        ops.sum(to_array(halves), dtype="float32").item(), halves.astype(np.float64).sum(), rtol=1e-6
    )


def test_sums_of_integers_wrap(ctx):
    x = np.array([2**62, 2**62, 2**62], np.int64)
    with np.errstate(all="ignore"):
        assert ops.sum(to_array(x)).item() == int(x.sum())
    assert ops.prod(to_array(np.full(70, 3, np.int32))).item() == int(np.prod(np.full(70, 3, np.int64)))


@pytest.mark.parametrize("axis", [3, -3, (0, 0), "x", 1.5])
def test_bad_axis(axis, ctx):
    a = to_array(np.zeros((2, 3), np.float32))
    with pytest.raises((ValueError, TypeError), match=r"sum\(\)"):
        ops.sum(a, axis=axis)
    assert ops.sum(a).item() == 0


def test_refused_dtypes(ctx):
    with pytest.raises(TypeError, match="complex64"):
        ops.max(to_array(np.zeros(3, np.complex64)))
    with pytest.raises(TypeError, match="one axis"):
        ops.argmax(to_array(np.zeros((2, 3, 4), np.float32)), axis=(0, 1))


# accuracy: in units of eps * sum(|x|), of which the last rounding alone is a quarter

ACCURACY_SIZES = {1_000: 150, 10_000: 60, 100_000: 20, 1_000_000: 4}  # and how many are drawn
DRAWS = {
    "uniform": lambda rng, n: rng.random(n),
    "wide": lambda rng, n: np.exp(rng.uniform(-8, 8, n)),
}
ARRANGED = {
    "contiguous": (lambda a: a.sum(), 1),
    "strided": (lambda a: a[::2].sum(), 2),
    "axis 0": (lambda a: a.reshape(-1, 3).sum(axis=0)[1], 3),
}


def relative_error(value, x):
    exact = x.astype(np.longdouble)
    return float((value - exact.sum()) / np.abs(exact).sum()) / np.finfo(x.dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("arranged", ARRANGED)
def test_sums_are_as_accurate_as_pairwise_ones(dtype, arranged, both_walks, rng, record_property):
    """The root mean square of the error, over many draws, beside that of NumPy's sum of a contiguous array."""
    traits = both_walks.traits
    oracle.need(both_walks, dtype)
    summed, spread = ARRANGED[arranged]
    ours, numpys = [], []
    for size, seeds in ACCURACY_SIZES.items():
        errors = []
        for _, draw in itertools.product(range(max(seeds // 4, 2) if oracle.SAMPLED else seeds), DRAWS.values()):
            x = draw(rng, size).astype(dtype)
            errors.append(
                (relative_error(summed(to_array(np.repeat(x, spread))).item(), x), relative_error(x.sum(), x))
            )
        first, second = np.sqrt(np.mean(np.square(errors), axis=0))
        record_property(f"rms error of {size}, and NumPy's", f"{first:.3f} {second:.3f} eps")
        assert first < 1.5, size  # it hardly grows: that of adding one by one is 4 for 1,000 and 130 for a million
        ours += [e[0] for e in errors]
        numpys += [e[1] for e in errors]
    # lanes along the reduced axis average errors out: where there are none, as on a GPU, a little is lost
    margin = 1.2 if traits.kind == "cpu" and arranged != "axis 0" else 1.7
    margin += 0.5 * oracle.SAMPLED  # a few draws say less
    assert np.sqrt(np.mean(np.square(ours))) < margin * np.sqrt(np.mean(np.square(numpys)))


def test_more_than_2_to_the_31_elements(ctx, rng):
    """Counted along an axis that is one element stretched."""
    if "simulator" in ctx.traits.quirks:
        pytest.skip("a simulator would take days")
    rows, columns = 3, 2**30
    x = np.array([[1], [0], [2]], np.int8)
    a = broadcast_to(to_array(x), shape=(rows, columns))
    if "loop_limit" in ctx.traits.quirks:  # an error, and no wrong answer
        with pytest.raises(DeviceError, match="too long for this driver"):
            ops.count_nonzero(a)
        return
    assert ops.count_nonzero(a).item() == 2 * columns
    assert ops.argmax(a).item() == 2 * columns


@pytest.mark.parametrize("shape", [(5, 7), (3, 5000), (300_000, 2)])
@pytest.mark.parametrize("axis", [0, 1, None])
def test_argmax_where_nothing_beats_the_identity(ctx, shape, axis):
    """Rows of -inf alone, of +inf alone, and with a NaN late: the first index, as NumPy's."""
    for fill in (-np.inf, np.inf):
        host = np.full(shape, fill, np.float32)
        for late in (None, np.nan):
            if late is not None:
                host[-1, -1] = late
            x = to_array(host)
            np.testing.assert_array_equal(ops.argmax(x, axis=axis).numpy(), host.argmax(axis=axis))
            np.testing.assert_array_equal(ops.argmin(x, axis=axis).numpy(), host.argmin(axis=axis))
    least = np.full(shape, -128, np.int8)
    np.testing.assert_array_equal(ops.argmax(to_array(least), axis=axis).numpy(), least.argmax(axis=axis))
