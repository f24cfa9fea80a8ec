"""Second derivatives of every row and of every larger Op, against differences of the first, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from differentiable import COMPLEX, ONE, TWO

import clarray as ca
import clarray.tensor as T
from clarray.core import ops

pytestmark = pytest.mark.usefixtures("fp64")

STEP = 1e-5
POINTS = 24
MODE = "FAST_COMPILE"  # kernels of one operation each: the tests share them
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
    f = ca.function(xs, [*first, *second], mode=MODE, on_unused_input="ignore")
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
    weight = rng.uniform(0.5, 1.5, ca.function(xs, out, mode=MODE)(*values).shape)
    first = T.grad((out * weight).sum(), xs)
    assert [g.type for g in first] == [x.type for x in xs]
    parts = [rng.uniform(0.5, 1.5, v.shape) for v in values]
    along = sum(T.real(g * r).sum() for g, r in zip(first, parts, strict=True))
    second = T.grad(along, xs, disconnected_inputs="ignore")
    directions = [draw(rng, v) for v in values]
    turned = ca.Rop([out, *first], xs, [T.constant(d) for d in directions])
    f = ca.function(xs, [along, *second, out, *turned], mode=MODE)
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


@pytest.mark.parametrize("build", ONE.values(), ids=ONE)
def test_of_one_operand(build, any_ctx, rng):
    values = rng.permutation(np.linspace(0.6, 1.9, 12)).reshape(3, 4)  # well apart: no ties near
    check(build, values, rng=rng)


@pytest.mark.parametrize(("build", "first", "second"), TWO.values(), ids=TWO)
def test_of_two_operands(build, first, second, any_ctx, rng):
    check(build, rng.uniform(0.5, 1.5, first), rng.uniform(0.5, 1.5, second), rng=rng)


@pytest.mark.parametrize("build", COMPLEX.values(), ids=COMPLEX)
def test_of_complex(build, any_ctx, rng):
    check(build, rng.uniform(0.5, 1, (3, 4)) + 1j * rng.uniform(0.5, 1, (3, 4)), rng=rng)
