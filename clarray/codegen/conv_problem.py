"""A convolution as every kernel sees it: the problem, and what the Specs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from clarray.core import dtypes
from clarray.core.convolution import Window
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Expr
from clarray.core.layout import Layout, Strides
from clarray.core.traits import Traits

from .gemm import Product
from .operand import Operand
from .plan import Argument, Buffer, Offset, Scalar, Value, is_wide

PARAMETERS = ("count", "size", "kernel", "stride", "before", "dilation")  # of an axis, as kernels know it


@dataclass(frozen=True)
class Convolved(Product):
    """What the Specs have: a is w, b is x; batch_rank counts the axes of the result but for its channels."""

    @property
    def axes(self) -> range:
        """The batch, then the spatial axes."""
        return range(self.batch_rank)

    @property
    def spatial(self) -> range:
        """The axes along which the kernel reaches."""
        return range(1, self.batch_rank)


@dataclass(frozen=True)
class Axis:
    """An axis of the result but the channels; of the batch the window is one element. Strides are in elements."""

    window: Window
    x: int
    w: int
    results: Strides  # of the result, then of what the epilogue loads


@dataclass(frozen=True)
class Problem:
    """A convolution ready to be laid out. Operands are the result, x, w and what the epilogue loads."""

    axes: tuple[Axis, ...]  # the batch, then the spatial ones
    groups: int
    channels: int  # of one group
    outs: int  # of one group
    layouts: Sequence[Layout]
    numbers: Sequence[int]  # by which the plan knows the operands
    x_channel: int  # strides along the channels, in elements
    w_out: int
    w_channel: int
    out_channels: Strides
    scratch: int  # the number of the first scratch buffer
    row: dtypes.DType  # of the result as it is stored
    sums: NumpyDType
    epilogue: Expr | None
    traits: Traits

    @property
    def taps(self) -> int:
        """Elements of a kernel in one channel."""
        return prod(a.window.kernel for a in self.axes)

    @property
    def positions(self) -> int:
        """Results of one out channel."""
        return prod(a.window.count for a in self.axes)

    @property
    def multiplications(self) -> int:
        """What the convolution by its definition takes, padding included."""
        return self.positions * self.groups * self.outs * self.channels * self.taps

    @property
    def described(self) -> str:
        """The class of problems it belongs to, for the table of what was tuned."""
        kernel = "x".join(str(a.window.kernel) for a in self.axes[1:])
        strided = "".join(f" stride {a.window.stride}" for a in self.axes[-1:] if a.window.stride > 1)
        sharing = "" if self.groups == 1 else " depthwise" if self.channels == 1 else " grouped"
        return f"{self.sums.name} {kernel}{strided}{sharing}"

    @cached_property
    def wide(self) -> bool:
        """Whether indices need 64 bits."""
        return is_wide(self.layouts, self.traits.kind)

    @property
    def rows(self) -> tuple[dtypes.DType, dtypes.DType]:
        """The dtypes of w and x."""
        return dtypes.DTYPES[self.layouts[2].dtype], dtypes.DTYPES[self.layouts[1].dtype]

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The result and what the epilogue loads, as a template sees them."""
        rows = [self.row, *(dtypes.DTYPES[x.dtype] for x in self.layouts[3:])]
        return tuple(
            Operand("o0" if k == 0 else f"x{k}", row, step if step in (0, 1) else "s", k == 0)
            for k, (row, step) in enumerate(zip(rows, self.axes[-1].results, strict=True))
        )

    def values(self, numbers: Sequence[int]) -> list[Argument]:
        """Arguments of the kernel's index type."""
        return [Value(n, "int64" if self.wide else "int32") for n in numbers]

    def buffers(self, *, results: bool = True, x: bool = True, w: bool = True) -> list[Argument]:
        """The result and what the epilogue loads, x, w."""
        order = [self.numbers[0], *self.numbers[3:]] if results else []
        order += [n for n, wanted in zip(self.numbers[1:3], (x, w), strict=True) if wanted]
        return [argument for number in order for argument in (Buffer(number), Offset(number))]

    @property
    def scalars(self) -> list[Argument]:
        """What the epilogue takes."""
        found = self.epilogue.leaves("scalar") if self.epilogue else {}
        return [Scalar(k, found[k]) for k in sorted(found)]

    @property
    def result_strides(self) -> list[int]:
        """Of the result and of what the epilogue loads: along the channels, then the axes."""
        return [s for k, channel in enumerate(self.out_channels) for s in (channel, *(a.results[k] for a in self.axes))]

    @property
    def parameters(self) -> list[int]:
        """The window of every axis and the stride of x along it."""
        return [n for a in self.axes for n in (*(getattr(a.window, name) for name in PARAMETERS), a.x)]

    @property
    def w_strides(self) -> list[int]:
        """Strides of w: out channels, channels, spatial axes."""
        return [self.w_out, self.w_channel, *(a.w for a in self.axes[1:])]
