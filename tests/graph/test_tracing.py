"""What a function may do with arrays while it is traced: the namespace, extents as numbers, masks."""

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.device.stats import stats
from clarray.functions.arguments import holds_variables


def draw(rng, *shape):
    return rng.normal(size=shape).astype("f")


def counted(function):
    """The jitted function, and a list that grows by one at each trace."""
    traces = []

    def traced(*args):
        traces.append(1)
        return function(*args)

    return ca.jit(traced), traces


CASES = {
    "zeros": (lambda np, x: np.zeros(x.shape, "int32") + x),
    "full": (lambda np, x: np.full((x.shape[0], 2), 3)),
    "full of a value": (lambda np, x: np.full((2, 3), x[1, 1])),
    "full_like": (lambda np, x: np.full_like(x, 3.5)),
    "arange": (lambda np, x: np.arange(1, 3 * x.shape[0], 2)),
    "linspace": (lambda np, x: np.linspace(0, 1, x.shape[0]).astype("f")),
    "eye": (lambda np, x: np.eye(x.shape[0], x.shape[1], k=1, dtype="f")),
    "triangle": (lambda np, x: np.tril(x, k=-1)),
    "reshape": (lambda np, x: np.reshape(x, (x.shape[1], x.size // x.shape[1]))),
    "longer shape": (lambda np, x: np.broadcast_to(x, (2, *x.shape)) + x[..., None].shape[2]),
    "broadcast of a constant": (lambda np, x: np.broadcast_to(np.asarray([1.0, 2.0, 3.0], "f"), x.shape)),
    "broadcast_arrays": (lambda np, x: np.broadcast_arrays(x, x[:1], x[-1])[1]),
    "single parts": (lambda np, x: (x - x[:1]) * x[:, -1:]),
    "squeeze": (lambda np, x: np.squeeze(x[1:2]) + x[-2:-1].squeeze()),
    "repeat and tile": (lambda np, x: np.tile(np.repeat(x, 2, axis=1), (2, 1))),
    "roll": (lambda np, x: np.roll(x, (1, -1), axis=(0, 1)) + np.roll(x, 5)),
    "diff": (lambda np, x: np.diff(x, axis=0)),
    "stack": (lambda np, x: np.stack([x, 2 * x], axis=1)),
    "extents as numbers": (lambda np, x: x.sum(axis=0) / x.shape[0] + x.size),
    "index by an extent": (lambda np, x: x[x.shape[0] - 1, : x.shape[1] // 2]),
    "integer indices": (lambda np, x: x[[2, 0]][:, np.argmax(x, axis=1) % 3]),
    "mask": (lambda np, x: np.where(x > 0, x, 0) + np.sum(x[x > 0])),
    "sorted": (lambda np, x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1)),
    "in place": (lambda np, x: exec_in_place(x)),
    "matrices": (lambda np, x: np.matmul(x, x.mT) @ x),
    "statistics": (lambda np, x: np.std(x, axis=0) + x.max(axis=0) - np.cumsum(x, axis=0)[-1]),
}


def exec_in_place(x):
    x += 1
    x *= 2
    return x


@pytest.mark.parametrize("name", CASES)
def test_the_namespace_on_traced_arrays(ctx, rng, name):
    case, x = CASES[name], draw(rng, 4, 3)
    before = stats()
    got = ca.jit(lambda x: case(ca, x))(x)
    assert (stats() - before).host_fallbacks == 0
    want = case(np, x.copy())
    assert got.shape == want.shape
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-4, atol=1e-4)
    if want.dtype.kind == "f" and ctx.traits.fp64:
        assert got.dtype == want.dtype


def test_comparison_is_by_elements_while_tracing(ctx, rng):
    x = rng.integers(0, 3, (4, 3))
    f = ca.jit(lambda x: (x == 1, x != x, ca.asarray(1) == x, {x: 2}[x]))
    same, differs, reflected, found = f(x)
    np.testing.assert_array_equal(same.numpy(), x == 1)
    np.testing.assert_array_equal(reflected.numpy(), x == 1)
    assert not differs.numpy().any()
    assert found == 2
    with pytest.raises(TypeError, match=r"where\(\)"):  # extents are not known: no branch may be chosen by them
        ca.jit(lambda x: x if x.shape == (4, 3) else -x)(x)
    v = T.fvector("v")
    assert v == v
    assert (v == 1) is False


def test_arrays_meet_variables(ctx, rng):
    """An array that is no argument is indexed by variables, and not written to."""
    table, x = ca.asarray(draw(rng, 5, 2)), draw(rng, 3)
    places = np.array([4, 0, 2])
    f = ca.jit(lambda i: (table[i], table[i[0], :1], table[: i.shape[0]], ca.sum([i[0], i[1]])))
    for got, want in zip(
        f(places), (table.numpy()[places], table.numpy()[4, :1], table.numpy()[:3], np.array(4)), strict=True
    ):
        np.testing.assert_array_equal(got.numpy(), want)

    def write(target, value):
        target[0] = value
        return target

    with pytest.raises(TypeError, match="not changed in place: use x = set_subtensor"):
        ca.jit(lambda x: write(x, 1.0))(x)
    with pytest.raises(TypeError, match=r"holds, a variable of a graph.*set_subtensor"):
        ca.jit(lambda x: write(ca.zeros(3), x[0]))(x)


def test_one_compilation_for_other_extents(ctx, rng):
    f, traces = counted(lambda x: (ca.zeros((x.shape[0], 2)) + ca.arange(2), x.reshape(-1) / x.shape[1]))
    for shape in ((3, 4), (5, 2), (0, 3)):
        x = draw(rng, *shape)
        a, b = f(x)
        np.testing.assert_array_equal(a.numpy(), np.zeros((shape[0], 2)) + np.arange(2))
        np.testing.assert_allclose(b.numpy(), x.reshape(-1) / np.float32(shape[1]), rtol=1e-6)
        assert b.dtype == np.float32
    assert len(traces) == 2  # an axis of no elements is another signature


def test_an_integer_argument_may_be_an_extent(ctx):
    f, traces = counted(lambda n, x: ca.ones((n, n)) * x)
    for n in (2, 5):
        np.testing.assert_array_equal(f(n, np.float32(3)).numpy(), np.full((n, n), 3))
    assert len(traces) == 1


def test_elements_of_long_lists_are_not_asked_one_by_one():
    """Whether a list holds variables is seen from the types of its elements."""
    asked = []

    class Number(float):
        def __getattr__(self, name):
            asked.append(name)
            raise AttributeError(name)

    assert not holds_variables([[Number(1)] * 3, (Number(2),)])
    assert asked == []
    assert holds_variables([[1.0, (2.0, T.scalar())]])
