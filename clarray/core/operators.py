"""Python's operators and the methods that arrays and variables share, each bound to its Op.

`Operators` is for every value; `ArrayOperators` adds what only an array has: `==` element by element
(a Variable compares by identity, so that it can be a key) and assignment in place (for a Variable
`x += 1` makes a new one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import ops
from .op import Op

Method = Callable[[Any, Any], Any]
PYTHON_SCALARS = (float, int, bool, complex)
HOST_TYPES = (bool, int, float, complex, np.generic, np.ndarray, list, tuple)


def _mix(x: Any, other: Any) -> bool:
    """Whether x's operator takes `other`; if not, `other` has its chance to answer before the TypeError."""
    rank = getattr(other, "_bind_rank", None)
    if rank is not None:
        return bool(rank <= x._bind_rank)
    return isinstance(other, HOST_TYPES) and getattr(other, "__array_ufunc__", x) is not None


def _operator(op: Op | str) -> Method:
    """`x <op> other`; an Op that is given by name is looked up when it is called."""

    def operator(self: Any, other: Any) -> Any:
        if known and (type(other) is type(self) or type(other) in PYTHON_SCALARS):  # the warm path
            return self._bind(op, (self, other), {})
        return _find(op)(self, other) if _mix(self, other) else NotImplemented

    known = isinstance(op, Op)
    return operator


def _reflected(op: Op | str) -> Method:
    """`other <op> x`"""

    def operator(self: Any, other: Any) -> Any:
        return _find(op)(other, self) if _mix(self, other) else NotImplemented

    return operator


def _in_place(op: Op | str) -> Method:
    """`x <op>= other`"""

    def operator(self: Any, other: Any) -> Any:
        return self._assign(_find(op), other) if _mix(self, other) else NotImplemented

    return operator


def _find(op: Op | str) -> Op:
    return Op.registry[op] if isinstance(op, str) else op


class Operators:
    """Mixin of a value with `_bind_rank`, `_bind`, `dtype` and `astype`."""

    __slots__ = ()

    _bind_rank: int

    __add__, __radd__ = _operator(ops.add), _reflected(ops.add)
    __sub__, __rsub__ = _operator(ops.subtract), _reflected(ops.subtract)
    __mul__, __rmul__ = _operator(ops.multiply), _reflected(ops.multiply)
    __truediv__, __rtruediv__ = _operator(ops.divide), _reflected(ops.divide)
    __floordiv__, __rfloordiv__ = _operator(ops.floor_divide), _reflected(ops.floor_divide)
    __mod__, __rmod__ = _operator(ops.remainder), _reflected(ops.remainder)
    __pow__, __rpow__ = _operator("pow"), _reflected(ops.pow)  # by name: pow looks at its exponent
    __matmul__, __rmatmul__ = _operator("matmul"), _reflected("matmul")
    __and__, __rand__ = _operator(ops.bitwise_and), _reflected(ops.bitwise_and)
    __or__, __ror__ = _operator(ops.bitwise_or), _reflected(ops.bitwise_or)
    __xor__, __rxor__ = _operator(ops.bitwise_xor), _reflected(ops.bitwise_xor)
    __lshift__, __rlshift__ = _operator(ops.bitwise_left_shift), _reflected(ops.bitwise_left_shift)
    __rshift__, __rrshift__ = _operator(ops.bitwise_right_shift), _reflected(ops.bitwise_right_shift)
    __lt__, __gt__ = _operator(ops.less), _operator(ops.greater)
    __le__, __ge__ = _operator(ops.less_equal), _operator(ops.greater_equal)

    def __divmod__(self, other: Any) -> Any:
        return (ops.floor_divide(self, other), ops.remainder(self, other)) if _mix(self, other) else NotImplemented

    def __rdivmod__(self, other: Any) -> Any:
        return (ops.floor_divide(other, self), ops.remainder(other, self)) if _mix(self, other) else NotImplemented

    def __neg__(self) -> Any:
        return ops.negative(self)

    def __pos__(self) -> Any:
        return ops.positive(self)

    def __abs__(self) -> Any:
        return ops.abs(self)

    def __invert__(self) -> Any:
        return ops.bitwise_invert(self)

    @property
    def real(self) -> Any:
        """The real part."""
        return ops.real(self)

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return ops.imag(self)

    def conj(self) -> Any:
        """The complex conjugate."""
        return ops.conj(self)

    conjugate = conj

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """Elements limited to [min, max]; None is no limit."""
        if min is None:
            return ops.positive(self) if max is None else ops.minimum(self, max)
        return ops.maximum(self, min) if max is None else ops.clip(self, min, max)

    def round(self: Any, decimals: int = 0) -> Any:
        """Rounded to `decimals` digits after the point, halves to even."""
        if decimals == 0:
            return ops.round(self)
        if np.dtype(self.dtype).kind in "biu":
            return self if decimals > 0 else (ops.round(self / 10**-decimals) * 10**-decimals).astype(self.dtype)
        scale = 10.0 ** abs(decimals)
        return ops.round(self * scale) / scale if decimals > 0 else ops.round(self / scale) * scale

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The sum along `axis`; small integers are added in 64 bits."""
        return ops.sum(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The product along `axis`; small integers are multiplied in 64 bits."""
        return ops.prod(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        """The arithmetic mean along `axis`."""
        return ops.mean(self, axis=axis, dtype=dtype, keepdims=keepdims)

    def var(self: Any, axis: Any = None, correction: float = 0, keepdims: bool = False, ddof: float = 0) -> Any:
        """The variance along `axis`, of which count - `correction` is the divisor (`ddof` is NumPy's name for it)."""
        correction = correction or ddof
        exact = np.dtype("float32") if self.dtype == np.dtype("float16") else None  # a half's mean would be too coarse
        mean = ops.mean(self, axis=axis, dtype=exact, keepdims=True)
        return ops.var(self, mean, axis=axis, keepdims=keepdims, correction=correction)

    def std(self, axis: Any = None, correction: float = 0, keepdims: bool = False, ddof: float = 0) -> Any:
        """The standard deviation along `axis`: the root of `var`."""
        return ops.sqrt(self.var(axis, correction or ddof, keepdims))

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The greatest element along `axis`."""
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The least element along `axis`."""
        return ops.min(self, axis=axis, keepdims=keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether an element along `axis` is not zero."""
        return ops.any(self, axis=axis, keepdims=keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether no element along `axis` is zero."""
        return ops.all(self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The index of the greatest element along `axis`, or of all elements as if flat."""
        return ops.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The index of the least element along `axis`, or of all elements as if flat."""
        return ops.argmin(self, axis=axis, keepdims=keepdims)


class ArrayOperators(Operators):
    """Mixin of an array: `_assign(op, other)` writes op(self, other) into self and returns self."""

    __slots__ = ()

    __eq__ = _operator(ops.equal)
    __ne__ = _operator(ops.not_equal)
    __hash__ = None  # type: ignore[assignment]

    __iadd__ = _in_place(ops.add)
    __isub__ = _in_place(ops.subtract)
    __imul__ = _in_place(ops.multiply)
    __itruediv__ = _in_place(ops.divide)
    __ifloordiv__ = _in_place(ops.floor_divide)
    __imod__ = _in_place(ops.remainder)
    __ipow__ = _in_place(ops.pow)
    __imatmul__ = _in_place("matmul")
    __iand__ = _in_place(ops.bitwise_and)
    __ior__ = _in_place(ops.bitwise_or)
    __ixor__ = _in_place(ops.bitwise_xor)
    __ilshift__ = _in_place(ops.bitwise_left_shift)
    __irshift__ = _in_place(ops.bitwise_right_shift)
