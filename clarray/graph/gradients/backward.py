"""The walk back: gradients of a graph's variables from those of its results.

Each Op's `grad` gives the gradients of its operands as variables; what is stretched by broadcasting
going forward is summed going back, by the static broadcast pattern. Nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.aval import normalize_axes
from clarray.core.op import Composite, Reduction

from ..building import as_variable, constant
from ..origin import made_for
from ..rewriting import DIFFERENTIATED, opened, rebuilt
from ..running.known import FROM_SHAPES, count
from ..variable import Apply, Constant, Variable
from ..walk import toposort
from .absent import Disconnected, Null, NullType

Gradient = Variable | Null


@dataclass
class Found:
    """What a walk back found: gradients, and every variable that a seed depends on, if only with a derivative of 0."""

    gradients: dict[Variable, Gradient]
    reached: set[Variable]


def stable(outputs: Sequence[Variable], keep: Collection[Variable]) -> list[Variable]:
    """The outputs in a graph rewritten so that derivatives do not overflow; those in `keep` are still in it.

    No rule looks behind a variable of `keep`: a leaf stands for it while the rest is rewritten.
    """
    held = {x: Variable(x.aval) for x in keep if x.owner is not None}
    made = rebuilt(opened(outputs, keep), held, phases=DIFFERENTIATED)
    return rebuilt(made, {leaf: x for x, leaf in held.items()}, stop=held, phases=()) if held else made


def walk_back(
    seeds: Mapping[Variable, Gradient], targets: Sequence[Variable], stop: Collection[Variable] = ()
) -> Found:
    """The gradients of `targets`, and of what lies on the way to them; `stop` is not looked behind."""
    nodes = toposort(seeds, stop)
    wanted = set(targets)
    useful = set(targets)  # variables that depend on a target
    for node in nodes:
        if any(x in useful for x in node.read):
            useful.update([x for x in node.outputs if x not in stop])
    gradients = dict(seeds)
    reached = set(seeds)
    for node in reversed(nodes):
        outputs = [x for x in node.outputs if x not in stop or x in seeds]
        sources = [(k, x) for k, x in enumerate(node.operands) if x in useful and node.reads(k)]
        if not sources or not any(x in reached for x in outputs) or isinstance(node.op, FROM_SHAPES):
            continue
        arrived = [gradients.get(x) if x in wanted else gradients.pop(x, None) for x in node.outputs]
        arrived = [g if x in outputs else None for x, g in zip(node.outputs, arrived, strict=True)]
        with made_for(node.line):
            parts = _parts(node, arrived)
            for k, x in sources:
                part = parts[k] if k < len(parts) else None
                if isinstance(part, Disconnected):
                    continue
                reached.add(x)
                if part is None or x.aval.dtype.kind not in "fc":
                    continue
                before = gradients.get(x)
                if isinstance(part, Null) or isinstance(before, Null):
                    gradients[x] = part if isinstance(part, Null) else before  # type: ignore[assignment]
                    continue
                part = fitted(as_variable(part), x)
                gradients[x] = part if before is None else before + part
    return Found(gradients, reached)


def _parts(node: Apply, arrived: Sequence[Gradient | None]) -> Sequence[Any]:
    """The gradients of a node's operands from those that have arrived at its results."""
    null = next((g for g in arrived if isinstance(g, Null)), None)
    if null is not None:
        return [null] * len(node.operands)
    given = [g for g in arrived if isinstance(g, Variable)]
    if not given or not any(x.aval.dtype.kind in "fc" for x in node.outputs):
        return ()
    try:
        return gradients_of(
            node,
            [stretched(g, x) if isinstance(g, Variable) else None for x, g in zip(node.outputs, arrived, strict=True)],
        )
    except TypeError as error:
        why = f"{error}{f' (the operation at {node.line})' if node.line else ''}"
        return [Null(NullType(why), error)] * len(node.operands)


def gradients_of(node: Apply, arrived: Sequence[Variable | None]) -> Sequence[Any]:
    """What the Op says, for gradients in the results' shapes."""
    op, out = node.op, node.out
    g: Any = arrived[0]
    params: dict[str, Any] = node.filled(node.holes)
    if isinstance(op, Composite) and not op.differentiates:
        return _through(op, arrived, node.operands, params)
    if len(node.outputs) > 1:
        return op.grad(tuple(arrived), node.outputs, node.operands, params)
    if not isinstance(op, Reduction):
        return op.grad(g, out, node.operands, params)
    x = node.operands[0]
    axes = normalize_axes(params.get("axis"), x.ndim, op.name)
    if not params.get("keepdims"):
        kept = tuple(None if a in axes else (None, None, None) for a in range(x.ndim))
        g, out = (movement.slice_(v, index=kept) if axes else v for v in (g, out))
    return op.grad(g, out, node.operands, {**params, "count": _count(x, axes, g)})


def _through(
    op: Composite, arrived: Sequence[Variable | None], operands: Sequence[Variable], params: Mapping[str, Any]
) -> Sequence[Any]:
    """The gradients of what a composite calls."""
    made = op.lower(*operands, **params)
    seeds: dict[Variable, Gradient] = {}
    for x, g in zip(made if isinstance(made, tuple | list) else (made,), arrived, strict=True):
        if g is not None:
            plant(seeds, x, g)
    found = walk_back(seeds, operands, set(operands))
    parts: list[Any] = []
    for x in operands:  # of one that is there twice the whole, once
        parts.append(found.gradients.pop(x, None if x in found.reached else Disconnected()))
    return parts


def plant(seeds: dict[Variable, Any], x: Variable, g: Any) -> None:
    """Add g to the seed of x."""
    seeds[x] = seeds[x] + g if x in seeds else g


def _count(x: Variable, axes: tuple[int, ...], g: Variable) -> Any:
    """The number of elements along axes: a number where it is known, else a value of g's dtype."""
    extents = [x.aval.shape[a] for a in axes]
    known = [n for n in extents if n is not None]
    if len(known) == len(extents):
        return int(np.prod(known, dtype=np.int64))
    return count(x, axes=axes).astype(g.dtype)


def fitted(g: Variable, x: Variable) -> Variable:
    """A gradient summed over the axes along which x was stretched, in x's dtype."""
    if g.aval.dtype != x.aval.dtype and g.aval.weak is None:
        if g.aval.dtype.kind == "c" and x.aval.dtype.kind == "f":
            g = ops.real(g)
        g = g.astype(x.dtype)
    extra = g.ndim - x.ndim
    if extra > 0:
        g = ops.sum(g, axis=tuple(range(extra)))
    shape = x.aval.shape[x.ndim - g.ndim :]
    axes = tuple(k for k, (n, m) in enumerate(zip(g.aval.shape, shape, strict=True)) if m == 1 and n != 1)
    return ops.sum(g, axis=axes, keepdims=True) if axes else g


def stretched(g: Variable, x: Variable) -> Variable:
    """A gradient in x's whole shape and dtype."""
    if g.aval.weak is not None:
        g = constant(g.value, dtype=x.dtype) if isinstance(g, Constant) else g.astype(x.dtype)
    if g.ndim == x.ndim and g.broadcastable == x.broadcastable:
        return g
    return movement.broadcast_like(g, x)
