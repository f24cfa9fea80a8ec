"""Extents of variables as a traced function sees them: ints where they are known, else weak integer variables.

A Python int is weak too, so that `x.sum() / x.shape[0]` has the dtype that it has on arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core.aval import Aval
from clarray.core.op import Op

from ..running.known import INT64, FromShapes


class Extent(FromShapes):
    """The number of elements along `axis`, as weak as a Python int."""

    name = "extent"
    shape_only = (0,)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval((), INT64, int),)

    def value(self, shapes: Sequence[tuple[int, ...]], params: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        return np.array(shapes[0][params["axis"]], INT64)


extent = Op.registry["extent"] = Extent()
