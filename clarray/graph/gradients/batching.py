"""Batching: a graph made to work on stacks of values, with one more axis in front, in one pass and without a loop.

What depends on a variable that is replaced by a stack becomes a stack itself. For each class of Ops a rule in the
table says how; an Op without one is applied to the layers one after another (`layered`). Nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import movement, ops
from clarray.core.aval import extent, normalize_axes, normalize_axis
from clarray.core.cumulative import Cumulative
from clarray.core.decompositions import Decomposition, Solve, SolveTriangular
from clarray.core.diagonal import Diagonal, FromDiagonal, Triangle, Undiagonal
from clarray.core.fft import Fourier
from clarray.core.indexing import GatherBack, Put, Take
from clarray.core.joining import Concat, Concatenated
from clarray.core.linear import COLUMN, ROW, Gemm, Matmul, Tensordot, gemm_factors, matmul, others
from clarray.core.movement import slice_
from clarray.core.op import Composite, Reduction, Ufunc
from clarray.core.rows import Row
from clarray.core.sorting import Argsort, Sort, TopK
from clarray.core.writing import PutSlice

from ..building import as_variable, constant
from ..origin import made_for
from ..places import Transfer
from ..rebroadcast import Rebroadcast
from ..variable import Apply, Variable
from ..walk import toposort
from .barriers import Barrier, derivative_of
from .layered import layered
from .rules import Rules

WHOLE = (None, None, None)  # the index :


class Batch:
    """A node whose operands are stacks or single values: what its rule looks at."""

    def __init__(self, node: Apply, operands: Sequence[Variable], stacked: Sequence[bool], layers: Any) -> None:
        self.node = node
        self.op: Any = node.op
        self.operands = operands
        self.stacked = stacked
        self.layers = layers  # how many, an int or a variable
        self.params = node.filled(node.holes)
        self.ndim = [x.ndim for x in node.operands]  # of one layer

    def aligned(self, k: int, ndim: int | None = None) -> Variable:
        """Operand k, its layers in front of as many axes as a layer of `ndim` has: so that stacks broadcast."""
        x, ndim = self.operands[k], max(self.ndim) if ndim is None else ndim
        missing = ndim - self.ndim[k]
        if not self.stacked[k] or missing <= 0:
            return x
        return slice_(x, index=(WHOLE, *[None] * missing))

    def whole(self, k: int) -> Variable:
        """Operand k as a stack, a single value repeated."""
        x = self.operands[k]
        return x if self.stacked[k] else repeated(x, self.layers)

    def axis(self, k: int = 0, name: str = "axis") -> int:
        """Where an axis of operand k is in the stack."""
        return 1 + normalize_axis(self.params[name], self.ndim[k], self.op.name)

    def axes(self, k: int = 0) -> tuple[int, ...]:
        """Where the axes of operand k are that the parameter `axis` names, or all of them."""
        found = normalize_axes(self.params.get("axis"), self.ndim[k], self.op.name)
        return tuple(a + 1 for a in found)


rule = Rules()


def batched(outputs: Sequence[Variable], replace: Mapping[Variable, Variable]) -> list[Variable]:
    """The outputs with each variable of `replace` replaced by a stack of as many layers; stacks themselves.

    Layers are along the first axis. What does not depend on them is repeated.
    """
    layers = next(extent(x, 0) for x in replace.values())
    now: dict[Variable, Variable] = {}
    stacks = dict(replace)
    for node in toposort(outputs, set(replace)):
        stacked = [x in stacks for x in node.operands]
        for x in node.holes:
            if x in stacks:
                raise TypeError(f"{node.op.name}() takes one value for a parameter, {x.described()} has many")
        if not any(flag and node.reads(k) for k, flag in enumerate(stacked)):
            _leave(node, stacks, now)
            continue
        operands = []
        for k, x in enumerate(node.operands):
            if stacked[k] and not node.reads(k):
                x, stacked[k] = _layer_like(x, stacks[x]), False
            operands.append(stacks[x] if stacked[k] else now.get(x, x))
        with made_for(node.line):
            one = node.with_inputs([*node.operands, *(now.get(x, x) for x in node.holes)])
            found = _applied(Batch(one, operands, stacked, layers))
        stacks.update(zip(node.outputs, found, strict=True))
    return [stacks[x] if x in stacks else repeated(now.get(x, x), layers) for x in outputs]


def _leave(node: Apply, stacks: Mapping[Variable, Variable], now: dict[Variable, Variable]) -> None:
    """A node of which at most the shapes depend on a stack: that of any layer will do."""
    if not any(x in stacks or x in now for x in node.inputs):
        return
    inputs = [_layer_like(x, stacks[x]) if x in stacks else now.get(x, x) for x in node.inputs]
    now.update(zip(node.outputs, node.with_inputs(inputs).outputs, strict=True))


def _layer_like(x: Variable, stack: Variable) -> Variable:
    """A variable of the shape of one layer, whose elements nobody needs."""
    zero = constant(np.zeros((), x.aval.dtype))
    shape = tuple(extent(stack, k + 1) if n is None else n for k, n in enumerate(x.aval.shape))
    return movement.broadcast_to(zero, shape=shape)


def repeated(x: Variable, layers: Any) -> Variable:
    """A stack whose layers are all x."""
    shape = (layers, *(extent(x, k) for k in range(x.ndim)))
    return movement.broadcast_to(x, shape=shape)


def _applied(batch: Batch) -> Sequence[Variable]:
    """The results of a node as stacks."""
    op = batch.op
    found = rule.apply(op, batch)
    if found is not None:
        return found
    made = layered(*batch.operands, of=op, stacked=tuple(batch.stacked), params=tuple(batch.params.items()))
    return made if isinstance(made, tuple | list) else (made,)


# the table


@rule(Ufunc)
def _elementwise(b: Batch) -> Any:
    return b.op(*[b.aligned(k) for k in range(len(b.operands))])


@rule(derivative_of)
def _derivative(b: Batch) -> Any:
    return b.operands[0]


@rule(movement.astype, Barrier, Transfer)
def _as_it_is(b: Batch) -> Any:
    return b.op(b.operands[0], **b.params)


@rule(Reduction)
def _reduction(b: Batch) -> Any:
    if b.op.one_axis and b.params.get("axis") is None:
        return NotImplemented
    axes = b.axes()
    operands = [b.whole(0), *(b.whole(k) for k in range(1, len(b.operands)))]
    return b.op(*operands, **{**b.params, "axis": axes[0] if b.op.one_axis else axes})


@rule(movement.permute_dims)
def _permuted(b: Batch) -> Any:
    return b.op(b.operands[0], axes=(0, *(normalize_axis(a, b.ndim[0], b.op.name) + 1 for a in b.params["axes"])))


@rule(movement.reshape)
def _reshaped(b: Batch) -> Any:
    return b.op(b.operands[0], shape=(b.layers, *b.params["shape"]))


@rule(movement.reshape_like)
def _reshaped_like(b: Batch) -> Any:
    like = b.operands[1]
    return movement.reshape(b.operands[0], shape=(b.layers, *(extent(like, k) for k in range(like.ndim))))


@rule(movement.broadcast_to)
def _stretched(b: Batch) -> Any:
    return b.op(b.aligned(0, len(b.params["shape"])), shape=(b.layers, *b.params["shape"]))


@rule(movement.broadcast_like)
def _stretched_like(b: Batch) -> Any:
    like = b.operands[1]
    shape = (b.layers, *(extent(like, k) for k in range(like.ndim)))
    return movement.broadcast_to(b.aligned(0, like.ndim), shape=shape)


@rule(movement.slice_)
def _sliced(b: Batch) -> Any:
    return b.op(b.operands[0], index=(WHOLE, *b.params["index"]))


@rule(movement.unslice)
def _unsliced(b: Batch) -> Any:
    return b.op(b.operands[0], b.whole(1), index=(WHOLE, *b.params["index"]))


@rule(PutSlice)
def _put_slice(b: Batch) -> Any:
    """The value stands against the axes of the part, of which there may be more than it has."""
    index = b.params["index"]
    part = slice_(b.node.operands[0], index=index).ndim
    return b.op(b.whole(0), b.aligned(1, part), index=(WHOLE, *index))


@rule(Rebroadcast)
def _rebroadcast(b: Batch) -> Any:
    return b.op(b.operands[0], pattern=(None, *b.params["pattern"]))


@rule(Concat)
def _joined(b: Batch) -> Any:
    return b.op(*[b.whole(k) for k in range(len(b.operands))], axis=b.axis())


@rule(Concatenated)
def _piece(b: Batch) -> Any:
    pieces = [b.whole(k) for k in range(1, len(b.operands))]
    return b.op(b.operands[0], *pieces, axis=b.axis(), number=b.params["number"])


@rule(Take)
def _taken(b: Batch) -> Any:
    if any(b.stacked[1:]):
        return NotImplemented
    return b.op(b.operands[0], *b.operands[1:], **_indexed(b))


@rule(GatherBack)
def _gathered_back(b: Batch) -> Any:
    if any(b.stacked[2:]):
        return NotImplemented
    return b.op(b.operands[0], b.whole(1), *b.operands[2:], **_indexed(b))


@rule(Put)
def _put(b: Batch) -> Any:
    """The value stands against the axes of the part that is written."""
    if any(b.stacked[2:]):
        return NotImplemented
    part = b.ndim[0] - len(b.params["axes"]) + max((x.ndim for x in b.operands[2:]), default=0)
    return b.op(b.whole(0), b.aligned(1, part), *b.operands[2:], **_indexed(b))


def _indexed(b: Batch) -> dict[str, Any]:
    axes = tuple(a + 1 for a in b.params["axes"])
    return {**b.params, "axes": axes, "position": b.params["position"] + 1}


@rule(Cumulative, Sort, Argsort, TopK, Fourier)
def _along_an_axis(b: Batch) -> Any:
    return b.op(b.operands[0], **{**b.params, "axis": b.axis()})


@rule(Row)
def _rows(b: Batch) -> Any:
    rest = [b.aligned(k, b.ndim[0]) for k in range(1, len(b.operands))]
    return b.op(b.whole(0), *rest, **{**b.params, "axis": b.axes()})


@rule(Matmul)
def _product(b: Batch) -> Any:
    return _stacked_product(b)


@rule(Gemm)
def _general_product(b: Batch) -> Any:
    alpha, beta = gemm_factors(b.params)
    product = _stacked_product(b) * alpha
    return product if len(b.operands) == 2 else product + b.aligned(2, b.node.out.ndim) * beta


def _stacked_product(b: Batch) -> Any:
    """A vector becomes a matrix, so that the layers are in front of what is multiplied."""
    x, y = b.operands[:2]
    row, column = b.ndim[0] == 1, b.ndim[1] == 1
    if row and b.stacked[0] and not b.stacked[1] and b.ndim[1] <= 2:
        return matmul(x, y)  # the layers are the rows
    if column and b.stacked[1] and not b.stacked[0] and b.ndim[0] <= 2:
        return matmul(y, x if b.ndim[0] == 1 else movement.permute_dims(x, axes=(1, 0)))
    x, y = slice_(x, index=ROW) if row else x, slice_(y, index=COLUMN) if column else y
    ranks = max(b.ndim[0], 2), max(b.ndim[1], 2)
    most = max(ranks)
    for k, rank in enumerate(ranks):
        if b.stacked[k] and rank < most:
            lead = (WHOLE, *[None] * (most - rank))
            x, y = (slice_(x, index=lead), y) if k == 0 else (x, slice_(y, index=lead))
    product = matmul(x, y)
    if row or column:
        product = slice_(product, index=("...", *((0,) if row else (WHOLE,)), *((0,) if column else (WHOLE,))))
    return product


@rule(Tensordot)
def _tensordot(b: Batch) -> Any:
    (x, y), (for_x, for_y) = b.operands, b.params["axes"]
    if all(b.stacked):
        return _contracted(b, for_x, for_y)
    if b.stacked[0]:
        return b.op(x, y, axes=(tuple(a + 1 for a in for_x), for_y))
    free = b.ndim[0] - len(for_x)
    found = b.op(x, y, axes=(for_x, tuple(a + 1 for a in for_y)))
    return movement.permute_dims(found, axes=(free, *(a for a in range(found.ndim) if a != free)))


def _contracted(b: Batch, for_x: Sequence[int], for_y: Sequence[int]) -> Any:
    """Products of layers with layers: the axes that are summed come last in both, and then one sum."""
    (x, y), (m, n) = b.operands, b.ndim[:2]
    x = movement.permute_dims(x, axes=(0, *(a + 1 for a in (*others(for_x, m), *for_x))))
    y = movement.permute_dims(y, axes=(0, *(a + 1 for a in (*others(for_y, n), *for_y))))
    count = len(for_x)
    x = slice_(x, index=(WHOLE, *[WHOLE] * (m - count), *[None] * (n - count)))
    y = slice_(y, index=(WHOLE, *[None] * (m - count)))
    products = x * y
    return ops.sum(products, axis=tuple(range(products.ndim - count, products.ndim))) if count else products


@rule(Diagonal, FromDiagonal, Triangle, Decomposition)
def _of_each_matrix(b: Batch) -> Any:
    """What works on stacks of matrices by itself."""
    return b.op(b.operands[0], **b.params) if len(b.operands) == 1 else NotImplemented


@rule(Undiagonal)
def _on_each_diagonal(b: Batch) -> Any:
    return b.op(b.operands[0], b.whole(1), **b.params)


@rule(Solve, SolveTriangular)
def _solved(b: Batch) -> Any:
    """Vectors for one matrix are columns of its right side; others become matrices of one column each."""
    a, y = b.operands
    if b.ndim[1] > 1:
        return b.op(*[b.aligned(k) for k in (0, 1)], **b.params)
    if not b.stacked[0] and b.ndim[0] == 2:
        return movement.permute_dims(b.op(a, movement.permute_dims(y, axes=(1, 0)), **b.params), axes=(1, 0))
    lead = [None] * (b.ndim[0] - 2)
    y = slice_(y, index=(*([WHOLE] if b.stacked[1] else []), *lead, WHOLE, None))
    return slice_(b.op(b.aligned(0), y, **b.params), index=("...", 0))


@rule(Composite)
def _through(b: Batch) -> Any:
    """What a composite calls, on variables that stand for one layer; then that as stacks."""
    if not b.op.traceable or b.op is layered:
        return NotImplemented
    stand_ins = [Variable(x.aval) if s else y for x, y, s in zip(b.node.operands, b.operands, b.stacked, strict=True)]
    made = b.op.lower(*stand_ins, **b.params)
    results = [as_variable(x) for x in (made if isinstance(made, tuple | list) else (made,))]
    replace = {x: y for x, y, s in zip(stand_ins, b.operands, b.stacked, strict=True) if s}
    return batched(results, replace)
