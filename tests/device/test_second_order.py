"""Second derivatives of every row and of every larger Op, against differences of the first, in float64."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core import cumulative, fft, indexing, joining, movement, ops, rows, sorting
from clarray.core.linear import gemm, matmul, tensordot
from clarray.core.op import Op

pytestmark = pytest.mark.usefixtures("fp64")

STEP = 1e-5
POINTS = 24
DIFFERENTIABLE = [op for op in ops.UFUNCS.values() if op.gradient and "f" in op.code]


def stencil(f, step=STEP):
    """The derivative at 0 of a function of one number, by differences of fourth order."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=lambda op: op.name)
def test_ufunc(op, any_ctx, rng):
    """Each element by itself: the derivatives of sum(r * first gradients) for each operand."""
    count = len(op.letters) - op.condition
    domains = [op.domain] * count if isinstance(op.domain[0], float) else list(op.domain)
    values = [rng.uniform(*domain, POINTS) for domain in domains]
    conditions = [rng.random(POINTS) < 0.5] if op.condition else []
    xs = [T.dvector(f"x{k}") for k in range(count)]
    first = T.grad((op(*conditions, *xs) * rng.uniform(0.5, 2, POINTS)).sum(), xs)
    weights = [rng.uniform(0.5, 2, POINTS) for _ in xs]
    if op.name == "zeta":
        first[0], weights[0] = T.zeros_like(first[0]), 0  # the one derivative without a formula
    along = sum((g * r).sum() for g, r in zip(first, weights, strict=True))
    second = T.grad(along, xs, disconnected_inputs="ignore")  # add's gradient depends on nothing
    f = ca.function(xs, [*first, *second], on_unused_input="ignore")
    got = f(*values)[count:]
    for k in range(count):

        def moved(step, k=k):
            found = f(*(v + step * (j == k) for j, v in enumerate(values)))[:count]
            return sum(g * r for g, r in zip(found, weights, strict=True))

        if op.name == "zeta" and k == 0:
            continue  # the one derivative without a formula
        want, nearer = stencil(moved), stencil(moved, STEP / 7)
        smooth = np.abs(nearer - want) < 1e-4 * (1 + np.abs(want))  # no jump of fmod, no corner of clip
        np.testing.assert_allclose(got[k][smooth], want[smooth], rtol=1e-6, atol=1e-6, err_msg=op.letters[k])
        assert smooth.sum() > POINTS / 2


def check(build, *values, rng, rtol=1e-6):
    """Second derivatives of a real expression along random directions, and its vector products both ways."""
    values = [np.asarray(v) for v in values]
    xs = [T.tensor(v.dtype.name, tuple(n == 1 for n in v.shape), f"x{k}") for k, v in enumerate(values)]
    out = build(*xs)
    weight = rng.uniform(0.5, 1.5, ca.function(xs, out)(*values).shape)
    first = T.grad((out * weight).sum(), xs)
    assert [g.type for g in first] == [x.type for x in xs]
    parts = [rng.uniform(0.5, 1.5, v.shape) for v in values]
    along = sum(T.real(g * r).sum() for g, r in zip(first, parts, strict=True))
    second = T.grad(along, xs, disconnected_inputs="ignore")
    directions = [draw(rng, v) for v in values]
    turned = ca.Rop([out, *first], xs, [T.constant(d) for d in directions])
    f = ca.function(xs, [along, *second, out, *turned])
    count = len(xs)
    _, *rest = f(*values)
    got = sum(float(np.real(g * d).sum()) for g, d in zip(rest[:count], directions, strict=True))

    def moved(step):
        found = f(*(v + step * d for v, d in zip(values, directions, strict=True)))
        return np.concatenate([[found[0]], found[1 + count].ravel()])

    want = stencil(moved, 1e-4)
    np.testing.assert_allclose(got, want[0], rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(rest[count + 1].ravel(), want[1:], rtol=rtol, atol=1e-7, err_msg="Rop")
    through = sum(float(np.real(g * r).sum()) for g, r in zip(rest[count + 2 :], parts, strict=True))
    np.testing.assert_allclose(through, want[0], rtol=rtol, atol=1e-7, err_msg="Rop of the gradient")


def draw(rng, like):
    d = rng.uniform(0.5, 1, like.shape)
    return d + 1j * rng.uniform(0.5, 1, like.shape) if like.dtype.kind == "c" else d


def cube(x):
    """Something whose second derivative is not zero."""
    return x * x * x


INDEX = np.array([[0, 2], [2, 1]])
WHOLE = (None, None, None)
REDUCED = {
    f"{op.name} {axis}": lambda x, op=op, axis=axis: op(x, axis=axis) * op(x, axis=axis)
    for op in ops.REDUCTIONS.values()
    if op.gradient and op.name != "var"
    for axis in (None, 1)
}
ONE = {
    **REDUCED,
    "var": lambda x: T.var(x, axis=0),
    "std": lambda x: T.std(x),
    "permute_dims": lambda x: cube(movement.permute_dims(x, axes=(1, 0))),
    "reshape": lambda x: cube(movement.reshape(x, shape=(2, -1))),
    "reshape_like": lambda x: cube(movement.reshape_like(x, T.constant(np.zeros((2, 6))))),
    "broadcast_to": lambda x: cube(movement.broadcast_to(x, shape=(2, 3, 4))),
    "broadcast_like": lambda x: cube(movement.broadcast_like(x[0], x * 2)),
    "slice": lambda x: cube(x[1:, ::-2]) * x[0, 1],
    "unslice": lambda x: cube(movement.unslice(cube(x), T.constant(np.zeros((6, 9))), index=((1, 4, None), (0, 8, 2)))),
    "astype": lambda x: cube(x).astype("float64"),
    "where": lambda x: T.switch(x > 1, cube(x), x * x),
    "clip": lambda x: cube(T.clip(x * x, 0.5, 1.5)),
    "take": lambda x: cube(indexing.take(x, T.constant(INDEX), axes=(0,), position=0)),
    "take 2": lambda x: cube(x[np.array([0, 2, 2]), np.array([1, 1, 3])]),
    "gather_back": lambda x: cube(
        indexing.gather_back(cube(x), T.constant(np.zeros((5, 4))), T.constant(INDEX[:, 0][[0, 1, 1]]),
                             axes=(0,), position=0, ordered=False)
    ),
    "cumulative_sum": lambda x: cube(cumulative.cumulative_sum(cube(x), axis=1)),
    "cumulative_prod": lambda x: cumulative.cumulative_prod(x, axis=0),
    "sort": lambda x: cube(sorting.sort(x * x, axis=1, descending=False)) * x,
    "topk": lambda x: cube(sorting.topk(x * x, axis=1, k=2, descending=True)[0]),
    "softmax": lambda x: rows.softmax(x, axis=1) * x,
    "log_softmax": lambda x: rows.log_softmax(x, axis=0) * x,
    "layer_norm": lambda x: rows.layer_norm(x, axis=1, epsilon=0.01) * x,
    "rfft": lambda x: T.real(cube(fft.rfft(x, axis=1))) + T.imag(fft.rfft(x * x, axis=-1, n=5, norm="ortho")),
    "irfft": lambda x: cube(fft.irfft(fft.rfft(cube(x), axis=0), axis=0, n=4)),
    "fft": lambda x: T.real(fft.ifft(cube(fft.fft(x, axis=0)), axis=1, n=3)),
    "hfft": lambda x: cube(fft.hfft(fft.ihfft(x, axis=1), axis=1)),
    "sqrt of sum": lambda x: T.sqrt((x * x).sum(axis=1, keepdims=True)) * x,
    "dot": lambda x: T.dot(x, x.T),
    "rebroadcast": lambda x: cube(T.addbroadcast(x[:1], 0) * x),
    "disconnected_grad": lambda x: x * x,
    "grad_scale": lambda x: cube(x),
}  # fmt: skip


@pytest.mark.parametrize("build", ONE.values(), ids=ONE)
def test_of_one_operand(build, any_ctx, rng):
    values = rng.permutation(np.linspace(0.6, 1.9, 12)).reshape(3, 4)  # well apart: no ties near
    check(build, values, rng=rng)


TWO = {
    "matmul": (lambda a, b: matmul(a, b) * matmul(cube(a), b), (3, 4), (4, 2)),
    "matmul of stacks": (lambda a, b: cube(matmul(a, b)), (2, 3, 4), (4, 2)),
    "matrix and vector": (lambda a, b: cube(matmul(a, b)), (3, 4), (4,)),
    "vector and matrix": (lambda a, b: cube(matmul(a, b)), (4,), (4, 2)),
    "two vectors": (lambda a, b: cube(matmul(a, b)), (4,), (4,)),
    "gemm": (lambda a, b: cube(gemm(a, b, alpha=0.5)), (3, 4), (4, 2)),
    "tensordot": (lambda a, b: cube(tensordot(a, b, axes=((1, 0), (0, 2)))), (2, 3, 2), (3, 2, 2)),
    "concat": (lambda a, b: cube(joining.concat(a, b * b, axis=1)), (2, 3), (2, 2)),
    "put": (
        lambda a, b: cube(indexing.put(a, b * b, T.constant(np.array([2, 0])), axes=(0,), position=0)), (3, 4), (2, 4)
    ),
    "put_add": (
        lambda a, b: cube(
            indexing.put_add(a, b * b, T.constant(np.array([2, 2])), axes=(0,), position=0, ordered=False)
        ), (3, 4), (2, 1),
    ),
    "put_slice": (lambda a, b: cube(Op.registry["put_slice"](a, b * b, index=((1, None, None),))), (3, 4), (2, 4)),
    "add_slice": (lambda a, b: cube(Op.registry["add_slice"](a, b * b, index=((1, None, None),))), (3, 4), (4,)),
    "layer_norm with a weight": (lambda a, b: rows.layer_norm(a, b * b, axis=1, epsilon=0.1) * a, (3, 4), (4,)),
    "broadcasting": (lambda a, b: cube(a * b) / (1 + b), (3, 1), (1, 4)),
}  # fmt: skip


@pytest.mark.parametrize(("build", "first", "second"), TWO.values(), ids=TWO)
def test_of_two_operands(build, first, second, any_ctx, rng):
    check(build, rng.uniform(0.5, 1.5, first), rng.uniform(0.5, 1.5, second), rng=rng)


COMPLEX = {
    "abs": lambda z: T.abs_(z) * T.real(z),
    "sign": lambda z: T.real(T.sgn(z) * z * z),
    "angle": lambda z: ca.angle(z) * T.real(z),
    "conj": lambda z: T.real(T.conj(z) * z * z),
    "exp": lambda z: T.imag(T.exp(z) * z),
    "matmul": lambda z: T.real(matmul(z, cube(z).T)),
    "fft": lambda z: T.real(cube(fft.fft(z, axis=1))),
    "mixed": lambda z: T.abs_(T.real(z) * z * z),
}


@pytest.mark.parametrize("build", COMPLEX.values(), ids=COMPLEX)
def test_of_complex(build, any_ctx, rng):
    check(build, rng.uniform(0.5, 1, (3, 4)) + 1j * rng.uniform(0.5, 1, (3, 4)), rng=rng)
