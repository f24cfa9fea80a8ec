"""Lowering of the Ops of linear algebra.

What is not a product of two matrices proper goes where it is served better: a matrix and a vector to the
reduction, with a product as its map; an outer product to the elementwise kernel; the rest to `gemm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from clarray.core import dtypes, ops
from clarray.core.aval import Aval
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Builder, Expr
from clarray.core.layout import Layout, broadcast_strides, merge, reshaped_strides
from clarray.core.linear import Gemm, Matmul, Tensordot, gemm_factors, others
from clarray.core.op import Op
from clarray.core.traits import Traits

from . import elementwise, gemv, reduction
from .gemm import Problem, Steps, same_bits, sums_dtype
from .gemm_gpu import GpuProblem
from .lowering import Call, rule
from .plan import Plan


@rule(Matmul)
def _matmul(op: Matmul, call: Call) -> Plan:
    a, b = call.arrays
    result, dtype = _result(op, call)
    return _product(a, b, result, dtype, call.traits, call.epilogue, call.extras, call.aliased)


@rule(Gemm)
def _gemm(op: Gemm, call: Call) -> Plan:
    a, b, *c = call.arrays
    result, dtype = _result(op, call)
    alpha, beta = gemm_factors(call.params)
    builder = Builder()
    value = _scaled(builder, builder.load(0, dtype), alpha)
    if c and beta != 0:
        added = _scaled(builder, builder.cast(builder.load(1, c[0].dtype), dtype), beta)
        value = builder.call(ops.add, (value, added), (dtype,) * 2, dtype)
    if call.epilogue is not None:
        (value,) = builder.splice(call.epilogue, _after(builder, call.epilogue, value, len(c)))
    return _product(a, b, result, dtype, call.traits, builder.build([value]), [*c, *call.extras], call.aliased)


def _after(builder: Builder, epilogue: Expr, value: int, shift: int) -> dict[int, int]:
    """The loads of an epilogue that comes after others: the product is `value`, extras are `shift` further."""
    loads = {k: builder.load(k + shift, dtype) for k, dtype in epilogue.leaves("load").items() if k}
    return {0: value, **loads}


def _scaled(builder: Builder, value: int, factor: Any) -> int:
    dtype = builder.nodes[value].dtype
    if factor == 1:
        return value
    return builder.call(ops.multiply, (value, builder.constant(factor, dtype)), (dtype, dtype), dtype)


@rule(Tensordot)
def _tensordot(op: Tensordot, call: Call) -> Plan:
    (a, b), traits = call.arrays, call.traits
    result, dtype = _result(op, call)
    axes_a, axes_b = call.params["axes"]
    free_a, free_b = others(axes_a, len(a.shape)), others(axes_b, len(b.shape))
    depth = prod(a.shape[k] for k in axes_a)
    rows, columns = prod(a.shape[k] for k in free_a), prod(b.shape[k] for k in free_b)
    matrices = [_as_matrix(a, (*free_a, *axes_a), (rows, depth)), _as_matrix(b, (*axes_b, *free_b), (depth, columns))]
    flat = Layout.of(result.dtype, (rows, columns))
    copies = [k for k, (_, copied) in enumerate(matrices) if copied is not None]
    if result.size == 0:
        return Plan((result,), ())
    product = _product(matrices[0][0], matrices[1][0], flat, dtype, traits)
    indirect = not result.c_contiguous  # then the product is made in scratch memory and copied
    first = 3 + len(copies) + indirect
    renumbered = {1 + k: 3 + copies.index(k) for k in copies} | ({0: first - 1} if indirect else {})
    product = product.renumbered(renumbered | {3 + k: first + k for k in range(len(product.scratch))})
    launches = product.launches
    for k in copies:
        copied = matrices[k][1]
        assert copied is not None
        launches = (
            _copy(copied[0], copied[1], traits).renumbered({0: 3 + copies.index(k), 1: 1 + k}).launches + launches
        )
    scratch = [(a, b)[k].nbytes for k in copies]
    if indirect:
        launches += _copy(Layout.of(result.dtype, result.shape), result, traits).renumbered({1: first - 1}).launches
        scratch.append(result.nbytes)
    return Plan((result,), launches, (*scratch, *product.scratch))


def _as_matrix(x: Layout, axes: Sequence[int], shape: tuple[int, int]) -> tuple[Layout, tuple[Layout, Layout] | None]:
    """An operand with its axes in this order, as a matrix; and, where strides cannot express it, the copy to make."""
    permuted = Layout.of(x.dtype, tuple(x.shape[k] for k in axes), tuple(x.strides[k] for k in axes))
    strides = reshaped_strides(permuted.shape, permuted.strides, shape)
    if strides is not None:
        return Layout.of(x.dtype, shape, strides), None
    return Layout.of(x.dtype, shape), (permuted, Layout.of(x.dtype, permuted.shape))


def _copy(source: Layout, to: Layout, traits: Traits) -> Plan:
    """The elements of one layout in another."""
    builder = Builder()
    return elementwise.lower(builder.build([builder.load(0, source.dtype)]), [to], [source], traits)


def _result(op: Op, call: Call) -> tuple[Layout, NumpyDType]:
    """Where the result goes, and the product's own dtype."""
    (aval,) = op.infer([Aval(x.shape, x.dtype) for x in call.arrays], call.params, call.traits.fp64)
    stored = aval.dtype if call.epilogue is None else call.epilogue.results[0]
    return call.out or Layout.of(stored, aval.shape), aval.dtype  # type: ignore[arg-type]


def _product(
    a: Layout, b: Layout, out: Layout, dtype: NumpyDType, traits: Traits,
    epilogue: Expr | None = None, extras: Sequence[Layout] = (), in_place: bool = False,
) -> Plan:  # fmt: skip
    """`lower` for operands and results of which one-dimensional ones are rows and columns."""
    result = out
    shape, strides = list(out.shape), list(out.strides)
    if len(b.shape) == 1:
        b = Layout.of(b.dtype, (*b.shape, 1), (*b.strides, 0))
        shape, strides = [*shape, 1], [*strides, 0]
        extras = [Layout.of(x.dtype, (*x.shape, 1), (*x.strides, 0)) if x.shape else x for x in extras]
    if len(a.shape) == 1:
        a = Layout.of(a.dtype, (1, *a.shape), (0, *a.strides))
        shape, strides = [*shape[:-1], 1, *shape[-1:]], [*strides[:-1], 0, *strides[-1:]]
        extras = [
            Layout.of(x.dtype, (*x.shape[:-1], 1, *x.shape[-1:]), (*x.strides[:-1], 0, *x.strides[-1:]))
            if x.shape
            else x
            for x in extras
        ]
    matrix = Layout.of(out.dtype, tuple(shape), tuple(strides))
    plan = lower(a, b, matrix, dtype, traits, epilogue, extras, in_place)
    return Plan((result,), plan.launches, plan.scratch)


def lower(
    a: Layout,
    b: Layout,
    out: Layout,
    dtype: NumpyDType,
    traits: Traits,
    epilogue: Expr | None = None,
    extras: Sequence[Layout] = (),
    in_place: bool = False,
) -> Plan:
    """The Plan of out = epilogue(a @ b) for stacks of matrices (at least two axes each).

    `dtype` is the product's. Load 0 of `epilogue` is the product, load k an element of `extras[k - 1]`,
    which broadcasts to the result. Operands are numbered out, a, b, extras. `in_place` tells that the
    result is also one of the extras.
    """
    if out.size == 0:
        return Plan((out,), ())
    (m, depth), n = a.shape[-2:], b.shape[-1]
    if depth <= 1:
        return _outer(a, b, out, dtype, traits, epilogue, extras, in_place)
    problem = _matrices(a, b, out, dtype, traits, epilogue, extras, in_place)
    if m == 1 or n == 1:
        found = problem.vector() if isinstance(problem, GpuProblem) else gemv.plan(problem)
        return found or _reduced(a, b, out, dtype, traits, epilogue, extras)
    return problem.plan()


def _outer(
    a: Layout, b: Layout, out: Layout, dtype: NumpyDType, traits: Traits, epilogue: Expr | None,
    extras: Sequence[Layout], in_place: bool,
) -> Plan:  # fmt: skip
    """A product over one step of k, or none, is elementwise."""
    builder = Builder()
    if a.shape[-1]:
        factors = [builder.load(k, x.dtype) for k, x in enumerate((a, b))]
        value = builder.call(ops.multiply, factors, (dtype, dtype), dtype)
    else:
        value = builder.constant(0, dtype)
    body = builder.build([_finished(builder, value, dtype, out.dtype, epilogue, shift=1)])
    row, column = (_strided(x, out.shape, batch) for x, batch in ((a, (-2, None)), (b, (None, -1))))
    return elementwise.lower(body, [out], [row, column, *extras], traits, in_place)


def _strided(x: Layout, shape: tuple[int, ...], kept: tuple[int | None, int | None]) -> Layout:
    """An operand as if it had the shape of the result: the axes of its matrices that are `kept`, or no step."""
    batch = broadcast_strides(x.shape[:-2], x.strides[:-2], shape[:-2])
    if 0 in x.shape:
        return Layout.of(x.dtype, shape, (0,) * len(shape))
    steps = [0 if k is None or x.shape[k] == 1 else x.strides[k] for k in kept]
    return Layout.of(x.dtype, shape, (*batch, *steps))


def _finished(
    builder: Builder, value: int, dtype: NumpyDType, out: NumpyDType, epilogue: Expr | None, shift: int = 0
) -> int:
    """The node of what is stored, made from the product; the extras are loads from 1 + `shift` on."""
    if epilogue is not None:
        (value,) = builder.splice(epilogue, _after(builder, epilogue, value, shift))
    return builder.cast(value, out)


def storing(
    dtype: NumpyDType, out: NumpyDType, epilogue: Expr | None
) -> tuple[NumpyDType, dtypes.DType, Expr | None, list[int]]:
    """How sums of products of `dtype` become what is stored.

    The dtype of the sums; the row that they are stored as; the epilogue made of a sum (load 0) and the extras, None
    where a sum is stored as it is; and which loads of extras it has.
    """
    sums = sums_dtype(dtype)
    row = dtypes.DTYPES[out]
    if epilogue is None and same_bits(row, sums):
        return sums, dtypes.DTYPES[sums], None, []  # an int is stored as the uint it was summed in
    builder = Builder()
    body = builder.build([_finished(builder, builder.cast(builder.load(0, sums), dtype), dtype, out, epilogue)])
    return sums, row, body, [k for k in sorted(body.leaves("load")) if k]


def _reduced(
    a: Layout,
    b: Layout,
    out: Layout,
    dtype: NumpyDType,
    traits: Traits,
    epilogue: Expr | None,
    extras: Sequence[Layout],
) -> Plan:
    """A matrix by a vector is a sum along k of products; its epilogue, if any, runs over the short result."""
    m, n, depth = a.shape[-2], b.shape[-1], a.shape[-1]
    shape = (*out.shape[:-2], m, n, depth)
    rows = broadcast_strides((*a.shape[:-2], m, 1, depth), (*a.strides[:-1], 0, a.strides[-1]), shape)
    columns = broadcast_strides((*b.shape[:-2], 1, n, depth), (*b.strides[:-2], 0, b.strides[-1], b.strides[-2]), shape)
    factors = [Layout.of(a.dtype, shape, rows), Layout.of(b.dtype, shape, columns)]
    builder = Builder()
    loads = [builder.load(k, x.dtype) for k, x in enumerate(factors)]
    body = builder.build([builder.call(ops.multiply, loads, (dtype, dtype), dtype)])
    axes = (len(shape) - 1,)
    if epilogue is None and out.dtype == dtype:
        return reduction.lower(ops.sum, body, out, factors, shape, axes, dtype, traits)
    product = Layout.of(dtype, out.shape)
    summed = reduction.lower(ops.sum, body, product, factors, shape, axes, dtype, traits)
    first = 3 + len(extras)
    summed = summed.renumbered({0: first} | {3 + k: first + 1 + k for k in range(len(summed.scratch))})
    builder = Builder()
    finish = builder.build([_finished(builder, builder.load(0, dtype), dtype, out.dtype, epilogue)])
    last = elementwise.lower(finish, [out], [product, *extras], traits, aliased=True)
    last = last.renumbered({1: first} | {2 + k: 3 + k for k in range(len(extras))})
    return Plan((out,), summed.launches + last.launches, (product.nbytes, *summed.scratch))


def _matrices(
    a: Layout,
    b: Layout,
    out: Layout,
    dtype: NumpyDType,
    traits: Traits,
    epilogue: Expr | None,
    extras: Sequence[Layout],
    in_place: bool,
) -> Problem:
    """A product of matrices proper, or of a matrix and a vector."""
    sums, row, body, used = storing(dtype, out.dtype, epilogue)
    layouts = [out, a, b, *(extras[k - 1] for k in used)]
    numbers = [0, 1, 2, *(2 + k for k in used)]
    batch = out.shape[:-2]
    shapes = [(*batch, *(x.shape[-2:] if k in (1, 2) else out.shape[-2:])) for k, x in enumerate(layouts)]
    strides = [broadcast_strides(x.shape, x.elements, shape) for x, shape in zip(layouts, shapes, strict=True)]
    sizes, stacks = merge(batch, [s[:-2] for s in strides])
    steps = [Steps(s[-2], s[-1], stack) for s, stack in zip(strides, stacks, strict=True)]
    m, n = out.shape[-2:]
    # make the transpose, of b' and a', where the result lies in columns or is one row
    if m == 1 if 1 in (m, n) else steps[0].first == 1 and steps[0].second != 1:
        steps = [Steps(s.second, s.first, s.batch) for s in steps]
        steps[1], steps[2] = steps[2], steps[1]
        layouts[1], layouts[2] = layouts[2], layouts[1]
        numbers[1], numbers[2] = numbers[2], numbers[1]
        m, n = n, m
    kind = Problem if traits.kind == "cpu" else GpuProblem
    return kind(
        m, n, a.shape[-1], sizes, layouts, numbers, steps, 3 + len(extras), row, sums, body, traits,
        in_place and bool(used),
    )  # fmt: skip
