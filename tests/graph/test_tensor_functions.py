"""Every function of `clarray.tensor` against NumPy: values and dtypes, and gradients against differences.

A case is one expression, written once and evaluated with `m` as `clarray.tensor` on variables and as NumPy
(`Reference`) on arrays. A name of the namespace without a case fails.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from scipy import special

import clarray as ca
import clarray.tensor as T
from clarray.core import ops
from clarray.tensor import elementwise
from clarray.tensor.constructors import CONSTRUCTORS

STEP = 1e-5


class Reference:
    """NumPy, with what Theano calls otherwise or has besides."""

    def __getattr__(self, name):
        return getattr(np, name)

    cast = staticmethod(lambda x, dtype: x.astype(dtype))
    second = fill = staticmethod(lambda a, b: np.broadcast_to(b, np.shape(a)))
    iround = staticmethod(lambda x, mode="half_to_even": (
        np.rint(x) if mode == "half_to_even" else np.sign(x) * np.floor(abs(x) + 0.5)).astype("int64"))  # fmt: skip
    ceil_intdiv = staticmethod(lambda a, b: -(-a // b))
    complex = staticmethod(lambda a, b: a + 1j * b)
    complex_from_polar = staticmethod(lambda r, t: r * np.exp(1j * t))
    tri_gamma = staticmethod(lambda x: special.polygamma(1, x))
    tensor_copy = staticmethod(np.copy)
    largest, smallest = np.maximum, np.minimum
    logsumexp = staticmethod(lambda x, axis=None: np.log(np.exp(x).sum(axis=axis)))
    expand_dims = staticmethod(np.expand_dims)
    unstack = staticmethod(lambda x, axis=0: tuple(np.moveaxis(x, axis, 0)))
    permute_dims = staticmethod(np.transpose)
    flatten = staticmethod(lambda x, ndim=1: x.reshape((*x.shape[: ndim - 1], -1)))
    shape = staticmethod(lambda x: np.array(x.shape))
    size = staticmethod(np.size)
    shape_padleft = staticmethod(lambda x, n=1: x[(None,) * n])
    shape_padright = staticmethod(lambda x, n=1: x[(..., *(None,) * n)])
    shape_padaxis = staticmethod(np.expand_dims)
    join = staticmethod(lambda axis, *xs: np.concatenate(xs, axis))
    stacklists = staticmethod(np.array)
    horizontal_stack = staticmethod(lambda *xs: np.hstack(xs))
    vertical_stack = staticmethod(lambda *xs: np.vstack(xs))
    inverse_permutation = staticmethod(lambda p: np.argsort(p, axis=-1))
    alloc = staticmethod(lambda x, *shape: np.broadcast_to(x, shape))
    identity_like = staticmethod(lambda x: np.eye(*x.shape, dtype=x.dtype))
    batched_tensordot = staticmethod(lambda a, b, axes: np.stack([
        np.tensordot(x, y, axes if isinstance(axes, int) else [[k - 1 for k in ax] for ax in axes])
        for x, y in zip(a, b, strict=True)]))  # fmt: skip
    batched_dot = staticmethod(lambda a, b: np.stack([np.dot(x, y) for x, y in zip(a, b, strict=True)]))
    norm = staticmethod(lambda x, ord, axis=None: np.linalg.norm(x.ravel() if axis is None else x, ord, axis))
    nonzero_values = staticmethod(lambda x: x[np.nonzero(x)])
    argmax = staticmethod(lambda x, axis=None: _along_several(np.argmax, x, axis))
    argmin = staticmethod(lambda x, axis=None: _along_several(np.argmin, x, axis))

    def permute_row_elements(self, x, y, inverse=False):
        y = np.argsort(y, axis=-1) if inverse else y
        return np.take_along_axis(*np.broadcast_arrays(x, y), axis=-1)

    def dimshuffle(self, x, *pattern):
        kept = x.transpose([k for k in pattern if k != "x"])
        return np.expand_dims(kept, [k for k, p in enumerate(pattern) if p == "x"])

    def split(self, x, sizes, n, axis=0):
        return np.split(x, np.cumsum(sizes)[:-1], axis)

    def fill_diagonal(self, x, value):
        x = x.copy()
        np.fill_diagonal(x, value)
        return x

    def fill_diagonal_offset(self, x, value, offset):
        return np.where(np.eye(*x.shape, k=offset, dtype=bool), value, x)

    def max_and_argmax(self, x, axis=None):
        return x.max(axis=axis), self.argmax(x, axis)

    def topk_and_argtopk(self, x, k, axis=-1, idx_dtype="int64"):
        order = np.argsort(x if k < 0 else -x, axis=-1 if axis is None else axis, kind="stable")
        places = np.take(order, range(abs(k)), axis=axis)
        return np.take_along_axis(x, places, axis=axis), places.astype(idx_dtype)

    def topk(self, x, k, axis=-1):
        return self.topk_and_argtopk(x, k, axis)[0]

    def argtopk(self, x, k, axis=-1, idx_dtype="int64"):
        return self.topk_and_argtopk(x, k, axis, idx_dtype)[1]

    def nonzero(self, x, return_matrix=False):
        return np.array(np.nonzero(x)) if return_matrix else np.nonzero(x)

    def to_one_hot(self, y, n, dtype="float64"):
        return np.eye(n, dtype=dtype)[y]


def _along_several(function, x, axis):
    if not isinstance(axis, tuple | list):
        return function(x, axis=axis)
    axis = [a % x.ndim for a in axis]
    rest = [a for a in range(x.ndim) if a not in axis]
    return function(x.transpose(*rest, *axis).reshape(*(x.shape[a] for a in rest), -1), axis=-1)


def F(*shape, low=0.5, high=2.0):
    """Floats, all different."""
    return lambda rng: rng.uniform(low, high, shape)


def I(*shape, high=3):  # noqa: E743
    """Integers from 0."""
    return lambda rng: rng.integers(0, high, shape)


def B(*shape):
    """Bools, both of them there."""
    return lambda rng: rng.permuted(np.arange(int(np.prod(shape))) % 3 == 0).reshape(shape)


def P(*shape):
    """A permutation in each row."""
    return lambda rng: np.argsort(rng.uniform(size=shape), axis=-1)


def case(f, *draws, **options):
    return (f, draws, options)


def same(name, *draws, **options):
    """The function of this name, of its operands alone."""
    return case(lambda m, *xs: getattr(m, name)(*xs), *draws, **options)


CASES = {
    # elementwise, beside the rows of the table
    "cast": [case(lambda m, x: m.cast(x, "int16"), F(3, 4))],
    "second": [same("second", F(3, 4), F(4))],
    "fill": [same("fill", I(3, 4), F())],
    "iround": [case(lambda m, x: m.iround(x), F(9, low=-9, high=9))],
    "clip": [same("clip", F(3, 4), F(), F(4, low=2, high=3)), case(lambda m, x: m.clip(x, 1, 1.5), F(3, 4))],
    "isclose": [case(lambda m, x: m.isclose(x, x + x * 1e-3 * (x > 1), rtol=1e-4), F(9))],
    "allclose": [case(lambda m, x: (m.allclose(x, x + 1e-9), m.allclose(x, x + 1)), F(9))],
    "isneginf": [case(lambda m, x: m.isneginf(-1 / m.floor(x)), F(9, low=0))],
    "isposinf": [case(lambda m, x: m.isposinf(1 / m.floor(x)), F(9, low=0))],
    "ceil_intdiv": [case(lambda m, x, y: m.ceil_intdiv(x - 8, y + 1), I(4, 4, high=20), I(4, high=6))],
    "divmod": [same("divmod", F(3, 4, low=-5, high=5), F(4))],
    "complex": [case(lambda m, x, y: abs(m.complex(x, y)), F(3), F(3)), same("complex", F(3), F(3))],
    "complex_from_polar": [case(lambda m, x, y: m.real(m.complex_from_polar(x, y)), F(3), F(3))],
    "tensor_copy": [same("tensor_copy", F(3))],
    "largest": [same("largest", F(3, 4), F(4))],
    "smallest": [same("smallest", F(3, 4), F(4))],
    "tri_gamma": [same("tri_gamma", F(9))],
    "round": [case(lambda m, x: m.round(x), F(9, low=-9, high=9))],
    "add": [case(lambda m, x, y: m.add(m.add(x, y), 2), F(3, 4), F(4))],
    # reductions
    **{
        name: [
            case(lambda m, x, name=name: getattr(m, name)(x), F(3, 4)),
            case(lambda m, x, name=name: getattr(m, name)(x, axis=(0, -1)), F(2, 3, 4)),
            case(lambda m, x, name=name: getattr(m, name)(x, axis=1), F(2, 3, 1)),
        ]
        for name in ("sum", "prod", "mean", "max", "min", "amax", "amin", "any", "all", "logsumexp", "argmax", "argmin",
                     "count_nonzero", "std", "var")
    },
    "max_and_argmax": [case(lambda m, x: m.max_and_argmax(x, axis=(0, 2)), F(2, 3, 4)),
                       same("max_and_argmax", F(2, 3))],
    "ptp": [same("ptp", F(3, 4)), case(lambda m, x: m.ptp(x, axis=0), F(3, 4))],
    # shapes
    "expand_dims": [case(lambda m, x: m.expand_dims(x, 1), F(3, 4))],
    "flip": [same("flip", F(3, 4)), case(lambda m, x: m.flip(x, 1), F(3, 4))],
    "moveaxis": [case(lambda m, x: m.moveaxis(x, 0, -1), F(2, 3, 4))],
    "permute_dims": [case(lambda m, x: m.permute_dims(x, (2, 0, 1)), F(2, 3, 4))],
    "unstack": [case(lambda m, x: m.unstack(x * 2, axis=0), F(2, 3), known=True)],
    "shape": [same("shape", F(3, 4))],
    "size": [same("size", F(3, 4))],
    "reshape": [case(lambda m, x: m.reshape(x, (2, -1)), F(3, 4))],
    "flatten": [same("flatten", F(3, 4)), case(lambda m, x: m.flatten(x, 2), F(2, 3, 4))],
    "ravel": [same("ravel", F(3, 4))],
    "transpose": [same("transpose", F(3, 4)), case(lambda m, x: m.transpose(x, (1, 0, 2)), F(2, 3, 4))],
    "dimshuffle": [case(lambda m, x: m.dimshuffle(x, 1, "x", 0), F(3, 4))],
    "shape_padleft": [case(lambda m, x: m.shape_padleft(x, 2), F(3))],
    "shape_padright": [case(lambda m, x: m.shape_padright(x, 2), F(3))],
    "shape_padaxis": [case(lambda m, x: m.shape_padaxis(x, -2), F(3, 4))],
    "squeeze": [same("squeeze", F(3, 1, 4))],
    "swapaxes": [case(lambda m, x: m.swapaxes(x, 0, -1), F(2, 3, 4))],
    "broadcast_to": [case(lambda m, x: m.broadcast_to(x, (2, 3, 4)), F(3, 4))],
    "broadcast_arrays": [same("broadcast_arrays", F(3, 4), F(4), F(3, 1))],
    "atleast_1d": [same("atleast_1d", F()), same("atleast_1d", F(2), F())],
    "atleast_2d": [same("atleast_2d", F(3))],
    "atleast_3d": [same("atleast_3d", F(3)), same("atleast_3d", F(3, 2))],
    "concatenate": [case(lambda m, x, y: m.concatenate([x, y], axis=1), F(3, 4), F(3, 2))],
    "join": [case(lambda m, x, y: m.join(0, x, y, x), F(3, 4), F(1, 4))],
    "stack": [case(lambda m, x, y: m.stack([x, y], axis=1), F(3, 4), F(3, 4))],
    "stacklists": [case(lambda m, x, y: m.stacklists([[x, y], [y, x]]), F(3), F(3))],
    "horizontal_stack": [same("horizontal_stack", F(3, 4), F(3, 1))],
    "vertical_stack": [same("vertical_stack", F(3, 4), F(2, 4))],
    "split": [case(lambda m, x: m.split(x, [1, 3], 2, axis=1), F(3, 4)),
              case(lambda m, x, n: m.split(x, n, 3), F(6, 2), lambda rng: np.array([3, 0, 3]))],
    "tile": [case(lambda m, x: m.tile(x, (2, 3)), F(3, 4)), case(lambda m, x: m.tile(x, (2, 1, 2)), F(2))],
    "repeat": [
        case(lambda m, x: m.repeat(x, 3), F(2, 3)),
        case(lambda m, x, n: m.repeat(x, n, axis=1), F(2, 3), I(3, high=4)),
        case(lambda m, x, n: m.repeat(x, m.max(n), axis=0), F(2, 3), I(3, high=4)),
        case(lambda m, x, n: m.repeat(x, n * 0, axis=1), F(2, 3), I(3, high=4)),
        case(lambda m, x, n: m.repeat(x, n[:0], axis=0), F(0, 3), I(3, high=4)),
    ],
    "roll": [case(lambda m, x: m.roll(x, 2), F(3, 4)), case(lambda m, x, n: m.roll(x, n, axis=1), F(3, 4), I(high=9)),
             case(lambda m, x: m.roll(x, (1, -5), axis=(0, 1)), F(3, 4))],
    "inverse_permutation": [same("inverse_permutation", P(5)), same("inverse_permutation", P(3, 5))],
    "permute_row_elements": [same("permute_row_elements", F(3, 5), P(3, 5)),
                             same("permute_row_elements", F(3, 5), P(5)),
                             case(lambda m, x, p: m.permute_row_elements(x, p, True), F(5), P(5))],
    # creation
    "alloc": [case(lambda m, x, n: m.alloc(x, n, 4), F(4), I(high=5))],
    "zeros": [case(lambda m, n: (m.zeros((n, 2)), m.zeros(3, "int8")), I(high=5))],
    "ones": [case(lambda m, n: m.ones((n, 2), "float32"), I(high=5))],
    "empty": [case(lambda m, n: m.empty((n, 2)) * 0, I(high=5))],
    "full": [case(lambda m, n: m.full((2, n), 2.5), I(high=5)), case(lambda m, x: m.full((2, 3), x), F())],
    "zeros_like": [same("zeros_like", F(3, 4))],
    "ones_like": [same("ones_like", I(3, 4))],
    "empty_like": [case(lambda m, x: m.empty_like(x) * 0, F(3, 4))],
    "full_like": [case(lambda m, x: m.full_like(x, 2, dtype="int32"), F(3, 4))],
    "arange": [case(lambda m, n: (m.arange(n), m.arange(2, n + 9, 3), m.arange(0.5, 4)), I(high=5))],
    "linspace": [case(lambda m, x: m.linspace(x, 7.0, 5), F()), case(lambda m: m.linspace(0, 3, 4, endpoint=False))],
    "logspace": [case(lambda m, x: m.logspace(x, 2.0, 5), F())],
    "geomspace": [case(lambda m, x: m.geomspace(x, 64.0, 5), F())],
    "eye": [case(lambda m, n: (m.eye(n + 2), m.eye(3, 4, -1, dtype="float32")), I(high=5))],
    "identity": [case(lambda m, n: m.identity(n), I(high=5))],
    "identity_like": [same("identity_like", F(3, 4))],
    "tri": [case(lambda m, n: m.tri(n, 4, 1), I(high=5))],
    "tril": [same("tril", F(3, 4)), case(lambda m, x: m.tril(x, -1), F(2, 3, 3))],
    "triu": [same("triu", F(3, 4)), case(lambda m, x: m.triu(x, 1), F(2, 3, 3))],
    "diag": [same("diag", F(3)), case(lambda m, x: m.diag(x, -2), F(3)), case(lambda m, x: m.diag(x, 1), F(3, 4))],
    "diagonal": [case(lambda m, x: m.diagonal(x, 1), F(3, 4)), case(lambda m, x: m.diagonal(x, -1, 2, 0), F(2, 3, 4))],
    "trace": [same("trace", F(3, 4)), case(lambda m, x: m.trace(x, 1, 1, 2), F(2, 3, 4))],
    "fill_diagonal": [same("fill_diagonal", F(3, 5), F()), same("fill_diagonal", F(5, 3), F()),
                      case(lambda m, x: m.fill_diagonal(x, 7), F(3, 3, 3))],
    "fill_diagonal_offset": [
        case(lambda m, x, v, k=k: m.fill_diagonal_offset(x, v, k), F(*shape), F())
        for k, shape in ((1, (3, 5)), (-1, (3, 5)), (0, (5, 3)), (-3, (5, 3)), (9, (2, 3)))
    ],
    "meshgrid": [same("meshgrid", F(3), F(4)),
                 case(lambda m, x, y: m.meshgrid(x, y, indexing="ij", sparse=True), F(3), F(4))],
    "mgrid": [case(lambda m, n: m.mgrid[0:n, 2:5:2], I(high=5)), case(lambda m: m.mgrid[1:4])],
    "ogrid": [case(lambda m, n: tuple(m.ogrid[0:n, 2:5:2]), I(high=5))],
    # products
    "dot": [same("dot", F(3, 4), F(4, 2)), same("dot", F(4), F(4)), same("dot", F(), F(2, 3)),
            same("dot", F(2, 3), F(2, 3, 2))],
    "matmul": [same("matmul", F(2, 3, 4), F(4, 2))],
    "outer": [same("outer", F(3), F(4)), same("outer", F(2, 2), F(3))],
    "inner": [same("inner", F(2, 3), F(4, 3))],
    "tensordot": [case(lambda m, x, y: m.tensordot(x, y, 1), F(2, 3), F(3, 2, 2)),
                  case(lambda m, x, y: m.tensordot(x, y, [[0, 1], [2, 0]]), F(3, 2, 2), F(2, 4, 3))],
    "batched_dot": [same("batched_dot", F(2, 3, 4), F(2, 4, 2)), same("batched_dot", F(2, 3), F(2, 3, 4)),
                    same("batched_dot", F(2, 3), F(2, 3)), same("batched_dot", F(2, 3), F(2))],
    "batched_tensordot": [case(lambda m, x, y: m.batched_tensordot(x, y, 1), F(2, 3, 4), F(2, 4, 5)),
                          case(lambda m, x, y: m.batched_tensordot(x, y, [[1, 2], [3, 1]]), F(2, 3, 4), F(2, 4, 2, 3))],
    "kron": [same("kron", F(2, 3), F(4, 2)), same("kron", F(3), F(2, 2))],
    "norm": [case(lambda m, x, p=p: m.norm(x, p, axis=1), F(3, 4)) for p in (1, 2, 3, np.inf, -np.inf, 0)]
    + [case(lambda m, x: m.norm(x, 2), F(3, 4))],
    # order
    "sort": [same("sort", F(3, 4)), case(lambda m, x: m.sort(x, axis=0), F(3, 4)),
             case(lambda m, x: m.sort(x, axis=None), F(3, 4))],
    "argsort": [same("argsort", F(3, 4)), case(lambda m, x: m.argsort(x, axis=0), F(3, 4))],
    "topk": [case(lambda m, x: m.topk(x, 2), F(3, 5)), case(lambda m, x: m.topk(x, -2, axis=0), F(3, 5))],
    "argtopk": [case(lambda m, x: m.argtopk(x, 3, idx_dtype="int32"), F(3, 5))],
    "topk_and_argtopk": [case(lambda m, x: m.topk_and_argtopk(x, 1), F(3, 5)),
                         case(lambda m, x, k: m.topk_and_argtopk(x, k + 1), F(3, 5), I())],
    # parts
    "take": [same("take", F(3, 4), I(5, high=12)), case(lambda m, x, i: m.take(x, i, axis=1), F(3, 4), I(2, 2)),
             case(lambda m, x, i: m.take(x, i - 9, axis=0, mode="wrap"), F(3, 4), I(5, high=20)),
             case(lambda m, x, i: m.take(x, i - 9, axis=0, mode="clip"), F(3, 4), I(5, high=20))],
    "choose": [case(lambda m, i, x, y, z: m.choose(i, [x, y, z]), I(3, 4), F(3, 4), F(4), F()),
               same("choose", I(4), F(3, 4)),
               case(lambda m, i, x: m.choose(i, x, mode="wrap"), I(2, 4, high=9), F(3, 2, 4))],
    "take_along_axis": [case(lambda m, x, i: m.take_along_axis(x, i, 1), F(3, 4), I(3, 2))],
    "compress": [case(lambda m, c, x: m.compress(c, x, axis=1), B(4), F(3, 4)), same("compress", B(12), F(3, 4))],
    "nonzero": [same("nonzero", B(3, 4)),
                case(lambda m, x: m.nonzero(x, True), I(2, 3, 4)),
                same("nonzero", I(5, high=1))],
    "flatnonzero": [same("flatnonzero", I(3, 4))],
    "nonzero_values": [case(lambda m, x: m.nonzero_values(m.floor(x) * x), F(3, 4))],
    "unravel_index": [case(lambda m, i: m.unravel_index(i, (3, 4)), I(5, high=12)),
                      case(lambda m, i: m.unravel_index(i, (3, 4), order="F"), I(5, high=12))],
    "ravel_multi_index": [case(lambda m, i, j: m.ravel_multi_index((i, j), (3, 4), mode="wrap"), I(5, high=9), I(5)),
                          case(lambda m, i, j: m.ravel_multi_index((i, j), (3, 4), order="F"), I(5), I(5))],
    # running and counted
    "cumsum": [same("cumsum", F(3, 4)), case(lambda m, x: m.cumsum(x, axis=1), F(3, 4)), same("cumsum", I(3, 4))],
    "cumprod": [same("cumprod", F(3, 4)), case(lambda m, x: m.cumprod(x, axis=0), F(3, 4))],
    "diff": [same("diff", F(3, 4)), case(lambda m, x: m.diff(x, n=2, axis=0), F(4, 2)), same("diff", B(6))],
    "bincount": [same("bincount", I(9)), case(lambda m, i, w: m.bincount(i, w), I(9), F(9)),
                 case(lambda m, i: m.bincount(i, minlength=7), I(9)),
                 case(lambda m, i: m.bincount(i[:0]), I(9)), case(lambda m, i: m.bincount(i[:0], minlength=2), I(9))],
    "searchsorted": [case(lambda m, x, v: m.searchsorted(m.sort(x), v), F(9), F(2, 3)),
                     case(lambda m, x, v: m.searchsorted(x * 2, v, side="right"),
                          lambda rng: np.arange(5), I(2, 3, high=9))],
    "to_one_hot": [case(lambda m, i: m.to_one_hot(i, 4), I(5))],
    "unique": [same("unique", I(3, 4)), case(lambda m, x: m.unique(x, True, True, True), I(20)), same("unique", F(5)),
               case(lambda m, x: m.unique(x[:0], True, True, True), I(3))],
    "set_subtensor": [],  # in test_subtensor.py
    "inc_subtensor": [],
}  # fmt: skip
NOT_COMPUTED = {
    "get_scalar_constant_value",
    "extract_constant",
    "get_vector_length",
    "default",
}  # in test_tensor_names.py
ELEMENTWISE = {n for n in T.FUNCTIONS if n in ops.UFUNCS or n in elementwise.NAMES} - set(CASES)


def test_every_name_has_a_case():
    assert set(T.FUNCTIONS) - set(CONSTRUCTORS) - NOT_COMPUTED - ELEMENTWISE == set(CASES)


def listed(result):
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize(("name", "k"), [(name, k) for name, cases in CASES.items() for k in range(len(cases))])
def test_as_numpy(any_ctx, rng, name, k):
    f, draws, options = CASES[name][k]
    fp64 = any_ctx.traits.fp64
    wide, narrow = ("float64", "complex128") if fp64 else ("float32", "complex64")
    values = [np.asarray(d(rng)) for d in draws]
    values = [v.astype(wide) if v.dtype.kind == "f" else v for v in values]
    wanted = [np.asarray(y) for y in listed(f(Reference(), *values))]
    with ca.config.change_flags(floatX=wide):
        xs = [T.tensor(str(v.dtype), [n == 1 for n in v.shape], f"x{i}") for i, v in enumerate(values)]
        given = [T.constant(v) for v in values] if options.get("known") else xs
        got = [T.as_tensor_variable(y) for y in listed(f(T, *given))]
        assert len(got) == len(wanted)
        # the gradients of a weighted sum of all real results
        floats = [i for i, v in enumerate(values) if v.dtype.kind == "f" and given is xs]
        weights = {y.type(): rng.uniform(0.5, 1.5, r.shape) for y, r in zip(got, wanted) if y.dtype == wide}
        seeds = dict(zip([y for y in got if y.dtype == wide], weights, strict=True))
        gradients = []
        if floats and seeds:
            gradients = T.grad(None, [xs[i] for i in floats], known_grads=seeds, disconnected_inputs="ignore")
        compiled = ca.function([*xs, *weights], [*got, *gradients], on_unused_input="ignore")
        results = compiled(*values, *(w.astype(wide) for w in weights.values()))
    for x, a, b in zip(got, results, wanted, strict=False):
        assert x.ndim == a.ndim
        assert x.dtype == a.dtype
        expected = {"float64": wide, "complex128": narrow}.get(str(b.dtype), str(b.dtype))
        assert a.dtype == expected, f"{a.dtype}, NumPy has {b.dtype}"
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9 if fp64 else 2e-5, atol=1e-12 if fp64 else 1e-5)
    if gradients and fp64:
        check_gradient(f, values, floats, results[len(got) :], list(weights.values()), rng)


def check_gradient(f, values, floats, found, weights, rng):
    """Gradients along a random direction, against differences of NumPy's results."""
    directions = [rng.normal(size=values[i].shape) for i in floats]

    def moved(step):
        changed = list(values)
        for i, d in zip(floats, directions, strict=True):
            changed[i] = values[i] + step * d
        real = [y for y in map(np.asarray, listed(f(Reference(), *changed))) if y.dtype.kind == "f"]
        return sum((w * y).sum() for w, y in zip(weights, real, strict=True))

    want = (8 * (moved(STEP) - moved(-STEP)) - (moved(2 * STEP) - moved(-2 * STEP))) / (12 * STEP)
    assert [g.shape for g in found] == [values[i].shape for i in floats]
    along = sum((g * d).sum() for g, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(along, want, rtol=1e-5, atol=1e-6)


def arguments_of(name, rng):
    """Values in the domain of a row."""
    op = ops.UFUNCS[elementwise.NAMES.get(name, name)]
    dtype = "f" if "f" in op.code else "i"
    dtypes = ["?" if op.condition and k == 0 else dtype for k in range(len(op.letters))]
    values = [oracle.sample(rng, d, t, (5,)) for d, t in zip(oracle.domains(op), dtypes, strict=True)]
    return op, [v % 8 if dtype == "i" else v for v in values]


def test_elementwise_names_are_rows(rng):
    for name in sorted(ELEMENTWISE):
        op, values = arguments_of(name, rng)
        result = getattr(T, name)(*(T.tensor(str(v.dtype), (False,)) for v in values))
        assert result.owner.op is op, name
        assert result.ndim == 1


def test_elementwise_names(any_ctx, rng):
    """Some of them in one function; rows are tested to the last bit elsewhere."""
    names = oracle.few(rng, sorted(ELEMENTWISE), 12)
    arguments, results, wanted = [], [], []
    for name in names:
        op, values = arguments_of(name, rng)
        xs = [T.tensor(str(v.dtype), (False,)) for v in values]
        arguments += zip(xs, values, strict=True)
        results.append(getattr(T, name)(*xs))
        wanted.append(oracle.reference(op, *values))
    got = ca.function([x for x, _ in arguments], results)(*[v for _, v in arguments])
    for name, x, a, b in zip(names, results, got, wanted, strict=True):
        assert x.dtype == a.dtype, name
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=name)
