"""Plans that a tape binds: their scalars settled, and the keys under which they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clarray.codegen import elementwise
from clarray.codegen.plan import Plan, Scalar, Value
from clarray.core.expr import Builder
from clarray.core.layout import Layout
from clarray.device.context import Context


def copy_plan(layout: Layout, dtype: np.dtype[Any], context: Context) -> Plan:
    """A copy in C order, in another dtype."""
    builder = Builder()
    body = builder.build([builder.cast(builder.load(0, layout.dtype), dtype)])
    return elementwise.lower(body, [Layout.of(dtype, layout.shape)], [layout], context.traits)


def with_scalars(plan: Plan, values: Sequence[Any]) -> Plan:
    """The plan with its scalar arguments bound, so that a launch need not set them."""
    if not values:
        return plan

    def settle(argument: Any) -> Any:
        if not isinstance(argument, Scalar):
            return argument
        value = np.asarray(values[argument.number], argument.dtype)[()]
        in_registers = {"float16": "float32", "bool": "uint8"}
        return Value(value, in_registers.get(argument.dtype.name, argument.dtype.name))

    launches = tuple(_replaced(launch, tuple(map(settle, launch.arguments))) for launch in plan.launches)
    return Plan(plan.outputs, launches, plan.scratch)


def _replaced(launch: Any, arguments: tuple[Any, ...]) -> Any:
    return type(launch)(launch.spec, arguments, launch.global_size, launch.local_size, launch.kernel)


def frozen(params: Mapping[str, Any]) -> tuple[Any, ...]:
    """Parameters as part of a key: -0.0 is not 0.0, and True is not 1."""
    return (*params.items(), repr(params))


def bits(values: Sequence[Any]) -> tuple[bytes, ...]:
    """Scalars as part of a key."""
    return tuple(np.asarray(v).tobytes() for v in values)


def hashable(key: Any) -> bool:
    """Whether a plan can be kept under a key: parameters of a user's operation may be anything."""
    try:
        hash(key)
    except TypeError:
        return False
    return True
