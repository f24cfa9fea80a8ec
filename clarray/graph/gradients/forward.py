"""Derivatives carried forward: from directions in which variables change to those in which results do.

For each node a rule in the table below; without one, two walks back do it: the vector-Jacobian product is linear in its
vector, so that its own gradient is the Jacobian-vector product (Townsend, "A new trick for calculating
Jacobian vector products", 2017). Nothing here recurses but through composites.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clarray.core import cumulative, joining, ops
from clarray.core.diagonal import FromDiagonal, Triangle, Undiagonal
from clarray.core.fft import Fourier
from clarray.core.indexing import GatherBack, Put, Take
from clarray.core.linear import Matmul, Tensordot
from clarray.core.movement import Astype, Unslice, View
from clarray.core.op import Composite, Ufunc
from clarray.core.places import PositionsAlong
from clarray.core.rows import Softmax, softmax_gradient
from clarray.core.writing import PutSlice

from ..building import as_variable
from ..origin import made_for
from ..places import Transfer
from ..running.known import FROM_SHAPES
from ..variable import Apply, Variable
from ..walk import toposort
from .absent import Disconnected, Null, NullTypeGradError, cotangent
from .backward import Gradient, fitted, gradients_of, plant, stretched, walk_back
from .barriers import Barrier, disconnected_grad, zeros_like
from .rules import Rules

Tangents = Sequence[Variable | None]  # of operands or of results; None where nothing changes
rule = Rules()


def push_forward(
    outputs: Sequence[Variable], directions: Mapping[Variable, Variable], stop: set[Variable] | None = None
) -> tuple[dict[Variable, Variable], set[Variable]]:
    """The change of each variable as those in `directions` change, and all that depend on them, if only with a
    derivative of zero."""
    tangents = dict(directions)
    reached = set(directions)
    for node in toposort(outputs, {*directions, *(stop or ())}):
        if node.op is disconnected_grad or isinstance(node.op, FROM_SHAPES | PositionsAlong):
            continue
        if not any(x in reached for x in node.read):
            continue
        reached.update(node.outputs)
        moving = [tangents.get(x) if node.reads(k) else None for k, x in enumerate(node.operands)]
        if all(v is None for v in moving) or not any(x.aval.dtype.kind in "fc" for x in node.outputs):
            continue
        with made_for(node.line):
            found = _moved(node, moving)
            for x, v in zip(node.outputs, found, strict=True):
                if v is not None and x.aval.dtype.kind in "fc":
                    tangents[x] = _like(v, x)
    return tangents, reached


def _like(v: Variable, x: Variable) -> Variable:
    """A change in x's dtype and shape."""
    if v.aval.dtype != x.aval.dtype and v.aval.weak is None:
        v = (ops.real(v) if v.aval.dtype.kind == "c" and x.aval.dtype.kind == "f" else v).astype(x.dtype)
    return stretched(v, x)


def _moved(node: Apply, moving: Tangents) -> Tangents:
    """The changes of a node's results."""
    params = node.filled(node.holes)
    found = rule.apply(node.op, node, moving, params)
    return _by_walking_back_twice(node, moving, params) if found is None else found


@rule(Ufunc)
def _elementwise(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    """Of reals, each element's derivative is a number: what multiplies g multiplies a change as well."""
    out = node.out
    if any(x.aval.dtype.kind == "c" for x in (out, *node.operands)):
        return NotImplemented
    total = None
    for k, v in enumerate(moving):
        if v is None:
            continue
        try:
            parts = node.op.grad(_cast(v, out), out, node.operands, params)
        except TypeError as error:
            raise NullTypeGradError(f"{error}{f' (the operation at {node.line})' if node.line else ''}") from error
        part = parts[k]
        if isinstance(part, Null):
            raise NullTypeGradError(f"Rop(): {part.type.why_null}")
        if part is not None and not isinstance(part, Disconnected):
            total = part if total is None else total + part
    return total


def _cast(v: Variable, like: Variable) -> Variable:
    return v if v.aval.dtype == like.aval.dtype else v.astype(like.dtype)


@rule(Astype)
def _converted(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    return moving[0]


@rule(View, Unslice, Take, GatherBack, Fourier, Transfer, Undiagonal, FromDiagonal, Triangle)
@rule(ops.sum, ops.mean, cumulative.cumulative_sum)
def _linear(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    """What is linear in its first operand, and only moved by the others, does to a change what it does to a value."""
    return None if moving[0] is None else node.op(moving[0], *node.operands[1:], **params)


@rule(joining.Concat, Put, PutSlice)
def _jointly_linear(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    """What is linear in all operands but indices."""
    count = 2 if isinstance(node.op, Put) else len(node.operands)
    pairs = zip(moving[:count], node.operands[:count], strict=True)
    return node.op(*[zeros_like(x) if v is None else v for v, x in pairs], *node.operands[count:], **params)


@rule(Matmul, Tensordot)
def _product(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    """d(a @ b) is da @ b + a @ db"""
    (a, b), (da, db) = node.operands, moving
    parts = [node.op(x, y, **params) for x, y in ((da, b), (a, db)) if x is not None and y is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@rule(Softmax)
def _softmax(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    """Its Jacobian is symmetric."""
    return softmax_gradient(moving[0], node.out, axis=params.get("axis"))


@rule(Barrier)
def _barrier(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    return moving[0] if node.op.passes else None  # type: ignore[attr-defined]


@rule(Composite)
def _through(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Any:
    """A composite without a gradient of its own changes as what it calls."""
    op: Any = node.op
    if op.differentiates:
        return NotImplemented
    made = op.lower(*node.operands, **params)
    results = [as_variable(x) for x in (made if isinstance(made, tuple | list) else (made,))]
    directions = {x: v for x, v in zip(node.operands, moving, strict=True) if v is not None}
    found, _ = push_forward(results, directions, set(node.operands))
    return [found.get(x) for x in results]


def _by_walking_back_twice(node: Apply, moving: Tangents, params: Mapping[str, Any]) -> Tangents:
    """The gradient of sum(vjp(u) * v) for u, which is the Jacobian times v."""
    us = [cotangent(x) for x in node.outputs]
    parts: Sequence[Any]
    try:
        given = [u if u.aval.dtype.kind in "fc" else None for u in us]
        parts = gradients_of(node, given)
    except TypeError as error:
        raise NullTypeGradError(f"{error}{f' (the operation at {node.line})' if node.line else ''}") from error
    seeds: dict[Variable, Gradient] = {}
    for k, (x, v) in enumerate(zip(node.operands, moving, strict=True)):
        part = parts[k] if k < len(parts) else None
        if isinstance(part, Null):
            raise NullTypeGradError(f"Rop(): {part.type.why_null}")
        if v is not None and part is not None and not isinstance(part, Disconnected):
            plant(seeds, stretched(fitted(as_variable(part), x), x), v)
    found = walk_back(seeds, us, {*node.operands, *node.outputs, *us})
    results: list[Variable | None] = []
    for u in us:
        g = found.gradients.get(u)
        if isinstance(g, Null):
            raise NullTypeGradError(f"Rop(): {node.op.name}() at {node.line}: {g.type.why_null}") from g.cause
        results.append(g)
    return results
