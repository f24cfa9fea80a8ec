"""Arguments of functions: taken, converted, refused, missing, not used."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.ends import MissingInputError, UnusedInputError

F32 = np.dtype("float32")


def draw(rng, *shape):
    return rng.uniform(-2, 2, shape).astype(F32)


def test_lists_ranges_and_integers_where_nothing_is_lost(ctx):
    x, y = T.vectors("x", "y")
    add = ca.function([x, y], x + y)
    assert add([1, 2, 3], [4, 5, 6]).tolist() == [5, 7, 9]
    assert add(range(3), np.arange(3)).tolist() == [0, 2, 4]
    assert add([0.5], [0.25]).tolist() == [0.75]
    with pytest.raises(TypeError, match=r"int64 to float32 would lose precision"):
        add([2**24 + 1], [0])
    with pytest.raises(TypeError, match="lose precision"):
        add(np.array([2**24 + 1]), [0])


def test_lossy_dtype_is_refused(any_ctx):
    x = T.scalar("x")
    wide = np.array(0.1)
    f = ca.function([x], x, name="f")
    with pytest.raises(TypeError, match=r"argument 0 \(x\) of function f: float64 to float32 would lose precision"):
        f(wide)
    assert f(0.1) == np.float32(0.1)  # a Python float becomes floatX
    assert ca.function([x], x, allow_input_downcast=True)(wide) == np.float32(0.1)
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([x], x, allow_input_downcast=False)(0.1)
    assert ca.function([ca.In(x, allow_downcast=True)], x)(wide) == np.float32(0.1)
    with pytest.raises(TypeError, match="strict=True takes"):
        ca.function([ca.In(x, strict=True)], x)(1)
    i = T.iscalar("i")
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([i], i)(0.5)
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([i], i)(2**40)
    b = T.bscalar("b")
    with pytest.raises(TypeError, match="lose precision"):
        ca.function([b], b)(300)
    assert ca.function([i], i)(np.int8(3)) == 3


def test_wrong_dimensions(any_ctx):
    x = T.matrix("x")
    f = ca.function([x], x)
    with pytest.raises(TypeError, match=r"wrong number of dimensions: expected 2, got 1 with shape \(3,\)"):
        f([1, 2, 3])
    with pytest.raises(TypeError, match="wrong number of dimensions"):
        f(ca.asarray([1, 2, 3], dtype="float32"))
    r = T.row("r")
    with pytest.raises(TypeError, match=r"axis 0 is broadcastable.* shape \(2, 3\)"):
        ca.function([r], r)(np.zeros((2, 3), F32))
    with pytest.raises(TypeError, match="a variable came"):
        f(T.matrix())
    with pytest.raises(TypeError, match="None"):
        f(None)
    with pytest.raises(TypeError, match="not an array of numbers"):
        f("ab")


def test_missing_and_superfluous_arguments(any_ctx):
    x, y = T.scalars("x", "y")
    f = ca.function([x, y], x - y, name="minus")
    assert f(y=1, x=3) == 2
    assert f(3, y=1) == 2
    with pytest.raises(TypeError, match="function minus misses its input y"):
        f(1)
    with pytest.raises(TypeError, match="takes 2 arguments, 3 came"):
        f(1, 2, 3)
    with pytest.raises(TypeError, match="no input named 'z'; it has x, y"):
        f(1, 2, z=3)
    with pytest.raises(TypeError, match="'x' came twice"):
        f(1, x=3)


def test_missing_and_unused_inputs(any_ctx):
    x, y = T.scalars("x", "y")
    with pytest.raises(MissingInputError, match=r"needs a value for y of type TensorType\(float32, scalar\)"):
        ca.function([x], x + y)
    with pytest.raises(UnusedInputError, match="no output depends on y"):
        ca.function([x, y], x)
    with pytest.warns(UserWarning, match="no output depends on y"):
        f = ca.function([x, y], x, on_unused_input="warn")
    assert f(1, 2) == 1
    assert ca.function([x, y], x, on_unused_input="ignore")(1, 2) == 1
    with pytest.raises(ValueError, match="on_unused_input is"):
        ca.function([x, y], x, on_unused_input="shout")
    with pytest.raises(ValueError, match="is an input twice"):
        ca.function([x, x], x)
    with pytest.raises(TypeError, match="inputs is a list"):
        ca.function(x, x)
    with pytest.raises(TypeError, match="has a value and is no input"):
        ca.function([ca.shared(1.0)], x)


def test_mutable_without_borrow_is_an_error(any_ctx):
    with pytest.raises(AssertionError, match="mutable"):
        ca.In(T.vector(), mutable=True, borrow=False)


def test_axes_declared_one_stretch_and_others_do_not(any_ctx, rng):
    x, y = T.matrices("x", "y")
    f = ca.function([x, y], x + y)
    with pytest.raises(
        ValueError, match=r"y of type .* has one element along axis 0, which is not declared broadcastable"
    ):
        f(draw(rng, 3, 4), draw(rng, 1, 4))
    r = T.row("r")
    a, b = draw(rng, 3, 4), draw(rng, 1, 4)
    np.testing.assert_array_equal(ca.function([x, r], x + r)(a, b), a + b)
    np.testing.assert_array_equal(ca.function([x, y], x + T.addbroadcast(y, 0))(a, b), a + b)
    with pytest.raises(ValueError, match="declared broadcastable but has 3"):
        ca.function([y], T.addbroadcast(y, 0))(a)


def test_errors_name_the_line(any_ctx, rng):
    x, y = T.matrices("x", "y")
    z = x * y  # the culprit
    f = ca.function([x, y], z.sum())
    with pytest.raises(ValueError) as caught:
        f(draw(rng, 3, 4), draw(rng, 3, 5))
    assert any("test_function_arguments.py" in note for note in caught.value.__notes__)


def test_empty_arrays(ctx):
    x = T.matrix("x")
    f = ca.function([x], [T.exp(x) * 2, x.sum(), x.sum(axis=0)])
    a, b, c = f(np.zeros((0, 3), F32))
    assert a.shape == (0, 3)
    assert float(b) == 0
    assert c.tolist() == [0, 0, 0]


def test_eval(any_ctx):
    x, y = T.scalars("x", "y")
    z = x + y
    assert z.eval({x: 1, y: 2}) == 3
    assert z.eval({x: 2, "y": 2}) == 4
    assert T.constant([1, 2, 3]).eval().tolist() == [1, 2, 3]
    with pytest.raises(MissingInputError):
        z.eval({x: 1})
