"""Norms, traces, diagonals, cross products and products of several matrices."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from clarray.core import dtypes, linear, movement, ops, spectral
from clarray.core.aval import normalize_axes, normalize_axis
from clarray.core.diagonal import diagonal as _diagonal

from .arguments import as_operand, axes_of, extents, index_of, is_symbolic
from .manipulation import broadcast_arrays, stack

WHOLE = (None, None, None)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """A view of the `offset`-th diagonal of each matrix (..., m, n), as the last axis."""
    return _diagonal(as_operand(x, "diagonal"), offset=index_of(offset, "diagonal", "offset"))


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the `offset`-th diagonal of each matrix; small integers are added in 64 bits."""
    return ops.sum(diagonal(x, offset=offset), axis=-1, **({} if dtype is None else {"dtype": np.dtype(dtype)}))


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The norm of vectors along `axis` (None: of all elements): (sum |x|**ord)**(1/ord), max or min |x| for +-inf.

    `ord` 0 counts the elements that are not zero. The result is real, of integers the default float.
    """
    x = _floating(as_operand(x, "vector_norm"))
    axis = axes_of(axis, "vector_norm")
    axes = normalize_axes(axis, x.ndim, "vector_norm")
    size = ops.abs(x)
    if ord == inf:
        return ops.max(size, axis=axes, keepdims=keepdims)
    if ord == -inf:
        return ops.min(size, axis=axes, keepdims=keepdims)
    if ord == 0:
        return ops.sum(ops.not_equal(size, 0).astype(size.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return ops.sum(size, axis=axes, keepdims=keepdims)
    if ord == 2:
        squares = ops.square(x if np.dtype(x.dtype).kind == "f" else size)
        return ops.sqrt(ops.sum(squares, axis=axes, keepdims=keepdims))
    if isinstance(ord, str):
        raise ValueError(f"vector_norm(): ord is a number or +-inf, {ord!r} came")
    return ops.pow(ops.sum(ops.pow(size, float(ord)), axis=axes, keepdims=keepdims), 1 / float(ord))


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix (..., m, n): "fro", "nuc", 1 and inf (greatest sum of a column, a row), 2 (the greatest
    singular value), and the least of them for -1, -inf and -2.
    """
    x = _floating(as_operand(x, "matrix_norm"))
    if x.ndim < 2:
        raise ValueError(f"matrix_norm() takes matrices, with at least two dimensions; {x.ndim} came")
    last = (x.ndim - 2, x.ndim - 1)
    if ord in ("fro", None):
        return vector_norm(x, axis=last, keepdims=keepdims)
    if ord in (1, -1, inf, -inf):
        along, over = last if abs(ord) == 1 else last[::-1]
        sums = ops.sum(ops.abs(x), axis=along, keepdims=True)
        result = (ops.max if ord > 0 else ops.min)(sums, axis=over, keepdims=True)
    elif ord in (2, -2, "nuc"):
        values = spectral.svdvals(x)
        pick = {2: ops.max, -2: ops.min, "nuc": ops.sum}[ord]
        result = movement.slice_(pick(values, axis=-1), index=("...", None, None))
    else:
        raise ValueError(f"matrix_norm(): ord is 'fro', 'nuc', +-1, +-2 or +-inf; {ord!r} came")
    return result if keepdims else movement.slice_(result, index=("...", 0, 0))


def norm(x: Any, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's norm: of vectors along one axis, of matrices along two; of all elements where neither is said."""
    x = as_operand(x, "norm")
    if axis is None and (ord is None or (x.ndim == 1 and not isinstance(ord, str))):
        return vector_norm(x, keepdims=keepdims, ord=2 if ord is None else ord)
    axes = _axes(axis, x.ndim)
    if len(axes) == 1:
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ValueError(f"norm() takes one axis for vectors, two for matrices; {axis!r} of {x.ndim} dimensions came")
    moved = movement.permute_dims(x, axes=(*linear.others(axes, x.ndim), *axes))
    result = matrix_norm(moved, ord="fro" if ord is None else ord)
    if not keepdims:
        return result
    return movement.slice_(result, index=tuple(None if a in axes else WHOLE for a in range(x.ndim)))


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes in the order in which they are given."""
    given = axes_of(axis, "norm")
    if given is None:
        return tuple(range(ndim))
    return tuple(normalize_axis(a, ndim, "norm") for a in (given if isinstance(given, tuple) else (given,)))


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The cross products of vectors of three elements along `axis`; the other axes broadcast."""
    a, b = as_operand(x1, "cross"), as_operand(x2, "cross")
    for x in (a, b):
        n = extents(x)[normalize_axis(axis, x.ndim, "cross")]
        if isinstance(n, int) and n != 3:
            raise ValueError(f"cross() takes vectors of three elements along axis {axis}; {n} came")
    if not (is_symbolic(a) or is_symbolic(b)):
        a, b = broadcast_arrays(a, b)
    elif a.ndim != b.ndim:
        raise ValueError(f"cross() takes variables of the same number of axes; {a.ndim} and {b.ndim} came")
    k = normalize_axis(axis, a.ndim, "cross")
    (a0, a1, a2), (b0, b1, b2) = ([movement.slice_(x, index=(WHOLE,) * k + (i,)) for i in range(3)] for x in (a, b))
    parts = [(a1, b2, a2, b1), (a2, b0, a0, b2), (a0, b1, a1, b0)]
    return stack([ops.subtract(ops.multiply(p, q), ops.multiply(r, s)) for p, q, r, s in parts], axis=k)


def multi_dot(arrays: Sequence[Any], /) -> Any:
    """The product of two or more matrices, in the order that takes the fewest multiplications.

    The first and the last may be vectors. Of variables whose extents are not known the order is from left to right.
    """
    xs = [as_operand(x, "multi_dot") for x in arrays]
    if len(xs) < 2:
        raise ValueError(f"multi_dot() takes at least two arrays, {len(xs)} came")
    for k, x in enumerate(xs):
        if x.ndim != 2 and not (x.ndim == 1 and k in (0, len(xs) - 1)):
            raise ValueError(
                f"multi_dot(): array {k} has {x.ndim} dimensions; all are matrices, the ends may be vectors"
            )
    shapes = [extents(x) for x in xs]
    rows = [s[0] if len(s) > 1 else 1 if k == 0 else s[0] for k, s in enumerate(shapes)]
    sizes = [*rows, shapes[-1][1] if len(shapes[-1]) > 1 else 1]
    if len(shapes[0]) == 1:
        sizes[1] = shapes[0][0]
    if not all(isinstance(n, int) for n in sizes):
        result = xs[0]
        for x in xs[1:]:
            result = linear.matmul(result, x)
        return result
    return _multiplied(xs, _splits(sizes), 0, len(xs) - 1)


def _splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each run of matrices the one after which it is best split (Cormen et al., "Introduction to Algorithms")."""
    n = len(sizes) - 1
    cost, split = {(k, k): 0 for k in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            found = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], split[i, j] = min(found)
    return split


def _multiplied(xs: Sequence[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return xs[i]
    k = split[i, j]
    return linear.matmul(_multiplied(xs, split, i, k), _multiplied(xs, split, k + 1, j))


def _floating(x: Any) -> Any:
    """x as floats: integers as the default ones."""
    if np.dtype(x.dtype).kind in "fc":
        return x
    context = getattr(x, "context", None)
    double = context is None or context.traits.fp64
    return x.astype(np.dtype("float64") if double else dtypes.without_fp64(np.dtype("float64")))
