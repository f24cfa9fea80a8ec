"""Linear algebra: products of vectors, matrices and tensors, and the names of the Array API's extension `linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.array.convert import to_array
from clarray.array.gpuarray import GpuArray
from clarray.core import linear, ops
from clarray.core.movement import reshape
from clarray.errors import LinAlgError

from .decompositions import cholesky, det, inv, matrix_power, slogdet, solve, solve_triangular
from .norms import cross, diagonal, matrix_norm, multi_dot, norm, trace, vector_norm
from .spectral import cond, eig, eigh, eigvals, eigvalsh, lstsq, matrix_rank, pinv, qr, svd, svdvals

__all__ = [
    "LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "dot", "eig", "eigh", "eigvals", "eigvalsh", "inner",
    "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "multi_dot", "norm",
    "outer", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "tensordot", "trace", "vdot",
    "vecdot", "vector_norm",
]  # fmt: skip


def matmul(x1: Any, x2: Any, /, out: Any = None) -> Any:
    """The matrix product; stacks of matrices broadcast, a 1-d operand is a row on the left, a column on the right."""
    return linear.matmul(x1, x2) if out is None else linear.matmul(x1, x2, out=out)


def matrix_transpose(x: Any, /) -> Any:
    """A view with the last two axes swapped."""
    (x,) = _arrays(x)
    return linear.matrix_transpose(x)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum of products over the last `axes` axes of x1 and the first of x2, or over two sequences of axes."""
    x1, x2 = _arrays(x1, x2)
    return linear.tensordot(x1, x2, axes=linear.tensordot_axes(axes, x1.ndim, x2.ndim))


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The sum along `axis` of conj(x1) * x2; the other axes broadcast."""
    x1, x2 = _arrays(x1, x2)
    return linear.vecdot(x1, x2, axis)


def dot(a: Any, b: Any, /, out: Any = None) -> Any:
    """NumPy's dot: with a scalar the product, else the sum over a's last axis and b's last but one."""
    a, b = _arrays(a, b)
    into = {} if out is None else {"out": out}
    if not a.ndim or not b.ndim:
        return ops.multiply(a, b, **into)
    if b.ndim <= 2:
        return linear.matmul(a, b, **into)
    return linear.tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 2,)), **into)


def vdot(a: Any, b: Any, /) -> Any:
    """The sum of conj(a) * b over all elements, in C order."""
    a, b = (reshape(x, shape=(-1,)) for x in _arrays(a, b))
    return linear.vecdot(a, b)


def inner(a: Any, b: Any, /) -> Any:
    """The sum of products over the last axes of both; with a scalar the product."""
    a, b = _arrays(a, b)
    if not a.ndim or not b.ndim:
        return ops.multiply(a, b)
    return linear.tensordot(a, b, axes=((a.ndim - 1,), (b.ndim - 1,)))


def outer(x1: Any, x2: Any, /) -> Any:
    """The products of each element of x1 with each of x2; operands are taken as flat."""
    flat = [x if x.ndim == 1 else reshape(x, shape=(-1,)) for x in _arrays(x1, x2)]
    return linear.outer(*flat)


def _arrays(*operands: Any) -> list[Any]:
    """Operands that know their dimensions: lists and scalars as arrays where the others are."""
    context = next((x.context for x in operands if isinstance(x, GpuArray)), None)
    return [x if hasattr(x, "ndim") and not isinstance(x, np.generic) else to_array(x, None, context) for x in operands]
