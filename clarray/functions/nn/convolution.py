"""Convolutions."""

from __future__ import annotations

from operator import index
from typing import Any

from clarray.core.convolution import convolution

from ..arguments import as_operand

__all__ = ["conv1d", "conv2d", "conv3d"]


def conv1d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """`conv2d` over one spatial axis: x is (batch, channels, length), w (out channels, channels / groups, kernel)."""
    return _convolve("conv1d", 1, x, w, stride, padding, dilation, groups)


def conv2d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """The cross-correlation of images with kernels, as networks have it:
    out[b, o, i, j] = sum of w[o, c, k, l] * x[b, c, i * stride + k * dilation, j * stride + l * dilation], x padded.

    x is (batch, channels, height, width) and w (out channels, channels / groups, kernel height, kernel width); the
    result is (batch, out channels, rows, columns), each extent (size + padding - reach) // stride + 1, where a kernel
    of n elements reaches over (n - 1) * dilation + 1.

    `stride` and `dilation` are an int or one for each spatial axis. `padding`, zeros around x, is an int, for each axis
    an int or a pair (before, after), "valid" (none) or "same" (as many results as x has elements, divided by the
    stride and rounded up). Of `groups` groups of out channels each sees only its group of channels; with as many groups
    as channels the convolution is depthwise.

    Any numeric dtypes but bool; they promote as in a product. Halves are summed in float32. 3 by 3 kernels may be
    multiplied by Winograd's method, whose error is relative to the largest values of a neighbourhood rather than
    to those under the kernel alone.

    ValueError: shapes that do not fit, a kernel larger than the padded x, groups that do not divide the channels,
    negative padding, a stride or dilation below 1. TypeError: bool operands.
    """
    return _convolve("conv2d", 2, x, w, stride, padding, dilation, groups)


def conv3d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """`conv2d` over three spatial axes: x is (batch, channels, depth, height, width)."""
    return _convolve("conv3d", 3, x, w, stride, padding, dilation, groups)


def _convolve(who: str, rank: int, x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Any:
    return convolution(
        as_operand(x),
        as_operand(w),
        stride=_counts(who, "stride", stride, rank, 1),
        padding=_padding(who, padding, rank),
        dilation=_counts(who, "dilation", dilation, rank, 1),
        groups=_counts(who, "groups", groups, 1, 1)[0],
    )


def _counts(who: str, name: str, value: Any, rank: int, least: int) -> tuple[int, ...]:
    """An int for each axis, from that or from one int for all."""
    try:
        counts = tuple(map(index, _repeated(value, rank)))
    except TypeError:
        counts = ()
    if len(counts) != rank or min(counts) < least:
        several = f" or {rank} of them" if rank > 1 else ""
        raise ValueError(f"{who}(): {name} is an int of at least {least}{several}, {value!r} came")
    return counts


def _padding(who: str, value: Any, rank: int) -> str | tuple[tuple[int, int], ...]:
    """A pair for each axis, or "same"."""
    if isinstance(value, str) and value in ("same", "valid"):
        return value if value == "same" else ((0, 0),) * rank
    try:
        pairs = tuple(tuple(map(index, _repeated(each, 2))) for each in _repeated(value, rank))
    except TypeError:
        pairs = ()
    if len(pairs) != rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ValueError(
            f"{who}(): padding is an int of at least 0, {rank} of these or of pairs (before, after), 'valid' or "
            f"'same'; {value!r} came"
        )
    return tuple((before, after) for before, after in pairs)


def _repeated(value: Any, count: int) -> tuple[Any, ...]:
    """One int so many times; what is given for each as it is."""
    try:
        return (index(value),) * count
    except TypeError:
        return tuple(value)
