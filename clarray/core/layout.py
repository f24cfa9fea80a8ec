"""Layouts: strides, broadcasting, merging dimensions, memory order, overlap. Strides are in elements
unless a name says bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from weakref import WeakValueDictionary

from .aval import size_of
from .dtypes import NumpyDType

Strides = tuple[int, ...]
Shape = tuple[int, ...]


class Layout:
    """Dtype, shape and byte strides of an array: interned, so that two equal layouts are one object
    and a dictionary of layouts hashes by identity. `Layout.of` makes them."""

    __slots__ = ("__weakref__", "c_contiguous", "dtype", "nbytes", "shape", "size", "strides")
    _interned: WeakValueDictionary[tuple[NumpyDType, Shape, Strides], Layout] = WeakValueDictionary()

    dtype: NumpyDType
    shape: Shape
    strides: Strides  # bytes, as NumPy's
    size: int
    nbytes: int
    c_contiguous: bool

    @classmethod
    def of(cls, dtype: NumpyDType, shape: Shape, strides: Strides | None = None) -> Layout:
        """The layout of these; C order where `strides` (bytes) is None."""
        if strides is None:
            strides = tuple(s * dtype.itemsize for s in contiguous_strides(shape))
        key = (dtype, shape, strides)
        found = cls._interned.get(key)
        if found is None:
            found = object.__new__(cls)
            found.dtype, found.shape, found.strides = dtype, shape, strides
            found.size = size_of(shape, dtype.itemsize)
            found.nbytes = found.size * dtype.itemsize
            found.c_contiguous = is_contiguous(shape, tuple(s // dtype.itemsize for s in strides))
            cls._interned[key] = found
        return found

    @property
    def elements(self) -> Strides:
        """The strides in elements."""
        return tuple(s // self.dtype.itemsize for s in self.strides)

    @property
    def writable(self) -> bool:
        """Whether no two indices are the same element, as a broadcast axis would have it."""
        return all(s != 0 or n <= 1 for n, s in zip(self.shape, self.strides, strict=True))

    def __repr__(self) -> str:
        return f"Layout({self.dtype.name}, {self.shape}, {self.strides})"

    def __reduce__(self) -> tuple[object, ...]:
        return Layout.of, (self.dtype, self.shape, self.strides)


def contiguous_strides(shape: Shape) -> Strides:
    """Strides of a C-ordered array."""
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Shape, strides: Strides) -> bool:
    """Whether elements lie in C order without gaps; axes of one element do not matter."""
    step = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n == 0:
            return True
        if n != 1 and s != step:
            return False
        step *= n
    return True


def broadcast_strides(shape: Shape, strides: Strides, to: Shape) -> Strides:
    """Strides with which an array of `shape` is read as one of shape `to`: 0 along stretched axes."""
    pad = len(to) - len(shape)
    return (0,) * pad + tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))


def merge(shape: Shape, operands: Sequence[Strides]) -> tuple[Shape, tuple[Strides, ...]]:
    """Drop axes of one element and join neighbouring axes that every operand walks in one step."""
    axes = [i for i, n in enumerate(shape) if n != 1]
    sizes: list[int] = []
    steps: list[tuple[int, ...]] = []
    for i in axes:
        step = tuple(s[i] for s in operands)
        if sizes and all(outer == inner * shape[i] for outer, inner in zip(steps[-1], step, strict=True)):
            sizes[-1] *= shape[i]
            steps[-1] = step
        else:
            sizes.append(shape[i])
            steps.append(step)
    return tuple(sizes), tuple(tuple(step[k] for step in steps) for k in range(len(operands)))


def memory_order(shape: Shape, operands: Sequence[Strides], first_wins: bool = False) -> tuple[int, ...]:
    """Axes from the outermost to the innermost in memory, as NumPy's iterator orders them ('K').

    An axis along which an operand is stretched says nothing. Where operands disagree about two axes they
    keep their order, or, if `first_wins`, follow the first operand that has a say.
    """
    order = list(reversed(range(len(shape))))
    for i in range(1, len(order)):  # insertion: the comparison is not transitive, sorted() needs that it is
        place = i
        for j in range(i - 1, -1, -1):
            goes_inside = _goes_inside(order[i], order[j], operands, first_wins)
            if goes_inside is False:
                break
            if goes_inside:
                place = j
        order.insert(place, order.pop(i))
    return tuple(reversed(order))


def _goes_inside(axis: int, inner: int, operands: Sequence[Strides], first_wins: bool) -> bool | None:
    """Whether `axis` has smaller strides than `inner`, an axis after it; None where no operand has both."""
    found: bool | None = None
    for s in operands:
        x, y = abs(s[axis]), abs(s[inner])
        if x and y:
            if x >= y:
                return False
            if first_wins:
                return True
            found = True
    return found


def ordered_strides(shape: Shape, order: Sequence[int]) -> Strides:
    """Strides without gaps for axes that lie in memory in `order`, outermost first."""
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(order):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


def permute(values: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """`values` in another order of axes."""
    return tuple(values[i] for i in order)


def extent(shape: Shape, strides: Strides, itemsize: int) -> tuple[int, int]:
    """The half-open range of bytes that an array touches, relative to its first element; byte strides."""
    if 0 in shape:
        return (0, 0)
    spans = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    return sum(s for s in spans if s < 0), sum(s for s in spans if s > 0) + itemsize


def reshaped_strides(shape: Shape, strides: Strides, to: Shape) -> Strides | None:
    """Strides that view an array under another shape of the same size, or None where that needs a copy."""
    if 0 in to:
        return contiguous_strides(to)
    sizes, (steps,) = merge(shape, [strides])
    result: list[int] = []
    runs = list(zip(sizes, steps, strict=True))
    run = runs.pop() if runs else (1, 1)
    room, step = run
    for n in reversed(to):
        if n == 1:
            result.append(step)
            continue
        if room == 1:
            if not runs:
                return None
            room, step = runs.pop()
        if room % n:
            return None
        result.append(step)
        room //= n
        step *= n
    return tuple(reversed(result))


def is_monotonic(order: Sequence[int]) -> bool:
    """Whether axes are already in order."""
    return all(a < b for a, b in pairwise(order))
