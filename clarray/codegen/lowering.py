"""From an Op and its operands' layouts to a Plan: one rule for each class of Op.

An operand is a Layout, or, for a scalar that is passed as a kernel argument, its dtype or (a weak
one's) Python type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clarray.core.aval import broadcast_shapes, normalize_axes
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Builder, Expr
from clarray.core.layout import Layout
from clarray.core.movement import Astype, Unslice, slice_
from clarray.core.op import Op, Reduction, Ufunc
from clarray.core.traits import Traits

from . import elementwise, reduction
from .plan import Plan

Operand = Layout | NumpyDType | type


@dataclass(frozen=True)
class Call:
    """One use of an Op on a device: `out` is the layout of a result that is already there, which is an operand too
    where `aliased`. An `epilogue`, for Ops that take one, makes what is stored from an element of the result
    (load 0) and of the `extras` (loads 1, 2, ...), which are operands of the Plan after the Op's own."""

    operands: Sequence[Operand]
    params: Mapping[str, Any]
    traits: Traits
    out: Layout | None = None
    aliased: bool = False
    epilogue: Expr | None = None
    extras: Sequence[Layout] = ()

    @property
    def arrays(self) -> list[Layout]:
        """The operands that are no scalars."""
        return [x for x in self.operands if isinstance(x, Layout)]


Rule = Callable[[Any, Call], Plan]
RULES: dict[type[Op], Rule] = {}


def rule(cls: type[Op]) -> Callable[[Rule], Rule]:
    """Declare how Ops of a class become Plans."""

    def declare(f: Rule) -> Rule:
        RULES[cls] = f
        return f

    return declare


def lower(
    op: Op,
    operands: Sequence[Operand],
    params: Mapping[str, Any],
    traits: Traits,
    out: Layout | None = None,
    aliased: bool = False,
    epilogue: Expr | None = None,
    extras: Sequence[Layout] = (),
) -> Plan:
    """The Plan of one Op; the results' layouts are new unless `out` gives that of the result. See `Call`."""
    for cls in type(op).__mro__:
        if cls in RULES:
            return RULES[cls](op, Call(operands, params, traits, out, aliased, epilogue, extras))
    raise TypeError(f"{op.name}() has no kernel: it is a {type(op).__name__} without a lowering rule")


def promotes_as(operand: Operand) -> NumpyDType | type:
    """What an operand contributes to promotion."""
    return operand.dtype if isinstance(operand, Layout) else operand


@rule(Ufunc)
def _ufunc(op: Ufunc, call: Call) -> Plan:
    operands, out, traits = call.operands, call.out, call.traits
    loop, result = op.resolve(tuple(promotes_as(x) for x in operands), traits.fp64)
    builder = Builder()
    args = []
    arrays: list[Layout] = []
    for k, (x, dtype) in enumerate(zip(operands, loop, strict=True)):
        if isinstance(x, Layout):
            args.append(builder.load(len(arrays), x.dtype))
            arrays.append(x)
        else:
            args.append(builder.scalar(k - len(arrays), dtype))
    value = builder.call(op, args, loop, result)
    body = builder.build([value if out is None else builder.cast(value, out.dtype)])
    shape = out.shape if out is not None else broadcast_shapes([x.shape for x in arrays], op.name)
    outputs = [out] if out is not None else elementwise.result_layouts(body, shape, arrays)  # type: ignore[arg-type]
    return elementwise.lower(body, outputs, arrays, traits, call.aliased)


@rule(Reduction)
def _reduction(op: Reduction, call: Call) -> Plan:
    arrays, params, out, traits = call.arrays, call.params, call.out, call.traits
    x = arrays[0]
    axes = normalize_axes(params.get("axis"), len(x.shape), op.name)
    accumulator, result = op.resolve(x.dtype, params.get("dtype"), traits.fp64)
    builder = Builder()
    computed = accumulator if "acc" in op.state or "real" in op.state else x.dtype
    body = builder.build([builder.cast(builder.load(k, a.dtype), computed) for k, a in enumerate(arrays)])
    if out is None:
        keepdims = params.get("keepdims", False)
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
        out = Layout.of(result, shape)
    return reduction.lower(op, body, out, arrays, x.shape, axes, accumulator, traits, params.get("correction", 0))


@rule(Astype)
def _astype(op: Astype, call: Call) -> Plan:
    (x,), params, out = call.operands, call.params, call.out
    dtype = np.dtype(params["dtype"]) if out is None else out.dtype
    builder = Builder()
    if isinstance(x, Layout):
        arrays = [x]
        body = builder.build([builder.cast(builder.load(0, x.dtype), dtype)])
    else:
        arrays = []
        body = builder.build([builder.scalar(0, dtype)])
    if out is not None:
        outputs: Sequence[Layout] = [out]
    elif params.get("order") == "C":
        outputs = [Layout.of(dtype, arrays[0].shape)]
    else:
        outputs = elementwise.result_layouts(body, arrays[0].shape, arrays)
    return elementwise.lower(body, outputs, arrays, call.traits, call.aliased)


@rule(Unslice)
def _unslice(op: Unslice, call: Call) -> Plan:
    (g, like), params, traits = call.arrays, call.params, call.traits
    whole = call.out or Layout.of(g.dtype, like.shape)
    builder = Builder()
    zeros = elementwise.lower(builder.build([builder.constant(0, whole.dtype)]), [whole], [], traits)
    found = slice_.view([whole], params)
    assert found is not None
    part, offset = found
    body = builder.build([builder.cast(builder.load(0, g.dtype), whole.dtype)])
    copy = elementwise.lower(body, [part], [g], traits).moved(0, offset // whole.dtype.itemsize)
    return Plan((whole,), zeros.launches + copy.launches)
