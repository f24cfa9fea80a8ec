"""Eager evaluation: an Op on arrays becomes a Plan, is bound to kernels once, and runs.

The warm path is one dictionary hit on (op, layouts, params): it must stay short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from clarray.codegen import elementwise
from clarray.codegen.lowering import lower
from clarray.codegen.plan import Plan
from clarray.core import dtypes
from clarray.core.aval import Aval, broadcasts_to, size_of
from clarray.core.expr import Builder, Expr
from clarray.core.layout import Layout, extent
from clarray.core.movement import Astype, View, astype
from clarray.core.op import Composite, Op, Ufunc, default_binder
from clarray.device.context import Context
from clarray.device.run import BoundPlan
from clarray.errors import ClarrayError

from .convert import to_array
from .gpuarray import GpuArray

WEAK = (int, float, complex, bool)
VIEWS = 4096  # views whose layouts are kept

_views: dict[Any, tuple[Layout, int]] = {}  # by op, layouts and parameters: layout, offset in bytes


def bind(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """What an Op does on arrays and host values: `evaluate`, into `out=` where that is given."""
    if params:
        if (out := params.pop("out", None)) is not None:
            return evaluate_into(op, operands, params, out)
        if isinstance(op, View) and type(operands[0]) is GpuArray and len(operands) == 1:
            return view(op, operands, params)
    elif len(operands) == 2:  # the warm paths of operators and functions, kept short: evaluate() does the same
        x, y = operands
        if type(x) is GpuArray:
            context = x.block.context
            if type(y) is GpuArray:
                bound = context.plans.get((op, x.layout, y.layout))
                if bound is not None and bound.single is not None and y.block.context is context:
                    return GpuArray(bound.outputs[0], 0, bound.one(operands))
            elif type(y) in WEAK:
                bound = context.plans.get((op, x.layout, type(y)))
                if bound is not None and bound.single is not None:
                    with suppress(OverflowError):
                        return GpuArray(bound.outputs[0], 0, bound.one((x,), (y,)))
        elif type(y) is GpuArray and type(x) in WEAK:
            bound = y.block.context.plans.get((op, type(x), y.layout))
            if bound is not None and bound.single is not None:
                with suppress(OverflowError):
                    return GpuArray(bound.outputs[0], 0, bound.one((y,), (x,)))
    elif len(operands) == 1 and type(x := operands[0]) is GpuArray:
        bound = x.block.context.plans.get((op, x.layout))
        if bound is not None and bound.single is not None:
            return GpuArray(bound.outputs[0], 0, bound.one(operands))
    return evaluate(op, operands, params)


GpuArray._bind = staticmethod(bind)
default_binder.append(bind)


def evaluate(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Enqueue `op` and return its result, in new memory; the work may still be running.

    Operands are arrays of one context, Python scalars (weak) and NumPy scalars, which become kernel
    arguments, and anything `asarray` takes.
    """
    key: list[Any] = [op]
    arrays: list[GpuArray] = []
    scalars: list[Any] = []
    for x in operands:
        cls = type(x)
        if cls is GpuArray:
            key.append(x.layout)
            arrays.append(x)
        elif cls in WEAK:
            key.append(cls)
            scalars.append(x)
        elif isinstance(x, np.generic):
            key.append(x.dtype)
            scalars.append(x)
        else:
            return evaluate(op, _uploaded(operands), params)
    if not arrays or (scalars and not op.takes_scalars):
        return evaluate(op, _uploaded(operands, scalars_too=True), params)
    if params:
        key.extend(params.items())
    context = arrays[0].block.context
    bound = context.plans.get(tuple(key))
    if bound is None:
        check_contexts(op.name, arrays)
        if isinstance(op, View):
            return view(op, arrays, params)
        if isinstance(op, Composite):
            return _composed(op, operands, params)
        bound = bound_plan(context, op, key[1 : 1 + len(operands)], params)
        context.remember(tuple(key), bound)
    elif len(arrays) > 1:
        check_contexts(op.name, arrays)
    try:
        return run(bound, arrays, scalars)
    except OverflowError:
        return evaluate(op, _compared_exactly(op, operands), params)


def _composed(op: Composite, operands: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """What an Op calls that is made of others."""
    op.infer([aval_of(described(x)) for x in operands], params)
    try:
        return op.lower(*operands, **params)
    except ClarrayError as error:
        error.add_note(f"in {op.name}({', '.join(_named(described(x)) for x in operands)})")
        raise


def run(bound: BoundPlan, arrays: Sequence[GpuArray], scalars: Sequence[Any] = ()) -> Any:
    """Run a bound plan into new memory."""
    blocks = bound.fresh(arrays, scalars)
    if len(blocks) == 1:
        return GpuArray(bound.outputs[0], 0, blocks[0])
    return tuple(GpuArray(layout, 0, block) for layout, block in zip(bound.outputs, blocks, strict=True))


def evaluate_into(op: Op, operands: Sequence[Any], params: Mapping[str, Any], out: GpuArray) -> GpuArray:
    """Write the result into `out`, which may be a view and may overlap the operands."""
    if not isinstance(out, GpuArray):
        raise TypeError(f"{op.name}(): out has to be a GpuArray, {type(out).__name__} came")
    context = out.block.context
    operands = [
        x if isinstance(x, GpuArray | np.generic) or type(x) in WEAK else to_array(x, None, context) for x in operands
    ]
    arrays = [x for x in operands if type(x) is GpuArray]
    scalars = [x for x in operands if type(x) is not GpuArray]
    check_contexts(op.name, [out, *arrays])
    known = [described(x) for x in operands]
    same = any(x.layout is out.layout and x.offset == out.offset and x.block is out.block for x in arrays)
    harmless = range(len(operands)) if isinstance(op, Ufunc | Astype) else op.in_place
    touching = [
        x
        for k, x in enumerate(operands)
        if type(x) is GpuArray and x.block is out.block
        and not (harmless and k in harmless and x.layout is out.layout and x.offset == out.offset)
        and may_share_memory(x, out)
    ]  # fmt: skip
    key = (op, "into", out.layout, same, *known, *params.items())
    bound = None if touching else context.plans.get(key)
    if bound is None:  # what is checked here holds for every call with this key
        (aval,) = op.infer([aval_of(x) for x in known], params, context.traits.fp64)
        _check_destination(op, aval, out)
        if touching or harmless is None or not (arrays or op is astype):
            result = evaluate(op, operands, params)
            return evaluate_into(astype, (result,), {"dtype": out.dtype}, out)
        bound = bound_plan(context, op, known, params, out.layout, same)
        context.remember(key, bound)
    if bound.launchers:
        everything = [out, *arrays]
        bound.run([x.block for x in everything], [x.start for x in everything], scalars)
    return out


def _check_destination(op: Op, aval: Aval, out: GpuArray) -> None:
    """ValueError or TypeError where a result does not fit `out`."""
    if not out.layout.writable:
        who = "assignment" if op is astype else f"{op.name}()"
        raise ValueError(f"{who}: the destination of shape {out.shape} is a broadcast view and cannot be written to")
    if not isinstance(op, Ufunc | Astype) and aval.shape != out.shape:
        raise ValueError(f"{op.name}(): out has shape {out.shape}, the result {aval.shape}")
    shape = aval.shape
    while op is astype and len(shape) > len(out.shape) and shape[0] == 1:  # NumPy's assignment drops them
        shape = shape[1:]
    if not broadcasts_to(shape, out.shape):
        raise ValueError(f"could not broadcast a result of shape {aval.shape} into an array of shape {out.shape}")
    if op is not astype and not np.can_cast(aval.dtype, out.dtype, "same_kind"):
        raise TypeError(
            f"{op.name}(): a {aval.dtype.name} result cannot be stored in {out.dtype.name} without loss; "
            f"cast with astype() or store in an array of its dtype"
        )


def assign(target: GpuArray, value: Any) -> None:
    """target[...] = value: broadcast, converted, safe where they overlap."""
    if not isinstance(value, GpuArray | np.generic) and type(value) not in WEAK:
        host = np.asarray(value)
        value = host[()] if host.ndim == 0 else to_array(host.astype(target.dtype, copy=False), None, target.context)
    if isinstance(value, np.generic):
        value = value.astype(target.dtype)
    if isinstance(value, GpuArray) and value.ndim > target.ndim and set(value.shape[: value.ndim - target.ndim]) == {1}:
        value = value.reshape(value.shape[value.ndim - target.ndim :])
    if type(value) in WEAK:
        value = _checked_scalar(value, target.dtype)
    evaluate_into(astype, (value,), {"dtype": target.dtype}, target)


GpuArray._fill = staticmethod(assign)


def _checked_scalar(value: Any, dtype: np.dtype[Any]) -> Any:
    """A Python scalar as NumPy converts it for this dtype, or the error it would raise."""
    if isinstance(value, complex) and dtype.kind != "c":
        raise TypeError(f"a complex value cannot be assigned to an array of {dtype.name}; take .real")
    return np.full((), value, dtype)[()]


def compute(context: Context, body: Expr, shape: tuple[int, ...], scalars: Sequence[Any] = ()) -> GpuArray:
    """A new C-ordered array whose elements are `body` of their index: how arrays are created."""
    key = (body, shape)
    bound = context.plans.get(key)
    if bound is None:
        layout = Layout.of(body.results[0], shape)
        bound = BoundPlan(context, elementwise.lower(body, [layout], [], context.traits))
        context.remember(key, bound)
    return run(bound, [], scalars)


def filled(context: Context, shape: tuple[int, ...], value: Any, dtype: Any) -> GpuArray:
    """A new array of one value."""
    return compute(context, _constant(np.dtype(dtype)), shape, [value])


@cache
def _constant(dtype: np.dtype[Any]) -> Expr:
    """A scalar of the call, everywhere."""
    builder = Builder()
    return builder.build([builder.scalar(0, dtype)])


def view(op: View, arrays: Sequence[GpuArray], params: Mapping[str, Any]) -> GpuArray:
    """The view of the first array that a View describes, of a copy where strides cannot express it."""
    x = arrays[0]
    key = (op, *[a.layout for a in arrays], *params.values())
    found = _views.get(key)
    if found is None:
        found = op.view([a.layout for a in arrays], params)
        if found is None:
            x = astype(x, dtype=x.dtype, order="C")
            found = op.view([x.layout, *(a.layout for a in arrays[1:])], params)
            assert found is not None
        else:
            if len(_views) >= VIEWS:
                _views.clear()
            _views[key] = found
    layout, further = found
    return GpuArray(layout, x.offset + further, x.block, x)


def may_share_memory(a: GpuArray, b: GpuArray) -> bool:
    """Whether the bytes between the first and last element of both arrays overlap."""
    if a.block is not b.block:
        return False
    (a0, a1), (b0, b1) = (extent(x.shape, x.strides, x.itemsize) for x in (a, b))
    return a.offset + a0 < b.offset + b1 and b.offset + b0 < a.offset + a1


def check_contexts(who: str, arrays: Sequence[GpuArray]) -> None:
    """ValueError where arrays live on different devices."""
    context = arrays[0].block.context
    for x in arrays:
        if x.block.context is not context:
            raise ValueError(
                f"{who}(): arrays are on different devices, {context.name!r} and {x.block.context.name!r}; "
                f"move one with transfer()"
            )


def bound_plan(
    context: Context,
    op: Op,
    operands: Sequence[Any],
    params: Mapping[str, Any],
    out: Layout | None = None,
    aliased: bool = False,
) -> BoundPlan:
    """Lower and build; an error says which operation failed on what."""
    for aval in op.infer([aval_of(x) for x in operands], params, context.traits.fp64):
        size_of(aval.shape, aval.dtype.itemsize)  # type: ignore[arg-type]
    return built(context, lower(op, operands, params, context.traits, out, aliased), op.name, operands)


def built(context: Context, plan: Plan, who: str, operands: Sequence[Any]) -> BoundPlan:
    """A plan with its kernels; operands are as `described` describes them."""
    if not context.traits.fp64 and any(launch.spec.fp64 for launch in plan.launches):
        raise TypeError(
            f"{who}({', '.join(map(_named, operands))}) needs fp64, which {context.device} "
            f"({context.device.hardware}) has not; use float32"
        )
    try:
        return BoundPlan(context, plan)
    except ClarrayError as error:
        error.add_note(f"in {who}({', '.join(map(_named, operands))}) on {context.device!r}")
        raise


def _uploaded(operands: Sequence[Any], scalars_too: bool = False) -> list[Any]:
    """Host values as arrays, in the context of the arrays among them."""
    context = next((x.block.context for x in operands if type(x) is GpuArray), None)
    return [
        x
        if type(x) is GpuArray or ((type(x) in WEAK or isinstance(x, np.generic)) and not scalars_too)
        else to_array(x, None, context)
        for x in operands
    ]


def _compared_exactly(op: Op, operands: Sequence[Any]) -> list[Any]:
    """A comparison with a Python integer that the array's dtype cannot hold is exact, as NumPy's."""
    if not (isinstance(op, Ufunc) and op.result == "bool"):
        names = ", ".join(x.dtype.name if isinstance(x, GpuArray) else repr(x) for x in operands)
        raise OverflowError(f"{op.name}({names}): a Python integer is out of bounds for the array's dtype")
    return [
        (np.int64(x) if -(2**63) <= x < 2**63 else np.float32(np.inf if x > 0 else -np.inf)) if type(x) is int else x
        for x in operands
    ]


def described(x: Any) -> Any:
    """What a plan's key holds of an operand: its layout, dtype, or Python type."""
    return x.layout if type(x) is GpuArray else x.dtype if isinstance(x, np.generic) else type(x)


def aval_of(x: Any) -> Aval:
    """The aval of an operand that `described` describes."""
    if isinstance(x, Layout):
        return Aval(x.shape, x.dtype)
    if isinstance(x, np.dtype):
        return Aval((), x)
    return Aval((), dtypes.promote((x,)), x)


def _named(x: Any) -> str:
    """An operand in an error message: float32[3, 4], or the type of a scalar."""
    return (
        f"{x.dtype.name}{list(x.shape)}"
        if isinstance(x, Layout)
        else getattr(x, "name", getattr(x, "__name__", str(x)))
    )
