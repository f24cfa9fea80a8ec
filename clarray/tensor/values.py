"""Values of variables that are known before any function runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.graph.building import as_variable
from clarray.graph.rewriting import rebuilt, value_of
from clarray.graph.variable import Constant


class NotScalarConstantError(Exception):
    """A variable is not known to have one value."""


class EmptyConstantError(NotScalarConstantError):
    """A constant has no elements."""


def get_scalar_constant_value(v: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """The value that all elements of a variable are known to have, as a NumPy scalar; else NotScalarConstantError."""
    x = as_variable(v)
    if isinstance(x, Constant) and np.size(x.value) == 0:
        raise EmptyConstantError(f"{x.described()} has no elements")
    if not isinstance(x, Constant) and not only_process_constants:
        (x,) = rebuilt([x])
    value = value_of(x)
    if value is None and isinstance(x, Constant) and not hasattr(x.value, "block"):
        first = x.value.reshape(-1)[:1]
        value = first[0] if (x.value == first).all() else None
    if value is None:
        raise NotScalarConstantError(f"{as_variable(v).described()} is not known to have one value")
    return np.asarray(value, x.aval.dtype)[()]


def extract_constant(x: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """The value that all elements are known to have, or x itself."""
    try:
        return get_scalar_constant_value(x, elemwise, only_process_constants)
    except NotScalarConstantError:
        return x


def get_vector_length(v: Any) -> int:
    """The number of elements of a vector, where it is known; else ValueError."""
    x = as_variable(v)
    if x.ndim != 1:
        raise TypeError(f"get_vector_length() takes a vector, {x.described()} came")
    length = x.aval.shape[0]
    if length is None:
        raise ValueError(f"the length of {x.described()} is not known before a function runs")
    return length


def default(a: Any, b: Any) -> Any:
    """a, or b where a is None."""
    return b if a is None else a


FUNCTIONS: dict[str, Any] = {
    f.__name__: f for f in (get_scalar_constant_value, extract_constant, get_vector_length, default)
}
