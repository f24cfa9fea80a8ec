"""QR, Hermitian eigenvalues, singular values, and what follows: rank, pseudo-inverse, least squares.

Operands are stacks of matrices (..., m, n), of dtypes as `decompositions.py` says. All but `eig` is computed on the
device. Eigenvalues and singular values are found in rounds, after each of which the host waits to see whether all are;
of matrices that are not finite they are NaN.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import numpy as np

from clarray.core import decompositions as _matrices
from clarray.core import movement, ops
from clarray.core import spectral as _ops
from clarray.core.linear import COLUMN, FIRST_COLUMN, matmul

from .arguments import as_operand, extents, real_of
from .decompositions import inv
from .norms import matrix_norm

WHOLE = (None, None, None)


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Any
    R: Any


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Any
    S: Any
    Vh: Any


def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    """Q and R with x = Q R: Q (..., m, k) has orthonormal columns, R (..., k, n) is upper triangular.

    k is the smaller extent, or m in mode "complete". Mode "r" gives R alone. R's diagonal is real. The gradient, not
    in mode "complete", takes a matrix whose first k columns are independent.
    """
    q, r = _ops.qr(as_operand(x, "qr"), mode=mode)
    return r if mode == "r" else QRResult(q, r)


def eigh(x: Any, /, UPLO: str = "L") -> EighResult:
    """Eigenvalues (..., n), real and ascending, and eigenvectors, columns of (..., n, n), of Hermitian matrices.

    The lower triangle is read, or, with `UPLO` "U", the upper one, and the gradient is for that.
    """
    return EighResult(*_ops.eigh(_lower(x, UPLO, "eigh")))


def eigvalsh(x: Any, /, UPLO: str = "L") -> Any:
    """The eigenvalues of `eigh`, without the vectors."""
    return _ops.eigvalsh(_lower(x, UPLO, "eigvalsh"))


class EigResult(NamedTuple):
    """What `eig` returns."""

    eigenvalues: Any
    eigenvectors: Any


def eig(x: Any, /) -> EigResult:
    """Eigenvalues (..., n), in no order, and eigenvectors, columns of (..., n, n), of any square matrices: complex.

    NumPy computes them on the host, which `clarray.stats().host_fallbacks` counts and `assert_no_cpu_op` can forbid;
    `eigh` is on the device. LinAlgError for matrices that are not finite. There is no gradient.
    """
    return EigResult(*_ops.eig(as_operand(x, "eig")))


def eigvals(x: Any, /) -> Any:
    """The eigenvalues of `eig`, which computes them on the host."""
    return eig(x).eigenvalues


def _lower(x: Any, triangle: str, who: str) -> Any:
    """A Hermitian matrix that is read in its lower triangle."""
    if triangle not in ("L", "U"):
        raise ValueError(f"{who}(): UPLO is 'L' or 'U', {triangle!r} came")
    x = as_operand(x, who)
    return x if triangle == "L" else _matrices.adjoint(x)


def svd(x: Any, /, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U, S and Vh with x = U diag(S) Vh: S (..., k) real, in descending order, k the smaller extent.

    U is (..., m, m) and Vh (..., n, n), or (..., m, k) and (..., k, n) without `full_matrices`. S alone without
    `compute_uv`. `hermitian` is taken and changes nothing. Gradients take full_matrices=False, or square matrices.
    """
    x = as_operand(x, "svd")
    return SVDResult(*_ops.svd(x, full_matrices=bool(full_matrices))) if compute_uv else _ops.svdvals(x)


def svdvals(x: Any, /) -> Any:
    """The singular values (..., k) of each matrix, in descending order."""
    return _ops.svdvals(as_operand(x, "svdvals"))


def pinv(x: Any, /, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """The Moore-Penrose inverse (..., n, m); singular values up to `rtol` (max(m, n) eps) of the greatest count as 0.

    `rtol` is a number, or an array (...) of one for each matrix.
    The gradient is that of matrices whose rank does not change. `rcond` is NumPy's older name of rtol; `hermitian` is
    taken and changes nothing.
    """
    rtol = rcond if rtol is None else rtol
    x = as_operand(x, "pinv")
    if getattr(rtol, "ndim", 0):
        return _ops.pinv(x, as_operand(rtol, "pinv"))
    return _ops.pinv(x, **({} if rtol is None else {"rtol": real_of(rtol, "pinv", "rtol")}))


def matrix_rank(x: Any, /, *, rtol: Any = None, tol: Any = None) -> Any:
    """How many singular values of each matrix exceed `rtol` (max(m, n) eps) times the greatest, or `tol`.

    The result is int64.
    """
    x = as_operand(x, "matrix_rank")
    if x.ndim < 2:
        return ops.any(ops.not_equal(x, 0)).astype(np.int64)
    return _rank(svdvals(x), _tolerance(x, rtol), tol)


def _rank(values: Any, rtol: Any, tol: Any = None) -> Any:
    if tol is None:
        tol = ops.multiply(ops.max(values, axis=-1, keepdims=True), rtol) if values.shape[-1:] != (0,) else 0
    return ops.sum(ops.greater(values, tol), axis=-1)


def _tolerance(x: Any, rtol: Any) -> Any:
    """What of the greatest singular value counts as zero."""
    if rtol is not None:
        return rtol if not hasattr(rtol, "ndim") or not rtol.ndim else movement.slice_(as_operand(rtol), index=COLUMN)
    dtype = np.dtype(x.dtype)
    eps = float(np.finfo(dtype).eps) if dtype.kind in "fc" else float(np.finfo(np.float64).eps)
    m, n = extents(x)[-2:]
    return (max(m, n) if isinstance(m, int) and isinstance(n, int) else ops.maximum(m, n)) * eps


def cond(x: Any, p: Any = None) -> Any:
    """The condition number of each matrix: the greatest by the least singular value, or, in a norm `p`, |x| |x^-1|.

    The least singular value of a singular matrix is seldom just zero; in a norm, one is a LinAlgError.
    """
    x = as_operand(x, "cond")
    if p in (None, 2, -2):
        values = svdvals(x)
        greatest, least = ops.max(values, axis=-1), ops.min(values, axis=-1)
        ratio = ops.divide(least, greatest) if p == -2 else ops.divide(greatest, least)
        return ops.where(ops.equal(greatest, 0), np.array(inf, ratio.dtype)[()], ratio)  # as NumPy has it for zeros
    if p not in ("fro", "nuc", 1, -1, inf, -inf):
        raise ValueError(f"cond(): p is None, 'fro', 'nuc', +-1, +-2 or +-inf; {p!r} came")
    return ops.multiply(matrix_norm(x, ord=p), matrix_norm(inv(x), ord=p))


class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def lstsq(a: Any, b: Any, /, rcond: float | None = None) -> LstsqResult:
    """The least x in norm among those that make |b - a x| least, for a (m, n) and b (m,) or (m, k), by singular values.

    NumPy's four results: x; the sums of squares of b - a x, empty where the rank is not n or m <= n (of variables
    always there); the rank; the singular values. Those up to `rcond` (max(m, n) eps) times the greatest count as 0.
    """
    a, b = (as_operand(x, "lstsq") for x in (a, b))
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise ValueError(f"lstsq() takes a matrix and a vector or matrix; {a.ndim} and {b.ndim} dimensions came")
    columns = movement.slice_(b, index=COLUMN) if b.ndim == 1 else b
    u, s, vh = _ops.svd(a, full_matrices=False)
    rtol = _tolerance(a, rcond)
    rank = _rank(s, rtol)
    keep = ops.greater(s, ops.multiply(ops.max(s, axis=-1, keepdims=True), rtol)) if s.shape[-1:] != (0,) else s
    inverse = ops.where(keep, ops.reciprocal(s), np.zeros((), s.dtype)[()])
    scaled = ops.multiply(movement.slice_(inverse, index=COLUMN), matmul(_matrices.adjoint(u), columns))
    x = matmul(_matrices.adjoint(vh), scaled)
    left = ops.abs(ops.subtract(columns, matmul(a, x)))
    residuals = ops.sum(ops.square(left), axis=0)
    m, n = extents(a)
    if not hasattr(a, "aval") and (m <= n or int(rank) < n):
        residuals = residuals[:0]
    return LstsqResult(movement.slice_(x, index=FIRST_COLUMN) if b.ndim == 1 else x, residuals, rank, s)
