"""What is known before a kernel runs: extents, and what is computed from them and from constants alone.

Such values are worked out on the host, once for each shape, and enter kernels as arguments; a
division by the number of elements takes no launch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from clarray.core.aval import Aval, normalize_axes
from clarray.core.layout import Layout
from clarray.core.movement import Astype, View
from clarray.core.op import Op, Reduction, Ufunc

from ..variable import Apply, Constant, Variable

SMALL = 1024  # elements of a constant that the host computes with
INT64 = np.dtype("int64")


class FromShapes(Op):
    """An operation whose value follows from extents and parameters: `value` gives it."""

    infers_holes = True  # of parameters only the number matters

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval((), INT64),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return [None] * len(operands)

    def value(self, shapes: Sequence[tuple[int, ...]], params: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """The value for operands of these extents."""
        raise NotImplementedError


class Shape(FromShapes):
    """The extents of a value, as an int64 vector."""

    name = "shape"
    shape_only = (0,)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval((avals[0].ndim,), INT64),)

    def value(self, shapes: Sequence[tuple[int, ...]], params: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        return np.array(shapes[0], INT64)


class Count(FromShapes):
    """The number of elements along `axes`, an int64 scalar."""

    name = "count"
    shape_only = (0,)

    def value(self, shapes: Sequence[tuple[int, ...]], params: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        return np.array(prod(shapes[0][a] for a in params["axes"]), INT64)


class Arange(FromShapes):
    """The numbers from `start` to `stop`, excluded, in steps of `step`."""

    name = "arange"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        ends = [params[k] for k in ("start", "stop", "step")]
        known = all(isinstance(n, int | float) for n in ends)
        return (Aval((len(np.arange(*ends)) if known else None,), params["dtype"]),)

    def value(self, shapes: Sequence[tuple[int, ...]], params: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        return np.arange(params["start"], params["stop"], params["step"]).astype(params["dtype"])


FROM_SHAPES = FromShapes
shape = Op.registry["shape"] = Shape()
count = Op.registry["count"] = Count()
arange = Op.registry["arange"] = Arange()


def is_known_constant(x: Variable) -> bool:
    """Whether a variable is a constant that the host may compute with."""
    return isinstance(x, Constant) and not hasattr(x.value, "block") and np.size(x.value) <= SMALL


def can_compute(op: Op) -> bool:
    """Whether the host has this operation."""
    if isinstance(op, Ufunc):
        return hasattr(np, op.name) and op.name not in ("gamma",)
    if isinstance(op, Reduction):
        return op.name in ("sum", "prod", "max", "min", "any", "all", "mean")
    return isinstance(op, View | Astype)


class Knowledge:
    """What is known of some nodes before their kernels run, where `given` leaves and integer leaves may be looked at.

    `valued` are the leaves that have to be, `follows` all variables that follow from known ones, and `asked` those
    that complete a parameter although a device computes them. A sum over an integer leaf is a device's work.
    """

    def __init__(
        self,
        nodes: Sequence[Apply],
        leaves: Sequence[Variable],
        given: Sequence[Variable] = (),
        constants: Sequence[Variable] | None = None,
    ) -> None:
        inputs = (x for node in nodes for x in node.inputs) if constants is None else constants
        settled = {x for x in inputs if is_known_constant(x)} | set(given)
        possible = settled | {x for x in leaves if x.aval.dtype.kind in "biu"}
        long = {x for x in leaves if x.ndim}  # and what is computed from such
        for node in nodes:
            drawn = any(x in long for x in node.read)
            if drawn:
                long.update(node.outputs)
            if self._computes(node, possible) and not (drawn and isinstance(node.op, Reduction)):
                possible.update(node.outputs)
        holes = dict.fromkeys(x for node in nodes for x in node.holes)
        wanted = {x for x in holes if x in possible}
        for node in reversed(nodes):
            if any(x in wanted for x in node.outputs) and not isinstance(node.op, FromShapes):
                wanted.update(node.read)
        self.asked = [x for x in holes if x not in possible]
        self.valued = [x for x in leaves if x in given or (x in wanted and x.aval.dtype.kind in "biu")]
        self.follows = settled | set(self.valued)
        for node in nodes:
            if self._computes(node, self.follows) and (node.out in wanted or not _stretched(node)):
                self.follows.update(node.outputs)

    @staticmethod
    def _computes(node: Apply, follows: Collection[Variable]) -> bool:
        """Whether the host can compute a node from known variables."""
        if isinstance(node.op, FromShapes):
            return all(x in follows for x in node.holes)
        return can_compute(node.op) and all(x in follows for x in (*node.read, *node.holes))


def _stretched(node: Apply) -> bool:
    """Whether a result may be large, as a constant stretched by broadcasting is: a kernel's work."""
    return not isinstance(node.op, FromShapes) and any(n is None for n in node.out.aval.shape)


def compute(
    node: Apply, values: Sequence[Any], params: Mapping[str, Any], shapes: Sequence[tuple[int, ...]]
) -> np.ndarray[Any, Any]:
    """The value of a node on the host; `values` are those of the operands it reads, `shapes` of all of them."""
    op, dtype = node.op, node.out.aval.dtype
    with np.errstate(all="ignore"):
        if isinstance(op, Ufunc):
            loop, _ = op.resolve(tuple(x.aval.promotes_as for x in node.operands), node.fp64)
            result = getattr(np, op.name)(*(np.asarray(v).astype(d) for v, d in zip(values, loop, strict=True)))
        elif isinstance(op, Reduction):
            axes = normalize_axes(params.get("axis"), np.ndim(values[0]), op.name)
            result = getattr(np, op.name)(values[0], axis=axes, keepdims=params.get("keepdims", False))
        elif isinstance(op, View):
            array = np.array(values[0], order="C")
            others = [Layout.of(x.aval.dtype, n) for x, n in zip(node.operands[1:], shapes[1:], strict=True)]
            result = op.look(array, [Layout.of(array.dtype, array.shape), *others], params)
            if result is None:
                raise AssertionError(f"{op.name} of a contiguous array is not a view")
        else:
            result = np.asarray(values[0])
        return np.array(result, dtype)
