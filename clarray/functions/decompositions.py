"""Dense decompositions and what follows from them: the Array API's extension `linalg` but for products and norms.

Operands are stacks of matrices (..., m, n) of float32, float64, complex64 or complex128; integers become the default
float, and float16 is a TypeError that says to cast. Where there is no result `clarray.errors.LinAlgError`, a
`numpy.linalg.LinAlgError`, is raised at the call, as NumPy does: cholesky, solve, solve_triangular and inv wait for
what they look at. Variables of a graph are taken as arrays are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from clarray.core import decompositions as _ops
from clarray.core import ops
from clarray.core.diagonal import diagonal as _diagonal
from clarray.core.diagonal import from_diagonal
from clarray.core.linear import matmul, matrix_transpose

from .arguments import as_operand, index_of
from .creation import ones_like


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L of x = L L^H (..., n, n), or, where `upper`, L^H.

    Of x only the lower triangle is read, or the upper one, and the gradient is for that. LinAlgError where x is not
    positive definite; waits for that.
    """
    return _ops.cholesky(as_operand(x, "cholesky"), upper=bool(upper))


def det(x: Any, /) -> Any:
    """The determinant of each matrix (..., n, n)."""
    return _ops.det(as_operand(x, "det"))


def slogdet(x: Any, /) -> SlogdetResult:
    """`sign` (a phase, of complex matrices) and `logabsdet` (real) of each determinant; 0 and -inf of singular ones."""
    return SlogdetResult(*_ops.slogdet(as_operand(x, "slogdet")))


def inv(x: Any, /) -> Any:
    """The inverse of each matrix (..., n, n). LinAlgError where one is singular; waits for that."""
    return _ops.inverse(as_operand(x, "inv"))


def solve(x1: Any, x2: Any, /) -> Any:
    """x with x1 x = x2: x1 is (..., n, n), x2 one vector (n,) or matrices (..., n, k), whose stacks broadcast.

    By LU with partial pivoting. LinAlgError where x1 is singular; waits for that.
    """
    return _ops.solve(*_pair(x1, x2, "solve"))


def solve_triangular(a: Any, b: Any, /, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """x with a x = b for a triangular (..., n, n), SciPy's: of a one triangle is read.

    `trans` 1 or "T" takes the transpose of a, 2 or "C" the conjugate one. LinAlgError where the diagonal has a zero;
    waits for that.
    """
    a, b = _pair(a, b, "solve_triangular")
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular(): trans is 0, 1 or 2, or N, T or C; {trans!r} came")
    if trans not in (0, "N"):
        a = _ops.adjoint(a) if trans in (2, "C") else matrix_transpose(a)
        lower = not lower
    return _ops.triangular(a, b, lower=bool(lower), unit=bool(unit_diagonal))


def matrix_power(x: Any, n: int, /) -> Any:
    """The n-th power of each matrix (..., m, m) by repeated squaring; of the inverse for negative n."""
    x, n = as_operand(x, "matrix_power"), index_of(n, "matrix_power", "n")
    _ops.check_matrix(x.aval.shape if hasattr(x, "aval") else x.shape, "matrix_power")
    if n == 0:
        return from_diagonal(ones_like(_diagonal(x, offset=0)), offset=0)
    x, n, result = (inv(x), -n, None) if n < 0 else (x, n, None)
    while True:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if not n:
            return ops.positive(result) if result is x else result
        x = matmul(x, x)


def _pair(a: Any, b: Any, who: str) -> tuple[Any, Any]:
    """Two operands, of which one that comes from the host goes to the other's device."""
    if hasattr(a, "_bind_rank") or hasattr(b, "_bind_rank"):
        return tuple(x if hasattr(x, "_bind_rank") else np.asarray(x) for x in (a, b))  # type: ignore[return-value]
    return as_operand(a, who), as_operand(b, who)
