"""Ops that write a part of an array, chosen by a basic index, and leave the rest: what assignment is to a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .aval import Aval, broadcasts_to
from .movement import slice_
from .op import Op


class PutSlice(Op):
    """put_slice(x, value): x, but `value` where the basic `index` points; its dtype is that of x."""

    name = "put_slice"
    in_place = (0,)
    infers_holes = True  # of the index only what is known is looked at

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        x, value = avals[:2]  # without the values of an index
        if _is_known(params["index"]):
            part = slice_.shape([x.shape], params)
            if None not in part and None not in value.shape and not broadcasts_to(value.shape, part):
                raise ValueError(
                    f"shape mismatch: a value of shape {value.shape} does not broadcast to the indexed {part}"
                )
        return (Aval(x.shape, x.dtype),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        zero = np.zeros((), np.dtype(g.dtype))
        return (put_slice(g, zero, index=params["index"]), slice_(g, index=params["index"]))


class AddSlice(PutSlice):
    """add_slice(x, value): x with `value` added where the basic `index` points."""

    name = "add_slice"

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g, slice_(g, index=params["index"]))


def _is_known(index: Sequence[Any]) -> bool:
    """Whether all numbers of an index are there."""
    parts = [n for part in index for n in (part if isinstance(part, tuple) else (part,))]
    return all(n is None or isinstance(n, int | str) for n in parts)


put_slice = Op.registry["put_slice"] = PutSlice()
add_slice = Op.registry["add_slice"] = AddSlice()
