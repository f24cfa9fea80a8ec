"""grad: the derivatives of a scalar cost, by one walk back over the graph."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..building import as_variable
from ..origin import PACKAGE
from ..variable import Variable
from .absent import Disconnected, DisconnectedInputError, Null, NullTypeGradError
from .backward import Found, Gradient, plant, stable, stretched, walk_back
from .barriers import ones_like, zeros_like

REACTIONS = ("raise", "warn", "ignore")
RETURNED = ("zero", "none", "disconnected")


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
    """The gradients of the scalar `cost` for `wrt`, a variable or a list of them, in the same shape and dtype.

    No gradient passes `consider_constant`. `known_grads` gives gradients of variables, instead of or
    besides the cost. What the cost does not depend on is an error, a warning or nothing as
    `disconnected_inputs` says, and then zeros, or as `return_disconnected` is "zero", "None" or "Disconnected".
    Steps (floor, sign, comparisons) have a gradient of zero. Where an operation on the way has none,
    `null_gradients` is "raise" (NullTypeGradError) or "return" (a `Null` that says why).

    Of a complex x the gradient g is such that the change of the cost is the real part of the sum of g * dx.

    TypeError: the cost is no real floating-point scalar, or `wrt` is not floating. DisconnectedInputError (a
    ValueError): the cost does not depend on `wrt`.
    """
    check_reactions("grad", disconnected_inputs, return_disconnected)
    if null_gradients not in ("raise", "return"):
        raise ValueError(f"grad(): null_gradients is 'raise' or 'return', {null_gradients!r} came")
    targets = listed(wrt, "wrt", "grad")
    for x in targets:
        if x.aval.dtype.kind not in "fc" and x not in (known_grads or ()):
            raise TypeError(f"grad(): {x.described()} has no derivative: its dtype is not floating; cast it first")
    seeds = _seeds(cost, known_grads)
    stop = set(consider_constant or ())
    found = gradients_for(seeds, targets, stop)
    results: list[Any] = []
    for x in targets:
        of = f"the cost {cost}" if cost is None or x in found.reached else f"the cost {cost.described()}"
        g = settled(found, x, of, "grad", disconnected_inputs, return_disconnected, null_gradients)
        named = isinstance(g, Variable) and g.name is None and g.owner is not None
        if add_names and named and cost is not None and cost.name and x.name:
            g.name = f"(d{cost.name}/d{x.name})"
        results.append(g)
    return as_asked(results, wrt)


def gradients_for(seeds: Mapping[Variable, Variable], targets: Sequence[Variable], stop: set[Variable]) -> Found:
    """The walk back over the stable form of a graph."""
    planted: dict[Variable, Gradient] = {}
    for new, g in zip(stable(list(seeds), {*targets, *stop}), seeds.values(), strict=True):
        plant(planted, new, g)
    return walk_back(planted, targets, stop)


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
        if not isinstance(x, Variable):
            raise TypeError(f"grad(): known_grads is of variables, {type(x).__name__} came")
        plant(seeds, x, checked_like(as_variable(value), x, "the known gradient of", "grad"))
    return seeds


# what grad and its kin share


def listed(given: Any, what: str, who: str) -> list[Variable]:
    """One variable or several, as a list; TypeError for anything else."""
    many: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    for x in many:
        if not isinstance(x, Variable):
            raise TypeError(f"{who}(): {what} is a variable or a list of them, {type(x).__name__} came")
    return many


def as_asked(results: list[Any], given: Any) -> Any:
    """The results as a list or a tuple where `given` is one, else the only one."""
    if not isinstance(given, list | tuple):
        return results[0]
    return tuple(results) if type(given) is tuple else results


def checked_like(g: Variable, x: Variable, what: str, who: str) -> Variable:
    """g, which takes the part of a derivative of x or of a direction: ValueError where it cannot."""
    if g.ndim != x.ndim:
        raise ValueError(f"{who}(): {what} {x} has {g.ndim} axes, {x} has {x.ndim}")
    for k, (n, m) in enumerate(zip(g.aval.shape, x.aval.shape, strict=True)):
        if n is not None and m is not None and n not in (1, m):
            raise ValueError(f"{who}(): {what} {x} has {n} elements along axis {k}, {x.described()} has {m}")
    if g.aval.dtype.kind == "c" and x.aval.dtype.kind != "c":
        raise TypeError(f"{who}(): {what} {x} is {g.dtype}, {x.described()} is real")
    return g


def check_reactions(who: str, disconnected_inputs: str, return_disconnected: str = "zero") -> None:
    """ValueError for an option that there is not."""
    if disconnected_inputs not in REACTIONS:
        raise ValueError(f"{who}(): disconnected_inputs is one of {REACTIONS}, {disconnected_inputs!r} came")
    if return_disconnected.lower() not in RETURNED:
        raise ValueError(
            f"{who}(): return_disconnected is 'zero', 'None' or 'Disconnected', {return_disconnected!r} came"
        )


def settled(
    found: Found, x: Variable, of: str, who: str, reaction: str, wanted: str = "zero", null_gradients: str = "raise"
) -> Any:
    """The gradient of x in its shape, or what stands for it."""
    g = found.gradients.get(x)
    if isinstance(g, Null):
        if null_gradients == "return":
            return g
        raise NullTypeGradError(f"{who}() of {of} for {x.described()}: {g.type.why_null}") from g.cause
    if g is not None:
        return stretched(g, x)
    if x not in found.reached:
        return missing(x, f"{x.described()} does not take part in the computation of {of}", who, reaction, wanted)
    return zeros_like(x)


def missing(x: Variable, message: str, who: str, reaction: str, wanted: str = "zero") -> Any:
    """What a derivative in x's shape is where no path leads: an error, or with or without a warning what is wanted."""
    message = (
        f"{who}(): {message}, or only by its shape or behind disconnected_grad(); pass "
        f"disconnected_inputs='ignore' for a zero"
    )
    if reaction == "raise":
        raise DisconnectedInputError(message)
    if reaction == "warn":
        warnings.warn(message, UserWarning, stacklevel=_frames_inside())
    if wanted.lower() == "zero":
        return zeros_like(x)
    return None if wanted.lower() == "none" else Disconnected()


def _frames_inside() -> int:
    """How many frames from the caller up the user's is, counted as `warnings.warn` does."""
    frame, count = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame, count = frame.f_back, count + 1
    return count
