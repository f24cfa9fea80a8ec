"""Rules that keep precision: forms that overflow or cancel, written as functions that do not.

`grad` applies them before it differentiates, so that derivatives are stable too.
"""

from __future__ import annotations

import numpy as np

from clarray.core import movement, ops, rows
from clarray.core.aval import normalize_axes
from clarray.core.indexing import take

from ..variable import Apply, Variable
from .database import rewrite
from .matching import is_one, made_by, negated, number, one_plus, real, value_of


@rewrite(ops.divide, ops.reciprocal, phase="stabilize")
def sigmoid_of_quotient(node: Apply) -> Variable | None:
    """1 / (1 + exp(x)) -> expit(-x), y / (1 + exp(x)) -> y * expit(-x)"""
    if not real(node):
        return None
    rest = one_plus(node.inputs[-1])
    exponential = rest is not None and made_by(rest, ops.exp)
    if not exponential:
        return None
    sigmoid = ops.expit(negated(exponential.inputs[0]))
    return sigmoid if node.op is ops.reciprocal or is_one(node.inputs[0]) else node.inputs[0] * sigmoid


@rewrite(ops.multiply, phase="stabilize")
def sigmoid_of_product(node: Apply) -> Variable | None:
    """exp(x) * expit(-x) -> expit(x), which exp(x) / (1 + exp(x)) becomes too"""
    if not real(node):
        return None
    for a, b in (node.inputs, node.inputs[::-1]):
        exponential, sigmoid = made_by(a, ops.exp), made_by(b, ops.expit)
        if exponential and sigmoid:
            x, y = exponential.inputs[0], sigmoid.inputs[0]
            if _opposite(x, y):
                return ops.expit(x)
    return None


def _opposite(x: Variable, y: Variable) -> bool:
    first, second = made_by(x, ops.negative), made_by(y, ops.negative)
    return bool((first and first.inputs[0] is y) or (second and second.inputs[0] is x))


@rewrite(ops.subtract, phase="stabilize")
def sigmoid_of_complement(node: Apply) -> Variable | None:
    """1 - expit(x) -> expit(-x)"""
    sigmoid = is_one(node.inputs[0]) and made_by(node.inputs[1], ops.expit)
    return ops.expit(negated(sigmoid.inputs[0])) if sigmoid and real(node) else None


@rewrite(ops.subtract, ops.add, phase="stabilize")
def expm1_of_difference(node: Apply) -> Variable | None:
    """exp(x) - 1 -> expm1(x)"""
    exponential = made_by(node.inputs[0], ops.exp)
    value = value_of(node.inputs[1])
    if not exponential or value is None or value != (1 if node.op is ops.subtract else -1) or not real(node):
        return None
    return ops.expm1(exponential.inputs[0])


@rewrite(ops.log, phase="stabilize")
def softplus_of_log(node: Apply) -> Variable | None:
    """log(expit(x)) -> -softplus(-x), log(1 + exp(x)) -> softplus(x), log(1 + x) -> log1p(x), and so log(1 - x)"""
    (x,) = node.inputs
    if not real(node):
        return None
    sigmoid = made_by(x, ops.expit)
    if sigmoid:
        return -softplus(negated(sigmoid.inputs[0]))
    difference = made_by(x, ops.subtract)
    if difference and is_one(difference.inputs[0]):
        return ops.log1p(-difference.inputs[1])
    rest = one_plus(x)
    if rest is None:
        return None
    exponential = made_by(rest, ops.exp)
    return softplus(exponential.inputs[0]) if exponential else ops.log1p(rest)


@rewrite(ops.log1p, phase="stabilize")
def softplus_of_log1p(node: Apply) -> Variable | None:
    """log1p(exp(x)) -> softplus(x), log1p(-expit(x)) -> -softplus(x)"""
    (x,) = node.inputs
    if not real(node):
        return None
    exponential = made_by(x, ops.exp)
    if exponential:
        return softplus(exponential.inputs[0])
    negative = made_by(x, ops.negative)
    sigmoid = negative and made_by(negative.inputs[0], ops.expit)
    return -softplus(sigmoid.inputs[0]) if sigmoid else None


@rewrite(ops.log, phase="stabilize")
def drop_log_of_exp(node: Apply) -> Variable | None:
    """log(exp(x)) -> x, of reals"""
    inner = made_by(node.inputs[0], ops.exp)
    return inner.inputs[0] if inner and real(node) and real(inner) else None


@rewrite(ops.exp, phase="stabilize")
def drop_exp_of_log(node: Apply) -> Variable | None:
    """exp(log(x)) -> x where x >= 0, else NaN; exp(log1p(x)) -> 1 + x where x >= -1, else NaN"""
    inner = made_by(node.inputs[0], ops.log, ops.log1p)
    if not inner or not real(node) or not real(inner):
        return None
    (x,) = inner.inputs
    value = x if inner.op is ops.log else number(1, x) + x
    return ops.where(ops.greater_equal(value, 0), value, number(np.nan, x))


@rewrite(ops.sqrt, phase="stabilize")
def root_of_square(node: Apply) -> Variable | None:
    """sqrt(square(x)) -> |x|, of reals"""
    inner = made_by(node.inputs[0], ops.square)
    return ops.abs(inner.inputs[0]) if inner and real(node) and real(inner) else None


@rewrite(ops.log, phase="stabilize")
def logsumexp_of_log(node: Apply) -> Variable | None:
    """log(sum(exp(x))) -> logsumexp(x)"""
    total = made_by(node.inputs[0], ops.sum)
    exponential = total and made_by(total.inputs[0], ops.exp)
    if not total or not exponential or not real(node) or exponential.inputs[0].aval.dtype != node.out.aval.dtype:
        return None
    return ops.logsumexp(exponential.inputs[0], **_along(total))


@rewrite(ops.add, phase="stabilize")
def drop_shift_of_logsumexp(node: Apply) -> Variable | None:
    """logsumexp(x - m) + m -> logsumexp(x), where m is max(x) along the same axes"""
    if not real(node):
        return None
    for a, b in (node.inputs, node.inputs[::-1]):
        total = made_by(a, ops.logsumexp)
        shifted = total and made_by(total.inputs[0], ops.subtract)
        if not total or not shifted:
            continue
        x, m = shifted.inputs
        axes = _axes(total)
        if _is_max(m, x, axes) and _is_max(b, x, axes, bool(total.params.get("keepdims"))) and real(shifted):
            return ops.logsumexp(x, **_along(total))
    return None


@rewrite(rows.softmax, rows.log_softmax, phase="stabilize")
def drop_shift_of_softmax(node: Apply) -> Variable | None:
    """softmax(x - max(x)) -> softmax(x), along the same axes; and so log_softmax"""
    shifted = made_by(node.inputs[0], ops.subtract)
    if not shifted or not real(shifted):
        return None
    x, m = shifted.inputs
    return node.op(x, **node.params) if _is_max(m, x, _axes(node)) else None


@rewrite(ops.divide, phase="stabilize")
def softmax_of_quotient(node: Apply) -> Variable | None:
    """exp(x) / sum(exp(x)) -> softmax(x), where the sum is stretched along the axes that it was taken over

    Of a row with an infinity all is NaN.
    """
    above = made_by(node.inputs[0], ops.exp)
    if not above or not real(node) or not real(above):
        return None
    total, kept = _behind_new_axes(node.inputs[1], node.out.ndim)
    if not total or total.op is not ops.sum or total.inputs[0] is not above.out or "dtype" in total.params:
        return None
    axes = _axes(total)
    if not axes or not (total.params.get("keepdims") or kept == axes):
        return None
    return rows.softmax(above.inputs[0], axis=axes[0] if len(axes) == 1 else axes)


@rewrite(ops.log, phase="stabilize")
def log_softmax_of_log(node: Apply) -> Variable | None:
    """log(softmax(x)) -> log_softmax(x)"""
    soft = made_by(node.inputs[0], rows.softmax)
    return rows.log_softmax(soft.inputs[0], **soft.params) if soft and real(node) else None


@rewrite(ops.log, phase="stabilize")
def log_of_chosen_softmax(node: Apply) -> Variable | None:
    """log(softmax(x)[i, j]) -> log_softmax(x)[i, j], and of views of softmax(x)"""
    chosen = node.inputs[0].owner
    if chosen is None or not real(node):
        return None
    if chosen.op is not take and chosen.op not in (movement.slice_, movement.permute_dims, movement.reshape):
        return None
    soft = made_by(chosen.inputs[0], rows.softmax)
    if not soft:
        return None
    logarithms = rows.log_softmax(soft.inputs[0], **soft.params)
    return chosen.op(logarithms, *chosen.operands[1:], **chosen.filled(chosen.holes))


def softplus(x: Variable) -> Variable:
    """log(1 + exp(x)) without overflow."""
    return ops.logaddexp(x, 0)


def _along(total: Apply) -> dict[str, object]:
    return {k: total.params[k] for k in ("axis", "keepdims") if k in total.params}


def _axes(node: Apply) -> tuple[int, ...]:
    """The axes that a node goes along, in order."""
    x = node.operands[0]
    return tuple(sorted(normalize_axes(node.params.get("axis"), x.ndim, node.op.name)))


def _behind_new_axes(x: Variable, ndim: int) -> tuple[Apply | None, tuple[int, ...]]:
    """The node behind x, where x has but new axes, and which are new when it is broadcast to `ndim` of them."""
    further = ndim - x.ndim
    new = list(range(further))
    node = x.owner
    if node is not None and node.op is movement.slice_:
        index = node.params["index"]
        if any(part is not None and part != (None, None, None) for part in index):
            return None, ()
        new += [further + k for k, part in enumerate(index) if part is None]
        node = node.inputs[0].owner
    return node, tuple(new)


def _is_max(m: Variable, x: Variable, axes: tuple[int, ...], kept: bool = True) -> bool:
    """Whether m is max(x) along axes: with them `kept`, as broadcasting to x sees it, or without them."""
    node, new = _behind_new_axes(m, x.ndim if kept else m.ndim)
    if node is None or node.op is not ops.max or node.inputs[0] is not x or _axes(node) != axes:
        return False
    if node.params.get("keepdims"):
        return kept and not new
    return new == (axes if kept else ())
