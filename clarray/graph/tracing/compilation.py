"""What a signature of a jitted function was compiled to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.device.context import Context

from ..function import Function
from ..shared import uploaded
from .trees import LEAF, Structure, unflatten

Kind = tuple[np.dtype[Any], tuple[int | None, ...], type | None]  # dtype, extents below 2, a Python scalar's type
COMPUTED: Any = object()  # stands for a leaf of a result that the function computes


def shown(kind: Kind) -> str:
    """A kind in a signature."""
    dtype, extents, weak = kind
    shape = ", ".join(":" if n is None else str(n) for n in extents)
    return weak.__name__ if weak is not None else f"{dtype.name}[{shape}]"


class Compiled:
    """What one signature was compiled to: `function` of the arguments' leaves `picks`, None for all of them.

    `structure` and `outputs` (values, or `COMPUTED`) are the result's. `floats` are the picked leaves that are Python
    floats: these are uploaded, once while they stay the same.
    """

    def __init__(
        self, function: Function | None, picks: tuple[int, ...], kinds: Sequence[Kind], structure: Structure,
        outputs: Sequence[Any], signature: str, key: Any, context: Context,
    ) -> None:  # fmt: skip
        self.function = function
        self.picks = None if picks == tuple(range(len(kinds))) else picks
        self.floats = {k: kinds[k][0] for k in picks if kinds[k][2] is float}
        self.structure = structure
        self.outputs = None if all(x is COMPUTED for x in outputs) else outputs
        self.signature = signature
        self.key = key
        self.context = context
        self._uploaded: dict[int, tuple[float, GpuArray]] = {}

    def run(self, values: Sequence[Any]) -> Any:
        """The result for the leaves of the arguments."""
        if self.floats:
            values = list(values)
            for k, dtype in self.floats.items():
                values[k] = self._scalar(k, values[k], dtype)
        if self.picks is not None:
            values = [values[k] for k in self.picks]
        computed = () if self.function is None else self.function(*values)
        if self.structure is LEAF and self.function is not None:
            return computed
        supply = iter(computed)
        if self.outputs is not None:
            supply = iter([next(supply) if x is COMPUTED else x for x in self.outputs])
        return unflatten(self.structure, supply)

    def _scalar(self, k: int, value: float, dtype: np.dtype[Any]) -> GpuArray:
        known = self._uploaded.get(k)
        if known is None or known[0] != value or not value:  # -0.0 == 0.0
            known = self._uploaded[k] = (value, uploaded(np.asarray(value, dtype), self.context))
        return known[1]
