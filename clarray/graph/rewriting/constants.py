"""Canonical forms of constants and choices: what is known beforehand is not computed."""

from __future__ import annotations

from clarray.core import movement, ops
from clarray.core.op import Op

from ..building import constant
from ..running import known
from ..variable import Apply, Constant, Variable
from .database import rewrite
from .matching import as_type, number, uniform, value_of


@rewrite(Op)
def fold_constants(node: Apply) -> Variable | None:
    """An operation on small constants -> its value"""
    if not node.inputs or not all(map(known.is_known_constant, node.inputs)) or not known.can_compute(node.op):
        return None
    values = [x.value for x in node.inputs]  # type: ignore[attr-defined]
    try:
        params = node.filled([int(v) for v in values[node.operand_count :]])
        shapes = [x.value.shape if hasattr(x.value, "shape") else () for x in node.inputs]  # type: ignore[attr-defined]
        result = known.compute(node, values[: len(node.read)], params, shapes)
    except (ValueError, OverflowError, TypeError):
        return None  # the call will raise it, with the node's name
    if result.size > known.SMALL:
        return None
    weak = node.out.aval.weak
    return Constant(weak(result[()]), node.out.aval) if weak is not None else constant(result)


@rewrite(ops.where)
def choose_by_constant(node: Apply) -> Variable | None:
    """where(True, x, y) -> x, where(False, x, y) -> y"""
    condition, x, y = node.inputs
    choice = value_of(condition)
    if choice is None:
        return None
    return as_type(x if choice else y, node.out)


@rewrite(ops.where)
def choose_between_equals(node: Apply) -> Variable | None:
    """where(c, x, x) -> x"""
    _, x, y = node.inputs
    return as_type(x, node.out) if x is y else None


@rewrite(ops.where)
def choose_by_negation(node: Apply) -> Variable | None:
    """where(not c, x, y) -> where(c, y, x)"""
    condition, x, y = node.inputs
    inner = condition.owner
    if inner is None or inner.op is not ops.logical_not:
        return None
    return ops.where(inner.inputs[0], y, x)


@rewrite(ops.equal, ops.not_equal, ops.less_equal, ops.greater_equal, ops.less, ops.greater)
def compare_with_itself(node: Apply) -> Variable | None:
    """x == x -> True, x != x -> False and their kin, of integers and bools; x < x and x > x -> False, of floats too"""
    x, y = node.inputs
    strict = node.op in (ops.less, ops.greater)
    if x is not y or not (strict or x.aval.dtype.kind in "biu"):
        return None
    holds = node.op in (ops.equal, ops.less_equal, ops.greater_equal)
    return movement.broadcast_like(number(holds, node.out), x)


@rewrite(ops.logical_not)
def drop_double_negation(node: Apply) -> Variable | None:
    """not (not x) -> x, of bools"""
    inner = node.inputs[0].owner
    return inner.inputs[0] if inner is not None and inner.op is ops.logical_not and _bool(inner.inputs[0]) else None


@rewrite(ops.logical_not)
def negate_comparison(node: Apply) -> Variable | None:
    """not (x == y) -> x != y and back; not (x < y) -> x >= y and its kin, of integers: a NaN is neither"""
    opposite = {
        ops.equal: ops.not_equal, ops.not_equal: ops.equal, ops.less: ops.greater_equal,
        ops.greater_equal: ops.less, ops.greater: ops.less_equal, ops.less_equal: ops.greater,
    }  # fmt: skip
    inner = node.inputs[0].owner
    if inner is None or inner.op not in opposite:
        return None
    ordered = inner.op not in (ops.equal, ops.not_equal)
    if ordered and any(x.aval.dtype.kind not in "biu" for x in inner.inputs):
        return None
    return opposite[inner.op](*inner.inputs)


@rewrite(ops.maximum, ops.minimum, ops.logical_and, ops.logical_or, ops.bitwise_and, ops.bitwise_or)
def join_equal_operands(node: Apply) -> Variable | None:
    """max(x, x) -> x, max(max(x, y), y) -> max(x, y), and so min, and, or"""
    x, y = node.inputs
    if not uniform(node, "biuf"):
        return None
    if x is y:
        return x
    for whole, part in ((x, y), (y, x)):
        if whole.owner is not None and whole.owner.op is node.op and part in whole.owner.inputs:
            return whole
    return None


def _bool(x: Variable) -> bool:
    return x.aval.dtype.kind == "b"
