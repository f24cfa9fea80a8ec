"""Lowering of a convolution: which kernel serves it best.

A kernel of one element is a matrix product. On a CPU 3 by 3 kernels go to `conv_winograd` where channels are many,
the rest to `conv_patches`; on a GPU to `conv_gpu`. What these leave, complex dtypes above all, goes to `conv_direct`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from clarray.core.aval import Aval
from clarray.core.convolution import Convolution, Window, convolution
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Expr
from clarray.core.layout import Layout, broadcast_strides, reshaped_strides
from clarray.core.traits import Traits

from . import conv_direct, conv_gpu, conv_patches, conv_winograd, linear
from .conv_problem import Axis, Problem
from .lowering import Call, rule
from .plan import Plan
from .tuning import Sample, Tunable, tunable

METHODS: dict[str, Callable[..., Plan | None]] = {
    "direct": conv_direct.plan,
    "patches": conv_patches.plan,
    "tiled": conv_gpu.plan,
    "winograd": conv_winograd.plan,
}


@rule(Convolution)
def _convolution(op: Convolution, call: Call) -> Plan:
    x, w = call.arrays[:2]
    (aval,) = op.infer([Aval(v.shape, v.dtype) for v in (x, w)], call.params, call.traits.fp64)
    stored = aval.dtype if call.epilogue is None else call.epilogue.results[0]
    out = call.out or Layout.of(stored, aval.shape)  # type: ignore[arg-type]
    windows = op.windows(x.shape, w.shape, call.params)
    return lower(x, w, out, windows, call.params["groups"], aval.dtype, call.traits, call.epilogue, call.extras)


def lower(
    x: Layout,
    w: Layout,
    out: Layout,
    windows: Sequence[Window],
    groups: int,
    dtype: NumpyDType,
    traits: Traits,
    epilogue: Expr | None = None,
    extras: Sequence[Layout] = (),
) -> Plan:
    """The Plan of out = epilogue(convolution of x with w).

    `dtype` is the convolution's. Load 0 of `epilogue` is the sum, load k an element of `extras[k - 1]`, which
    broadcasts to the result. Operands are numbered out, x, w, extras.
    """
    if out.size == 0:
        return Plan((out,), ())
    product = _product(x, w, out, windows, groups, dtype, traits, epilogue, extras)
    if product is not None:
        return product
    problem = _problem(x, w, out, windows, groups, dtype, traits, epilogue, extras)
    method, *numbers = traits.choice("conv", problem.described, ("",))
    found = METHODS[method](problem, *numbers) if method else None
    for name in preferred(problem):
        found = found or METHODS[name](problem)
    assert found is not None  # the direct kernel serves every problem
    return found


def _product(
    x: Layout, w: Layout, out: Layout, windows: Sequence[Window], groups: int, dtype: NumpyDType, traits: Traits,
    epilogue: Expr | None, extras: Sequence[Layout],
) -> Plan | None:  # fmt: skip
    """A kernel of one element is a matrix, multiplied with every image; None where strides cannot express that."""
    if w.shape[1] == 0 or any((v.kernel, v.before, v.after) != (1, 0, 0) for v in windows):
        return None
    steps = [s * v.stride for s, v in zip(x.strides[2:], windows, strict=True)]
    seen = Layout.of(x.dtype, (*x.shape[:2], *out.shape[2:]), (*x.strides[:2], *steps))
    stretched = [Layout.of(e.dtype, out.shape, broadcast_strides(e.shape, e.strides, out.shape)) for e in extras]
    matrices = [_matrices(v, groups) for v in (out, seen, *stretched)]
    o, c = w.shape[0] // groups, w.shape[1]
    a = Layout.of(w.dtype, (groups, o, c), (w.strides[0] * o, *w.strides[:2]))
    result, b, *loads = matrices
    if result is None or b is None or None in loads:
        return None
    plan = linear.lower(a, b, result, dtype, traits, epilogue, loads)  # type: ignore[arg-type]
    return replace(plan, outputs=(out,)).renumbered({1: 2, 2: 1})


def _matrices(x: Layout, groups: int) -> Layout | None:
    """A batch of images as (batch, groups, channels of a group, positions)."""
    channels = x.shape[1] // groups
    positions = reshaped_strides(x.shape[2:], x.strides[2:], (prod(x.shape[2:]),))
    if positions is None:
        return None
    shape = (x.shape[0], groups, channels, prod(x.shape[2:]))
    return Layout.of(x.dtype, shape, (x.strides[0], x.strides[1] * channels, x.strides[1], *positions))


def preferred(problem: Problem) -> tuple[str, ...]:
    """The methods for this problem, the best first; one may decline."""
    if problem.channels == 0:
        return ("direct",)
    if problem.traits.kind == "cpu":
        return ("winograd", "patches", "direct")
    return ("tiled", "direct")


def _problem(
    x: Layout, w: Layout, out: Layout, windows: Sequence[Window], groups: int, dtype: NumpyDType, traits: Traits,
    epilogue: Expr | None, extras: Sequence[Layout],
) -> Problem:  # fmt: skip
    sums, row, body, used = linear.storing(dtype, out.dtype, epilogue)
    layouts = [out, x, w, *(extras[k - 1] for k in used)]
    results = [out.elements]
    results += [broadcast_strides(e.shape, e.elements, out.shape) for e in layouts[3:]]
    batch = Window(x.shape[0], 1, 1, 0, 0, 1)
    axes = [Axis(batch, x.elements[0], 0, tuple(s[0] for s in results))]
    axes += [
        Axis(window, x.elements[k], w.elements[k], tuple(s[k] for s in results)) for k, window in enumerate(windows, 2)
    ]
    return Problem(
        tuple(axes), groups, w.shape[1], w.shape[0] // groups, layouts, [0, 1, 2, *(2 + k for k in used)],
        x.elements[1], w.elements[0], w.elements[1], tuple(s[1] for s in results),
        3 + len(extras), row, sums, body, traits,
    )  # fmt: skip


def _candidates(traits: Traits, problem: str) -> Sequence[tuple[str | int, ...]]:
    """A method and its numbers: the side of Winograd's results; rows and vectors of the register tile; of the tile."""
    if traits.kind != "cpu":
        return [("tiled",), ("tiled", 4), ("tiled", 2), ("tiled", 1), ("direct",)]
    if "depthwise" in problem:
        return [("patches",), ("patches", 1, 4), ("patches", 1, 6), ("direct",)]
    tiles: list[tuple[str | int, ...]] = [("patches",), ("patches", 4, 3), ("patches", 8, 1)]
    return [("winograd",), ("winograd", 4), *tiles] if problem.endswith(" 3x3") else tiles


def _samples(traits: Traits) -> list[Sample]:
    found = [
        _sample("float32 3x3", (8, 64, 28, 28), (64, 64, 3, 3)),
        _sample("float32 3x3 stride 2", (8, 64, 28, 28), (64, 64, 3, 3), stride=2),
        _sample("float32 5x5", (8, 32, 28, 28), (64, 32, 5, 5)),
        _sample("float32 7x7 stride 2", (4, 3, 112, 112), (64, 3, 7, 7), stride=2),
    ]
    if traits.kind == "cpu":  # a GPU has one kernel for it
        found.append(_sample("float32 3x3 depthwise", (8, 64, 56, 56), (64, 1, 3, 3), groups=64))
    return found


def _sample(problem: str, x: tuple[int, ...], w: tuple[int, ...], stride: int = 1, groups: int = 1) -> Sample:
    """A problem without padding."""
    params = {"stride": (stride, stride), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": groups}

    def reference(x: Any, w: Any) -> Any:
        seen = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), w.shape[2:], axis=(2, 3))
        seen = seen[:, :, ::stride, ::stride]
        seen = seen.reshape(len(x), groups, w.shape[1], *seen.shape[2:])
        kernels = w.astype(np.float64).reshape(groups, -1, *w.shape[1:])
        found = np.einsum("ngcijkl,gockl->ngoij", seen, kernels, optimize=True)
        return found.reshape(len(x), len(w), *found.shape[3:])

    layouts = Layout.of(np.dtype(np.float32), x), Layout.of(np.dtype(np.float32), w)
    return Sample(problem, convolution, layouts, reference, params)


tunable(Tunable("conv", "the method of a convolution, and the numbers of its kernel", _candidates, _samples))
