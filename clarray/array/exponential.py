"""The exponential of matrices, by scaling and squaring of a Padé approximant (Higham 2005)."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

import numpy as np

from clarray.core import decompositions as _ops
from clarray.core import movement, ops
from clarray.core.linear import matmul

from . import dense
from .decompositions import solve
from .gpuarray import GpuArray

# the greatest 1-norm for which a diagonal approximant of this degree has the digits of double or single precision
DEGREES = {
    8: {3: 0.01495585217958292, 5: 0.2539398330063230, 7: 0.9504178996162932, 9: 2.097847961257068,
        13: 5.371920351148152},
    4: {3: 4.258730016922831e-1, 5: 1.880152677804762, 7: 3.925724783138660},
}  # fmt: skip


@_ops.done_by(_ops.expm)
def expm(x: GpuArray) -> GpuArray:
    """The exponential of each matrix; waits for their greatest norm, which says how far they are scaled down."""
    dtype = dense.dtype_of("expm", x)
    a: Any = dense.stacked(x, dtype)
    if not a.size:
        return dense.unstacked(a, x.shape[:-2])
    size = float(ops.max(ops.sum(ops.abs(a), axis=1)))
    bounds = DEGREES[np.dtype(dtype).itemsize // (2 if dtype.kind == "c" else 1)]
    degree = next((m for m, bound in bounds.items() if size <= bound), max(bounds))
    halvings = max(0, ceil(log2(size / bounds[degree]))) if np.isfinite(size) and size > 0 else 0
    if halvings:
        a = ops.multiply(a, 0.5**halvings)
    result = _approximant(a, degree)
    for _ in range(halvings):
        result = matmul(result, result)
    return dense.unstacked(result, x.shape[:-2])


def _approximant(a: Any, degree: int) -> Any:
    """The quotient of polynomials p(a) / p(-a) of this degree: odd powers are a times even ones."""
    b = _coefficients(degree)
    one = dense.identity(a, a.shape)
    square = matmul(a, a)
    powers = [one, square]
    while len(powers) <= (3 if degree == 13 else degree // 2):
        powers.append(matmul(powers[-1], square))
    if degree == 13:
        _, a2, a4, a6 = powers
        odd = matmul(a6, a6 * b[13] + a4 * b[11] + a2 * b[9]) + a6 * b[7] + a4 * b[5] + a2 * b[3] + one * b[1]
        even = matmul(a6, a6 * b[12] + a4 * b[10] + a2 * b[8]) + a6 * b[6] + a4 * b[4] + a2 * b[2] + one * b[0]
    else:
        odd, even = one * b[1], one * b[0]
        for k, power in enumerate(powers[1:], 1):
            odd, even = odd + power * b[2 * k + 1], even + power * b[2 * k]
    odd = matmul(a, odd)
    return solve(even - odd, movement.astype(even + odd, dtype=a.dtype))


def _coefficients(degree: int) -> list[float]:
    """The coefficients of the diagonal Padé approximant of exp, whole numbers with 1 the last."""
    whole = [1]
    for k in range(degree, 0, -1):  # b[k - 1] = b[k] * k (2 degree - k + 1) / (degree - k + 1)
        whole.append(whole[-1] * k * (2 * degree - k + 1) // (degree - k + 1))
    return [float(v) for v in reversed(whole)]
