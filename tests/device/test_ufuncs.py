"""Every row of the table through the real lowering: values, dtypes, layouts, scalars, `out=`, overlap, errors."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from clarray.array.convert import to_array
from clarray.array.gpuarray import GpuArray
from clarray.codegen import elementwise
from clarray.core import dtypes, ops
from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.core.movement import broadcast_to
from clarray.device.run import BoundPlan

LOOPS = 8  # of one kernel: arguments are limited to 1024 bytes
each_row = pytest.mark.parametrize("op", ops.UFUNCS.values(), ids=lambda op: op.name)


def run_together(ctx, op, loops, operands):
    """The row on operands of every loop, all in one kernel: kernels, not statements, take time to build."""
    builder = Builder()
    results, arrays = [], []
    for (loop, out), xs in zip(loops, operands):
        loads = [builder.load(len(arrays) + k, dtype) for k, dtype in enumerate(loop)]
        results.append(builder.call(op, loads, loop, out))
        arrays += [to_array(x) for x in xs]
    body = builder.build(results)
    shape = arrays[0].shape
    layouts = [Layout.of(out, shape) for _, out in loops]
    outputs = [GpuArray(layout, 0, ctx.memory.allocate(layout.nbytes)) for layout in layouts]
    plan = elementwise.lower(body, layouts, [x.layout for x in arrays], ctx.traits)
    everything = [*outputs, *arrays]
    BoundPlan(ctx, plan).run([x.block for x in everything], [x.start for x in everything])
    return [x.numpy() for x in outputs]


@each_row
def test_values(op, ctx, rng):
    """Special values in every combination and random ones, in every dtype for which the row has code."""
    loops = oracle.some(rng, oracle.loops(op, ctx.traits.fp64), 5)
    drawn = [oracle.operands(rng, op, loop) for loop, _ in loops]
    for k in range(0, len(loops), LOOPS):
        group = slice(k, k + LOOPS)
        size = max(xs[0].size for xs in drawn[group])
        padded = [[np.resize(x, size) for x in xs] for xs in drawn[group]]
        for (_, out), xs, got in zip(loops[group], padded, run_together(ctx, op, loops[group], padded)):
            assert got.dtype == out
            oracle.assert_matches(op, xs, got, ctx.traits)


# layouts: the same function makes a view of an ndarray and of a GpuArray

ROWS, COLUMNS = 6, 10
SHAPE = (ROWS, COLUMNS)
LAYOUTS = {
    "flat": ((ROWS, COLUMNS), lambda x: x),
    "strided": ((2 * ROWS, 2 * COLUMNS), lambda x: x[::2, 1::2]),
    "reversed": ((ROWS, COLUMNS), lambda x: x[::-1, ::-1]),
    "transposed": ((COLUMNS, ROWS), lambda x: x.T),
    "shifted": ((ROWS + 1, COLUMNS + 3), lambda x: x[1:, 3:]),
    "middle": ((ROWS, 3, COLUMNS), lambda x: x[:, 1, ::-1]),
    "row": ((COLUMNS,), lambda x: x),
    "column": ((ROWS, 1), lambda x: x),
    "one": ((), lambda x: x),
}


def make_views(rng, op, loop, names, special=False):
    """(ndarrays, GpuArrays) of these layouts."""
    hosts, arrays = [], []
    for dtype, domain, name in zip(loop, oracle.domains(op), names):
        shape, view = LAYOUTS[name]
        whole = oracle.sample(rng, domain, dtype, shape, special)
        hosts.append(view(whole))
        arrays.append(view(to_array(whole)))
    return hosts, arrays


@each_row
def test_eager_call(op, ctx, rng):
    """The row called on views of random layouts, in random dtypes."""
    loops = oracle.loops(op, ctx.traits.fp64)
    for k in rng.choice(len(loops), 1 if oracle.SAMPLED else 2):
        loop, out = loops[k]
        hosts, arrays = make_views(rng, op, loop, rng.choice(list(LAYOUTS), len(loop)), special=True)
        got = op(*arrays)
        assert (got.dtype, got.shape) == (out, np.broadcast_shapes(*(x.shape for x in hosts)))
        oracle.assert_matches(op, hosts, got.numpy(), ctx.traits)


@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_pairs_of_layouts(first, second, both_walks, rng):
    """Values, and the order in memory that NumPy gives the result."""
    (x, y), (a, b) = make_views(rng, ops.subtract, (np.dtype("float32"),) * 2, (first, second))
    got, want = a - b, np.asarray(x - y)
    np.testing.assert_array_equal(got.numpy(), want)
    assert got.strides == want.strides or want.size <= 1


@pytest.mark.oclgrind
def test_triples_of_layouts(both_walks, rng):
    names = list(LAYOUTS)
    for _ in range(6):
        loop = (np.dtype("bool"), np.dtype("int32"), np.dtype("int32"))
        hosts, arrays = make_views(rng, ops.where, loop, rng.choice(names, 3))
        np.testing.assert_array_equal(ops.where(*arrays).numpy(), np.where(*hosts))


@pytest.mark.parametrize("rank", [3, 4, 6])
def test_high_rank(rank, both_walks, rng):
    """Permuted and sliced operands of which no two axes can be merged."""
    shape = tuple(rng.integers(2, 5, rank))
    for _ in range(3):
        order = rng.permutation(rank)
        whole = rng.standard_normal([2 * shape[a] for a in order]).astype(np.float32)
        back = tuple(int(a) for a in np.argsort(order))
        cut = tuple(slice(None, None, 2 if rng.random() < 0.5 else -2) for _ in shape)
        x, a = whole.transpose(back)[cut], to_array(whole).transpose(back)[cut]
        y = rng.standard_normal(shape[1:]).astype(np.float32)
        got, want = a * to_array(y), x * y
        np.testing.assert_array_equal(got.numpy(), want)
        assert got.strides == want.strides


@pytest.mark.parametrize(
    "shapes", [((0,), (0,)), ((3, 0), (0,)), ((0, 1), (1, 4)), ((0, 3), ()), ((1, 1), (1,)), ((), ())], ids=str
)
def test_empty_and_tiny_shapes(shapes, ctx, rng):
    x, y = (rng.standard_normal(s).astype(np.float32) for s in shapes)
    got, want = to_array(x) + to_array(y), np.asarray(x + y)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_array_equal(got.numpy(), want)


@pytest.mark.parametrize("op", [op for op in ops.UFUNCS.values() if len(op.letters) == 2], ids=lambda op: op.name)
def test_python_scalars_are_weak(op, ctx, rng):
    """A scalar on either side takes part with its kind; it is rounded to the dtype of the computation."""
    loop, _ = (found := oracle.loops(op, ctx.traits.fp64))[rng.integers(len(found))]
    dtype = loop[-1]
    for place in (0, 1):
        domain = oracle.domains(op)[place]
        value = oracle.sample(rng, domain, dtype, ())[()]
        if op.name == "pow" and dtype.kind == "i":
            value = np.abs(value)  # a negative exponent that the host knows is refused
        scalar = value.item()
        array = oracle.sample(rng, oracle.domains(op)[1 - place], dtype, 50, special=True)
        hosts = [array, array]
        hosts[place] = value
        arguments = [to_array(array), to_array(array)]
        arguments[place] = scalar
        got = op(*arguments)
        assert got.dtype == op.resolve((dtype, dtype), ctx.traits.fp64)[1]
        oracle.assert_matches(op, hosts, got.numpy(), ctx.traits)


SCALARS = [True, 3, 2.5, 1j, np.float32(1.5), np.int16(7), np.uint8(3)]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda v: f"{type(v).__name__}-{v}")
def test_promotion_with_scalars_is_numpys(scalar, ctx, rng):
    found = oracle.supported(ctx.traits)
    for dtype in rng.choice(found, 2 if oracle.SAMPLED else 4, replace=False):
        x = oracle.sample(rng, (1, 5), dtype, 9)
        want = (x * scalar).dtype
        if not ctx.traits.fp64:
            want = dtypes.without_fp64(want)
        got = to_array(x) * scalar
        assert got.dtype == want
        if want.kind in "biu":
            np.testing.assert_array_equal(got.numpy(), x * scalar)
        else:
            np.testing.assert_allclose(got.numpy(), (x * scalar).astype(want), rtol=4 * np.finfo(want).eps)


def test_mixed_dtypes(ctx, rng):
    """Each pair of dtypes: what each operand is converted to."""
    names = oracle.supported(ctx.traits)
    for _ in range(5 if oracle.SAMPLED else 12):
        first, second = (names[k] for k in rng.integers(len(names), size=2))
        x, y = oracle.sample(rng, (0, 9), first, 40), oracle.sample(rng, (0, 9), second, 40)
        want = x + y
        if want.dtype.itemsize >= 8 and want.dtype.kind in "fc" and not ctx.traits.fp64:
            want = want.astype(dtypes.without_fp64(want.dtype))
        got = to_array(x) + to_array(y)
        assert got.dtype == want.dtype, (first, second)
        if want.dtype.kind in "biu":
            np.testing.assert_array_equal(got.numpy(), want)
        else:
            np.testing.assert_allclose(got.numpy(), want, rtol=2 * np.finfo(want.dtype).eps)


# errors


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f, i, b: f & f, TypeError, "bitwise_and.*float32"),
        (lambda f, i, b: f << 1, TypeError, "bitwise_left_shift"),
        (lambda f, i, b: -b, TypeError, "logical_not"),
        (lambda f, i, b: b - b, TypeError, "logical_xor"),
        (lambda f, i, b: ops.maximum(f, f + 1j), TypeError, "maximum"),
        (lambda f, i, b: ops.erf(f * 1j), TypeError, "erf"),
        (lambda f, i, b: f + f[1:], ValueError, r"\(4,\).*\(3,\)"),
        (lambda f, i, b: ops.add(f), TypeError, "2 operands, 1"),
        (lambda f, i, b: ops.exp(f, f), TypeError, "1 operands, 2"),
        (lambda f, i, b: i + 300, OverflowError, "int8"),
        (lambda f, i, b: f + "text", TypeError, None),
        (lambda f, i, b: f + object(), TypeError, None),
        (lambda f, i, b: ops.add(f, np.array(["a"])), TypeError, "dtype"),
    ],
)
def test_bad_operands(call, error, words, ctx):
    f = to_array(np.arange(4, dtype=np.float32))
    i, b = to_array(np.arange(4, dtype=np.int8)), to_array(np.array([True, False]))
    with pytest.raises(error, match=words):
        call(f, i, b)
    assert (f + f).numpy().tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("value", [300, -1, 2**64])
def test_comparisons_with_integers_out_of_range_are_exact(value, ctx):
    x = np.array([0, 1, 255], np.uint8)
    a = to_array(x)
    for compare in ("__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"):
        np.testing.assert_array_equal(getattr(a, compare)(value).numpy(), getattr(x, compare)(value), compare)


def test_no_fp64_is_said(ctx):
    if ctx.traits.fp64:
        pytest.skip(f"{ctx.device.hardware} has fp64")
    with pytest.raises(TypeError, match="float32"):
        to_array(np.zeros(3))
    a = to_array([1.0, 2.0])
    assert a.dtype == np.float32
    assert (to_array(np.arange(3)) / 2).dtype == np.float32
    with pytest.raises(TypeError, match="fp64"):
        a.astype("float64")


# writing into arrays that exist


def test_out(ctx, rng):
    x, y = rng.standard_normal((2, 6, 8)).astype(np.float32)
    a, b = to_array(x), to_array(y)
    whole = np.zeros((12, 8), np.float32)
    target = to_array(whole)
    got = ops.add(a, b, out=target[::2])
    whole[::2] = x + y
    assert got.block is target.block
    np.testing.assert_array_equal(target.numpy(), whole)
    ops.subtract(a, b, out=target.reshape(2, 6, 8)[1])
    whole.reshape(2, 6, 8)[1] = x - y
    np.testing.assert_array_equal(target.numpy(), whole)
    ops.multiply(a, 2, out=a)
    np.testing.assert_array_equal(a.numpy(), x * 2)
    exact = to_array(np.zeros((6, 8), np.complex64))
    ops.add(b, 1, out=exact)
    np.testing.assert_array_equal(exact.numpy(), (y + 1).astype(np.complex64))


def test_out_is_checked(ctx, rng):
    a = to_array(rng.standard_normal((2, 3)).astype(np.float32))
    with pytest.raises(TypeError, match="int32"):
        ops.add(a, a, out=to_array(np.zeros((2, 3), np.int32)))
    with pytest.raises(ValueError, match="broadcast"):
        ops.add(a, a, out=to_array(np.zeros(3, np.float32)))
    with pytest.raises(TypeError, match="GpuArray"):
        ops.add(a, a, out=np.zeros((2, 3), np.float32))
    stretched = broadcast_to(to_array(np.zeros((1, 3), np.float32)), shape=(2, 3))
    with pytest.raises(ValueError, match="cannot be written"):
        ops.add(a, a, out=stretched)


IN_PLACE = {
    "transposed": lambda x: x.__iadd__(x.T),
    "reversed": lambda x: x.__isub__(x[::-1, ::-1]),
    "own row": lambda x: x.__imul__(x[0]),
    "own column": lambda x: x.__iadd__(x[:, 3:4]),
    "own element": lambda x: x.__isub__(x[4, 4]),
    "down": lambda x: x[1:].__iadd__(x[:-1]),
    "up": lambda x: x[:-1].__iadd__(x[1:]),
    "right": lambda x: x[:, 2:].__isub__(x[:, :-2]),
    "interleaved": lambda x: x[::2].__iadd__(x[1::2]),
    "itself": lambda x: x.__iadd__(x),
    "flat shift": lambda x: x.reshape(-1)[1:].__iadd__(x.reshape(-1)[:-1]),
    "a view of itself": lambda x: x[2:5, ::-1].__imul__(x[1:4, ::-1]),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_with_overlap(name, both_walks, rng):
    x = rng.integers(-50, 50, (8, 8)).astype(np.int32)
    a = to_array(x)
    IN_PLACE[name](a)
    IN_PLACE[name](x)
    np.testing.assert_array_equal(a.numpy(), x)


def assign(x, target, value):
    x[target] = x[value] if isinstance(value, tuple | slice) else value


@pytest.mark.oclgrind
def test_assignment_with_overlap(both_walks, rng):
    """Random slices of one block assigned to one another."""
    x = rng.integers(-99, 99, 60).astype(np.int16)
    a = to_array(x)
    for _ in range(15):
        step, back = rng.choice([1, 2, 3, -1, -2], 2)
        count = int(rng.integers(1, 60 // max(abs(step), abs(back)) + 1))
        first, second = (_slice(rng, int(s), count, 60) for s in (step, back))
        a[first] = a[second]
        x[first] = x[second].copy()
        np.testing.assert_array_equal(a.numpy(), x, f"{first} = {second}")


def _slice(rng, step, count, size):
    """A slice of `count` elements somewhere in `size`."""
    span = (count - 1) * abs(step)
    low = int(rng.integers(0, size - span))
    if step > 0:
        return slice(low, low + span + 1, step)
    return slice(low + span, low - 1 if low else None, step)


@pytest.mark.parametrize("operator", ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"])
def test_in_place_operators(operator, ctx, rng):
    x = rng.uniform(1, 4, (5, 7)).astype(np.float32)
    y = rng.uniform(1, 3, 7).astype(np.float32)
    a, base = to_array(x), None
    base, same = a, getattr(a, f"__{operator}__")(to_array(y))
    assert same is base
    getattr(x, f"__{operator}__")(y)
    np.testing.assert_allclose(a.numpy(), x, rtol=1e-6)
    getattr(a[1:, ::2], f"__{operator}__")(2)
    getattr(x[1:, ::2], f"__{operator}__")(2)
    np.testing.assert_allclose(a.numpy(), x, rtol=1e-6)


@pytest.mark.parametrize("operator", ["iand", "ior", "ixor", "ilshift", "irshift"])
def test_in_place_bits(operator, ctx, rng):
    x, y = rng.integers(0, 2**20, 33).astype(np.int64), rng.integers(0, 9, 33).astype(np.int32)
    a = to_array(x)
    getattr(a, f"__{operator}__")(to_array(y))
    getattr(x, f"__{operator}__")(y)
    np.testing.assert_array_equal(a.numpy(), x)


def test_in_place_keeps_dtype_and_shape(ctx):
    a = to_array(np.arange(4, dtype=np.int32))
    with pytest.raises(TypeError, match="int32"):
        a /= 2
    with pytest.raises(TypeError, match="int32"):
        a += 0.5
    with pytest.raises(ValueError, match="broadcast"):
        a += to_array(np.zeros((2, 4), np.int32))
    assert a.numpy().tolist() == [0, 1, 2, 3]


def test_assigned_values(ctx, rng):
    for dtype in rng.choice(oracle.supported(ctx.traits), 2 if oracle.SAMPLED else 4, replace=False):
        x = oracle.sample(rng, (-9, 9), dtype, (4, 6))
        a = to_array(x)
        row = oracle.sample(rng, (-9, 9), dtype, 3)
        for value in (1, row[0], row, row.astype(np.float32), [[1, 0, 1]], row.reshape(1, 1, 3)):
            a[1:3, ::2] = value
            x[1:3, ::2] = value
            np.testing.assert_array_equal(a.numpy(), x)
        a[3, 1] = to_array(row)[2]
        x[3, 1] = row[2]
        a[...] = a[::-1]
        np.testing.assert_array_equal(a.numpy(), x[::-1])
    for bad in (300, -(2**40)):
        with pytest.raises(OverflowError):
            to_array(np.zeros(3, np.int8))[:] = bad
    with pytest.raises(TypeError):
        to_array(np.zeros(3, np.float32))[:] = 1j


def test_more_than_2_to_the_31_elements(both_walks, rng):
    """Rows that lie 2**31 elements apart, in memory of which most is never touched."""
    far, context = 2**31, both_walks
    if context.traits.max_alloc < far + 64:
        pytest.skip(f"{context.device.hardware} allocates at most {context.traits.max_alloc:,} bytes at once")
    whole = GpuArray(Layout.of(np.dtype("int8"), (far + 64,)), 0, context.memory.allocate(far + 64))
    rows = GpuArray(Layout.of(np.dtype("int8"), (2, 64), (far, 1)), 0, whole.block, whole)
    x = rng.integers(-100, 100, (2, 64)).astype(np.int8)
    rows[...] = x
    np.testing.assert_array_equal((rows[:, ::-1] + 1).numpy(), x[:, ::-1] + 1)
    np.testing.assert_array_equal(whole[far:].numpy(), x[1])
    np.testing.assert_array_equal(rows.T.numpy(), x.T)
