"""The gradients of the table against differences, on NumPy: no device is needed to try a formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from clarray.core import ops
from clarray.core.operators import Operators


class Value(Operators):
    """A NumPy array on which the rows are NumPy's functions: gradients can be tried without a device."""

    _bind_rank = 1

    def __init__(self, array):
        self.array = np.asarray(array)

    @property
    def dtype(self):
        return self.array.dtype

    def _bind(self, op, operands, params):
        beyond = {
            "rsqrt": lambda x: x**-0.5,
            "gamma": special.gamma,
            "lgamma": special.gammaln,
            "digamma": special.digamma,
            "var": lambda x, m, axis, keepdims, correction: (
                np.sum((x - m) ** 2, axis, keepdims=keepdims) / (x.size // m.size - correction)
            ),
        }
        function = beyond.get(op.name) or getattr(np, op.name, None) or getattr(special, op.name)
        arrays = [x.array if isinstance(x, Value) else x for x in operands]
        return type(self)(function(*arrays, **params))


def differences(function, xs, k, step=1e-6):
    """The derivative of sum(function(xs)) to each element of xs[k], by central differences."""
    result = np.zeros_like(xs[k])
    for i in np.ndindex(result.shape):
        ends = []
        for sign in (1, -1):
            moved = [x.copy() for x in xs]
            moved[k][i] += sign * step
            ends.append(function(*map(Value, moved)).array)
        result[i] = np.sum(ends[0] - ends[1]) / (2 * step)
    return result


differentiable = [op for op in ops.UFUNCS.values() if op.gradient and "f" in op.code]
UNKNOWN = {("zeta", "s")}  # derivatives without a formula: NaN


@pytest.mark.parametrize("op", differentiable, ids=lambda op: op.name)
def test_gradient_is_the_derivative(op):
    rng = np.random.default_rng(5)
    first = int(op.condition)
    domains = op.domain if isinstance(op.domain[0], tuple) else [op.domain] * (len(op.letters) - first)
    xs = [rng.uniform(*d, 40) for d in domains]
    condition = [Value(rng.uniform(size=40) < 0.5)] * first
    terms = condition + [Value(x) for x in xs]
    out = op(*terms)
    got = op.grad(Value(np.ones(40)), out, terms, {})[first:]
    for k, gradient in enumerate(got):
        if (op.name, op.letters[k + first]) in UNKNOWN:
            assert np.isnan(gradient.array).all()
        elif gradient is not None:
            want = differences(lambda *values: op(*condition, *values), xs, k)
            np.testing.assert_allclose(np.broadcast_to(gradient.array, 40), want, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", [op.name for op in ops.REDUCTIONS.values() if op.gradient and op.name not in ("var",)])
@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_reduction_gradient_is_the_derivative(name, zeros):
    op = ops.REDUCTIONS[name]
    x = np.random.default_rng(6).uniform(0.5, 1.5, (4, 5))
    if name == "prod":
        x[1, :zeros] = 0
        x[2, : zeros // 2] = 0
    params = {"axis": 1, "keepdims": True}
    out = op(Value(x), **params)
    got = op.grad(Value(np.ones((4, 1))), out, [Value(x)], {"axis": 1, "count": 5})[0]
    want = differences(lambda v: op(v, **params), [x], 0)
    np.testing.assert_allclose(np.broadcast_to(got.array, x.shape), want, rtol=2e-5, atol=1e-6)


def test_variance_gradient_is_the_derivative():
    x = np.random.default_rng(6).uniform(0.5, 1.5, (4, 5))
    mean = Value(x.mean(1, keepdims=True))
    got = ops.var.grad(Value(np.ones((4, 1))), None, [Value(x), mean], {"axis": 1, "count": 5, "correction": 1})[0]
    want = differences(lambda v: v.var(1, 1, keepdims=True), [x], 0)
    np.testing.assert_allclose(got.array, want, rtol=2e-5, atol=1e-6)


def test_ties_share_the_gradient():
    x = Value(np.array([[2.0, 1, 2], [3, 3, 3]]))
    got = ops.max.grad(Value(np.ones((2, 1))), ops.max(x, axis=1, keepdims=True), [x], {"axis": 1, "count": 3})[0]
    np.testing.assert_allclose(got.array, [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    g, y, z = Value(np.ones(3)), Value(np.array([1.0, 2, 3])), Value(np.array([2.0, 2, 2]))
    left, right = ops.maximum.grad(g, None, [y, z], {})
    np.testing.assert_allclose([left.array, right.array], [[0, 0.5, 1], [1, 0.5, 0]])
