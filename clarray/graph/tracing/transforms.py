"""grad and value_and_grad of Python functions: a gradient is a traced function, as what it is of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from clarray.core.aval import Aval

from ..building import as_variable
from ..gradients import gradient
from ..rewriting import rebuilt
from ..variable import Constant, Variable
from ..walk import toposort
from .jit import Jit, Method
from .trees import flatten, paths, unflatten


def grad(cost: Any, wrt: Any = None, *args: Any, **options: Any) -> Any:
    """Derivatives of a scalar: of a Python function a function, of a variable variables.

    `grad(f, argnums=0, has_aux=False)`, of a Python function of arrays (jitted or not), is a function of the same
    arguments that returns the gradient of f's result for the argument number `argnums`, in that argument's structure
    (tuples, lists, dicts, nested); for a tuple of numbers it is a tuple. With `has_aux` f returns a pair, of which only
    the first is differentiated, and the gradient comes as (gradient, second). It is compiled as `jit` does it, and
    may itself be jitted or differentiated. TypeError: f's result is no floating scalar, or an argument is not floating.

    `grad(cost, wrt, consider_constant=None, disconnected_inputs="raise", known_grads=None,
    return_disconnected="zero", ...)` of a variable is Theano's: see `clarray.tensor.grad`.
    """
    if callable(cost):
        return _transformed(cost, *(() if wrt is None else (wrt,)), *args, with_value=False, **options)
    return gradient.grad(cost, wrt, *args, **options)


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Jit:
    """The function of the same arguments that returns (value, gradient), or ((value, second), gradient): see `grad`."""
    if not callable(function):
        raise TypeError(f"value_and_grad() takes a function, {type(function).__name__} came; of variables use grad()")
    return _transformed(function, argnums, has_aux, with_value=True)


def _transformed(function: Any, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, with_value: bool) -> Jit:
    single = isinstance(argnums, int | np.integer)
    numbers: tuple[Any, ...] = (argnums,) if single else tuple(argnums)  # type: ignore[arg-type]
    if not all(isinstance(k, int | np.integer) for k in numbers) or len(set(numbers)) != len(numbers):
        raise TypeError(f"grad(): argnums is an int or several different ones, {argnums!r} came")
    who = getattr(function, "__name__", "function")

    def differentiated(*args: Any, **named: Any) -> Any:
        places = [k + len(args) if k < 0 else k for k in numbers]
        for k in places:
            if not 0 <= k < len(args):
                raise TypeError(f"grad({who}): argument {k} is differentiated, {len(args)} came by position")
        given: list[Any] = []
        trees = [flatten(args[k], given) for k in places]
        names = [path for k, tree in zip(places, trees, strict=True) for path in paths(tree, f"argument {k}")]
        targets, replace = _targets(given, names, who)
        supply = iter(targets)
        inner = list(args)
        for k, tree in zip(places, trees, strict=True):
            inner[k] = unflatten(tree, supply)
        result = function(*inner, **named)
        if has_aux and not (isinstance(result, tuple) and len(result) == 2):
            raise TypeError(f"grad({who}): with has_aux the function returns a pair (cost, more), {result!r} came")
        cost, more = result if has_aux else (result, None)
        cost = _scalar(cost, who)
        found = gradient.grad(cost, targets, disconnected_inputs="ignore") if targets else []
        returned: list[Any] = []
        tree = flatten((cost, more, found), returned)
        cost, more, found = unflatten(tree, iter(_replaced(returned, replace)))
        computed = iter(found)
        parts = [unflatten(tree, computed) for tree in trees]
        gradients = parts[0] if single else tuple(parts)
        if with_value:
            return ((cost, more) if has_aux else cost), gradients
        return (gradients, more) if has_aux else gradients

    update_wrapper(differentiated, function, updated=())
    differentiated.__name__ = f"{'value_and_grad' if with_value else 'grad'}({who})"
    return Jit(differentiated, *(function.options if isinstance(function, Jit | Method) else ()))


def _targets(given: Sequence[Any], names: Sequence[str], who: str) -> tuple[list[Variable], dict[Variable, Variable]]:
    """A variable without an owner for each leaf, and what it stands for where that is another one."""
    targets: list[Variable] = []
    replace: dict[Variable, Variable] = {}
    for value, name in zip(given, names, strict=True):
        x = as_variable(value)
        if x.aval.dtype.kind != "f":
            kind = x.aval.weak.__name__ if x.aval.weak is not None else x.dtype
            raise TypeError(f"grad({who}): {name} is {kind}, and derivatives are for floating arguments; cast it first")
        if x.owner is None and not isinstance(x, Constant) and x not in targets:
            targets.append(x)
        else:
            targets.append(Variable(Aval(x.aval.shape, x.aval.dtype, x.aval.weak), name=name))
            replace[targets[-1]] = x
    return targets, replace


def _scalar(cost: Any, who: str) -> Variable:
    try:
        x = as_variable(cost)
    except (TypeError, ValueError):
        raise TypeError(
            f"grad({who}): the function returns {type(cost).__name__}, no number; has_aux=True if a pair"
        ) from None
    if x.ndim or x.aval.dtype.kind != "f":
        raise TypeError(
            f"grad({who}): the function returns {x.type}, and only a floating scalar has a gradient; take its sum() "
            f"or mean()"
        )
    return x


def _replaced(returned: Sequence[Any], replace: dict[Variable, Variable]) -> list[Any]:
    """The leaves of a result with variables replaced; what does not depend on these stays the very same."""
    outputs = [x for x in returned if isinstance(x, Variable)]
    if not replace or not outputs:
        return list(returned)
    depends = set(replace)
    for node in toposort(outputs):
        if any(x in depends for x in node.inputs):
            depends.update(node.outputs)
    stop = {x for node in toposort(outputs) for x in (*node.inputs, *node.outputs) if x not in depends}
    stop.update(replace.values())
    made = iter(rebuilt(outputs, replace, stop, phases=()))
    return [next(made) if isinstance(x, Variable) else x for x in returned]
