"""Cheaper forms of reductions.

Refused: factors and signs pulled out of a sum, as they cost nothing in its kernel and a launch after it; sum(x * y)
as a dot, as it is one pass already; sum(x.T) as sum(x), as the kernel walks in memory order anyway.
"""

from __future__ import annotations

import numpy as np

from clarray.core import movement, ops
from clarray.core.aval import normalize_axes

from ..running.known import count
from ..variable import Apply, Variable
from .database import rewrite
from .matching import made_by, number, value_of
from .views import WHOLE, Uses

JOINED = (ops.sum, ops.prod, ops.max, ops.min, ops.any, ops.all, ops.logsumexp)
OF_ONE = (ops.sum, ops.prod, ops.max, ops.min, ops.mean)


@rewrite(*JOINED, phase="specialize", asks=True)
def join_reductions(node: Apply, uses: Uses) -> Variable | None:
    """sum(sum(x, axis=a), axis=b) -> sum(x, axis=both), and so prod, max, min, any, all and logsumexp"""
    inner = made_by(node.inputs[0], node.op)
    if not inner or uses(inner.out) > 1 or "dtype" in node.params or "dtype" in inner.params:
        return None
    x = inner.operands[0]
    if inner.out.aval.dtype != node.out.aval.dtype:
        return None
    first = normalize_axes(inner.params.get("axis"), x.ndim, node.op.name)
    kept, keeps = inner.params.get("keepdims", False), node.params.get("keepdims", False)
    left = list(range(x.ndim)) if kept else [a for a in range(x.ndim) if a not in first]
    second = [left[a] for a in normalize_axes(node.params.get("axis"), len(left), node.op.name)]
    if keeps and not kept:
        return None
    if kept and not keeps and not set(first) <= set(second):
        return None
    return node.op(x, axis=tuple(sorted({*first, *second})), keepdims=keeps)


@rewrite(*OF_ONE, phase="specialize")
def drop_reduction_of_one(node: Apply) -> Variable | None:
    """sum(x, axis=k) -> x without axis k, where it has one element; and so prod, max, min and mean"""
    x = node.operands[0]
    if x.aval.dtype != node.out.aval.dtype or "dtype" in node.params:
        return None
    axes = normalize_axes(node.params.get("axis"), x.ndim, node.op.name)
    if not all(x.broadcastable[a] for a in axes):
        return None
    if node.params.get("keepdims") or not axes:
        return x
    return movement.slice_(x, index=tuple(0 if a in axes else WHOLE for a in range(x.ndim)))


@rewrite(ops.sum, phase="specialize")
def sum_of_constant(node: Apply) -> Variable | None:
    """sum of a finite constant stretched to x -> the constant times the number of elements"""
    x = node.operands[0]
    value = value_of(x)
    stretch = made_by(x, movement.broadcast_like)
    if value is None or not stretch or not np.isfinite(value) or node.params.get("keepdims"):
        return None
    axes = normalize_axes(node.params.get("axis"), x.ndim, "sum")
    if len(axes) != x.ndim or stretch.inputs[1].ndim != x.ndim or node.out.aval.dtype.kind not in "iuf":
        return None
    if not _stretches_like(stretch):
        return None
    return count(stretch.inputs[1], axes=axes).astype(node.out.dtype) * number(value, node.out)


def _stretches_like(node: Apply) -> bool:
    """Whether the result has the shape of the second operand."""
    return not any(n != 1 for n in node.inputs[0].aval.shape)
