"""Rewrites: small named rules that replace a node by something simpler of equal value.

A rule gets the node's inputs, already rewritten, and may decline by returning None. They run once over
the graph, from inputs to outputs; equal nodes are merged on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.movement import View
from clarray.core.op import Op

from . import known
from .gradient import Barrier
from .places import moves, transfer_op
from .variable import Apply, Constant, Hole, Variable, as_variable, constant
from .walk import toposort

Rule = Callable[..., Any]
RULES: dict[Any, list[Rule]] = {}


def rewrite(*targets: Any) -> Callable[[Rule], Rule]:
    """Declare a rule for Ops, or for classes of them."""

    def declare(rule: Rule) -> Rule:
        for target in targets:
            RULES.setdefault(target, []).append(rule)
        return rule

    return declare


def rebuilt(
    outputs: Sequence[Variable], replace: Mapping[Variable, Variable], stop: Iterable[Variable] = (), simplify: bool = True
) -> list[Variable]:
    """`outputs` in a graph of its own: variables replaced, equal nodes merged and, to `simplify`, rules applied.

    Variables in `stop` and the leaves stay those of the given graph.
    """
    now: dict[Variable, Variable] = dict(replace)
    merged: dict[Any, Variable] = {}
    stopped = {*stop, *replace}

    def current(x: Variable) -> Variable:
        found = now.get(x)
        if found is None:
            found = now[x] = merged.setdefault(x.key(), x) if isinstance(x, Constant) else x
        return found

    for node in toposort(outputs, stopped):
        inputs = [current(x) for x in node.inputs]
        key = (node.op, tuple(node.params.items()), tuple(inputs), node.fp64)
        found = merged.get(key)
        if found is None:
            made = node.with_inputs(inputs)
            for old, new in zip(node.outputs, made.outputs, strict=True):
                new.name = old.name
            found = (_simplified(made) if simplify else _bare(made)) if len(made.outputs) == 1 else made.out
            found = merged[key] = current(found)
            if found.owner is made and len(made.outputs) > 1:
                now.update(zip(node.outputs, made.outputs, strict=True))
        if len(node.outputs) == 1:
            now[node.out] = found
        elif node.out not in now:
            now.update(zip(node.outputs, found.owner.outputs, strict=True))  # type: ignore[union-attr]
    return [current(x) for x in outputs]


def _simplified(node: Apply) -> Variable:
    """What the rules make of a node."""
    for target in (node.op, *type(node.op).__mro__):
        for rule in RULES.get(target, ()):
            found = rule(node)
            if found is None or found is node.out:
                continue
            if found.aval.dtype == node.out.aval.dtype and found.broadcastable == node.out.broadcastable:
                return found  # type: ignore[no-any-return]
    return node.out


def _bare(node: Apply) -> Variable:
    """What is never computed, whatever the mode."""
    return cancel_transfers(node) or drop_barrier(node) or node.out if node.op in RULES or isinstance(node.op, Barrier) else node.out


# constants


def value_of(x: Variable) -> Any:
    """The scalar that a variable is known to be everywhere, or None."""
    if isinstance(x, Constant) and not hasattr(x.value, "block") and np.size(x.value) == 1:
        return np.asarray(x.value).reshape(())[()]
    if x.owner is not None and x.owner.op in (movement.broadcast_like, movement.broadcast_to):
        return value_of(x.owner.inputs[0])
    return None


@rewrite(Op)
def fold_constants(node: Apply) -> Variable | None:
    """An operation on small constants -> its value"""
    if not node.inputs or not all(map(known.is_known_constant, node.inputs)) or not known.can_compute(node.op):
        return None
    if node.op.shape_only:
        return None
    values = [x.value for x in node.inputs]  # type: ignore[attr-defined]
    try:
        params = node.filled([int(v) for v in values[node.operand_count :]])
        result = known.compute(node, values[: node.operand_count], params)
    except (ValueError, OverflowError, TypeError):
        return None  # the call will raise it, with the node's name
    if result.size > known.SMALL:
        return None
    weak = node.out.aval.weak
    return Constant(weak(result[()]), node.out.aval) if weak is not None else constant(result)


# arithmetic


@rewrite(ops.multiply)
def drop_multiply_by_one(node: Apply) -> Variable | None:
    """x * 1 -> x"""
    x, y = node.inputs
    return x if value_of(y) == 1 else y if value_of(x) == 1 else None


@rewrite(ops.divide, ops.floor_divide)
def drop_divide_by_one(node: Apply) -> Variable | None:
    """x / 1 -> x, of floats"""
    x, y = node.inputs
    return x if value_of(y) == 1 and node.op is ops.divide and x.aval.dtype.kind in "fc" else None


@rewrite(ops.negative)
def drop_double_negative(node: Apply) -> Variable | None:
    """-(-x) -> x"""
    inner = node.inputs[0].owner
    return inner.inputs[0] if inner is not None and inner.op is ops.negative else None


@rewrite(ops.positive)
def drop_positive(node: Apply) -> Variable | None:
    """+x -> x"""
    return node.inputs[0]


@rewrite(ops.pow)
def small_powers(node: Apply) -> Variable | None:
    """x**2 -> square(x), x**1 -> x, x**-1 -> reciprocal(x), of floats"""
    x, y = node.inputs
    if x.aval.dtype.kind not in "fc" or x.aval.dtype != node.out.aval.dtype:
        return None
    power = value_of(y)
    if power == 1:
        return x
    return ops.square(x) if power == 2 else ops.reciprocal(x) if power == -1 else None


@rewrite(ops.where)
def choose_by_constant(node: Apply) -> Variable | None:
    """where(True, x, y) -> x, where(False, x, y) -> y"""
    condition, x, y = node.inputs
    choice = value_of(condition)
    if choice is None:
        return None
    return _as(x if choice else y, node.out)


def _as(x: Variable, like: Variable) -> Variable:
    if isinstance(x, Constant) and x.aval.weak is not None:
        return constant(x.value, dtype=like.dtype)
    return x.astype(like.dtype)


# conversions and views


@rewrite(movement.astype)
def drop_cast_to_same(node: Apply) -> Variable | None:
    """astype(x, its own dtype) -> x"""
    x = node.inputs[0]
    return x if x.aval.dtype == node.out.aval.dtype and x.aval.weak is None else None


@rewrite(movement.broadcast_like)
def drop_stretch_to_itself(node: Apply) -> Variable | None:
    """broadcast_like(x, x) -> x"""
    x, y = node.inputs
    return x if x is y else None


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
    return movement.permute_dims(x, axes=tuple(axes)) if x is not node.inputs[0] else None  # type: ignore[no-any-return]


@rewrite(Barrier)
def drop_barrier(node: Apply) -> Variable | None:
    """disconnected_grad(x) and its kin -> x"""
    return node.inputs[0] if isinstance(node.op, Barrier) else None


@rewrite(transfer_op)
def cancel_transfers(node: Apply) -> Variable | None:
    """Transfers one after the other -> the last one; a transfer to where the value is -> nothing"""
    if node.op is not transfer_op:
        return None
    x = node.inputs[0]
    inner = x.owner
    if inner is not None and inner.op is transfer_op:
        if not moves(node) and moves(inner):
            return x if node.params["target"] is None else transfer_op(inner.inputs[0], target=node.params["target"])
        return transfer_op(inner.inputs[0], target=node.params["target"])  # type: ignore[no-any-return]
    return None


def settled(node: Apply, values: Sequence[Any]) -> dict[str, Any]:
    """A node's parameters with the values of its holes, as ints."""
    return node.filled([int(np.asarray(v)) for v in values])


__all__ = ["Hole", "RULES", "View", "as_variable", "rebuilt", "rewrite", "settled", "value_of"]
