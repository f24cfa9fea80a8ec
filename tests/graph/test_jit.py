"""jit: values, signatures, structures of arguments and results, extents while tracing, and errors."""

import pickle
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import clarray as ca
from clarray.device.stats import stats

Point = namedtuple("Point", "x y")


@pytest.fixture(autouse=True)
def _no_host_work(ctx):
    """Nothing in here may run on the host."""
    before = stats()
    yield
    assert (stats() - before).host_fallbacks == 0


def draw(rng, *shape):
    return rng.normal(size=shape).astype("f")


def counted(function, **options):
    """The jitted function, and a list that grows by one at each trace."""
    traces = []

    def traced(*args, **named):
        traces.append(1)
        return function(*args, **named)

    return ca.jit(traced, **options), traces


# values


def test_an_expression_is_one_kernel(ctx, rng):
    @ca.jit
    def f(x, y):
        """What it computes."""
        return ca.tanh(x * y + 1) * ca.exp(-x)

    x, y = draw(rng, 5, 7), draw(rng, 5, 7)
    a, b = ca.asarray(x), ca.asarray(y)
    f(a, b)
    before = stats()
    got = f(a, b)
    assert (stats() - before).launches == 1
    assert isinstance(got, ca.GpuArray)
    assert (f.__name__, f.__doc__) == ("f", "What it computes.")
    np.testing.assert_allclose(got.numpy(), np.tanh(x * y + 1) * np.exp(-x), rtol=1e-5, atol=1e-6)


def test_host_arrays_and_views_use_the_same_compilation(ctx, rng):
    f, traces = counted(lambda x: x + x)
    x = draw(rng, 6, 4)
    for given in (x, ca.asarray(x), ca.asarray(x)[::2, ::-1], ca.asarray(x).T):
        np.testing.assert_array_equal(f(given).numpy(), 2 * np.asarray(given.numpy() if given is not x else x))
    assert len(traces) == 1


def test_what_makes_a_new_signature(ctx, rng):
    f, traces = counted(lambda x: x * 2)
    x = draw(rng, 3, 4)
    for given, count in (
        (x, 1), (x[:2], 1), (x[:1], 2), (x[:, :1], 3), (x[0], 4), (x.astype("i4"), 5),
        (np.float32(3), 6), (3.0, 7), (-1.5, 7), (3, 8), (True, 9), (draw(rng, 0, 4), 10), (x[2:], 10),
    ):  # fmt: skip
        np.testing.assert_array_equal(f(given).numpy(), np.asarray(given) * 2)
        assert len(traces) == count, given
    assert len(f.signatures) == 10
    assert "float32[1, :]" in f.signatures[-1]  # that of the last call


def test_parts_of_no_elements(ctx, rng):
    f, traces = counted(lambda x: x[:1] + x[-1:])
    for shape in ((0, 3), (4, 3), (0, 5), (6, 2)):
        x = draw(rng, *shape)
        np.testing.assert_allclose(f(x).numpy(), x[:1] + x[-1:], rtol=1e-6)
    assert len(traces) == 2
    assert "float32[0, :]" in f.signatures[0]


def test_python_scalars_are_weak_and_their_values_no_signature(ctx, rng):
    f, traces = counted(lambda x, s: x * s)
    x = draw(rng, 4)
    for s in (0.5, -2.25, 0.5, 0.0, -0.0, float("nan")):
        got = f(ca.asarray(x), s)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got.numpy(), x * s)
        np.testing.assert_array_equal(np.signbit(got.numpy()), np.signbit(x * np.float32(s)))
    assert f(ca.asarray(x), 3).dtype == np.float32
    assert len(traces) == 2


def test_default_dtypes_are_those_of_arrays(ctx, rng):
    f = ca.jit(lambda x: (ca.sqrt(x), x / 2, ca.mean(x), ca.zeros(2), x + 1.5))
    wide, n = np.float64 if ctx.traits.fp64 else np.float32, np.arange(5)
    for got, want in zip(f(n), (np.sqrt(n), n / 2, 2.0, np.zeros(2), n + 1.5), strict=True):
        assert got.dtype == wide
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)


def test_shared_variables_are_read_and_other_arrays_are_constants(ctx, rng):
    w, c = ca.shared(np.float32(2)), ca.asarray(draw(rng, 3))
    f, traces = counted(lambda x: x * w + c)
    x = draw(rng, 3)
    np.testing.assert_allclose(f(x).numpy(), x * 2 + c.numpy(), rtol=1e-6, atol=1e-6)
    w.set_value(np.float32(-1))
    np.testing.assert_allclose(f(x).numpy(), -x + c.numpy(), rtol=1e-6, atol=1e-6)
    assert len(traces) == 1


# structures


def test_structures_of_arguments_and_results(ctx, rng):
    x, y, z = (ca.asarray(draw(rng, 3)) for _ in range(3))

    def f(tree, *, more):
        p, rest = tree["p"], tree["rest"]
        return {"sum": p.x + p.y, "list": [rest[0] * 2, None, (more, "text", 7)], "o": OrderedDict(k=p.x)}

    given = {"rest": [z, None], "p": Point(x, y)}
    want, got = f(given, more=z), ca.jit(f)(given, more=z)
    assert list(got) == ["list", "o", "sum"]
    np.testing.assert_array_equal(got["sum"].numpy(), want["sum"].numpy())
    np.testing.assert_array_equal(got["list"][0].numpy(), want["list"][0].numpy())
    np.testing.assert_array_equal(got["list"][2][0].numpy(), z.numpy())
    assert got["list"][1] is None
    assert got["list"][2][1:] == ("text", 7)
    assert type(got["o"]) is OrderedDict
    assert isinstance(ca.jit(lambda p: Point(p.y, p.x))(Point(x, y)), Point)


def test_the_order_of_a_dict_is_no_signature_and_its_keys_are(ctx, rng):
    f, traces = counted(lambda d: sum(d.values()))
    x, y = draw(rng, 3), draw(rng, 3)
    np.testing.assert_array_equal(f({"a": x, "b": y}).numpy(), x + y)
    np.testing.assert_array_equal(f({"b": y, "a": x}).numpy(), x + y)
    assert len(traces) == 1
    f({"a": x, "c": y})
    assert len(traces) == 2


def test_results_share_no_memory_with_arguments_or_each_other(ctx, rng):
    x = ca.asarray(draw(rng, 4))
    same, view, again, constant = ca.jit(lambda x: (x, x[1:], x, ca.asarray(np.arange(3))))(x)
    kept = x.numpy()
    for out in (same, view, again):
        out[...] = 0
    np.testing.assert_array_equal(x.numpy(), kept)
    np.testing.assert_array_equal(constant.numpy(), np.arange(3))


def test_arguments_that_are_not_used(ctx, rng):
    x, y = draw(rng, 3), draw(rng, 2, 2)
    f = ca.jit(lambda x, y, z: y * 2)
    np.testing.assert_array_equal(f(x, y, 1.0).numpy(), 2 * y)
    assert ca.jit(lambda x: 3)(x) == 3
    assert ca.jit(dict)() == {}


def test_by_name_and_with_defaults(ctx, rng):
    f, traces = counted(lambda x, y=2.0, *, z=None: x * y if z is None else x * y + z)
    x = draw(rng, 3)
    np.testing.assert_array_equal(f(x).numpy(), x * 2)
    np.testing.assert_array_equal(f(x=x).numpy(), x * 2)
    np.testing.assert_allclose(f(x, y=3.0, z=x).numpy(), x * 4, rtol=1e-6)
    assert len(traces) == 3


# static arguments


def test_static_arguments(ctx, rng):
    def power(x, n, *, kind="plus"):
        result = x
        for _ in range(n):
            result = result + x if kind == "plus" else result * x
        return result

    f = ca.jit(power, static_argnums=1, static_argnames="kind")
    x = draw(rng, 5)
    np.testing.assert_allclose(f(x, 2).numpy(), 3 * x, rtol=1e-6)
    np.testing.assert_allclose(f(x, n=3).numpy(), 4 * x, rtol=1e-6)
    np.testing.assert_allclose(f(x, 2, kind="times").numpy(), x**3, rtol=1e-5)
    assert len(f.signatures) == 3
    assert "kind='times'" in f.signatures[-1]
    with pytest.raises(ValueError, match="static argument n has to be hashable, list came"):
        f(x, [1])


def test_static_values_of_other_types_are_other_signatures(ctx):
    f = ca.jit(lambda x, n: x + 1 if n is True else x + 2 if isinstance(n, float) else x + 3, static_argnums=(-1,))
    assert [float(f(np.float32(0), n)) for n in (True, 1.0, 1)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"static_argnums": 2}, "static_argnums has 2, but there are 1"), ({"static_argnames": "k"}, "'k', which is no")],
)
def test_statics_that_the_function_does_not_have(ctx, options, message):
    with pytest.raises(ValueError, match=message):
        ca.jit(lambda x: x, **options)


# tracing


def test_side_effects_happen_once(ctx, rng):
    f, traces = counted(lambda x: x + 1)
    for n in range(2, 6):
        f(draw(rng, n))
    assert len(traces) == 1


def test_nested_functions_are_inlined(ctx, rng):
    inner = ca.jit(lambda x: ca.exp(x) + 1)
    outer = ca.jit(lambda x: inner(x) * inner(2 * x))
    x = draw(rng, 9)
    a = ca.asarray(x)
    outer(a)
    before = stats()
    got = outer(a)
    assert (stats() - before).launches == 1
    assert inner.signatures == []
    np.testing.assert_allclose(got.numpy(), (np.exp(x) + 1) * (np.exp(2 * x) + 1), rtol=1e-5)


def test_a_warm_function_is_inlined_too(ctx, rng):
    state = ca.shared(np.float32(1))
    inner = ca.jit(lambda x: x + state)
    fixed = ca.asarray(draw(rng, 3))
    inner(fixed), inner(fixed)
    outer = ca.jit(lambda y: y * inner(fixed))
    for value in (1, 5):
        state.set_value(np.float32(value))
        np.testing.assert_allclose(outer(fixed).numpy(), fixed.numpy() * (fixed.numpy() + value), rtol=1e-6)


def test_on_variables_it_is_inlined(ctx, rng):
    import clarray.tensor as T

    f = ca.jit(lambda x: x * x.shape[0])
    x = T.fvector("x")
    a = draw(rng, 4)
    np.testing.assert_allclose(ca.function([x], f(x))(a), 4 * a, rtol=1e-6)
    assert f.signatures == []


def test_methods(ctx, rng):
    class Layer:
        def __init__(self, w):
            self.w = w

        @ca.jit
        def scaled(self, x):
            return x * self.w

        @ca.jit(static_argnums=2)
        def power(self, x, n):
            return x**n * self.w

    one, two, x = Layer(2.0), Layer(3.0), draw(rng, 4)
    for layer in (one, two, one):
        np.testing.assert_allclose(layer.scaled(x).numpy(), x * layer.w, rtol=1e-6)
        np.testing.assert_allclose(layer.power(x, 2).numpy(), x**2 * layer.w, rtol=1e-6)
    assert len(one.scaled.signatures) == 1
    held = len(Layer.scaled._bound)
    del one, layer
    assert len(Layer.scaled._bound) == held - 1


class Scaled:
    k = 3.0

    @ca.jit(static_argnames="n")
    def power(self, x, *, n=2):
        for _ in range(n):
            x = x * self.k
        return x


def test_methods_keep_their_named_static_arguments_and_pickle(ctx, rng):
    scaled, x = Scaled(), draw(rng, 4)
    np.testing.assert_allclose(scaled.power(x, n=3).numpy(), 27 * x, rtol=1e-6)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(scaled.power))(x).numpy(), 9 * x, rtol=1e-6)

    class Slots:
        __slots__ = ()

        @ca.jit
        def same(self, x):
            return x

    with pytest.raises(TypeError, match=r"same\(\) .* Slots, which has no weak references: put '__weakref__'"):
        Slots().same(x)


def test_compilations_are_bounded_and_the_last_used_stay(ctx):
    f, traces = counted(lambda x, n: x + n, static_argnums=1, maxsize=2)
    x = np.float32(1)
    for n in (1, 2, 1, 3, 1):
        assert float(f(x, n)) == 1 + n
    assert len(traces) == 3
    assert len(f.signatures) == 2
    f.clear()
    assert f.signatures == []


def test_the_compiled_function_can_be_looked_at(ctx, rng):
    f = ca.jit(lambda p: ca.sum(p["w"] ** 2))
    compiled = f.lower({"w": draw(rng, 3)})
    assert [str(x) for x in compiled.maker.inputs] == ["p['w']"]
    assert float(compiled(draw(rng, 0))) == 0


def test_a_failed_trace_leaves_nothing(ctx, rng):
    fail = [True]

    def f(x):
        if fail[0]:
            raise KeyError("once")
        return x + 1

    jitted, x = ca.jit(f), draw(rng, 3)
    with pytest.raises(KeyError):
        jitted(x)
    fail[0] = False
    np.testing.assert_array_equal(jitted(x).numpy(), x + 1)


# errors


def choose(x):
    return x if x > 0 else -x


def loop(x):
    while ca.sum(x) < 3:
        x = x + 1
    return x


@pytest.mark.parametrize("function", [choose, loop])
def test_control_flow_on_values(ctx, function):
    with pytest.raises(TypeError, match=r"not known before a function computes it: .*where\(\).*static argument"):
        ca.jit(function)(np.float32(1))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (({"w": [1.0, "text"]},), r"p\['w'\]\[1\] is str 'text', no array and no number; pass it as one of static_arg"),
        (({"w": np.array(["a"])},), r"p\['w'\]: .*dtype"),
        ((Point(1.0, {3}),), r"p\.y is set"),
    ],
)
def test_arguments_that_are_no_arrays(ctx, args, message):
    with pytest.raises(TypeError, match=message):
        ca.jit(lambda p: p)(*args)


@pytest.mark.parametrize("asks", [range, float, lambda n: [1, 2, 3][n]])
def test_numbers_that_are_not_computed_yet(ctx, asks):
    with pytest.raises(TypeError, match="n has no value before a function computes it: make it one of jit's static_ar"):
        ca.jit(lambda n: asks(n))(2)


def test_values_that_nobody_can_take(ctx):
    state = ca.shared(np.float32(1), "state")
    with pytest.raises(TypeError, match=r"state\.set_value\(\) takes a value, not the variable x"):
        ca.jit(lambda x: state.set_value(x))(np.float32(2))
    with pytest.raises(OverflowError, match=r"p\[0\] is 9223372036854775808, which int64 does not hold"):
        ca.jit(lambda p: p[0] + 1)([2**63])


def test_a_shape_that_disagrees_only_when_it_runs(ctx, rng):
    f = ca.jit(lambda x, y: x + y)
    f(draw(rng, 3), draw(rng, 3))
    with pytest.raises(ValueError, match=r"3.*4"):
        f(draw(rng, 3), draw(rng, 4))
    np.testing.assert_array_equal(f(np.ones(2, "f"), np.ones(2, "f")).numpy(), [2, 2])


def test_what_is_no_function(ctx):
    with pytest.raises(TypeError, match="compiles a function, int came"):
        ca.jit(3)

    if not ctx.traits.fp64:
        with pytest.raises(TypeError, match="float32"):
            ca.jit(lambda x: x * 2)(np.zeros(2))
