"""Ops that move or reinterpret elements: views, and the conversion of dtypes.

A view is worked out by NumPy itself, on a phantom: an ndarray with the right shape and strides over
memory that nobody touches. So indexing, reshaping and their errors are NumPy's to the letter.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .aval import Aval, broadcast_shapes, normalize_axis
from .layout import Layout
from .op import Op

PHANTOM = np.zeros(16, np.uint8)  # what phantoms point at; read by nobody
Part = int | None | tuple[int | None, int | None, int | None]  # an index, a new axis, a slice
ELLIPSIS = "..."


def phantom(layout: Layout) -> np.ndarray[Any, Any]:
    """An ndarray of this layout whose elements must not be touched."""
    base = PHANTOM[: layout.dtype.itemsize].view(layout.dtype)
    return as_strided(base, layout.shape, layout.strides, writeable=False)


def seen(view: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> tuple[Layout, int]:
    """The layout of a view of a phantom, and how far it begins after the phantom, in bytes."""
    start = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return Layout.of(view.dtype, view.shape, view.strides), start if view.size else 0


class View(Op):
    """An Op whose result is a view of its first operand wherever strides can express it."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.doc = doc
        Op.registry[name] = self

    def view(self, layouts: Sequence[Layout], params: Mapping[str, Any]) -> tuple[Layout, int] | None:
        """Layout and offset in bytes of the view of `layouts[0]`, or None where it takes a copy."""
        whole = phantom(layouts[0])
        found = self.look(whole, layouts, params)
        return None if found is None else seen(found, whole)

    def look(
        self, x: np.ndarray[Any, Any], layouts: Sequence[Layout], params: Mapping[str, Any]
    ) -> np.ndarray[Any, Any] | None:
        """The view, of a phantom."""
        raise NotImplementedError

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(self.shape([a.shape for a in avals], params), avals[0].dtype),)

    def shape(self, shapes: Sequence[tuple[int | None, ...]], params: Mapping[str, Any]) -> tuple[int | None, ...]:
        """The result's shape, with None for what is not known."""
        raise NotImplementedError


class PermuteDims(View):
    """Axes in another order: `axes[k]` is the operand's axis that becomes axis k."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        return x.transpose(params["axes"])

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        (shape,), axes = shapes, [normalize_axis(a, len(shapes[0]), self.name) for a in params["axes"]]
        if sorted(axes) != list(range(len(shape))):
            raise ValueError(f"{self.name}(): axes {params['axes']} are not a permutation of {len(shape)} axes")
        return tuple(shape[a] for a in axes)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        axes = [a % len(params["axes"]) for a in params["axes"]]
        return (permute_dims(g, axes=tuple(axes.index(k) for k in range(len(axes)))),)


class Reshape(View):
    """Another shape of the same size, in C order; one extent may be -1."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        return _without_copy(x, fill_extent(x.shape, params["shape"]))

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        (shape,), to = shapes, params["shape"]
        if None in shape:
            return tuple(None if n == -1 else n for n in to)
        return fill_extent(shape, to)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (reshape_like(g, operands[0]),)


class ReshapeLike(View):
    """The first operand in the shape of the second, which has the same size."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        return _without_copy(x, fill_extent(x.shape, layouts[1].shape))

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        return tuple(shapes[1])

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (reshape_like(g, operands[0]), None)


class BroadcastTo(View):
    """The operand stretched to a shape; the view cannot be written to."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        return np.broadcast_to(x, params["shape"])

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        to = tuple(params["shape"])
        if broadcast_shapes([shapes[0], to], self.name) != to:
            raise ValueError(f"{self.name}(): shape {shapes[0]} does not broadcast to {to}")
        return to

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g,)  # the engine sums over stretched axes


class BroadcastLike(View):
    """The first operand stretched to the shape of the second."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        return np.broadcast_to(x, layouts[1].shape)

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        return broadcast_shapes(shapes, self.name)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g, None)


class Slice(View):
    """Basic indexing: integers, slices, new axes. `index` is made hashable by `freeze`."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        index = params["index"]
        # the ellipsis makes NumPy return a 0-d view where it would read an element
        return x[thaw(index if ELLIPSIS in index else (*index, ELLIPSIS))]

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        (shape,) = shapes
        index = params["index"]
        # an unknown extent is stood in for by the least that an integer index allows, and is unknown again
        known = tuple(_least(index, len(shape), a) if n is None else n for a, n in enumerate(shape))
        view = self.look(as_strided(PHANTOM, known, (0,) * len(known)), (), params)
        if None not in shape:
            return tuple(view.shape)
        return tuple(n if _known(k, index, shape) else None for k, n in enumerate(view.shape))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (unslice(g, operands[0], index=params["index"]),)


class Unslice(Op):
    """Zeros like the second operand, but the first where `index` points: the gradient of Slice."""

    name = "unslice"
    shape_only = (1,)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(avals[1].shape, avals[0].dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (slice_(g, index=params["index"]), None)


class Astype(Op):
    """The operand converted to `dtype`, always into memory of its own."""

    name = "astype"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(avals[0].shape, np.dtype(params["dtype"])),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (astype(g, dtype=operands[0].dtype),) if np.dtype(params["dtype"]).kind in "fc" else (None,)


def _without_copy(x: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any] | None:
    view = x.view()
    try:
        view.shape = shape
    except AttributeError:
        return None
    return view


def _least(index: tuple[Any, ...], ndim: int, axis: int) -> int:
    """The least extent of an axis for which an index is in bounds."""
    parts = [part for part in index if part is not None]
    split = parts.index(ELLIPSIS) if ELLIPSIS in parts else len(parts)
    after = parts[split + 1 :]
    from_end = axis - (ndim - len(after))
    part = parts[axis] if axis < split else after[from_end] if from_end >= 0 else None
    return max(part + 1, -part) if isinstance(part, int) else 1


def _known(axis: int, index: tuple[Any, ...], shape: tuple[int | None, ...]) -> bool:
    """Whether the extent of the result's `axis` follows from known extents alone."""
    taken = sum(1 for part in index if part is not None and part != ELLIPSIS)
    source, target = 0, 0
    for part in (*index, *([ELLIPSIS] if ELLIPSIS not in index else [])):
        if part is None:
            if target == axis:
                return True
            target += 1
        elif part == ELLIPSIS:
            for _ in range(len(shape) - taken):
                if target == axis:
                    return shape[source] is not None
                source, target = source + 1, target + 1
        elif isinstance(part, tuple):
            if target == axis:
                return shape[source] is not None
            source, target = source + 1, target + 1
        else:
            source += 1
    return True


def fill_extent(shape: Sequence[int], to: Sequence[int]) -> tuple[int, ...]:
    """`to` with its -1 replaced by what is left; ValueError where sizes differ."""
    size, unknown = prod(shape), [k for k, n in enumerate(to) if n == -1]
    rest = prod(n for n in to if n != -1)
    fits = rest == size if not unknown else len(unknown) == 1 and (size % rest == 0 if rest else size == 0)
    if not fits or any(n < -1 for n in to) or (unknown and not rest):
        raise ValueError(f"cannot reshape an array of shape {tuple(shape)} and size {size} into shape {tuple(to)}")
    return tuple(size // rest if n == -1 else n for n in to)


def is_basic(index: Any) -> bool:
    """Whether an index holds only integers, slices, Ellipsis and None, so that the result is a view."""
    if isinstance(index, tuple):
        return all(map(is_basic, index))
    if index is None or index is Ellipsis or isinstance(index, slice):
        return True
    return not isinstance(index, bool | np.bool_) and isinstance(index, int | np.integer)


def freeze(index: Any) -> tuple[Any, ...]:
    """A basic index as a hashable tuple."""
    parts = index if isinstance(index, tuple) else (index,)
    frozen: list[Any] = []
    for part in parts:
        if isinstance(part, slice):
            frozen.append(tuple(None if v is None else operator.index(v) for v in (part.start, part.stop, part.step)))
        elif part is Ellipsis:
            frozen.append(ELLIPSIS)
        else:
            frozen.append(None if part is None else operator.index(part))
    return tuple(frozen)


def thaw(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `freeze` was given."""
    return tuple(slice(*p) if isinstance(p, tuple) else Ellipsis if p == ELLIPSIS else p for p in index)


permute_dims = PermuteDims("permute_dims", "axes in another order")
reshape = Reshape("reshape", "another shape of the same size")
reshape_like = ReshapeLike("reshape_like", "x in the shape of another array")
broadcast_to = BroadcastTo("broadcast_to", "x stretched to a shape")
broadcast_like = BroadcastLike("broadcast_like", "x stretched to the shape of another array")
slice_ = Slice("slice", "basic indexing")
unslice = Op.registry["unslice"] = Unslice()
astype = Op.registry["astype"] = Astype()
