"""What a compiled function shows of itself: `f.maker.fgraph`, whose nodes bear Theano's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..places import moves, transfer_op
from ..shared import SharedVariable
from ..variable import Constant, Variable
from . import nodes
from .nodes import CompiledNode, CompiledOp
from .schedule import Schedule
from .step import Step


class FunctionGraph:
    """Nodes in the order in which they run, with the inputs and outputs of the whole."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable], order: Sequence[CompiledNode]) -> None:
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self._order = list(order)

    def toposort(self) -> list[CompiledNode]:
        """The nodes, each after those that it depends on."""
        return list(self._order)

    @property
    def apply_nodes(self) -> set[CompiledNode]:
        """The nodes."""
        return set(self._order)

    @property
    def variables(self) -> set[Variable]:
        """Every variable that a node reads or makes."""
        return {x for node in self._order for x in (*node.inputs, *node.outputs)} | {*self.inputs, *self.outputs}


class Maker:
    """`f.maker`: how a function was made."""

    def __init__(self, fgraph: FunctionGraph, inputs: Sequence[Variable], function: Any) -> None:
        self.fgraph = fgraph
        self.inputs = list(inputs)
        self.outputs = list(fgraph.outputs)
        self.function = function


def outline(leaves: Sequence[Variable], schedules: Sequence[Schedule], ends: Sequence[Sequence[str]]) -> FunctionGraph:
    """The nodes of schedules that run one after the other, uploads of inputs and downloads of results included.

    `ends` says of each result of each schedule whether it stays on the "device" or goes to the "host".
    """
    order: list[CompiledNode] = []
    here: dict[Variable, Variable] = {}
    for schedule, kinds in zip(schedules, ends, strict=True):
        for x, wanted in zip(schedule.leaves, schedule.wanted, strict=True):
            on_host = x.owner is None and (not isinstance(x, SharedVariable) or x.container.context is None)
            if wanted and on_host and x not in here:
                here[x] = _twin(x)
                order.append(CompiledNode(nodes.GpuFromHost(), [x], [here[x]]))
        for step in schedule.steps:
            op = op_of(step)
            if op is not None:
                made = [here.setdefault(x, _twin(x)) for x in step.outputs]
                inputs = [here.get(x, x) for x in (*step.inputs, *step.scalars)]
                order.append(CompiledNode(op, inputs, made, step.head.line, step))
        outputs = []
        for x, kind in zip(schedule.outputs, kinds, strict=True):
            current = here.get(x, x)
            if kind == "host" and not isinstance(current, Constant):
                final = _twin(x)
                order.append(CompiledNode(nodes.HostFromGpu(), [current], [final]))
                current = final
            outputs.append(current)
    for node in order:
        for x in node.outputs:
            x.owner = node  # type: ignore[assignment]
    return FunctionGraph(leaves, outputs, order)


def _twin(x: Variable) -> Variable:
    """A variable of the same type for what a compiled node makes."""
    return Variable(x.aval, name=x.name)


def op_of(step: Step) -> CompiledOp | None:
    """What a step is called; None where nothing runs."""
    head = step.head
    if step.kind == "elementwise":
        return nodes.GpuElemwise(" ".join(dict.fromkeys(n.op.name for n in step.nodes)))
    if step.kind == "reduce":
        rows = step.reductions
        taken = [n.op.name for n in step.nodes if n not in rows]
        parts = (" ".join(dict.fromkeys(names)) for names in ([n.op.name for n in rows], taken) if names)
        return nodes.GpuCAReduce(" of ".join(parts))
    if step.kind == "view":
        return nodes.VIEWS.get(head.op.name, nodes.GpuReshape)(head.op.name)
    if head.op is transfer_op:
        return nodes.GpuToGpu() if moves(head) else None
    if head.op.name in ("matmul", "gemm"):
        a, b = head.operands[:2]
        row, column = a.ndim == 1 or a.broadcastable[-2], b.ndim == 1 or b.broadcastable[-1]
        kind = nodes.GpuDot if row and column else nodes.GpuGemv if row or column else nodes.GpuGemm
        return kind(" ".join(dict.fromkeys(n.op.name for n in step.nodes if n is not head)))
    return nodes.VIEWS[head.op.name](head.op.name) if head.op.name in nodes.VIEWS else nodes.GpuOp(head.op.name)
