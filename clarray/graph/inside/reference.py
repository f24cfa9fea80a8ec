"""What each operation means, in NumPy: the host's references by which DebugMode judges rewrites and kernels.

`has_reference` tells what has one. Convolutions, transforms, sorts, factorizations and what users define have none:
such nodes are compared with their own kernels, run by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.core import linear, movement
from clarray.core.aval import normalize_axes
from clarray.core.layout import Layout
from clarray.core.movement import Astype, View
from clarray.core.op import Op, Reduction, Ufunc

from ..gradients.barriers import Barrier
from ..places import transfer_op
from ..running.known import FromShapes
from ..variable import Apply

HostArray = np.ndarray[Any, Any]
Params = Mapping[str, Any]
WIDER = {"float16": "float64", "float32": "float64", "float64": "longdouble", "complex64": "complex128",
         "complex128": "clongdouble"}  # fmt: skip


def widened(dtype: Any) -> np.dtype[Any]:
    """The next wider floating dtype; others as they are."""
    dtype = np.dtype(dtype)
    return np.dtype(WIDER.get(dtype.name, dtype))


def compute(
    node: Apply, values: Sequence[Any], params: Params, shapes: Sequence[tuple[int, ...]], wide: bool = False
) -> tuple[HostArray, ...] | None:
    """The results of a node, or None where there is no reference for its operation.

    `values` are those of its operands, None for one of which only the shape is needed. Where `wide`, they are computed
    in wider floating dtypes.
    """

    def of(dtype: Any) -> np.dtype[Any]:
        return widened(dtype) if wide else np.dtype(dtype)

    op, dtypes = node.op, [of(x.aval.dtype) for x in node.outputs]
    if not has_reference(op):
        return None
    with np.errstate(all="ignore"):
        if isinstance(op, Ufunc):
            found: Any = _ufunc(op, node, values, of)
        elif isinstance(op, Reduction):
            found = _reduction(op, node, values, params, of)
        elif isinstance(op, FromShapes):
            found = op.value(shapes, params)
        elif isinstance(op, View):
            found = _view(op, node, values[0], shapes, params)
        elif isinstance(op, Astype | Barrier) or op is transfer_op:
            found = np.asarray(values[0])
        else:
            found = OPERATIONS[op.name](values, params, shapes)
        results = found if isinstance(found, tuple) else (found,)
        return tuple(_cast(x, d) for x, d in zip(results, dtypes, strict=True))


def _cast(x: Any, dtype: np.dtype[Any]) -> HostArray:
    """A copy in another dtype; of a complex number that becomes real the real part."""
    x = np.asarray(x)
    return np.array(x.real if x.dtype.kind == "c" and dtype.kind not in "cb" else x, dtype)


def has_reference(op: Op) -> bool:
    """Whether the host knows what an operation means."""
    if isinstance(op, Ufunc):
        return op.name in FUNCTIONS or hasattr(np, op.name)
    if isinstance(op, Reduction):
        return op.name in REDUCTIONS
    return isinstance(op, FromShapes | View | Astype | Barrier) or op is transfer_op or op.name in OPERATIONS


def _ufunc(op: Ufunc, node: Apply, values: Sequence[Any], of: Callable[[Any], np.dtype[Any]]) -> Any:
    function = FUNCTIONS.get(op.name) or getattr(np, op.name)
    loop, _ = op.resolve(tuple(x.aval.promotes_as for x in node.operands), node.fp64)
    if op.name in EXACT_DTYPE:
        return function(*(np.asarray(v).astype(d) for v, d in zip(values, loop, strict=True)))
    return function(*(np.asarray(v).astype(of(d)) for v, d in zip(values, loop, strict=True)))


def _reduction(
    op: Reduction, node: Apply, values: Sequence[Any], params: Params, of: Callable[[Any], np.dtype[Any]]
) -> Any:
    x = node.operands[0]
    accumulator, _ = op.resolve(x.aval.dtype, params.get("dtype"), node.fp64)
    axes = normalize_axes(params.get("axis"), x.ndim, op.name)
    uses = "acc" in op.state or "real" in op.state
    arrays = [np.asarray(v).astype(of(accumulator)) if uses else np.asarray(v) for v in values]
    found = REDUCTIONS[op.name](arrays, axes, params)
    shape = np.shape(values[0])
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape) if params.get("keepdims") or a not in axes)
    return np.asarray(found).reshape(kept)


def _view(op: View, node: Apply, value: Any, shapes: Sequence[tuple[int, ...]], params: Params) -> Any:
    array = np.array(value, order="C")
    others = [Layout.of(x.aval.dtype, n) for x, n in zip(node.operands[1:], shapes[1:], strict=True)]
    if op in (movement.reshape, movement.reshape_like):
        return array.reshape(params["shape"] if op is movement.reshape else shapes[1])
    return op.look(array, [Layout.of(node.operands[0].aval.dtype, array.shape), *others], params)


# functions of elements

EXACT_DTYPE = ("nextafter", "copysign", "signbit")
_erf, _erfc = (np.vectorize(f, otypes=[np.float64]) for f in (math.erf, math.erfc))


def _gamma_of(x: float) -> float:
    try:
        return math.gamma(x)
    except (ValueError, OverflowError):
        return math.nan if x < 0 and x == math.floor(x) else math.copysign(math.inf, x) if x == x else x


def _lgamma_of(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def _expit(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(np.isnan(x), x, np.where(x >= 0, 1 / (1 + e), e / (1 + e)))


def _digamma(x: Any) -> Any:
    """The recurrence up to 10, then the asymptotic series (Abramowitz and Stegun, 1964, 6.3.18)."""
    x = np.asarray(x, np.float64)
    mirrored = np.where(x < 0.5, 1 - x, x)
    total = np.zeros_like(mirrored)
    for _ in range(10):
        small = mirrored < 10
        total -= np.where(small, 1 / mirrored, 0)
        mirrored = np.where(small, mirrored + 1, mirrored)
    u = 1 / (mirrored * mirrored)
    series = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u / 132))))
    total += np.log(mirrored) - 0.5 / mirrored - series
    return np.where(x < 0.5, total - np.pi / np.tan(np.pi * x), total)


def _zeta(s: Any, q: Any) -> Any:
    """Terms up to q = 30, then Euler and Maclaurin's sum (Abramowitz and Stegun, 1964, 23.1.5)."""
    s, q = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(q, np.float64))
    inside = (s > 1) & (q > 0)
    s, q = np.where(inside, s, 2), np.where(inside, q, 1)
    total = np.zeros_like(q)
    for _ in range(30):
        small = q < 30
        total += np.where(small, q**-s, 0)
        q = np.where(small, q + 1, q)
    power = q**-s
    term = s * power / q
    total += power * q / (s - 1) + power / 2
    for k, c in enumerate((1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160)):
        total += c * term
        term = term * (s + 2 * k + 1) * (s + 2 * k + 2) / (q * q)
    return np.where(inside, total, np.nan)


def _erfinv(x: Any) -> Any:
    """Winitzki's approximation (2008), then Newton's steps."""
    x = np.asarray(x, np.float64)
    inner = np.where(np.abs(x) < 1, x, 0)
    log = np.log1p(-inner * inner)
    first = 2 / (np.pi * 0.147) + log / 2
    y = np.sign(inner) * np.sqrt(np.sqrt(first * first - log / 0.147) - first)
    for _ in range(4):
        y = y - (_erf(y) - inner) * (np.sqrt(np.pi) / 2) * np.exp(y * y) if y.size else y
    return np.where(np.abs(x) == 1, np.copysign(np.inf, x), np.where(np.abs(x) < 1, y, np.nan))


def _erfcinv(x: Any) -> Any:
    """Hastings' approximation (Abramowitz and Stegun, 1964, 26.2.22), then Halley's steps."""
    x = np.asarray(x, np.float64)
    inside = (x > 0) & (x < 2)
    p = np.where(inside, np.minimum(x, 2 - x), 1)
    t = np.sqrt(-2 * np.log(p / 2))
    y = (t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t)) / np.sqrt(2)
    for _ in range(3):
        error = _erfc(y) - p if y.size else y
        y = y + error / (2 / np.sqrt(np.pi) * np.exp(-y * y) - y * error)
    y = np.where(x < 1, y, -y)
    return np.where(inside, y, np.where(x == 0, np.inf, np.where(x == 2, -np.inf, np.nan)))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "bitwise_left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift,
    "clip": lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi),
    "digamma": _digamma,
    "erf": lambda x: _erf(x) if x.size else x,
    "erfc": lambda x: _erfc(x) if x.size else x,
    "erfcinv": _erfcinv,
    "erfinv": _erfinv,
    "expit": _expit,
    "gamma": lambda x: np.vectorize(_gamma_of, otypes=[np.float64])(x) if x.size else x,
    "lgamma": lambda x: np.vectorize(_lgamma_of, otypes=[np.float64])(x) if x.size else x,
    "logit": lambda x: np.log(x / (1 - x)),
    "round": np.rint,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "zeta": _zeta,
}


# reductions: arrays, axes, parameters


def _one_axis(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(arrays: Sequence[Any], axes: tuple[int, ...], params: Params) -> Any:
        (x,) = arrays
        return function(x, axis=axes[0]) if len(axes) == 1 else function(x)

    return reduce


def _over(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda arrays, axes, params: function(arrays[0], axis=axes)


def _logsumexp(arrays: Sequence[Any], axes: tuple[int, ...], params: Params) -> Any:
    (x,) = arrays
    top = np.max(x, axis=axes, keepdims=True)
    finite = np.where(np.isfinite(top), top, 0)
    return np.log(np.sum(np.exp(x - finite), axis=axes)) + finite.reshape(np.sum(top, axis=axes).shape)


def _var(arrays: Sequence[Any], axes: tuple[int, ...], params: Params) -> Any:
    x, m = arrays
    distance = x - m
    number = math.prod(x.shape[a] for a in axes) - params.get("correction", 0)
    return np.sum((distance * np.conj(distance)).real, axis=axes) / max(number, 0)


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda arrays, axes, params: np.add.reduce(arrays[0], axis=axes, dtype=arrays[0].dtype),
    "prod": lambda arrays, axes, params: np.multiply.reduce(arrays[0], axis=axes, dtype=arrays[0].dtype),
    "mean": lambda arrays, axes, params: np.add.reduce(arrays[0], axis=axes, dtype=arrays[0].dtype)
    / np.asarray(math.prod(arrays[0].shape[a] for a in axes), arrays[0].real.dtype),
    "max": _over(np.max), "min": _over(np.min), "any": _over(np.any), "all": _over(np.all),
    "count_nonzero": _over(np.count_nonzero), "argmax": _one_axis(np.argmax), "argmin": _one_axis(np.argmin),
    "logsumexp": _logsumexp, "var": _var,
}  # fmt: skip


# other operations: values, parameters, shapes

Operation = Callable[[Sequence[Any], Params, Sequence[tuple[int, ...]]], Any]


def _gemm(values: Sequence[Any], params: Params, shapes: Any) -> Any:
    alpha, beta = linear.gemm_factors(params)
    product = alpha * (values[0] @ values[1])
    return product if len(values) == 2 else product + beta * values[2]


def _index(like: Any, indices: Sequence[Any], params: Params) -> tuple[tuple[Any, ...], Any]:
    """A NumPy index for arrays along axes, of `like` with those axes first; and where indices are inside."""
    arrays, inside = [], np.ones((), bool)
    for i, axis in zip(indices, params["axes"], strict=True):
        size = like.shape[axis]
        i = np.asarray(i).astype(np.int64)
        inside = inside & (i >= -size) & (i < size)
        near = np.clip(i, -size, size - 1)
        arrays.append(np.where(near < 0, near + size, near))
    return tuple(np.broadcast_arrays(*arrays)), inside


def _axes_first(x: Any, params: Params) -> Any:
    axes = params["axes"]
    return np.moveaxis(x, axes, range(len(axes)))


def _arrays_first(value: Any, ndim: int, params: Params) -> Any:
    """A value, its index axes moved from `position` to the front."""
    return np.moveaxis(value, range(params["position"], params["position"] + ndim), range(ndim))


def _take(values: Sequence[Any], params: Params, shapes: Any) -> Any:
    x, *indices = values
    places, _ = _index(x, indices, params)
    taken = _axes_first(x, params)[places]
    count = places[0].ndim
    return np.moveaxis(taken, range(count), range(params["position"], params["position"] + count))


def _put(add: bool) -> Operation:
    def put(values: Sequence[Any], params: Params, shapes: Any) -> Any:
        x, value, *indices = values
        result = np.array(x)
        places, inside = _index(x, indices, params)
        target = _axes_first(result, params)
        wanted = np.moveaxis(
            np.empty((*places[0].shape, *target.shape[len(places) :])),
            range(places[0].ndim),
            range(params["position"], params["position"] + places[0].ndim),
        ).shape
        parts = _arrays_first(np.broadcast_to(value, wanted), places[0].ndim, params)
        inside = np.broadcast_to(inside, places[0].shape)
        chosen, parts = tuple(p[inside] for p in places), parts[inside]
        if add:
            (np.logical_or if result.dtype.kind == "b" else np.add).at(target, chosen, parts.astype(result.dtype))
        else:
            target[chosen] = parts
        return result

    return put


def _gather_back(values: Sequence[Any], params: Params, shapes: Any) -> Any:
    g, _, *indices = values
    return _put(add=True)((np.zeros(shapes[1], g.dtype), g, *indices), params, shapes)


def _softmax(x: Any, axes: tuple[int, ...]) -> Any:
    e = np.exp(x - np.max(x, axis=axes, keepdims=True))
    return e / np.sum(e, axis=axes, keepdims=True)


def _log_softmax(x: Any, axes: tuple[int, ...]) -> Any:
    shifted = x - np.max(x, axis=axes, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axes, keepdims=True))


def _row(function: Callable[..., Any]) -> Operation:
    """A function of rows, computed in a floating dtype."""

    def apply(values: Sequence[Any], params: Params, shapes: Any) -> Any:
        arrays = [x if np.asarray(x).dtype.kind == "f" else np.asarray(x, np.float64) for x in values]
        axes = normalize_axes(params.get("axis"), arrays[0].ndim, "row")
        return function(*arrays, axes)

    return apply


def _unslice(values: Sequence[Any], params: Params, shapes: Any) -> Any:
    result = np.zeros(shapes[1], np.asarray(values[0]).dtype)
    result[movement.thaw(params["index"])] = values[0]
    return result


def _put_slice(values: Sequence[Any], params: Params, shapes: Any) -> Any:
    result = np.array(values[0])
    result[movement.thaw(params["index"])] = values[1]
    return result


def _add_slice(values: Sequence[Any], params: Params, shapes: Any) -> Any:
    result = np.array(values[0])
    result[movement.thaw(params["index"])] += np.asarray(values[1]).astype(result.dtype)
    return result


OPERATIONS: dict[str, Operation] = {
    "matmul": lambda v, p, s: np.matmul(*v),
    "gemm": _gemm,
    "tensordot": lambda v, p, s: np.tensordot(v[0], v[1], axes=p["axes"]),
    "concat": lambda v, p, s: np.concatenate(v, axis=p["axis"]),
    "take": _take,
    "put": _put(add=False),
    "put_add": _put(add=True),
    "gather_back": _gather_back,
    "unslice": _unslice,
    "put_slice": _put_slice,
    "add_slice": _add_slice,
    "softmax": _row(_softmax),
    "log_softmax": _row(_log_softmax),
    "softmax_gradient": _row(lambda g, out, axes: out * (g - np.sum(g * out, axis=axes, keepdims=True))),
    "log_softmax_gradient": _row(lambda g, out, axes: g - np.exp(out) * np.sum(g, axis=axes, keepdims=True)),
    "cumulative_sum": lambda v, p, s: np.cumsum(v[0], axis=p["axis"]),
    "cumulative_prod": lambda v, p, s: np.cumprod(v[0], axis=p["axis"]),
}
