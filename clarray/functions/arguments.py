"""Arguments as Ops want them: operands, shapes, axes, dtypes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

import numpy as np

from clarray.array import transfer
from clarray.array.convert import to_array
from clarray.core import dtypes
from clarray.core.aval import normalize_axis
from clarray.core.joining import concat
from clarray.core.movement import slice_
from clarray.core.op import Op
from clarray.device.context import Context
from clarray.device.current import context_for


def as_operand(x: Any, who: str = "asarray") -> Any:
    """An array or a variable as it is, a list of variables stacked, anything else uploaded to the default device."""
    if hasattr(x, "_bind_rank"):
        return x
    if isinstance(x, list | tuple) and holds_variables(x):
        return concat(*[slice_(as_operand(part, who), index=(None,)) for part in x], axis=0)
    return to_array(x, who=who)


def holds_variables(x: list[Any] | tuple[Any, ...]) -> bool:
    """Whether there is a variable of a graph in nested lists."""
    kinds = set(map(type, x))  # few, where elements are many
    if any(getattr(kind, "_bind_rank", 0) > 1 for kind in kinds):
        return True
    nested = any(issubclass(kind, list | tuple) for kind in kinds)
    return nested and any(isinstance(v, list | tuple) and holds_variables(v) for v in x)


def is_symbolic(x: Any) -> bool:
    """Whether x is a variable of a graph, whose elements are not there yet."""
    return getattr(x, "_bind_rank", 0) > 1


def shape_of(shape: Any) -> tuple[int, ...]:
    """A shape given as an integer or a sequence of integers, or of variables; also as a variable of known length."""
    if is_symbolic(shape):
        return tuple(shape) if shape.ndim else (shape,)
    if isinstance(shape, Iterable):
        return tuple(n if is_symbolic(n) else index(n) for n in shape)
    return (index(shape),)


def extents(x: Any) -> tuple[Any, ...]:
    """The shape of x: of a variable, ints where they are known and variables elsewhere."""
    if not is_symbolic(x):
        return tuple(x.shape)
    return tuple(x.shape[k] if n is None else n for k, n in enumerate(x.aval.shape))


def shaped(op: Op, x: Any, shape: tuple[Any, ...]) -> Any:
    """An Op that gives x a shape, some of whose extents may be variables although x is none."""
    of_graph = next((n for n in (x, *shape) if is_symbolic(n)), None)
    return op(x, shape=shape) if of_graph is None else of_graph._bind(op, (x,), {"shape": shape})


def known_extents(x: Any, who: str) -> tuple[int, ...]:
    """The shape of x; TypeError for a variable, some of whose extents are not known."""
    shape = extents(x)
    if any(is_symbolic(n) for n in shape):
        raise TypeError(f"{who}() takes a variable whose shape is known; {x} has unknown extents")
    return shape


def index_of(value: Any, who: str, name: str, allowed: str = "an int") -> int:
    """An argument that is an int; TypeError that names it otherwise."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{who}(): {name} is {allowed}, {value!r} came") from None


def real_of(value: Any, who: str, name: str) -> float:
    """An argument that is a real number; TypeError that names it otherwise."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{who}(): {name} is a real number, {value!r} came") from None


def axes_of(axis: Any, who: str, name: str = "axis") -> Any:
    """An axis argument made hashable: None, an int, or a tuple of ints."""
    if axis is None:
        return None
    if isinstance(axis, Iterable) and not hasattr(axis, "__index__"):
        return tuple(index_of(a, who, name, "None, an int or several ints") for a in axis)
    return index_of(axis, who, name, "None, an int or several ints")


def axis_of(axis: Any, x: Any, who: str) -> int:
    """One axis of x, counted from the front."""
    return normalize_axis(axis, x.ndim, who)


def dtype_of(dtype: Any, default: Any, context: Context) -> np.dtype[Any]:
    """The dtype asked for, or the default one as the device can hold it."""
    if dtype is None:
        default = np.dtype(default)
        return default if context.traits.fp64 else dtypes.without_fp64(default)
    transfer.check_dtype(context, dtype)
    return np.dtype(dtype)


def context_of(device: Any, like: Any = None) -> Context:
    """The context that `device=` names, else that of `like`, else the default one."""
    if device is not None:
        return context_for(device)
    found: Context | None = getattr(like, "context", None)
    return found or context_for(None)
