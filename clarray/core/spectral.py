"""Ops of dense linear algebra that come from orthogonal factors: QR, Hermitian eigenvalues, singular values.

As in `decompositions.py`, what an Op does with arrays is declared on floor 3. Gradients: Giles (2008), Townsend (2016),
Seeger et al. (2017), Wan and Zhang (2019) for complex ones. Where eigenvalues or singular values coincide, vectors have
none, and what would divide by their difference is left out; so are phases, on which a cost must not depend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes, ops
from .aval import Aval, Shape, extent
from .decompositions import (
    Decomposition,
    adjoint,
    check_matrix,
    conj,
    factored_dtype,
    of_triangle,
    triangular,
)
from .diagonal import diagonal, from_diagonal, lower_triangle, upper_triangle
from .joining import concat
from .linear import COLUMN, ROW, matmul, matrix_transpose
from .movement import slice_

WHOLE = (None, None, None)
MODES = ("reduced", "complete", "r")


def _least(shape: Shape) -> int | None:
    """The smaller extent of a matrix."""
    m, n = shape[-2:]
    return 0 if 0 in (m, n) else None if m is None or n is None else min(m, n)


class Qr(Decomposition):
    """Q with orthonormal columns and the upper triangular R, with Q R the operand; R alone in `mode` "r"."""

    nout = 2

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,), mode = avals, params.get("mode", "reduced")
        if mode not in MODES:
            raise ValueError(f"{self.name}(): mode is one of {', '.join(MODES)}; {mode!r} came")
        check_matrix(x.shape, self.name, square=False)
        dtype = factored_dtype([x.dtype], self.name, fp64)
        (*batch, m, n), k = x.shape, x.shape[-2] if mode == "complete" else _least(x.shape)
        return Aval((*batch, m, k), dtype), Aval((*batch, k, n), dtype)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        if params.get("mode", "reduced") == "complete":
            raise TypeError("qr() has a gradient in mode 'reduced', not 'complete'")
        if params.get("mode") == "r":  # of which Q was not computed
            out = self(operands[0], mode="reduced")
        (for_q, for_r), (q, r) = (None if v is None else conj(v) for v in g), out
        k = extent(q, -1)
        square = upper_triangle(slice_(r, index=("...", WHOLE, (None, k, None))), k=0)
        x = slice_(operands[0], index=("...", WHOLE, (k, None, None)))  # what a wide matrix has beyond
        if for_r is None:
            for_r = ops.multiply(r, 0)
        for_q = ops.multiply(q, 0) if for_q is None else for_q
        for_square = upper_triangle(slice_(for_r, index=("...", WHOLE, (None, k, None))), k=0)
        for_rest = slice_(for_r, index=("...", WHOLE, (k, None, None)))
        for_q = ops.add(for_q, matmul(x, adjoint(for_rest)))
        inner = matmul(adjoint(q), for_q)
        turned = ops.subtract(inner, matmul(for_square, adjoint(square)))
        small = ops.subtract(matmul(for_square, adjoint(square)), inner)
        small = ops.add(small, lower_triangle(ops.subtract(turned, adjoint(turned)), k=-1))
        if np.dtype(q.dtype).kind == "c":
            phase = ops.multiply(ops.imag(diagonal(turned, offset=0)), 1j)
            small = ops.add(small, from_diagonal(phase, offset=0))
        whole = ops.add(for_q, matmul(q, small))
        first = adjoint(triangular(square, adjoint(whole), lower=False))  # whole R^-H
        result = concat(first, matmul(q, for_rest), axis=q.ndim - 1)
        return (conj(result),)


class Eigh(Decomposition):
    """Eigenvalues, ascending, and eigenvectors, the columns, of Hermitian matrices: the lower triangle is read."""

    nout = 2

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        dtype = factored_dtype([x.dtype], self.name, fp64)
        return Aval(x.shape[:-1], dtypes.real(dtype)), Aval(x.shape, dtype)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (for_values, for_vectors), (values, v) = g, out
        inner: Any = None
        if for_vectors is not None:
            apart = ops.subtract(slice_(values, index=ROW), slice_(values, index=COLUMN))
            inner = ops.multiply(_reciprocal(apart), matmul(adjoint(v), conj(for_vectors)))
        if for_values is not None:
            on_diagonal = from_diagonal(for_values, offset=0)
            inner = on_diagonal if inner is None else ops.add(inner, on_diagonal)
        whole = matmul(matmul(v, inner.astype(v.dtype)), adjoint(v))
        return (conj(of_triangle(whole)),)


class Eigvalsh(Decomposition):
    """Eigenvalues of Hermitian matrices, in ascending order: the lower triangle is read."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return eigh.infer(avals, params, fp64)[:1]

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        _, v = eigh(operands[0])
        whole = matmul(ops.multiply(v, slice_(g, index=ROW)), adjoint(v))
        return (conj(of_triangle(whole)),)


class Eig(Decomposition):
    """Eigenvalues and eigenvectors, the columns, of any square matrices: always complex, found by the host."""

    nout = 2

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name)
        dtype = np.result_type(factored_dtype([x.dtype], self.name, fp64), np.complex64)
        return Aval(x.shape[:-1], dtype), Aval(x.shape, dtype)


class Svd(Decomposition):
    """U, S and V^H of x = U diag(S) V^H, S in descending order; `full_matrices` has all columns of U and V."""

    nout = 3

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        check_matrix(x.shape, self.name, square=False)
        dtype = factored_dtype([x.dtype], self.name, fp64)
        (*batch, m, n), k = x.shape, _least(x.shape)
        full = params.get("full_matrices", True)
        u, vh = ((*batch, m, m if full else k), (*batch, n if full else k, n))
        return Aval(u, dtype), Aval((*batch, k), dtypes.real(dtype)), Aval(vh, dtype)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (for_u, for_s, for_vh), (u, s, vh) = g, out
        x = operands[0]
        if params.get("full_matrices", True) and (for_u is not None or for_vh is not None):
            m, n = (x.aval if hasattr(x, "aval") else x).shape[-2:]
            if m is None or m != n:
                raise TypeError("svd() has a gradient with full_matrices=False, or of square matrices")
        if for_u is None and for_vh is None:
            k = extent(s, -1)
            u, vh = slice_(u, index=("...", (None, k, None))), slice_(vh, index=("...", (None, k, None), WHOLE))
        row, column, v = slice_(s, index=ROW), slice_(s, index=COLUMN), adjoint(vh)
        apart = _reciprocal(ops.multiply(ops.subtract(row, column), ops.add(row, column)))
        inverse = _reciprocal(s)
        inner: Any = None
        whole: Any = None
        if for_u is not None:
            for_u = conj(for_u)
            across = matmul(adjoint(u), for_u)
            skew = ops.subtract(across, adjoint(across))
            inner = ops.multiply(ops.multiply(apart, skew), row)
            if np.dtype(u.dtype).kind == "c":
                phase = ops.multiply(ops.imag(diagonal(across, offset=0)), inverse)
                inner = ops.add(inner, from_diagonal(ops.multiply(phase, 1j), offset=0))
            outside = ops.subtract(for_u, matmul(u, across))
            whole = matmul(ops.multiply(outside, slice_(inverse, index=ROW)), vh)
        if for_vh is not None:
            for_v = matrix_transpose(for_vh)  # of V itself, not conjugated twice
            across = matmul(vh, for_v)
            term = ops.multiply(column, ops.multiply(apart, ops.subtract(across, adjoint(across))))
            inner = term if inner is None else ops.add(inner, term)
            outside = ops.subtract(for_v, matmul(v, across))
            term = matmul(ops.multiply(u, slice_(inverse, index=ROW)), adjoint(outside))
            whole = term if whole is None else ops.add(whole, term)
        if for_s is not None:
            term = from_diagonal(for_s, offset=0)
            inner = term if inner is None else ops.add(inner, term)
        inside = matmul(matmul(u, inner.astype(u.dtype)), vh)
        return (conj(inside if whole is None else ops.add(inside, whole)),)


def _reciprocal(x: Any) -> Any:
    """1 / x, and 0 for 0."""
    zero = ops.equal(x, 0)
    return ops.where(zero, ops.multiply(x, 0), ops.reciprocal(ops.where(zero, ops.add(ops.multiply(x, 0), 1), x)))


class Svdvals(Decomposition):
    """Singular values, in descending order."""

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return svd.infer(avals, params, fp64)[1:2]

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        u, _, vh = svd(operands[0], full_matrices=False)
        return (conj(matmul(ops.multiply(u, slice_(g, index=ROW)), vh)),)


class Pinv(Decomposition):
    """The pseudo-inverse, in which singular values of at most `rtol` times the greatest count as zero.

    `rtol` is a number among the params, or a second operand with one for each matrix.
    """

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        x = avals[0]
        check_matrix(x.shape, self.name, square=False)
        (*batch, m, n), dtype = x.shape, factored_dtype([x.dtype], self.name, fp64)
        return (Aval((*batch, n, m), dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        # Golub and Pereyra (1973), for matrices whose rank does not change
        a, p, g = operands[0], out, conj(g)
        ph, gh = adjoint(p), adjoint(g)
        result = ops.negative(matmul(matmul(ph, g), ph))
        by_p = matmul(gh, matmul(p, ph))
        result = ops.add(result, ops.subtract(by_p, matmul(a, matmul(p, by_p))))
        of_p = matmul(matmul(ph, p), gh)
        result = ops.add(result, ops.subtract(of_p, matmul(matmul(of_p, p), a)))
        return (conj(result), *[None] * (len(operands) - 1))


qr = Qr("qr", "an orthonormal and an upper triangular factor")
eigh = Eigh("eigh", "eigenvalues and eigenvectors of Hermitian matrices")
eigvalsh = Eigvalsh("eigvalsh", "eigenvalues of Hermitian matrices")
eig = Eig("eig", "eigenvalues and eigenvectors of square matrices")
svd = Svd("svd", "the singular value decomposition")
svdvals = Svdvals("svdvals", "singular values")
pinv = Pinv("pinv", "the pseudo-inverse")
