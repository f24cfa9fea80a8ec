"""Variables of given elements: filled, counted up, triangular and on grids."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.config import config
from clarray.core import movement, ops
from clarray.core.aval import extent
from clarray.core.op import Op
from clarray.core.places import positions_along
from clarray.core.writing import put_slice
from clarray.graph.building import apply, as_variable, constant, extents
from clarray.graph.running.known import arange as arange_op
from clarray.graph.variable import Constant, Variable


def alloc(value: Any, *shape: Any) -> Variable:
    """`value` stretched to a shape, whose extents may be variables."""
    x = as_variable(value)
    x = x.astype(x.dtype)
    return movement.broadcast_to(x, shape=extents(shape[0] if len(shape) == 1 else shape, "alloc"))


def floating(dtype: Any) -> Any:
    """The dtype asked for; floatX where none is."""
    return config.floatX if dtype is None or (isinstance(dtype, str) and dtype == "floatX") else dtype


def zeros(shape: Any, dtype: Any = None) -> Variable:
    """Zeros; floatX unless told otherwise."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Variable:
    """Ones; floatX unless told otherwise."""
    return full(shape, 1, dtype)


def empty(shape: Any, dtype: Any = None) -> Variable:
    """Elements that do not matter: here zeros."""
    return zeros(shape, dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Variable:
    """One value everywhere; floatX unless told otherwise."""
    x = as_variable(fill_value)
    wanted = np.dtype(floating(dtype))
    x = constant(x.value, dtype=wanted) if isinstance(x, Constant) else x.astype(wanted)
    return movement.broadcast_to(x, shape=extents(shape, "full"))


def zeros_like(model: Any, dtype: Any = None, opt: bool = False) -> Variable:
    """Zeros in the shape of a variable, and in its dtype unless told otherwise."""
    return full_like(model, 0, dtype)


def ones_like(model: Any, dtype: Any = None, opt: bool = False) -> Variable:
    """Ones in the shape of a variable, and in its dtype unless told otherwise."""
    return full_like(model, 1, dtype)


def empty_like(model: Any, dtype: Any = None) -> Variable:
    """Elements that do not matter, here zeros, in the shape of a variable."""
    return full_like(model, 0, dtype)


def full_like(model: Any, fill_value: Any, dtype: Any = None) -> Variable:
    """One value in the shape of a variable."""
    x = as_variable(model)
    wanted = x.dtype if dtype is None else floating(dtype)
    value = as_variable(fill_value)
    value = constant(value.value, dtype=wanted) if isinstance(value, Constant) else value.astype(wanted)
    return movement.broadcast_like(value, x)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Variable:
    """The numbers from `start` to `stop`, excluded; ends may be integer variables."""
    if stop is None:
        start, stop = 0, start
    ends = [x.value if isinstance(x, Constant) else x for x in (start, stop, step)]
    if dtype is None:
        kinds = [x.dtype if isinstance(x, Variable) else np.asarray(x).dtype for x in ends]
        common = np.result_type(*kinds)
        dtype = common if common.kind in "iu" else config.floatX
    for x in ends:
        if isinstance(x, Variable) and (x.ndim or x.aval.dtype.kind not in "iu"):
            raise TypeError(f"arange(): ends are numbers or integer variables, {x.described()} came")
    ends = [x if isinstance(x, Variable) else np.asarray(x).item() for x in ends]
    return apply(
        arange_op, (), {"start": ends[0], "stop": ends[1], "step": ends[2], "dtype": np.dtype(floating(dtype))}
    )


def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None) -> Variable:
    """`num` numbers evenly from `start` to `stop`, the last one if `endpoint`; all three may be variables."""
    first, last = _floating(start), _floating(stop)
    intervals = num - 1 if endpoint else num
    intervals = ops.maximum(intervals, 1) if isinstance(intervals, Variable) else max(intervals, 1)
    index = arange(num)
    part = index.astype(config.floatX) / _floating(intervals)
    numbers = ops.where(ops.equal(index, intervals), last, first + (last - first) * part)
    return numbers if dtype is None else numbers.astype(floating(dtype))


def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None
) -> Variable:
    """`num` numbers from base**start to base**stop whose logarithms are evenly spaced."""
    numbers = ops.pow(_floating(base), linspace(start, stop, num, endpoint))
    return numbers if dtype is None else numbers.astype(floating(dtype))


def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None) -> Variable:
    """`num` numbers from `start` to `stop`, of one sign, each the one before times the same factor."""
    first, last = _floating(start), _floating(stop)
    numbers = first * ops.pow(last / first, linspace(0, 1, num, endpoint))
    return numbers if dtype is None else numbers.astype(floating(dtype))


def _floating(value: Any) -> Variable:
    x = as_variable(value)
    if x.aval.weak is None and x.aval.dtype.kind in "fc":
        return x
    return constant(x.value, dtype=config.floatX) if isinstance(x, Constant) else x.astype(config.floatX)


# diagonals and triangles


def eye(n: Any, m: Any = None, k: Any = 0, dtype: Any = None) -> Variable:
    """Ones on the k-th diagonal, zeros elsewhere; extents and k may be variables."""
    return ops.equal(_above((n, n if m is None else m), "eye"), k).astype(floating(dtype))


def identity(n: Any, dtype: Any = None) -> Variable:
    """The identity matrix of n rows."""
    return eye(n, dtype=dtype)


def identity_like(x: Any) -> Variable:
    """The identity in the shape of a matrix."""
    x = as_variable(x)
    return eye(extent(x, 0), extent(x, 1), dtype=x.dtype)


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Variable:
    """Ones on and below the k-th diagonal, zeros above."""
    return ops.less_equal(_above((N, N if M is None else M), "tri"), k).astype(floating(dtype))


def _above(shape: tuple[Any, Any], who: str) -> Variable:
    """How far above the diagonal each element of a matrix is."""
    rows, columns = extents(shape, who)
    return arange(columns).dimshuffle("x", 0) - arange(rows).dimshuffle(0, "x")


def tril(m: Any, k: Any = 0) -> Variable:
    """The lower triangle of the last two axes, up to the k-th diagonal; zeros above. k may be a variable."""
    if not isinstance(k, Variable):
        return Op.registry["lower_triangle"](as_variable(m), k=k)
    m = as_variable(m)
    return ops.where(ops.less_equal(_distance(m), k), m, 0)


def triu(m: Any, k: Any = 0) -> Variable:
    """The upper triangle of the last two axes, from the k-th diagonal; zeros below. k may be a variable."""
    if not isinstance(k, Variable):
        return Op.registry["upper_triangle"](as_variable(m), k=k)
    m = as_variable(m)
    return ops.where(ops.greater_equal(_distance(m), k), m, 0)


def _distance(m: Variable) -> Variable:
    """How far right of the diagonal an element of the last two axes is."""
    if m.ndim < 2:
        raise ValueError(f"a triangle has at least two axes, {m.described()} came")
    return positions_along(m, axis=-1) - positions_along(m, axis=-2)


def diag(v: Any, k: int = 0) -> Variable:
    """The k-th diagonal of a matrix, or the matrix with a vector on it."""
    x = as_variable(v)
    if x.ndim == 1:
        return Op.registry["from_diagonal"](x, offset=int(k))
    if x.ndim != 2:
        raise ValueError(f"diag() takes a vector or a matrix, {x.described()} came")
    return diagonal(x, k)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The elements `offset` above the diagonal of two axes, which go; along a new last axis."""
    x = as_variable(a)
    if x.ndim < 2:
        raise ValueError(f"diagonal() takes at least two axes, {x.described()} came")
    pair = [a % x.ndim for a in (axis1, axis2)]
    if pair[0] == pair[1]:
        raise ValueError(f"diagonal(): axis1 and axis2 are both {axis1}; two different axes have a diagonal")
    order = [a for a in range(x.ndim) if a not in pair] + pair
    return Op.registry["diagonal"](x if order == sorted(order) else x.transpose(*order), offset=int(offset))


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The sum of a diagonal."""
    return diagonal(a, offset, axis1, axis2).sum(axis=-1)


def fill_diagonal(a: Any, val: Any) -> Variable:
    """`a`, a matrix or of more axes of one length, but `val` where all indices are equal."""
    x = as_variable(a)
    if x.ndim < 2:
        raise TypeError(f"fill_diagonal() takes at least two axes, {x.described()} came")
    if x.ndim == 2:
        return fill_diagonal_offset(x, val, 0)
    step: Any = 1
    for k in range(x.ndim - 1, 0, -1):
        step = step * extent(x, k) + 1
    return _filled_flat(x, val, (None, None, step), "fill_diagonal")


def fill_diagonal_offset(a: Any, val: Any, offset: Any) -> Variable:
    """The matrix `a`, but `val` on the diagonal that is `offset` above the main one."""
    x = as_variable(a)
    if x.ndim != 2:
        raise TypeError(f"fill_diagonal_offset() takes a matrix, {x.described()} came")
    rows, columns = extent(x, 0), extent(x, 1)
    right, down = least(offset, 0, ops.maximum), least(-offset, 0, ops.maximum)
    count = least(least(rows - down, columns - right, ops.minimum), 0, ops.maximum)
    start = down * columns + right
    return _filled_flat(x, val, (start, start + count * (columns + 1), columns + 1), "fill_diagonal_offset")


def least(a: Any, b: Any, choose: Any) -> Any:
    """The lesser or the greater of two integers that may be variables."""
    if isinstance(a, Variable) or isinstance(b, Variable):
        return choose(a, b)
    return min(a, b) if choose is ops.minimum else max(a, b)


def _filled_flat(x: Variable, val: Any, part: tuple[Any, Any, Any], who: str) -> Variable:
    """x, made flat and back, but `val` at a slice."""
    value = as_variable(val)
    if value.ndim:
        raise TypeError(f"{who}() takes a scalar to fill in, {value.described()} came")
    if value.aval.weak is None and np.result_type(value.aval.dtype, x.aval.dtype) != x.aval.dtype:
        raise TypeError(f"{who}(): {value.described()} does not fit into {x.dtype} without loss; cast it first")
    value = value if value.aval.weak is None else constant(value.value, dtype=x.dtype)  # type: ignore[attr-defined]
    return movement.reshape_like(put_slice(x.flatten(), value, index=(part,)), x)


# grids


def meshgrid(*arrays: Any, indexing: str = "xy", sparse: bool = False) -> list[Variable]:
    """Coordinates of the grid that vectors span, in Cartesian ("xy") or matrix ("ij") order."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid(): indexing is 'xy' or 'ij', {indexing!r} came")
    vectors = [as_variable(x) for x in arrays]
    n = len(vectors)
    axes = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else [*range(n)]
    for x in vectors:
        if x.ndim > 1:
            raise ValueError(f"meshgrid() takes vectors, {x.described()} came")
    placed = [
        as_variable(x, ndim=1).dimshuffle(*(0 if axes[k] == a else "x" for a in range(n)))
        for k, x in enumerate(vectors)
    ]
    if sparse:
        return placed
    shape = tuple(extent(placed[axes.index(a)], a) for a in range(n))
    return [movement.broadcast_to(x, shape=shape) for x in placed]


class Grid:
    """Coordinates of the grid that slices span, as NumPy's mgrid and ogrid; ends may be integer variables."""

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return _counted(key)
        grids = meshgrid(*map(_counted, key), indexing="ij", sparse=self.sparse)
        if self.sparse:
            return grids
        from .shapes import stack

        return stack(grids)


def _counted(part: slice) -> Variable:
    if isinstance(part.step, complex):
        return linspace(part.start or 0, part.stop, int(abs(part.step)))
    return arange(0 if part.start is None else part.start, part.stop, 1 if part.step is None else part.step)


mgrid, ogrid = Grid(False), Grid(True)

FUNCTIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        alloc, zeros, ones, empty, full, zeros_like, ones_like, empty_like, full_like, arange, linspace, logspace,
        geomspace, eye, identity, identity_like, tri, tril, triu, diag, diagonal, trace, fill_diagonal,
        fill_diagonal_offset, meshgrid,
    )
}  # fmt: skip
FUNCTIONS |= {"mgrid": mgrid, "ogrid": ogrid}
