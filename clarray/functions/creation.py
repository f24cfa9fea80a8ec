"""Creation functions. Elements are computed on the device from their index: nothing is uploaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from clarray.array import eager
from clarray.array.convert import to_array
from clarray.array.gpuarray import GpuArray
from clarray.core import movement, ops
from clarray.core.expr import Builder
from clarray.core.layout import Layout, memory_order, ordered_strides
from clarray.core.op import Op
from clarray.device.fallback import host_work

from .arguments import as_operand, context_of, dtype_of, holds_variables, is_symbolic, shape_of, shaped
from .arguments import extents as extents_of

__all__ = [
    "arange", "array", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace",
    "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def asarray(obj: Any, dtype: Any = None, device: Any = None, copy: bool | None = None, borrow: bool = False) -> Any:
    """`obj` (an array, a scalar, nested lists) as an array on `device`.

    Without `copy` an array of that device and dtype is returned as it is; `copy=False` raises ValueError
    where a copy is needed. With `borrow` a C-contiguous ndarray shares its memory on a unified device.
    A variable of a graph comes back as it is, or cast; a list or tuple of variables is stacked.
    """
    if isinstance(obj, list | tuple) and holds_variables(obj):
        obj = as_operand(obj)
    if is_symbolic(obj):
        return obj if dtype is None else movement.astype(obj, dtype=np.dtype(dtype))
    return to_array(obj, dtype, None if device is None else context_of(device), copy, borrow)


def array(obj: Any, dtype: Any = None, device: Any = None, copy: bool | None = True, borrow: bool = False) -> Any:
    """`asarray` that copies unless told not to: with `copy=False` the same object, or ValueError."""
    return asarray(obj, dtype, device, copy, borrow)


def from_dlpack(x: Any, /, device: Any = None, copy: bool | None = None) -> GpuArray:
    """An array from any object with `__dlpack__`; one that is not clarray's passes through the host."""
    if not isinstance(x, GpuArray):
        host_work("from_dlpack()")
        if copy is False:
            raise ValueError("from_dlpack(): another library's memory becomes a device array only by a copy")
        x = np.from_dlpack(x)
        return asarray(x, device=device)
    return asarray(x, device=device, copy=copy)


def empty(shape: Any, dtype: Any = None, device: Any = None) -> Any:
    """An array whose elements are whatever lay in memory; float64 unless told otherwise."""
    context, extents = context_of(device), shape_of(shape)
    if any(map(is_symbolic, extents)):
        return zeros(extents, dtype, device)
    layout = Layout.of(dtype_of(dtype, np.float64, context), extents)
    return GpuArray(layout, 0, context.memory.allocate(layout.nbytes))


def full(shape: Any, fill_value: Any, dtype: Any = None, device: Any = None) -> Any:
    """An array of one value, in the value's own dtype unless told otherwise.

    Where the value or an extent is a variable of a graph, a variable: a view of the value in that shape.
    """
    extents = shape_of(shape)
    if is_symbolic(fill_value) or any(map(is_symbolic, extents)):
        value = fill_value if hasattr(fill_value, "_bind_rank") else np.asarray(fill_value)
        wanted = dtype_of(dtype, np.dtype(value.dtype), context_of(device))
        return shaped(movement.broadcast_to, value.astype(wanted), extents)
    if isinstance(fill_value, GpuArray):
        context = context_of(device, fill_value)
        result = empty(shape, fill_value.dtype if dtype is None else dtype, context)
        result[...] = fill_value
        return result
    context = context_of(device)
    if np.ndim(fill_value):
        result = empty(shape, np.asarray(fill_value).dtype if dtype is None else dtype, context)
        result[...] = fill_value
        return result
    wanted = dtype_of(dtype, np.asarray(fill_value).dtype, context)
    return eager.filled(context, extents, np.full((), fill_value, wanted)[()], wanted)


def zeros(shape: Any, dtype: Any = None, device: Any = None) -> Any:
    """An array of zeros; float64 unless told otherwise."""
    return _filled(shape, 0, dtype, device)


def ones(shape: Any, dtype: Any = None, device: Any = None) -> Any:
    """An array of ones; float64 unless told otherwise."""
    return _filled(shape, 1, dtype, device)


def _filled(shape: Any, value: int, dtype: Any, device: Any) -> Any:
    context, extents = context_of(device), shape_of(shape)
    wanted = dtype_of(dtype, np.float64, context)
    if any(map(is_symbolic, extents)):
        return full(extents, value, wanted, device)
    return eager.filled(context, extents, value, wanted)


def empty_like(x: Any, /, dtype: Any = None, device: Any = None) -> Any:
    """An array of x's shape, order of axes and (unless told otherwise) dtype, not filled."""
    if is_symbolic(x):
        return zeros_like(x, dtype)
    x = as_operand(x)
    context = context_of(device, x)
    wanted = dtype_of(dtype, x.dtype, context)
    strides = ordered_strides(x.shape, memory_order(x.shape, [x.layout.elements]))
    layout = Layout.of(wanted, x.shape, tuple(s * wanted.itemsize for s in strides))
    return GpuArray(layout, 0, context.memory.allocate(layout.nbytes))


def full_like(x: Any, /, fill_value: Any, dtype: Any = None, device: Any = None) -> Any:
    """An array like x of one value; of a variable, a view of that value in the variable's shape."""
    if is_symbolic(x):
        wanted = np.dtype(x.dtype if dtype is None else dtype)
        value = fill_value.astype(wanted) if hasattr(fill_value, "_bind_rank") else np.asarray(fill_value, wanted)
        return movement.broadcast_like(value, x)
    result = empty_like(x, dtype, device)
    result[...] = fill_value
    return result


def zeros_like(x: Any, /, dtype: Any = None, device: Any = None) -> Any:
    """Zeros like x."""
    return full_like(x, 0, dtype, device)


def ones_like(x: Any, /, dtype: Any = None, device: Any = None) -> Any:
    """Ones like x."""
    return full_like(x, 1, dtype, device)


def arange(start: Any, /, stop: Any = None, step: Any = 1, dtype: Any = None, device: Any = None) -> Any:
    """Numbers from `start` (0 if `stop` is left out) up to and without `stop`, `step` apart; NumPy's, to the bit.

    Where one of these is an integer variable of a graph, a variable.
    """
    context = context_of(device)
    if stop is None:
        start, stop = 0, start
    if any(map(is_symbolic, (start, stop, step))):
        return _symbolic_arange((start, stop, step), dtype, context)
    start, stop, step = (v.item() if isinstance(v, GpuArray) else v for v in (start, stop, step))
    if step == 0:
        raise ValueError("arange(): step is 0")
    wanted = dtype_of(dtype, np.result_type(*(np.asarray(v).dtype for v in (start, stop, step))), context)
    steps = (stop - start) / step
    if isinstance(steps, complex):
        size = min(_ceil(steps.real), _ceil(steps.imag))
    else:
        size = _ceil(steps)
    # as in NumPy the two first elements, rounded to the dtype, set the distance of all
    first, second = (np.asarray(v).astype(wanted)[()] for v in (start, start + step))
    if wanted.kind == "b":
        if size > 2:
            raise TypeError(f"arange(): {size} numbers do not fit in bools; ask for another dtype")
        return asarray(np.array([first, second][:size]), device=context)
    loop = np.dtype("float32") if wanted == np.dtype("float16") else wanted
    with np.errstate(all="ignore"):
        distance = loop.type(second) - loop.type(first)
    builder = Builder()
    index = builder.cast(builder.index(0), loop)
    far = builder.call(ops.multiply, [index, builder.scalar(1, loop)], (loop, loop), loop)
    value = builder.call(ops.add, [builder.scalar(0, loop), far], (loop, loop), loop)
    is_second = builder.call(ops.equal, [index, builder.constant(1, loop)], (loop, loop), np.dtype("bool"))
    value = builder.call(ops.where, [is_second, builder.scalar(2, loop), value], (np.dtype("bool"), loop, loop), loop)
    body = builder.build([builder.cast(value, wanted)])
    return eager.compute(context, body, (size,), [loop.type(first), distance, loop.type(second)])


def _symbolic_arange(ends: Sequence[Any], dtype: Any, context: Any) -> Any:
    """Numbers between ends of which some are variables."""
    known = [x.item() if isinstance(x, GpuArray | np.generic) else x for x in ends]
    kinds = [np.dtype(x.dtype) if is_symbolic(x) else np.asarray(x).dtype for x in known]
    if any(kind.kind not in "iu" for kind in kinds):
        raise TypeError("arange(): with a variable among start, stop and step, all of them are integers")
    of_graph = next(x for x in known if is_symbolic(x))
    params = {"start": known[0], "stop": known[1], "step": known[2], "dtype": dtype_of(dtype, np.int64, context)}
    return of_graph._bind(Op.registry["arange"], (), params)


def _ceil(steps: float) -> int:
    if not math.isfinite(steps):
        raise ValueError(f"arange(): start, stop and step give no length: {steps} steps")
    return max(math.ceil(steps), 0)


def linspace(
    start: Any,
    stop: Any,
    /,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    device: Any = None,
) -> Any:
    """`num` numbers evenly from `start` to `stop`, the last one if `endpoint`; with `retstep` also the step."""
    context = context_of(device)
    if any(map(is_symbolic, (start, stop, num))):
        return _symbolic_linspace(start, stop, num, endpoint, retstep, dtype, context)
    num = num.__index__()
    if num < 0:
        raise ValueError(f"linspace(): num is a count, {num} came")
    start, stop = (v.item() if isinstance(v, GpuArray | np.generic) else v for v in (start, stop))
    loop = dtype_of(None, np.result_type(np.asarray(start).dtype, np.asarray(stop).dtype, np.float64), context)
    wanted = loop if dtype is None else dtype_of(dtype, None, context)
    intervals = num - 1 if endpoint else num
    with np.errstate(all="ignore"):
        first, last = np.asarray(start, loop)[()], np.asarray(stop, loop)[()]
        span = last - first
        step = span / loop.type(intervals) if intervals > 0 else loop.type(np.nan)
    builder = Builder()
    value = builder.cast(builder.index(0), loop)

    def call(op: Any, *args: int) -> int:
        return builder.call(op, args, (loop,) * len(args), loop)

    if intervals > 0 and step == 0:  # the span is so small that the step vanishes
        value = call(ops.multiply, call(ops.divide, value, builder.scalar(2, loop)), builder.scalar(1, loop))
        scale, divisor = span, loop.type(intervals)
    else:
        value = call(ops.multiply, value, builder.scalar(1, loop))
        scale, divisor = (step if intervals > 0 else span), None
    value = call(ops.add, value, builder.scalar(0, loop))
    if endpoint and num > 1:
        is_last = builder.call(
            ops.equal,
            [builder.index(0), builder.scalar(4, np.dtype("int64"))],
            (np.dtype("int64"),) * 2,
            np.dtype("bool"),
        )
        value = builder.call(ops.where, [is_last, builder.scalar(3, loop), value], (np.dtype("bool"), loop, loop), loop)
    if wanted.kind in "iu" and loop.kind == "f":
        value = call(ops.floor, value)
    body = builder.build([builder.cast(value, wanted)])
    result = eager.compute(context, body, (num,), [first, scale, divisor, last, num - 1])
    return (result, step.item()) if retstep else result


def _symbolic_linspace(start: Any, stop: Any, num: Any, endpoint: bool, retstep: bool, dtype: Any, context: Any) -> Any:
    """Numbers between ends, or as many, as variables say."""
    loop = dtype_of(None, np.result_type(np.float64, *(_dtype_of(v) for v in (start, stop))), context)
    index = arange(num, dtype=np.int64, device=context)
    intervals = ops.maximum(ops.subtract(num, 1) if endpoint else num, 1)
    step = ops.divide(ops.subtract(asarray(stop, loop), asarray(start, loop)), intervals)
    value = ops.add(ops.multiply(index.astype(loop), step), start)
    if endpoint:
        value = ops.where(ops.logical_and(ops.equal(index, intervals), ops.greater(num, 1)), stop, value)
    value = value.astype(loop if dtype is None else dtype_of(dtype, None, context))
    return (value, step) if retstep else value


def _dtype_of(value: Any) -> np.dtype[Any]:
    return np.dtype(value.dtype) if hasattr(value, "dtype") else np.asarray(value).dtype


def eye(n_rows: Any, n_cols: Any = None, /, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """Ones on the k-th diagonal, zeros elsewhere; float64 unless told otherwise."""
    context = context_of(device)
    shape = shape_of((n_rows, n_rows if n_cols is None else n_cols))
    return _by_diagonal(context, ops.equal, shape, k, dtype_of(dtype, np.float64, context))


def tril(x: Any, /, k: int = 0) -> Any:
    """The lower triangle of the last two axes, up to the k-th diagonal; zeros above."""
    return _triangle(x, ops.less_equal, k, "tril")


def triu(x: Any, /, k: int = 0) -> Any:
    """The upper triangle of the last two axes, from the k-th diagonal; zeros below."""
    return _triangle(x, ops.greater_equal, k, "triu")


def _triangle(x: Any, compare: Any, k: int, who: str) -> Any:
    x = as_operand(x)
    if x.ndim < 2:
        raise ValueError(f"{who}() takes at least two dimensions, {x.ndim} came")
    mask = _by_diagonal(context_of(None, x), compare, extents_of(x)[-2:], k, np.dtype("bool"))
    return ops.where(mask, x, np.zeros((), np.dtype(x.dtype))[()])


def _by_diagonal(context: Any, compare: Any, shape: tuple[Any, ...], k: int, dtype: np.dtype[Any]) -> Any:
    """Whether (column - row) compares with k, as a matrix of `dtype`."""
    if any(map(is_symbolic, shape)):
        rows, columns = (arange(n, device=context) for n in shape)
        return compare(ops.subtract(columns[None, :], rows[:, None]), k).astype(dtype)
    builder = Builder()
    long = (np.dtype("int64"),) * 2
    distance = builder.call(ops.subtract, [builder.index(1), builder.index(0)], long, long[0])
    holds = builder.call(compare, [distance, builder.scalar(0, long[0])], long, np.dtype("bool"))
    return eager.compute(context, builder.build([builder.cast(holds, dtype)]), shape, [k])


def meshgrid(*arrays: Any, indexing: str = "xy", sparse: bool = False, copy: bool = True) -> tuple[Any, ...]:
    """Coordinate arrays of the grid that one-dimensional arrays span, in Cartesian ("xy") or matrix ("ij") order."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid(): indexing is 'xy' or 'ij', {indexing!r} came")
    vectors: Sequence[Any] = [as_operand(x) for x in arrays]
    if len({v.dtype for v in vectors}) > 1 and any(v.ndim > 1 for v in vectors):
        raise ValueError("meshgrid(): takes one-dimensional arrays")
    count = len(vectors)
    order = [1, 0, *range(2, count)] if indexing == "xy" and count > 1 else [*range(count)]
    placed = [v.reshape(*(-1 if order[a] == k else 1 for a in range(count))) for k, v in enumerate(vectors)]
    if sparse:
        return tuple(x.copy() if copy else x for x in placed)
    shape = tuple(vectors[order[a]].size for a in range(count))
    grids = [shaped(movement.broadcast_to, x, shape) for x in placed]
    return tuple(movement.astype(g, dtype=g.dtype, order="C") if copy else g for g in grids)
