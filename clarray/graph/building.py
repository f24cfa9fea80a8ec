"""Making variables: constants of values, and applications of Ops, which is what `bind` does with variables."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.config import config
from clarray.core import dtypes, movement
from clarray.core.aval import Aval
from clarray.core.op import Op

from .origin import current_line
from .tracing.tracing import default_float
from .variable import Apply, Constant, Hole, Variable


def weak_dtype(cls: type) -> np.dtype[Any]:
    """The dtype of a Python scalar that stands alone: floats are floatX."""
    real = default_float()
    named = {bool: "bool", int: "int64", float: real, complex: "complex128" if real == "float64" else "complex64"}
    return np.dtype(named[cls])


def constant(value: Any, name: str | None = None, dtype: Any = None) -> Constant:
    """A Constant of anything an array can be made of; Python scalars stay weak unless `dtype` is given."""
    if dtype is not None:
        value = np.asarray(value).astype(config.floatX if dtype == "floatX" else dtype)
    if isinstance(value, GpuArray):
        return Constant(value, Aval(value.shape, value.dtype), name)
    if type(value) in (bool, int, float, complex):
        return Constant(value, Aval((), weak_dtype(type(value)), type(value)), name)
    host = np.asarray(value)
    if not isinstance(value, np.ndarray | np.generic) and host.dtype.kind in "fc":
        host = host.astype(weak_dtype(float if host.dtype.kind == "f" else complex))
    if host.dtype.kind in "OSUVMm":
        raise TypeError(f"{type(value).__name__} {reprlib.repr(value)} is neither a variable nor an array of numbers")
    dtypes.row(host.dtype)
    host = host.copy() if host is value else host
    host.flags.writeable = False
    return Constant(host, Aval(host.shape, host.dtype), name)


def as_variable(value: Any, name: str | None = None, ndim: int | None = None, dtype: Any = None) -> Variable:
    """A Variable as it is, a list of variables stacked, anything else as a Constant."""
    if not isinstance(value, Variable):
        if isinstance(value, list | tuple) and _holds_variables(value):
            parts = [as_variable(x) for x in value]
            value = Op.registry["concat"](*(x[None] for x in parts), axis=0)
        else:
            value = constant(value, name, dtype)
    if ndim is not None and value.ndim != ndim:
        if value.ndim > ndim:
            raise ValueError(f"{value} has {value.ndim} axes, {ndim} are asked for")
        value = value.dimshuffle(*["x"] * (ndim - value.ndim), *range(value.ndim))
    return value.astype(dtype) if dtype is not None and not isinstance(value, Constant) else value


def apply(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Add an Apply: the result variable, or a tuple of them."""
    if params.get("out") is not None:
        raise TypeError(f"{op.name}(): out= has no meaning for variables; their functions make new results")
    inputs = [x if isinstance(x, Variable) else as_variable(x) for x in operands]
    count = len(inputs)
    fp64 = default_float() == "float64"
    kept = {name: _dig(x, inputs) for name, x in params.items() if name != "out"}
    if kept.get("dtype") is not None:
        kept["dtype"] = np.dtype(kept["dtype"])
    try:
        holed = len(inputs) != count
        avals = _partly(op, inputs, kept, fp64) if holed else op.infer([x.aval for x in inputs], kept, fp64)
    except (TypeError, ValueError, IndexError) as error:
        error.add_note(f"in {op.name}() of {', '.join(x.described() for x in inputs[:8])}")
        raise
    node = Apply(op, inputs, count, kept, avals, fp64, current_line())
    if config.compute_test_value != "off":
        from .inside.testvalues import compute

        compute(node)
    return node.outputs[0] if len(node.outputs) == 1 else node.outputs


def dot(a: Any, b: Any) -> Variable:
    """NumPy's dot: a product with a scalar, else the sum over a's last axis and b's last but one."""
    x, y = as_variable(a), as_variable(b)
    if not x.ndim or not y.ndim:
        return x * y
    if y.ndim > 2:
        return Op.registry["tensordot"](x, y, axes=((x.ndim - 1,), (y.ndim - 2,)))
    return Op.registry["matmul"](x, y)


def extents(shape: Any, who: str, ndim: int | None = None) -> tuple[Any, ...]:
    """A shape given as an int, a variable, a vector of known length or a sequence, as a tuple of ints and variables."""
    if isinstance(shape, Variable):
        if shape.ndim == 0:
            return (shape,)
        length = ndim if ndim is not None else shape.aval.shape[0]
        if length is None:
            raise ValueError(f"{who}(): the number of axes of shape {shape} is not known; give ndim=")
        return tuple(shape[k] for k in range(length))
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    parts = shape if isinstance(shape, Sequence) else (shape,)
    for n in parts:
        if not hasattr(n, "__index__") and not isinstance(n, Variable):
            raise TypeError(f"{who}(): an extent is an integer or an integer scalar variable, {n!r} came")
    result = tuple(n if isinstance(n, Variable) else int(n.__index__()) for n in parts)
    for n in result:
        if isinstance(n, Variable) and (n.ndim or n.aval.dtype.kind not in "iu"):
            raise TypeError(f"{who}(): an extent is an integer scalar, {n.described()} came")
    return tuple(n.value if isinstance(n, Constant) and n.aval.weak is int else n for n in result)


# parameters with holes


def _dig(value: Any, inputs: list[Variable]) -> Any:
    """A parameter with its variables replaced by holes and appended to `inputs`; lists become tuples."""
    if isinstance(value, Variable):
        inputs.append(value)
        return Hole(len(inputs) - 1)
    if isinstance(value, list | tuple):
        return tuple([_dig(x, inputs) for x in value])
    return value


def _partly(op: Op, inputs: Sequence[Variable], params: Mapping[str, Any], fp64: bool) -> tuple[Aval, ...]:
    """What is known of the results while parameters have holes."""
    if getattr(op, "infers_holes", False):
        return op.infer([x.aval for x in inputs], params, fp64)
    first = inputs[0].aval
    if "shape" in params:
        return (Aval(tuple(None if isinstance(n, Hole) or n == -1 else n for n in params["shape"]), first.dtype),)
    if "index" in params and op is not movement.unslice:  # those that write a part infer by themselves
        shape: list[int | None] = list(first.shape)
        axis, index = 0, []
        missing = len(shape) - sum(part is not None and part != movement.ELLIPSIS for part in params["index"])
        for part in params["index"]:
            if part == movement.ELLIPSIS:
                axis += missing
            elif isinstance(part, Hole):
                part, shape[axis] = 0, None
            elif isinstance(part, tuple) and any(isinstance(p, Hole) for p in part):
                part, shape[axis] = (None, None, None), None
            axis += part is not None and part != movement.ELLIPSIS
            index.append(part)
        return op.infer([Aval(tuple(shape), first.dtype)], {"index": tuple(index)}, fp64)
    return op.infer([x.aval for x in inputs], params, fp64)


def _holds_variables(value: Any) -> bool:
    return any(isinstance(x, Variable) or (isinstance(x, list | tuple) and _holds_variables(x)) for x in value)


Variable._bind = staticmethod(apply)
Variable._dot = staticmethod(dot)
