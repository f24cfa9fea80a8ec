"""Variables: types, constants, operators, views and what they refuse. No device."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core import ops
from clarray.graph.variable import Constant


def test_constructors():
    assert T.vector("v").type == T.TensorType("float32", (False,))
    assert T.scalar(dtype="int8").dtype == "int8"
    assert T.row().broadcastable == (True, False)
    assert T.col().broadcastable == (False, True)
    for prefix, dtype in {"b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64",
                          "c": "complex64", "z": "complex128"}.items():  # fmt: skip
        assert getattr(T, prefix + "matrix")().type == T.TensorType(dtype, (False, False))
        assert [x.name for x in getattr(T, prefix + "scalars")("a", "b")] == ["a", "b"]
    assert len(T.vectors(3)) == 3
    assert [x.name for x in T.scalars("xyz")] == [x.name for x in T.scalars(["x", "y", "z"])] == ["x", "y", "z"]
    assert T.scalars("x").name == "x"
    assert [x.ndim for x in (T.tensor3s("a"), T.tensor4s("b"))] == [3, 4]
    with ca.config.change_flags(floatX="float64"):
        assert T.matrix().dtype == "float64"
    with pytest.raises(TypeError, match="no dtype 'float8'"):
        T.TensorType("float8", ())
    with pytest.raises(ValueError, match="takes names"):
        T.vectors()


def test_types():
    kind = T.TensorType("float32", (False, False))
    assert str(kind) == "TensorType(float32, matrix)"
    assert str(T.TensorType("int8", (True, False))) == "TensorType(int8, row)"
    x = kind("x")
    assert x.type == kind == T.matrix().type
    assert x.type() is not x
    assert {kind: 1}[x.type] == 1
    assert x.ndim == 2
    assert x.owner is None


def test_variables_compare_by_identity():
    x, y = T.vectors("x", "y")
    same = x
    assert x == same
    assert x != y
    assert len({x, y, same}) == 2
    assert (T.eq(x, y)).dtype == "bool"
    assert (x < y).dtype == (T.neq(x, y)).dtype == "bool"


def test_operators_infer_types():
    f, i, b = T.fmatrix("f"), T.ivector("i"), T.bscalar("b")
    assert (f + i).type == T.fmatrix().type  # NumPy would make it float64, which nobody asked for: floatX
    assert (f * 2.5).dtype == (2.5 * f).dtype == (f**2).dtype == "float32"
    assert (i + b).type == T.TensorType("int32", (False,))
    assert (i / b).dtype == "float32"  # a default float is floatX
    assert (i // b).dtype == "int32"
    assert abs(-f).dtype == "float32"
    assert (T.row() + T.col()).broadcastable == (False, False)
    assert (T.row() + T.row()).broadcastable == (True, False)
    assert f.sum().dtype == "float32"
    assert i.sum().dtype == "int64"
    assert i.mean().dtype == "float32"
    assert f.sum(axis=0).type == T.vector().type
    assert f.mean(axis=1, keepdims=True).broadcastable == (False, True)
    assert f.argmax(axis=0).dtype == "int64"
    assert f.dot(f).type == (f @ f).type == f.type
    assert (np.float32(2) ** f).dtype == "float32"
    assert (np.arange(3, dtype="float32") + f).type == f.type


def test_wrong_types_are_refused_where_they_are_written():
    f = T.fvector("f")
    with pytest.raises(TypeError, match="bitwise_and"):
        f & f
    with pytest.raises(TypeError):
        f + "text"
    with pytest.raises(ValueError, match="broadcast"):
        T.constant(np.zeros(3)) + T.constant(np.zeros(4))
    with pytest.raises(ValueError, match="out of bounds"):
        f.sum(axis=1)
    with pytest.raises(TypeError, match="out= has no meaning"):
        ops.exp(f, out=f)


def test_constants():
    assert T.constant(1.5).dtype == "float32"
    assert T.constant(1).dtype == "int64"
    assert T.constant([0.5, 1.5]).dtype == "float32"
    assert T.constant(np.array([0.5])).dtype == "float64"
    assert T.constant(np.zeros((1, 3))).broadcastable == (True, False)
    assert T.constant(3, dtype="int8").dtype == "int8"
    source = np.zeros(3)
    c = T.constant(source)
    source[:] = 1
    assert c.data.tolist() == [0, 0, 0]
    assert isinstance(T.as_tensor_variable(2), T.TensorConstant)
    x = T.vector()
    assert T.as_tensor_variable(x) is x
    assert T.as_tensor_variable(x, ndim=2).broadcastable == (True, False)
    with pytest.raises(ValueError, match="has 1 axes, 0 are asked for"):
        T.as_tensor_variable(x, ndim=0)
    assert T.as_tensor_variable([T.scalar(), T.scalar()]).ndim == 1
    assert len({T.constant(v).key() for v in (0.0, -0.0, 1, True, 1.0, np.float32(1))}) == 6
    assert T.constant(np.nan).key() == T.constant(np.nan).key()


def test_views():
    x = T.tensor3("x")
    assert x.T.ndim == 3
    assert x.dimshuffle(2, "x", 0, 1).broadcastable == (False, True, False, False)
    assert x[0].ndim == 2
    assert x[:, None, ..., 1].broadcastable == (False, True, False)
    assert x[1:, ::-1].type == x.type
    assert x.reshape((2, -1)).aval.shape == (2, None)
    assert x.reshape(x.shape[0], 1, -1).broadcastable == (False, True, False)
    assert x.flatten(2).ndim == 2
    assert x.flatten().ndim == x.ravel().ndim == 1
    assert T.row().squeeze().type == T.vector().type
    assert T.row().dimshuffle(1).type == T.vector().type
    assert x.swapaxes(0, 2).type == x.type
    assert x[T.lscalar("i")].ndim == 2
    assert x[T.ivector()].ndim == 3
    assert x[:, T.ivector(), T.ivector()].ndim == 2
    assert x[: T.lscalar("n")].ndim == 3
    assert T.tensor4()[5, -3].ndim == 2
    assert x.shape.type == T.TensorType("int64", (False,))
    n, _, _ = x.shape
    assert n.dtype == "int64"


def test_views_refused():
    x = T.matrix("x")
    with pytest.raises(ValueError, match="leaves out axis 0 of x, which is not broadcastable"):
        x.dimshuffle(1)
    with pytest.raises(ValueError, match="names an axis twice"):
        x.dimshuffle(0, 0)
    with pytest.raises(ValueError, match="neither 'x' nor an axis"):
        x.dimshuffle(0, 2)
    with pytest.raises(IndexError):
        x[0, 0, 0]
    with pytest.raises(IndexError, match="size of axis is 3 but size of corresponding boolean axis is 2"):
        T.alloc(1.0, 3)[np.array([True, False])]
    with pytest.raises(IndexError, match="integers or bools"):
        x[T.vector()]
    with pytest.raises(TypeError, match="extent is an integer scalar"):
        x.reshape((T.scalar("f"), 2))
    with pytest.raises(ValueError, match="flatten"):
        x.flatten(3)


def test_what_a_variable_is_not():
    x = T.vector("x")
    with pytest.raises(TypeError, match="cannot be iterated over"):
        iter(x)
    with pytest.raises(TypeError, match=r"use x\.shape\[0\]"):
        len(x)
    with pytest.raises(TypeError, match=r"T\.switch"):
        bool(x > 0)
    with pytest.raises(TypeError, match="elements"):
        _ = 1 in x


def test_tags_and_names():
    x = T.vector("x")
    x.tag.test_value = 3
    assert x.tag.test_value == 3
    assert str(x) == "x"
    assert "test_graph_variables.py" in (x + 1).owner.line
    assert isinstance((x + 1).owner.inputs[1], Constant)


def test_every_name_of_the_namespace_is_there():
    for name in T.__all__:
        assert getattr(T, name) is not None
    with pytest.raises(AttributeError, match="has no 'frobnicate'"):
        _ = T.frobnicate


def test_every_row_has_a_function():
    for name, op in ops.UFUNCS.items():
        kind = next(k for k in ("f", "i", "b") if k in op.code)
        x = T.vector(dtype={"f": "float32", "i": "int32", "b": "bool"}[kind])
        operands = [x] * len(op.letters)
        if op.condition:
            operands[0] = T.vector(dtype="bool")
        assert getattr(T, name)(*operands).ndim == 1
    for name in ops.REDUCTIONS:
        assert getattr(T, name)(T.matrix()).ndim == 0


def test_elemwise_matches_rows_and_kernels():
    x = T.vector()
    assert isinstance(T.exp(x).owner.op, T.Elemwise)
    assert isinstance(x.astype("int8").owner.op, T.Elemwise)
    assert not isinstance(x.sum().owner.op, T.Elemwise)
    f = ca.function([x], T.exp(x))
    found = [n.op for n in f.maker.fgraph.toposort() if isinstance(n.op, T.Elemwise)]
    assert [type(op).__name__ for op in found] == ["GpuElemwise"]
