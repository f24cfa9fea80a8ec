"""Test values: with `compute_test_value` every operation is tried on example values as the expression is written.

An example is `x.tag.test_value`; constants and shared variables are their own. Results are computed by the eager
operations, on the device, and kept as the results' test values, so that an error is raised in the very line
that is wrong.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.config import config
from clarray.core.aval import broadcast_shapes
from clarray.core.op import Ufunc
from clarray.device.current import context_for

from ..arguments import filtered
from ..gradients.barriers import Barrier
from ..origin import acts_for_a_node, quoted
from ..places import transfer_op
from ..rebroadcast import check_broadcast
from ..running import known
from ..shared import SharedVariable, uploaded
from ..tracing.tracing import traced
from ..variable import Apply, Constant, Variable
from . import failures

P = ParamSpec("P")
R = TypeVar("R")

_uploads: WeakKeyDictionary[Variable, tuple[Any, GpuArray]] = WeakKeyDictionary()  # of values that users set
_off: ContextVar[bool] = ContextVar("test_values_off", default=False)


def without_test_values(f: Callable[P, R]) -> Callable[P, R]:
    """`f`, in which no test values are computed: what it rewrites has been tried already."""

    @wraps(f)
    def call(*args: P.args, **named: P.kwargs) -> R:
        token = _off.set(True)
        try:
            return f(*args, **named)
        finally:
            _off.reset(token)

    return call


def get_test_value(x: Any) -> Any:
    """The test value of a variable; AttributeError where it has none. Anything else is its own, as an ndarray."""
    if not isinstance(x, Variable):
        return np.asarray(x)
    value = _value(x)
    if value is None:
        raise AttributeError(f"{x.described()} has no test value: set {x.name or 'its'}.tag.test_value to an array")
    return value


def _value(x: Variable) -> Any:
    if isinstance(x, Constant):
        return x.value
    if isinstance(x, SharedVariable):
        return x.container.value
    return getattr(x.tag, "test_value", None)


def compute(node: Apply, quiet: bool = False) -> None:
    """Compute a node's test values; what is missing for it is told as the flag says, or not where `quiet`."""
    if _off.get():
        return
    missing = [x for x in node.inputs if _value(x) is None]
    if missing:
        if not (quiet or traced() or acts_for_a_node()):
            _tell(node, missing[0])
        return
    operands = [_operand(x) for x in node.inputs]
    shapes: dict[Variable, Any] = {x: np.shape(v) for x, v in zip(node.inputs, operands, strict=True)}
    try:
        if isinstance(node.op, Ufunc):
            shapes[node.out] = broadcast_shapes(list(map(np.shape, operands)), node.op.name)
            check_broadcast(node, shapes)
        results = _results(node, operands)
    except Exception as error:
        failures.in_node(error, node, shapes)
        raise
    for x, value in zip(node.outputs, results, strict=True):
        x.tag.test_value = value if value.dtype == x.aval.dtype else value.astype(x.aval.dtype)


def _tell(node: Apply, x: Variable) -> None:
    """A variable has no test value."""
    wish = config.compute_test_value
    text = (
        f"{node.op.name}(): {x.described()} has no test value, which compute_test_value={wish} asks for: "
        f"set {x.name or 'its'}.tag.test_value to an array of that type (in {quoted(node.line)})"
    )
    if wish == "raise":
        raise ValueError(text)
    if wish == "pdb":
        sys.breakpointhook()
    elif wish == "warn":
        warnings.warn(text, UserWarning, stacklevel=4)


def _operand(x: Variable) -> Any:
    """A test value as operations take it: an array of the variable's type, uploaded once; weak scalars as they are."""
    value = _value(x)
    if isinstance(x, Constant) and x.aval.weak is not None:
        return value
    kept = _uploads.get(x)
    if kept is not None and kept[0] is value:
        return kept[1]
    array = filtered(value, x, False, None, f"the test value of {x.described()}")
    if not isinstance(array, GpuArray):
        array = uploaded(array, context_for())
        _uploads[x] = (value, array)
    return array


def _results(node: Apply, operands: Sequence[Any]) -> Sequence[Any]:
    op, arrays = node.op, operands[: node.operand_count]
    params = node.filled([int(np.asarray(v)) for v in operands[node.operand_count :]])
    if isinstance(op, known.FROM_SHAPES):
        return (uploaded(op.value([np.shape(v) for v in arrays], params), context_for()),)
    if isinstance(op, Barrier) or op is transfer_op:  # a place is no matter of shapes and values
        return (arrays[0],)
    found = op(*arrays, **params)
    return found if isinstance(found, tuple) else (found,)
