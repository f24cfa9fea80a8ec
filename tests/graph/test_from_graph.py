"""OpFromGraph: values, gradients and their overrides, nesting, shared variables, and errors."""

import time

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.ends import MissingInputError


def draw(rng, *shape):
    return rng.normal(size=shape).astype("f")


@pytest.fixture
def op():
    i, j = T.fmatrices("i", "j")
    return ca.OpFromGraph([i, j], [T.exp(i) + j, (i * j).sum(axis=0)], name="both")


def test_on_variables_it_is_fused_with_what_is_around(ctx, rng, op):
    x, y = T.fmatrices("x", "y")
    u, v = op(x * 2, y)
    f = ca.function([x, y], [u * 3, v])
    a, b = draw(rng, 4, 3), draw(rng, 4, 3)
    got = f(a, b)
    np.testing.assert_allclose(got[0], 3 * (np.exp(2 * a) + b), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got[1], (2 * a * b).sum(0), rtol=1e-4, atol=1e-5)
    assert u.owner.op is op
    alone = ca.function([x, y], op(x * 2, y)[0] * 3)
    assert len([n for n in alone.maker.fgraph.toposort() if isinstance(n.op, T.Elemwise)]) == 1


def test_on_arrays(ctx, rng, op):
    a, b = draw(rng, 4, 3), draw(rng, 4, 3)
    u, v = op(ca.asarray(a), ca.asarray(b))
    assert isinstance(u, ca.GpuArray)
    np.testing.assert_allclose(u.numpy(), np.exp(a) + b, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(v.numpy(), (a * b).sum(0), rtol=1e-4, atol=1e-5)


def test_gradient_is_that_of_its_graph(ctx, rng, op):
    x, y = T.fmatrices("x", "y")
    u, v = op(x, T.tanh(y))
    a, b = draw(rng, 4, 3), draw(rng, 4, 3)
    gx, gy = ca.function([x, y], T.grad(u.sum() + (v**2).sum(), [x, y]))(a, b)
    t = np.tanh(b.astype("d"))
    s = 2 * (a * t).sum(0)
    np.testing.assert_allclose(gx, np.exp(a) + s * t, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(gy, (1 + s * a) * (1 - t**2), rtol=1e-3, atol=1e-4)
    only = ca.function([x, y], T.grad(v.sum(), x))(a, b)  # the other result does not matter
    np.testing.assert_allclose(only, t, rtol=1e-4, atol=1e-5)


def test_second_order(ctx, rng):
    i = T.fvector("i")
    cube = ca.OpFromGraph([i], i**3)
    x, a = T.fvector("x"), draw(rng, 5)
    g = T.grad(cube(x).sum(), x)
    np.testing.assert_allclose(T.grad(g.sum(), x).eval({x: a}), 6 * a, rtol=1e-4, atol=1e-5)


def test_shared_variables_inside(ctx, rng):
    w, i = ca.shared(draw(rng, 3), "w"), T.fvector("i")
    scaled = ca.OpFromGraph([i], i * w)
    x, a = T.fvector("x"), draw(rng, 3)
    f = ca.function([x], [scaled(x), T.grad((scaled(x) ** 2).sum(), w)])
    for _ in range(2):
        v = w.get_value()
        got, g = f(a)
        np.testing.assert_allclose(got, a * v, rtol=1e-5)
        np.testing.assert_allclose(g, 2 * a * a * v, rtol=1e-4)
        np.testing.assert_allclose(scaled(a).numpy(), a * v, rtol=1e-5)
        w.set_value(draw(rng, 3))


def test_nested(ctx, rng):
    i = T.fvector("i")
    inner = ca.OpFromGraph([i], T.sqr(i) + 1)
    j = T.fvector("j")
    outer = ca.OpFromGraph([j], inner(j) * inner(j + 1))
    x, a = T.fvector("x"), draw(rng, 4)
    f = ca.function([x], [outer(x), T.grad(outer(x).sum(), x)])
    got, g = f(a)
    np.testing.assert_allclose(got, (a**2 + 1) * ((a + 1) ** 2 + 1), rtol=1e-4)
    np.testing.assert_allclose(g, 2 * a * ((a + 1) ** 2 + 1) + 2 * (a + 1) * (a**2 + 1), rtol=1e-3, atol=1e-4)


def test_used_often(ctx, rng):
    """Compiling takes time in proportion to the uses: no use copies what it is applied to."""
    i = T.fvector("i")
    op = ca.OpFromGraph([i], i * 0.5 + 1)

    def compiled(n):
        x = out = T.fvector("x")
        for _ in range(n):
            out = op(out)
        start = time.perf_counter()
        f = ca.function([x], [out, T.grad(out.sum(), x)])
        return f, time.perf_counter() - start

    _, few = compiled(50)
    f, many = compiled(400)
    assert many < 40 * few
    got, g = f(np.ones(2, "f"))
    np.testing.assert_allclose(got, 2, rtol=1e-5)
    np.testing.assert_allclose(g, 0.5**400, atol=1e-30)


def test_the_graph_given_stays_as_it_is(ctx, rng):
    i, j = T.fvectors("i", "j")
    out = i * 2
    op = ca.OpFromGraph([i], out)
    x, a = T.fvector("x"), draw(rng, 3)
    both = ca.function([i, x], [out, op(x), op(i)])(a, 3 * a)
    for got, k in zip(both, (2, 6, 2), strict=True):
        np.testing.assert_allclose(got, k * a, rtol=1e-6)
    with_j = ca.OpFromGraph([i, j], i + j)
    np.testing.assert_array_equal(ca.function([i, j], with_j(j, i * 2))(a, a), a + 2 * a)


def test_one_output_in_a_list_is_applied_as_in_theano(ctx):
    x, y, z = T.scalars("x", "y", "z")
    op = ca.OpFromGraph([x, y, z], [x + y * z])
    assert ca.function([x, y, z], op(x, y, z) + op(z, y, x))(2, 3, 4) == 24


def test_operands_are_fitted(ctx, rng):
    i = T.fmatrix("i")
    op = ca.OpFromGraph([i], [T.exp(i)])
    r = T.row("r", dtype="float32")
    a = draw(rng, 1, 3)
    np.testing.assert_allclose(ca.function([r], op(r))(a), np.exp(a), rtol=1e-5)
    n = T.TensorType("int16", (False, False))("n")
    np.testing.assert_allclose(ca.function([n], op(n))(np.ones((2, 2), "i2")), np.e, rtol=1e-5)
    with pytest.raises(TypeError, match="came for input i, which is float32: that would lose precision"):
        op(T.dmatrix("d"))
    with pytest.raises(TypeError, match=r"vector.*came for the input i"):
        op(T.fvector("v"))
    with pytest.raises(TypeError, match=r"takes 1 operands \(i\), 2 came"):
        op(r, r)


# overrides


def test_a_gradient_of_its_own(ctx, rng):
    i, j = T.fvectors("i", "j")
    x, y, a, b = T.fvector("x"), T.fvector("y"), draw(rng, 3), draw(rng, 3)

    def whole(inputs, outputs, gradients):
        (i, _), (out,), (g,) = inputs, outputs, gradients
        return [g * out * 10, g * i * 100]

    for options, want in (
        ({"lop_overrides": whole}, (10 * a * b, 100 * a)),
        ({"grad_overrides": lambda ins, gs: [gs[0] * 7, gs[0] * ins[1]]}, (np.full(3, 7), b)),
        ({"lop_overrides": [lambda ins, outs, gs: gs[0] * outs[0], "default"]}, (a * b, a)),
        ({"grad_overrides": ["default", None]}, (b, np.zeros(3))),
        ({"lop_overrides": ["default", "default"]}, (b, a)),
    ):
        op = ca.OpFromGraph([i, j], i * j, **options)
        g = T.grad(op(x, y).sum(), [x, y], disconnected_inputs="ignore")
        for got, expected in zip(ca.function([x, y], g, on_unused_input="ignore")(a, b), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_forward_derivatives(ctx, rng):
    i, j = T.fvectors("i", "j")
    x, y, v = (T.fvector(name) for name in "xyv")
    a, b, c = (draw(rng, 3) for _ in range(3))
    for options, want in (
        ({}, b * c),
        ({"lop_overrides": lambda ins, outs, gs: [gs[0] * ins[1] * 5, gs[0] * ins[0]]}, 5 * b * c),
        ({"rop_overrides": lambda ins, points: points[0] * 2 + points[1]}, 2 * c),
        ({"rop_overrides": [lambda ins, points: points[0] * ins[1] * 3]}, 3 * b * c),
    ):
        op = ca.OpFromGraph([i, j], i * j, **options)
        f = ca.function([x, y, v], ca.Rop(op(x, y), x, v), on_unused_input="ignore")
        np.testing.assert_allclose(f(a, b, c), want, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="one function for each of 1 outputs"):
        ca.OpFromGraph([i], i, rop_overrides=[None, None])


# errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"updates": [(1, 2)]}, "takes no updates"),
        ({"givens": {1: 2}}, "takes no givens"),
        ({"colour": 1}, "has no option colour"),
    ],
)
def test_options_that_it_does_not_take(options, message):
    i = T.fvector("i")
    with pytest.raises(TypeError, match=message):
        ca.OpFromGraph([i], i + 1, **options)


def test_bad_graphs(ctx):
    i, j = T.fvectors("i", "j")
    with pytest.raises(MissingInputError, match="outputs depend on j"):
        ca.OpFromGraph([i], i + j)
    with pytest.raises(ValueError, match="i is an input twice"):
        ca.OpFromGraph([i, i], i + 1)
    with pytest.raises(TypeError, match="inputs and outputs are variables, int came"):
        ca.OpFromGraph([i], 3)
    with pytest.raises(TypeError, match="has a value and is no input"):
        ca.OpFromGraph([ca.shared(np.float32(1), "w")], i)
    with pytest.raises(ValueError, match="1 overrides came for 2 inputs"):
        ca.OpFromGraph([i, j], i + j, grad_overrides=[None])
    with pytest.raises(ValueError, match="not both"):
        ca.OpFromGraph([i, j], i + j, grad_overrides=[None, None], lop_overrides=[None, None])
    w = ca.shared(np.float32(1), "w")
    w.default_update = w + 1
    with pytest.raises(TypeError, match="w has a default update"):
        ca.OpFromGraph([i], i * w)
