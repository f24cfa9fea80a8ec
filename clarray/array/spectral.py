"""Orthogonal factors, on arrays: blocked Householder QR, Hermitian eigenvalues and singular values.

QR reflects panels by kernels and the rest by products (Schreiber and Van Loan 1989). The others are reduced to a
tridiagonal or bidiagonal matrix by one kernel, whose rotations to a diagonal one are kept by a second and done to the
vectors, whose elements do not depend on each other, by a third. Nothing of these is computed on the host, which looks
only whether all is done; eigenvalues of matrices that are not Hermitian are the host's, and counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.codegen.dense import PANEL
from clarray.core import dtypes, joining, movement, ops, sorting
from clarray.core import spectral as _ops
from clarray.core.decompositions import adjoint, conj, done_by
from clarray.core.diagonal import diagonal, lower_triangle, upper_triangle
from clarray.core.linear import ROW, matmul, matrix_transpose
from clarray.device.fallback import host_work
from clarray.errors import LinAlgError

from . import dense
from .convert import to_array
from .dense import part, run
from .gpuarray import GpuArray

ROUNDS = 60  # in which eigenvalues are found in one or two


# reflections


def _reflectors(x: GpuArray, tau: GpuArray) -> tuple[GpuArray, GpuArray]:
    """V and T of a panel below whose diagonal the vectors are: its reflections together are I - V T V^H."""
    v = lower_triangle(x, k=-1)
    diagonal(v, offset=0).fill(1)
    count, _, n = v.shape
    t = dense.new(v, (count, n, n))
    run("combine", [matmul(adjoint(v), v), tau, t], [n])
    return v, t


def _factor(a: GpuArray) -> GpuArray:
    """Factor a stack (count, m, n) in place: R and below it the vectors; their factors tau."""
    count, m, n = a.shape
    least = min(m, n)
    tau = dense.new(a, (count, least))
    for j in range(0, least, PANEL):
        here, rest = slice(j, min(j + PANEL, least)), slice(min(j + PANEL, least), n)
        panel, chosen = part(a, slice(j, m), here), part(tau, here)
        run("reflect", [panel, chosen], panel.shape[1:])
        if rest.start < n:
            v, t = _reflectors(panel, chosen)
            c = part(a, slice(j, m), rest)
            dense.subtract_product(c, v, matmul(adjoint(t), matmul(adjoint(v), c)))
    return tau


def _orthonormal(x: GpuArray, tau: GpuArray, columns: int) -> GpuArray:
    """The first columns of the product of reflections whose vectors are below the diagonal of x."""
    count, m, _ = x.shape
    least = tau.shape[1]
    q = dense.identity(x, (count, m, columns))
    for j in reversed(range(0, least, PANEL)):
        here = slice(j, min(j + PANEL, least))
        v, t = _reflectors(part(x, slice(j, m), here), part(tau, here))
        c = part(q, slice(j, m), slice(j, columns))
        dense.subtract_product(c, v, matmul(t, matmul(adjoint(v), c)))
    return q


@done_by(_ops.qr)
def qr(x: GpuArray, mode: str = "reduced") -> tuple[GpuArray, GpuArray]:
    """Q and R; in mode "r" an empty Q is not computed."""
    a = dense.stacked(x, dense.dtype_of("qr", x))
    (_, m, n), batch = a.shape, x.shape[:-2]
    k = m if mode == "complete" else min(m, n)
    tau = _factor(a)
    r = upper_triangle(part(a, slice(0, k)), k=0)
    q = _orthonormal(part(a, None, slice(0, min(m, n))), tau, k) if mode != "r" else dense.new(a, (a.shape[0], m, k))
    return dense.unstacked(q, batch), dense.unstacked(r, batch)


# eigenvalues


@done_by(_ops.eigh)
def eigh(x: GpuArray) -> tuple[GpuArray, GpuArray]:
    """Eigenvalues and eigenvectors."""
    values, vectors = _eigen(x, "eigh", True)
    assert vectors is not None
    return values, vectors


@done_by(_ops.eigvalsh)
def eigvalsh(x: GpuArray) -> GpuArray:
    """Eigenvalues."""
    return _eigen(x, "eigvalsh", False)[0]


@done_by(_ops.eig)
def eig(x: GpuArray) -> tuple[GpuArray, GpuArray]:
    """Eigenvalues and eigenvectors of matrices that need not be Hermitian: by the host, which is counted."""
    host_work(f"eig() of a matrix of shape {x.shape}", computed=True)
    dtype = np.result_type(dense.dtype_of("eig", x), np.complex64)
    try:
        found = np.linalg.eig(x.numpy().astype(dense.dtype_of("eig", x)))
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"eig(): {error}") from None
    values, vectors = (to_array(v.astype(dtype), None, x.context) for v in found)
    return values, vectors


def _eigen(x: GpuArray, who: str, wanted: bool) -> tuple[GpuArray, GpuArray | None]:
    dtype, batch = dense.dtype_of(who, x), x.shape[:-2]
    a = lower_triangle(dense.stacked(x, dtype), k=0)
    count, n, _ = a.shape
    a = ops.add(a, adjoint(lower_triangle(a, k=-1)))
    real = dtypes.real(dtype)
    d, e = dense.new(a, (count, n), real), dense.new(a, (count, n), real)
    tau, work = dense.new(a, (count, max(n - 1, 1))), dense.new(a, (count, 2, n))
    if a.size:
        run("tridiagonalize", [a, d, e, tau, work], [n])
    z = None
    if wanted:
        z = dense.identity(a, (count, n, n))
        if n > 1:
            inside = slice(1, n)
            part(z, inside, inside)[...] = _orthonormal(part(a, inside, slice(0, n - 1)), tau, n - 1)
        z = movement.astype(matrix_transpose(z), dtype=dtype, order="C")
    _diagonalize("eigenvalues", [d, e], [] if z is None else [z], who)
    order = sorting.argsort(d, axis=1, descending=False)
    values = _ordered(d, order)
    if z is not None:
        z = dense.unstacked(matrix_transpose(_ordered(z, order)), batch)
    return dense.unstacked(values, batch), z


def _diagonalize(step: str, bands: list[GpuArray], vectors: list[GpuArray], who: str) -> None:
    """Make a diagonal and what is beside it diagonal, and rotate rows of `vectors`, in rounds; waits."""
    d = bands[0]
    count, n = d.shape
    if not d.size:
        return
    room, most = n * (n + 2), 4 * n + 8
    kept = [dense.new(d, (count, room)) for _ in range(2 if step == "eigenvalues" else 4)]
    sweeps, state = dense.new(d, (count, 2 * most), np.int32), dense.new(d, (count, 3), np.int32)
    for _ in range(ROUNDS):
        run(step, [*bands, *kept, sweeps, state], [n, room, most])
        for k, z in enumerate(vectors):
            rows = z if z.dtype.kind == "f" else z.view(dtypes.real(z.dtype))
            run("rotate", [*kept[2 * k : 2 * k + 2], sweeps, state, rows], [rows.shape[2]])
        if state.numpy()[:, 1].all():
            return
    raise LinAlgError(f"{who}() did not converge in {ROUNDS} rounds of {most} sweeps")


def _ordered(x: GpuArray, order: GpuArray) -> GpuArray:
    """Rows (or elements) of each member of a stack, in this order."""
    members = movement.reshape(dense.numbers(x, x.shape[0]), shape=(x.shape[0], 1))
    return x[members, order] if x.size else x


# singular values


@done_by(_ops.svd)
def svd(x: GpuArray, full_matrices: bool = True) -> tuple[GpuArray, GpuArray, GpuArray]:
    """U, S and V^H."""
    batch = x.shape[:-2]
    if x.shape[-2] < x.shape[-1]:  # of the conjugate transpose, whose factors change places
        u, s, vh = _singular(dense.stacked(adjoint(x), dense.dtype_of("svd", x)), full_matrices, True)
        u, vh = adjoint(vh), adjoint(u)
    else:
        u, s, vh = _singular(dense.stacked(x, dense.dtype_of("svd", x)), full_matrices, True)
    return dense.unstacked(u, batch), dense.unstacked(s, batch), dense.unstacked(vh, batch)


@done_by(_ops.svdvals)
def svdvals(x: GpuArray) -> GpuArray:
    """S."""
    tall = x if x.shape[-2] >= x.shape[-1] else matrix_transpose(x)
    return dense.unstacked(_singular(dense.stacked(tall, dense.dtype_of("svdvals", x)), False, False)[1], x.shape[:-2])


def _singular(a: GpuArray, full: bool, wanted: bool) -> tuple[Any, GpuArray, Any]:
    """U, S and V^H of a stack (count, m, n) with m >= n, which is overwritten; where m > n, of its R."""
    count, m, n = a.shape
    q = None
    if m > n:
        tau = _factor(a)
        if wanted:
            q = _orthonormal(a, tau, m if full else n)
        a = upper_triangle(part(a, slice(0, n)), k=0)
    real = dtypes.real(a.dtype)
    d, e = dense.new(a, (count, n), real), dense.new(a, (count, n), real)
    left, right = dense.new(a, (count, n)), dense.new(a, (count, n))
    if a.size:
        run("bidiagonalize", [a, d, e, left, right, dense.new(a, (count, 1, n))], [n])
    vectors = []
    if wanted:
        p = dense.identity(a, (count, n, n))
        if n > 1:
            inside = slice(1, n)
            columns = adjoint(part(a, slice(0, n - 1), inside))
            part(p, inside, inside)[...] = _orthonormal(columns, part(right, slice(0, n - 1)), n - 1)
        vectors = [
            movement.astype(matrix_transpose(v), dtype=a.dtype, order="C") for v in (p, _orthonormal(a, left, n))
        ]
    _diagonalize("singular_values", [d, e], vectors, "svd")
    s = ops.abs(d)
    order = sorting.argsort(s, axis=1, descending=True)
    s = _ordered(s, order)
    if not wanted:
        return None, s, None
    signs = ops.where(ops.less(d, 0), np.array(-1, real)[()], np.array(1, real)[()])
    vh = _ordered(ops.multiply(conj(vectors[0]), movement.slice_(signs, index=("...", None))), order)
    u = matrix_transpose(_ordered(vectors[1], order))
    if q is not None:
        rotated = matmul(part(q, None, slice(0, n)), u)
        u = joining.concat(rotated, part(q, None, slice(n, m)), axis=2) if full else rotated
    return u, s, vh


@done_by(_ops.pinv)
def pinv(x: GpuArray, each: GpuArray | None = None, rtol: float | None = None) -> GpuArray:
    """The pseudo-inverse; `each` is the rtol of each matrix."""
    u, s, vh = svd(x, full_matrices=False)
    if not s.size:
        return dense.unstacked(dense.new(s, (s.size // max(s.shape[-1], 1), *x.shape[:-3:-1]), u.dtype), x.shape[:-2])
    few: Any = max(x.shape[-2:]) * float(np.finfo(s.dtype).eps) if rtol is None else rtol
    if each is not None:
        few = movement.slice_(each, index=("...", None))
    keep = ops.greater(s, ops.multiply(ops.max(s, axis=-1, keepdims=True), few))
    inverse = ops.where(keep, ops.reciprocal(s), np.zeros((), s.dtype)[()])
    return matmul(ops.multiply(adjoint(vh), movement.slice_(inverse, index=ROW)), adjoint(u))
