"""Lowering of the user's own elementwise and reduction kernels: an Expr with a `code` node, on the common path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clarray.core.aval import Aval, broadcast_shapes, normalize_axes
from clarray.core.custom import ElementwiseCode, Parameter, ReductionCode, resolve
from clarray.core.dtypes import NumpyDType, promote
from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.core.traits import Traits

from . import elementwise, reduction
from .lowering import Call, Operand, rule
from .plan import Plan


@rule(ElementwiseCode)
def _fresh(op: ElementwiseCode, call: Call) -> Plan:
    return lower(op, call.operands, (), None if call.out is None else [call.out], call.traits, call.aliased)


def lower(
    op: ElementwiseCode, operands: Sequence[Operand], read: Sequence[Parameter], outputs: Sequence[Layout] | None,
    traits: Traits, aliased: bool = False,
) -> Plan:  # fmt: skip
    """The Plan of one kernel; inputs are the arrays among `operands`, then the results whose old values are `read`."""
    described = list(operands)
    parameters = [*op.inputs, *read]
    if outputs is not None:
        described += [layout for p, layout in zip(op.outputs, outputs, strict=True) if p in read]
    found = resolve(op.name, parameters, [_aval(x) for x in described])
    if outputs is not None:
        found |= {
            p.type: x.dtype for p, x in zip(op.outputs, outputs, strict=True) if p.generic and p.type not in found
        }
    builder = Builder()
    numbers, arrays = _leaves(builder, described, [found[p.name] for p in parameters])
    code = op.code([p.name for p in parameters], found)
    parts = builder.code(code, numbers)
    if outputs is None:
        body = builder.build(parts)
        shape = broadcast_shapes([x.shape for x in arrays], op.name)
        outputs = elementwise.result_layouts(body, shape, arrays)  # type: ignore[arg-type]
    else:
        body = builder.build([builder.cast(k, x.dtype) for k, x in zip(parts, outputs, strict=True)])
    return elementwise.lower(body, outputs, arrays, traits, aliased)


def _leaves(
    builder: Builder, operands: Sequence[Operand], wanted: Sequence[NumpyDType]
) -> tuple[list[int], list[Layout]]:
    """Nodes of the operands in the dtypes declared, and the arrays among them."""
    numbers: list[int] = []
    arrays: list[Layout] = []
    for k, (x, dtype) in enumerate(zip(operands, wanted, strict=True)):
        if isinstance(x, Layout):
            numbers.append(builder.cast(builder.load(len(arrays), x.dtype), dtype))
            arrays.append(x)
        else:
            numbers.append(builder.scalar(k - len(arrays), dtype))
    return numbers, arrays


@rule(ReductionCode)
def _reduction(op: ReductionCode, call: Call) -> Plan:
    found = resolve(op.name, op.parameters, [_aval(x) for x in call.operands])
    builder = Builder()
    numbers, arrays = _leaves(builder, call.operands, [found[p.name] for p in op.parameters])
    body = builder.build(numbers)
    shape: tuple[int, ...] = broadcast_shapes([x.shape for x in arrays], op.name)  # type: ignore[assignment]
    axes = normalize_axes(call.params.get("axis"), len(shape), op.name)
    out = call.out
    if out is None:
        keepdims = call.params.get("keepdims", False)
        out = Layout.of(
            op.dtype, tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)
        )
    return reduction.lower(op, body, out, arrays, shape, axes, op.dtype, call.traits)


def _aval(x: Operand) -> Aval:
    if isinstance(x, Layout):
        return Aval(x.shape, x.dtype)
    return Aval((), x) if isinstance(x, np.dtype) else Aval((), promote((x,)), x)
