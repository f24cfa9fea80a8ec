"""Shared variables: what they are made of, what they take, what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T


def test_made_of_numbers_lists_and_arrays(ctx):
    assert ca.shared(1).type == T.TensorType("int64", ())
    assert ca.shared(True).dtype == "bool"
    assert ca.shared(0.5).type == T.TensorType("float32", ())
    assert ca.shared([0.5, 1]).type == T.TensorType("float32", (False,))
    assert ca.shared([[1, 2]]).type == T.TensorType("int64", (False, False))
    assert ca.shared(np.float32(2)).dtype == "float32"
    assert ca.shared(1j).dtype == "complex64"
    assert ca.shared(ca.asarray(np.arange(3))).dtype == "int64"
    assert ca.shared(np.zeros((1, 3), "float32"), broadcastable=(True, False)).broadcastable == (True, False)


def test_floats_are_floatx(fp64, ctx):
    with ca.config.change_flags(floatX="float64"):
        assert ca.shared(0.5).dtype == "float64"
    assert ca.shared(np.array(0.5)).dtype == "float64"  # asked for by name


def test_without_fp64(ctx):
    if ctx.traits.fp64:
        pytest.skip("the device has fp64")
    with pytest.raises(TypeError, match="no fp64"):
        ca.shared(np.zeros(3))


def test_refused(any_ctx):
    with pytest.raises(TypeError, match="unexpected keyword"):
        ca.shared(1.0, colour="blue")
    with pytest.raises(TypeError, match="not the variable x"):
        ca.shared(T.vector("x"))
    for value in ("text", None, object(), {}):
        with pytest.raises(TypeError, match="shared\\(\\) takes"):
            ca.shared(value)
    with pytest.raises(TypeError, match="the name is a string"):
        ca.shared(1.0, name=3)
    with pytest.raises(ValueError, match="does not fit a value of shape"):
        ca.shared([1, 2], broadcastable=(True,))


def test_set_value(ctx):
    s = ca.shared(np.zeros(3, "float32"), "s")
    s.set_value([1, 2, 3])
    s.set_value([1.5, 2, 3])
    assert s.get_value().tolist() == [1.5, 2, 3]
    s.set_value(np.array([1, 2, 3], "int8"))
    with pytest.raises(TypeError, match="s holds float32; float64 would lose precision"):
        s.set_value(np.zeros(3))
    with pytest.raises(TypeError, match="an array of float32 with 2 dimensions came"):
        s.set_value(np.zeros((3, 3), "float32"))
    with pytest.raises(TypeError, match=r"an array of float16 with 1 dimensions"):
        s.set_value(ca.asarray(np.zeros(3, "float16")))
    i = ca.shared(np.zeros(3, "int32"), "i")
    with pytest.raises(TypeError, match="i holds int32"):
        i.set_value([0.5, 1, 2])
    downcast = ca.shared(np.zeros(3, "float32"), allow_downcast=True)
    downcast.set_value(np.ones(3))
    strict = ca.shared(np.zeros(3, "float32"), strict=True)
    with pytest.raises(TypeError, match="strict"):
        strict.set_value(np.zeros(3, "float16"))
    row = ca.shared(np.zeros((1, 3), "float32"), "row", broadcastable=(True, False))
    with pytest.raises(TypeError, match="broadcastable along axis 0"):
        row.set_value(np.zeros((2, 3), "float32"))
    s.zero()
    assert s.get_value().tolist() == [0, 0, 0]


def test_set_value_does_not_overtake_work_in_flight(ctx, rng):
    data = rng.uniform(-1, 1, 1 << 16).astype("float32")
    s = ca.shared(data)
    f = ca.function([], T.exp(s).transfer(None))
    result = f()
    s.set_value(data * 0)
    np.testing.assert_allclose(result.numpy(), np.exp(data), rtol=2e-6)


def test_value_of_a_view(ctx, rng):
    data = rng.uniform(-1, 1, (4, 6)).astype("float32")
    s = ca.shared(ca.asarray(data)[:, ::2].T, borrow=True)
    np.testing.assert_array_equal(s.get_value(), data[:, ::2].T)
    s.set_value(data[:3, :4])
    np.testing.assert_array_equal(s.get_value(), data[:3, :4])


def test_value_is_refused(any_ctx):
    with pytest.raises(AttributeError, match="get_value"):
        _ = ca.shared(1.0).value
