"""Rewrites: each fires, and keeps dtype and pattern; merging; fusion into steps. No device.

That values are kept is tested where functions run.
"""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core import movement, ops
from clarray.graph.inside.printing import pp
from clarray.graph.rewriting import COMPILED, DIFFERENTIATED, rebuilt
from clarray.graph.variable import Constant
from clarray.graph.walk import toposort

x, y = T.vectors("x", "y")
z = T.exp(x)
z.name = None
m = T.matrix("m")

RULES = [
    (x * 1, "x"),
    (1 * x, "x"),
    (x / 1, "x"),
    (T.neg(-x), "x"),
    (+x, "x"),
    (x**1, "x"),
    (x**2, "square(x)"),
    (x**-1.0, "reciprocal(x)"),
    (T.switch(True, x, y), "x"),
    (T.switch(T.constant(0), x, y), "y"),
    (movement.astype(x, dtype="float32"), "x"),
    (movement.broadcast_like(x, x), "x"),
    (m.T.T, "m"),
    (m.dimshuffle(1, 0).dimshuffle(1, 0) + 1, "(m + 1)"),
    (T.disconnected_grad(x), "x"),
    (x.transfer(None).transfer("cpu"), "x"),
    (T.constant(2.0) * 3 + 1, "7.0"),
    (1 / (1 + T.exp(-x)), "expit(x)"),
    (1 / (T.exp(x - y) + 1), "expit((-(x - y)))"),
    (1 / (1 + T.exp(-x - y)), "expit((x + y))"),
    (1 - T.sigmoid(x), "expit((-x))"),
    (T.log(T.sigmoid(x)), "(-logaddexp((-x), 0))"),
    (T.log(1 - T.sigmoid(x)), "(-logaddexp(x, 0))"),
    (T.log(1 + T.exp(x)), "logaddexp(x, 0)"),
    (T.log1p(T.exp(x)), "logaddexp(x, 0)"),
    (T.log1p(-T.sigmoid(x)), "(-logaddexp(x, 0))"),
    (T.log(1 + x), "log1p(x)"),
    (T.log(T.exp(m).sum(axis=1)), "logsumexp(m, axis=1)"),
]


@pytest.mark.parametrize(("written", "expected"), RULES, ids=[e for _, e in RULES])
def test_fires(written, expected):
    (result,) = rebuilt([written])
    assert pp(result) == expected
    assert result.dtype == written.dtype
    assert result.broadcastable == written.broadcastable


DECLINED = [
    x * 2,
    T.ivector("i") ** 5,
    T.ivector("i") / 1,
    x + 0,  # -0.0 + 0 is 0.0
    T.row() * T.constant(np.ones((1, 1, 1), "float32")),
    T.switch(x > 0, x, y),
    x.astype("float64"),
    T.exp(x) - 2,
]


@pytest.mark.parametrize("written", DECLINED, ids=str)
def test_declines(written):
    (result,) = rebuilt([written])
    assert [n.op for n in toposort([result])] == [n.op for n in toposort([written])]


def test_equal_nodes_are_one():
    a, b = rebuilt([T.exp(x) + 1, T.exp(x) + 2])
    assert len(toposort([a, b])) == 3
    assert len(toposort(rebuilt([T.exp(x + 1.0) * T.exp(x + T.constant(1.0))]))) == 3
    zero, minus = rebuilt([x * 0.0, x * -0.0])
    assert zero is not minus
    one, true = rebuilt([x + 1, x + True])
    assert one is not true


def test_what_rules_make_is_merged_too():
    p = 1 / (1 + T.exp(-x))
    results = rebuilt([T.log(p), T.log(1 - p), p])
    assert sum(n.op is ops.logaddexp for n in toposort(results)) == 2
    assert sum(n.op is ops.expit for n in toposort(results)) == 1


def test_phases():
    barrier = T.disconnected_grad(x) * 1
    assert pp(rebuilt([barrier], phases=COMPILED)[0]) == "x"
    assert pp(rebuilt([barrier], phases=DIFFERENTIATED)[0]) == "disconnected_grad(x)"
    assert pp(rebuilt([x * 1], phases=())[0]) == "(x * 1)"


def test_constants_fold_with_their_weakness():
    (folded,) = rebuilt([T.constant(2.0) * 3.0])
    assert isinstance(folded, Constant)
    assert folded.aval.weak is float
    (strong,) = rebuilt([T.constant(np.float64(2)) * 3])
    assert strong.dtype == "float64"
    assert strong.aval.weak is None
    (large,) = rebuilt([T.constant(np.zeros(5000)) + 1])
    assert not isinstance(large, Constant)


def test_a_cycle_is_an_error():
    a = x + 1
    b = a * 2
    a.owner.inputs = (b, a.owner.inputs[1])
    with pytest.raises(ValueError, match="cycle through"):
        toposort([b])


def steps(inputs, outputs, **options):
    f = ca.function(inputs, outputs, on_unused_input="ignore", **options)
    return [s for s in f._schedule.steps if s.kind != "view"]


def test_a_chain_is_one_kernel():
    assert len(steps([x, y], T.tanh(x * y + 1) * T.exp(-x))) == 1
    assert len(steps([x, y], T.tanh(x * y + 1) * T.exp(-x), mode="FAST_COMPILE")) == 6


def test_several_outputs_of_one_kernel():
    assert len(steps([x, y], [x + y, x - y, T.exp(x + y)])) == 1
    (step,) = steps([x, y], [x + y, T.exp(x + y)])
    assert len(step.outputs) == 2


def test_different_shapes_do_not_share_a_kernel():
    assert len(steps([x, m], [x + 1, m + 1])) == 2
    u, v = T.vectors("u", "v")
    assert len(steps([u, v], [u + 1, v + 1])) == 2  # of lengths that may differ


def test_expensive_rows_are_not_recomputed_for_each_element():
    assert len(steps([x, m], m * T.exp(x))) == 2
    assert len(steps([x, m], m * (x + 1))) == 1


def test_a_value_needed_before_and_after_is_stored():
    h = T.tanh(x)
    first, middle, last = steps([x, m], h + m[:, 0] * T.max(h))
    assert [s.kind for s in (first, middle, last)] == ["elementwise", "reduce", "elementwise"]
    assert first.outputs[0] in middle.inputs
    first, product = steps([x, m], h + T.dot(m, h))
    assert [s.kind for s in (first, product)] == ["elementwise", "product"]
    assert product.inputs == [m, first.outputs[0]]


def test_an_elementwise_step_is_the_epilogue_of_its_product():
    n = T.matrix("n")
    for kinds, result in [
        (["product"], T.tanh(T.dot(m, n) + x)),
        (["product"], 2 * T.dot(m, n) + 3 * n),
        (["product"], T.nnet.relu(T.dot(m, x)) * T.exp(x)),
        (["product"], (lambda h: h * T.sigmoid(h))(T.dot(m, n) + x)),  # used twice, but by one step
        (["other", "product"], T.dot(m, n) + T.dot(n, m)),
        (["other", "elementwise"], T.dot(m, n) * T.dot(m, n).dimshuffle(1, 0)),  # stored for the other use
        (["other", "reduce"], T.tanh(T.dot(m, n)).sum()),
        (["other", "elementwise"], T.dot(m, x) + n),  # of another shape
        (["other", "elementwise"], T.second(n, T.dot(m, x)) + 1),
        (["elementwise", "product"], T.dot(T.exp(m), n) + T.exp(m)),
    ]:
        assert [s.kind for s in steps([m, n, x], result)] == kinds
        assert all(s.kind != "product" for s in steps([m, n, x], result, mode="FAST_COMPILE"))


def test_what_two_steps_need_of_a_product_is_stored_by_it():
    n = T.matrix("n")
    h = T.dot(m, n) + x
    product, *others = steps([m, n, x], [T.nnet.relu(h), T.dot(n, h)])
    assert product.kind == "product"
    assert product.outputs == [others[0].inputs[0]]
    product, last = steps([m, n, x], [T.dot(m, n), T.dot(m, n) + 1])
    assert [product.kind, last.kind] == ["other", "elementwise"]


def test_reduction_takes_in_its_operand():
    (step,) = steps([x, y], T.sqr(x - y).sum())
    assert step.kind == "reduce"
    assert len(steps([m], (m / m.sum(axis=1, keepdims=True)))) == 2
    assert len(steps([m], T.nnet.softmax(m))) == 1


def test_only_the_shape_is_needed():
    h = T.dot(m, m)
    assert steps([m], T.zeros_like(h) + 1)[0].kind == "elementwise"
    assert len(steps([m], T.zeros_like(h) + 1)) == 1
    assert steps([m], h.shape) == []


def test_kernels_have_a_limit():
    deep = x
    for _ in range(1000):
        deep = T.sin(deep)
    assert 1000 / 128 <= len(steps([x], deep)) <= 20
    wide = T.vectors(*[f"w{k}" for k in range(100)])
    total = wide[0]
    for v in wide[1:]:
        total = total * v + 1
    for step in steps(wide, total):
        assert len(step.inputs) + len(step.outputs) < 40


def test_diamonds_stay_acyclic():
    a = T.exp(x)
    b = T.dot(m, a)
    c = T.sin(a) + T.tanh(b)
    d = T.dot(m, c)
    assert len(steps([x, m], [a + d, c * b, d])) >= 4


def test_ten_thousand_nodes():
    values = [x]
    for k in range(10_000):
        values.append(values[-1] * values[k // 2] + 1)
    assert len(steps([x], values[-1])) > 10
    names = [T.scalar(f"s{k}") for k in range(2000)]
    assert steps(names, sum(names[1:], names[0]))
