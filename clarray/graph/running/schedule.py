"""Schedule: the steps that make a function's outputs, before any shape is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.device.context import Context

from ..places import find_places
from ..shared import uploaded
from ..variable import Constant, Variable
from ..walk import toposort
from . import known
from .fusion import Fusion


class Schedule:
    """The steps that make `outputs` from leaves (inputs and shared variables) and constants.

    Of leaves the values of those `given` are known; `where` is the place of each variable.
    """

    def __init__(
        self,
        leaves: Sequence[Variable],
        outputs: Sequence[Variable],
        fuse: bool,
        given: Sequence[Variable] = (),
        where: Mapping[Variable, Context | None] | None = None,
    ) -> None:
        self.outputs = list(outputs)
        self.leaves = list(leaves)
        self.nodes = toposort(outputs, set(leaves))
        self.constants = self._constants()
        self._uploads: dict[tuple[Constant, Context], GpuArray] = {}
        self.where = find_places(self.nodes, [*self.leaves, *self.constants]) if where is None else where
        self.fixed = {c for c in self.where.values() if c is not None}
        found = known.Knowledge(self.nodes, self.leaves, given, self.constants)
        self.valued, self.known = found.valued, found.follows
        self.needed = set(self.valued)  # leaves whose values a call needs
        self.fusion = Fusion(self.nodes, self.outputs, self.known, self.where, fuse)
        self.steps = self.fusion.steps
        self.constants += self.fusion.lifted
        self.known.update(self.fusion.lifted)
        self.in_place = True  # whether results may lie in operands that are read for the last time
        read = {x for s in self.steps for x in s.inputs} | set(self.outputs)
        asked = {x for node in self.nodes for x in node.operands} - self.needed
        self.wanted = [x in read or x in asked for x in self.leaves]  # whose arrays a call needs

    def _constants(self) -> list[Constant]:
        found: dict[Constant, None] = {}
        for x in [*(x for node in self.nodes for x in node.inputs), *self.outputs]:
            if isinstance(x, Constant):
                found[x] = None
        return list(found)

    def constant(self, x: Constant, context: Context) -> GpuArray:
        """A constant on a device, uploaded once."""
        value = x.value
        if isinstance(value, GpuArray) and value.context is context:
            return value
        if (x, context) not in self._uploads:
            on_device = isinstance(value, GpuArray)
            self._uploads[x, context] = (
                value.transfer(context) if on_device else uploaded(np.array(value, x.aval.dtype), context)
            )
        return self._uploads[x, context]
