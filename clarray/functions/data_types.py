"""Data type functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core import dtypes, movement
from clarray.core.dtypes import NumpyDType

from .arguments import as_operand, context_of

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]


def astype(x: Any, dtype: Any, /, copy: bool = True, device: Any = None) -> Any:
    """x converted to `dtype`; x itself if nothing changes and `copy` is False."""
    x = as_operand(x)
    if device is not None:
        x = x.transfer(context_of(device))
    wanted = dtypes.row(dtype).numpy
    if wanted == np.dtype(x.dtype) and not copy:
        return x
    return x.astype(wanted) if hasattr(x, "layout") else movement.astype(x, dtype=wanted)


def can_cast(from_: Any, to: Any, /, casting: str = "safe") -> bool:
    """Whether a dtype, or an array's, converts to another by this rule of NumPy's."""
    return np.can_cast(_dtype(from_), np.dtype(to), casting)  # type: ignore[arg-type]


def result_type(*arrays_and_dtypes: Any) -> NumpyDType:
    """The dtype that operands of these dtypes are promoted to; Python scalars are weak."""
    if not arrays_and_dtypes:
        raise ValueError("result_type() takes at least one array or dtype")
    promoted = dtypes.promote(
        tuple(
            type(x) if isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic) else _dtype(x)
            for x in arrays_and_dtypes
        )
    )
    return dtypes.row(promoted).numpy


def _dtype(x: Any) -> NumpyDType:
    return np.dtype(getattr(x, "dtype", x)) if not isinstance(x, np.dtype | type) else np.dtype(x)


def finfo(type: Any, /) -> np.finfo[Any]:
    """The limits of a floating dtype, or an array's."""
    return np.finfo(_dtype(type))


def iinfo(type: Any, /) -> np.iinfo[Any]:
    """The limits of an integer dtype, or an array's."""
    return np.iinfo(_dtype(type))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: "bool", "integral", "real floating", ..., a dtype, or a tuple of these."""
    return np.isdtype(np.dtype(dtype), kind)
