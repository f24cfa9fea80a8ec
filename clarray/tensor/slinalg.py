"""Linear algebra of variables under the names of `theano.tensor.slinalg`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clarray.core import decompositions as _ops
from clarray.core import movement, ops
from clarray.core.aval import extent
from clarray.core.diagonal import lower_triangle
from clarray.functions import linalg as _linalg
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable

__all__ = [
    "Cholesky", "Solve", "cholesky", "eigvalsh", "expm", "kron", "solve", "solve_lower_triangular", "solve_symmetric",
    "solve_triangular", "solve_upper_triangular",
]  # fmt: skip

STRUCTURES = ("general", "symmetric", "hermitian", "positive_definite", "lower_triangular", "upper_triangular")


def cholesky(x: Any, lower: bool = True) -> Variable:
    """The Cholesky factor of a positive definite matrix: L with L L^H = x, or its conjugate transpose."""
    return _ops.cholesky(as_variable(x), upper=not lower)


def solve(
    a: Any, b: Any, A_structure: str = "general", lower: bool = False, overwrite_A: bool = False,
    overwrite_b: bool = False,
) -> Variable:  # fmt: skip
    """x with a x = b, for an a of this structure: general, symmetric (or hermitian), positive_definite,
    lower_triangular or upper_triangular.

    A vector b is one right side. `overwrite_A` and `overwrite_b` are taken and have no effect: the compiler decides.
    """
    a, b = as_variable(a), as_variable(b)
    if A_structure not in STRUCTURES:
        raise ValueError(f"solve(): A_structure is one of {', '.join(STRUCTURES)}; {A_structure!r} came")
    if A_structure.endswith("_triangular"):
        return _ops.triangular(a, b, lower=A_structure.startswith("lower"), unit=False)
    return _ops.solve(a, b, **({"positive": True} if A_structure == "positive_definite" else {}))


def solve_symmetric(a: Any, b: Any) -> Variable:
    """x with a x = b for a symmetric a."""
    return solve(a, b, "symmetric")


def solve_lower_triangular(a: Any, b: Any) -> Variable:
    """x with a x = b, where of a the lower triangle is read."""
    return solve(a, b, "lower_triangular")


def solve_upper_triangular(a: Any, b: Any) -> Variable:
    """x with a x = b, where of a the upper triangle is read."""
    return solve(a, b, "upper_triangular")


def solve_triangular(
    a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False
) -> Variable:
    """SciPy's: x with a x = b for a triangular a, or for its transpose."""
    return _linalg.solve_triangular(as_variable(a), as_variable(b), trans, lower, unit_diagonal)


def Cholesky(lower: bool = True, destructive: bool = False, on_error: str = "raise") -> Callable[[Any], Variable]:
    """Theano's class of operations: what `cholesky` with this `lower` is."""
    if on_error != "raise":
        raise ValueError(
            f"Cholesky(): on_error is 'raise', {on_error!r} came: what is not positive definite is an error"
        )
    return lambda x: cholesky(x, lower)


def Solve(
    A_structure: str = "general", lower: bool = False, overwrite_A: bool = False, overwrite_b: bool = False
) -> Callable[[Any, Any], Variable]:
    """Theano's class of operations: what `solve` with these arguments is."""
    return lambda a, b: solve(a, b, A_structure, lower)


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> Variable:
    """Eigenvalues w of a v = w b v, for a Hermitian a and a positive definite b (None: the identity); as SciPy's.

    One triangle of each is read.
    """
    a = as_variable(a)
    if b is None:
        return _linalg.eigvalsh(a, "L" if lower else "U")
    a, b = (x if lower else _ops.adjoint(x) for x in (a, as_variable(b)))
    factor = cholesky(b)
    strict = lower_triangle(a, k=-1)
    whole = ops.add(lower_triangle(a, k=0), _ops.adjoint(strict))
    half = _ops.triangular(factor, whole, lower=True, unit=False)
    return _linalg.eigvalsh(_ops.triangular(factor, _ops.adjoint(half), lower=True, unit=False))


def expm(x: Any) -> Variable:
    """The exponential of a matrix, by scaling and squaring (Higham 2005); its gradient is exact."""
    return _ops.expm(as_variable(x))


def kron(a: Any, b: Any) -> Variable:
    """The Kronecker product: the products of each element of a with the whole of b, as blocks.

    Vectors count as rows; at least one of a and b is a matrix.
    """
    a, b = as_variable(a), as_variable(b)
    if max(a.ndim, b.ndim) != 2 or min(a.ndim, b.ndim) < 1:
        raise TypeError(
            f"kron() takes two matrices, or a matrix and a vector; {a.described()} and {b.described()} came"
        )
    a, b = (x if x.ndim == 2 else x[None] for x in (a, b))
    split = ((None, None, None), None, (None, None, None), None)
    blocks = ops.multiply(movement.slice_(a, index=split), movement.slice_(b, index=(None, split[0], None, split[0])))
    return blocks.reshape((extent(a, 0) * extent(b, 0), extent(a, 1) * extent(b, 1)))
