"""BLAS by its own names: `gemm`, `gemv` and `ger` on arrays, each in one pass over the result."""

from __future__ import annotations

from typing import Any

from clarray.array.convert import to_array
from clarray.array.gpuarray import GpuArray
from clarray.core import linear
from clarray.core.movement import slice_

__all__ = ["gemm", "gemv", "ger"]


def gemm(
    alpha: Any, A: Any, B: Any, beta: Any = 0, C: Any = None,
    trans_a: bool = False, trans_b: bool = False, overwrite_c: bool = False,
) -> GpuArray:  # fmt: skip
    """alpha * op(A) @ op(B) + beta * C, op(X) being X or its transpose; written into C where `overwrite_c`."""
    a, b, c = _operands("gemm", (A, 2), (B, 2), (C, 2))
    a = linear.matrix_transpose(a) if trans_a else a
    b = linear.matrix_transpose(b) if trans_b else b
    return _product("gemm", alpha, a, b, beta, c, overwrite_c)


def gemv(
    alpha: Any, A: Any, x: Any, beta: Any = 0, y: Any = None, trans_a: bool = False, overwrite_y: bool = False
) -> GpuArray:  # fmt: skip
    """alpha * op(A) @ x + beta * y, op(A) being A or its transpose; written into y where `overwrite_y`."""
    a, vector, into = _operands("gemv", (A, 2), (x, 1), (y, 1))
    return _product("gemv", alpha, linear.matrix_transpose(a) if trans_a else a, vector, beta, into, overwrite_y)


def ger(alpha: Any, x: Any, y: Any, A: Any = None, overwrite_a: bool = False) -> GpuArray:
    """alpha * outer(x, y) + A; written into A where `overwrite_a`."""
    column, row, into = _operands("ger", (x, 1), (y, 1), (A, 2))
    column, row = slice_(column, index=linear.COLUMN), slice_(row, index=linear.ROW)
    return _product("ger", alpha, column, row, 0 if into is None else 1, into, overwrite_a)


def _operands(who: str, *given: tuple[Any, int]) -> list[Any]:
    """Arrays of the dimensions named; None stays None."""
    context = next((x.context for x, _ in given if isinstance(x, GpuArray)), None)
    arrays = [x if x is None else to_array(x, None, context) for x, _ in given]
    for x, (_, ndim) in zip(arrays, given, strict=True):
        if x is not None and x.ndim != ndim:
            shapes = ", ".join(str(y.shape) for y in arrays if y is not None)
            raise ValueError(f"{who}(): an operand of {ndim} dimensions has shape {x.shape}; operands are {shapes}")
    return arrays


def _product(who: str, alpha: Any, a: Any, b: Any, beta: Any, c: Any, overwrite: bool) -> GpuArray:
    """One `gemm`; the result has the shape that the product has, and C must have it too."""
    alpha, beta = _factor(who, "alpha", alpha), _factor(who, "beta", beta)
    if c is None:
        if beta != 0:
            raise ValueError(f"{who}(): beta is {beta}, which takes an operand to multiply, and none came")
        if overwrite:
            raise ValueError(f"{who}(): there is nothing to overwrite")
        return linear.gemm(a, b, alpha=alpha)
    shape = linear.matmul_shape(a.shape, b.shape, who)
    if c.shape != shape:
        raise ValueError(f"{who}(): the product has shape {shape}, the operand that it is added to {c.shape}")
    operands = (a, b) if beta == 0 else (a, b, c)
    if overwrite:
        return linear.gemm(*operands, alpha=alpha, beta=beta, out=c)
    return linear.gemm(*operands, alpha=alpha, beta=beta)


def _factor(who: str, name: str, value: Any) -> Any:
    """A Python number, which promotes as a weak scalar does."""
    if isinstance(value, GpuArray) or (not hasattr(value, "item") and not isinstance(value, int | float | complex)):
        raise TypeError(f"{who}(): {name} is a number, {type(value).__name__} came")
    return value.item() if hasattr(value, "item") else value
