"""Linear algebra of variables under the names of `theano.tensor.nlinalg`."""

from __future__ import annotations

from math import prod
from typing import Any

from clarray.core import decompositions as _ops
from clarray.core import diagonal as _diagonal
from clarray.core.aval import extent
from clarray.functions import linalg as _linalg
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable

__all__ = [
    "alloc_diag", "det", "diag", "eig", "eigh", "eigvalsh", "extract_diag", "inv", "lstsq", "matrix_dot",
    "matrix_inverse", "matrix_power", "norm", "pinv", "qr", "slogdet", "svd", "tensorinv", "tensorsolve", "trace",
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


def pinv(x: Any, rtol: float | None = None) -> Variable:
    """The Moore-Penrose inverse; singular values up to `rtol` times the greatest count as zero."""
    return _linalg.pinv(as_variable(x), rtol=rtol)


def qr(a: Any, mode: str = "reduced") -> Any:
    """Q and R of a = Q R; R alone in mode "r". "full" is an older name of "reduced"."""
    return _linalg.qr(as_variable(a), mode="reduced" if mode == "full" else mode)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, S and V^H of a = U diag(S) V^H; S alone without `compute_uv`."""
    return _linalg.svd(as_variable(a), bool(full_matrices), bool(compute_uv))


def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric or Hermitian matrix, of which one triangle is read."""
    return _linalg.eigh(as_variable(a), UPLO)


def eigvalsh(a: Any, UPLO: str = "L") -> Variable:
    """Eigenvalues of a symmetric or Hermitian matrix, of which one triangle is read."""
    return _linalg.eigvalsh(as_variable(a), UPLO)


def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of any square matrix, complex, by the host, which is counted. No gradient."""
    return _linalg.eig(as_variable(a))


def lstsq(x: Any, y: Any, rcond: float | None = None) -> Any:
    """NumPy's four results of least squares: the solution, residuals, rank and singular values."""
    return _linalg.lstsq(as_variable(x), as_variable(y), rcond)


def tensorinv(a: Any, ind: int = 2) -> Variable:
    """The inverse of a tensor for tensordot over `ind` axes, as `numpy.linalg.tensorinv`."""
    a = as_variable(a)
    if ind <= 0 or ind >= a.ndim:
        raise ValueError(f"tensorinv(): ind is between 1 and {a.ndim - 1} for {a.ndim} axes, {ind} came")
    shape = [extent(a, k) for k in range(a.ndim)]
    rows = prod(shape[:ind])
    return matrix_inverse(a.reshape((rows, -1))).reshape((*shape[ind:], *shape[:ind]))


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Variable:
    """x with tensordot(a, x, x.ndim) = b, as `numpy.linalg.tensorsolve`; `axes` of a are moved to the end first."""
    a, b = as_variable(a), as_variable(b)
    if axes is not None:
        moved = [int(k) % a.ndim for k in axes]
        a = a.transpose([*(k for k in range(a.ndim) if k not in moved), *moved])
    shape = [extent(a, k) for k in range(b.ndim, a.ndim)]
    return _ops.solve(a.reshape((-1, prod(shape))), b.flatten()).reshape(tuple(shape))


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
