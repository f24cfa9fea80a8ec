"""The operations of a compiled function, under Theano's names: what `f.maker.fgraph.toposort()` gives."""

from __future__ import annotations

from typing import Any

from clarray.core.movement import Astype
from clarray.core.op import Ufunc

from ..variable import Variable


class _ElementwiseOps(type):
    """`isinstance(op, Elemwise)` holds of the table's functions too, which are no subclasses."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return type.__instancecheck__(cls, instance) or (cls is Elemwise and isinstance(instance, Ufunc | Astype))


class CompiledOp:
    """What a node of a compiled function does; `name` is for printing."""

    def __init__(self, name: str = "") -> None:
        self.name = name or type(self).__name__

    def __str__(self) -> str:
        kind = type(self).__name__
        return kind if self.name == kind else f"{kind}{{{self.name}}}"

    __repr__ = __str__


class Elemwise(CompiledOp, metaclass=_ElementwiseOps):
    """Every elementwise operation."""


class GpuElemwise(Elemwise):
    """One kernel for several elementwise operations."""


class GpuCAReduce(CompiledOp):
    """A reduction, with the elementwise operations it takes in."""


class GpuGemm(CompiledOp):
    """A product of matrices."""


class GpuGemv(CompiledOp):
    """A product of a matrix and a vector."""


class GpuDot(CompiledOp):
    """A product of two vectors."""


class GpuFromHost(CompiledOp):
    """An upload."""


class HostFromGpu(CompiledOp):
    """A download."""


class GpuToGpu(CompiledOp):
    """A copy between devices."""


class GpuReshape(CompiledOp):
    """A view under another shape."""


class GpuDimShuffle(CompiledOp):
    """A view with its axes in another order."""


class GpuSubtensor(CompiledOp):
    """A view of a part."""


class GpuAlloc(CompiledOp):
    """A view stretched along axes."""


class GpuIncSubtensor(CompiledOp):
    """A copy with one part replaced or added to."""


class GpuContiguous(CompiledOp):
    """A copy in C order."""


class GpuOp(CompiledOp):
    """Any other operation, by its name."""


class HostOp(CompiledOp):
    """Values known before kernels run: extents and what follows from them."""


VIEWS = {
    "permute_dims": GpuDimShuffle,
    "slice": GpuSubtensor,
    "broadcast_to": GpuAlloc,
    "broadcast_like": GpuAlloc,
    "unslice": GpuIncSubtensor,
    "put_slice": GpuIncSubtensor,
    "add_slice": GpuIncSubtensor,
    "diagonal": GpuSubtensor,
}


class CompiledNode:
    """A step of a compiled function, with `op`, `inputs` and `outputs` as an Apply has them."""

    __slots__ = ("inputs", "line", "op", "outputs", "step")

    def __init__(
        self, op: CompiledOp, inputs: list[Variable], outputs: list[Variable], line: str = "", step: Any = None
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.outputs = outputs
        self.line = line
        self.step = step

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.inputs))})"
