"""Ops of dense linear algebra that come from triangular factors: Cholesky, LU, and what they solve.

Operands are stacks of matrices (..., n, n). What an Op does with arrays is declared on floor 3 (`done_by`), where
blocks are factored by kernels and the rest follows by products. Dtypes are float32, float64, complex64 and
complex128; integers become the default float. Gradients: Giles (2008), Murray (2016). As everywhere, they are such that
the change of the cost is the real part of the sum of g * dx: where a function is analytic nothing is conjugated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes, ops
from .aval import Aval, Shape, broadcast_shapes, extent
from .diagonal import diagonal, lower_triangle, upper_triangle
from .dtypes import NumpyDType
from .joining import concat
from .linear import COLUMN, matmul, matrix_transpose
from .movement import slice_
from .op import Composite, Op


class Decomposition(Composite):
    """A Composite whose kernels run block by block, which no graph sees through."""

    traceable = False
    does: Callable[..., Any]

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.doc = doc
        Op.registry[name] = self

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        raise TypeError(f"{self.name}() has no gradient")  # what `does` does takes no variables

    def lower(self, *operands: Any, **params: Any) -> Any:
        return self.does(*operands, **params)


def done_by(op: Decomposition) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare what an Op does with arrays."""

    def declare(f: Callable[..., Any]) -> Callable[..., Any]:
        op.does = f
        return f

    return declare


def factored_dtype(operands: Sequence[NumpyDType], who: str, fp64: bool = True) -> NumpyDType:
    """The dtype in which matrices of these dtypes are factored; TypeError for halves."""
    dtype = dtypes.promote(tuple(operands))
    if dtype.kind in "biu":
        return np.dtype("float64" if fp64 else "float32")
    if dtype.itemsize < 4:
        raise TypeError(f"{who}() does not take {dtype.name}, which has too few digits; cast to float32 with astype()")
    return dtype


def check_matrix(shape: Shape, who: str, square: bool = True) -> None:
    """ValueError where a shape is not that of matrices, or of square ones."""
    if len(shape) < 2:
        raise ValueError(f"{who}() takes matrices, with at least two dimensions; shape {shape} came")
    rows, columns = shape[-2:]
    if square and rows is not None and columns is not None and rows != columns:
        raise ValueError(f"{who}() takes square matrices; shape {shape} came")


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return matrix_transpose(conj(x))


def conj(x: Any) -> Any:
    """The conjugate; of reals they themselves."""
    return ops.conj(x) if np.dtype(x.dtype).kind == "c" else x


def of_triangle(x: Any) -> Any:
    """The gradient for the lower triangle of a Hermitian matrix, of which alone values are read; x is that for all."""
    both = ops.add(x, adjoint(x))
    return ops.subtract(lower_triangle(both, k=0), ops.multiply(_diagonal_matrix(both), 0.5))


def _diagonal_matrix(x: Any) -> Any:
    return upper_triangle(lower_triangle(x, k=0), k=0)


class Cholesky(Decomposition):
    """The triangular L, with L L^H the operand, or, where `upper`, L^H. The lower triangle is read, or the upper."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        return (Aval(x.shape, factored_dtype([x.dtype], self.name, fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        upper = params.get("upper", False)
        factor, g = (adjoint(out), matrix_transpose(g)) if upper else (out, conj(g))
        inner = lower_triangle(matmul(adjoint(factor), g), k=0)
        inner = ops.subtract(inner, ops.multiply(_diagonal_matrix(inner), 0.5))
        across = adjoint(factor)
        left = triangular(across, inner, lower=False)
        whole = adjoint(triangular(across, adjoint(left), lower=False))
        result = of_triangle(whole)
        return (matrix_transpose(result) if upper else conj(result),)


class SolveTriangular(Decomposition):
    """x with a x = b, for a of which one triangle is read: `lower` or upper, with ones on the diagonal where `unit`."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return _solved(avals, self.name, fp64)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        a, b = operands
        lower, unit = params["lower"], params.get("unit", False)
        for_b = self(matrix_transpose(a), g, lower=not lower, unit=unit)
        for_a = _product(for_b, out, b.ndim == 1)
        part = lower_triangle(for_a, k=-int(unit)) if lower else upper_triangle(for_a, k=int(unit))
        return part, for_b


class Solve(Decomposition):
    """x with a x = b, by LU with partial pivoting, or by Cholesky where `positive`; a 1-d b is one vector."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return _solved(avals, self.name, fp64)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        a, b = operands
        for_b = self(matrix_transpose(a), g, **params)
        return _product(for_b, out, b.ndim == 1), for_b


def _solved(avals: Sequence[Aval], who: str, fp64: bool) -> tuple[Aval, ...]:
    a, b = avals
    check_matrix(a.shape, who)
    if not b.ndim:
        raise ValueError(f"{who}(): the right side has at least one dimension, a scalar came")
    rows = b.shape[-2] if b.ndim > 1 else b.shape[-1]
    if rows is not None and a.shape[-1] is not None and rows != a.shape[-1]:
        raise ValueError(f"{who}(): matrices of shape {a.shape} and right sides of shape {b.shape} do not fit")
    dtype = factored_dtype([a.dtype, b.dtype], who, fp64)
    if b.ndim == 1:
        return (Aval((*a.shape[:-2], rows), dtype),)
    return (Aval((*broadcast_shapes([a.shape[:-2], b.shape[:-2]], who), *b.shape[-2:]), dtype),)


def _product(for_b: Any, x: Any, vector: bool) -> Any:
    """-for_b x^T, of vectors as columns."""
    if vector:
        for_b, x = slice_(for_b, index=COLUMN), slice_(x, index=COLUMN)
    return ops.negative(matmul(for_b, matrix_transpose(x)))


class Inverse(Decomposition):
    """The inverse of each matrix."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        return (Aval(x.shape, factored_dtype([x.dtype], self.name, fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        across = matrix_transpose(out)
        return (ops.negative(matmul(matmul(across, g), across)),)


class Det(Decomposition):
    """The determinant of each matrix: the product of the diagonal of its LU factors, with the sign of the swaps."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        return (Aval(x.shape[:-2], factored_dtype([x.dtype], self.name, fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        scale = slice_(ops.multiply(g, out), index=("...", None, None))
        return (ops.multiply(scale, matrix_transpose(inverse(operands[0]))),)


class Slogdet(Decomposition):
    """The sign (or phase) of each determinant and the logarithm of its absolute value."""

    nout = 2

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        dtype = factored_dtype([x.dtype], self.name, fp64)
        return Aval(x.shape[:-2], dtype), Aval(x.shape[:-2], dtypes.real(dtype))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (for_sign, scale), (sign, _) = g, out
        if (
            np.dtype(sign.dtype).kind == "c" and for_sign is not None
        ):  # the phase turns by the imaginary part of the trace
            turned = ops.multiply(ops.imag(ops.multiply(for_sign, sign)), 1j)
            scale = turned if scale is None else ops.add(turned, scale)
        if scale is None:
            return (None,)
        scale = slice_(scale, index=("...", None, None))
        return (ops.multiply(scale, matrix_transpose(inverse(operands[0]))),)


class Expm(Decomposition):
    """The exponential of each matrix."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        return (Aval(x.shape, factored_dtype([x.dtype], self.name, fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        # the derivative of exp at x^T in the direction g: a corner of the exponential of [[x^T, g], [0, x^T]]
        across = matrix_transpose(operands[0])
        above = concat(across, g, axis=across.ndim - 1)
        below = concat(ops.multiply(g, 0), across, axis=across.ndim - 1)
        whole = self(concat(above, below, axis=across.ndim - 2))
        n = extent(across, -1)
        return (slice_(whole, index=("...", (None, n, None), (n, None, None))),)


def trace(x: Any, offset: int = 0) -> Any:
    """The sum of a diagonal of the last two axes."""
    return ops.sum(diagonal(x, offset=offset), axis=-1)


cholesky = Cholesky("cholesky", "the triangular factor L of a positive definite matrix L L^H")
triangular = SolveTriangular("solve_triangular", "the solution of a triangular system")
solve = Solve("solve", "the solution of a system of linear equations")
inverse = Inverse("inverse", "the inverse of a matrix")
det = Det("det", "the determinant of a matrix")
expm = Expm("expm", "the exponential of a matrix")
slogdet = Slogdet("slogdet", "sign and logarithm of the determinant of a matrix")
