"""ArrayType: what an operation of the user's is told of an array that is not there yet, and says of its results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from . import dtypes
from .aval import Aval
from .dtypes import NumpyDType


class Unknown:
    """An extent that is not known before a function runs; what is computed with it is not known either."""

    def _absorb(self, other: Any = None) -> Unknown:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _absorb
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _absorb

    def __neg__(self) -> Unknown:
        return self

    def __bool__(self) -> bool:
        raise TypeError("an extent is not known before a function runs; a result's number of axes may not depend on it")

    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __float__ = lambda self, *other: bool(self)

    def __repr__(self) -> str:
        return "?"


UNKNOWN = Unknown()


class ArrayType:
    """Shape and dtype of an array. An extent that is not known yet is no int, but may be computed with."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.shape: tuple[Any, ...] = tuple(shape) if isinstance(shape, Iterable) else (shape,)
        self.dtype: NumpyDType = np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of elements."""
        return prod(self.shape)

    def like(self, shape: Any = None, dtype: Any = None) -> ArrayType:
        """This type with another shape or dtype."""
        return ArrayType(self.shape if shape is None else shape, self.dtype if dtype is None else dtype)

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"


def described(aval: Aval) -> ArrayType:
    """What a user is told of an operand."""
    return ArrayType([UNKNOWN if n is None else n for n in aval.shape], aval.dtype)


def result_avals(found: Any, who: str) -> tuple[Aval, ...]:
    """What a user says of results: an ArrayType, a pair (shape, dtype), or a list of these."""
    several = found if isinstance(found, list) or (isinstance(found, tuple) and not _is_pair(found)) else [found]
    if not several:
        raise TypeError(f"{who}: an operation has at least one result")
    return tuple([_aval(x, who) for x in several])


def _aval(x: Any, who: str) -> Aval:
    if _is_pair(x):
        x = ArrayType(*x)
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise TypeError(
            f"{who}: a result is described by an operand's type, by x.like(shape=, dtype=) or by a pair "
            f"(shape, dtype); {x!r} came"
        )
    return Aval(tuple([None if isinstance(n, Unknown) else n.__index__() for n in x.shape]), dtypes.row(x.dtype).numpy)


def _is_pair(x: Any) -> bool:
    """Whether x is (shape, dtype), not two descriptions."""
    if not isinstance(x, tuple) or len(x) != 2 or not isinstance(x[0], Sequence | int | np.integer | Unknown):
        return False
    shape = x[0]
    return not isinstance(shape, Sequence) or all(isinstance(n, int | np.integer | Unknown) for n in shape)
