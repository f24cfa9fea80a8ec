"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

from typing import Any

from clarray.core import linear
from clarray.core.aval import extent
from clarray.core.op import Op
from clarray.graph.building import as_variable, dot
from clarray.graph.variable import Variable


def matmul(a: Any, b: Any) -> Variable:
    """The matrix product, with NumPy's rules for stacks."""
    return as_variable(a) @ as_variable(b)


def outer(a: Any, b: Any) -> Variable:
    """The products of all elements of one vector with all of another."""
    return as_variable(a).flatten().dimshuffle(0, "x") * as_variable(b).flatten().dimshuffle("x", 0)


def inner(a: Any, b: Any) -> Variable:
    """The sum of products over the last axes of both; with a scalar the product."""
    x, y = as_variable(a), as_variable(b)
    return tensordot(x, y, [[x.ndim - 1], [y.ndim - 1]]) if x.ndim and y.ndim else x * y


def tensordot(a: Any, b: Any, axes: Any = 2) -> Variable:
    """The sum of products over pairs of axes: so many of a's last and b's first, or those of two sequences."""
    x, y = as_variable(a), as_variable(b)
    pairs = linear.tensordot_axes(axes, x.ndim, y.ndim)
    return Op.registry["tensordot"](x, y, axes=pairs)


def batched_dot(a: Any, b: Any) -> Variable:
    """The dot of each pair along the first axis."""
    x, y = as_variable(a), as_variable(b)
    for z in (x, y):
        if not 1 <= z.ndim <= 3:
            raise TypeError(f"batched_dot() takes stacks of scalars, vectors or matrices; {z.described()} came")
    if x.ndim == 1 or y.ndim == 1:
        ndim = max(x.ndim, y.ndim)
        return _padded(x, ndim) * _padded(y, ndim)
    left = x if x.ndim == 3 else x.dimshuffle(0, "x", 1)
    right = y if y.ndim == 3 else y.dimshuffle(0, 1, "x")
    result = left @ right
    if y.ndim == 2:
        result = result[:, :, 0]
    return result[:, 0] if x.ndim == 2 else result


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Variable:
    """The tensordot of each pair along the first axis, which `axes` count but do not name."""
    a, b = as_variable(x), as_variable(y)
    if a.ndim < 1 or b.ndim < 1:
        raise TypeError(f"batched_tensordot() takes stacks; {a.described()} and {b.described()} came")
    if hasattr(axes, "__index__"):
        n = axes.__index__()
        pairs = (tuple(range(a.ndim - n, a.ndim)), tuple(range(1, 1 + n)))
    else:
        pairs = linear.tensordot_axes(axes, a.ndim, b.ndim)
    if any(0 in p for p in pairs):
        raise ValueError(f"batched_tensordot(): axes {axes!r} name the first axis, which is that of the pairs")
    free = [[k for k in range(1, z.ndim) if k not in p] for z, p in zip((a, b), pairs)]
    left = a.transpose(0, *free[0], *pairs[0]).reshape((extent(a, 0), *_joined(a, free[0], pairs[0])))
    right = b.transpose(0, *pairs[1], *free[1]).reshape((extent(b, 0), *_joined(b, pairs[1], free[1])))
    shape = (extent(a, 0), *(extent(a, k) for k in free[0]), *(extent(b, k) for k in free[1]))
    return (left @ right).reshape(shape)


def _joined(x: Variable, *groups: Any) -> list[Any]:
    """The product of the extents of each group of axes."""
    sizes: list[Any] = []
    for group in groups:
        size: Any = 1
        for k in group:
            size = size * extent(x, k)
        sizes.append(size)
    return sizes


def _padded(x: Variable, ndim: int) -> Variable:
    return x.dimshuffle(*range(x.ndim), *["x"] * (ndim - x.ndim))


def kron(a: Any, b: Any) -> Variable:
    """Kronecker's product: b times each element of a, laid out as a is."""
    x, y = as_variable(a), as_variable(b)
    ndim = max(x.ndim, y.ndim)
    x, y = as_variable(x, ndim=ndim), as_variable(y, ndim=ndim)
    left = x.dimshuffle(*(p for k in range(ndim) for p in (k, "x")))
    right = y.dimshuffle(*(p for k in range(ndim) for p in ("x", k)))
    return (left * right).reshape(tuple(extent(x, k) * extent(y, k) for k in range(ndim)))


def norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Variable:
    """The vector norm of this order of all elements, or along `axis`."""
    return as_variable(x).norm(ord, axis, keepdims)


FUNCTIONS = {f.__name__: f for f in (dot, matmul, outer, inner, tensordot, batched_dot, batched_tensordot, kron, norm)}
