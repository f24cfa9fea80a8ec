"""Reductions, shapes and creation, of variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clarray.config import config
from clarray.core import movement, ops
from clarray.core.op import Op, Reduction
from clarray.graph.building import apply, as_variable, constant, extents
from clarray.graph.known import arange as arange_op
from clarray.graph.known import count
from clarray.graph.variable import Constant, Variable

# reductions


def _reducing(op: Reduction) -> Callable[..., Variable]:
    def function(
        x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
    ) -> Variable:
        params = {} if dtype is None else {"dtype": np.dtype(dtype)}
        return op(as_variable(x), axis=axis, keepdims=keepdims, **params)

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}, along `axis`."
    return function


def _picking(op: Reduction) -> Callable[..., Variable]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
        return op(as_variable(x), axis=axis, keepdims=keepdims)

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{op.doc[0].upper()}{op.doc[1:]}, along `axis`."
    return function


REDUCTIONS = {name: _reducing(ops.REDUCTIONS[name]) for name in ("sum", "prod", "mean")}
REDUCTIONS |= {name: _picking(op) for name, op in ops.REDUCTIONS.items() if name not in REDUCTIONS and name != "var"}


def var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, corrected: bool = False) -> Variable:
    """The variance along `axis`, of which count - `ddof` is the divisor."""
    return as_variable(x).var(axis, correction=ddof, keepdims=keepdims)


def std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False, corrected: bool = False) -> Variable:
    """The root of the variance."""
    return ops.sqrt(var(x, axis, ddof, keepdims))


def max_and_argmax(x: Any, axis: Any = None, keepdims: bool = False) -> tuple[Variable, Variable]:
    """The greatest element along `axis` and its index."""
    x = as_variable(x)
    return x.max(axis, keepdims=keepdims), x.argmax(axis, keepdims=keepdims)


def ptp(x: Any, axis: Any = None) -> Variable:
    """The distance from the least to the greatest element."""
    x = as_variable(x)
    return x.max(axis) - x.min(axis)


# shapes


def shape(x: Any) -> Variable:
    """The extents, an int64 vector."""
    return as_variable(x).shape


def size(x: Any) -> Variable:
    """The number of elements."""
    x = as_variable(x)
    return count(x, axes=tuple(range(x.ndim)))


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Variable:
    """x in another shape of the same size."""
    return as_variable(x).reshape(newshape, ndim=ndim)


def flatten(x: Any, ndim: int = 1) -> Variable:
    """The last axes joined so that `ndim` are left."""
    return as_variable(x).flatten(ndim)


def transpose(x: Any, axes: Any = None) -> Variable:
    """Axes in another order; reversed where none is given."""
    return as_variable(x).transpose(axes)


def dimshuffle(x: Any, *pattern: Any) -> Variable:
    """Axes in another order, with new ones where 'x' stands."""
    return as_variable(x).dimshuffle(*pattern)


def shape_padleft(x: Any, n_ones: int = 1) -> Variable:
    """x with axes of one element put before its own."""
    x = as_variable(x)
    return x.dimshuffle(*["x"] * n_ones, *range(x.ndim))


def shape_padright(x: Any, n_ones: int = 1) -> Variable:
    """x with axes of one element put after its own."""
    x = as_variable(x)
    return x.dimshuffle(*range(x.ndim), *["x"] * n_ones)


def shape_padaxis(x: Any, axis: int) -> Variable:
    """x with an axis of one element at `axis`."""
    x = as_variable(x)
    order: list[Any] = list(range(x.ndim))
    order.insert(axis if axis >= 0 else x.ndim + 1 + axis, "x")
    return x.dimshuffle(*order)


def squeeze(x: Any, axis: Any = None) -> Variable:
    """x without its broadcastable axes."""
    return as_variable(x).squeeze(axis)


def swapaxes(x: Any, axis1: int, axis2: int) -> Variable:
    """Two axes exchanged."""
    return as_variable(x).swapaxes(axis1, axis2)


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Variable:
    """Variables one after another along an existing axis."""
    return Op.registry["concat"](*map(as_variable, tensors), axis=axis)


def join(axis: int, *tensors: Any) -> Variable:
    """Variables one after another along an existing axis."""
    return concatenate(tensors, axis)


def stack(*tensors: Any, axis: int = 0) -> Variable:
    """Variables along a new axis; a list of them, or each as an argument."""
    many = tensors[0] if isinstance(tensors[0], list | tuple) else tensors
    if isinstance(tensors[0], list | tuple) and len(tensors) == 2:
        axis = tensors[1]
    return concatenate([shape_padaxis(x, axis) for x in many], axis)


# creation


def alloc(value: Any, *shape: Any) -> Variable:
    """`value` stretched to a shape, whose extents may be variables."""
    x = as_variable(value)
    x = x.astype(x.dtype)
    return movement.broadcast_to(x, shape=extents(shape[0] if len(shape) == 1 else shape, "alloc"))


def _filled(shape: Any, value: Any, dtype: Any) -> Variable:
    return alloc(constant(np.asarray(value, _dtype(dtype))), *extents(shape, "full"))


def _dtype(dtype: Any) -> Any:
    return config.floatX if dtype is None or (isinstance(dtype, str) and dtype == "floatX") else dtype


def zeros(shape: Any, dtype: Any = None) -> Variable:
    """Zeros; floatX unless told otherwise."""
    return _filled(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Variable:
    """Ones; floatX unless told otherwise."""
    return _filled(shape, 1, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Variable:
    """One value everywhere."""
    return alloc(as_variable(fill_value).astype(_dtype(dtype)), *extents(shape, "full"))


def zeros_like(model: Any, dtype: Any = None) -> Variable:
    """Zeros in the shape of a variable."""
    return full_like(model, 0, dtype)


def ones_like(model: Any, dtype: Any = None) -> Variable:
    """Ones in the shape of a variable."""
    return full_like(model, 1, dtype)


def full_like(model: Any, fill_value: Any, dtype: Any = None) -> Variable:
    """One value in the shape of a variable."""
    x = as_variable(model)
    return movement.broadcast_like(as_variable(fill_value).astype(dtype or x.dtype), x)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Variable:
    """The numbers from `start` to `stop`, excluded; ends may be integer variables."""
    if stop is None:
        start, stop = 0, start
    ends = [x.value if isinstance(x, Constant) else x for x in (start, stop, step)]
    if dtype is None:
        kinds = [x.dtype if isinstance(x, Variable) else np.asarray(x).dtype for x in ends]
        common = np.result_type(*kinds)
        dtype = common if common.kind in "iu" else config.floatX
    for x in ends:
        if isinstance(x, Variable) and x.aval.dtype.kind not in "iu":
            raise TypeError(f"arange(): ends are numbers or integer variables, {x.described()} came")
    ends = [x if isinstance(x, Variable) else np.asarray(x).item() for x in ends]
    return apply(arange_op, (), {"start": ends[0], "stop": ends[1], "step": ends[2], "dtype": np.dtype(dtype)})


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> Variable:
    """Ones on a diagonal, zeros elsewhere."""
    rows, columns = arange(n).dimshuffle(0, "x"), arange(n if m is None else m).dimshuffle("x", 0)
    return ops.equal(columns - rows, k).astype(_dtype(dtype))


def identity_like(x: Any) -> Variable:
    """The identity in the shape of a matrix."""
    x = as_variable(x)
    return eye(x.shape[0], x.shape[1], dtype=x.dtype)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Variable:
    """The sum of products over pairs of axes."""
    from clarray.core import linear

    x, y = as_variable(a), as_variable(b)
    pairs = linear.tensordot_axes(axes, x.ndim, y.ndim)
    return Op.registry["tensordot"](x, y, axes=pairs)


def batched_dot(a: Any, b: Any) -> Variable:
    """The dot of each pair along the first axis."""
    x, y = as_variable(a), as_variable(b)
    if x.ndim < 1 or y.ndim < 1:
        raise TypeError(f"batched_dot() takes stacks; {x.described()} and {y.described()} came")
    left = x if x.ndim == 3 else x.dimshuffle(0, "x", 1)
    right = y if y.ndim == 3 else y.dimshuffle(0, 1, "x")
    result = left @ right
    if y.ndim == 2:
        result = result[:, :, 0]
    return result[:, 0] if x.ndim == 2 else result


def clip(x: Any, min: Any, max: Any) -> Variable:
    """x limited to [min, max]."""
    return ops.clip(as_variable(x), as_variable(min), as_variable(max))


FUNCTIONS = REDUCTIONS | {
    f.__name__: f
    for f in (
        var, std, max_and_argmax, ptp, shape, size, reshape, flatten, transpose, dimshuffle, shape_padleft,
        shape_padright, shape_padaxis, squeeze, swapaxes, concatenate, join, stack, alloc, zeros, ones, full,
        zeros_like, ones_like, full_like, arange, eye, identity_like, tensordot, batched_dot, clip,
    )
}  # fmt: skip
