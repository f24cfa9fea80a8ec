"""A RawKernel as an operation: it says what its results are, so that it applies to arrays and to variables alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core.array_type import described, result_avals
from clarray.core.aval import Aval
from clarray.core.custom import Gradient, user_gradient
from clarray.core.layout import Layout
from clarray.core.movement import astype
from clarray.core.op import Composite

from .convert import to_array
from .eager import assign
from .gpuarray import GpuArray
from .transfer import check_dtype


class RawOperation(Composite):
    """Runs a kernel on arrays that begin at the start of their buffers, in C order: what `RawKernel.op` makes."""

    traceable = False

    def __init__(
        self, kernel: Any, outputs: Callable[..., Any] | None, global_size: Any, local_size: Any,
        arguments: Callable[..., Sequence[Any]] | None, overwrites: Sequence[int], initial: Any,
        gradient: Gradient | None,
    ) -> None:  # fmt: skip
        self.name = kernel.name
        self.kernel = kernel
        self.outputs = outputs
        self.global_size = global_size
        self.local_size = local_size
        self.arguments = arguments
        self.overwrites = tuple(overwrites)
        self.initial = initial
        self.gradient = gradient

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        for k in self.overwrites:
            if not 0 <= k < len(avals):
                raise ValueError(f"{self.name}(): overwrites names operand {k}, {len(avals)} came")
        changed = tuple([Aval(avals[k].shape, avals[k].dtype) for k in self.overwrites])
        if self.outputs is None:
            return changed
        found = self.outputs(*map(described, avals))
        return changed + (result_avals(found, f"outputs of {self.name}()") if found is not None else ())

    def lower(self, *operands: Any, **params: Any) -> Any:
        """Launch: operands are copied where they begin elsewhere, lie otherwise or are overwritten."""
        context = next((x.context for x in operands if isinstance(x, GpuArray)), None)
        given = [x if isinstance(x, GpuArray) else to_array(x, None, context) for x in operands]
        if not given:
            raise TypeError(f"{self.name}() takes at least one operand, which says what device it runs on")
        context = given[0].context
        avals = self.infer([Aval(x.shape, x.dtype) for x in given], params)
        inputs = [
            astype(x, dtype=x.dtype, order="C") if k in self.overwrites or x.offset or not x.layout.c_contiguous else x
            for k, x in enumerate(given)
        ]
        made = [self._new(aval, context) for aval in avals[len(self.overwrites) :]]
        arguments = (*inputs, *made) if self.arguments is None else self.arguments(*inputs, *made)
        sizes = [x(*inputs, *made) if callable(x) else x for x in (self.global_size, self.local_size)]
        if np.prod(sizes[0]) > 0:
            self.kernel(*sizes, *arguments)
        results = [inputs[k] for k in self.overwrites] + made
        return results[0] if len(results) == 1 else tuple(results)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return user_gradient(self.name, self.gradient, g, out, operands)

    def _new(self, aval: Aval, context: Any) -> GpuArray:
        check_dtype(context, aval.dtype)
        layout = Layout.of(aval.dtype, aval.shape)  # type: ignore[arg-type]
        result = GpuArray(layout, 0, context.memory.allocate(layout.nbytes))
        if self.initial is not None and layout.size:
            assign(result, self.initial)
        return result
