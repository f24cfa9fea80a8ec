"""Convolution over any number of spatial axes: operands are (batch, channels, ...) and (out, channels / groups, ...).

It is what networks call a convolution, a cross-correlation: the kernel is not reversed. What an Op
needs to know of where the kernel goes is one `Window` for each spatial axis. There is no gradient yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import dtypes
from .aval import Aval, Shape
from .linear import product_dtype
from .op import Op


@dataclass(frozen=True)
class Window:
    """How a kernel moves along one axis: `size` elements with `before` and `after` zeros around them."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int

    @property
    def reach(self) -> int:
        """Elements from the first to the last that one position sees."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def count(self) -> int:
        """Positions."""
        return (self.size + self.before + self.after - self.reach) // self.stride + 1


def window(size: int, kernel: int, axis: int, params: Mapping[str, Any], who: str) -> Window:
    """The window along a spatial axis of a convolution with these params; ValueError where the kernel has no place."""
    stride, padding, dilation = params["stride"][axis], params["padding"], params["dilation"][axis]
    if kernel < 1:
        raise ValueError(f"{who}(): w has no elements along spatial axis {axis}")
    reach = (kernel - 1) * dilation + 1
    if padding == "same":
        total = max(0, (-(-size // stride) - 1) * stride + reach - size)
        before, after = total // 2, total - total // 2
    else:
        before, after = padding[axis]
    found = Window(size, kernel, stride, before, after, dilation)
    if size + before + after < reach and padding != "same":
        raise ValueError(
            f"{who}(): w reaches over {reach} elements along spatial axis {axis} ({kernel} of them, dilation "
            f"{dilation}), and x has only {size} there with {before} + {after} of padding; pad it more"
        )
    return found


class Convolution(Op):
    """convolution(x, w): params `stride` and `dilation`, an int for each spatial axis; `padding`, a pair of ints for
    each or "same" (as many positions as x has elements, divided by the stride); and `groups`.

    Out channel o of group g sums over the channels of that group alone. Dtypes promote as a product's.
    """

    name = "convolution"
    doc = "the cross-correlation of a batch of arrays of channels with a kernel for each out channel"
    in_place = ()
    takes_epilogue = True

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) != 2:
            raise TypeError(f"{self.name}() takes 2 operands, {len(avals)} came")
        x, w = avals
        who = self.called(params)
        for found in (x, w):
            if found.dtype.kind not in dtypes.NUMERIC:
                raise TypeError(f"{who}() does not take {found.dtype.name}: cast with astype() first")
        spatial = [
            None if size is None or kernel is None else window(size, kernel, axis, params, who).count
            for axis, (size, kernel) in enumerate(zip(*_spatial(x.shape, w.shape, params, who), strict=True))
        ]
        return (Aval((x.shape[0], w.shape[0], *spatial), product_dtype([x.dtype, w.dtype], fp64)),)

    def called(self, params: Mapping[str, Any]) -> str:
        """What the user calls it."""
        return f"conv{len(params['stride'])}d"

    def windows(self, x: Sequence[int], w: Sequence[int], params: Mapping[str, Any]) -> tuple[Window, ...]:
        """The window along each spatial axis of operands of these shapes."""
        who = self.called(params)
        return tuple(window(*sizes, axis, params, who) for axis, sizes in enumerate(zip(x[2:], w[2:], strict=True)))


def _spatial(x: Shape, w: Shape, params: Mapping[str, Any], who: str) -> tuple[Shape, Shape]:
    """The spatial extents of both operands; ValueError where these do not fit."""
    rank, groups = len(params["stride"]), params["groups"]
    for name, shape, axes in (("x", x, "batch, channels"), ("w", w, "out channels, channels / groups")):
        if len(shape) != rank + 2:
            raise ValueError(
                f"{who}() takes {name} of {rank + 2} dimensions ({axes}, and {rank} spatial), shape {shape} came"
            )
    for name, count in (("channels of x", x[1]), ("out channels, the first axis of w,", w[0])):
        if count is not None and count % groups:
            raise ValueError(f"{who}(): groups={groups} does not divide the {count} {name}")
    if x[1] is not None and w[1] is not None and x[1] != w[1] * groups:
        raise ValueError(
            f"{who}(): shapes {x} and {w} do not fit: w of {w[1]} channels and groups={groups} take "
            f"x of {w[1] * groups} channels, {x[1]} came"
        )
    return x[2:], w[2:]


convolution = Op.registry["convolution"] = Convolution()
