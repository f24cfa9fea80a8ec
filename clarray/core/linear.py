"""Ops of linear algebra: matrix products, and products expressed by them.

Operands are stacks of matrices: the last two axes are rows and columns, those before them broadcast.
A transpose is a view, so no Op here has a flag for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import dtypes, ops
from .aval import Aval, Shape, broadcast_shapes, normalize_axis
from .dtypes import NumpyDType
from .movement import permute_dims, slice_
from .op import Op

COLUMN = ("...", None)  # x[..., None]
ROW = ("...", None, (None, None, None))  # x[..., None, :]
FIRST_COLUMN = ("...", 0)  # x[..., 0]
FIRST_ROW = ("...", 0, (None, None, None))  # x[..., 0, :]


def matrix_transpose(x: Any) -> Any:
    """A view with the last two axes swapped."""
    n = x.ndim
    if n < 2:
        raise ValueError(f"matrix_transpose() takes at least two dimensions, {n} came")
    return permute_dims(x, axes=(*range(n - 2), n - 1, n - 2))


def matmul_shape(a: Shape, b: Shape, who: str = "matmul") -> Shape:
    """The shape of a matrix product; ValueError where the operands do not fit."""
    for k, shape in enumerate((a, b)):
        if not shape:
            raise ValueError(f"{who}(): operand {k} is 0-dimensional; use multiply() for products with a scalar")
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner_a is not None and inner_b is not None and inner_a != inner_b:
        raise ValueError(
            f"{who}(): shapes {a} and {b} do not fit: the first has {inner_a} columns, the second {inner_b} rows"
        )
    batch = broadcast_shapes([a[:-2], b[:-2]], who)
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def product_dtype(operands: Sequence[NumpyDType | type], fp64: bool) -> NumpyDType:
    """The dtype of a product of operands of these dtypes."""
    dtype = dtypes.promote(tuple(operands))
    given = [d for d in operands if isinstance(d, np.dtype)]
    return dtype if fp64 or any(dtypes.row(d).is_double for d in given) else dtypes.without_fp64(dtype)


def _unstack(a: Any, b: Any) -> tuple[Any, Any]:
    """Both operands as matrices: a 1-d first one is a row, a 1-d second one a column."""
    return (slice_(a, index=ROW) if a.ndim == 1 else a), (slice_(b, index=COLUMN) if b.ndim == 1 else b)


def _product_gradients(g: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The gradients of a @ b, in full batch shape: the engine sums over stretched axes."""
    if a.ndim == b.ndim == 1:
        return ops.multiply(g, b), ops.multiply(a, g)
    rows, columns = _unstack(a, b)
    if a.ndim == 2 and b.ndim == 1:  # vectors stay vectors, so that what follows may join the product
        return matmul(slice_(g, index=COLUMN), matrix_transpose(columns)), matmul(matrix_transpose(a), g)
    if a.ndim == 1 and b.ndim == 2:
        return matmul(g, matrix_transpose(b)), matmul(matrix_transpose(rows), slice_(g, index=ROW))
    if b.ndim == 1:
        g = slice_(g, index=COLUMN)
    if a.ndim == 1:
        g = slice_(g, index=ROW)
    for_a, for_b = matmul(g, matrix_transpose(columns)), matmul(matrix_transpose(rows), g)
    if a.ndim == 1:
        for_a = slice_(for_a, index=FIRST_ROW)
    if b.ndim == 1:
        for_b = slice_(for_b, index=FIRST_COLUMN)
    return for_a, for_b


class Matmul(Op):
    """The matrix product, with NumPy's rules for stacks and for one-dimensional operands; of bools, or of ands."""

    name = "matmul"
    doc = "the matrix product of stacks of matrices; a 1-d operand is a row on the left, a column on the right"
    in_place = ()
    takes_epilogue = True

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) != 2:
            raise TypeError(f"{self.name}() takes 2 operands, {len(avals)} came")
        shape = matmul_shape(avals[0].shape, avals[1].shape, self.name)
        return (Aval(shape, product_dtype([x.dtype for x in avals], fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return _product_gradients(g, *operands)


class Gemm(Op):
    """alpha * (a @ b) + beta * c, where c broadcasts to the product; without c, alpha * (a @ b)."""

    name = "gemm"
    doc = "alpha * (a @ b) + beta * c in one kernel"
    in_place = (2,)
    takes_epilogue = True

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) not in (2, 3):
            raise TypeError(f"{self.name}() takes 2 or 3 operands, {len(avals)} came")
        shape = matmul_shape(avals[0].shape, avals[1].shape, self.name)
        if len(avals) == 3 and broadcast_shapes([shape, avals[2].shape], self.name) != shape:
            raise ValueError(f"{self.name}(): c of shape {avals[2].shape} does not broadcast to the product's {shape}")
        return (Aval(shape, gemm_dtype([x.dtype for x in avals], params, fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        alpha, beta = gemm_factors(params)
        scaled = _scaled(g, alpha)
        gradients = _product_gradients(scaled, *operands[:2])
        return gradients if len(operands) == 2 else (*gradients, _scaled(g, beta))


def gemm_factors(params: Mapping[str, Any]) -> tuple[Any, Any]:
    """alpha and beta, Python numbers."""
    return params.get("alpha", 1), params.get("beta", 1)


def gemm_dtype(operands: Sequence[NumpyDType], params: Mapping[str, Any], fp64: bool) -> NumpyDType:
    """The dtype of a gemm: factors are weak, as Python scalars are."""
    alpha, beta = gemm_factors(params)
    weak = [type(alpha), type(beta)] if len(operands) == 3 else [type(alpha)]
    return product_dtype([*operands, *weak], fp64)


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else ops.multiply(x, factor)


class Tensordot(Op):
    """The sum of products over the axes `axes[0]` of the first and `axes[1]` of the second operand."""

    name = "tensordot"
    doc = "the sum of products over pairs of axes; the other axes of the first come before those of the second"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (a, b), (axes_a, axes_b) = avals, params["axes"]
        for i, j in zip(axes_a, axes_b, strict=True):
            if a.shape[i] != b.shape[j] and None not in (a.shape[i], b.shape[j]):
                raise ValueError(
                    f"{self.name}(): shapes {a.shape} and {b.shape} do not fit: axis {i} of the first has "
                    f"{a.shape[i]} elements, axis {j} of the second {b.shape[j]}"
                )
        kept = [a.shape[i] for i in others(axes_a, a.ndim)] + [b.shape[j] for j in others(axes_b, b.ndim)]
        return (Aval(tuple(kept), product_dtype([a.dtype, b.dtype], fp64)),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (a, b), (axes_a, axes_b) = operands, params["axes"]
        free_a, free_b = others(axes_a, a.ndim), others(axes_b, b.ndim)
        from_a, from_b = tuple(range(len(free_a))), tuple(range(len(free_a), len(free_a) + len(free_b)))
        # what is left of an operand's axes are those that were summed, in its own order
        order_a = (*free_a, *(axes_a[axes_b.index(j)] for j in sorted(axes_b)))
        order_b = (*(axes_b[axes_a.index(i)] for i in sorted(axes_a)), *free_b)
        for_a = tensordot(g, b, axes=(from_b, free_b))
        for_b = tensordot(a, g, axes=(free_a, from_a))
        return (
            permute_dims(for_a, axes=tuple(order_a.index(k) for k in range(a.ndim))),
            permute_dims(for_b, axes=tuple(order_b.index(k) for k in range(b.ndim))),
        )


def others(axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """The axes that are not among `axes`, in order."""
    return tuple(k for k in range(ndim) if k not in axes)


def tensordot_axes(axes: Any, ndim_a: int, ndim_b: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """NumPy's `axes`, a count or a pair of sequences, as two tuples counted from the front."""
    if hasattr(axes, "__index__"):
        count = axes.__index__()
        if not 0 <= count <= min(ndim_a, ndim_b):
            raise ValueError(
                f"tensordot(): {count} axes cannot be summed of operands of {ndim_a} and {ndim_b} dimensions"
            )
        return tuple(range(ndim_a - count, ndim_a)), tuple(range(count))
    pair = tuple((x,) if hasattr(x, "__index__") else tuple(x) for x in axes)
    if len(pair) != 2 or len(pair[0]) != len(pair[1]):
        raise ValueError(f"tensordot(): axes is a count or two sequences of one length, {axes!r} came")
    first, second = (tuple(normalize_axis(i, n, "tensordot") for i in p) for p, n in zip(pair, (ndim_a, ndim_b)))
    if len(set(first)) != len(first) or len(set(second)) != len(second):
        raise ValueError(f"tensordot(): axes {axes!r} name an axis twice")
    return first, second


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """The sum along `axis` of conj(a) * b, the other axes broadcast."""
    first, second = _last(a, axis), _last(b, axis)
    if np.dtype(a.dtype).kind == "c":
        first = ops.conj(first)
    return slice_(matmul(slice_(first, index=ROW), slice_(second, index=COLUMN)), index=("...", 0, 0))


def _last(x: Any, axis: int) -> Any:
    """A view with `axis` moved to the end."""
    k = normalize_axis(axis, x.ndim, "vecdot")
    return x if k == x.ndim - 1 else permute_dims(x, axes=(*others((k,), x.ndim), k))


def outer(a: Any, b: Any) -> Any:
    """The products of all elements of one vector with all of another."""
    return ops.multiply(slice_(a, index=COLUMN), b)


matmul = Op.registry["matmul"] = Matmul()
gemm = Op.registry["gemm"] = Gemm()
tensordot = Op.registry["tensordot"] = Tensordot()
