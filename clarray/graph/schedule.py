"""Schedule: the steps that make a function's outputs, before any shape is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.device.context import Context

from . import known
from .fusion import Fusion
from .places import find_places
from .shared import uploaded
from .variable import Apply, Constant, Variable
from .walk import toposort


class Schedule:
    """The steps that make `outputs` from leaves (inputs and shared variables) and constants."""

    def __init__(self, leaves: Sequence[Variable], outputs: Sequence[Variable], fuse: bool) -> None:
        self.outputs = list(outputs)
        self.leaves = list(leaves)
        self.nodes = toposort(outputs, set(leaves))
        self.constants = self._constants()
        self._uploads: dict[tuple[Constant, Context], GpuArray] = {}
        self.where = find_places(self.nodes, [*self.leaves, *self.constants])
        self.fixed = {c for c in self.where.values() if c is not None}
        self.valued, self.known = self._known()
        self.fusion = Fusion(self.nodes, self.outputs, self.known, self.where, fuse)
        self.steps = self.fusion.steps
        read = {x for s in self.steps for x in s.inputs} | set(self.outputs)
        asked = {x for node in self.nodes for x in node.operands} - set(self.valued)
        self.wanted = [x in read or x in asked for x in self.leaves]  # whose arrays a call needs

    def _constants(self) -> list[Constant]:
        found: dict[Constant, None] = {}
        for x in [*(x for node in self.nodes for x in node.inputs), *self.outputs]:
            if isinstance(x, Constant):
                found[x] = None
        return list(found)

    def _known(self) -> tuple[list[Variable], set[Variable]]:
        """The leaves whose values binding has to know, and all variables that follow from known ones."""
        wanted = {x for node in self.nodes for x in node.holes}
        for node in reversed(self.nodes):
            if any(x in wanted for x in node.outputs) and not isinstance(node.op, known.FROM_SHAPES):
                wanted.update(node.read)
        valued = [x for x in self.leaves if x in wanted and x.aval.dtype.kind in "biu"]
        follows: set[Variable] = {x for x in self.constants if known.is_known_constant(x)} | set(valued)
        for node in self.nodes:
            if isinstance(node.op, known.FROM_SHAPES) or (
                known.can_compute(node.op)
                and all(x in follows for x in (*node.read, *node.holes))
                and (node.out in wanted or not self._stretched(node))
            ):
                follows.update(node.outputs)
        for node in self.nodes:
            for x in node.holes:
                if x not in follows:
                    raise TypeError(
                        f"{node.op.name}() of {node.inputs[0]} needs the value of {x.described()} before kernels run, "
                        f"but it is computed on the device; pass it as an integer input ({node.line})"
                    )
        return valued, follows

    def constant(self, x: Constant, context: Context) -> GpuArray:
        """A constant on a device, uploaded once."""
        if isinstance(x.value, GpuArray):
            return x.value
        if (x, context) not in self._uploads:
            self._uploads[x, context] = uploaded(np.array(x.value, x.aval.dtype), context)
        return self._uploads[x, context]

    @staticmethod
    def _stretched(node: Apply) -> bool:
        """Whether a result may be large, as a constant stretched by broadcasting is: a kernel's work."""
        return any(n is None for n in node.out.aval.shape)
