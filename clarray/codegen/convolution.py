"""Lowering of a convolution: which kernel serves it best.

A kernel of one element is a matrix product. On a CPU 3 by 3 kernels go to `conv_winograd`, the rest to `conv_patches`;
on a GPU to `conv_gpu`. What these leave, complex dtypes above all, goes to `conv_direct`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clarray.core import dtypes
from clarray.core.aval import Aval
from clarray.core.convolution import Convolution, Window
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Builder, Expr
from clarray.core.layout import Layout, broadcast_strides
from clarray.core.traits import Traits

from . import conv_direct, conv_gpu, conv_patches, conv_winograd
from .conv_problem import Axis, Problem
from .gemm import same_bits, sums_dtype
from .lowering import Call, rule
from .plan import Plan

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
    problem = _problem(x, w, out, windows, groups, dtype, traits, epilogue, extras)
    method, *numbers = traits.choice("conv", problem.described, ("",))
    found = METHODS[method](problem, *numbers) if method else None
    for name in preferred(problem):
        found = found or METHODS[name](problem)
    assert found is not None  # the direct kernel serves every problem
    return found


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
    sums = sums_dtype(dtype)
    row, body = dtypes.DTYPES[out.dtype], None
    if epilogue is None and same_bits(row, sums):
        row = dtypes.DTYPES[sums]  # an int is stored as the uint it was summed in
    else:
        builder = Builder()
        value = builder.cast(builder.load(0, sums), dtype)
        if epilogue is not None:
            loads = {k: builder.load(k, d) for k, d in epilogue.leaves("load").items() if k}
            (value,) = builder.splice(epilogue, {0: value, **loads})
        body = builder.build([builder.cast(value, out.dtype)])
    used = [k for k in sorted(body.leaves("load")) if k] if body else []
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
