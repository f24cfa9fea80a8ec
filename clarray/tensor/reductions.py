"""Reductions of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clarray.core import ops
from clarray.core.aval import extent, normalize_axes
from clarray.core.op import Reduction
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable


def _reducing(op: Reduction) -> Callable[..., Variable]:
    def function(
        x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Variable:
        params = {} if dtype is None else {"dtype": np.dtype(dtype)}
        return op(as_variable(x), axis=axis, keepdims=keepdims, **params)

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}, along `axis`: None (all), an int or several."
    return function


def _picking(op: Reduction) -> Callable[..., Variable]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
        return op(as_variable(x), axis=axis, keepdims=keepdims)

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}, along `axis`: None (all), an int or several."
    return function


def _finding(op: Reduction) -> Callable[..., Variable]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
        x = as_variable(x)
        axes = normalize_axes(axis, x.ndim, op.name)
        if len(axes) in (1, x.ndim):
            return op(x, axis=axes[0] if len(axes) == 1 else None, keepdims=keepdims)
        rest = [a for a in range(x.ndim) if a not in axes]
        found = op(x.transpose(*rest, *axes).reshape((*(extent(x, a) for a in rest), -1)), axis=len(rest))
        return found.dimshuffle(*(rest.index(a) if a in rest else "x" for a in range(x.ndim))) if keepdims else found

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}, along `axis`; of several axes as if they were one."
    return function


REDUCTIONS = {name: _reducing(ops.REDUCTIONS[name]) for name in ("sum", "prod", "mean")}
REDUCTIONS |= {name: _finding(ops.REDUCTIONS[name]) for name in ("argmax", "argmin")}
REDUCTIONS |= {name: _picking(op) for name, op in ops.REDUCTIONS.items() if name not in REDUCTIONS and name != "var"}


def var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, corrected: bool = False) -> Variable:
    """The variance along `axis`, of which count - `ddof` is the divisor."""
    return as_variable(x).var(axis, ddof, keepdims)


def std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, corrected: bool = False) -> Variable:
    """The root of the variance."""
    return ops.sqrt(var(x, axis, ddof, keepdims))


def max_and_argmax(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Variable, Variable]:
    """The greatest element along `axis` and its index."""
    x = as_variable(x)
    return ops.max(x, axis=axis, keepdims=keepdims), REDUCTIONS["argmax"](x, axis, keepdims)


def ptp(x: Any, axis: Any = None) -> Variable:
    """The distance from the least to the greatest element."""
    x = as_variable(x)
    return x.max(axis) - x.min(axis)


FUNCTIONS: dict[str, Any] = REDUCTIONS | {f.__name__: f for f in (var, std, max_and_argmax, ptp)}
FUNCTIONS |= {"amax": REDUCTIONS["max"], "amin": REDUCTIONS["min"], "max_and_argmax": max_and_argmax}
