"""What convolutions refuse, and how they say it; shapes in graphs."""

from __future__ import annotations

import numpy as np
import pytest

from clarray.core.aval import Aval
from clarray.core.convolution import Window, convolution
from clarray.functions.nn.convolution import _counts, _padding

F4 = np.dtype("float32")
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def infer(x, w, dtype=F4, **params):
    return convolution.infer([Aval(x, dtype), Aval(w, dtype)], PLAIN | params)[0]


@pytest.mark.parametrize(
    ("x", "w", "params", "message"),
    [
        ((2, 3, 5), (4, 3, 3, 3), {}, r"conv2d\(\) takes x of 4 dimensions .*\(2, 3, 5\)"),
        ((2, 3, 5, 5), (3, 3), {}, r"conv2d\(\) takes w of 4 dimensions .*\(3, 3\)"),
        ((2, 3, 5, 5), (4, 2, 3, 3), {}, r"take x of 2 channels, 3 came"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"groups": 2}, r"groups=2 does not divide the 3 channels of x"),
        ((2, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}, r"groups=2 does not divide the 3 out channels"),
        ((2, 3, 5, 5), (4, 3, 3, 6), {}, r"w reaches over 6 elements along spatial axis 1.*only 5"),
        ((2, 3, 5, 5), (4, 3, 3, 3), {"dilation": (3, 1)}, r"w reaches over 7 elements along spatial axis 0"),
        ((2, 3, 5, 5), (4, 3, 0, 3), {}, r"w has no elements along spatial axis 0"),
    ],
)
def test_shapes_that_do_not_fit(x, w, params, message):
    with pytest.raises(ValueError, match=message):
        infer(x, w, **params)


def test_bools_are_refused():
    with pytest.raises(TypeError, match=r"conv2d\(\) does not take bool"):
        infer((1, 1, 3, 3), (1, 1, 3, 3), np.dtype(bool))


def test_unknown_extents_stay_unknown():
    assert infer((None, 3, None, 9), (4, 3, 3, 3)).shape == (None, 4, None, 7)
    assert infer((2, None, 8, 9), (4, None, 3, None)).shape == (2, 4, 6, None)


def test_positions_of_a_window():
    assert Window(10, 3, 1, 1, 1, 1).count == 10
    assert Window(10, 3, 2, 0, 0, 2).count == 3
    assert Window(3, 5, 1, 1, 1, 1).count == 1


@pytest.mark.parametrize("stride", [0, -1, (1, 0), (1, 2, 3), 1.5, "1", None, ()])
def test_counts_say_what_is_allowed(stride):
    with pytest.raises(ValueError, match=r"conv2d\(\): stride is an int of at least 1 or 2 of them, .* came"):
        _counts("conv2d", "stride", stride, 2, 1)


@pytest.mark.parametrize(
    "padding", [-1, (1, -2), ((0, 1), (-1, 0)), ((0, 1),), ((0, 1, 2), (0, 1)), "full", 0.5, "ab", (1, 0.5), None]
)
def test_paddings_say_what_is_allowed(padding):
    with pytest.raises(
        ValueError, match=r"conv2d\(\): padding is .* pairs \(before, after\), 'valid' or 'same'; .* came"
    ):
        _padding("conv2d", padding, 2)


def test_counts():
    assert _counts("conv2d", "stride", np.int16(2), 2, 1) == (2, 2)
    assert _counts("conv2d", "stride", np.array([1, 2]), 2, 1) == (1, 2)


def test_paddings():
    assert _padding("conv2d", 1, 2) == ((1, 1), (1, 1))
    assert _padding("conv2d", [1, 2], 2) == ((1, 1), (2, 2))
    assert _padding("conv2d", [[1, 0], (0, 2)], 2) == ((1, 0), (0, 2))
    assert _padding("conv2d", np.array([[1, 0], [0, 2]]), 2) == ((1, 0), (0, 2))
    assert _padding("conv2d", np.array([1, 2]), 2) == ((1, 1), (2, 2))
    assert _padding("conv2d", (np.int8(1), (0, 2)), 2) == ((1, 1), (0, 2))
    assert _padding("conv2d", "valid", 2) == ((0, 0), (0, 0))
    assert _padding("conv1d", np.int64(3), 1) == ((3, 3),)
