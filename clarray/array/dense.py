"""Steps of dense decompositions on arrays: stacks of matrices that are factored in place, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from clarray.codegen import dense
from clarray.core import linear, movement, ops
from clarray.core.decompositions import factored_dtype
from clarray.core.diagonal import diagonal
from clarray.core.expr import Builder
from clarray.errors import LinAlgError

from . import eager
from .gpuarray import GpuArray


def run(step: str, arrays: Sequence[GpuArray], numbers: Sequence[int] = (), flags: Sequence[str] = ()) -> None:
    """Enqueue a step of `codegen.dense` on arrays of three axes (vectors: two), of which it changes some."""
    context = arrays[0].block.context
    key = ("dense", step, *numbers, *flags, *[x.layout for x in arrays])
    bound = context.plans.get(key)
    if bound is None:
        layouts = [x.layout for x in arrays]
        bound = eager.built(
            context, dense.plan(step, layouts, numbers, frozenset(flags), context.traits), step, layouts
        )
        context.remember(key, bound)
    if bound.launchers:
        bound.run([x.block for x in arrays], [x.start for x in arrays])


def dtype_of(who: str, *arrays: GpuArray) -> np.dtype[Any]:
    """The dtype in which arrays are factored on their device."""
    return factored_dtype([x.dtype for x in arrays], who, arrays[0].context.traits.fp64)


def stacked(x: GpuArray, dtype: np.dtype[Any], batch: tuple[int, ...] | None = None) -> GpuArray:
    """A copy of matrices in C order with one axis for the whole stack, broadcast to `batch`."""
    if batch is not None and x.shape[:-2] != batch:
        x = movement.broadcast_to(x, shape=(*batch, *x.shape[-2:]))
    whole = movement.astype(x, dtype=dtype, order="C")
    return movement.reshape(whole, shape=(prod(x.shape[:-2]), *x.shape[-2:]))


def unstacked(x: GpuArray, batch: tuple[int, ...]) -> GpuArray:
    """Results of a stack of this shape."""
    return movement.reshape(x, shape=(*batch, *x.shape[1:]))


def part(x: GpuArray, *ranges: Any) -> GpuArray:
    """A view of all matrices of a stack: `ranges` are slices of rows and columns."""
    index = tuple((None, None, None) if r is None else (r.start, r.stop, r.step) for r in ranges)
    return movement.slice_(x, index=((None, None, None), *index))


def subtract_product(target: GpuArray, a: GpuArray, b: GpuArray) -> None:
    """target -= a @ b, in place."""
    linear.gemm(a, b, target, alpha=-1.0, beta=1.0, out=target)


def new(like: GpuArray, shape: tuple[int, ...], dtype: Any = None) -> GpuArray:
    """An array of zeros beside another."""
    return eager.filled(like.context, shape, 0, like.dtype if dtype is None else dtype)


def identity(like: GpuArray, shape: tuple[int, int, int]) -> GpuArray:
    """A stack of matrices with ones on the diagonal."""
    result = new(like, shape)
    n = min(shape[1:])
    if n and shape[0]:
        diagonal(result, offset=0).fill(1)
    return result


def refuse(found: GpuArray, who: str, what: str) -> None:
    """LinAlgError where `found`, of a stack, is not zero; waits."""
    values = found.numpy().reshape(-1)
    bad = np.flatnonzero(values)
    if bad.size:
        where = f" (matrix {bad[0]} of the stack)" if values.size > 1 else ""
        raise LinAlgError(f"{who}(): {what.format(int(values[bad[0]]))}{where}")


def first_zero(triangle: GpuArray) -> GpuArray:
    """For each matrix the number (from 1) of its first diagonal element that is zero; 0 where there is none."""
    if not triangle.shape[1]:
        return new(triangle, (triangle.shape[0],), np.int64)
    zero = ops.equal(diagonal(triangle, offset=0), 0)
    return ops.multiply(ops.any(zero, axis=1), ops.add(ops.argmax(zero, axis=1), 1))


def numbers(like: GpuArray, n: int) -> GpuArray:
    """0 ... n - 1, of int32."""
    builder = Builder()
    return eager.compute(like.context, builder.build([builder.cast(builder.index(0), np.dtype("int32"))]), (n,))
