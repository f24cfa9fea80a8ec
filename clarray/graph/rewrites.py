"""Rewrites: small named rules that replace a node by something simpler of equal value.

A rule gets the node's inputs, already rewritten, and may decline by returning None. They run once over
the graph, from inputs to outputs; equal nodes are merged on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.op import Composite, Op

from . import known
from .barriers import Barrier
from .building import as_variable, constant
from .origin import made_for
from .places import moves, transfer_op
from .variable import Apply, Constant, Variable
from .walk import toposort

Rule = Callable[[Apply], Variable | Sequence[Variable] | None]
RULES: dict[Any, list[tuple[str, Rule]]] = {}

# Phases: simpler forms, forms that keep precision, and what only a compiled function may forget.
DIFFERENTIATED = ("simplify", "stabilize")
COMPILED = ("simplify", "stabilize", "compile")
UNCHANGED = ("compile",)


def rewrite(*targets: Any, phase: str = "simplify") -> Callable[[Rule], Rule]:
    """Declare a rule for Ops, or for classes of them."""

    def declare(rule: Rule) -> Rule:
        for target in targets:
            RULES.setdefault(target, []).append((phase, rule))
        return rule

    return declare


class Rebuild:
    """A graph made anew: variables replaced, equal nodes merged, rules applied."""

    def __init__(self, phases: Sequence[str]) -> None:
        self.now: dict[Variable, Variable] = {}
        self.phases = phases
        self.merged: dict[Any, Sequence[Variable]] = {}
        self.settled: set[Variable] = set()  # results that have been through here

    def current(self, x: Variable) -> Variable:
        """What a variable of the old graph is in the new one."""
        found = self.now.get(x)
        if found is None:
            found = x
            if isinstance(x, Constant):
                (found,) = self.merged.setdefault(x.key(), (x,))
            self.now[x] = found
        return found

    def add(self, node: Apply) -> None:
        """Rebuild a node whose inputs have been."""
        inputs = [self.current(x) for x in node.inputs]
        key = (node.op, tuple(node.params.items()), tuple(inputs), node.fp64)
        found = self.merged.get(key)
        if found is None:
            made = node.with_inputs(inputs)
            for old, new in zip(node.outputs, made.outputs, strict=True):
                new.name = old.name
            with made_for(node.line):
                found = self._simplified(made)
            self.merged[key] = found
            self.settled.update(found)
        self.now.update(zip(node.outputs, found, strict=True))

    def _simplified(self, node: Apply) -> Sequence[Variable]:
        """What the rules make of a node; what they make goes through them too."""
        for target in (node.op, *type(node.op).__mro__):
            for phase, rule in RULES.get(target, ()):
                result = rule(node) if phase in self.phases else None
                if result is None:
                    continue
                found = (result,) if isinstance(result, Variable) else tuple(result)
                if [x.type for x in found] != [x.type for x in node.outputs]:
                    continue
                for new in toposort(found, self.settled):
                    self.add(new)
                return tuple(map(self.current, found))
        return node.outputs


def rebuilt(
    outputs: Sequence[Variable],
    replace: Mapping[Variable, Variable] | None = None,
    stop: Collection[Variable] = (),
    phases: Sequence[str] = COMPILED,
) -> list[Variable]:
    """`outputs` in a graph of its own; what is replaced or in `stop` is not looked behind."""
    replace = replace or {}
    made = Rebuild(phases)
    for node in toposort(replace.values(), stop):
        made.add(node)
    values = [made.current(x) for x in replace.values()]
    made.now = dict(zip(replace, values, strict=True))  # what is replaced in outputs is not in the replacements
    for node in toposort(outputs, {*stop, *replace}):
        made.add(node)
    return [made.current(x) for x in outputs]


# constants


def value_of(x: Variable) -> Any:
    """The scalar that a variable is known to be everywhere, or None."""
    if isinstance(x, Constant) and not hasattr(x.value, "block") and np.size(x.value) == 1:
        return np.asarray(x.value).reshape(())[()]
    if x.owner is not None and x.owner.op in (movement.broadcast_like, movement.broadcast_to):
        return value_of(x.owner.inputs[0])
    return None


def is_one(x: Variable) -> bool:
    """Whether a variable is 1 everywhere."""
    value = value_of(x)
    return value is not None and bool(value == 1)


@rewrite(Op)
def fold_constants(node: Apply) -> Variable | None:
    """An operation on small constants -> its value"""
    if not node.inputs or not all(map(known.is_known_constant, node.inputs)) or not known.can_compute(node.op):
        return None
    values = [x.value for x in node.inputs]  # type: ignore[attr-defined]
    try:
        params = node.filled([int(v) for v in values[node.operand_count :]])
        shapes = [np.shape(v) for v in values]
        result = known.compute(node, values[: len(node.read)], params, shapes)
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
    return x if is_one(y) else y if is_one(x) else None


@rewrite(ops.divide, ops.floor_divide)
def drop_divide_by_one(node: Apply) -> Variable | None:
    """x / 1 -> x, of floats"""
    x, y = node.inputs
    return x if is_one(y) and node.op is ops.divide and x.aval.dtype.kind in "fc" else None


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
    """broadcast_like(x, x) -> x, and that of two scalars -> the first"""
    x, y = node.inputs
    return x if x is y or (not x.ndim and not y.ndim) else None


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


@rewrite(Barrier, phase="compile")
def drop_barrier(node: Apply) -> Variable | None:
    """disconnected_grad(x) and its kin -> x"""
    return node.inputs[0]


@rewrite(Composite, phase="compile")
def take_apart(node: Apply) -> Sequence[Variable] | None:
    """A traceable composite -> what it calls"""
    op: Any = node.op
    if not op.traceable:
        return None
    made = op.lower(*node.operands, **node.filled(node.holes))
    return [as_variable(x) for x in (made if isinstance(made, tuple | list) else (made,))]


@rewrite(transfer_op, phase="compile")
def cancel_transfers(node: Apply) -> Variable | None:
    """A transfer to no device in particular -> x; transfers one after the other -> the last one"""
    x = node.inputs[0]
    if not moves(node):
        return x
    inner = x.owner
    if inner is not None and inner.op is transfer_op:
        return transfer_op(inner.inputs[0], target=node.params["target"])
    return None
