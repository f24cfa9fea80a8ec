"""Derivatives beyond the gradient of a cost: products with Jacobians, Jacobians and Hessians whole, and subgraphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.aval import extent

from ..building import apply, as_variable
from ..running.known import arange
from ..variable import Variable
from .backward import plant, stable, stretched
from .barriers import derivative_of, zeros_like
from .batching import batched
from .forward import push_forward
from .gradient import as_asked, check_reactions, checked_like, grad, gradients_for, listed, missing, settled


def Lop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The L-operator: `eval_points`, shaped as f, times the Jacobian of f for `wrt`; shaped as `wrt`.

    f and `eval_points` are variables or lists of as many. A complex value's convention is that of `grad`.
    """
    check_reactions("Lop", disconnected_inputs)
    outputs, targets = listed(f, "f", "Lop"), _floating(wrt, "Lop")
    seeds: dict[Variable, Variable] = {}
    for x, v in zip(outputs, _points(eval_points, f, "Lop"), strict=True):
        plant(seeds, x, v)
    found = gradients_for(seeds, targets, set(consider_constant or ()))
    return as_asked([settled(found, x, _named(outputs), "Lop", disconnected_inputs) for x in targets], wrt)


def Rop(
    f: Any,
    wrt: Any,
    eval_points: Any,
    disconnected_outputs: str = "raise",
    return_disconnected: str = "zero",
) -> Any:
    """The R-operator: the Jacobian of f for `wrt` times `eval_points`, shaped as `wrt`; shaped as f.

    `wrt` and `eval_points` are variables or lists of as many. An f that does not depend on `wrt` is an error, a
    warning or nothing as `disconnected_outputs` says.
    """
    check_reactions("Rop", disconnected_outputs, return_disconnected)
    outputs, targets = listed(f, "f", "Rop"), _floating(wrt, "Rop")
    directions: dict[Variable, Variable] = {}
    for x, v in zip(targets, _points(eval_points, wrt, "Rop"), strict=True):
        plant(directions, x, v)
    made = stable(outputs, set(targets))
    tangents, reached = push_forward(made, directions)
    results: list[Any] = []
    for x, y in zip(outputs, made, strict=True):
        if y in tangents:
            results.append(derivative_of(tangents[y], x))
        elif y in reached:
            results.append(zeros_like(x))
        else:
            message = f"{x.described()} does not depend on {_named(targets)}"
            results.append(missing(x, message, "Rop", disconnected_outputs, return_disconnected))
    return as_asked(results, f)


def jacobian(
    expression: Any,
    wrt: Any,
    consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The derivatives of every element of `expression` for every one of `wrt`: the axes of both, in this order.

    All rows come in one pass: the gradient is computed for a stack of unit vectors, one for each
    element of the expression, so that memory for intermediate results grows with their number.
    """
    check_reactions("jacobian", disconnected_inputs)
    (f,) = listed([expression], "the expression", "jacobian")
    targets = _floating(wrt, "jacobian")
    if f.aval.dtype.kind != "f":
        raise TypeError(f"jacobian(): the expression has to be real floating-point; {f.described()} came: cast it")
    unit = Variable(f.aval, name="unit")
    found = gradients_for({f: unit}, targets, set(consider_constant or ()))
    rows = [settled(found, x, str(f), "jacobian", disconnected_inputs) for x in targets]
    shape = tuple(extent(f, k) for k in range(f.ndim))
    results = batched(rows, {unit: _units(f, shape)})
    if f.ndim != 1:
        shapes = [(*shape, *(extent(x, k) for k in range(x.ndim))) for x in targets]
        results = [movement.reshape(row, shape=to) for row, to in zip(results, shapes, strict=True)]
    return as_asked(results, wrt)


def _units(f: Variable, shape: tuple[Any, ...]) -> Variable:
    """For each element of f, counted in C order, an array of its shape that is 1 there and else 0."""
    size = f.size if any(isinstance(n, Variable) for n in shape) else int(np.prod(shape))
    places = apply(arange, (), {"start": 0, "stop": size, "step": 1, "dtype": np.dtype("int64")})
    columns = places if f.ndim == 1 else movement.reshape(places, shape=shape)
    rows = movement.reshape(places, shape=(size, *[1] * f.ndim))
    return ops.equal(rows, columns).astype(f.dtype)


def hessian(
    cost: Variable,
    wrt: Any,
    consider_constant: Iterable[Variable] | None = None,
    disconnected_inputs: str = "raise",
) -> Any:
    """The second derivatives of the scalar `cost`: for each x of `wrt` an array with the axes of x twice.

    Those for two different variables are `jacobian(grad(cost, x), y)`.
    """
    targets = listed(wrt, "wrt", "hessian")
    held = list(consider_constant or ())
    gradients = grad(cost, targets, held, disconnected_inputs)
    # a gradient that does not depend on its variable is that of a linear cost
    return as_asked([jacobian(g, x, held, "ignore") for g, x in zip(gradients, targets, strict=True)], wrt)


def hessian_vector(cost: Variable, wrt: Any, vectors: Any, consider_constant: Iterable[Variable] | None = None) -> Any:
    """The Hessian of the scalar `cost` for all of `wrt`, times `vectors`, shaped as `wrt`, without making it.

    The gradient is carried forward (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
    """
    targets = listed(wrt, "wrt", "hessian_vector")
    points = _points(vectors, wrt, "hessian_vector")
    gradients = grad(cost, targets, consider_constant)
    return as_asked(Rop(gradients, targets, points, disconnected_outputs="ignore"), wrt)


def subgraph_grad(
    wrt: Sequence[Variable],
    end: Sequence[Variable],
    start: Mapping[Variable, Any] | None = None,
    cost: Variable | None = None,
    details: bool = False,
) -> Any:
    """Gradients for `wrt` and for `end`, between which and the cost (or the variables of `start`, whose gradients
    are given) a graph is cut: those for `end` start the next piece.

    Two lists; with `details` also what comes of `start` and of the cost for `wrt`, and for `end`.
    """
    if start is None and cost is None:
        raise ValueError("subgraph_grad(): give a cost, or start, or both")
    targets, ends = listed(list(wrt), "wrt", "subgraph_grad"), listed(list(end), "end", "subgraph_grad")
    both = [*ends, *targets]
    parts: list[list[Any] | None] = [None, None]
    if start is not None:
        parts[0] = grad(None, both, known_grads=start, consider_constant=ends, disconnected_inputs="ignore")
    if cost is not None:
        parts[1] = grad(cost, both, consider_constant=ends, disconnected_inputs="ignore")
    total = [x if y is None else y if x is None else x + y for x, y in zip(*(p or [None] * len(both) for p in parts))]
    count = len(ends)
    result = (total[count:], total[:count])
    if not details:
        return result
    return (
        *result,
        *(None if p is None else p[count:] for p in parts),
        *(None if p is None else p[:count] for p in parts),
    )


# arguments


def _floating(wrt: Any, who: str) -> list[Variable]:
    targets = listed(wrt, "wrt", who)
    for x in targets:
        if x.aval.dtype.kind not in "fc":
            raise TypeError(f"{who}(): {x.described()} has no derivative: its dtype is not floating; cast it first")
    return targets


def _points(given: Any, like: Any, who: str) -> list[Variable]:
    """The evaluation points: one for each of `like` where that is a list, else one, or a list of one."""
    variables = listed(like, "wrt or f", who)
    if isinstance(like, list | tuple) or (
        isinstance(given, list | tuple) and len(given) == 1 and isinstance(given[0], Variable)
    ):
        points = list(given) if isinstance(given, list | tuple) else [given]
    else:
        points = [given]
    if len(points) != len(variables):
        raise ValueError(f"{who}(): {len(points)} evaluation points came for {len(variables)} variables")
    pairs = zip(map(as_variable, points), variables, strict=True)
    return [_stretched_to(checked_like(v, x, "the evaluation point of", who), x) for v, x in pairs]


def _stretched_to(v: Variable, x: Variable) -> Variable:
    if v.aval.dtype != x.aval.dtype:
        v = v.astype(x.dtype)
    return stretched(v, x)


def _named(variables: Sequence[Variable]) -> str:
    return ", ".join(map(str, variables))
