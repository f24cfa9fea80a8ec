"""Aval: what is known of a value before it is computed: shape, dtype, weakness; and shape rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.exceptions import AxisError

from .dtypes import NumpyDType

Shape = tuple[int | None, ...]

MAX_BYTES = 2**63 - 1


@dataclass(frozen=True)
class Aval:
    """Shape (None where unknown), dtype, and the Python type of a weak value."""

    shape: Shape
    dtype: NumpyDType
    weak: type | None = None

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def promotes_as(self) -> NumpyDType | type:
        """What takes part in promotion: the dtype, or the Python type of a weak value."""
        return self.dtype if self.weak is None else self.weak


def broadcast_shapes(shapes: Sequence[Shape], who: str = "broadcast") -> Shape:
    """The shape that all of `shapes` broadcast to; an unknown dimension meets any other."""
    ndim = max(map(len, shapes), default=0)
    result: list[int | None] = []
    for axis in range(-ndim, 0):
        size: int | None = 1
        for shape in shapes:
            if -axis > len(shape):
                continue
            n = shape[axis]
            if n == size or n == 1:
                continue
            if size == 1 or size is None:
                size = n
            elif n is not None:
                listed = " ".join(map(str, shapes))
                raise ValueError(
                    f"{who}(): operands of shapes {listed} do not broadcast: axis {axis} has {size} and {n}"
                )
        result.append(size)
    return tuple(result)


def broadcasts_to(shape: Shape, to: Shape) -> bool:
    """Whether an array of `shape` can be stretched to the shape `to`."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False))


def extent(x: Any, axis: int) -> Any:
    """The number of elements of an array or a variable along an axis, a variable where it is not known."""
    known: Shape = x.aval.shape if hasattr(x, "aval") else x.shape
    return x.shape[axis] if known[axis] is None else known[axis]


def normalize_axis(axis: Any, ndim: int, who: str) -> int:
    """An axis counted from the front, or AxisError (an IndexError and a ValueError)."""
    try:
        a = axis.__index__()
    except AttributeError:
        raise TypeError(f"{who}(): an axis is an int, {type(axis).__name__} came") from None
    if not -ndim <= a < ndim:
        raise AxisError(f"{who}(): axis {a} is out of bounds for an array of {ndim} dimensions")
    return int(a) % ndim if ndim else 0


def normalize_axes(axis: Any, ndim: int, who: str) -> tuple[int, ...]:
    """Axes counted from the front in order; None stands for all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, Iterable) else (axis,)
    result = tuple(sorted(normalize_axis(a, ndim, who) for a in axes))
    if len(set(result)) != len(result):
        raise ValueError(f"{who}(): axis {axis!r} names an axis twice")
    return result


def size_of(shape: Iterable[int], itemsize: int = 1) -> int:
    """The number of elements; OverflowError where their bytes would not fit 63 bits."""
    size = 1
    for n in shape:
        if n < 0:
            raise ValueError(f"negative dimensions are not allowed: {tuple(shape)}")
        size *= n
    if size * itemsize > MAX_BYTES:
        raise ValueError(f"shape {tuple(shape)} of {itemsize}-byte elements is too large: {size * itemsize} bytes")
    return size
