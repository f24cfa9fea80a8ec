"""Users' operations: Op, and kernels applied to variables."""

import gc
import math
import pickle
import weakref

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.device.stats import stats
from clarray.graph.gradients.gradient import NullTypeGradError


class Rotate(ca.Op):
    """Two results, made of the table's operations."""

    __props__ = ("angle",)

    def __init__(self, angle):
        self.angle = angle

    def infer(self, x, y):
        if x.dtype != y.dtype:
            raise TypeError(f"Rotate takes one dtype, {x} and {y} came")
        return [x, x]

    def lower(self, x, y):
        c, s = math.cos(self.angle), math.sin(self.angle)
        return c * x - s * y, s * x + c * y


class Halves(ca.Op):
    """The sum of both halves of a vector; its gradient is a wrong one, so that it can be told apart."""

    def infer(self, x):
        return x.like(shape=(x.shape[0] // 2,))

    def lower(self, x):
        n = x.shape[0] // 2
        return x[:n] + x[n:]

    def grad(self, g, out, x):
        return T.concatenate([g, g]) * 10


class Normalized(ca.Op):
    """Looks at its operand's elements."""

    traceable = False

    def infer(self, x):
        return x

    def lower(self, x):
        return x / float(ca.max(x))


def draw(rng, *shape):
    return rng.normal(size=shape).astype("f")


def kernels_of(f):
    return [
        n for n in f.maker.fgraph.toposort() if "Elemwise" in type(n.op).__name__ or "Reduce" in type(n.op).__name__
    ]


# Op


def test_op_on_arrays(ctx, rng):
    x, y = draw(rng, 4, 3), draw(rng, 4, 3)
    u, v = Rotate(0.5)(ca.asarray(x), ca.asarray(y))
    c, s = math.cos(0.5), math.sin(0.5)
    np.testing.assert_allclose(u.numpy(), c * x - s * y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(v.numpy(), s * x + c * y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(Halves()(np.arange(6, dtype="f")).numpy(), [3, 5, 7])


def test_op_in_a_function_is_fused(ctx, rng):
    x, y = T.fmatrices("x", "y")
    u, v = Rotate(0.5)(x * 2, y)
    f = ca.function([x, y], ((u + 1) * v).transfer(None))
    assert len(kernels_of(f)) == 1
    a, b = draw(rng, 5, 2), draw(rng, 5, 2)
    c, s = math.cos(0.5), math.sin(0.5)
    want = (c * 2 * a - s * b + 1) * (s * 2 * a + c * b)
    np.testing.assert_allclose(f(a, b).numpy(), want, rtol=1e-4, atol=1e-5)


def test_equal_ops_on_the_same_are_merged(ctx, rng):
    x, y = T.fmatrices("x", "y")
    first, second = Normalized(), Normalized()
    assert Rotate(0.5) == Rotate(0.5) != Rotate(0.25)
    assert first != second
    u, v = Rotate(0.5)(x, y), Rotate(0.5)(x, y)
    f = ca.function([x, y], u[0] - v[0])
    assert (f(draw(rng, 2, 2), draw(rng, 2, 2)) == 0).all()
    assert sum(isinstance(n.op, T.Elemwise) for n in f.maker.fgraph.toposort()) <= 1


def test_gradient_of_what_it_calls_and_one_of_its_own(ctx, rng):
    x, y = T.fmatrices("x", "y")
    u, v = Rotate(0.5)(x, y)
    a, b = draw(rng, 3, 2), draw(rng, 3, 2)
    c, s = math.cos(0.5), math.sin(0.5)
    gx, gy = ca.function([x, y], T.grad((u * v).sum(), [x, y]))(a, b)
    np.testing.assert_allclose(gx, c * (s * a + c * b) + s * (c * a - s * b), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gy, -s * (s * a + c * b) + c * (c * a - s * b), rtol=1e-4, atol=1e-5)
    gx = ca.function([x, y], T.grad(v.sum(), x), on_unused_input="ignore")(a, b)  # u does not matter
    np.testing.assert_allclose(gx, np.full_like(a, s), rtol=1e-5)
    z = T.fvector("z")
    np.testing.assert_array_equal(T.grad(Halves()(z).sum(), z).eval({z: a[:, 0][:2]}), [10, 10])


def test_op_under_jit_and_grad(ctx, rng):
    x, y = draw(rng, 6), draw(rng, 6)
    f = ca.jit(lambda x, y: Rotate(1.0)(x, y)[0] * 2)
    np.testing.assert_allclose(f(x, y).numpy(), 2 * (math.cos(1) * x - math.sin(1) * y), rtol=1e-4, atol=1e-5)
    g = ca.grad(lambda x: ca.sum(Halves()(x) * 3))(x)
    np.testing.assert_array_equal(g.numpy(), np.full(6, 30))


def test_gradients_reach_what_an_op_captures(ctx, rng):
    a, b = draw(rng, 5), draw(rng, 5)
    w, v, x = ca.shared(a, "w"), ca.shared(b, "v"), T.fvector("x")
    inner = type("Inner", (ca.Op,), {"infer": lambda self, x: x, "lower": lambda self, x: x * w**2})()
    outer = type("Outer", (ca.Op,), {"infer": lambda self, x: x, "lower": lambda self, x: inner(x * v) + w})()
    cost = (outer(x) ** 2).sum()
    gw, gv, gx = T.grad(cost, [w, v, x])
    along = T.Rop(outer(x), w, T.ones_like(w))
    second = T.grad(gw.sum(), v)
    f = ca.function([x], [gw, gv, gx, along, second])
    given = draw(rng, 5)
    out = given * b * a**2 + a
    slope = 2 * given * a * b + 1
    want = [2 * out * slope, 2 * out * given * a**2, 2 * out * b * a**2, slope,
            2 * given * a**2 * slope + 4 * out * given * a]  # fmt: skip
    for got, right in zip(f(given), want, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-3, atol=1e-4)


def test_nothing_keeps_an_operation_that_is_gone(ctx):
    x, held = T.fvector("x"), []
    for _ in range(2):
        weight = ca.shared(np.ones(3, "f"))
        ops = [
            type("Own", (ca.Op,), {"infer": lambda self, x: x, "lower": lambda self, x: x * 2})(),
            ca.OpFromGraph([x], [x * weight]),
        ]
        ca.function([x], [op(x)[0] for op in ops])(np.ones(3, "f"))
        held += map(weakref.ref, (*ops, weight.container.value.block))
        del ops, weight
    gc.collect()
    assert [ref() for ref in held] == [None] * 6


def test_what_is_not_traceable_gets_arrays(ctx, rng):
    x = T.fvector("x")
    f = ca.function([x], [Normalized()(x + 1) * 2])
    for n in (3, 3, 5):
        a = rng.uniform(1, 2, n).astype("f")
        np.testing.assert_allclose(f(a)[0], 2 * (a + 1) / (a + 1).max(), rtol=1e-6)
    with pytest.raises(NullTypeGradError, match=r"Normalized\(\) has no gradient; write grad"):
        T.grad(Normalized()(x).sum(), x)


def test_op_in_debug_mode_and_unfused(ctx, rng):
    x, y = T.fmatrices("x", "y")
    a, b = draw(rng, 3, 2), draw(rng, 3, 2)
    out = Rotate(0.5)(x, y)[1]
    want = math.sin(0.5) * a + math.cos(0.5) * b
    for mode in ("FAST_COMPILE", "DebugMode"):
        np.testing.assert_allclose(ca.function([x, y], out, mode=mode)(a, b), want, rtol=1e-5, atol=1e-6)


def test_op_pickles(ctx, rng):
    again = pickle.loads(pickle.dumps(Rotate(0.5)))
    assert again == Rotate(0.5)
    x = T.fvector("x")
    u = pickle.loads(pickle.dumps(again(x, x)[0]))
    assert u.owner.op == again(x, x)[0].owner.op


def test_names_of_the_ancestor_are_refused():
    for name, instead in (("make_node", "infer"), ("perform", "lower"), ("c_code", "RawKernel"), ("R_op", "nothing")):
        with pytest.raises(TypeError, match=rf"Own\.{name}: .*{instead}"):
            type("Own", (ca.Op,), {name: lambda self: None})


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x: (x, x), "gives 2 results, infer.. says 1"),
        (lambda x: x[None], r"result 0 of lower.. is float32\[1, .\], but infer.. says float32"),
        (lambda x: x.astype("int32"), "is int32"),
        (lambda x: 3, "result 0 of lower.. is a int, not an array"),
    ],
)
def test_lower_and_infer_have_to_agree(ctx, result, message):
    own = type("Own", (ca.Op,), {"infer": lambda self, x: x, "lower": lambda self, x: result(x)})()
    with pytest.raises(TypeError, match=message):
        own(ca.asarray(np.ones(3, "f")))
    x = T.fvector("x")
    with pytest.raises(TypeError, match=message):
        ca.function([x], own(x))


def test_other_errors(ctx):
    x, y = T.fvector("x"), T.dvector("y")
    with pytest.raises(TypeError, match=r"Rotate takes one dtype, float32\[\?\] and float64\[\?\] came"):
        Rotate(1)(x, y)
    with pytest.raises(TypeError, match="operand 1 is None; parameters belong to __init__"):
        Rotate(1)(x, None)
    with pytest.raises(NotImplementedError, match="write infer"):
        type("Own", (ca.Op,), {})()(x)
    asks = type(
        "Own",
        (ca.Op,),
        {"infer": lambda self, x: x.like(dtype="int32") if x.shape[0] > 3 else x, "lower": lambda self, x: x},
    )()
    with pytest.raises(TypeError, match="an extent is not known"):
        asks(x)
    wrong = type("Own", (ca.Op,), {"infer": lambda self, x: "float32", "lower": lambda self, x: x})()
    with pytest.raises(TypeError, match=r"a pair \(shape, dtype\); 'float32' came"):
        wrong(x)


# ElementwiseKernel and ReductionKernel


def pair_gradient(g, out, x, y):
    s, d = (0 if v is None else v for v in g)
    return s + d, s - d


BOTH = ca.ElementwiseKernel("T x, T y, T *s, T *d", "s = x + y; d = x - y", grad=pair_gradient)


def test_a_kernel_fuses_with_its_neighbours(ctx, rng):
    x = T.fmatrix("x")
    s, d = BOTH(T.exp(x), 2)
    f = ca.function([x], [(s * 3).transfer(None), (d + 1).transfer(None)])
    a = ca.asarray(draw(rng, 5, 3))
    f(a)
    before = stats()
    got = f(a)
    assert (stats() - before).launches == 1
    want = np.exp(a.numpy())
    np.testing.assert_allclose(got[0].numpy(), (want + 2) * 3, rtol=1e-5)
    np.testing.assert_allclose(got[1].numpy(), want - 1, rtol=1e-5, atol=1e-6)


def test_a_kernel_is_the_map_of_a_reduction(ctx, rng):
    x, y = T.fmatrix("x"), T.fvector("y")
    f = ca.function([x, y], BOTH(x, y)[1].sum(axis=0))
    a, b = draw(rng, 5, 3), draw(rng, 3)
    assert len(kernels_of(f)) == 1
    np.testing.assert_allclose(f(a, b), (a - b).sum(0), rtol=1e-5, atol=1e-5)


def test_one_result_reduced_and_another_returned(ctx, rng):
    x, y = T.fmatrices("x", "y")
    s, d = BOTH(x, y)
    f = ca.function([x, y], [s.sum(axis=0), d])
    a, b = draw(rng, 5, 3), draw(rng, 5, 3)
    total, difference = f(a, b)
    np.testing.assert_allclose(total, (a + b).sum(0), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(difference, a - b)


def test_functions_of_the_same_name_do_not_meet(ctx, rng):
    """Two kernels bring functions of their own under one name, and are kept apart."""
    once = ca.ElementwiseKernel("float32 x, float32 *y", "y = own(x)", preamble="float own(float v) { return v + 1; }")
    twice = ca.ElementwiseKernel("float32 x, float32 *y", "y = own(x)", preamble="float own(float v) { return v * 2; }")
    x, a = T.fvector("x"), draw(rng, 7)
    f = ca.function([x], [twice(once(x)), once(once(x) * 3), twice(x) + once(x)])
    for got, want in zip(f(a), ((a + 1) * 2, (a + 1) * 3 + 1, a * 2 + a + 1), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_after_a_product(ctx, rng):
    x = T.fmatrix("x")
    s, _ = BOTH(T.dot(x, x.T) * 2, x.sum())
    a = draw(rng, 3, 4)
    np.testing.assert_allclose(ca.function([x], s)(a), a @ a.T * 2 + a.sum(), rtol=1e-4, atol=1e-5)


def test_gradients_of_kernels(ctx, rng):
    x, y = T.fmatrix("x"), T.fvector("y")
    s, d = BOTH(x, y)
    a, b = draw(rng, 4, 3), draw(rng, 3)
    f = ca.function([x, y], [*T.grad((s * d).sum(), [x, y]), T.grad(d.sum(), y)])
    gx, gy, gd = f(a, b)
    np.testing.assert_allclose(gx, 2 * a, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gy, -2 * b * 4, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(gd, np.full(3, -4))
    plain = ca.ElementwiseKernel("float32 x, float32 *y", "y = x", name="plain")
    with pytest.raises(NullTypeGradError, match=r"plain\(\) has no gradient; say one with grad="):
        T.grad(plain(x).sum(), x)
    short = ca.ElementwiseKernel("float32 x, float32 y, float32 *z", "z = x", grad=lambda g, out, x, y: [g])
    with pytest.raises(ValueError, match="gives 1 values for 2 operands"):
        T.grad(short(x, x).sum(), x)


@pytest.mark.parametrize("shape", [(4, 3), (3,)])
def test_a_reduction_kernel(ctx, rng, shape):
    dot = ca.ReductionKernel(
        "float32", "0", "a + b", "x * y", "float32 x, float32 y", grad=lambda g, out, x, y: (g * y, g * x)
    )
    x, y = T.fmatrix("x"), T.TensorType("float32", (False,) * len(shape))("y")
    a, b = draw(rng, 4, 3), draw(rng, *shape)
    out = dot(T.exp(x), y, axis=0)
    f = ca.function([x, y], [out, *T.grad((out**2).sum(), [x, y])])
    got, gx, gy = f(a, b)
    sums = (np.exp(a) * b).sum(0)
    np.testing.assert_allclose(got, sums, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gx, 2 * sums * b * np.exp(a), rtol=1e-3, atol=1e-4)
    want = 2 * sums * np.exp(a)
    np.testing.assert_allclose(gy, want if len(shape) == 2 else want.sum(0), rtol=1e-3, atol=1e-4)
    if len(shape) == 2:  # what comes before is taken in
        assert len(kernels_of(ca.function([x, y], dot(T.exp(x), y * 2)))) == 1


def test_results_given_are_refused_for_variables(ctx):
    x = T.fvector("x")
    for call in (lambda: BOTH(x, x, out=(x, x)), lambda: BOTH(x, x, x, x)):
        with pytest.raises(TypeError, match="no meaning for variables; call it with the operands alone"):
            call()


# RawKernel

BARE = ca.ElementwiseKernel("float32 x, float32 *y", "y = x + 1")
ROWS = ca.RawKernel(
    """
    kernel void rows(global const float *x, global float *sums, int n, int m) {
        const int i = get_global_id(0);
        float sum = 0;
        for (int j = 0; j < m; j++) sum += x[i * m + j] * x[i * m + j];
        sums[i] = sum;
    }
    """,
    "rows",
    types=[None, None, "int32", "int32"],
)
rows = ROWS.op(
    outputs=lambda x: ((x.shape[0],), x.dtype),
    global_size=lambda x, out: x.shape[0],
    arguments=lambda x, out: (x, out, *x.shape),
    grad=lambda g, out, x: 2 * g[:, None] * x,
)


def test_raw_kernel_on_strided_arrays_with_offsets(ctx, rng):
    x = draw(rng, 6, 8)
    for part in (np.s_[:], np.s_[1::2, 3:], np.s_[::-1, ::3]):
        np.testing.assert_allclose(rows(ca.asarray(x)[part]).numpy(), (x[part] ** 2).sum(1), rtol=1e-5)
    np.testing.assert_allclose(rows(ca.asarray(x).T).numpy(), (x**2).sum(0), rtol=1e-5)
    assert rows(ca.asarray(x[:0])).shape == (0,)


def test_raw_kernel_in_a_function(ctx, rng):
    x = T.fmatrix("x")
    out = rows(x[::2].T * 2)
    f = ca.function([x], [out + 1, T.grad(out.sum(), x)])
    for n in (5, 5, 7):
        a = draw(rng, n, 3)
        got, g = f(a)
        np.testing.assert_allclose(got, (4 * a[::2] ** 2).sum(0) + 1, rtol=1e-5)
        want = np.zeros_like(a)
        want[::2] = 8 * a[::2]
        np.testing.assert_allclose(g, want, rtol=1e-5)
    np.testing.assert_allclose(ca.jit(lambda x: rows(x) * 2)(a).numpy(), 2 * (a**2).sum(1), rtol=1e-5)


def test_raw_kernel_that_writes_to_its_operand(ctx, rng):
    source = "kernel void count(global float *x, global int *n) { x[get_global_id(0)] += 1; atomic_add(n, 1); }"
    count = ca.RawKernel(source, "count").op(
        outputs=lambda x: ((1,), "int32"), global_size=lambda x, n: x.size, overwrites=[0], initial=0
    )
    a = draw(rng, 4, 5)
    x = ca.asarray(a)
    more, n = count(x)
    np.testing.assert_array_equal(x.numpy(), a)
    np.testing.assert_array_equal(more.numpy(), a + 1)
    assert n.numpy() == [20]
    v = T.fmatrix("v")
    more, n, same = ca.function([v], [*count(v), v * 1])(a)
    np.testing.assert_array_equal(more, a + 1)
    np.testing.assert_array_equal(same, a)
    assert n == [20]


def same(x):
    return x


def size_of(x, *others):
    return x.size


def test_kernels_pickle(ctx, rng):
    double = ca.RawKernel(
        "kernel void twice(global const float *x, global float *y) { y[get_global_id(0)] = 2 * x[get_global_id(0)]; }",
        "twice",
    ).op(outputs=same, global_size=size_of)
    total = ca.ReductionKernel("float32", "0", "a + b", "x", "float32 x")
    x, a = T.fvector("x"), draw(rng, 6)
    assert double(a).shape == (6,)
    f = pickle.loads(pickle.dumps(ca.function([x], [double(x), total(x), BARE(x)])))
    for got, want in zip(f(a), (2 * a, a.sum(), a + 1), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_errors_of_raw_operations(ctx):
    x = T.fmatrix("x")
    with pytest.raises(NullTypeGradError, match=r"rows\(\) has no gradient"):
        T.grad(ROWS.op(lambda x: x, 1)(x).sum(), x)
    with pytest.raises(ValueError, match="overwrites names operand 1, 1 came"):
        ROWS.op(None, 1, overwrites=[1])(x)
    with pytest.raises(TypeError, match=r"outputs of rows\(\): .*a pair"):
        ROWS.op(lambda x: 3, 1)(x)


class Divided(ca.Op):
    __props__ = ("by",)

    def __init__(self, by):
        self.by = by

    def infer(self, x):
        return x

    def lower(self, x):
        return x / self.by


def test_operations_whose_props_have_other_bits_are_not_merged(ctx):
    x = T.fvector("x")
    assert Divided(2) == Divided(2)
    assert len({Divided(1), Divided(1.0), Divided(True)}) == 3
    plus, minus, again = ca.function([x], [Divided(0.0)(x), Divided(-0.0)(x), Divided(0.0)(x)])([1, -1])
    np.testing.assert_array_equal(plus, [np.inf, -np.inf])
    np.testing.assert_array_equal(minus, [-np.inf, np.inf])
    np.testing.assert_array_equal(again, plus)
