"""grad: derivatives of a scalar cost, by one walk back over the graph.

Each Op's `grad` gives the gradients of its operands as variables; what is stretched by broadcasting
going forward is summed going back, by the static broadcast pattern. Nothing here recurses.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.aval import normalize_axes
from clarray.core.op import Composite, Reduction

from . import stabilize as _stabilize  # noqa: F401  its rules are applied before differentiating
from .barriers import ones_like, zeros_like
from .building import as_variable, constant
from .known import count
from .origin import made_for
from .rewrites import DIFFERENTIATED, rebuilt
from .variable import Apply, Constant, Variable
from .walk import toposort

REACTIONS = ("raise", "warn", "ignore")


class DisconnectedInputError(ValueError):
    """A gradient was asked for with respect to something that the cost does not depend on."""


class NullTypeGradError(TypeError):
    """A gradient has to pass through an operation that has none."""


def grad(
    cost: Variable | None,
    wrt: Any,
    consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Mapping[Variable, Any] | None = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """The gradients of the scalar `cost` for `wrt`, a variable or a list of them, in the same shape.

    No gradient passes `consider_constant`. `known_grads` gives gradients of variables, instead of or
    besides the cost. What the cost does not depend on is an error, a warning or zeros as
    `disconnected_inputs` says; `return_disconnected` is "zero", "None" or "Disconnected" for such results.
    """
    if disconnected_inputs not in REACTIONS:
        raise ValueError(f"grad(): disconnected_inputs is one of {REACTIONS}, {disconnected_inputs!r} came")
    if return_disconnected.lower() not in ("zero", "none", "disconnected"):
        raise ValueError(
            f"grad(): return_disconnected is 'zero', 'None' or 'Disconnected', {return_disconnected!r} came"
        )
    many = isinstance(wrt, list | tuple)
    targets: list[Any] = list(wrt) if many else [wrt]
    for x in targets:
        if not isinstance(x, Variable):
            raise TypeError(f"grad(): wrt is a variable or a list of them, {type(x).__name__} came")
        if x.aval.dtype.kind not in "fc" and x not in (known_grads or ()):
            raise TypeError(f"grad(): {x.described()} has no derivative: its dtype is not floating; cast it first")
    seeds = _seeds(cost, known_grads)
    stop = set(consider_constant or ())
    gradients = _walk_back(_stable(seeds, {*targets, *stop}), targets, stop)
    results: list[Any] = []
    for x in targets:
        g = gradients.get(x)
        if g is None:
            g = _disconnected(x, cost, disconnected_inputs, return_disconnected.lower())
        else:
            g = stretched(g, x)
            if add_names and g.name is None and cost is not None and cost.name and x.name and g.owner is not None:
                g.name = f"(d{cost.name}/d{x.name})"
        results.append(g)
    return (type(wrt)(results) if type(wrt) in (list, tuple) else results) if many else results[0]


def _seeds(cost: Variable | None, known: Mapping[Variable, Any] | None) -> dict[Variable, Variable]:
    seeds: dict[Variable, Variable] = {}
    if cost is None and not known:
        raise ValueError("grad(): give a cost, or known_grads")
    if cost is not None:
        if not isinstance(cost, Variable):
            raise TypeError(f"grad(): the cost is a variable, {type(cost).__name__} came")
        if cost.ndim:
            raise TypeError(f"grad(): the cost has to be a scalar; {cost.described()} came: take its mean() or sum()")
        if cost.aval.dtype.kind != "f":
            raise TypeError(f"grad(): the cost has to be real floating-point; {cost.described()} came: cast it first")
        seeds[cost] = ones_like(cost)
    for x, value in (known or {}).items():
        g = as_variable(value)
        if g.ndim != x.ndim:
            raise ValueError(f"grad(): the known gradient of {x} has {g.ndim} axes, {x} has {x.ndim}")
        seeds[x] = seeds[x] + g if x in seeds else g
    return seeds


def _stable(seeds: Mapping[Variable, Variable], keep: set[Variable]) -> Mapping[Variable, Variable]:
    """The seeds in a graph rewritten so that derivatives do not overflow.

    Where `keep` has results of operations the graph stays what it is: a rule might take them away.
    """
    if any(x.owner is not None for x in keep):
        return seeds
    result: dict[Variable, Variable] = {}
    for new, g in zip(rebuilt(list(seeds), phases=DIFFERENTIATED), seeds.values(), strict=True):
        result[new] = result[new] + g if new in result else g
    return result


def _walk_back(
    seeds: Mapping[Variable, Variable], targets: Sequence[Variable], stop: set[Variable]
) -> dict[Variable, Variable]:
    """The gradient of every variable on the way from `targets` to the seeds."""
    nodes = toposort(seeds, stop)
    wanted = set(targets)
    useful: set[Variable] = set(targets)  # variables that depend on a target
    for node in nodes:
        if any(x in useful for x in node.read):
            useful.update(x for x in node.outputs if x not in stop)
    gradients: dict[Variable, Variable] = dict(seeds)
    for node in reversed(nodes):
        arrived = [gradients.get(x) if x in wanted else gradients.pop(x, None) for x in node.outputs]
        arrived = [None if x in stop and x not in seeds else g for x, g in zip(node.outputs, arrived, strict=True)]
        sources = [(k, x) for k, x in enumerate(node.operands) if x in useful and node.reads(k)]
        if not sources or all(g is None for g in arrived):
            continue
        with made_for(node.line):
            parts = _gradients_of(
                node, [None if g is None else stretched(g, x) for x, g in zip(node.outputs, arrived, strict=True)]
            )
            for k, x in sources:
                part = parts[k] if k < len(parts) else None
                if part is None or x.aval.dtype.kind not in "fc":
                    continue
                part = _fitted(as_variable(part), x, node)
                gradients[x] = gradients[x] + part if x in gradients else part
    return gradients


def _gradients_of(node: Apply, arrived: Sequence[Variable | None]) -> Sequence[Any]:
    """What the Op says, for gradients in the results' shapes."""
    op, out = node.op, node.out
    g: Any = arrived[0]
    params: dict[str, Any] = node.filled(node.holes)
    if not any(x.aval.dtype.kind in "fc" for x in node.outputs):
        return ()
    try:
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
    except TypeError as error:
        raise NullTypeGradError(f"{error}{f' (the operation at {node.line})' if node.line else ''}") from None


def _through(
    op: Composite, arrived: Sequence[Variable | None], operands: Sequence[Variable], params: Mapping[str, Any]
) -> Sequence[Any]:
    """The gradients of what a composite calls."""
    made = op.lower(*operands, **params)
    seeds: dict[Variable, Variable] = {}
    for x, g in zip(made if isinstance(made, tuple | list) else (made,), arrived, strict=True):
        if g is not None:
            seeds[x] = seeds[x] + g if x in seeds else g
    found = _walk_back(seeds, operands, set(operands))
    return [found.pop(x, None) for x in operands]  # of one that is there twice the whole, once


def _count(x: Variable, axes: tuple[int, ...], g: Variable) -> Any:
    """The number of elements along axes: a number where it is known, else a value of g's dtype."""
    extents = [x.aval.shape[a] for a in axes]
    known = [n for n in extents if n is not None]
    if len(known) == len(extents):
        return int(np.prod(known, dtype=np.int64))
    return count(x, axes=axes).astype(g.dtype)


def _fitted(g: Variable, x: Variable, node: Apply) -> Variable:
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


def _disconnected(x: Variable, cost: Variable | None, reaction: str, wanted: str) -> Any:
    message = (
        f"grad(): {x.described()} does not take part in the computation of the cost {cost}, or only through "
        f"operations without a derivative; pass disconnected_inputs='ignore' for a zero"
    )
    if reaction == "raise":
        raise DisconnectedInputError(message)
    if reaction == "warn":
        warnings.warn(message, UserWarning, stacklevel=4)
    if wanted == "zero":
        return zeros_like(x)
    return None if wanted == "none" else DisconnectedType()()


class DisconnectedType:
    """The type of a gradient that is not there."""

    def __call__(self) -> DisconnectedType:
        return self

    def __repr__(self) -> str:
        return "<DisconnectedType>"
