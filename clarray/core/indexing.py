"""Indexing by arrays: what an index means, and the Ops that gather and scatter elements.

An index such as `x[1, ..., rows, :, mask]` is taken apart in three steps: `expand` lines its parts up
with the axes of x; masks are replaced by the positions of their true elements; `arrange` makes of the
rest a basic index, which gives a view, and integer arrays along axes of that view. Only the last is
`take`'s work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from clarray.config import config

from . import ops
from .aval import Aval, Shape, broadcast_shapes, extent
from .movement import astype, slice_
from .op import Op

WHOLE = slice(None)


class Part(NamedTuple):
    """One part of an index: kind is new, slice, int, array, mask, gap (an ellipsis that stands for no
    axis) or new array (along a new axis of one element); how many axes it consumes."""

    kind: str
    value: Any
    axes: int


class Arranged(NamedTuple):
    """A basic index, then integer arrays along `axes` of the view it gives; the arrays' own axes stand
    in the result from `position` on."""

    basic: tuple[Any, ...]
    arrays: tuple[Any, ...]
    axes: tuple[int, ...]
    position: int


def expand(index: Any, ndim: int) -> list[Part]:
    """The parts of an index, one or more axes each, the ellipsis written out; IndexError as NumPy's.

    Arrays are anything with `dtype` and `ndim`; lists become ndarrays.
    """
    parts = [_part(p) for p in (index if isinstance(index, tuple) else (index,))]
    used = sum(p.axes for p in parts)
    if used > ndim:
        raise IndexError(f"too many indices: the array has {ndim} dimensions, but {used} were indexed")
    ellipses = [k for k, p in enumerate(parts) if p.kind == "ellipsis"]
    if len(ellipses) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    rest = [Part("slice", WHOLE, 1)] * (ndim - used)
    if not ellipses:
        return parts + rest
    # an ellipsis that stands for no axes still stands between its neighbours
    return parts[: ellipses[0]] + (rest or [Part("gap", None, 0)]) + parts[ellipses[0] + 1 :]


def _part(value: Any) -> Part:
    if value is None:
        return Part("new", None, 0)
    if value is Ellipsis:
        return Part("ellipsis", None, 0)
    if isinstance(value, slice):
        return Part("slice", value, 1)
    if isinstance(value, bool | np.bool_):
        return Part("mask", np.asarray(value), 0)
    if isinstance(value, int | np.integer):
        return Part("int", int(value), 1)
    if not hasattr(value, "dtype") or not hasattr(value, "ndim"):
        if not isinstance(value, list | tuple | range):
            raise IndexError(
                f"an index is made of integers, slices, '...', None and integer or boolean arrays; "
                f"{type(value).__name__} came"
            )
        value = np.asarray(value)
        if value.size == 0 and value.dtype.kind == "f":
            value = value.astype(np.int64)
    kind = np.dtype(value.dtype).kind
    if kind == "b":
        return Part("mask", value, value.ndim)
    if kind not in "iu":
        raise IndexError(f"arrays used as indices are of integers or bools, one of {value.dtype} came")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return Part("int", int(value), 1)
    return Part("array", value, 1)


def arrange(parts: Sequence[Part]) -> Arranged:
    """What to do for parts that hold no mask any more."""
    arrays = [p.value for p in parts if p.kind in ("array", "new array")]
    advanced = [k for k, p in enumerate(parts) if p.kind in ("array", "new array", "int")]
    together = advanced == list(range(advanced[0], advanced[0] + len(advanced))) if advanced else True
    basic: list[Any] = []
    axes: list[int] = []
    seen, position = 0, 0  # axes of the view so far; how many of them stand before the arrays
    for k, part in enumerate(parts):
        if k == (advanced[0] if advanced else -1):
            position = seen
        if part.kind == "gap":
            continue
        basic.append({"array": WHOLE, "new array": None}.get(part.kind, part.value))
        if part.kind in ("array", "new array"):
            axes.append(seen)
        seen += part.kind != "int"
    return Arranged(tuple(basic), tuple(arrays), tuple(axes), position if together else 0)


def check_bounds(index: np.ndarray[Any, Any], size: int | None, axis: int) -> None:
    """IndexError where an index on the host lies outside an axis."""
    if size is None or index.size == 0:
        return
    low, high = int(index.min()), int(index.max())
    if low < -size or high >= size:
        wrong = high if high >= size else low
        raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {size}")


def indexed_shape(shape: Shape, indices: Sequence[Shape], axes: Sequence[int], position: int) -> tuple[Shape, Shape]:
    """The shape of a result, and the common shape of the index arrays."""
    try:
        common = broadcast_shapes(indices, "index")
    except ValueError:
        listed = " ".join(map(str, indices))
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {listed}"
        ) from None
    kept = tuple(n for a, n in enumerate(shape) if a not in axes)
    if 0 not in common and any(shape[a] == 0 for a in axes):
        raise IndexError(f"no index is in bounds for an axis of size 0: shape {shape}, axes {tuple(axes)}")
    return kept[:position] + common + kept[position:], common


class Indexing(Op):
    """An Op whose last operands are integer arrays along `axes` of the first; their own axes stand from `position`
    on in the shape that they index. A negative index counts from the end."""

    def indexed(self, x: Aval, indices: Sequence[Aval], params: Mapping[str, Any]) -> Shape:
        """The indexed shape; IndexError where an index is not of integers or does not fit."""
        for i in indices:
            if i.dtype.kind not in "iu":
                raise IndexError(f"{self.name}(): indices are integers, {i.dtype.name} came; cast with astype() first")
        return indexed_shape(x.shape, [i.shape for i in indices], params["axes"], params["position"])[0]


class Take(Indexing):
    """take(x, *indices): the elements of x there; an index outside is moved to the nearest end."""

    name = "take"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        x, *indices = avals
        return (Aval(self.indexed(x, indices, params), x.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        x, *indices = operands
        near = [_nearest(i, extent(x, a)) for i, a in zip(indices, params["axes"], strict=True)]
        return (gather_back(g, x, *near, **params, ordered=ordered()), *[None] * len(indices))


class Put(Indexing):
    """put(x, value, *indices): x, but `value` at the places that `take` would read. Indices outside are
    left out; where an index comes twice, one of its values stays, it is not said which."""

    name = "put"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        x, value, *indices = avals
        shape = self.indexed(x, indices, params)
        if broadcast_shapes([value.shape, shape], self.name) != shape:
            raise ValueError(
                f"shape mismatch: a value of shape {value.shape} does not broadcast to the indexed {shape}"
            )
        return (Aval(x.shape, x.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        """Where an index comes twice, each of its values is taken for the one that stayed."""
        _, _, *indices = operands
        zero = np.zeros((), np.dtype(g.dtype))
        return (put(g, zero, *indices, **params), _arrived(g, indices, params), *[None] * len(indices))


class PutAdd(Put):
    """put_add(x, value, *indices): x with `value` added, as often as an index comes, to what `take` would read.

    Indices outside are left out. Bools are joined by or. `ordered` sums come in the order of the indices; others, on
    a GPU, in any order, so that the last bits of a floating sum vary.
    """

    name = "put_add"

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        _, _, *indices = operands
        places = {k: v for k, v in params.items() if k != "ordered"}
        return (g, _arrived(g, indices, places), *[None] * len(indices))


class GatherBack(Indexing):
    """gather_back(g, like, *indices): zeros like the second operand, g added at the indices: the gradient of take."""

    name = "gather_back"
    shape_only = (1,)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        g, like, *indices = avals
        self.indexed(like, indices, params)
        return (Aval(like.shape, g.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        _, _, *indices = operands
        places = {k: v for k, v in params.items() if k != "ordered"}
        return (take(g, *indices, **places), None, *[None] * len(indices))


def _nearest(index: Any, size: Any) -> Any:
    """What `take` makes of an index of an axis with so many elements: one outside is moved to the nearest end."""
    if not isinstance(size, int):
        index = astype(index, dtype=np.dtype("int64"))
        return ops.clip(index, -size, size - 1)
    limits = np.iinfo(np.dtype(index.dtype))
    return ops.clip(index, max(-size, int(limits.min)), min(size - 1, int(limits.max)))


def _arrived(g: Any, indices: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """The gradient of what `put` writes: g where it is written, and zero for an index outside, which is left out."""
    inside = [ops.equal(i, _nearest(i, extent(g, a))) for i, a in zip(indices, params["axes"], strict=True)]
    mask = reduce(ops.logical_and, inside)
    taken = take(g, *indices, **params)
    further = taken.ndim - params["position"] - mask.ndim  # axes after those of the indices
    if further:
        mask = slice_(mask, index=((None, None, None),) * mask.ndim + (None,) * further)
    return ops.where(mask, taken, 0)


def ordered() -> bool:
    """Whether sums over equal indices have to come in order: the flag `deterministic`."""
    return bool(config.deterministic == "more")


take = Op.registry["take"] = Take()
put = Op.registry["put"] = Put()
put_add = Op.registry["put_add"] = PutAdd()
gather_back = Op.registry["gather_back"] = GatherBack()
