"""Factors of triangular shape, on arrays: right-looking blocked algorithms (Golub and Van Loan, chapters 3 and 4).

Kernels factor blocks; what is left of a matrix is brought up to date by one product, in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.codegen.dense import PANEL
from clarray.core import decompositions as _ops
from clarray.core import dtypes, movement, ops
from clarray.core.aval import broadcast_shapes
from clarray.core.decompositions import done_by
from clarray.core.diagonal import diagonal, lower_triangle, upper_triangle
from clarray.core.linear import COLUMN, FIRST_COLUMN, matrix_transpose

from . import dense
from .dense import part, run
from .gpuarray import GpuArray

BLOCK = 64  # rows of a block that one kernel factors or solves with


@done_by(_ops.cholesky)
def cholesky(x: GpuArray, upper: bool = False) -> GpuArray:
    """L, or L^H. What is read, a triangle, is laid as an upper one, so that kernels go along rows."""
    dtype = dense.dtype_of("cholesky", x)
    source = x if upper else _ops.adjoint(x)
    a, n = dense.stacked(source, dtype), x.shape[-1]
    info = dense.new(a, (a.shape[0],), np.int32)
    for j in range(0, n, BLOCK):
        here, rest = slice(j, min(j + BLOCK, n)), slice(j + BLOCK, n)
        corner = part(a, here, here)
        run("cholesky", [corner, movement.reshape(info, shape=(a.shape[0], 1))], [corner.shape[1], j])
        if rest.start < n:
            beside = part(a, here, rest)
            # U^H is lower triangular: the corner transposed and conjugated
            run("substitute", [matrix_transpose(corner), beside], beside.shape[1:], ["conj"])
            dense.subtract_product(part(a, rest, rest), _ops.adjoint(beside), beside)
    dense.refuse(info, "cholesky", "the matrix is not positive definite: the leading minor of order {} is not positive")
    result = dense.unstacked(a, x.shape[:-2])
    return upper_triangle(result, k=0) if upper else lower_triangle(_ops.adjoint(result), k=0)


def substitute(t: GpuArray, b: GpuArray, lower: bool, unit: bool = False) -> None:
    """b = t^-1 b in place, for a stack of triangular matrices and one of right sides with contiguous rows."""
    if not lower:  # from the last row to the first an upper triangle is a lower one
        back = slice(None, None, -1)
        t, b = part(t, back, back), part(b, back, None)
    n, flags = t.shape[1], ["unit"] if unit else []
    for j in range(0, n, BLOCK):
        here, rest = slice(j, min(j + BLOCK, n)), slice(j + BLOCK, n)
        x = part(b, here, None)
        run("substitute", [part(t, here, here), x], x.shape[1:], flags)
        if rest.start < n:
            dense.subtract_product(part(b, rest, None), part(t, rest, here), x)


def lu(a: GpuArray) -> GpuArray:
    """Factor a stack (count, n, n) in place, with row interchanges; the row with which each was interchanged."""
    count, n, _ = a.shape
    pivots = dense.new(a, (count, n), np.int32)
    for j in range(0, n, PANEL):
        stop = min(j + PANEL, n)
        here, below, rest = slice(j, stop), slice(j, n), slice(stop, n)
        chosen = part(pivots, here)
        panel = part(a, below, here)
        run("lu", [panel, chosen], [*panel.shape[1:], j])
        for columns in (slice(0, j), rest):
            if columns.start < columns.stop:
                _swap(chosen, part(a, None, columns), j)
        if stop < n:
            beside = part(a, here, rest)
            run("substitute", [part(a, here, here), beside], beside.shape[1:], ["unit"])
            dense.subtract_product(part(a, rest, rest), part(a, rest, here), beside)
    return pivots


def _swap(pivots: GpuArray, b: GpuArray, first: int = 0) -> None:
    """Interchange rows of b as those of a factored matrix were."""
    run("swap", [pivots, b], [pivots.shape[1], first, b.shape[2]])


def _right_side(a: GpuArray, b: GpuArray, dtype: Any) -> tuple[GpuArray, GpuArray, tuple[int, ...]]:
    """Working copies of both sides of an equation, and the shape of the stack."""
    columns = movement.slice_(b, index=COLUMN) if b.ndim == 1 else b
    batch: Any = broadcast_shapes([a.shape[:-2], columns.shape[:-2]], "solve")
    return dense.stacked(a, dtype, batch), dense.stacked(columns, dtype, batch), batch


def _result(x: GpuArray, batch: tuple[int, ...], vector: bool) -> GpuArray:
    x = dense.unstacked(x, batch)
    return movement.slice_(x, index=FIRST_COLUMN) if vector else x


@done_by(_ops.triangular)
def solve_triangular(a: GpuArray, b: GpuArray, lower: bool, unit: bool = False) -> GpuArray:
    """x with a x = b, for one triangle of a."""
    dtype = dense.dtype_of("solve_triangular", a, b)
    t, x, batch = _right_side(a, b, dtype)
    if not unit:
        dense.refuse(dense.first_zero(t), "solve_triangular", "singular matrix: diagonal element {} is zero")
    substitute(t, x, lower, unit)
    return _result(x, batch, b.ndim == 1)


@done_by(_ops.solve)
def solve(a: GpuArray, b: GpuArray, positive: bool = False) -> GpuArray:
    """x with a x = b."""
    dtype = dense.dtype_of("solve", a, b)
    if positive:
        factor = cholesky(movement.astype(a, dtype=dtype), upper=True)
        t, x, batch = _right_side(factor, b, dtype)
        substitute(_ops.adjoint(t), x, lower=True)
        substitute(t, x, lower=False)
        return _result(x, batch, b.ndim == 1)
    t, x, batch = _right_side(a, b, dtype)
    _solve(t, x, "solve")
    return _result(x, batch, b.ndim == 1)


def _solve(a: GpuArray, b: GpuArray, who: str) -> None:
    """b = a^-1 b; both are overwritten."""
    pivots = lu(a)
    dense.refuse(dense.first_zero(a), who, "singular matrix: pivot {} is zero")
    _swap(pivots, b)
    substitute(a, b, lower=True, unit=True)
    substitute(a, b, lower=False)


@done_by(_ops.inverse)
def inverse(x: GpuArray) -> GpuArray:
    """The inverse: the solution for the identity."""
    a = dense.stacked(x, dense.dtype_of("inv", x))
    result = dense.identity(a, a.shape)  # type: ignore[arg-type]
    _solve(a, result, "inv")
    return dense.unstacked(result, x.shape[:-2])


def _factored(x: GpuArray, who: str) -> tuple[GpuArray, GpuArray]:
    """The diagonal of U, and how many interchanges were made: an odd number turns the sign."""
    a = dense.stacked(x, dense.dtype_of(who, x))
    pivots = lu(a)
    moved = ops.not_equal(pivots, dense.numbers(a, a.shape[-1]))
    return diagonal(a, offset=0), ops.sum(moved, axis=1)


@done_by(_ops.det)
def det(x: GpuArray) -> GpuArray:
    """The determinant."""
    values, swaps = _factored(x, "det")
    sign = ops.subtract(1, ops.multiply(ops.remainder(swaps, 2), 2))
    product = ops.prod(values, axis=1)
    return movement.reshape(
        ops.multiply(product, movement.astype(sign, dtype=dtypes.real(values.dtype))), shape=x.shape[:-2]
    )


@done_by(_ops.slogdet)
def slogdet(x: GpuArray) -> tuple[GpuArray, GpuArray]:
    """Sign and logarithm of the absolute value of the determinant."""
    values, swaps = _factored(x, "slogdet")
    sign = ops.subtract(1, ops.multiply(ops.remainder(swaps, 2), 2))
    phase = ops.multiply(ops.prod(ops.sign(values), axis=1), movement.astype(sign, dtype=dtypes.real(values.dtype)))
    size = ops.sum(ops.log(ops.abs(values)), axis=1)
    return tuple(movement.reshape(v, shape=x.shape[:-2]) for v in (phase, size))
