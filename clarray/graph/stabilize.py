"""Rules that keep precision: forms that overflow or cancel, written as functions that do not.

`grad` applies them before it differentiates, so that derivatives are stable too.
"""

from __future__ import annotations

from clarray.core import ops, rows
from clarray.core.op import Op

from .rewrites import is_one, rewrite, value_of
from .variable import Apply, Variable


def made_by(x: Variable, *operations: Op) -> Apply | None:
    """The node that made a variable, if its operation is one of these."""
    return x.owner if x.owner is not None and x.owner.op in operations else None


def _real(node: Apply) -> bool:
    dtype = node.out.aval.dtype
    return dtype.kind == "f" and all(x.aval.dtype == dtype for x in node.operands if value_of(x) is None)


def one_plus(x: Variable) -> Variable | None:
    """y, where x is 1 + y or y + 1."""
    node = made_by(x, ops.add)
    if node is None:
        return None
    a, b = node.inputs
    return b if is_one(a) else a if is_one(b) else None


@rewrite(ops.divide, ops.reciprocal, phase="stabilize")
def sigmoid_of_quotient(node: Apply) -> Variable | None:
    """1 / (1 + exp(x)) -> expit(-x)"""
    if (node.op is ops.divide and not is_one(node.inputs[0])) or not _real(node):
        return None
    rest = one_plus(node.inputs[-1])
    exponential = rest is not None and made_by(rest, ops.exp)
    return ops.expit(negated(exponential.inputs[0])) if exponential else None


def negated(x: Variable) -> Variable:
    """-x; of a negative, what it negates, and of -x - y the sum."""
    node = made_by(x, ops.negative, ops.subtract)
    if node is None:
        return -x
    if node.op is ops.negative:
        return node.inputs[0]
    inner = made_by(node.inputs[0], ops.negative)
    return inner.inputs[0] + node.inputs[1] if inner else -x


@rewrite(ops.subtract, phase="stabilize")
def sigmoid_of_complement(node: Apply) -> Variable | None:
    """1 - expit(x) -> expit(-x)"""
    sigmoid = is_one(node.inputs[0]) and made_by(node.inputs[1], ops.expit)
    return ops.expit(negated(sigmoid.inputs[0])) if sigmoid and _real(node) else None


@rewrite(ops.log, phase="stabilize")
def softplus_of_log(node: Apply) -> Variable | None:
    """log(expit(x)) -> -softplus(-x), log(1 + exp(x)) -> softplus(x), log(1 + x) -> log1p(x)"""
    (x,) = node.inputs
    if not _real(node):
        return None
    sigmoid = made_by(x, ops.expit)
    if sigmoid:
        return -softplus(negated(sigmoid.inputs[0]))
    rest = one_plus(x)
    if rest is None:
        return None
    exponential = made_by(rest, ops.exp)
    return softplus(exponential.inputs[0]) if exponential else ops.log1p(rest)


@rewrite(ops.log1p, phase="stabilize")
def softplus_of_log1p(node: Apply) -> Variable | None:
    """log1p(exp(x)) -> softplus(x), log1p(-expit(x)) -> -softplus(x)"""
    (x,) = node.inputs
    if not _real(node):
        return None
    exponential = made_by(x, ops.exp)
    if exponential:
        return softplus(exponential.inputs[0])
    negative = made_by(x, ops.negative)
    sigmoid = negative and made_by(negative.inputs[0], ops.expit)
    return -softplus(sigmoid.inputs[0]) if sigmoid else None


@rewrite(ops.log, phase="stabilize")
def logsumexp_of_log(node: Apply) -> Variable | None:
    """log(sum(exp(x))) -> logsumexp(x)"""
    total = made_by(node.inputs[0], ops.sum)
    exponential = total and made_by(total.inputs[0], ops.exp)
    if not exponential or not _real(node) or exponential.inputs[0].aval.dtype != node.out.aval.dtype:
        return None
    params = {k: total.params[k] for k in ("axis", "keepdims") if k in total.params}  # type: ignore[union-attr]
    return ops.logsumexp(exponential.inputs[0], **params)


@rewrite(ops.log, phase="stabilize")
def log_softmax_of_log(node: Apply) -> Variable | None:
    """log(softmax(x)) -> log_softmax(x)"""
    soft = made_by(node.inputs[0], rows.softmax)
    return rows.log_softmax(soft.inputs[0], **soft.params) if soft and _real(node) else None


def softplus(x: Variable) -> Variable:
    """log(1 + exp(x)) without overflow."""
    return ops.logaddexp(x, 0)
