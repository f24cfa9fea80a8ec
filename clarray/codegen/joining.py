"""Lowering of `concat`: each operand is copied to its place in the result."""

from __future__ import annotations

from clarray.core import dtypes
from clarray.core.aval import normalize_axis
from clarray.core.expr import Builder
from clarray.core.joining import Concat
from clarray.core.layout import Layout

from . import elementwise
from .lowering import Call, rule
from .plan import Launch, Plan


@rule(Concat)
def _concat(op: Concat, call: Call) -> Plan:
    arrays, out = call.arrays, call.out
    axis = normalize_axis(call.params["axis"], len(arrays[0].shape), op.name)
    if out is None:
        shape = list(arrays[0].shape)
        shape[axis] = sum(x.shape[axis] for x in arrays)
        out = Layout.of(dtypes.promote(tuple(x.dtype for x in arrays)), tuple(shape))
    launches: list[Launch] = []
    start = 0
    for number, x in enumerate(arrays):
        builder = Builder()
        body = builder.build([builder.cast(builder.load(0, x.dtype), out.dtype)])
        copy = elementwise.lower(body, [Layout.of(out.dtype, x.shape, out.strides)], [x], call.traits)
        launches += copy.renumbered({1: 1 + number}).moved(0, start * out.elements[axis]).launches
        start += x.shape[axis]
    return Plan((out,), tuple(launches))
