"""The kernels that an NVIDIA GPU gets, chapter by chapter: every Op that has a kernel, in the sizes that decide which.

A row is a name and a Launch. Extents are no part of a kernel's source: each row stands for all that are lowered alike.
Defaults alone, but for the tiles of products: there every candidate of tuning is a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clarray.codegen import dense, gemm_gpu, lowering
from clarray.codegen.gemm import sums_dtype
from clarray.codegen.plan import Launch
from clarray.core import convolution, cumulative, diagonal, dtypes, fft, indexing, joining, ops, rows, sorting, writing
from clarray.core.layout import Layout
from clarray.core.linear import gemm, matmul, tensordot
from clarray.core.movement import astype, unslice
from clarray.core.traits import Traits
from clarray.device.quirks import inline_math, quirks_of

QUIRKS = quirks_of("NVIDIA CUDA", "580.65")
CHIP = Traits(
    kind="gpu", vendor="nvidia", compute_units=132, local_memory=49152, max_work_group=1024, simd_width=1,
    unified=False, tensor_cores=True, forward_progress=True, inline_math=inline_math(QUIRKS), quirks=QUIRKS,
)  # fmt: skip
DTYPES = ("float32", "float64", "float16", "int8", "complex64")
FEW = 100  # elements of a short row

Rows = Iterator[tuple[str, Launch]]


def all_launches() -> Rows:
    """The rows of all chapters."""
    for chapter in (
        elementwise, reductions, softmaxes, scans, sorts, transforms, convolutions, indexed, written, joined, products,
        factored,
    ):  # fmt: skip
        yield from chapter()


def launches(name: str, op: Any, operands: Sequence[Layout], traits: Traits = CHIP, **params: Any) -> Rows:
    """Those of one Op."""
    for launch in lowering.lower(op, list(operands), params, traits).launches:
        entry = launch.kernel.removeprefix("kernel").replace("_main", "").strip("_")
        yield f"{name} ({' '.join(filter(None, (launch.spec.template, entry)))})", launch


def array(dtype: str, *shape: int) -> Layout:
    """The layout of an array without gaps."""
    return Layout.of(np.dtype(dtype), shape)


def matrix(dtype: str, rows: int = 4096, columns: int = 4096, by_columns: bool = False) -> Layout:
    """The layout of a matrix."""
    size = np.dtype(dtype).itemsize
    return Layout.of(np.dtype(dtype), (rows, columns), (size, rows * size) if by_columns else (columns * size, size))


def elementwise() -> Rows:
    """Every function of floating and complex numbers, and those of integers that are more than an instruction."""
    for dtype in ("float32", "float64", "complex64", "complex128"):
        for op in ops.UFUNCS.values():
            if dtypes.NAMES[dtype].kind in op.code:
                yield from _mapped(dtype, op)
    for dtype in ("int8", "int32", "int64", "uint64"):
        for name in ("floor_divide", "remainder", "pow", "divide", "round"):
            yield from _mapped(dtype, ops.UFUNCS[name])
    for dtype in DTYPES:
        x, turned = matrix(dtype), matrix(dtype, by_columns=True)
        yield from launches(f"{dtype} add", ops.UFUNCS["add"], [x, x])
        yield from launches(f"{dtype} add of a transpose", ops.UFUNCS["add"], [x, turned])
        for to in ("float32", "float16", "int64", "bool"):
            if dtype != "complex64":
                yield from launches(f"{dtype} to {to}", astype, [x], dtype=np.dtype(to))
        halves = ((None, None, 2), (None, None, 2))
        yield from launches(f"{dtype} gradient of a slice", unslice, [matrix(dtype, 2048, 2048), x], index=halves)


def _mapped(dtype: str, op: Any) -> Rows:
    operands = [matrix(dtype)] * len(op.letters)
    if op.condition:
        operands[0] = matrix("bool")
    yield from launches(f"{dtype} {op.name}", op, operands)


def reductions() -> Rows:
    """Of all elements, of rows and of columns."""
    for dtype in DTYPES:
        for op in (ops.sum, ops.prod, ops.mean, ops.max, ops.argmax, ops.any, ops.count_nonzero):
            if dtypes.NAMES[dtype].kind != "c" or op not in (ops.max, ops.argmax):
                yield from _reduced(dtype, op, [matrix(dtype)])
    for op in (ops.min, ops.argmin, ops.all):
        yield from _reduced("float32", op, [matrix("float32")])
    for dtype in ("float32", "float64"):
        for axis, strides in ((None, (0, 0)), (0, (0, 1)), (1, (1, 0))):
            x = matrix(dtype)
            mean = Layout.of(x.dtype, x.shape, tuple(s * x.dtype.itemsize for s in strides))
            yield from launches(f"{dtype} var, axis {axis}", ops.var, [x, mean], axis=axis)


def _reduced(dtype: str, op: Any, operands: Sequence[Layout]) -> Rows:
    for axis in (None, 0, 1):
        yield from launches(f"{dtype} {op.name}, axis {axis}", op, operands, axis=axis)


def softmaxes() -> Rows:
    """Rows of a length that local memory holds, of one that it does not hold, and of one that many groups share."""
    gradients = rows.softmax_gradient, rows.log_softmax_gradient
    for dtype in ("float32", "float64", "float16"):
        for shape, axis in (((4096, 1000), 1), ((4096, 1000), 0), ((1024, 100_000), 1), ((4, 1 << 22), 1)):
            x = array(dtype, *shape)
            weight = Layout.of(x.dtype, shape, (0, x.dtype.itemsize))
            words = f"of {shape[0]} x {shape[1]}, axis {axis}"
            for op in (rows.softmax, rows.log_softmax):
                yield from launches(f"{dtype} {op.name} {words}", op, [x], axis=axis)
            for op in gradients:
                yield from launches(f"{dtype} {op.name} {words}", op, [x, x], axis=axis)
            yield from launches(f"{dtype} logsumexp {words}", ops.logsumexp, [x], axis=axis)
            yield from launches(
                f"{dtype} layer_norm {words}", rows.layer_norm, [x, weight, weight], axis=axis, epsilon=1e-5
            )
            yield from launches(
                f"{dtype} gradient of layer_norm {words}", rows.layer_norm_gradient, [x, x], axis=axis, epsilon=1e-5
            )


def scans() -> Rows:
    """Long rows, which look back; rows side by side; short ones; and rows whose groups may not wait."""
    stopping = replace(CHIP, forward_progress=False)
    for dtype in (*DTYPES, "complex128"):
        for op in (cumulative.cumulative_sum, cumulative.cumulative_prod):
            for axis in (0, 1):
                yield from launches(f"{dtype} {op.name}, axis {axis}", op, [matrix(dtype)], axis=axis)
            yield from launches(f"{dtype} {op.name} backwards", op, [_backwards(dtype)], axis=0)
            yield from launches(f"{dtype} {op.name} of short rows", op, [matrix(dtype, 1 << 20, FEW)], axis=1)
            yield from launches(f"{dtype} {op.name} in three phases", op, [matrix(dtype)], stopping, axis=1)


def _backwards(dtype: str) -> Layout:
    x = array(dtype, 1 << 24)
    return Layout.of(x.dtype, x.shape, (-x.dtype.itemsize,))


def sorts() -> Rows:
    """Short rows, long rows, and the first of many."""
    for dtype in ("float32", "float64", "float16", "int8", "uint64", "complex64", "complex128"):
        for size in (FEW, 1 << 22):
            x = array(dtype, size)
            for op in (sorting.sort, sorting.argsort):
                yield from launches(f"{dtype} {op.name} of {size}", op, [x], axis=0, descending=False)
            if x.dtype.kind != "c":
                yield from launches(f"{dtype} top 10 of {size}", sorting.topk, [x], axis=0, descending=True, k=10)
    x = matrix("float32", 1000)
    yield from launches("float32 sort, axis 0", sorting.sort, [x], axis=0, descending=True)


def transforms() -> Rows:
    """Lengths of one step and of several, of small factors, larger ones and a prime one; rows and columns."""
    for dtype in ("complex64", "complex128"):
        real = {"complex64": "float32", "complex128": "float64"}[dtype]
        for size in (1024, 1001, 1009, 1 << 20, 1000 * 1001):
            x, y, half = array(dtype, 64, size), array(real, 64, size), array(dtype, 64, size // 2 + 1)
            for op in (fft.fft, fft.ifft):
                yield from launches(f"{dtype} {op.name} of {size}", op, [x], axis=1)
            for op in (fft.rfft, fft.ihfft):
                yield from launches(f"{real} {op.name} of {size}", op, [y], axis=1)
            for op in (fft.irfft, fft.hfft):
                yield from launches(f"{dtype} {op.name} of {size}", op, [half], axis=1, n=size)
        yield from launches(f"{dtype} fft of 1024, axis 0", fft.fft, [array(dtype, 1024, 1024)], axis=0)
        yield from launches(f"{real} fft of 1024", fft.fft, [array(real, 64, 1024)], axis=1)
        yield from launches(f"{real} gradient of rfft", fft.irfft, [array(dtype, 64, 513)], axis=1, n=1024)
        yield from launches(f"{real} doubled rfft", fft.rfft, [array(real, 64, 1024)], axis=1, doubled=True)


def convolutions() -> Rows:
    """Tiles of every size, in one to three dimensions; few out channels; kernels of one element."""
    for dtype in ("float32", "float16", "float64", "int32", "complex64", "complex128"):
        for images, channels, outs, side in ((32, 64, 64, 56), (16, 64, 32, 28), (8, 64, 32, 28), (4, 3, 3, 56)):
            x, words = array(dtype, images, channels, side, side), f"{images}x{channels}x{side}x{side} to {outs}"
            for stride in (1, 2):
                w = array(dtype, outs, channels, 3, 3)
                yield from _convolved(f"{dtype} {words}, 3x3, stride {stride}", x, w, stride=stride)
        x = array(dtype, 32, 64, 56, 56)
        yield from _convolved(f"{dtype} in 8 groups", x, array(dtype, 64, 8, 3, 3), groups=8)
        yield from _convolved(f"{dtype} depthwise", x, array(dtype, 64, 1, 3, 3), groups=64)
        yield from _convolved(f"{dtype} 1x1", x, array(dtype, 64, 64, 1, 1))
        yield from _convolved(f"{dtype} of lines", array(dtype, 32, 64, 3136), array(dtype, 64, 64, 3))
        yield from _convolved(f"{dtype} of solids", array(dtype, 8, 16, 28, 28, 28), array(dtype, 64, 16, 3, 3, 3))


def _convolved(name: str, x: Layout, w: Layout, stride: int = 1, groups: int = 1) -> Rows:
    spatial = len(x.shape) - 2
    yield from launches(
        f"{name} convolution", convolution.convolution, [x, w], stride=(stride,) * spatial,
        padding=((1, 1),) * spatial if w.shape[-1] > 1 else ((0, 0),) * spatial, dilation=(1,) * spatial, groups=groups,
    )  # fmt: skip


def indexed() -> Rows:
    """Reading, writing and adding where index arrays point; sums in any order and in that of the indices."""
    for dtype in ("float32", "float64", "float16", "int8", "int32", "int64", "uint64", "complex64", "complex128"):
        x, values, index = matrix(dtype), matrix(dtype, 1000), array("int64", 1000)
        row: dict[str, Any] = {"axes": (0,), "position": 0}
        yield from launches(f"{dtype} take of rows", indexing.take, [x, index], **row)
        yield from launches(f"{dtype} put of rows", indexing.put, [x, values, index], **row)
        for ordered in (False, True):
            words = "in order" if ordered else "in any order"
            for op, operands in ((indexing.put_add, [x, values, index]), (indexing.gather_back, [values, x, index])):
                yield from launches(f"{dtype} {op.name}, {words}", op, operands, **row, ordered=ordered)
        pair, both = array("int32", 1000), {"axes": (0, 1), "position": 0}
        yield from launches(f"{dtype} take of elements", indexing.take, [x, pair, pair], **both)
        yield from launches(f"{dtype} put of elements", indexing.put, [x, array(dtype, 1000), pair, pair], **both)


def written() -> Rows:
    """A slice that is set or added to, triangles and diagonals."""
    part = ((None, None, 2), (None, None, -2))
    for dtype in (*DTYPES, "complex128"):
        x, values = matrix(dtype), matrix(dtype, 2048, 2048)
        for op in (writing.put_slice, writing.add_slice):
            yield from launches(f"{dtype} {op.name}", op, [x, values], index=part)
        yield from launches(f"{dtype} lower triangle", diagonal.lower_triangle, [x], k=0)
        yield from launches(f"{dtype} matrix of a diagonal", diagonal.from_diagonal, [array(dtype, 4096)], offset=1)


def joined() -> Rows:
    """Two pieces, eight, pieces of other dtypes, and transposes."""
    for dtype in DTYPES:
        x = matrix(dtype)
        for count in (2, 8):
            for axis in (0, 1):
                yield from launches(f"{dtype} {count} pieces, axis {axis}", joining.concat, [x] * count, axis=axis)
        yield from launches(f"{dtype} and a transpose", joining.concat, [x, matrix(dtype, by_columns=True)], axis=0)
    mixed = [matrix(dtype) for dtype in ("float32", "int8", "float16", "float64")]
    yield from launches("pieces of several dtypes", joining.concat, mixed, axis=0)


def products() -> Rows:
    """Every tile of large products, and the products that are none."""
    ways = (False, False), (True, True)  # of which operands are in columns: each of both orders once
    plain = replace(CHIP, tensor_cores=False)
    for dtype in ("float32", "float64", "float16", "int32", "int64", "complex64", "complex128"):
        sums = sums_dtype(np.dtype(dtype))
        for tile in gemm_gpu.tiles(sums, plain, more=True):
            yield from _tuned(dtype, "gemm.tiled", tile, plain, ways)
        few = 4 if dtype == "complex128" else 8  # more make tiles
        for name, (m, k, n), by_columns in (
            ("matrix-vector", (4096, 4096, 1), (False, False)),
            ("matrix-vector in columns", (4096, 4096, 1), (True, False)),
            (f"{few} columns", (4096, 4096, few), (False, True)),
            (f"{few} rows", (few, 4096, 4096), (False, False)),
            ("small", (20, 20, 20), (False, False)),
            ("long", (64, 65536, 64), (False, False)),
        ):
            operands = matrix(dtype, m, k, by_columns[0]), matrix(dtype, k, n, by_columns[1])
            yield from launches(f"{dtype} product, {name}", matmul, operands, plain)
    for dtype in ("float32", "float16"):
        x = matrix(dtype)
        yield from launches(f"{dtype} 0.5 a @ b + 2 c", gemm, [x, x, x], alpha=0.5, beta=2)
        yield from launches(f"{dtype} tensordot", tensordot, [x, x], axes=((0,), (1,)))
    for warps in gemm_gpu.warps(CHIP, more=True):
        yield from _tuned("float16", "gemm.tensor", warps, CHIP, (*ways, (False, True), (True, False)))


def _tuned(dtype: str, name: str, tile: Any, traits: Traits, ways: Any) -> Rows:
    """A large product with this tile."""
    side = 4096
    chosen = replace(traits, tuned={(name, gemm_gpu.problem_class(dtypes.NAMES[dtype], side, side, 1)): tuple(tile)})
    shape = f"{tile.rows}x{tile.columns}x{tile.depth}"
    for by_columns in ways:
        operands = [matrix(dtype, side, side, way) for way in by_columns]
        order = " by ".join("columns" if way else "rows" for way in by_columns)
        yield from launches(f"{dtype} product {shape}/{tile.group}, {order}", matmul, operands, chosen)


FLAGS = {"substitute": ((), ("conj",), ("unit",))}  # of steps that have some
STEP_SHAPES = {"vector": (2, 64), "matrix": (2, 64, 64), "strided": (2, 64, 64)}


def factored() -> Rows:
    """Every step of the dense decompositions; those of reals alone, which bands are, in real numbers."""
    for dtype in ("float32", "float64", "complex64", "complex128"):
        real = np.empty(0, dtype).real.dtype.name
        for name, step in dense.STEPS.items():
            if dtype != real and all(operand.type != "T" for operand in step.operands):
                continue
            types = {"T": dtype, "R": real, "int": "int32"}
            operands = [array(types[operand.type], *STEP_SHAPES[operand.form]) for operand in step.operands]
            for flags in FLAGS.get(name, ((),)):
                words = " ".join((dtype, "step", name, *flags))
                plan = dense.plan(name, operands, [64] * len(step.numbers), frozenset(flags), CHIP)
                yield from ((words, launch) for launch in plan.launches)
