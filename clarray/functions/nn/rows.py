"""Functions of rows: softmax, its logarithm, normalization; each is one kernel that reads its operand once."""

from __future__ import annotations

from typing import Any

from clarray.core import ops, rows
from clarray.core.aval import normalize_axes
from clarray.core.movement import slice_

from ..arguments import as_operand, axes_of, extents, is_symbolic, real_of
from ..statistical import logsumexp as logsumexp

__all__ = ["layer_norm", "log_softmax", "logsumexp", "softmax"]


def softmax(x: Any, /, axis: Any = -1) -> Any:
    """exp(x) over its sum along `axis` (an int, several, or None for all), without overflow.

    The result has x's shape and dtype; of integers the default floating dtype. A row that holds a NaN or +inf, or
    nothing but -inf, becomes NaN. ValueError for an axis without elements, TypeError for complex numbers.
    """
    return rows.softmax(as_operand(x, "softmax"), axis=axes_of(axis, "softmax"))


def log_softmax(x: Any, /, axis: Any = -1) -> Any:
    """x - logsumexp(x) along `axis`: the logarithm of `softmax`, exact where that is small; +inf makes others -inf."""
    return rows.log_softmax(as_operand(x, "log_softmax"), axis=axes_of(axis, "log_softmax"))


def layer_norm(x: Any, weight: Any = None, bias: Any = None, axis: Any = -1, epsilon: float = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + epsilon) along `axis` (an int or several), times `weight`, plus `bias`.

    `weight` and `bias` have the extents of the normalized axes, in order; the result has x's shape and the common
    dtype, of integers the default floating one. ValueError where an extent does not fit.
    """
    x = as_operand(x, "layer_norm")
    params = {"axis": axes_of(axis, "layer_norm"), "epsilon": real_of(epsilon, "layer_norm", "epsilon")}
    axes = normalize_axes(params["axis"], x.ndim, "layer_norm")
    affine = [
        None if v is None else _along(as_operand(v), x, axes, name) for v, name in ((weight, "weight"), (bias, "bias"))
    ]
    if affine[0] is None:
        result = rows.layer_norm(x, **params)
        return result if affine[1] is None else ops.add(result, affine[1])
    return rows.layer_norm(x, *(v for v in affine if v is not None), **params)


def _along(v: Any, x: Any, axes: tuple[int, ...], name: str) -> Any:
    """A weight or bias as an operand that broadcasts to x."""
    if v.ndim != len(axes):
        raise ValueError(f"layer_norm(): {name} has an axis for each normalized one, {len(axes)}; {v.ndim} came")
    sizes = extents(x)
    for a, n in zip(axes, extents(v)):
        if not (is_symbolic(n) or is_symbolic(sizes[a])) and n != sizes[a]:
            raise ValueError(f"layer_norm(): {name} has {n} elements along axis {a} of x, which has {sizes[a]}")
    index = tuple((None, None, None) if a in axes else None for a in range(axes[0] if axes else 0, x.ndim))
    return slice_(v, index=index) if None in index else v
