"""Every rule of the database: it fires, it keeps the value (of NaNs, infinities, zeros with signs and integers too)
and the gradient, and it declines where it would not. Values are the host's references; no device.
"""

from __future__ import annotations

import numpy as np
import pytest
from rewrite_cases import CASES, DECLINED, k, m, n, x

import clarray.tensor as T
from clarray.core import ops
from clarray.graph.inside.estimates import Estimates, difference
from clarray.graph.inside.printing import pp
from clarray.graph.rewriting import COMPILED, DATABASE, Query, rebuilt, rewrite
from clarray.graph.rewriting.database import remove
from clarray.graph.walk import leaves, toposort

EXAMPLES = [(rule, *case, {})[:4] for rule, cases in CASES.items() for case in cases]
OPTIONAL = [e for e in EXAMPLES if DATABASE[e[0]].phase != "required"]  # of others nothing is left to compare with
SPECIALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 700.0, -800.0, 1e-30]


def rewritten(written, log=None):
    return rebuilt([written], log=log)[0]


def sampled(rng, written, given, special=False):
    """Values for the leaves, five elements along every axis; with `special`, one in three is an awkward one."""
    values = {}
    for v in leaves([written]):
        if hasattr(v, "value"):
            continue
        shape = tuple(1 if one else 5 for one in v.broadcastable)
        if v.name in given:
            values[v] = np.asarray(given[v.name]).astype(v.dtype)
        elif v.aval.dtype.kind in "biu":
            values[v] = rng.integers(0, 2 if v.dtype == "bool" else 100, shape).astype(v.dtype)
        else:
            values[v] = rng.uniform(-2, 2, shape).astype(v.dtype)
            if special:
                awkward = rng.random(shape) < 0.3
                values[v] = np.where(awkward, rng.choice(SPECIALS, shape), values[v]).astype(v.dtype)
    return values


def estimated(variable, values):
    estimates = Estimates()
    for v, value in values.items():
        estimates.give(v, value)
    found = estimates.of(variable)
    assert found is not None
    assert not estimates.unchecked
    return found


def test_every_rule_has_examples():
    rules = {name for name, entry in DATABASE.items() if entry.function is not None}
    assert rules == set(CASES)
    assert all(DATABASE[name].doc for name in DATABASE)


@pytest.mark.parametrize(("rule", "written", "expected", "given"), EXAMPLES)
def test_it_fires_and_keeps_the_type(rule, written, expected, given):
    log = []
    result = rewritten(written, log)
    assert rule in [entry.rule.name for entry in log]
    assert result.type == written.type
    assert result.aval.weak is written.aval.weak
    if expected is not None:
        assert pp(result) == expected
    if DATABASE[rule].phase != "required":
        log = []
        rebuilt([written], phases=Query(frozenset(COMPILED)).excluding(rule), log=log)
        assert rule not in [entry.rule.name for entry in log]


@pytest.mark.parametrize("special", [False, True], ids=["plain", "special"])
@pytest.mark.parametrize(("rule", "written", "expected", "given"), OPTIONAL)
def test_it_keeps_the_value(rule, written, expected, given, special, rng):
    result = rewritten(written)
    for _ in range(5):
        values = sampled(rng, written, given, special)
        before, after = estimated(written, values), estimated(result, values)
        stabilized = DATABASE[rule].phase == "stabilize"
        assert difference(after.own, before, 8 * after.spread, blind=stabilized) is None
        if not stabilized and written.aval.dtype.kind == "f" and rule in SIGNS:
            nonzero = before.own != 0
            assert (np.signbit(after.own) == np.signbit(before.own))[~nonzero].all()


SIGNS = {
    "drop_zero_term",
    "absorb_negative_terms",
    "pull_out_negatives",
    "drop_multiply_by_one",
    "drop_double_negative",
}
SMOOTH = [e for e in EXAMPLES if e[1].aval.dtype == np.float64 and not isinstance(e[2], dict)]
SMOOTH = [
    e
    for e in SMOOTH
    if e[0] not in ("drop_barrier", "take_apart") and any(v.dtype == "float64" for v in leaves([e[1]]))
]


@pytest.mark.parametrize(("rule", "written", "expected", "given"), SMOOTH)
def test_it_keeps_the_gradient(rule, written, expected, given, rng):
    """Of what was written, by differences; of what it becomes, by `grad`."""
    values = {v: np.abs(a) + 0.3 if a.dtype.kind == "f" else a for v, a in sampled(rng, written, {}).items()}
    if "k" in given:
        values[k] = given["k"]
    wrt = [v for v in values if v.dtype == "float64"]
    shape = estimated(written, values).own.shape
    weights = T.constant(rng.uniform(1, 2, shape))
    cost, result = (weights * written).sum(), (weights * rewritten(written)).sum()
    gradients = T.grad(result, wrt, disconnected_inputs="ignore")
    for v, gradient in zip(wrt, gradients, strict=True):
        got = estimated(gradient, values).own
        direction = rng.normal(size=values[v].shape)
        step = 1e-6
        up, down = (estimated(cost, {**values, v: values[v] + d * direction}).own for d in (step, -step))
        np.testing.assert_allclose((got * direction).sum(), (up - down) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("written", DECLINED, ids=pp)
def test_nothing_fires(written):
    (merged,) = rebuilt([written], phases=())
    assert [node.op for node in toposort([rewritten(written)])] == [node.op for node in toposort([merged])]


def test_what_is_used_twice_is_computed_once():
    whole = m + n
    for view in (whole.T, whole[0]):
        a, c = rebuilt([view * 2, whole])
        assert sum(node.op is ops.add for node in toposort([a, c])) == 1
    total = m.sum(axis=1)
    assert sum(node.op is ops.sum for node in toposort(rebuilt([total.sum(), total]))) == 2


def test_rules_that_work_against_each_other_come_to_an_end():
    @rewrite(ops.sin)
    def there(node):
        """sin(x) -> cos(x)"""
        return ops.cos(node.inputs[0])

    @rewrite(ops.cos)
    def back(node):
        """cos(x) -> sin(x)"""
        return ops.sin(node.inputs[0])

    try:
        with pytest.warns(UserWarning, match=r"do not come to an end at (sin|cos)\(\), made at .*: (there|back) would"):
            rewritten(T.sin(x))
    finally:
        remove("there")
        remove("back")
    assert pp(rewritten(T.sin(x))) == "sin(x)"


def test_registering():
    with pytest.raises(ValueError, match="'early' is not a phase; they are required, canonicalize"):
        rewrite(ops.sin, phase="early")(lambda node: None)
    with pytest.raises(ValueError, match="take_apart: the name is taken"):

        @rewrite(ops.sin)
        def take_apart(node):
            """twice"""


def test_choices():
    query = Query()
    assert set(query.names) == set(DATABASE)
    assert "fusion" not in query.excluding("fusion")
    assert "fold_constants" in query.excluding("stabilize")
    assert "drop_log_of_exp" not in query.excluding("stabilize")
    assert "drop_log_of_exp" in query.excluding("stabilize").including("drop_log_of_exp")
    assert "take_apart" in query.excluding("required", "take_apart")
    assert Query(frozenset()).names == []
    assert [name for name in query.within("inplace").names if DATABASE[name].phase != "required"] == ["inplace"]
