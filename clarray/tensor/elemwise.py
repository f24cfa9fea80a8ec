"""The kinds of operations that programs look for in a compiled graph."""

from __future__ import annotations

from clarray.graph.nodes import Elemwise
from clarray.graph.nodes import GpuCAReduce as CAReduce
from clarray.graph.nodes import GpuDimShuffle as DimShuffle

__all__ = ["CAReduce", "DimShuffle", "Elemwise"]
