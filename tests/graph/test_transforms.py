"""grad and value_and_grad of Python functions: values, structures, second order, and errors."""

import numpy as np
import pytest

import clarray as ca
from clarray.device.stats import stats


def draw(rng, *shape):
    return rng.normal(size=shape).astype("f")


def cost(params, x, y):
    """A regression with one hidden layer."""
    hidden = ca.tanh(ca.matmul(x, params["w"]) + params["b"][0])
    return ca.mean((ca.matmul(hidden, params["v"]) - y) ** 2)


def numeric(f, x, step=1e-6):
    """Central differences, in float64."""
    g = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[k] = step
        g[k] = (f(x + d) - f(x - d)) / (2 * step)
    return g


@pytest.fixture
def problem(rng):
    params = {"w": draw(rng, 3, 4), "b": [draw(rng, 4), None], "v": draw(rng, 4)}
    return params, draw(rng, 6, 3), draw(rng, 6)


def reference(params, x, y):
    w, b, v = (np.asarray(a, "d") for a in (params["w"], params["b"][0], params["v"]))
    return ((np.tanh(x.astype("d") @ w + b) @ v - y) ** 2).mean()


@pytest.mark.parametrize("jitted", [False, True])
def test_gradients_of_a_tree(ctx, problem, jitted):
    params, x, y = problem
    before = stats()
    value, g = ca.value_and_grad(ca.jit(cost) if jitted else cost)(params, x, y)
    assert (stats() - before).host_fallbacks == 0
    np.testing.assert_allclose(value.numpy(), reference(params, x, y), rtol=1e-4)
    assert set(g) == {"w", "b", "v"}
    assert g["b"][1] is None
    for name, got in (("w", g["w"]), ("v", g["v"])):
        want = numeric(lambda p, name=name: reference(params | {name: p}, x, y), params[name].astype("d"))
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-3, atol=1e-4)
    want = numeric(lambda b: reference(params | {"b": [b]}, x, y), params["b"][0].astype("d"))
    np.testing.assert_allclose(g["b"][0].numpy(), want, rtol=1e-3, atol=1e-4)


def test_a_step_of_descent_lowers_the_cost(ctx, problem):
    params, x, y = problem

    @ca.jit
    def step(params, rate):
        value, g = ca.value_and_grad(cost)(params, x, y)
        return value, {
            "w": params["w"] - rate * g["w"], "b": [params["b"][0] - rate * g["b"][0], None],
            "v": params["v"] - rate * g["v"],
        }  # fmt: skip

    values = []
    for _ in range(20):
        value, params = step(params, 0.1)
        values.append(float(value))
    assert values[-1] < 0.7 * values[0]
    assert len(step.signatures) == 1


def test_several_arguments(ctx, rng):
    x, y = draw(rng, 4), draw(rng, 4)
    f = lambda x, y, z: ca.sum(x * y**2) + z  # noqa: E731
    gx, gy = ca.grad(f, argnums=(0, 1))(x, y, 1.0)
    np.testing.assert_allclose(gx.numpy(), y**2, rtol=1e-6)
    np.testing.assert_allclose(gy.numpy(), 2 * x * y, rtol=1e-6)
    np.testing.assert_allclose(ca.grad(f, -2)(x, y, 1.0).numpy(), 2 * x * y, rtol=1e-6)


def test_something_more_is_returned(ctx, rng):
    x = draw(rng, 4)
    f = lambda x: (ca.sum(x**3), {"twice": 2 * x, "name": "f"})  # noqa: E731
    g, more = ca.grad(f, has_aux=True)(x)
    (value, same), again = ca.value_and_grad(f, has_aux=True)(x)
    np.testing.assert_allclose(g.numpy(), 3 * x**2, rtol=1e-5)
    np.testing.assert_array_equal(g.numpy(), again.numpy())
    np.testing.assert_allclose(value.numpy(), (x**3).sum(), rtol=1e-4, atol=1e-5)
    for found in (more, same):
        assert found["name"] == "f"
        np.testing.assert_array_equal(found["twice"].numpy(), 2 * x)


def test_second_order(ctx, rng):
    f = ca.grad(ca.grad(lambda x: x**4 * ca.exp(-x)))
    x = 1.3
    want = (12 * x**2 - 8 * x**3 + x**4) * np.exp(-x)
    np.testing.assert_allclose(f(x).numpy(), want, rtol=1e-5)
    v = draw(rng, 5)
    along = ca.grad(lambda x: ca.sum(ca.grad(lambda y: ca.sum(ca.tanh(y) * y))(x) * v))
    a = draw(rng, 5)
    t = np.tanh(a.astype("d"))
    np.testing.assert_allclose(along(a).numpy(), v * (2 * (1 - t**2) - 2 * a * t * (1 - t**2)), rtol=1e-3, atol=1e-4)


def test_at_what_was_computed(ctx, rng):
    """The argument of a gradient is itself computed, or is given twice, or is a constant."""
    f = lambda x: ca.sum(ca.log(1 + ca.exp(x)))  # noqa: E731
    expit = lambda x: 1 / (1 + np.exp(-x.astype("d")))  # noqa: E731
    x = draw(rng, 6)
    np.testing.assert_allclose(ca.jit(lambda x: ca.grad(f)(x * 100))(x).numpy(), expit(x * 100), rtol=1e-4, atol=1e-6)
    g = ca.jit(lambda x: ca.grad(lambda a, b: ca.sum(a * b**2), argnums=(0, 1))(x, x))(x)
    np.testing.assert_allclose(g[0].numpy(), x**2, rtol=1e-5)
    np.testing.assert_allclose(g[1].numpy(), 2 * x**2, rtol=1e-5)
    np.testing.assert_allclose(ca.jit(lambda: ca.grad(f)(ca.asarray(x)))().numpy(), expit(x), rtol=1e-5)
    outer = ca.grad(lambda x: ca.sum(ca.grad(f)(x**2)))(x)  # through the inner gradient
    s = expit(x**2)
    np.testing.assert_allclose(outer.numpy(), s * (1 - s) * 2 * x, rtol=1e-3, atol=1e-5)


def test_an_argument_without_influence_has_a_gradient_of_zeros(ctx, rng):
    x = draw(rng, 2, 3)
    np.testing.assert_array_equal(ca.grad(lambda x, y: ca.sum(y))(x, x).numpy(), np.zeros_like(x))
    np.testing.assert_array_equal(ca.grad(lambda x: 3.0)(x).numpy(), np.zeros_like(x))


def test_static_arguments_stay_static(ctx, rng):
    f = ca.jit(lambda x, n: ca.sum(x**n), static_argnames="n")
    x = draw(rng, 3)
    np.testing.assert_allclose(ca.grad(f)(x, 3).numpy(), 3 * x**2, rtol=1e-5)
    np.testing.assert_allclose(ca.grad(f)(x, n=2).numpy(), 2 * x, rtol=1e-5)


class Power:
    @ca.jit(static_argnums=2, mode="FAST_COMPILE")
    def sum(self, x, n):
        for _ in range(n):
            x = x * 2
        return ca.sum(x)


def test_options_of_a_jitted_method_are_kept(ctx, rng):
    g = ca.grad(Power().sum, argnums=np.int64(0))
    np.testing.assert_array_equal(g(draw(rng, 3), 3).numpy(), [8, 8, 8])
    assert g.options == ([1], ["n"], "FAST_COMPILE", 64)


def test_one_compilation(ctx, rng):
    traces = []

    def f(x):
        traces.append(1)
        return ca.sum(x * x)

    g = ca.grad(f)
    for n in (2, 5, 9):
        x = draw(rng, n)
        np.testing.assert_allclose(g(x).numpy(), 2 * x, rtol=1e-6)
    assert len(traces) == 1
    assert g.__name__ == "grad(f)"


def test_of_variables_it_is_the_ancestors(ctx, rng):
    import clarray.tensor as T

    x = T.fvector("x")
    a = draw(rng, 3)
    np.testing.assert_allclose(ca.grad((x**2).sum(), x).eval({x: a}), 2 * a, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (lambda x: x, (np.ones(3, "f"),), "returns TensorType.*only a floating scalar"),
        (lambda x: ca.sum(x), (np.arange(3),), "argument 0 is int64.*cast it first"),
        (lambda p: p["a"], ({"a": 1},), r"argument 0\['a'\] is int"),
        (lambda x: "no", (1.0,), "returns str, no number"),
        (lambda: 1.0, (), "argument 0 is differentiated, 0 came"),
    ],
)
def test_errors(ctx, function, args, message):
    with pytest.raises(TypeError, match=message):
        ca.grad(function)(*args)


def test_errors_of_arguments(ctx):
    with pytest.raises(TypeError, match="argnums is an int"):
        ca.grad(cost, argnums=(0, 0))
    with pytest.raises(TypeError, match="takes a function, float came"):
        ca.value_and_grad(2.0)
    with pytest.raises(TypeError, match=r"returns a pair \(cost, more\)"):
        ca.grad(lambda x: x, has_aux=True)(1.0)
