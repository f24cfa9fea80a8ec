"""Matrix products: dtypes, shapes, strides, stacks, accuracy, gradients, on the kernels of CPUs and of GPUs."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from clarray.array.convert import to_array
from clarray.core import dtypes, linear
from clarray.core.linear import matmul
from clarray.core.movement import broadcast_to
from clarray.core.op import Op
from clarray.functions import linalg

SHAPES = [(3, 4, 5), (1, 7, 9), (7, 9, 1), (1, 70, 1), (6, 1, 17), (33, 65, 17), (5, 300, 3), (70, 37, 61)]


def draw(rng, shape, dtype):
    """Random values whose products do not leave the range of a half."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return oracle.sample(rng, None, dtype, shape)
    return oracle.sample(rng, (-2, 2), dtype, shape)


def check(got, a, b, want=None, fp64=True):
    """`got` is a @ b: exact for integers, within the error of a sum in its own precision for floats."""
    with np.errstate(all="ignore"):
        want = np.matmul(a, b) if want is None else want
    dtype = want.dtype if fp64 else dtypes.without_fp64(want.dtype)
    assert (got.shape, got.dtype) == (want.shape, dtype)
    host = got.numpy()
    if dtype.kind in "biu":
        np.testing.assert_array_equal(host, want)
        return
    wide = np.clongdouble if dtype.kind == "c" else np.longdouble
    exact = np.matmul(a.astype(wide), b.astype(wide))
    size = np.matmul(np.abs(a).astype(np.longdouble), np.abs(b).astype(np.longdouble))
    eps = np.finfo(np.float32 if dtype == np.float16 else dtype).eps
    bound = (2 * np.sqrt(a.shape[-1]) + 8) * eps * size + np.finfo(dtype).eps * np.abs(exact)
    assert (np.abs(host - exact) <= bound).all()


@pytest.mark.parametrize("dtype", [row.name for row in dtypes.ROWS])
def test_every_dtype(both_walks, rng, dtype):
    oracle.need(both_walks, dtype)
    for m, k, n in oracle.some(rng, SHAPES, 3):
        a, b = draw(rng, (m, k), dtype), draw(rng, (k, n), dtype)
        check(matmul(to_array(a), to_array(b)), a, b)


def test_odd_sizes(ctx, rng):
    for m, k, n in rng.integers(1, 71, (40, 3)):
        a, b = draw(rng, (m, k), "f4"), draw(rng, (k, n), "f4")
        check(matmul(to_array(a), to_array(b)), a, b)


def test_larger_than_every_block(both_walks, rng):
    for m, k, n in [(300, 600, 130), (40, 530, 1500), (1500, 260, 20)]:
        a, b = draw(rng, (m, k), "f4"), draw(rng, (k, n), "f4")
        check(matmul(to_array(a), to_array(b)), a, b)
    a, b = (
        draw(rng, (30, 600), "i1"),
        draw(rng, (600, 40), "i1"),
    )  # several blocks of k that pass through scratch memory
    check(matmul(to_array(a), to_array(b)), a, b)


MIXED = [("i4", "f4"), ("i1", "u1"), ("u1", "f2"), ("?", "i2"), ("f2", "f4"), ("f4", "c8"), ("?", "?")]


@pytest.mark.parametrize("pair", MIXED, ids="-".join)
def test_mixed_dtypes(ctx, rng, pair):
    a, b = draw(rng, (9, 21), pair[0]), draw(rng, (21, 10), pair[1])
    if a.dtype == np.int32:
        a %= 1000
    check(matmul(to_array(a), to_array(b)), a, b, fp64=ctx.traits.fp64)


VIEWS = {
    "transposed": lambda x: x.mT,
    "reversed": lambda x: x[..., ::-1, ::-1],
    "stepped": lambda x: x[..., ::2, 1::3],
    "row": lambda x: x[..., 4:5, :],
}


@pytest.mark.parametrize("first", VIEWS)
@pytest.mark.parametrize("second", VIEWS)
def test_strided_operands(both_walks, rng, first, second):
    a = draw(rng, (3, 40, 40), "f4")
    b = draw(rng, (3, 40, 40), "f4")
    x, y = VIEWS[first](a), VIEWS[second](b)
    k = min(x.shape[-1], y.shape[-2])
    x, y = x[..., :k], y[..., :k, :]
    on_device = VIEWS[first](to_array(a))[..., :k], VIEWS[second](to_array(b))[..., :k, :]
    check(matmul(*on_device), x, y)


def test_stacks_broadcast(both_walks, rng):
    cases = [((2, 3, 5, 7), (7, 4)), ((5, 7), (2, 3, 7, 4)), ((2, 1, 5, 7), (1, 3, 7, 4)), ((2, 1, 1, 7), (3, 7, 6))]
    for s, t in [*cases, ((4, 40, 50), (4, 50, 30))]:
        a, b = draw(rng, s, "f4"), draw(rng, t, "f4")
        check(matmul(to_array(a), to_array(b)), a, b)
    a, b = draw(rng, (5, 1, 6), "i4"), draw(rng, (6, 3), "i4")
    check(matmul(broadcast_to(to_array(a), shape=(5, 4, 6)), to_array(b)), np.broadcast_to(a, (5, 4, 6)), b)


def test_packed_stack(ctx, rng):
    a, b = draw(rng, (2, 1, 1500, 40), "f4"), draw(rng, (1, 2, 40, 50), "f4")
    check(matmul(to_array(a), to_array(b)), a, b)


def test_vectors(both_walks, rng):
    for s, t in [
        ((9,), (9,)),
        ((9,), (9, 4)),
        ((4, 9), (9,)),
        ((9,), (3, 9, 4)),
        ((3, 4, 9), (9,)),
        ((2000,), (2000, 30)),
    ]:
        a, b = draw(rng, s, "f4"), draw(rng, t, "f4")
        check(matmul(to_array(a), to_array(b)), a, b)


def test_vectors_by_many_columns(both_walks, rng):
    """Columns enough to be made in parts of k, of any length, alone and in stacks."""
    for shape, k in [((700,), 3001), ((4100,), 411), ((3, 900), 1111), ((50,), 30_000)]:
        *stack, n = shape
        a, b = draw(rng, (*stack, 1, k), "float32"), draw(rng, (*stack, k, n), "float32")
        check(matmul(to_array(a), to_array(b)), a, b)
        check(matmul(to_array(b).mT, to_array(a).mT), b.swapaxes(-1, -2), a.swapaxes(-1, -2))


def test_empty(both_walks, rng):
    cases = [((0, 3), (3, 4)), ((3, 0), (0, 4)), ((3, 4), (4, 0)), ((0, 3, 4), (4, 5)), ((0,), (0,)), ((2, 3, 0), (0,))]
    for s, t in cases:
        for dtype in ("f4", "i2", "?"):
            a, b = np.zeros(s, dtype), np.zeros(t, dtype)
            check(matmul(to_array(a), to_array(b)), a, b)


@pytest.mark.oclgrind
def test_special_values(both_walks, rng):
    a, b = draw(rng, (20, 30), "f4"), draw(rng, (30, 20), "f4")
    a[3, 4], a[5, 6], b[7, 8] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        want = a @ b
    got = matmul(to_array(a), to_array(b)).numpy()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(want))


def test_errors_name_the_shapes(ctx):
    a = to_array(np.zeros((2, 3), "f4"))
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 3\).*3 columns.*2 rows"):
        matmul(a, a)
    with pytest.raises(ValueError, match="0-dimensional"):
        a @ 2
    with pytest.raises(ValueError, match="broadcast"):
        matmul(to_array(np.zeros((2, 2, 3), "f4")), to_array(np.zeros((3, 3, 2), "f4")))


def test_operators_and_out(ctx, rng):
    a, b = draw(rng, (30, 30), "f4"), draw(rng, (30, 30), "f4")
    x, y = to_array(a), to_array(b)
    check(x @ b, a, b)
    check(a @ y, a, b)
    wide = to_array(np.zeros((30, 60), "f4"))
    for out in (wide[:, :30], wide[:, ::2], wide[:, 20:50].T):
        assert linalg.matmul(x, y, out=out) is out
        check(out, a, b)
    x @= y  # the result lies over an operand
    check(x, a, b)
    with pytest.raises(ValueError):
        linalg.matmul(x, y, out=to_array(np.zeros((30, 31), "f4")))
    with pytest.raises(TypeError, match="int32"):
        linalg.matmul(x, y, out=to_array(np.zeros((30, 30), "i4")))


@pytest.mark.parametrize("axes", [((3, 2), (0, 1)), ((1,), (2,)), 0, 2, ((2, 3, 1), (1, 0, 2)), ((-1,), (-4,))])
def test_tensordot(ctx, rng, axes):
    a, b = draw(rng, (2, 3, 4, 5), "f4"), draw(rng, (5, 4, 3, 7), "f4")
    if axes == 2:
        b = draw(rng, (4, 5, 6), "f4")
    np.testing.assert_allclose(
        linalg.tensordot(to_array(a), to_array(b), axes=axes).numpy(),
        np.tensordot(a, b, axes=axes),
        rtol=1e-4,
        atol=1e-4,
    )


def test_tensordot_errors(ctx):
    a = to_array(np.zeros((2, 3), "f4"))
    with pytest.raises(ValueError, match="axis 1"):
        linalg.tensordot(a, a, axes=((1,), (0,)))
    with pytest.raises(ValueError, match="3 axes"):
        linalg.tensordot(a, a, axes=3)
    with pytest.raises(ValueError, match="twice"):
        linalg.tensordot(a, a, axes=((0, 0), (0, 1)))


def test_other_products(ctx, rng):
    a, b = draw(rng, (3, 1, 5), "c8"), draw(rng, (4, 5), "c8")
    x, y = to_array(a), to_array(b)
    for got, want in [
        (linalg.vecdot(x, y), np.vecdot(a, b)),
        (linalg.vecdot(x.mT, y.T, axis=-2), np.vecdot(a.mT, b.T, axis=-2)),
        (linalg.vdot(y, y), np.vdot(b, b)),
        (linalg.inner(x, y), np.inner(a, b)),
        (linalg.inner(x, 2), np.inner(a, 2)),
        (linalg.outer(x, y), np.outer(a, b)),
        (linalg.dot(y, y.T), np.dot(b, b.T)),
        (linalg.dot(x, x.mT), np.dot(a, a.mT)),
        (linalg.dot(3, y), np.dot(3, b)),
        (linalg.dot(y, [1, 2, 3, 4, 5]), np.dot(b, [1, 2, 3, 4, 5]).astype("c8")),
        (linalg.matrix_transpose(x), a.mT),
    ]:
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-4, atol=1e-4)


GRADIENTS = [
    (matmul, {}, (4, 3), (3, 5)),
    (matmul, {}, (3,), (3,)),
    (matmul, {}, (3,), (2, 3, 5)),
    (matmul, {}, (2, 4, 3), (3,)),
    (matmul, {}, (2, 1, 4, 3), (5, 3, 2)),
    (linear.tensordot, {"axes": ((2, 0), (0, 1))}, (2, 3, 4), (4, 2, 5)),
    (linear.gemm, {"alpha": 0.5}, (4, 3), (3, 5)),
]


@pytest.mark.parametrize(("op", "params", "s", "t"), GRADIENTS)
def test_gradients(ctx, fp64, rng, op, params, s, t):
    """The gradient of sum(w * op(a, b)) against finite differences."""
    a, b = rng.standard_normal(s), rng.standard_normal(t)
    value = {"tensordot": np.tensordot, "matmul": np.matmul}.get(op.name)
    f = (lambda a, b: value(a, b, **params)) if value else (lambda a, b: params["alpha"] * (a @ b))
    w = rng.standard_normal(np.shape(f(a, b)))
    out = op(to_array(a), to_array(b), **params)
    np.testing.assert_allclose(out.numpy(), f(a, b), rtol=1e-10, atol=1e-10)
    gradients = op.grad(to_array(w), out, [to_array(a), to_array(b)], params)
    for k, (x, g) in enumerate(zip((a, b), gradients)):
        host = g.numpy()
        host = host.reshape((-1, *x.shape)).sum(0) if host.ndim > x.ndim else host
        stretched = tuple(i for i, n in enumerate(x.shape) if host.shape[i] != n)
        host = host.sum(stretched, keepdims=True)
        step = 1e-6
        for at in np.ndindex(x.shape):
            moved = x.copy()
            moved[at] += step
            args = (moved, b) if k == 0 else (a, moved)
            assert abs(((f(*args) - f(a, b)) * w).sum() / step - host[at]) < 1e-4


def test_ops_are_registered():
    assert {Op.registry[name] for name in ("matmul", "gemm", "tensordot")} == {matmul, linear.gemm, linear.tensordot}


def test_more_steps_than_llvmpipe_takes_in_one_work_item(ctx, rng):
    """Mesa's llvmpipe leaves loops after 65,535 steps: a product this large once came out wrong there."""
    a = rng.standard_normal((700, 100)).astype(np.float32)
    b = rng.standard_normal((100, 900)).astype(np.float32)
    got = (to_array(a) @ to_array(b)).numpy()
    np.testing.assert_allclose(got, a.astype(np.float64) @ b.astype(np.float64), atol=1e-4)
    x = rng.random(2_000_000).astype(np.float32)
    np.testing.assert_array_equal((to_array(x) + 1).numpy(), x + 1)
    np.testing.assert_allclose(float(to_array(x).sum()), x.sum(dtype=np.float64), rtol=1e-6)
