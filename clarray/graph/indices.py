"""Parts of variables: `x[index]`, and x with such a part replaced or added to.

Integers, slices, None and Ellipsis, in which integers may be variables, make a view; arrays of integers are `take`'s
work. A mask becomes the positions of its true elements, whose number a function finds out when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from clarray.core import dtypes, indexing, movement, ops
from clarray.core.aval import extent
from clarray.core.cumulative import cumulative_sum
from clarray.core.indexing import Arranged, Part
from clarray.core.movement import View
from clarray.core.op import Ufunc
from clarray.core.places import positions_along
from clarray.core.writing import add_slice, put_slice

from .building import as_variable, constant
from .rebroadcast import addbroadcast
from .tracing.tracing import traced
from .variable import Constant, Variable

INT64 = np.dtype("int64")
WHOLE = slice(None)


class Within(View):
    """The first operand, integers from `low` to `high` that index axis `axis` of the second: IndexError if outside."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        self.shape([x.shape, layouts[1].shape], params)
        return x

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        own, other = shapes
        size, low, high = other[params["axis"]], params["low"], params["high"]
        if size is not None and (low < -size or high >= size):
            wrong = high if high >= size else low
            raise IndexError(f"index {wrong} is out of bounds for axis {params['axis']} with size {size}")
        return tuple(own)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (None, None)


class Masking(View):
    """The first operand; a mask of `shape`, or of its own one, has to fit the axes of the second from `axis` on."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        self.shape([x.shape, layouts[1].shape], params)
        return x

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        own, other = shapes
        axis, mask = params["axis"], params["shape"] or own
        for k, n in enumerate(mask):
            m = other[axis + k]
            if n is not None and m is not None and n != m:
                raise IndexError(
                    f"boolean index did not match indexed array along axis {axis + k}; size of axis is {m} but size "
                    f"of corresponding boolean axis is {n}"
                )
        return tuple(own)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (None, None)


class Unstretched(View):
    """The first operand, of which only axes that are broadcastable by `pattern` stretch to those of the second."""

    def look(self, x: Any, layouts: Any, params: Mapping[str, Any]) -> Any:
        self.shape([x.shape, layouts[1].shape], params)
        return x

    def shape(self, shapes: Any, params: Mapping[str, Any]) -> tuple[int | None, ...]:
        own, part = shapes
        for k, one in enumerate(params["pattern"]):
            n, m = own[k], part[len(part) - len(own) + k]
            if not one and n == 1 and m not in (1, None):
                raise ValueError(
                    f"a value of shape {own} for a part of shape {part} has one element along axis {k}, which is not "
                    f"declared broadcastable: use T.row, T.col or T.addbroadcast(value, {k})"
                )
        return tuple(own)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g, None)


within = Within("within", "integers that are indices of an axis")
masking = Masking("masking", "a mask that fits an array")
unstretched = Unstretched("unstretched", "a value that fits a part of an array")


def item(x: Variable, index: Any) -> Variable:
    """x[index], with NumPy's meaning; x may be an array, indexed by variables."""
    x = as_variable(x)
    parts = index if isinstance(index, tuple) else (index,)
    if all(map(_is_basic, parts)):
        frozen = _freeze(parts)
        view: Variable = movement.slice_(x, index=frozen)
        return view if traced() is None else _with_single_parts(view, frozen)
    view, found = _arranged(x, parts)
    return indexing.take(view, *found.arrays, axes=found.axes, position=found.position)


def _with_single_parts(view: Variable, index: Sequence[Any]) -> Variable:
    """x[:1] and its kin declared to have one element, as they broadcast in the NumPy that a traced function is."""
    split = index.index(movement.ELLIPSIS) if movement.ELLIPSIS in index else len(index)
    axes: list[int] = []
    for parts, offset, way in ((index[:split], 0, 1), (index[split + 1 :][::-1], view.ndim - 1, -1)):
        kept = [p for p in parts if not isinstance(p, int | Variable)]
        axes += [offset + way * k for k, p in enumerate(kept) if isinstance(p, tuple) and _is_single(*p)]
    return addbroadcast(view, *[a for a in axes if view.aval.shape[a] is None]) if axes else view


def _is_single(start: Any, stop: Any, step: Any) -> bool:
    """Whether a slice takes one element of any axis that is long enough."""
    start = 0 if start is None else start
    if step not in (None, 1) or not isinstance(start, int) or not isinstance(stop, int | None):
        return False
    return start == -1 if stop is None else stop == start + 1 and (start >= 0 or stop < 0)


def assigned(x: Variable, index: Any, part: Variable, value: Variable, add: bool) -> Variable:
    """x in which `part`, that is x[index], is `value`, or has it added; where an element is indexed twice, as often."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(map(_is_basic, parts)):
        value = _unstretched(value, part)
        return (add_slice if add else put_slice)(x, value, index=_freeze(parts))
    expanded = indexing.expand(tuple(map(_operand, parts)), x.ndim)
    masked = _masked(x, expanded, value)
    if masked is not None:
        return _like(ops.where(masked, x + value if add else value, x), x)
    value = _unstretched(value, part)
    merged, settled = _settled(x, expanded)
    found = indexing.arrange(settled)
    view = merged if _is_whole(found.basic) else item(merged, found.basic)
    places = {"axes": found.axes, "position": found.position}
    if add:
        new = indexing.put_add(view, value, *found.arrays, **places, ordered=indexing.ordered())
    else:
        new = indexing.put(view, value, *found.arrays, **places)
    if view is not merged:
        new = put_slice(merged, new, index=_freeze(found.basic))
    return new if merged is x else movement.reshape_like(new, x)


def _unstretched(value: Variable, part: Variable) -> Variable:
    """A value that stretches where it is declared to: gradients count on it."""
    if None not in value.aval.shape:
        return value
    return unstretched(value, part, pattern=value.broadcastable)


def true_positions(mask: Variable) -> Variable:
    """The int64 positions of the true elements of a vector of bools."""
    size = ops.count_nonzero(mask) + 1  # never none, for put
    found = cumulative_sum(mask, axis=0, dtype=INT64)
    blank = movement.broadcast_to(constant(np.zeros((), INT64)), shape=(size,))
    # what is false has no place: its index is out of bounds, so that put leaves it out
    places = ops.where(mask, found - 1, size)
    positions = indexing.put(blank, positions_along(mask, axis=0), places, axes=(0,), position=0)
    return movement.slice_(positions, index=((None, -1, None),))


# from an index to a view and integer arrays


def _arranged(x: Variable, parts: Sequence[Any]) -> tuple[Variable, Arranged]:
    """A view of x, and what `take` does to it."""
    merged, settled = _settled(x, indexing.expand(tuple(map(_operand, parts)), x.ndim))
    found = indexing.arrange(settled)
    return (merged if _is_whole(found.basic) else item(merged, found.basic)), found


def _operand(part: Any) -> Any:
    """A part of an index; lists that hold variables are made one."""
    if isinstance(part, list | tuple) and any(isinstance(n, Variable) for n in part):
        return as_variable(part)
    if isinstance(part, Constant) and isinstance(part.value, np.ndarray):
        return part.value
    return part


def _settled(x: Variable, parts: Sequence[Part]) -> tuple[Variable, list[Part]]:
    """x with the axes of each mask made one, and the parts with positions in place of masks."""
    settled: list[Part] = []
    shape: list[Any] = []
    axis = 0
    for part in parts:
        axes = range(axis, axis + part.axes)
        own = [extent(x, a) for a in axes]
        if part.kind == "mask" and part.axes > 1 and isinstance(part.value, Variable):
            own = [reduce(lambda a, b: a * b, own)]
        if part.kind == "mask":
            settled += _positions(x, part, axis)
        elif part.kind == "array":
            settled.append(Part("array", _checked(part.value, x, axis), 1))
        else:
            settled.append(part)
        shape += own
        axis += part.axes
    return (x if len(shape) == x.ndim else x.reshape(shape)), settled


def _positions(x: Variable, part: Part, axis: int) -> list[Part]:
    """A mask as arrays of positions; one of no axes as a new axis, with one element or none."""
    mask = part.value
    if part.axes == 0:
        count = mask.astype("int64") if isinstance(mask, Variable) else int(bool(mask))
        return [Part("new array", movement.broadcast_to(constant(np.zeros((), INT64)), shape=(count,)), 0)]
    if isinstance(mask, Variable):
        fitting = _fitting(mask, x, axis)
        return [Part("array", true_positions(fitting if mask.ndim == 1 else fitting.flatten()), 1)]
    masking.shape([mask.shape, x.aval.shape], {"axis": axis, "shape": None})
    return [
        Part("array", masking(constant(i), x, axis=axis, shape=tuple(mask.shape)), 1)
        for i in np.nonzero(np.asarray(mask))
    ]


def _fitting(mask: Variable, x: Variable, axis: int) -> Variable:
    """A mask whose extents are checked, but where it is computed element by element from x and from scalars."""
    found = [mask]
    for v in found:
        if v is x or not v.ndim:
            continue
        if v.owner is None or not isinstance(v.owner.op, Ufunc) or mask.ndim != x.ndim or len(found) > 100:
            return masking(mask, x, axis=axis, shape=None)
        found.extend(v.owner.operands)
    return mask


def _checked(index: Any, x: Variable, axis: int) -> Variable:
    """Integers along an axis; those that are there already have to be within bounds."""
    if isinstance(index, Variable):
        return index
    host = np.asarray(index)
    if not host.size:
        return constant(host.astype(INT64))
    return within(constant(host.astype(INT64)), x, axis=axis, low=int(host.min()), high=int(host.max()))


def _masked(x: Variable, parts: Sequence[Part], value: Variable) -> Variable | None:
    """The mask, broadcastable against x, where it is all of the index and `value` is the same for all its elements."""
    masks = [k for k, p in enumerate(parts) if p.kind == "mask"]
    if len(masks) != 1 or any(p != Part("slice", WHOLE, 1) for k, p in enumerate(parts) if k != masks[0]):
        return None
    before, mask = masks[0], parts[masks[0]]
    after = x.ndim - before - mask.axes
    if not mask.axes or value.ndim > after or any(b for b in x.broadcastable):
        return None
    fitting = _fitting(as_variable(mask.value), x, before)
    return fitting[(...,) + (None,) * after] if after else fitting


def _like(new: Variable, x: Variable) -> Variable:
    """A result in the dtype of x."""
    return new.astype(x.dtype)


def _is_whole(basic: Sequence[Any]) -> bool:
    """Whether a basic index takes everything."""
    return all(isinstance(part, slice) and part == WHOLE for part in basic)


# what is given


def _freeze(parts: Sequence[Any]) -> tuple[Any, ...]:
    """`movement.freeze` of a basic index in which integers may be variables."""
    frozen: list[Any] = []
    for part in parts:
        if isinstance(part, Variable):
            frozen.append(_index(part))
        elif isinstance(part, slice):
            frozen.append(tuple(None if v is None else _index(v) for v in (part.start, part.stop, part.step)))
        else:
            frozen += movement.freeze(part)
    return tuple(frozen)


def _index(value: Any) -> Any:
    if isinstance(value, Constant) and value.ndim == 0 and not hasattr(value.value, "block"):
        return int(value.value)
    return value if isinstance(value, Variable) else value.__index__()


def _is_basic(part: Any) -> bool:
    if isinstance(part, slice):
        return all(not isinstance(v, Variable) or _is_basic(v) for v in (part.start, part.stop, part.step))
    if isinstance(part, Variable):
        return part.ndim == 0 and part.aval.dtype.kind in "iu"
    return not isinstance(part, tuple) and movement.is_basic(part)


def checked_value(sub: Variable, value: Any, who: str) -> Variable:
    """What `sub`, a part of a variable, may be set to or have added."""
    y = as_variable(value)
    if y.ndim > sub.ndim:
        raise TypeError(f"{who}(): {y.described()} has more axes than the part it goes to, {sub.described()}")
    common = dtypes.promote((sub.aval.dtype, y.aval.promotes_as))
    if common != sub.aval.dtype:
        raise TypeError(
            f"{who}(): {y.described()} does not fit into a {sub.dtype} without loss; cast it with astype('{sub.dtype}')"
        )
    return y if y.aval.weak is None else constant(y.value, dtype=sub.dtype) if isinstance(y, Constant) else y


Variable._item = staticmethod(item)
