"""sort, argsort and topk: order, stability, dtypes, axes, layouts, gradients, on the kernels of CPUs and of GPUs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.codegen import sort as lowering
from clarray.codegen.lowering import lower
from clarray.core import dtypes
from clarray.core.layout import Layout
from clarray.core.sorting import argsort, sort, topk

# rows of every length that a method of its own is for: ranks, a network, a row a work-item, parts or tiles
SHAPES = [
    ((1,), 0),
    ((64,), 0),
    ((3, 65), 1),
    ((200, 7), 0),
    ((5, 300, 4), 1),
    ((5, 5000), 1),
    ((70001,), 0),
    ((3, 70003), -1),
]


def draw(rng, dtype, shape):
    """Few values that come often, among them all that compare in a way of their own, and many that come once."""
    dtype = np.dtype(dtype)
    x = oracle.sample(rng, (-2, 2), dtype, shape)
    if dtype.kind in "fc":
        often = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1], dtypes.real(dtype))
        parts = x.view(often.dtype)
        parts[...] = np.where(rng.random(parts.shape) < 0.4, rng.choice(often, parts.shape), parts)
    return x


def order(x, axis, descending):
    """The positions that a stable sort gives; equal elements keep their order in either direction."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    back = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - back, axis)


def assert_same(got, want):
    """Equal, and zeros of the same sign."""
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_array_equal(got, want)
    if got.dtype.kind in "fc":
        for a, b in ((got.real, want.real), (got.imag, want.imag)):
            np.testing.assert_array_equal(np.signbit(a[a == 0]), np.signbit(b[b == 0]))


def templates(op, dtype, shape, traits, **params):
    """Those that sort rows of this shape, in the order of their launches, each once."""
    params = {"axis": len(shape) - 1, "descending": False, **params}
    launches = lower(op, [Layout.of(np.dtype(dtype), shape)], params, traits).launches
    return list(dict.fromkeys(launch.spec.template for launch in launches))


def check(x, axis, descending, a=None, ks=()):
    a = ca.asarray(x) if a is None else a
    positions = order(x, axis, descending)
    values = np.take_along_axis(x, positions, axis)
    assert_same(ca.sort(a, axis=axis, descending=descending).numpy(), values)
    assert_same(ca.argsort(a, axis=axis, descending=descending).numpy(), positions)
    for k in ks:
        first = tuple(slice(0, k) if n == axis % x.ndim else slice(None) for n in range(x.ndim))
        got = ca.topk(a, k, axis=axis, largest=descending)
        assert_same(got[0].numpy(), values[first])
        assert_same(got[1].numpy(), positions[first])


@pytest.mark.parametrize("dtype", [row.name for row in dtypes.ROWS])
def test_every_dtype(ctx, rng, dtype):
    oracle.need(ctx, dtype)
    descending = bool(rng.integers(2))
    shapes = [shape for shape in SHAPES if ctx.traits.kind == "cpu" or np.prod(shape[0]) < 100_000]
    if dtype != "float32":  # every kernel takes its time to build
        shapes = [shapes[k] for k in rng.choice(len(shapes), 2, replace=False)]
    for shape, axis in shapes:
        check(draw(rng, dtype, shape), axis, descending, ks=() if np.dtype(dtype).kind == "c" else (shape[axis] // 3,))


def test_on_the_kernels_of_a_gpu(as_gpu, rng):
    """Kernels with barriers take PoCL seconds to build, so of one dtype and direction."""
    descending = bool(rng.integers(2))
    for shape, axis in [((5,), 0), ((3, 257), 1), ((2, 3000), 1), ((2100, 3), 0), ((30011,), 0)]:
        check(draw(rng, "f4", shape), axis, descending, ks=(1, shape[axis] // 9))


VIEWS = {
    "reversed": lambda x: x[::-1, ::-1],
    "stepped": lambda x: x[::2, 1::3],
    "transposed": lambda x: x.T,
    "shifted": lambda x: x[3:, 5:],
    "column": lambda x: x[:, 3],
}


@pytest.mark.parametrize("view", VIEWS)
def test_views(ctx, rng, view):
    whole = draw(rng, "f4", (40, 220))
    x, a = VIEWS[view](whole), VIEWS[view](ca.asarray(whole))
    for axis in range(-1, x.ndim):
        check(x, axis, bool(rng.integers(2)), a, ks=(min(2, x.shape[axis]),))
    assert_same(a.numpy(), x)  # which is left as it was


def test_stretched_and_large_views(ctx, rng):
    row = draw(rng, "i2", 80)
    check(np.broadcast_to(row, (3, 80)), 0, False, ca.broadcast_to(ca.asarray(row), (3, 80)))
    x = draw(rng, "f4", 2 * 70001)
    check(x[::-2], 0, False, ca.asarray(x)[::-2], ks=(5,))  # through both buffers that passes go between


PATTERNS = {
    "ascending": lambda rng, n: np.arange(n),
    "descending": lambda rng, n: np.arange(n)[::-1].copy(),
    "equal": lambda rng, n: np.full(n, rng.integers(-99, 99)),
    "two": lambda rng, n: rng.integers(0, 2, n) * 2**20,
    "organ pipe": lambda rng, n: np.abs(np.arange(n) - n // 2),
    "low bits": lambda rng, n: rng.integers(0, 8, n),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns(ctx, rng, pattern):
    for n in (1000, 140_001 if ctx.traits.kind == "cpu" else 20_001):
        x = PATTERNS[pattern](rng, n).astype("i4")
        check(x, 0, bool(rng.integers(2)), ks=(1, 100))


def test_random_lengths(ctx, rng):
    """Eight rows of floats and more are sorted side by side by a CPU's network."""
    for k, n in enumerate(rng.integers(65, 600, 12).tolist()):
        rows = int(rng.integers(1, 8) if k % 2 else rng.integers(8, 12))
        if ctx.traits.kind == "cpu":
            assert templates(sort, "f4", (rows, n), ctx.traits) == ["sort_rows" if k % 2 else "sort_network"]
        check(draw(rng, "f4", (rows, n)), 1, bool(rng.integers(2)), ks=(int(rng.integers(0, n + 1)),))


BOUNDS = [  # (how, dtype, rows of so many elements, what sorts them, one element more, what sorts those)
    ("cpu", sort, "f4", (8, 1024), ["sort_network"], ["sort_rows"]),
    ("cpu", sort, "i1", (16, 1024), ["sort_network"], ["sort_rows"]),
    ("cpu", sort, "f8", (4, 1024), ["sort_network"], ["sort_rows"]),
    ("cpu", sort, "f4", (7, 64), ["sort_ranks"], ["sort_rows"]),
    ("cpu", sort, "f8", (3, 64), ["sort_ranks"], ["sort_rows"]),
    ("cpu", argsort, "f4", (100, 64), ["sort_ranks"], ["sort_rows"]),
    ("cpu", sort, "c8", (100, 64), ["sort_ranks"], ["sort_rows"]),
    ("cpu", sort, "f4", (1, 1 << 16), ["sort_rows"], ["sort"]),
    ("cpu", sort, "f4", (8, 1 << 17), ["sort_rows"], ["sort"]),
    ("gpu", sort, "f4", (100, 256), ["sort_ranks"], ["sort_tile"]),
    ("gpu", argsort, "f8", (3, 256), ["sort_ranks"], ["sort_tile"]),
]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda b: f"{b[0]} {b[1].name} {b[2]} {b[3][0]}x{b[3][1]}")
def test_which_method_sorts(bound, any_ctx):
    kind, op, dtype, (rows, size), below, above = bound
    traits = replace(any_ctx.traits, kind=kind, compute_units=8, max_work_group=256, fp64=True, tuned={})
    assert templates(op, dtype, (rows, size), traits) == below
    assert templates(op, dtype, (rows, size + 1), traits) == above


def test_few_of_many_are_chosen_before_they_are_sorted(any_ctx):
    for kind, enough in (("cpu", 64), ("gpu", 256)):
        traits = replace(any_ctx.traits, kind=kind, compute_units=8, max_work_group=256, tuned={})
        assert templates(topk, "f4", (2, enough), traits, k=8) == ["sort_ranks"]
        assert templates(topk, "f4", (2, enough + 1), traits, k=8) == ["sort_best", "sort_ranks"]
        assert "sort_best" not in templates(topk, "f4", (2, 80 * enough), traits, k=11 * enough)


def test_zeros_of_a_network(ctx, rng):
    """A network by itself would put -0 before 0."""
    for n in (2, 31, 300):
        assert ctx.traits.kind != "cpu" or templates(sort, "f4", (37, n), ctx.traits) == ["sort_network"]
        x = np.where(rng.random((37, n)) < 0.5, rng.choice([0.0, -0.0], (37, n)), rng.standard_normal((37, n)))
        x[::3] = np.abs(x[::3])
        check(x.astype("f4"), 1, bool(rng.integers(2)))


ONCE = {
    "cpu": (
        {"sort_ranks", "sort_network", "sort_rows", "sort_best"},
        [(sort, (3, 20), {}), (sort, (33, 9), {}), (sort, (2, 130), {}), (topk, (1, 150), {"k": 5})],
    ),
    "gpu": (
        {"sort_ranks", "sort_tile", "sort_best"},
        [(argsort, (3, 20), {}), (sort, (1, 300), {}), (topk, (1, 300), {"k": 5})],
    ),
}


@pytest.mark.oclgrind
@pytest.mark.parametrize("kind", ONCE)
def test_every_kernel_once(kind, ctx, rng, monkeypatch):
    """For a simulator that looks for races and bad reads: few short rows, and small groups."""
    expected, given = ONCE[kind]
    if kind != "cpu" and "simulator" not in ctx.traits.quirks:
        pytest.skip("slow to build, and tested with longer rows")
    if kind == "cpu" and ctx.traits.kind != "cpu":
        pytest.skip("a work-item of this device may leave a loop")
    with oracle.with_traits(ctx, monkeypatch, f"as a {kind}", kind=kind, max_work_group=32) as context:
        found = [templates(op, "i1", shape, context.traits, **params) for op, shape, params in given]
        assert set().union(*found) == expected
        for op, shape, params in given:
            x = draw(rng, "i1", shape)
            positions, a = order(x, 1, False), ca.asarray(x)
            values = np.take_along_axis(x, positions, 1)
            if op is topk:
                got, k = ca.topk(a, params["k"], largest=False), params["k"]
                assert_same(got[0].numpy(), values[:, :k])
                assert_same(got[1].numpy(), positions[:, :k])
            elif op is sort:
                assert_same(ca.sort(a).numpy(), values)
            else:
                assert_same(ca.argsort(a).numpy(), positions)


@pytest.mark.oclgrind
def test_parts_of_a_row(ctx, rng, monkeypatch):
    """Every part of a CPU's long row counts its digits, and knows from all counts where its records go."""
    if ctx.traits.kind != "cpu":
        pytest.skip("a GPU has other kernels")
    monkeypatch.setattr(lowering, "PART", 50)
    digits = {("sort digit", "32 bits"): 8}
    with oracle.with_traits(ctx, monkeypatch, "with small parts", tuned=digits, compute_units=2) as context:
        x = rng.integers(-50, 50, 210).astype("f4")
        assert templates(sort, "f4", x.shape, context.traits) == ["sort"]
        assert_same(ca.sort(ca.asarray(x)).numpy(), np.sort(x))


def test_nothing(ctx):
    for shape, axis in [((0,), 0), ((3, 0), 1), ((0, 3), 1)]:
        check(np.zeros(shape, "f4"), axis, False, ks=(0,))
    values, positions = ca.topk(ca.ones(5), 0)
    assert values.shape == positions.shape == (0,)


def test_refusals(any_ctx):
    with pytest.raises(np.exceptions.AxisError, match="0 dimensions"):
        ca.sort(ca.asarray(np.float32(1)))
    with pytest.raises(np.exceptions.AxisError):
        ca.argsort(ca.ones(3), axis=1)
    with pytest.raises(ValueError, match="k is 4, axis 0 has 3"):
        ca.topk(ca.ones(3), 4)
    with pytest.raises(TypeError, match="complex64"):
        ca.topk(ca.ones(3, dtype=np.complex64), 1)


def test_methods(any_ctx, rng):
    x = draw(rng, "f4", (6, 90))
    a = ca.asarray(x)
    assert_same(a.argsort(axis=0).numpy(), order(x, 0, False))
    part = a[1:, ::2]
    assert part.sort() is None
    x[1:, ::2] = np.sort(x[1:, ::2], kind="stable")
    assert_same(a.numpy(), x)


def test_memory_of_a_sort(any_ctx, rng):
    """One copy of the keys besides the result."""
    x = ca.asarray(rng.standard_normal(1 << 20).astype("f4"))
    plan = lower(sort, [x.layout], {"axis": 0, "descending": False}, any_ctx.traits)
    assert sum(plan.scratch) < 1.1 * x.nbytes


class TestGraph:
    def test_values(self, any_ctx, rng):
        x = T.fmatrix("x")
        v = draw(rng, "f4", (5, 30))
        f = ca.function([x], [ca.sort(x, axis=0), ca.argsort(x, descending=True), *ca.topk(x, 3)])
        first, positions, values, places = f(v)
        assert_same(first, np.sort(v, axis=0, kind="stable"))
        assert_same(positions, order(v, 1, True))
        assert_same(places, order(v, 1, True)[:, :3])
        assert_same(values, np.take_along_axis(v, places, 1))

    @pytest.mark.parametrize("axis", [0, 1])
    def test_gradients(self, any_ctx, rng, axis):
        """Each element's gradient is the weight of the place where it went."""
        x = T.fmatrix("x")
        v, w = rng.standard_normal((2, 5, 7)).astype("f4")
        places = order(v, axis, True)
        (got,) = ca.function([x], [T.grad((ca.sort(x, axis=axis, descending=True) * w).sum(), x)])(v)
        np.testing.assert_array_equal(np.take_along_axis(got, places, axis), w)
        few = np.take(w, range(2), axis)
        (got,) = ca.function([x], [T.grad((ca.topk(x, 2, axis=axis)[0] * few).sum(), x)])(v)
        want = np.zeros_like(v)
        np.put_along_axis(want, np.take(places, range(2), axis), few, axis)
        np.testing.assert_array_equal(got, want)
