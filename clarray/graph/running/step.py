"""Steps: nodes that run as one, and the Expr that their kernel computes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from clarray.core import movement
from clarray.core.aval import normalize_axes
from clarray.core.custom import ElementwiseCode, ReductionCode, resolve
from clarray.core.expr import Builder, Expr
from clarray.core.movement import Astype, View
from clarray.core.op import Reduction, Ufunc

from ..rewriting import value_of
from ..variable import Apply, Constant, Variable

STRETCHES = (movement.broadcast_like, movement.broadcast_to)


class Step:
    """Nodes that run as one: `kind` is elementwise, reduce, product (an Op with its epilogue), view or other."""

    __slots__ = (
        "after", "before", "body", "constants", "depth", "extras", "inputs", "kind", "loads", "nodes", "outputs",
        "pattern", "product", "results", "scalars",
    )  # fmt: skip

    def __init__(self, kind: str, node: Apply) -> None:
        self.kind = kind
        self.nodes: list[Apply] = [node]
        self.product: Apply | None = None  # the node whose kernel computes the others
        # what a kernel walks over: the broadcast pattern of its elements
        self.pattern = node.operands[0].broadcastable if kind == "reduce" else node.out.broadcastable
        self.depth = 0
        self.inputs: list[Variable] = []  # arrays read
        self.extras: list[Variable] = []  # those that an epilogue reads
        self.scalars: list[Variable] = []  # values known when the step is bound
        self.outputs: list[Variable] = []  # arrays made
        self.results: set[Variable] = set(node.outputs)
        self.loads: set[Variable] = set()  # what its nodes read, each by itself
        self.constants: set[Variable] = set()  # which may become arguments (graph/running/lifting.py)
        self.after: set[Step] = set()  # steps that read what this one stores
        self.before: set[Step] = set()  # steps that store what this one reads
        self.body: Expr | None = None

    @property
    def fuses(self) -> bool:
        """Whether elementwise operations may be taken in."""
        return self.kind in ("elementwise", "reduce", "product")

    @property
    def head(self) -> Apply:
        """The node that names the step."""
        return self.product or self.nodes[0]

    @property
    def reductions(self) -> list[Apply]:
        """The reductions among its nodes."""
        return [n for n in self.nodes if kind_of(n) == "reduce"]

    def __repr__(self) -> str:
        return f"<{self.kind} {' '.join(n.op.name for n in self.nodes)}>"


def kind_of(node: Apply) -> str:
    """The kind of step that a node by itself makes."""
    if isinstance(node.op, Ufunc | Astype | ElementwiseCode):
        return "elementwise"
    if isinstance(node.op, ReductionCode) and len({x.broadcastable for x in node.operands}) > 1:
        return "other"  # its operands broadcast
    if isinstance(node.op, Reduction):
        return "reduce"
    return "view" if isinstance(node.op, View) else "other"


def axes_of(node: Apply) -> tuple[int, ...]:
    """The axes along which a reduction goes."""
    return normalize_axes(node.params.get("axis"), node.operands[0].ndim, node.op.name)


class Body:
    """Builds the Expr of a step of which `known` variables are no arrays."""

    def __init__(self, step: Step, known: Collection[Variable]) -> None:
        self.builder = Builder()
        self.loads: dict[Variable, int] = {}
        self.scalars: dict[Variable, int] = {}
        self.known = known
        self.values: dict[Variable, int] = {}
        if step.product is not None:
            self._leaf(step.product.out)  # load 0
        for node in step.nodes:
            if kind_of(node) == "reduce" or node is step.product:
                continue
            if isinstance(node.op, ElementwiseCode):
                self._own_code(node.op, node)
                continue
            if isinstance(node.op, Ufunc):
                loop, out = node.op.resolve(tuple(x.aval.promotes_as for x in node.operands), node.fp64)
                args = [self.value(x, d) for x, d in zip(node.operands, loop, strict=True)]
                number = self.builder.call(node.op, args, loop, out)
            else:
                number = self.value(node.operands[0], node.out.aval.dtype)
            self.values[node.out] = number

    def _own_code(self, op: ElementwiseCode, node: Apply) -> None:
        """The statements of a user's kernel, with its results."""
        found = resolve(op.name, op.inputs, [x.aval for x in node.operands])
        args = [self.value(x, found[p.name]) for x, p in zip(node.operands, op.inputs, strict=True)]
        parts = self.builder.code(op.code([p.name for p in op.inputs], found), args)
        self.values.update(zip(node.outputs, parts, strict=True))

    def mapped(self, node: Apply) -> list[int]:
        """What a reduction's map computes with: its operands in the dtypes that it wants them in."""
        op: Any = node.op
        if isinstance(op, ReductionCode):
            found = resolve(op.name, op.parameters, [x.aval for x in node.operands])
            wanted = [found[p.name] for p in op.parameters]
        else:
            accumulator, _ = op.resolve(node.operands[0].aval.dtype, node.params.get("dtype"), node.fp64)
            uses = "acc" in op.state or "real" in op.state
            wanted = [accumulator if uses else node.operands[0].aval.dtype] * len(node.operands)
        return [self.value(x, dtype) for x, dtype in zip(node.operands, wanted, strict=True)]

    def value(self, x: Variable, dtype: np.dtype) -> int:
        """The number of a variable's value, converted to `dtype`."""
        number = self.values.get(x)
        if number is None:
            constant = value_of(x)
            if constant is not None:
                return self._constant(x, constant, dtype)
            number = self.values[x] = self._leaf(x)
        return self.builder.cast(number, dtype)

    def _constant(self, x: Variable, value: object, dtype: np.dtype) -> int:
        weak = isinstance(x, Constant) and x.aval.weak is not None
        if weak:
            return self.builder.constant(value, dtype)
        return self.builder.cast(self.builder.constant(value, x.aval.dtype), dtype)

    def _leaf(self, x: Variable) -> int:
        if x in self.known and x.ndim == 0:
            return self.builder.scalar(self.scalars.setdefault(x, len(self.scalars)), x.aval.dtype)
        return self.builder.load(self.loads.setdefault(x, len(self.loads)), x.aval.dtype)


def own_code(nodes: Iterable[Apply]) -> set[str]:
    """What the user's statements among some nodes want before a kernel."""
    return {n.op.preamble for n in nodes if isinstance(n.op, ElementwiseCode | ReductionCode)}


def clash(nodes: Iterable[Apply]) -> bool:
    """Whether nodes may not share a kernel, because each brings functions of its own that may bear the same names."""
    return len(own_code(nodes) - {""}) > 1


def is_stored(x: Variable) -> bool:
    """Whether a variable is an array, or a constant, whatever is fused."""
    if x.owner is not None and x.owner.op in STRETCHES:
        x = x.owner.inputs[0]
    return x.owner is None or kind_of(x.owner) != "elementwise"


def is_cheap(node: Apply) -> bool:
    """Whether computing a value again costs less than storing it: its C code calls no function."""
    if isinstance(node.op, Astype) or node.op in STRETCHES:
        return True
    if not isinstance(node.op, Ufunc):
        return False
    code = node.op.code.get(node.operands[-1].aval.dtype.kind, "f(x)")
    return "/" not in code and re.search(r"\w\(", code.replace("({T})(", "")) is None
