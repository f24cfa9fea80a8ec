"""Statistical functions: reductions and cumulative ones, over any axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clarray.core import cumulative, ops
from clarray.core.op import Reduction

from .arguments import as_operand, axes_of, index_of, is_symbolic
from .creation import full, full_like
from .manipulation import concat

__all__ = [
    "all", "any", "count_nonzero", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "logsumexp", "max",
    "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip


def reducing(op: Reduction) -> Callable[..., Any]:
    """The function of a reduction that has no say in its dtype."""

    def function(x: Any, /, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return _reduce(op, x, axis, None, out, keepdims)

    return _named(function, op)


def accumulating(op: Reduction) -> Callable[..., Any]:
    """The function of a reduction that accumulates in a dtype of choice."""

    def function(x: Any, /, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return _reduce(op, x, axis, dtype, out, keepdims)

    return _named(function, op)


def _reduce(op: Reduction, x: Any, axis: Any, dtype: Any, out: Any, keepdims: bool) -> Any:
    x, axis = as_operand(x, op.name), axes_of(axis, op.name)
    params = {"axis": axis, "dtype": None if dtype is None else np.dtype(dtype), "keepdims": bool(keepdims)}
    return op(x, **params) if out is None else op(x, **params, out=out)


def _named(function: Callable[..., Any], op: Reduction) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}. `axis` is None (all), an int or several."
    return function


sum = accumulating(ops.sum)
prod = accumulating(ops.prod)
mean = accumulating(ops.mean)
logsumexp = accumulating(ops.logsumexp)
max = reducing(ops.max)
min = reducing(ops.min)
any = reducing(ops.any)
all = reducing(ops.all)
count_nonzero = reducing(ops.count_nonzero)


def var(x: Any, /, axis: Any = None, *, correction: float = 0, keepdims: bool = False, ddof: float = 0) -> Any:
    """The variance, of which count - `correction` is the divisor (`ddof` is NumPy's other name for it)."""
    return as_operand(x, "var").var(axes_of(axis, "var"), correction or ddof, bool(keepdims))


def std(x: Any, /, axis: Any = None, *, correction: float = 0, keepdims: bool = False, ddof: float = 0) -> Any:
    """The standard deviation: the root of `var`."""
    return as_operand(x, "std").std(axes_of(axis, "std"), correction or ddof, bool(keepdims))


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Sums of the elements up to each, along `axis`, which only one dimension may leave out.

    With `include_initial` the result begins with a zero and is one longer.
    """
    return _cumulate(cumulative.cumulative_sum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Products of the elements up to each; as `cumulative_sum`, but it begins with a one.

    A GPU multiplies parts of a long row apart. Of real numbers none of these overflows or becomes 0, so an element
    may be finite after one that is infinite; of complex numbers a part's product may, and elements after it are then
    infinite, NaN or 0 although the whole product is none of these.
    """
    return _cumulate(cumulative.cumulative_prod, 1, x, axis, dtype, include_initial)


def _cumulate(op: Any, first: int, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    x = as_operand(x, op.name)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"{op.name}() of {x.ndim} dimensions takes an axis")
        axis = 0
    axis = index_of(axis, op.name, "axis", "None or an int")
    result = op(x, axis=axis, dtype=None if dtype is None else np.dtype(dtype))
    if not include_initial:
        return result
    if is_symbolic(x):  # a total has the shape of the first elements, and of it no more is wanted
        initial = full_like(op.reduction(x, axis=axis, keepdims=True), first, result.dtype)
    else:
        shape = tuple(1 if a == axis % x.ndim else n for a, n in enumerate(x.shape))
        initial = full(shape, first, result.dtype, x.device)
    return concat((initial, result), axis=axis)


def cumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """NumPy's `cumulative_sum`: without an axis, of the array made flat."""
    x = as_operand(x)
    return _cumulate(
        cumulative.cumulative_sum, 0, x.reshape(-1) if axis is None else x, 0 if axis is None else axis, dtype, False
    )


def cumprod(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """NumPy's `cumulative_prod`: without an axis, of the array made flat."""
    x = as_operand(x)
    return _cumulate(
        cumulative.cumulative_prod, 1, x.reshape(-1) if axis is None else x, 0 if axis is None else axis, dtype, False
    )
