"""The kinds of operations that programs look for in a compiled graph."""

from __future__ import annotations

from clarray.graph.running.nodes import Elemwise
from clarray.graph.running.nodes import GpuCAReduce as CAReduce
from clarray.graph.running.nodes import GpuDimShuffle as DimShuffle

__all__ = ["CAReduce", "DimShuffle", "Elemwise"]
