"""grad: against finite differences, through broadcasting, reductions, views and products; what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core.op import Op
from clarray.gradient import DisconnectedInputError, NullType, NullTypeGradError

STEP = 1e-4


def check(cost_of, *values, rtol=1e-6, mode=None, **constructors):
    """The gradients of `cost_of(*variables)` against fourth-order differences, in float64."""
    values = [np.asarray(v, np.float64) for v in values]
    variables = [T.tensor("float64", tuple(n == 1 for n in v.shape), f"x{k}") for k, v in enumerate(values)]
    cost = cost_of(*variables)
    f = ca.function(variables, cost, mode=mode)
    gradients = T.grad(cost, variables)
    for x, g in zip(variables, gradients, strict=True):
        assert g.type == x.type
    got = ca.function(variables, gradients, mode=mode)(*values)
    for k, v in enumerate(values):
        want = np.zeros(v.shape)
        for at in np.ndindex(v.shape):

            def moved(steps, k=k, at=at):
                changed = [w.copy() for w in values]
                changed[k][at] += steps * STEP
                return float(f(*changed))

            want[at] = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * STEP)
        np.testing.assert_allclose(got[k], want, rtol=rtol, atol=1e-7, err_msg=f"x{k}")


@pytest.fixture
def draw(rng):
    return lambda *shape: rng.uniform(0.5, 2, shape)


@pytest.mark.usefixtures("fp64")
class TestAgainstDifferences:
    @pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
    def test_a_mixture(self, any_ctx, draw, mode):
        check(lambda x, y: (T.exp(x) * T.sin(y) / (x + y) ** 2).sum(), draw(3, 4), draw(3, 4), mode=mode)

    def test_broadcasting(self, any_ctx, draw):
        check(
            lambda x, r, c, v, s: (x * r + T.sqr(c - x) * v / s).sum(),
            draw(3, 4),
            draw(1, 4),
            draw(3, 1),
            draw(4),
            draw(),
        )

    def test_stretched_before_reducing(self, any_ctx, draw):
        check(lambda c, x: (c + 0 * x).sum(), draw(3, 1), draw(3, 4))
        check(lambda s, x: T.second(x, s).sum() * x.sum(), draw(), draw(3, 2))

    @pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), -1])
    @pytest.mark.parametrize("keepdims", [False, True])
    def test_reductions(self, any_ctx, draw, axis, keepdims):
        weights = np.arange(1.0, 25).reshape(2, 3, 4)

        def cost(x):
            parts = [x.sum(axis=axis, keepdims=keepdims), T.sqr(x.mean(axis=axis, keepdims=keepdims)),
                     T.max(x * weights, axis=axis, keepdims=keepdims), x.var(axis=axis, keepdims=keepdims),
                     T.logsumexp(x, axis=axis, keepdims=keepdims)]  # fmt: skip
            return sum((T.sin(p) * p).sum() for p in parts)

        check(cost, draw(2, 3, 4), rtol=1e-5)

    def test_prod_and_min(self, any_ctx, draw):
        check(lambda x: T.prod(x, axis=0).sum() + T.min(x) * T.std(x), draw(3, 2))

    def test_views(self, any_ctx, draw):
        def cost(x):
            return (
                T.sqr(x[1:, ::-1]).sum()
                + (x.T.reshape((6, -1))[2] ** 3).sum()
                + T.exp(x.dimshuffle(1, "x", 0)[:, 0, 1]).sum()
                + (x.flatten()[::3] * 2).sum() * x[0, 1]
            )

        check(cost, draw(3, 4), rtol=1e-5)

    def test_symbolic_index(self, any_ctx, draw):
        x, i = T.dmatrix("x"), T.lscalar("i")
        f = ca.function([x, i], T.grad((x[i : i + 2] ** 2).sum(), x))
        data = draw(4, 3)
        want = np.zeros_like(data)
        want[1:3] = 2 * data[1:3]
        np.testing.assert_allclose(f(data, 1), want)

    def test_concatenation(self, any_ctx, draw):
        check(lambda x, y: T.sqr(T.concatenate([x, y * 2], axis=1)).sum(), draw(2, 3), draw(2, 2))
        check(lambda x, y: (T.stack([x, y]) ** 3).sum(), draw(3), draw(3))

    @pytest.mark.parametrize(
        "shapes", [((3, 4), (4, 2)), ((3, 4), (4,)), ((4,), (4, 2)), ((4,), (4,)), ((2, 3, 4), (4, 2))]
    )
    def test_dot(self, any_ctx, draw, shapes):
        check(lambda a, b: T.sin(T.dot(a, b)).sum(), *(draw(*s) for s in shapes))

    def test_tensordot(self, any_ctx, draw):
        check(lambda a, b: T.sqr(T.tensordot(a, b, [[1, 0], [0, 2]])).sum(), draw(2, 3, 2), draw(3, 2, 2))

    def test_stable_forms(self, any_ctx, draw):
        def cost(x):
            p = 1 / (1 + T.exp(-x))
            return (T.log(p) + T.log(1 - p) + T.log(1 + T.exp(x)) + T.log(T.exp(x).sum())).sum()

        check(cost, draw(5) - 1)

    def test_network_functions(self, any_ctx, draw):
        nn = T.nnet
        for f in (nn.sigmoid, nn.softplus, nn.softsign, nn.relu, nn.elu, nn.softmax, nn.logsoftmax):
            check(lambda x, f=f: (f(x) * np.arange(4.0)).sum(), draw(3, 4) - 1.2, rtol=1e-5)
        check(lambda x: nn.binary_crossentropy(nn.sigmoid(x), np.array([0.0, 1, 1])).mean(), draw(3) - 1)
        check(lambda x: nn.sigmoid_binary_crossentropy(x, np.array([0.0, 1, 1])).mean(), draw(3) - 1)

    def test_second_order(self, any_ctx, draw):
        x = T.dvector("x")
        y = (T.exp(x) * x).sum()
        g = T.grad(y, x)
        h = T.grad(g.sum(), x)
        data = draw(5)
        np.testing.assert_allclose(ca.function([x], h)(data), np.exp(data) * (data + 2))

    def test_switch_and_extremes(self, any_ctx, draw):
        check(lambda x, y: (T.switch(x > y, x * y, y) + T.maximum(x, y) * T.clip(x, 0.7, 1.5)).sum(), draw(7), draw(7))


# in float32, on every device


def test_stable_where_the_written_form_overflows(ctx):
    x = T.vector("x")
    p = 1 / (1 + T.exp(-x))
    cost = (-T.log(p) - T.log(1 - p)).sum()
    data = np.array([-200, -20, 0, 20, 200], np.float32)
    value, gradient = ca.function([x], [cost, T.grad(cost, x)])(data)
    np.testing.assert_allclose(value, np.logaddexp(0, data).sum() + np.logaddexp(0, -data).sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.tanh(data / 2), rtol=1e-5, atol=1e-7)


def test_intermediate_variables(any_ctx):
    x = T.vector("x")
    h = T.exp(x)
    cost = (h * x).sum()
    gh, gx = T.grad(cost, [h, x])
    f = ca.function([x], [gh, gx])
    data = np.array([0.5, 1], np.float32)
    a, b = f(data)
    np.testing.assert_allclose(a, data)
    np.testing.assert_allclose(b, np.exp(data) * (1 + data), rtol=1e-6)


def test_integers_have_no_gradient(any_ctx):
    i, x = T.ivector("i"), T.vector("x")
    with pytest.raises(TypeError, match=r"i of type .*int32.* has no derivative"):
        T.grad((x * i).sum(), i)
    g = T.grad((x * i).sum(), x)
    assert g.dtype == "float32"
    np.testing.assert_array_equal(ca.function([i, x], g)(np.array([1, 2], "int32"), [1, 1]), [1, 2])


def test_cost_has_to_be_a_floating_scalar(any_ctx):
    x = T.vector("x")
    h = T.exp(x)
    h.name = "h"
    with pytest.raises(TypeError, match=r"cost has to be a scalar; h of type"):
        T.grad(h, x)
    with pytest.raises(TypeError, match="real floating-point"):
        T.grad(T.ivector().sum(), x)
    with pytest.raises(TypeError, match="wrt is a variable"):
        T.grad(x.sum(), 3)
    with pytest.raises(TypeError, match="the cost is a variable"):
        T.grad(3.0, x)
    with pytest.raises(ValueError, match="give a cost"):
        T.grad(None, x)


def test_disconnected_inputs(any_ctx):
    x, y = T.vectors("x", "y")
    cost = x.sum()
    with pytest.raises(DisconnectedInputError, match=r"y of type .* does not take part"):
        T.grad(cost, [x, y])
    with pytest.warns(UserWarning, match="does not take part"):
        T.grad(cost, y, disconnected_inputs="warn")
    zero = T.grad(cost, y, disconnected_inputs="ignore")
    assert ca.function([y], zero)([1, 2]).tolist() == [0, 0]
    assert T.grad(cost, y, disconnected_inputs="ignore", return_disconnected="None") is None
    assert "Disconnected" in repr(T.grad(cost, y, disconnected_inputs="ignore", return_disconnected="Disconnected"))
    with pytest.raises(ValueError, match="disconnected_inputs is one of"):
        T.grad(cost, x, disconnected_inputs="maybe")
    with pytest.raises(ValueError, match="return_disconnected is"):
        T.grad(cost, x, return_disconnected="maybe")
    with pytest.raises(DisconnectedInputError):
        T.grad((x.shape[0] * 1.5).sum(), x)


def test_consider_constant_and_barriers(any_ctx):
    x = T.scalar("x")
    square = x * x
    at = {x: 3}
    assert T.grad(square * x, x).eval(at) == 27
    assert T.grad(square * x, x, consider_constant=[square]).eval(at) == 9
    assert T.grad(T.disconnected_grad(square) * x, x).eval(at) == 9
    assert T.grad(T.zero_grad(square) * x, x).eval(at) == 9
    assert T.grad(T.consider_constant(square) * x, x).eval(at) == 9
    assert (T.disconnected_grad(square) * x).eval(at) == 27
    with pytest.raises(DisconnectedInputError):
        T.grad(T.disconnected_grad(square), x)
    assert T.grad(T.zero_grad(square), x).eval(at) == 0


def test_known_grads(any_ctx):
    x = T.vector("x")
    y = T.exp(x)
    g = T.grad(None, x, known_grads={y: T.constant(np.float32([1, 2]))})
    data = np.array([0.5, 1], np.float32)
    np.testing.assert_allclose(ca.function([x], g)(data), np.exp(data) * [1, 2], rtol=1e-6)
    both = T.grad(y.sum(), x, known_grads={y: T.constant(np.float32([1, 2]))})
    np.testing.assert_allclose(ca.function([x], both)(data), np.exp(data) * [2, 3], rtol=1e-6)
    with pytest.raises(ValueError, match=r"known gradient of .* has 0 axes"):
        T.grad(None, x, known_grads={y: 1.0})


class Opaque(Op):
    """An operation whose derivative nobody has written."""

    name = "opaque"

    def infer(self, avals, params, fp64=True):
        return (avals[0],)


def test_operations_without_a_gradient(any_ctx):
    x = T.vector("x")
    cost = Opaque()(x).sum()
    cost.name = "c"
    with pytest.raises(NullTypeGradError, match=r"cost c for x of type .*opaque\(\) has no gradient.*test_grad.py"):
        T.grad(cost, x)
    found = T.grad(cost, x, null_gradients="return")
    assert isinstance(found.type, NullType)
    assert "opaque() has no gradient" in found.type.why_null
    with pytest.raises(ValueError, match="null_gradients is 'raise' or 'return'"):
        T.grad(cost, x, null_gradients="maybe")


def test_results_come_as_they_were_asked_for(any_ctx):
    x, y = T.scalars("x", "y")
    cost = x * y
    assert isinstance(T.grad(cost, [x, y]), list)
    assert isinstance(T.grad(cost, (x, y)), tuple)
    assert T.grad(cost, x).dtype == "float32"
    s = ca.shared(np.float32(2), "s")
    cost.name = "cost"
    g = T.grad(s * x, s)
    assert g.eval({x: 5}) == 5
