"""Linear algebra of variables under the names of `theano.tensor.nlinalg`."""

from __future__ import annotations

from typing import Any

from clarray.core import decompositions as _ops
from clarray.core import diagonal as _diagonal
from clarray.functions import linalg as _linalg
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable

__all__ = [
    "alloc_diag", "det", "diag", "extract_diag", "inv", "matrix_dot", "matrix_inverse", "matrix_power", "norm",
    "slogdet", "trace",
]  # fmt: skip


def matrix_inverse(x: Any) -> Variable:
    """The inverse of a square matrix; clarray.errors.LinAlgError at the call where it is singular."""
    return _ops.inverse(as_variable(x))


inv = matrix_inverse


def det(x: Any) -> Variable:
    """The determinant of a square matrix."""
    return _ops.det(as_variable(x))


def slogdet(x: Any) -> Any:
    """Sign and logarithm of the absolute value of the determinant."""
    return _linalg.slogdet(as_variable(x))


def trace(x: Any) -> Variable:
    """The sum of the diagonal of a matrix."""
    return _ops.trace(as_variable(x))


def extract_diag(x: Any, k: int = 0) -> Variable:
    """The k-th diagonal of a matrix."""
    return _diagonal.diagonal(as_variable(x), offset=k)


def alloc_diag(x: Any, k: int = 0) -> Variable:
    """The square matrix with a vector on the k-th diagonal, zeros elsewhere."""
    return _diagonal.from_diagonal(as_variable(x), offset=k)


def diag(x: Any, k: int = 0) -> Variable:
    """Of a vector the matrix with it on the k-th diagonal, of a matrix that diagonal."""
    x = as_variable(x)
    if x.ndim not in (1, 2):
        raise TypeError(f"diag() takes a vector or a matrix, {x.described()} came")
    return alloc_diag(x, k) if x.ndim == 1 else extract_diag(x, k)


def matrix_dot(*args: Any) -> Variable:
    """The product of matrices, from left to right."""
    if not args:
        raise TypeError("matrix_dot() takes at least one matrix")
    result = as_variable(args[0])
    for x in args[1:]:
        result = result.dot(as_variable(x))
    return result


def matrix_power(M: Any, n: int) -> Variable:
    """The n-th power of a square matrix; of its inverse for negative n."""
    return _linalg.matrix_power(as_variable(M), n)


def norm(x: Any, ord: Any = None, axis: Any = None) -> Variable:
    """The norm of a vector, or of a matrix, as `numpy.linalg.norm`'s."""
    return _linalg.norm(as_variable(x), ord, axis)
