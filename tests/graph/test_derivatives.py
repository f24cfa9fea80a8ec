"""Jacobians, Hessians and products with them, barriers, options, and what a bad call is told."""

from __future__ import annotations

import numpy as np
import pytest
from differentiable import ONE, TWO

import clarray as ca
import clarray.tensor as T
from clarray.core.aval import Aval
from clarray.core.op import Composite, Op
from clarray.gradient import DisconnectedInputError, DisconnectedType, NullTypeGradError, grad_undefined
from clarray.graph.gradients.batching import batched
from clarray.graph.gradients.layered import layered
from clarray.graph.walk import toposort

MODE = "FAST_COMPILE"  # kernels of one operation each: the tests share them


def names(*outputs):
    """The operations of a graph."""
    return [node.op.name for node in toposort(outputs)]


# Jacobians in one pass, against the L-operator


def check_jacobian(build, *values, rng):
    xs = [T.tensor("float64", tuple(n == 1 for n in v.shape), f"x{k}") for k, v in enumerate(values)]
    out = build(*xs)
    u = out.type("u")
    whole = ca.jacobian(out, xs)
    assert "layered" not in names(*whole)
    shape = ca.function(xs, out, mode=MODE)(*values).shape
    f = ca.function([u, *xs], [*whole, *ca.Lop(out, xs, u)], mode=MODE, on_unused_input="ignore")
    count = len(xs)
    for weight in rng.uniform(0.5, 1.5, (2, *shape)):
        got = f(weight, *values)
        for k, v in enumerate(values):
            assert got[k].shape == shape + v.shape
            np.testing.assert_allclose(
                np.tensordot(weight, got[k], len(shape)), got[count + k], rtol=1e-10, atol=1e-10, err_msg=f"x{k}"
            )


@pytest.mark.usefixtures("fp64")
@pytest.mark.parametrize("build", ONE.values(), ids=ONE)
def test_jacobian_of_one_operand(build, any_ctx, rng):
    check_jacobian(build, rng.permutation(np.linspace(0.6, 1.9, 12)).reshape(3, 4), rng=rng)


@pytest.mark.usefixtures("fp64")
@pytest.mark.parametrize(("build", "first", "second"), TWO.values(), ids=TWO)
def test_jacobian_of_two_operands(build, first, second, any_ctx, rng):
    check_jacobian(build, rng.uniform(0.5, 1.5, first), rng.uniform(0.5, 1.5, second), rng=rng)


def test_jacobian_of_any_rank(ctx, rng):
    x, y = T.fvector("x"), T.fmatrix("y")
    a, b = rng.normal(size=3).astype("f"), rng.normal(size=(2, 3)).astype("f")
    expressions = [(x * x).sum(), x * x, y * y * x, T.dot(y, x)]
    f = ca.function([x, y], [j for e in expressions for j in ca.jacobian(e, [x, y], disconnected_inputs="ignore")])
    got = f(a, b)
    eye = np.eye(3, dtype="f")
    pair = np.einsum("ik,jl->ijkl", np.eye(2), eye)
    want = [
        2 * a, np.zeros((2, 3)), 2 * np.diag(a), np.zeros((3, 2, 3)),
        (b * b)[:, :, None] * eye, 2 * pair * (b * a)[:, :, None, None],
        b, np.einsum("ik,l->ikl", np.eye(2), a),
    ]  # fmt: skip
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-5, atol=1e-6)
    assert [g.dtype for g in got] == [np.dtype("f")] * 8


def test_lengths_are_those_of_the_call(ctx, rng):
    """One graph for every length, none and one included; on the device alone, in few launches."""
    x = T.fvector("x")
    f = ca.function([x], ca.jacobian(T.tanh(x) * x.sum(), x).transfer(None))
    for n in (5, 1, 0, 130):
        a = rng.normal(size=n).astype("f")
        t = np.tanh(a, dtype="d")
        want = np.diag((1 - t * t) * a.sum(dtype="d")) + t[:, None]
        np.testing.assert_allclose(f(a).numpy(), want, rtol=1e-4, atol=1e-4)
    given = ca.asarray(a)
    f(given).sync()
    before = ca.stats()
    f(given).sync()
    spent = ca.stats() - before
    assert spent.launches <= 8  # however many rows there are: a reduction takes one or two
    assert (spent.bytes_to_host, spent.host_fallbacks) == (0, 0)


def test_hessian(ctx, rng):
    x, y = T.fvector("x"), T.fmatrix("y")
    cost = (x**3).sum() + T.dot(y, x).sum() + T.sqr(y).sum()
    hx, hy = ca.hessian(cost, [x, y])
    a, b = rng.normal(size=4).astype("f"), rng.normal(size=(2, 4)).astype("f")
    got = ca.function([x, y], [hx, hy])(a, b)
    np.testing.assert_allclose(got[0], np.diag(6 * a), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1], 2 * np.einsum("ik,jl->ijkl", np.eye(2), np.eye(4)), rtol=1e-6)
    linear = ca.function([x], ca.hessian((3 * x).sum(), x), on_unused_input="ignore")(a)
    assert (linear == np.zeros((4, 4))).all()


def test_hessian_times_a_vector(ctx, rng):
    x, y, u, v = T.fvectors("x", "y", "u", "v")
    cost = (T.exp(x) * y * y).sum()
    both = ca.hessian_vector(cost, [x, y], [u, v])
    one = ca.hessian_vector(cost, x, u)
    a, b, p, q = rng.uniform(0.5, 1, (4, 5)).astype("f")
    got = ca.function([x, y, u, v], [*both, one])(a, b, p, q)
    e = np.exp(a)
    np.testing.assert_allclose(got[0], e * b * b * p + 2 * e * b * q, rtol=1e-5)
    np.testing.assert_allclose(got[1], 2 * e * b * p + 2 * e * q, rtol=1e-5)
    np.testing.assert_allclose(got[2], e * b * b * p, rtol=1e-5)


class Shuffled(Composite):
    """x reversed and scaled, in a way that no graph sees through."""

    name = "shuffled"
    traceable = False

    def infer(self, avals, params, fp64=True):
        return (Aval(avals[0].shape, avals[0].dtype),)

    def lower(self, x):
        return x[::-1] * 3

    def grad(self, g, out, operands, params):
        return (self(g),)


def test_what_has_no_rule_is_applied_layer_by_layer(ctx, rng):
    x = T.fvector("x")
    j = ca.jacobian(Shuffled()(x * x), x)
    assert "layered" in names(j)
    f = ca.function([x], j.transfer(None))
    for n in (4, 1):
        a = rng.normal(size=n).astype("f")
        want = 3 * np.eye(n)[::-1] * 2 * a
        np.testing.assert_allclose(f(a).numpy(), want, rtol=1e-5)
    given = ca.asarray(a)
    f(given)
    before = ca.stats()
    f(given).sync()
    spent = ca.stats() - before
    assert (spent.bytes_to_host, spent.bytes_to_device, spent.host_fallbacks) == (0, 0, 0)
    with pytest.raises(ValueError, match=r"shuffled\(\) cannot be applied to a stack of no layers"):
        layered(ca.asarray(np.zeros((0, 3), "f")), of=Shuffled(), stacked=(True,), params=())


def test_batched_takes_what_depends_on_nothing(ctx):
    x, stack = T.fvector("x"), T.fmatrix("stack")
    y = T.fvector("y")
    a, b = batched([x * y, y + 1], {x: stack})
    got = ca.function([stack, y], [a, b])(np.ones((2, 3), "f"), [1, 2, 3])
    assert got[0].tolist() == [[1, 2, 3]] * 2
    assert got[1].tolist() == [[2, 3, 4]] * 2
    i, many = T.lscalar("i"), T.lvector("many")
    with pytest.raises(TypeError, match=r"takes one value for a parameter"):
        batched([y[i * 2]], {i: many})


# products with Jacobians


def test_operators_of_a_product(ctx, rng):
    W, V, x, u = T.fmatrix("W"), T.fmatrix("V"), T.fvector("x"), T.fvector("u")
    y = T.dot(x, W)
    a, w, v = rng.normal(size=3).astype("f"), rng.normal(size=(3, 2)).astype("f"), rng.normal(size=(3, 2)).astype("f")
    np.testing.assert_allclose(ca.function([W, V, x], ca.Rop(y, W, V))(w, v, a), a @ v, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ca.function([V, x], ca.Rop(y, W, V))(v, a), a @ v, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ca.function([u, x], ca.Lop(y, W, u))(v[0], a), np.outer(a, v[0]), rtol=1e-5)


def test_lists_come_back_as_they_came(any_ctx):
    x, y, u, v = T.fvectors("x", "y", "u", "v")
    out = [x * y, x + y]
    assert isinstance(ca.Rop(out, [x, y], [u, v]), list)
    assert isinstance(ca.Lop(tuple(out), (x, y), (u, v)), tuple)
    assert ca.Rop(x * y, [x], [u]).ndim == 1
    f = ca.function([x, y, u, v], [*ca.Rop(out, [x, y], [u, v]), *ca.Lop(out, [x, y], [u, v])])
    got = f([2], [3], [5], [7])
    assert [g.item() for g in got] == [2 * 7 + 3 * 5, 12, 3 * 5 + 7, 2 * 5 + 7]


def test_intermediate_variables_and_constants(any_ctx):
    x = T.fscalar("x")
    h = x * x
    assert ca.Rop(h * x, h, 1.0).eval({x: 3}) == 3
    assert ca.Rop(h * x, [h, x], [1.0, 1.0]).eval({x: 3}) == 3 + 9
    assert ca.Lop(h * x, x, 1.0, consider_constant=[h]).eval({x: 3}) == 9
    assert ca.jacobian(h * x, x, consider_constant=[h]).eval({x: 3}) == 9


def test_what_is_not_connected(any_ctx):
    x, y, u = T.fvectors("x", "y", "u")
    with pytest.raises(DisconnectedInputError, match=r"Rop\(\): .* does not depend on y"):
        ca.Rop(x * 2, y, u)
    with pytest.raises(DisconnectedInputError, match=r"Lop\(\): y of type .* does not take part"):
        ca.Lop(x * 2, y, u)
    with pytest.raises(DisconnectedInputError, match=r"jacobian\(\): y of type"):
        ca.jacobian(x * 2, y)
    with pytest.warns(UserWarning, match=r"Rop\(\)") as caught:
        ca.Rop(x * 2, y, u, disconnected_outputs="warn")
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r"grad\(\)") as caught:
        T.grad(x.sum(), y, disconnected_inputs="warn")
    assert caught[0].filename == __file__
    zero = ca.Rop(x * 2, y, u, disconnected_outputs="ignore")
    assert ca.function([x], zero)([1, 2]).tolist() == [0, 0]
    assert ca.Rop(x * 2, y, u, disconnected_outputs="ignore", return_disconnected="None") is None
    found = ca.Rop(x * 2, y, u, disconnected_outputs="ignore", return_disconnected="Disconnected")
    assert found.type == DisconnectedType()
    with pytest.raises(DisconnectedInputError):
        ca.Rop(T.disconnected_grad(x), x, u)


def test_bad_arguments(any_ctx):
    x, m, i, z = T.fvector("x"), T.fmatrix("m"), T.ivector("i"), T.zvector("z")
    with pytest.raises(ValueError, match=r"Rop\(\): the evaluation point of x has 2 axes, x has 1"):
        ca.Rop(x * 2, x, m)
    with pytest.raises(ValueError, match="2 evaluation points came for 1"):
        ca.Lop([x * 2], x, [x, x])
    with pytest.raises(ValueError, match=r"has 3 elements along axis 0, .* has 2"):
        ca.Lop(T.constant(np.ones(2, "f")) * x[:2].reshape((2,)), x, np.ones(3, "f"))
    with pytest.raises(TypeError, match=r"the evaluation point of x is complex128, x of type .* is real"):
        ca.Rop(x * 2, x, z)
    with pytest.raises(TypeError, match=r"jacobian\(\): i of type .* has no derivative"):
        ca.jacobian(x * 2, i)
    with pytest.raises(TypeError, match=r"jacobian\(\): the expression has to be real floating-point; .*i of type"):
        ca.jacobian(i, x)
    with pytest.raises(TypeError, match=r"Rop\(\): wrt is a variable or a list"):
        ca.Rop(x, 3, x)
    with pytest.raises(ValueError, match="give a cost, or start"):
        ca.subgraph_grad([x], [x])


# barriers, steps, and gradients that are not there


def test_barriers_for_gradients(ctx):
    x = T.fvector("x")
    a = np.array([-3, 0.5, 3], "f")
    clipped, scaled = T.grad_clip(x, -1, 1) ** 2, T.grad_scale(x, -0.5) ** 2
    f = ca.function([x], [clipped, *T.grad(clipped.sum() + 0 * scaled.sum(), [x]), *T.grad(scaled.sum(), [x])])
    value, first, second = f(a)
    np.testing.assert_array_equal(value, a * a)
    np.testing.assert_array_equal(first, [-1, 1, 1])
    np.testing.assert_array_equal(second, -a)
    forward = ca.function([x], ca.Rop(clipped, x, T.constant(np.ones(3, "f"))))(a)
    np.testing.assert_array_equal(forward, 2 * a)
    with pytest.raises(ValueError, match=r"grad_clip\(\): lower_bound 2 is not below upper_bound 1"):
        T.grad_clip(x, 2, 1)


def test_steps_have_a_gradient_of_zero(any_ctx):
    """As in Theano: connected, and zero."""
    x = T.fvector("x")
    for step in (T.floor, T.ceil, T.trunc, T.sgn, lambda v: (v > 0).astype("float32"), lambda v: T.argmax(v) * 1.5):
        assert T.grad(step(x).sum(), x).eval({x: [1.5, -2]}).tolist() == [0, 0]
        assert (ca.Rop(step(x), x, x).eval({x: [1.5, -2]}) == 0).all()


class Undefined(Op):
    """Two operands, no derivative for the second."""

    name = "undefined_for_second"

    def infer(self, avals, params, fp64=True):
        return (avals[0],)

    def grad(self, g, out, operands, params):
        return (g, grad_undefined(self, 1, operands[1], "nobody knows"))


def test_null_gradients(any_ctx):
    x, y = T.fvectors("x", "y")
    cost = T.exp(Undefined()(x, T.tanh(y))).sum()
    T.grad(cost, x)
    with pytest.raises(
        NullTypeGradError, match=r"undefined_for_second\(\) for operand 1.*is not defined: nobody knows"
    ):
        T.grad(cost, [x, y])
    gx, gy = T.grad(cost + y.sum(), [x, y], null_gradients="return")
    assert isinstance(gx, T.TensorVariable)
    assert "nobody knows" in gy.type.why_null
    with pytest.raises(NullTypeGradError, match="nobody knows"):
        ca.Rop(cost, y, y)


def test_gradients_of_pieces(any_ctx):
    """A cost by way of two layers, cut between them."""
    x, w1, w2 = T.fvector("x"), T.fvector("w1"), T.fvector("w2")
    h = T.tanh(x * w1)
    cost = (h * w2).sum()
    whole = T.grad(cost, [w1, w2])
    (g2,), (gh,) = ca.subgraph_grad([w2], [h], cost=cost)
    (g1,), (gx,) = ca.subgraph_grad([w1], [x], start={h: gh})
    *_, only = ca.subgraph_grad([w2], [h], cost=cost, details=True)
    f = ca.function([x, w1, w2], [*whole, g1, g2, gx, gh, only[0]])
    a, b, c, d, _, e, again = f([1, 2], [0.5, 0.25], [3, 4])
    np.testing.assert_allclose(c, a, rtol=1e-6)
    np.testing.assert_array_equal(d, b)
    np.testing.assert_array_equal(e, again)


# stability and size


def test_intermediate_variables_keep_stable_forms(ctx):
    """The gradient for a result of an operation, past which no rule looks, and for what it depends on."""
    x = T.fvector("x")
    z = x * 2
    p = 1 / (1 + T.exp(-z))
    cost = (-T.log(p)).sum()
    gz, gx = T.grad(cost, [z, x])
    a = np.array([-150, -1, 0, 150], "f")
    got = ca.function([x], [gz, gx])(a)
    want = -1 / (1 + np.exp(np.minimum(2.0 * a, 700)))
    np.testing.assert_allclose(got[0], want, rtol=1e-5)
    np.testing.assert_allclose(got[1], 2 * want, rtol=1e-5)
    again = T.grad(gz.sum(), z)  # z is itself still in the graph of its gradient
    s = 1 / (1 + np.exp(-2.0 * a))
    np.testing.assert_allclose(ca.function([x], again)(a), s * (1 - s), rtol=1e-4, atol=1e-7)
    forward = ca.function([x], ca.Rop(cost, x, T.ones_like(x)))(a)
    np.testing.assert_allclose(forward, 2 * want.sum(), rtol=1e-5)


def test_long_chains(any_ctx):
    """No recursion, and as many nodes of a gradient for a node wherever it is."""
    x = T.fscalar("x")
    counts = []
    for length in (1000, 10000):
        y = x
        for _ in range(length):
            y = T.sin(y)
        g = T.grad(y, x)
        r = ca.Rop(y, x, T.fscalar("v"))
        counts.append(len(toposort([g])) + len(toposort([r])))
    assert counts[1] < 10.5 * counts[0]


def test_shared_variables(any_ctx):
    s = ca.shared(np.array([1.0, 2], "f"), "s")
    assert T.grad((s**3).sum(), s).eval().tolist() == [3, 12]
    assert ca.jacobian(s * s, s).eval().tolist() == [[2, 0], [0, 4]]
    assert ca.hessian((s**3).sum(), s).eval().tolist() == [[6, 0], [0, 12]]
