"""Canonical forms of conversions and views, and what is computed on the smaller side of one.

Refused, because a view costs no launch: slices of slices, whose composition needs extents, and pieces of
concatenations. Refused, because it may cost one: elementwise work lifted above a reshape, which would take it
away from the product whose kernel finishes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clarray.core import movement, writing
from clarray.core.movement import ELLIPSIS
from clarray.core.op import Ufunc

from ..variable import Apply, Constant, Variable
from .database import rewrite
from .matching import made_by

WHOLE = (None, None, None)
Uses = Callable[[Variable], int]


@rewrite(movement.astype)
def drop_cast_to_same(node: Apply) -> Variable | None:
    """astype(x, its own dtype) -> x"""
    x = node.inputs[0]
    return x if x.aval.dtype == node.out.aval.dtype and x.aval.weak is None else None


@rewrite(movement.astype)
def join_casts(node: Apply) -> Variable | None:
    """astype(astype(x, a), b) -> astype(x, b), where a holds every value of x's dtype"""
    inner = made_by(node.inputs[0], movement.astype)
    if not inner or inner.inputs[0].aval.weak is not None:
        return None
    source, middle = inner.inputs[0].aval.dtype, inner.out.aval.dtype
    rounds = source.kind in "iu" and middle.kind in "fc" and source.itemsize == 8
    if rounds or not np.can_cast(source, middle, "safe"):
        return None
    return movement.astype(inner.inputs[0], dtype=node.out.aval.dtype)


@rewrite(movement.broadcast_like)
def drop_stretch_to_itself(node: Apply) -> Variable | None:
    """broadcast_like(x, x) -> x, and that of two scalars -> the first"""
    x, y = node.inputs
    return x if x is y or (not x.ndim and not y.ndim) else None


@rewrite(movement.broadcast_like, movement.broadcast_to)
def join_stretches(node: Apply) -> Variable | None:
    """A stretch of a stretch -> one"""
    inner = made_by(node.inputs[0], movement.broadcast_like, movement.broadcast_to)
    if not inner:
        return None
    return node.op(inner.inputs[0], *node.operands[1:], **node.filled(node.holes))


@rewrite(movement.permute_dims)
def join_permutations(node: Apply) -> Variable | None:
    """A permutation of a permutation -> one; that of no axes -> x"""
    x, axes = node.inputs[0], [a % max(node.inputs[0].ndim, 1) for a in node.params["axes"]]
    inner = x.owner
    if inner is not None and inner.op is movement.permute_dims:
        before = [a % x.ndim for a in inner.params["axes"]]
        x, axes = inner.inputs[0], [before[a] for a in axes]
    if axes == list(range(x.ndim)):
        return x
    return movement.permute_dims(x, axes=tuple(axes)) if x is not node.inputs[0] else None


@rewrite(movement.reshape, movement.reshape_like)
def join_reshapes(node: Apply) -> Variable | None:
    """A reshape of a reshape -> one; reshape_like(x, x) -> x"""
    x = node.inputs[0]
    if node.op is movement.reshape_like and x is node.inputs[1]:
        return x
    inner = made_by(x, movement.reshape, movement.reshape_like)
    if not inner:
        return None
    if node.op is movement.reshape_like and inner.inputs[0] is node.inputs[1]:
        return inner.inputs[0]
    return node.op(inner.inputs[0], *node.operands[1:], **node.filled(node.holes))


@rewrite(movement.reshape)
def drop_reshape_of_vector(node: Apply) -> Variable | None:
    """reshape(x, (-1,)) -> x, of a vector"""
    x = node.inputs[0]
    return x if x.ndim == 1 and node.params["shape"] == (-1,) else None


@rewrite(movement.slice_)
def drop_whole_slice(node: Apply) -> Variable | None:
    """x[:, ...] -> x"""
    whole = all(part in (WHOLE, ELLIPSIS, (0, None, None), (None, None, 1)) for part in node.params["index"])
    return node.inputs[0] if whole else None


@rewrite(movement.slice_)
def read_what_was_written(node: Apply) -> Variable | None:
    """set_subtensor(x[i], y)[i] -> y stretched to x[i]"""
    inner = made_by(node.inputs[0], writing.put_slice)
    if not inner or inner.holes or node.holes or inner.params["index"] != node.params["index"]:
        return None
    x, value = inner.operands
    part = movement.slice_(x, index=node.params["index"])
    stretched = value if value.aval.dtype == part.aval.dtype and value.aval.weak is None else value.astype(part.dtype)
    return movement.broadcast_like(stretched, part)


@rewrite(writing.put_slice)
def write_everything(node: Apply) -> Variable | None:
    """set_subtensor(x[:], y) -> y stretched to x"""
    if not all(part in (WHOLE, ELLIPSIS) for part in node.params["index"]):
        return None
    x, value = node.operands
    cast = value if value.aval.dtype == x.aval.dtype and value.aval.weak is None else value.astype(x.dtype)
    return movement.broadcast_like(cast, x)


@rewrite(movement.permute_dims, phase="specialize", asks=True)
def permute_operands(node: Apply, uses: Uses) -> Variable | None:
    """f(x, y).T -> f(x.T, y.T), of elementwise f that nothing else uses: what follows joins its kernel"""
    inner = _lifted(node, uses)
    if inner is None:
        return None
    axes, ndim = [a % node.out.ndim for a in node.params["axes"]], node.out.ndim

    def turned(x: Variable) -> Variable:
        if not x.ndim:
            return x
        kept = [a - (ndim - x.ndim) for a in axes]
        if x.ndim < ndim:
            x = movement.slice_(x, index=(None,) * (ndim - x.ndim) + (WHOLE,) * x.ndim)
            kept = axes
        return movement.permute_dims(x, axes=tuple(kept))

    return _applied(inner, [turned(x) for x in inner.operands])


@rewrite(movement.slice_, phase="specialize", asks=True)
def slice_operands(node: Apply, uses: Uses) -> Variable | None:
    """f(x, y)[i] -> f(x[i], y[i]), of elementwise f that nothing else uses: no more is computed than is read"""
    inner = _lifted(node, uses)
    if inner is None:
        return None
    index = node.filled(node.holes)["index"]
    if not any(isinstance(part, Variable | int) or part == 0 or (isinstance(part, tuple) and part != WHOLE)
               for part in index if part is not None and part != ELLIPSIS):  # fmt: skip
        return None  # it takes nothing away
    consumed = sum(part is not None and part != ELLIPSIS for part in index)
    rest = [WHOLE] * (inner.out.ndim - consumed)
    at = index.index(ELLIPSIS) if ELLIPSIS in [p for p in index if isinstance(p, str)] else len(index)
    whole = [*index[:at], *rest, *index[at + 1 :]]
    return _applied(inner, [_sliced(x, whole, inner.out) for x in inner.operands])


def _sliced(x: Variable, index: list[Any], out: Variable) -> Variable:
    """An operand of a broadcasting operation, sliced as its result is."""
    if not x.ndim:
        return x
    parts: list[Any] = []
    axis = -out.ndim
    for part in index:
        if part is None:
            parts.append(None)
            continue
        if axis >= -x.ndim:
            stretched = x.broadcastable[axis] and not out.broadcastable[axis]
            parts.append((WHOLE if isinstance(part, tuple) else 0) if stretched else part)
        axis += 1
    return movement.slice_(x, index=tuple(parts))


def _lifted(node: Apply, uses: Uses) -> Apply | None:
    """The elementwise node whose operands a view may be of instead.

    Not one that ends the kernel of a product: it costs nothing where it is.
    """
    inner = node.inputs[0].owner
    if inner is None or not isinstance(inner.op, Ufunc) or uses(inner.out) > 1 or not inner.out.ndim:
        return None
    if any(x.aval.weak is not None and not isinstance(x, Constant) for x in inner.operands):
        return None
    return None if _finishes_product(inner) else inner


def _finishes_product(node: Apply) -> bool:
    """Whether an elementwise node may run in a product's kernel; yes where finding out takes too long."""
    stack, seen = [node], 0
    while stack:
        seen += 1
        if seen > 16:
            return True
        for x in stack.pop().operands:
            if x.owner is not None and x.owner.op.takes_epilogue:
                return True
            if x.owner is not None and isinstance(x.owner.op, Ufunc):
                stack.append(x.owner)
    return False


def _applied(inner: Apply, operands: list[Variable]) -> Variable:
    result: Variable = inner.op(*operands, **inner.params)
    return result
