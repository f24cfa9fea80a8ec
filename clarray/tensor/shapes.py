"""Shapes of variables, and their elements in another order or laid end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.aval import extent, normalize_axes, normalize_axis
from clarray.core.cumulative import cumulative_sum
from clarray.core.indexing import ordered, put_add
from clarray.core.indexing import take as take_op
from clarray.core.op import Op
from clarray.functions import manipulation
from clarray.graph.building import as_variable, constant, extents
from clarray.graph.running.known import count
from clarray.graph.variable import Constant, Variable

WHOLE = slice(None)


def _lifted(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """The namespace's function of arrays, for a variable or what becomes one."""

    def lifted(x: Any, *arguments: Any, **options: Any) -> Any:
        return function(as_variable(x), *arguments, **options)

    lifted.__name__ = lifted.__qualname__ = name or function.__name__
    lifted.__doc__ = function.__doc__
    return lifted


LIFTED = {
    name: _lifted(getattr(manipulation, name))
    for name in ("expand_dims", "flip", "moveaxis", "permute_dims", "unstack")
}


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
    """x without its broadcastable axes, or without those named, which must turn out to have one element."""
    return as_variable(x).squeeze(axis)


def swapaxes(x: Any, axis1: int, axis2: int) -> Variable:
    """Two axes exchanged."""
    x = as_variable(x)
    return x.swapaxes(normalize_axis(axis1, x.ndim, "swapaxes"), normalize_axis(axis2, x.ndim, "swapaxes"))


def broadcast_to(x: Any, shape: Any) -> Variable:
    """x stretched to a shape, whose extents may be variables."""
    return movement.broadcast_to(as_variable(x), shape=extents(shape, "broadcast_to"))


def broadcast_arrays(*arrays: Any) -> list[Variable]:
    """Each stretched to the shape of all."""
    xs = [as_variable(x) for x in arrays]
    return [movement.broadcast_like(x, sum_of(xs)) for x in xs] if len(xs) > 1 else xs


def sum_of(xs: Sequence[Variable]) -> Variable:
    """A variable of the shape that these broadcast to; only its shape is used."""
    result = xs[0]
    for x in xs[1:]:
        result = ops.not_equal(result, x)
    return result


def atleast_1d(*arrays: Any) -> Any:
    """With at least one axis; several as a list."""
    return _at_least(arrays, lambda x: x if x.ndim >= 1 else x.dimshuffle("x"))


def atleast_2d(*arrays: Any) -> Any:
    """With at least two axes, of which a vector's is the last; several as a list."""
    return _at_least(arrays, lambda x: x if x.ndim >= 2 else shape_padleft(x, 2 - x.ndim))


def atleast_3d(*arrays: Any) -> Any:
    """With at least three axes, of which a vector's is the middle one and a matrix' the first; several as a list."""
    order: list[tuple[Any, ...]] = [("x", "x", "x"), ("x", 0, "x"), (0, 1, "x")]
    return _at_least(arrays, lambda x: x if x.ndim >= 3 else x.dimshuffle(*order[x.ndim]))


def _at_least(arrays: Sequence[Any], pad: Callable[[Variable], Variable]) -> Any:
    found = [pad(as_variable(x)) for x in arrays]
    return found[0] if len(found) == 1 else found


# end to end, and apart


def concatenate(tensor_list: Sequence[Any], axis: int = 0) -> Variable:
    """Variables one after another along an existing axis."""
    xs = [as_variable(x) for x in tensor_list]
    for x in xs:
        if x.ndim == 0:
            raise TypeError(f"concatenate() takes variables of at least one axis, {x.described()} came; use stack()")
    return Op.registry["concat"](*xs, axis=axis)


def join(axis: int, *tensors: Any) -> Variable:
    """Variables one after another along an existing axis."""
    return concatenate(tensors, axis)


def stack(*tensors: Any, axis: int = 0) -> Variable:
    """Variables along a new axis; a list of them, or each as an argument."""
    many = tensors[0] if isinstance(tensors[0], list | tuple) else tensors
    if isinstance(tensors[0], list | tuple) and len(tensors) == 2:
        axis = tensors[1]
    return concatenate([shape_padaxis(x, axis) for x in many], axis)


def stacklists(arg: Any) -> Variable:
    """Nested lists of variables as one, with an axis for each level."""
    return stack([stacklists(x) for x in arg]) if isinstance(arg, list | tuple) else as_variable(arg)


def horizontal_stack(*args: Any) -> Variable:
    """Matrices side by side."""
    return concatenate(_matrices(args, "horizontal_stack"), axis=1)


def vertical_stack(*args: Any) -> Variable:
    """Matrices one above the other."""
    return concatenate(_matrices(args, "vertical_stack"), axis=0)


def _matrices(args: Sequence[Any], who: str) -> list[Variable]:
    xs = [as_variable(x) for x in args]
    for x in xs:
        if x.ndim != 2:
            raise ValueError(f"{who}() takes matrices, {x.described()} came")
    return xs


def split(x: Any, splits_size: Any, n_splits: int | None = None, axis: int = 0) -> list[Variable]:
    """x in `n_splits` pieces along an axis, whose extents `splits_size` gives: ints, variables or an integer vector.

    When the function runs, extents that do not add up to x's are a ValueError.
    """
    x = as_variable(x)
    axis = normalize_axis(axis, x.ndim, "split")
    if isinstance(splits_size, Variable) and splits_size.ndim == 1 and n_splits is None:
        n_splits = splits_size.aval.shape[0]
        if n_splits is None:
            raise ValueError(f"split(): how many pieces {splits_size} makes is not known; give n_splits")
    sizes = list(extents(splits_size, "split", n_splits))
    if n_splits is not None and len(sizes) != n_splits:
        raise ValueError(f"split(): n_splits is {n_splits}, {len(sizes)} sizes came")
    starts: list[Any] = [0]
    for n in sizes:
        starts.append(starts[-1] + n)
    whole = movement.reshape(x, shape=(*(extent(x, k) for k in range(axis)), starts[-1],
                                       *(extent(x, k) for k in range(axis + 1, x.ndim))))  # fmt: skip
    return [whole[(WHOLE,) * axis + (slice(a, b),)] for a, b in pairwise(starts)]


# repeated and moved


def tile(x: Any, reps: Any, ndim: int | None = None) -> Variable:
    """x laid out `reps` times along each axis; counts may be variables."""
    x = as_variable(x)
    times = extents(reps, "tile", ndim)
    if ndim is not None and ndim > len(times):
        times = (1,) * (ndim - len(times)) + times
    return manipulation.tile(x, times)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Variable:
    """Each element `repeats` times, a count or one for each, along an axis; without one, of x made flat."""
    x, times = as_variable(x), as_variable(repeats)
    if times.aval.dtype.kind not in "iub" or times.ndim > 1:
        raise TypeError(f"repeat(): counts are an integer or a vector of them, {times.described()} came")
    if axis is None:
        x, axis = x.flatten() if x.ndim != 1 else x, 0
    axis = normalize_axis(axis, x.ndim, "repeat")
    times = times.squeeze() if times.ndim and times.aval.shape[0] == 1 else times
    if times.ndim == 0:
        n = int(times.value) if isinstance(times, Constant) else times.astype("int64")
        shape = [extent(x, k) for k in range(x.ndim)]
        wide = movement.broadcast_to(shape_padaxis(x, axis + 1), shape=(*shape[: axis + 1], n, *shape[axis + 1 :]))
        return wide.reshape((*shape[:axis], shape[axis] * n, *shape[axis + 1 :]))
    ends = cumulative_sum(times.astype("int64"), axis=0)
    size = times.sum() + 1  # never none, for put
    blank = movement.broadcast_to(constant(np.zeros((), np.int64)), shape=(size,))
    # the k-th element of the result comes from as many elements further as have ended up to k
    ended = put_add(blank, constant(np.ones((), np.int64)), ends, axes=(0,), position=0, ordered=ordered())
    return take_op(x, cumulative_sum(ended[:-1], axis=0), axes=(axis,), position=axis)


def roll(x: Any, shift: Any, axis: Any = None) -> Variable:
    """x with its elements moved on by `shift`, which may be a variable, those that fall off the end put in front."""
    x = as_variable(x)
    if axis is None:
        return movement.reshape_like(roll(x.flatten(), shift, 0), x) if x.ndim != 1 else roll(x, shift, 0)
    axes = normalize_axes(axis, x.ndim, "roll") if not hasattr(axis, "__index__") else (axis,)
    shifts = list(shift) if isinstance(shift, list | tuple) else [shift] * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"roll(): {len(shifts)} shifts came for {len(axes)} axes")
    for s, a in zip(shifts, axes, strict=True):
        a = normalize_axis(a, x.ndim, "roll")
        n = extent(x, a)
        n = ops.maximum(n, 1) if isinstance(n, Variable) else max(n, 1)
        cut = (-s) % n
        x = concatenate([x[(WHOLE,) * a + (slice(cut, None),)], x[(WHOLE,) * a + (slice(None, cut),)]], axis=a)
    return x


def inverse_permutation(perm: Any) -> Variable:
    """The permutation that undoes this one: of a vector of integers, or of each row of a matrix."""
    from clarray.core.sorting import argsort

    return argsort(as_variable(perm), axis=-1, descending=False)


def permute_row_elements(x: Any, y: Any, inverse: bool = False) -> Variable:
    """The elements of each row (last axis) of x in the order that the rows of y, permutations, give."""
    from .subtensor import take_along_axis

    a, order = as_variable(x), as_variable(y)
    order = inverse_permutation(order) if inverse else order
    ndim = max(a.ndim, order.ndim)
    a, order = as_variable(a, ndim=ndim), as_variable(order, ndim=ndim)
    if a.broadcastable != order.broadcastable:
        a, order = broadcast_arrays(a, order)
    return take_along_axis(a, order, axis=-1)


FUNCTIONS: dict[str, Any] = LIFTED | {
    f.__name__: f
    for f in (
        shape, size, reshape, flatten, transpose, dimshuffle, shape_padleft, shape_padright, shape_padaxis, squeeze,
        swapaxes, broadcast_to, broadcast_arrays, atleast_1d, atleast_2d, atleast_3d, concatenate, join, stack,
        stacklists, horizontal_stack, vertical_stack, split, tile, repeat, roll, inverse_permutation,
        permute_row_elements,
    )
}  # fmt: skip
FUNCTIONS["ravel"] = FUNCTIONS["flatten"]
