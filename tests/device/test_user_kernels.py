"""ElementwiseKernel, ReductionKernel and RawKernel: values, layouts, scalars, results given, and errors."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from clarray.array.convert import to_array
from clarray.array.kernels import ElementwiseKernel, LocalMemory, RawKernel, ReductionKernel
from clarray.device.stats import stats
from clarray.errors import CompileError


def draw(rng, *shape):
    return rng.standard_normal(shape).astype("f4")


@pytest.mark.oclgrind
def test_two_results_of_one_kernel(ctx, rng):
    kernel = ElementwiseKernel("float32 x, float32 y, float32 *s, float32 *d", "s = x + y; d = x - y")
    x, y = draw(rng, 6, 9), draw(rng, 9)
    a, b = to_array(x)[::-1, ::2], to_array(y)[1::2][:, None][:, 0][::-1]
    kernel(a[:, :4], b)
    before = stats()
    s, d = kernel(a[:, :4], b)
    assert (stats() - before).launches == 1
    x, y = x[::-1, ::2][:, :4], y[1::2][::-1]
    np.testing.assert_array_equal(s.numpy(), x + y)
    np.testing.assert_array_equal(d.numpy(), x - y)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_letters_stand_for_any_dtype(ctx, rng, dtype):
    oracle.need(ctx, dtype)
    kernel = ElementwiseKernel("T x, T y, T *r", "T q = x * x; r = sqrt(q + y * y)")
    x = draw(rng, 50).astype(dtype)
    got = kernel(to_array(x), 2)
    assert got.dtype == x.dtype
    np.testing.assert_allclose(got.numpy(), np.sqrt(x.astype("f8") ** 2 + 4), rtol=1e-3 if dtype == "f2" else 1e-6)


def test_halves_are_computed_as_floats(ctx):
    x = np.full(4, 60000, np.float16)
    got = ElementwiseKernel("float16 x, float16 *r", "r = x * x / 60000.0f")(to_array(x))
    np.testing.assert_array_equal(got.numpy(), x)


def test_several_letters_and_small_integers(ctx, rng):
    kernel = ElementwiseKernel("T x, U y, T *a, U *b, bool *c", "a = x + (T)y; b = (U)x; c = x > (T)y")
    x, y = rng.integers(0, 200, 30).astype("u1"), rng.integers(-30000, 30000, 30).astype("i2")
    a, b, c = kernel(to_array(x), to_array(y))
    np.testing.assert_array_equal(a.numpy(), x + y.astype("u1"))
    np.testing.assert_array_equal(b.numpy(), x.astype("i2"))
    np.testing.assert_array_equal(c.numpy(), x > y.astype("u1"))


def test_results_in_place(ctx, rng):
    axpy = ElementwiseKernel("float32 a, float32 x, float32 *z", "z += a * x")
    x, z = draw(rng, 5, 8), draw(rng, 5, 8)
    into = to_array(z)
    assert axpy(2, to_array(x), into) is into
    np.testing.assert_allclose(into.numpy(), z + 2 * x, rtol=1e-5, atol=1e-6)
    axpy(np.float32(1), into, out=into)
    np.testing.assert_allclose(into.numpy(), 2 * (z + 2 * x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(axpy(2, to_array(x)).numpy(), 2 * x)  # a new result is 0 at first
    strided = to_array(z)
    axpy(1, to_array(x)[:, :4], out=strided[:, ::2])
    z[:, ::2] += x[:, :4]
    np.testing.assert_allclose(strided.numpy(), z, rtol=1e-5, atol=1e-6)


def test_overlap_behaves_as_if_copied(ctx):
    axpy = ElementwiseKernel("float32 a, float32 x, float32 *z", "z += a * x")
    z = to_array(np.arange(1000, dtype="f4"))
    axpy(1, z[:-1], out=z[1:])
    np.testing.assert_array_equal(z.numpy()[1:], 2 * np.arange(1, 1000, dtype="f4") - 1)


def test_without_operands(ctx):
    out = to_array(np.zeros((3, 4), "i4"))
    ElementwiseKernel("int32 *z", "z = 7")(out)
    np.testing.assert_array_equal(out.numpy(), 7)


def test_preamble_and_library_functions(ctx, rng):
    kernel = ElementwiseKernel(
        "complex64 x, float32 k, complex64 *y", "y = complex_mul(x, (float2)(twice(k), 0))",
        preamble="static float twice(float x) { return 2 * x; }",
    )  # fmt: skip
    x = draw(rng, 10) + 1j * draw(rng, 10)
    np.testing.assert_allclose(kernel(to_array(x), 1.5).numpy(), 3 * x, rtol=1e-5)


def test_names_that_the_generator_uses_too(ctx):
    kernel = ElementwiseKernel(
        "float32 t0, float32 t1, float32 i, float32 *x0", "x0 = t0 - 10 * t1 + 100 * i", name="n0"
    )
    np.testing.assert_array_equal(kernel(to_array(np.float32([1, 2])), 3, 5).numpy(), [471, 472])


def test_empty(ctx):
    kernel = ElementwiseKernel("float32 x, float32 *y", "y = x")
    assert kernel(to_array(np.zeros((0, 3), "f4"))).shape == (0, 3)


def test_elementwise_errors_name_the_argument(ctx):
    kernel = ElementwiseKernel("T x, T y, int32 k, T *z", "z = x + y * k", name="mix")
    f, i = to_array(np.zeros((2, 3), "f4")), to_array(np.zeros((2, 3), "i4"))
    for call, error, text in [
        (lambda: kernel(f, i, 1), TypeError, "'x' and 'y' are both declared T"),
        (lambda: kernel(f, f, f), TypeError, "argument 'k' is declared int32, float32 came"),
        (lambda: kernel(f, f, 1.5), TypeError, "argument 'k' is declared int32, a Python float"),
        (lambda: kernel(f, f), TypeError, r"mix\(x, y, k, \*z\) takes 3 operands"),
        (lambda: kernel(f, f, 1, i), TypeError, "'x' and 'z'"),
        (lambda: kernel(f, f, 1, 2.0), TypeError, "result 'z' has to be a GpuArray"),
        (lambda: kernel(f, f[:, :2], 1), ValueError, "broadcast"),
        (lambda: kernel(f, f, 1, f[0]), ValueError, "broadcast"),
        (lambda: ElementwiseKernel("float x, T *y", "y = x"), ValueError, "'float x' has no known dtype"),
        (lambda: ElementwiseKernel("T x, T x, T *y", "y = x"), ValueError, "declared twice"),
        (lambda: ElementwiseKernel("T x", "x = 1"), ValueError, "declares no result"),
        (lambda: ElementwiseKernel("T x, T *kernel", "y = x"), ValueError, "a word of OpenCL C"),
        (lambda: ElementwiseKernel("T x, U *y", "y = x")(f), TypeError, "follows from no argument"),
    ]:
        with pytest.raises(error, match=text):
            call()


def test_a_kernel_that_does_not_compile_shows_its_source(ctx):
    kernel = ElementwiseKernel("float32 x, float32 *y", "y = no_such_function(x)", name="broken")
    x = to_array(np.zeros(3, "f4"))
    with pytest.raises(CompileError, match="no_such_function") as caught:
        kernel(x)
    assert "broken" in "".join(caught.value.__notes__)
    with pytest.raises(CompileError):  # and again
        kernel(x)


def test_reduction(ctx, rng):
    dot = ReductionKernel("float32", "0", "a + b", "x * y", "float32 x, float32 y")
    x, y = draw(rng, 7, 30), draw(rng, 30)
    np.testing.assert_allclose(dot(to_array(x), to_array(y)).numpy(), (x * y).sum(), rtol=1e-4, atol=1e-4)
    for axis in (0, 1, (0, 1)):
        got = dot(to_array(x), to_array(y), axis=axis, keepdims=True)
        np.testing.assert_allclose(got.numpy(), (x * y).sum(axis, keepdims=True), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        dot(to_array(x)[:, ::-2], 2.0, axis=[0]).numpy(), 2 * x[:, ::-2].sum(0), rtol=1e-4, atol=1e-4
    )
    out = to_array(np.zeros(7, "f4"))
    assert dot(to_array(x), to_array(y), axis=1, out=out) is out
    np.testing.assert_allclose(out.numpy(), x @ y, rtol=1e-4, atol=1e-4)


def test_reduction_of_other_kinds(ctx, rng):
    most = ReductionKernel("int32", "-2147483647", "a > b ? a : b", "x", "int32 x", axis=1)
    x = rng.integers(-(10**9), 10**9, (5, 70)).astype("i4")
    np.testing.assert_array_equal(most(to_array(x)).numpy(), x.max(1))
    count = ReductionKernel("int64", 0, "a + b", "x != 0", "T x")
    np.testing.assert_array_equal(count(to_array((x % 3).astype("f4"))).numpy(), np.count_nonzero(x % 3))
    assert count(to_array(np.zeros((0, 4), "f4"))).item() == 0
    large = rng.integers(0, 2, 300_000).astype("u1")
    assert count(to_array(large)).item() == large.sum()


def test_reduction_of_halves_in_parts(ctx, rng):
    """The parts' sums are floats in scratch memory, not halves."""
    x = rng.uniform(0, 0.01, 300_000).astype("f2")
    got = ReductionKernel("float16", "0", "a + b", "x", "float16 x")(to_array(x))
    np.testing.assert_allclose(got.numpy(), x.astype("f8").sum(), rtol=1e-3)


def test_reduction_errors(ctx):
    with pytest.raises(ValueError, match="map_expr"):
        ReductionKernel("float32", "0", "a + b", arguments="T x, T y")
    with pytest.raises(ValueError, match="'y' is declared as a result"):
        ReductionKernel("float32", "0", "a + b", "x", "T x, T *y")
    with pytest.raises(TypeError, match="argument 'x' is declared int32"):
        ReductionKernel("int32", "0", "a + b", "x", "int32 x")(to_array(np.zeros(3, "f4")))


REVERSE = """
kernel void reverse(global float *o, const float scale, local float *part)
{
    const int l = get_local_id(0);
    part[l] = o[get_global_id(0)];
    barrier(CLK_LOCAL_MEM_FENCE);
    o[get_global_id(0)] = scale * part[get_local_size(0) - 1 - l];
}
"""


def test_raw_kernel(ctx):
    x = to_array(np.arange(8, dtype="f4"))
    raw = RawKernel(REVERSE, "reverse", types=[None, "float32", None])
    assert raw(8, 4, x, 2, LocalMemory(16)) is None
    np.testing.assert_array_equal(x.numpy(), [6, 4, 2, 0, 14, 12, 10, 8])
    RawKernel(REVERSE, "reverse")((8,), (8,), x, np.float32(1), LocalMemory(32))
    np.testing.assert_array_equal(x.numpy(), [8, 10, 12, 14, 0, 2, 4, 6])


def test_raw_kernel_of_a_view(ctx):
    source = "kernel void f(global float *o, const long offset) { o[offset / 4 + get_global_id(0)] = 5; }"
    x = to_array(np.zeros(8, "f4"))
    part = x[3:5]
    RawKernel(source, "f", types=[None, "int64"])(2, None, part.base_data, part.offset)
    x.context.synchronize()
    np.testing.assert_array_equal(x.numpy(), [0, 0, 0, 5, 5, 0, 0, 0])


def test_raw_kernel_errors(ctx):
    x = to_array(np.zeros(8, "f4"))
    raw = RawKernel(REVERSE, "reverse", types=[None, "float32", None])
    for call, error, text in [
        (lambda: raw(8, 3, x, 2, LocalMemory(16)), ValueError, "do not fit"),
        (lambda: raw(0, None, x, 2, LocalMemory(16)), ValueError, "do not fit"),
        (lambda: raw(8, 4, x, 2), TypeError, "3 arguments, 2 came"),
        (lambda: raw(8, 4, x[1:], 2, LocalMemory(16)), ValueError, "4 bytes into its buffer"),
        (lambda: raw(8, 4, x, x, LocalMemory(16)), TypeError, "argument 1 is declared float32"),
        (lambda: RawKernel(REVERSE, "reverse")(8, 4, x, 2, LocalMemory(16)), TypeError, "numpy.float32"),
        (lambda: RawKernel(REVERSE, "other")(8, 4, x), ValueError, "it has: reverse"),
        (lambda: RawKernel("kernel void f( { }", "f")(1, None), CompileError, "kernel void f"),
        (lambda: LocalMemory(0), ValueError, "positive"),
    ]:
        with pytest.raises(error, match=text):
            call()
