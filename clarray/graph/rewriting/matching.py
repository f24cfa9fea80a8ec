"""What rules ask of a node: constants, the operation behind a variable, dtypes that stay what they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.op import Op

from ..building import constant
from ..variable import Apply, Constant, Variable


def value_of(x: Variable) -> Any:
    """The scalar that a variable is known to be everywhere, or None."""
    owner = x.owner
    while owner is not None:
        if owner.op is not movement.broadcast_like and owner.op is not movement.broadcast_to:
            return None
        x = owner.inputs[0]
        owner = x.owner
    if not isinstance(x, Constant):
        return None
    known = x.__dict__.get("_everywhere")
    if known is None:
        scalar = not hasattr(x.value, "block") and np.size(x.value) == 1
        known = x.__dict__["_everywhere"] = (np.asarray(x.value).reshape(())[()] if scalar else None,)
    return known[0]


def is_one(x: Variable) -> bool:
    """Whether a variable is 1 everywhere."""
    value = value_of(x)
    return value is not None and bool(value == 1)


def is_zero(x: Variable) -> bool:
    """Whether a variable is 0 everywhere, of either sign."""
    value = value_of(x)
    return value is not None and bool(value == 0)


def made_by(x: Variable, *operations: Op) -> Apply | None:
    """The node that made a variable, if its operation is one of these."""
    return x.owner if x.owner is not None and x.owner.op in operations else None


def uniform(node: Apply, kinds: str) -> bool:
    """Whether the result and the operands that are no constants have one dtype, of these kinds."""
    dtype = node.out.aval.dtype
    return dtype.kind in kinds and all(x.aval.dtype == dtype for x in node.operands if value_of(x) is None)


def real(node: Apply) -> bool:
    """Whether a node computes in one real floating dtype."""
    return uniform(node, "f")


def with_constant(node: Apply) -> tuple[Variable, Any] | None:
    """(x, c) of a node of two operands of which one is the same number everywhere, whichever it is."""
    x, y = node.inputs
    for a, b in ((x, y), (y, x)):
        value = value_of(b)
        if value is not None and value_of(a) is None:
            return a, value
    return None


def number(value: Any, like: Variable) -> Variable:
    """A 0-d constant in a variable's dtype."""
    return constant(np.asarray(value, like.aval.dtype))


def is_normal(value: Any) -> bool:
    """Whether a float is neither infinite, NaN, zero nor subnormal, so that products with it keep their precision."""
    info = np.finfo(np.asarray(value).dtype)
    return bool(np.isfinite(value)) and bool(abs(value) >= info.tiny)


def as_type(x: Variable, like: Variable) -> Variable:
    """x in another variable's dtype."""
    if isinstance(x, Constant) and x.aval.weak is not None:
        return constant(x.value, dtype=like.dtype)
    return x.astype(like.dtype)


def one_plus(x: Variable) -> Variable | None:
    """y, where x is 1 + y or y + 1."""
    node = made_by(x, ops.add)
    if node is None:
        return None
    a, b = node.inputs
    return b if is_one(a) else a if is_one(b) else None


def negated(x: Variable) -> Variable:
    """-x; of a negative, what it negates, and of -x - y the sum."""
    node = made_by(x, ops.negative, ops.subtract)
    if node is None:
        return -x
    if node.op is ops.negative:
        return node.inputs[0]
    inner = made_by(node.inputs[0], ops.negative)
    return inner.inputs[0] + node.inputs[1] if inner else -x
