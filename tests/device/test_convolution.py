"""Convolutions against NumPy in higher precision: ranks, geometries, dtypes, views, and every method by name."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from clarray.array.convert import to_array
from clarray.codegen.convolution import METHODS
from clarray.codegen.lowering import lower
from clarray.core import dtypes
from clarray.core.convolution import convolution
from clarray.core.layout import Layout
from clarray.core.movement import broadcast_to
from clarray.functions import nn

FUNCTIONS = (nn.conv1d, nn.conv2d, nn.conv3d)


class Always(dict):
    """Choices that are the same for every class of problems."""

    def __init__(self, choice):
        super().__init__(choice=choice)

    def get(self, key, default=None):
        return self["choice"]


def draw(rng, shape, dtype="f4"):
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return oracle.sample(rng, None, dtype, shape)
    return oracle.sample(rng, (-2, 2), dtype, shape)


def windows(x, w, stride, padding, dilation, groups):
    """x as (batch, groups, channels, positions..., taps...)."""
    spatial = tuple(range(2, x.ndim))
    if padding == "same":
        pads = []
        for n, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation):
            total = max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
            pads.append((total // 2, total - total // 2))
        padding = pads
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation)]
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=spatial)
    seen = seen[(..., *(slice(None, None, d) for d in dilation))]
    seen = seen[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]
    return seen.reshape(len(x), groups, x.shape[1] // groups, *seen.shape[2:])


def reference(x, w, stride, padding, dilation, groups, dtype):
    """The convolution in `dtype`, and that of the absolute values, by which errors are measured."""
    rank = x.ndim - 2
    at, taps = "ijk"[:rank], "xyz"[:rank]
    found = []
    for change in (lambda v: v, np.abs):
        seen = windows(change(x.astype(dtype)), w, stride, padding, dilation, groups)
        kernels = change(w.astype(dtype)).reshape(groups, len(w) // groups, *w.shape[1:])
        out = np.einsum(f"ngc{at}{taps},goc{taps}->ngo{at}", seen, kernels)
        found.append(out.reshape(len(x), len(w), *out.shape[3:]))
    return found


def check(x, w, *, xs=None, ws=None, fp64=True, neighbourhood=False, **params):
    """The device's result is that of NumPy: integers exactly, floats within the error of a sum in their precision.

    The error of Winograd's method is relative to the largest values of a `neighbourhood`.
    """
    rank = x.ndim - 2
    got = FUNCTIONS[rank - 1](to_array(x) if xs is None else xs, to_array(w) if ws is None else ws, **params)
    several = {k: params.get(k, 1) for k in ("stride", "dilation")}
    several = {k: (v,) * rank if isinstance(v, int) else v for k, v in several.items()}
    padding = params.get("padding", 0)
    if isinstance(padding, int):
        padding = ((padding, padding),) * rank
    result = np.result_type(x, w)
    result = result if fp64 or result in (x.dtype, w.dtype) else dtypes.without_fp64(result)
    wide = {"c": np.complex128, "f": np.float64}.get(result.kind, result)
    want, size = reference(x, w, **several, padding=padding, groups=params.get("groups", 1), dtype=wide)
    assert (got.shape, got.dtype) == (want.shape, result)
    host = got.numpy()
    if result.kind in "iu":
        np.testing.assert_array_equal(host, want)
        return
    eps = np.finfo(np.float32 if result == np.float16 else result).eps
    size = np.abs(size).max(initial=0) if neighbourhood else np.abs(size)
    bound = (2 * np.sqrt(w[0].size) + 8) * eps * size + np.finfo(result).eps * np.abs(want)
    assert (np.abs(host - want) <= bound).all()


def method(context, x, w, padding=((0, 0), (0, 0)), groups=1):
    """The template that convolves `x` with `w` on a device, in two dimensions and steps of one."""
    params = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": groups}
    plan = lower(convolution, [Layout.of(v.dtype, v.shape) for v in (x, w)], params, context.traits)
    (template,) = {launch.spec.template for launch in plan.launches}
    return template


def geometry(rng, rank):
    """A random convolution: shapes of x and w, and its parameters."""
    groups, channels, outs = int(rng.choice([1, 1, 2, 3])), int(rng.integers(1, 6)), int(rng.integers(1, 10))
    if rng.random() < 0.2:
        groups, channels, outs = 7, 1, 1
    kernel, stride, dilation = rng.integers(1, 5, rank), rng.integers(1, 4, rank), rng.integers(1, 3, rank)
    padding = rng.integers(0, 4, (rank, 2))
    least = np.maximum(1, (kernel - 1) * dilation + 1 - padding.sum(1))
    sizes = least + rng.integers(0, 20 if rank < 3 else 7, rank)
    params = {
        "stride": tuple(stride.tolist()),
        "padding": tuple(map(tuple, padding.tolist())),
        "dilation": tuple(dilation.tolist()),
        "groups": groups,
    }
    return (int(rng.integers(1, 4)), groups * channels, *sizes), (groups * outs, channels, *kernel), params


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_any_geometry(both_walks, rng, rank):
    for _ in range(30):
        x, w, params = geometry(rng, rank)
        check(draw(rng, x), draw(rng, w), **params, neighbourhood=True)


@pytest.mark.parametrize("dtype", [row.name for row in dtypes.ROWS if row.kind in dtypes.NUMERIC])
def test_every_dtype(both_walks, rng, dtype):
    oracle.need(both_walks, dtype)
    check(draw(rng, (2, 8, 9, 11), dtype), draw(rng, (10, 4, 3, 2), dtype), padding=1, stride=2, groups=2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_winograd(ctx, rng, dtype):
    """3 by 3 kernels over many channels, in two rows and columns at least: a CPU computes them by Winograd's method."""
    oracle.need(ctx, dtype)
    expected = "conv_winograd" if ctx.traits.kind == "cpu" else "conv_tiled"
    for _ in range(6):
        groups, (channels, outs) = int(rng.choice([1, 1, 2])), rng.integers(16, 100, 2)
        padding = tuple(map(tuple, rng.integers(0, 3, (2, 2)).tolist()))
        x = draw(rng, (int(rng.integers(1, 4)), groups * channels, *rng.integers(4, 30, 2)), dtype)
        w = draw(rng, (groups * outs, channels, 3, 3), dtype)
        assert method(ctx, x, w, padding, groups) == expected
        check(x, w, padding=padding, groups=groups, neighbourhood=True)


@pytest.mark.parametrize("pair", [("i4", "f4"), ("i1", "u1"), ("f2", "f4"), ("f4", "c8"), ("u1", "f2")], ids="-".join)
def test_mixed_dtypes(ctx, rng, pair):
    x, w = draw(rng, (2, 3, 8, 7), pair[0]), draw(rng, (5, 3, 3, 3), pair[1])
    if x.dtype == np.int32:
        x %= 1000
    check(x, w, fp64=ctx.traits.fp64, neighbourhood=True)


SIZES = [
    ((2, 40, 30, 33), (70, 40, 3, 3), {"padding": 1}),
    ((1, 300, 9, 10), (13, 300, 3, 3), {}),
    ((5, 16, 7, 7), (200, 16, 3, 3), {"padding": ((0, 2), (1, 0))}),
    ((2, 70, 20, 24), (33, 70, 5, 2), {"stride": 2}),
    ((3, 3, 50, 47), (20, 3, 7, 7), {"stride": 2, "padding": 3}),
    ((2, 130, 6, 7), (65, 130, 1, 1), {}),
    ((3, 12, 9, 8), (10, 6, 1, 1), {"stride": 2, "groups": 2}),
    ((2, 40, 12, 14), (40, 1, 3, 3), {"groups": 40, "padding": 1}),
    ((1, 2, 3, 1500), (3, 2, 2, 9), {"dilation": (1, 5)}),
]


@pytest.mark.parametrize(("x", "w", "params"), SIZES)
def test_larger_than_every_block(both_walks, rng, x, w, params):
    check(draw(rng, x), draw(rng, w), **params, neighbourhood=True)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_chosen_by_name(ctx, rng, monkeypatch, name):
    """What a tuning run may choose is right, or falls back, whatever the problem."""
    with oracle.with_traits(ctx, monkeypatch, f"with {name}", tuned=Always((name,))) as context:
        for _ in range(4):
            x, w, params = geometry(rng, 2)
            check(draw(rng, x), draw(rng, w), **params, neighbourhood=True)
        x, w = draw(rng, (2, 17, 15, 18)), draw(rng, (21, 17, 3, 3))
        check(x, w, padding=1, neighbourhood=True)
        here = ctx.traits.kind == "cpu" or name not in ("patches", "winograd")
        assert method(context, x, w, ((1, 1), (1, 1))) == (f"conv_{name}" if here else "conv_tiled")


VIEWS = {
    "transposed": lambda v: v.mT,
    "reversed": lambda v: v[:, ::-1, ::-1, ::-1],
    "stepped": lambda v: v[::-1, :, 1:, ::2],
}


@pytest.mark.parametrize("first", VIEWS)
@pytest.mark.parametrize("second", VIEWS)
def test_strided_operands(both_walks, rng, first, second):
    x, w = draw(rng, (2, 6, 20, 20)), draw(rng, (7, 6, 6, 6))
    narrow = (..., slice(0, 3), slice(0, 3))
    xs, ws = VIEWS[first](to_array(x)), VIEWS[second](to_array(w))[narrow]
    check(VIEWS[first](x), VIEWS[second](w)[narrow], xs=xs, ws=ws, neighbourhood=True)


def test_broadcast_operand_and_out(both_walks, rng):
    x, w = draw(rng, (1, 5, 9, 9)), draw(rng, (6, 5, 3, 3))
    many = broadcast_to(to_array(x), shape=(3, 5, 9, 9))
    check(np.broadcast_to(x, (3, 5, 9, 9)), w, xs=many, neighbourhood=True)
    wide = to_array(np.zeros((1, 7, 6, 14), np.float32))
    out = wide.mT[:, ::2, :, :][..., :6].mT[:, :, :, ::2]
    assert out.shape == (1, 4, 6, 7)
    x, w = draw(rng, (1, 5, 8, 9)), draw(rng, (4, 5, 3, 3))
    params = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    assert convolution(to_array(x), to_array(w), **params, out=out) is out
    want = reference(x, w, **params, dtype=np.float64)[0]
    np.testing.assert_allclose(out.numpy(), want, atol=1e-4)
    assert not wide.numpy()[:, 1::2].any()


@pytest.mark.parametrize(
    ("x", "w", "params"),
    [
        ((0, 3, 5, 5), (4, 3, 3, 3), {}),
        ((2, 3, 5, 5), (0, 3, 3, 3), {}),
        ((2, 0, 5, 5), (4, 0, 3, 3), {}),
        ((2, 3, 0, 5), (4, 3, 3, 3), {"padding": 2}),
        ((2, 3, 0, 5), (4, 3, 1, 1), {"padding": "same"}),
    ],
)
def test_empty(both_walks, x, w, params):
    rng = np.random.default_rng(0)
    got = nn.conv2d(to_array(draw(rng, x)), to_array(draw(rng, w)), **params)
    before = 2 * (params.get("padding", 0) == 2)
    rows = 0 if params.get("padding") == "same" else x[2] + 2 * before - w[2] + 1
    columns = x[3] if params.get("padding") == "same" else x[3] + 2 * before - w[3] + 1
    assert got.shape == (x[0], w[0], rows, columns)
    assert not got.numpy().any()


@pytest.mark.oclgrind
def test_special_values(both_walks, rng):
    """Infinities and NaNs reach the results that see them, and no other."""
    x, w = draw(rng, (2, 20, 17, 15)), draw(rng, (18, 20, 3, 3))
    x[0, 1, 4, 5], x[0, 2, 16, 14], x[1, 3, 8, 0] = np.inf, np.nan, -np.inf
    w[2, 3, 1, 1], w[4, 0, 0, 0] = np.inf, np.nan
    for k, by in ((3, "conv_winograd"), (2, "conv_patches")):
        assert method(both_walks, x, w[..., :k]) == (by if both_walks.traits.kind == "cpu" else "conv_tiled")
        params = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
        with np.errstate(all="ignore"):
            want = reference(x, w[..., :k], **params, dtype=np.float64)[0]
        got = nn.conv2d(to_array(x), to_array(w[..., :k]), padding=1).numpy()
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_array_equal(got == np.inf, want == np.inf)
        finite = np.isfinite(want)
        np.testing.assert_allclose(got[finite], want[finite], rtol=1e-4, atol=1e-4)


def test_padding_by_name_and_by_pairs(ctx, rng):
    for n, k, stride in [(7, 3, 1), (8, 4, 1), (8, 3, 2), (9, 2, 3)]:
        got = nn.conv1d(to_array(draw(rng, (1, 2, n))), to_array(draw(rng, (3, 2, k))), stride, "same")
        assert got.shape == (1, 3, -(-n // stride))
        check(draw(rng, (1, 2, n)), draw(rng, (3, 2, k)), stride=stride, padding="same")
    x, w = to_array(draw(rng, (1, 2, 6, 6))), to_array(draw(rng, (3, 2, 3, 2)))
    by_pairs = nn.conv2d(x, w, padding=((1, 1), (2, 2)))
    np.testing.assert_array_equal(nn.conv2d(x, w, padding=(1, 2)).numpy(), by_pairs.numpy())
    np.testing.assert_array_equal(nn.conv2d(x, w, padding="valid").numpy(), nn.conv2d(x, w).numpy())


def test_host_operands_and_in_a_graph(ctx, rng):
    import clarray as ca

    x, w = draw(rng, (2, 3, 8, 8)), draw(rng, (4, 3, 3, 3))
    want = nn.conv2d(to_array(x), to_array(w), padding=1).numpy()
    np.testing.assert_array_equal(nn.conv2d(x, to_array(w), padding=1).numpy(), want)
    a, b = ca.tensor.tensor4("a", dtype="float32"), ca.tensor.tensor4("b", dtype="float32")
    bias = ca.tensor.vector("bias", dtype="float32")
    added = draw(rng, 4)
    for kernel, padding in ((w, 1), (w[..., :1, :1], 0)):  # the second is a matrix product
        want = reference(x, kernel, (1, 1), ((padding,) * 2,) * 2, (1, 1), 1, np.float64)[0]
        run = ca.function([a, b, bias], ca.maximum(nn.conv2d(a, b, padding=padding) + bias[:, None, None], 0))
        got = np.asarray(run(x, kernel, added))
        np.testing.assert_allclose(got, np.maximum(want + added[:, None, None], 0), rtol=1e-4, atol=1e-4)
    x, w, added = draw(rng, (2, 20, 9, 9)), draw(rng, (17, 20, 3, 3)), draw(rng, 17)
    run = ca.function([a, b, bias], ca.exp(nn.conv2d(a, b) / 100) * bias[:, None, None])
    want = np.exp(reference(x, w, (1, 1), ((0, 0),) * 2, (1, 1), 1, np.float64)[0] / 100) * added[:, None, None]
    np.testing.assert_allclose(np.asarray(run(x, w, added)), want, rtol=1e-4, atol=1e-4)
