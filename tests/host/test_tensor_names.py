"""The names of `clarray.tensor`: constructors, modules, methods, types and errors as expressions are written."""

from __future__ import annotations

import importlib
import types

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.tensor.constructors import CONSTRUCTORS, PATTERNS, PREFIXES
from clarray.tensor.methods import METHODS

# what programs for Theano use of `theano.tensor`; what is missing is said in docs/from-theano.md
THEANO = """
abs_ add addbroadcast all alloc allclose and_ angle any arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh
argmax argmin argsort argtopk as_tensor_variable batched_dot batched_tensordot bincount bitwise_and bitwise_not
bitwise_or bitwise_xor cast ceil ceil_intdiv choose clip complex complex_from_polar compress concatenate conj constant
cos cosh cumprod cumsum default deg2rad diag diagonal diff divmod dot eq erf erfc erfcinv erfinv exp exp2 expm1
extra_ops eye fill fill_diagonal fill_diagonal_offset flatten floor floor_div gamma gammaln ge
get_scalar_constant_value get_vector_length grad gt horizontal_stack identity_like imag inc_subtensor int_div inv
inverse_permutation invert iround isclose isinf isnan join largest le log log10 log1p log2 lt max max_and_argmax
maximum mean mgrid min minimum mod mul neg neq nonzero nonzero_values ogrid ones ones_like or_ outer patternbroadcast
permute_row_elements pow power prod psi ptp rad2deg ravel_multi_index real repeat reshape roll round searchsorted
second set_subtensor sgn shape shape_padaxis shape_padleft shape_padright shared sin sinh smallest sort split sqr sqrt
squeeze stack stacklists std sub sum swapaxes switch take tan tanh tensor tensor_copy tensordot tile to_one_hot topk
topk_and_argtopk transpose tri tri_gamma tril triu true_div trunc unbroadcast unravel_index var vertical_stack xor
zeros zeros_like TensorType TensorVariable TensorConstant NotScalarConstantError EmptyConstantError
"""


@pytest.mark.parametrize("name", THEANO.split())
def test_theano_has_it(name):
    assert name in T.__all__
    assert getattr(T, name) is not None


def test_modules_that_theano_has_not_are_not_in_the_list():
    listed = {name for name in T.__all__ if isinstance(getattr(T, name), types.ModuleType)}
    assert listed == {"basic", "elemwise", "extra_ops", "fft", "nlinalg", "nnet", "slinalg", "subtensor"}


def test_names_are_there_and_documented():
    assert len(set(T.__all__)) == len(T.__all__)
    for name in T.__all__:
        found = getattr(T, name)
        if isinstance(found, types.FunctionType):
            assert found.__doc__, name
            assert found.__name__ in (name, "as_variable") or name not in T.FUNCTIONS or T.FUNCTIONS[name] is found, (
                name
            )


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("basic", "TensorType arange as_tensor_variable dot zeros_like set_subtensor NotScalarConstantError"),
        ("extra_ops", "bincount cumsum diff fill_diagonal repeat squeeze tile to_one_hot unique"),
        ("subtensor", "inc_subtensor set_subtensor take"),
        ("elemwise", "CAReduce DimShuffle Elemwise"),
        ("sort", "argsort sort topk"),
        ("nnet", "relu sigmoid softmax"),
    ],
)
def test_modules(module, names):
    found = importlib.import_module(f"clarray.tensor.{module}")
    for name in names.split():
        assert getattr(found, name) is not None


def test_what_is_not_there():
    with pytest.raises(AttributeError, match=r"clarray\.tensor has no 'nonesuch'"):
        T.nonesuch  # noqa: B018
    with pytest.raises(AttributeError, match="no 'nonesuch'"):
        T.basic.nonesuch  # noqa: B018


def test_extents_are_integers():
    for make in (T.eye, T.tri, T.zeros):
        with pytest.raises(TypeError, match="integer"):
            make(2.5)
    with pytest.raises(TypeError, match=r"eye\(\): an extent is an integer scalar"):
        T.eye(3, T.dscalar())


def test_constructors():
    for prefix, dtype in PREFIXES.items():
        for rank, pattern in PATTERNS.items():
            made = CONSTRUCTORS[prefix + rank]("a")
            assert made.type == T.TensorType(dtype, pattern)
            assert made.name == "a"
    assert [x.type for x in T.iscalars("a", "b")] == [T.TensorType("int32", ())] * 2
    assert T.vector(dtype="bool").dtype == "bool"
    assert T.matrix("m", dtype="uint16").dtype == "uint16"
    x = T.tensor("uint8", (False, True), "x")
    assert (x.dtype, x.broadcastable, x.name) == ("uint8", (False, True), "x")
    assert x.type.clone(dtype="int8") == T.TensorType("int8", (False, True))
    assert x.type.clone(broadcastable=(False,)).ndim == 1
    assert x.type.make_variable("y").type == x.type


def test_as_tensor_variable():
    x = T.as_tensor_variable([1.0, 2.0], "x", ndim=2)
    assert x.type == T.row().type
    assert T.as_tensor_variable(x) is x
    assert T.as_tensor_variable([T.scalar(), 1.0]).ndim == 1
    assert T.constant(3, "three", dtype="int8").dtype == "int8"
    with pytest.raises(ValueError, match="asked for"):
        T.as_tensor_variable(T.matrix(), ndim=1)


def test_methods_are_the_functions():
    x, v = T.dmatrix("x"), T.lvector("v")
    assert set(METHODS) <= set(dir(x))
    pairs = [
        (x.sum(axis=0, dtype="float64", acc_dtype="float64"), T.dvector), (x.mean(1, keepdims=True), T.dcol),
        (x.var(axis=0, ddof=1), T.dvector), (x.std(1, 1, True), T.dcol), (x.argmax([0, 1]), T.lscalar),
        (x.prod(), T.dscalar), (x.any(), lambda: T.tensor("bool")), (x.norm(2, axis=0), T.dvector),
        (x.nonzero_values(), T.dvector), (x.sort(0), T.dmatrix), (x.argsort(), T.lmatrix), (x.cumsum(), T.dvector),
        (x.cumprod(axis=1), T.dmatrix), (x.diagonal(), T.dvector), (x.trace(), T.dscalar), (x.take([0, 1]), T.dvector),
        (v.choose([x[0], 1.0]), T.dvector), (x.fill(1), lambda: T.tensor("int64", (0, 0))), (x.repeat(2), T.dvector),
        (x.zeros_like(), T.dmatrix), (x.ones_like(dtype="int8"), T.bmatrix), (x.clip(0, 1), T.dmatrix),
        (x.round(), T.dmatrix), (x.round("half_away_from_zero"), T.dmatrix), (round(x), T.dmatrix),
        (x.conj(), T.dmatrix),
        (x.ravel(), T.dvector), (x.transfer("cpu"), T.dmatrix), (x.copy("c"), T.dmatrix), (x.imag, T.dmatrix),
        (x.swapaxes(0, 1), T.dmatrix), (v.nonzero()[0], T.lvector), ((v > 0).compress(x, axis=0), T.dmatrix),
        (x.ptp(axis=0), T.dvector), (x.dot(x.T), T.dmatrix),
        (x.dimshuffle("x", 0, 1), lambda: T.tensor("float64", (1, 0, 0))),
        (divmod(x, 2)[0], T.dmatrix), (7 // v, T.lvector), (7 % v, T.lvector), (v & 1, T.lvector), (1 | v, T.lvector),
        (v ^ v, T.lvector), (~v, T.lvector), (np.float32(2) ** x, T.dmatrix), (x @ x, T.dmatrix), (abs(x), T.dmatrix),
    ]  # fmt: skip
    for k, (got, wanted) in enumerate(pairs):
        assert got.type == wanted().type, (k, got.owner)
    assert T.constant(np.full(3, 2.0)).get_scalar_constant_value() == 2


def test_values_that_are_known():
    assert T.get_scalar_constant_value(T.constant(2) * 3 + 1) == 7
    assert T.get_scalar_constant_value(T.alloc(np.float64(2.5), 3, 4)) == 2.5
    assert T.extract_constant(np.int8(3)) == 3
    x = T.vector("x")
    assert T.extract_constant(x) is x
    with pytest.raises(T.NotScalarConstantError, match="x of type"):
        x.get_scalar_constant_value()
    with pytest.raises(T.NotScalarConstantError):
        T.get_scalar_constant_value(T.constant([1.0, 2.0]))
    with pytest.raises(T.EmptyConstantError):
        T.get_scalar_constant_value(np.zeros(0))
    assert T.get_vector_length(T.constant([1, 2])) == 2
    assert T.get_vector_length(T.tensor3().shape) == 3
    with pytest.raises(ValueError, match="length of x of type"):
        T.get_vector_length(x)
    assert T.default(None, x) is x
    assert T.default(1, x) == 1


def test_broadcast_patterns_follow():
    r, c = T.row("r"), T.col("c")
    assert T.concatenate([r, r], axis=0).broadcastable == (False, False)
    assert r.repeat(1, axis=1).broadcastable == (True, False)
    assert T.tile(c, (3, 1)).broadcastable == (False, True)
    assert r[:, None].broadcastable == (True, True, False)
    assert r[0].broadcastable == (False,)
    assert T.set_subtensor(r[0, 1:], 0).type == r.type
    assert T.roll(c, 1, axis=0).type == c.type
    assert T.sort(c, axis=0).type == c.type


X, V, M = T.fmatrix("X"), T.lvector("V"), T.tensor("bool", (False, False), "M")


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: T.set_subtensor(X, 0), TypeError, "takes a part of a variable"),
        (lambda: T.set_subtensor(X.T, 0), TypeError, "takes a part of a variable"),
        (lambda: T.inc_subtensor(3, 0), TypeError, "int came"),
        (lambda: T.set_subtensor(X[0], X), TypeError, "more axes than the part"),
        (lambda: T.set_subtensor(X[0], T.dscalar()), TypeError, r"without loss; cast it with astype\('float32'\)"),
        (lambda: T.inc_subtensor(V[0], 1.5), TypeError, "does not fit into a int64"),
        (lambda: X[0, 0, 0], IndexError, "too many|too many indices"),
        (lambda: X[M, 0], IndexError, "too many indices"),
        (lambda: X[1.5], (IndexError, TypeError), "float"),
        (lambda: X[T.fvector()], IndexError, "integers or bools"),
        (lambda: T.alloc(1.0, 3)[7], IndexError, "out of bounds"),
        (lambda: T.alloc(1.0, 3)[[0, -4]], IndexError, "index -4 is out of bounds for axis 0 with size 3"),
        (lambda: T.alloc(1.0, 3)[np.ones(4, bool)], IndexError, "boolean index did not match"),
        (
            lambda: T.set_subtensor(T.alloc(1.0, 3)[1:], np.ones(3, "f")),
            ValueError,
            "does not broadcast to the indexed",
        ),
        (lambda: T.take(X, T.fvector()), TypeError, "indices are integers"),
        (lambda: T.take(X, V, axis=2), ValueError, "axis 2 is out of bounds"),
        (lambda: T.take(X, V, mode="bounce"), ValueError, "mode is one of 'raise', 'wrap', 'clip'"),
        (lambda: T.choose(X, [X]), TypeError, "indices are integers"),
        (lambda: T.choose(V, []), ValueError, "at least one choice"),
        (lambda: T.compress(X, X), ValueError, "a vector as condition"),
        (lambda: T.nonzero(T.scalar()), ValueError, "at least one axis"),
        (lambda: T.repeat(X, X), TypeError, "counts are an integer"),
        (lambda: T.split(X, V), ValueError, "give n_splits"),
        (lambda: T.split(X, [1, 2], 3), ValueError, "n_splits is 3, 2 sizes came"),
        (lambda: T.roll(X, (1, 2), axis=(0,)), ValueError, "2 shifts came for 1 axes"),
        (lambda: T.concatenate([T.scalar(), X]), TypeError, r"use stack\(\)"),
        (lambda: T.concatenate([X, T.vector()]), ValueError, "dimensions"),
        (lambda: T.horizontal_stack(X, T.vector()), ValueError, "takes matrices"),
        (lambda: T.topk(X, 0), ValueError, "positive or negative"),
        (lambda: T.topk(T.alloc(1.0, 3), 4), ValueError, "4 elements are asked for"),
        (lambda: T.bincount(X), TypeError, "a vector of integers"),
        (lambda: T.searchsorted(X, X), ValueError, "the first operand is a vector"),
        (lambda: T.searchsorted(V, X, side="up"), ValueError, "'left' or 'right'"),
        (lambda: T.to_one_hot(X, 3), TypeError, "a vector of integers"),
        (lambda: T.diag(T.tensor3()), ValueError, "a vector or a matrix"),
        (lambda: T.diagonal(T.vector()), ValueError, "at least two axes"),
        (lambda: T.diagonal(X, axis1=0, axis2=-2), ValueError, "two different axes"),
        (lambda: T.fill_diagonal(T.vector(), 1), TypeError, "at least two axes"),
        (lambda: T.fill_diagonal(X, T.dscalar()), TypeError, "without loss"),
        (lambda: T.arange(T.fscalar("stop")), TypeError, "integer variables"),
        (lambda: T.batched_dot(T.scalar(), X), TypeError, "stacks"),
        (lambda: T.batched_tensordot(X, X, [[0], [1]]), ValueError, "the first axis"),
        (lambda: T.tensordot(X, X, 3), ValueError, "cannot be summed"),
        (lambda: T.round(X, "up"), ValueError, "half_to_even"),
        (lambda: X & X, TypeError, "bitwise_and"),
        (lambda: T.diff(X, n=-1), ValueError, "n is a count"),
        (lambda: T.unravel_index(V, (2, 3), order="A"), ValueError, "order is 'C' or 'F'"),
        (lambda: T.tril(V), ValueError, "at least two dim"),
        (lambda: X.dimshuffle(0), ValueError, "not broadcastable"),
    ],
)
def test_errors_as_the_expression_is_written(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()


def test_a_node_knows_its_line():
    assert "test_tensor_names.py" in T.set_subtensor(X[1:], 0).owner.line
    assert "test_tensor_names.py" in T.cumsum(X).owner.line
    assert ca.tensor is T
