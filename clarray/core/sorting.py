"""Sorting Ops: the elements along one axis in order, where they come from, and the first few of them.

The order is NumPy's: NaN is the greatest and equal to itself, -0 equals 0, complex numbers compare by their real parts
first, those with NaN come after all others. Equal elements keep their order in either direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import ops
from .aval import Aval, normalize_axis
from .cumulative import cumulative_sum
from .indexing import gather_back, ordered
from .movement import reshape, slice_
from .op import Op


class Sort(Op):
    """The elements along an axis in order; params `axis` and `descending`."""

    name = "sort"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        normalize_axis(params["axis"], x.ndim, self.name)
        return (Aval(x.shape, x.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (x,) = operands
        return (_returned(g, argsort(x, **params), x, params["axis"]),)


class Argsort(Op):
    """The int64 positions of the elements along an axis in order; params `axis` and `descending`."""

    name = "argsort"

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,) = avals
        normalize_axis(params["axis"], x.ndim, self.name)
        return (Aval(x.shape, np.dtype("int64")),)


class TopK(Op):
    """The first `k` elements along an axis in order, and their int64 positions; params as Argsort's and `k`."""

    name = "topk"
    nout = 2

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        (x,), k = avals, params["k"]
        axis = normalize_axis(params["axis"], x.ndim, self.name)
        if x.dtype.kind == "c":
            raise TypeError(f"topk() does not take {x.dtype.name}: it is defined for real-valued or boolean dtypes")
        size = x.shape[axis]
        if k < 0 or (size is not None and k > size):
            raise ValueError(f"topk(): k is {k}, axis {axis} has {size} elements")
        shape = tuple(k if a == axis else n for a, n in enumerate(x.shape))
        return (Aval(shape, x.dtype), Aval(shape, np.dtype("int64")))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        (x,) = operands
        return (None if g[0] is None else _returned(g[0], out[1], x, params["axis"]),)


def _returned(g: Any, places: Any, x: Any, axis: int) -> Any:
    """Zeros like x, but g where its elements came from: at `places` along the axis."""
    whole = (None, None, None)
    indices = []
    for a in range(x.ndim):
        line = slice_(places, index=tuple(whole if b == a else 0 for b in range(x.ndim)))
        count = ops.subtract(cumulative_sum(ops.greater_equal(line, 0), axis=0, dtype=np.dtype("int64")), 1)
        shape = tuple(-1 if b == a else 1 for b in range(x.ndim))
        indices.append(places if a == axis % x.ndim else reshape(count, shape=shape))
    return gather_back(g, x, *indices, axes=tuple(range(x.ndim)), position=0, ordered=ordered())


sort = Op.registry["sort"] = Sort()
argsort = Op.registry["argsort"] = Argsort()
topk = Op.registry["topk"] = TopK()
