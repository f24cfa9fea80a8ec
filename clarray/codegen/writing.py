"""Lowering of Ops that write a part of an array, and of those that make positions."""

from __future__ import annotations

import numpy as np

from clarray.core import ops
from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.core.movement import slice_
from clarray.core.places import PositionsAlong
from clarray.core.writing import AddSlice, PutSlice

from . import elementwise
from .lowering import Call, rule
from .plan import Plan


@rule(PutSlice)
def _put_slice(op: PutSlice, call: Call) -> Plan:
    """`call.aliased` tells that `out` is x itself, so that nothing has to be copied first."""
    (x, value), params, traits = call.arrays, call.params, call.traits
    target = call.out or Layout.of(x.dtype, x.shape)
    found = slice_.view([target], params)
    assert found is not None
    part, offset = found
    builder = Builder()
    new = builder.cast(builder.load(0, value.dtype), part.dtype)
    arrays = [value]
    if isinstance(op, AddSlice):
        new = builder.call(ops.add, (builder.load(1, part.dtype), new), (part.dtype,) * 2, part.dtype)
        arrays.append(part)
    body = builder.build([new])
    # operands of the plan: 0 the result, 1 x, 2 the value; of this launch: 0 the part, 1 the value, 2 the part again
    write = elementwise.lower(body, [part], arrays, traits, isinstance(op, AddSlice))
    start = offset // target.dtype.itemsize
    write = write.renumbered({0: 0, 1: 2, 2: 0}).moved(0, start)
    if call.aliased:
        return Plan((target,), write.launches)
    builder = Builder()
    copy = elementwise.lower(
        builder.build([builder.cast(builder.load(0, x.dtype), target.dtype)]), [target], [x], traits
    )
    return Plan((target,), copy.launches + write.launches)


@rule(PositionsAlong)
def _positions_along(op: PositionsAlong, call: Call) -> Plan:
    (like,) = call.arrays
    axis = call.params["axis"] % len(like.shape)
    shape = tuple(n if a == axis else 1 for a, n in enumerate(like.shape))
    out = call.out or Layout.of(np.dtype("int64"), shape)
    builder = Builder()
    body = builder.build([builder.cast(builder.index(axis), out.dtype)])
    return elementwise.lower(body, [out], [], call.traits)
