"""What `function` is asked for: its inputs, outputs, updates and givens, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.device.current import context_for

from .arguments import In, Out, filtered
from .building import as_variable
from .shared import Container, SharedVariable, uploaded
from .variable import Constant, Variable
from .walk import leaves


def as_in(x: Any, allow_downcast: bool | None) -> In:
    """An input as In."""
    if isinstance(x, list | tuple) and len(x) == 2 and isinstance(x[0], Variable):
        x = In(x[0], value=x[1])
    if isinstance(x, SharedVariable) or (isinstance(x, In) and isinstance(x.variable, SharedVariable)):
        raise TypeError(f"function(): the shared variable {x} has a value and is no input; use givens to replace it")
    if isinstance(x, Constant):
        raise TypeError(f"function(): the constant {x} is not an input")
    if isinstance(x, Variable):
        return In(x, allow_downcast=allow_downcast)
    if not isinstance(x, In):
        raise TypeError(f"function(): an input is a variable or In, {type(x).__name__} came: {x!r}")
    if x.allow_downcast is None and allow_downcast is not None:
        x = In(x.variable, x.name, x.value, x.update, x.mutable, x.strict, allow_downcast, borrow=x.borrow)
    return x


def check_distinct(specs: Sequence[In]) -> None:
    """ValueError where a variable is an input twice."""
    seen: set[Variable] = set()
    for spec in specs:
        if spec.variable in seen:
            raise ValueError(f"function(): {spec.variable.described()} is an input twice; name it once")
        seen.add(spec.variable)


def as_outs(outputs: Any) -> tuple[list[str] | None, list[Out]]:
    """The keys, of a dict, and the outputs as Out."""
    keys = None
    if outputs is None:
        outputs = []
    elif isinstance(outputs, dict):
        for k in outputs:
            if not isinstance(k, str):
                raise TypeError(f"function(): the keys of a dict of outputs are strings, {k!r} came")
        keys = sorted(outputs)
        outputs = [outputs[k] for k in keys]
    elif not isinstance(outputs, list | tuple):
        outputs = [outputs]
    outs = []
    for x in outputs:
        out = x if isinstance(x, Out) else Out(x)
        outs.append(Out(_as_output(out.variable), out.borrow))
    return keys, outs


def _as_output(x: Any) -> Variable:
    try:
        return as_variable(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"function(): an output is a variable, {type(x).__name__} came: {error}") from None


def pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    """A dict, or a list or tuple of pairs, as a list of pairs."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return list(given.items())
    if not isinstance(given, list | tuple):
        raise TypeError(f"function(): {what} is a dict or a list of pairs, {type(given).__name__} came")
    if len(given) == 2 and isinstance(given[0], Variable):
        given = [given]  # one bare pair
    pairs = []
    for pair in given:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise TypeError(f"function(): {what} is a dict or a list of pairs, {pair!r} is no pair")
        pairs.append((pair[0], pair[1]))
    return pairs


def states_of(specs: Sequence[In]) -> dict[In, SharedVariable]:
    """The inputs that have an update, as shared variables of the function's own."""
    states = {}
    for spec in specs:
        if spec.update is None:
            continue
        if spec.value is None:
            raise ValueError(f"In({spec.variable}): an input with an update needs a value to begin with")
        x = spec.variable
        container = spec.value.container if isinstance(spec.value, SharedVariable) else None
        if container is None:
            host = filtered(spec.value, x, spec.strict, spec.allow_downcast, f"the value of In({x})")
            context = context_for()
            container = Container(host.copy() if isinstance(host, GpuArray) else uploaded(host, context), context)
        states[spec] = SharedVariable(x.type, container, spec.name, spec.strict, spec.allow_downcast)
    return states


def replacements(givens: Any, inputs: Sequence[Variable]) -> dict[Variable, Variable]:
    """What replaces what; the type has to be the same."""
    replaced: dict[Variable, Variable] = {}
    for old, new in pairs(givens, "givens"):
        if not isinstance(old, Variable):
            raise TypeError(f"function(): givens replace variables, {old!r} is none")
        if old in replaced:
            raise ValueError(f"function(): givens replace {old} twice")
        if isinstance(new, Variable):
            x = new
        else:
            plain = not isinstance(new, np.ndarray | np.generic | GpuArray)
            x = as_variable(np.asarray(new, old.aval.dtype) if plain else new)
        if x.aval.weak is not None:
            x = x.astype(old.dtype)
        if x.aval.dtype != old.aval.dtype or x.ndim != old.ndim:
            raise TypeError(
                f"function(): givens cannot replace {old.described()} by {x.described()}: the types differ; cast it"
            )
        if old in inputs and isinstance(x, Variable) and old in leaves([x]):
            raise ValueError(
                f"function(): givens replace the input {old} by {x.described()}, which depends on it; let the function "
                f"take another variable, and replace {old} by what is computed from that"
            )
        replaced[old] = x
    return replaced


def changes_of(
    named: Sequence[tuple[Any, Any]], outs: Sequence[Out], replaced: Mapping[Variable, Variable], without: Any
) -> dict[SharedVariable, Variable]:
    """The updates asked for, and the default ones of the shared variables that take part."""
    changes: dict[SharedVariable, Any] = {}
    for x, value in named:
        if x in changes:
            raise ValueError(f"function(): the shared variable {x} is updated twice")
        changes[x] = value
    if without is True:
        return changes
    excluded = set(without) if isinstance(without, list | tuple) else set()
    todo: list[Any] = [
        *(o.variable for o in outs),
        *(as_variable(v) for v in changes.values() if isinstance(v, Variable | list | tuple)),
        *replaced.values(),
    ]
    while todo:
        found = [x for x in leaves(todo) if isinstance(x, SharedVariable)]
        todo = []
        for x in found:
            if x.default_update is not None and x not in changes and x not in excluded:
                changes[x] = x.default_update
                todo.append(as_variable(x.default_update))
    return changes


def converted(changes: Mapping[SharedVariable, Any]) -> dict[SharedVariable, Variable]:
    """New values in the variables' own types, where that loses nothing."""
    result = {}
    for x, value in changes.items():
        if isinstance(value, bool | int | float | complex | list | tuple):
            with suppress(TypeError, ValueError):  # as_variable says what is wrong with it
                value = np.asarray(value, x.aval.dtype)
        try:
            new = as_variable(value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"function(): the update of shared variable {x} ({x.type}) is a variable or an array, "
                f"{type(value).__name__} came: {error}"
            ) from None
        weak = new.aval.weak is not None
        if new.aval.dtype != x.aval.dtype:
            if not (weak or np.can_cast(new.aval.dtype, x.aval.dtype)):
                raise TypeError(
                    f"function(): the update of shared variable {x} ({x.type}) is {new.described()}: "
                    f"{new.dtype} to {x.dtype} would lose precision; cast it with astype({x.dtype!r})"
                )
            new = new.astype(x.dtype)
        if new.ndim != x.ndim:
            raise TypeError(
                f"function(): the update of shared variable {x} ({x.type}) is {new.described()}: it has "
                f"{new.ndim} axes instead of {x.ndim}"
            )
        for axis, (a, b) in enumerate(zip(x.broadcastable, new.broadcastable, strict=True)):
            if a and not b:
                raise TypeError(
                    f"function(): the update of {x} is not broadcastable along axis {axis}, as {x.type} is; "
                    f"use T.patternbroadcast"
                )
        result[x] = new
    return result
