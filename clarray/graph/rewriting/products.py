"""Cheaper forms of matrix products. Transposes need no rule: a product takes strided operands.

`alpha * A @ B + beta * C`, a bias and an activation need none either: fusion makes them the product's epilogue.
x @ (A @ B) is not reordered: which order is cheaper depends on shapes that are not known yet.
"""

from __future__ import annotations

from clarray.core import linear, movement, ops

from ..variable import Apply, Variable
from .database import rewrite
from .matching import is_zero, made_by, uniform, value_of
from .views import Uses


@rewrite(linear.matmul, phase="specialize")
def pull_factors_out(node: Apply) -> Variable | None:
    """(a * A) @ B -> a * (A @ B) and (-A) @ B -> -(A @ B), for a scalar a and an A that is in memory: a pass less

    Not of float16, whose products might not be in range without the factor. Of an infinite a, sums in which it makes
    NaNs are infinite.
    """
    if not uniform(node, "fc") or node.out.aval.dtype.itemsize < 4:
        return None
    for k, x in enumerate(node.inputs):
        scaled = made_by(x, ops.multiply, ops.negative, ops.divide)
        if not scaled:
            continue
        factor: Variable | None = None
        whole = scaled.inputs[0]
        if scaled.op is not ops.negative:
            split = _scalar_and_rest(scaled)
            if split is None or split[1].aval.dtype != x.aval.dtype:
                continue
            factor, whole = split
        if not _is_array(whole):
            continue
        operands = [whole if j == k else y for j, y in enumerate(node.inputs)]
        product = linear.matmul(*operands)
        if factor is None:
            return ops.negative(product)
        return product / factor if scaled.op is ops.divide else factor * product
    return None


def _scalar_and_rest(node: Apply) -> tuple[Variable, Variable] | None:
    a, b = node.inputs
    if not b.ndim and a.ndim and not (value_of(b) is not None and is_zero(b)):
        return b, a
    return (a, b) if node.op is ops.multiply and not a.ndim and b.ndim else None


def _is_array(x: Variable) -> bool:
    """Whether a variable is an input, or a view of one: it need not be computed."""
    while x.owner is not None and isinstance(x.owner.op, movement.View):
        x = x.owner.inputs[0]
    return x.owner is None


@rewrite(movement.permute_dims, phase="specialize", asks=True)
def transpose_factors(node: Apply, uses: Uses) -> Variable | None:
    """(A @ B).T -> B.T @ A.T, of matrices, where nothing else uses the product: what follows can end its kernel"""
    product = made_by(node.inputs[0], linear.matmul)
    if not product or node.out.ndim != 2 or uses(product.out) > 1:
        return None
    a, b = product.inputs
    if a.ndim != 2 or b.ndim != 2 or tuple(x % 2 for x in node.params["axes"]) != (1, 0):
        return None
    return linear.matmul(b.transpose(), a.transpose())
