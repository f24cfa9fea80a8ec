"""The table of operations: complete, well formed, and of NumPy's dtypes."""

from __future__ import annotations

import itertools
import pickle
import re

import numpy as np
import pytest

from clarray.core import dtypes, ops
from clarray.core.aval import Aval
from clarray.core.op import Op, Ufunc

# fmt: off
STANDARD = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_left_shift",
    "bitwise_invert", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "clip", "conj", "copysign", "cos",
    "cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide", "greater", "greater_equal", "hypot", "imag",
    "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log1p", "log2", "log10", "logaddexp", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal",
    "positive", "pow", "real", "reciprocal", "remainder", "round", "sign", "signbit", "sin", "sinh", "square", "sqrt",
    "subtract", "tan", "tanh", "trunc", "where",
]
BEYOND = [
    "erf", "erfinv", "erfc", "erfcinv", "gamma", "lgamma", "digamma", "expit", "logit", "rsqrt", "cbrt", "exp2",
    "deg2rad", "rad2deg", "fmod", "angle", "zeta",
]
STATISTICAL = [
    "sum", "prod", "max", "min", "mean", "var", "any", "all", "argmax", "argmin", "count_nonzero", "logsumexp",
]
# fmt: on

# NumPy orders complex numbers and knows no dtype rule for these; the standard does.
ORDERED = ["less", "less_equal", "greater", "greater_equal", "maximum", "minimum", "clip"]
ELSEWHERE = set(BEYOND) - {"cbrt", "exp2", "deg2rad", "rad2deg", "fmod", "angle"}
ALL = [row.numpy for row in dtypes.ROWS]

operation = pytest.mark.parametrize("op", ops.UFUNCS.values(), ids=lambda op: op.name)
reduced = pytest.mark.parametrize("op", ops.REDUCTIONS.values(), ids=lambda op: op.name)


def test_every_name_is_a_row():
    assert not set(STANDARD + BEYOND) - set(ops.UFUNCS)
    assert not set(STATISTICAL) - set(ops.REDUCTIONS)
    for name, op in (ops.UFUNCS | ops.REDUCTIONS).items():
        assert op.name == name
        assert Op.registry[name] is op
        assert getattr(ops, name) is op
        assert pickle.loads(pickle.dumps(op)) is op


@operation
def test_row_is_well_formed(op):
    assert op.doc
    assert op.code
    for kind, code in op.code.items():
        words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", code))
        assert set(op.letters) <= words or code in ("0", "1"), (kind, code)
        assert not re.search(r"\d\.\d*(?!\d|f)", code), f"a double constant in {code!r}"
        assert set(re.findall(r"\{\w+\}", code)) <= {"{T}", "{X}", "{R}", "{U}"}
    domains = op.domain if isinstance(op.domain[0], tuple) else [op.domain] * len(op.letters)
    assert len(domains) == len(op.letters) - op.condition + op.condition * (isinstance(op.domain[0], float))


@operation
def test_printed_code_has_the_names_and_no_hole(op):
    for dtype in ALL:
        if dtype.kind in op.code:
            names = [f"t{n}" for n in range(len(op.letters))]
            operands, out = op.resolve((dtype,) * len(names))
            text = op.print(dtypes.row(operands[-1]), dtypes.row(out), names)
            assert "{" not in text
            assert text in ("0", "1") or all(name in text for name in names)


def numpy_result(op, operands):
    """The dtype of NumPy's result, or TypeError."""
    function = getattr(np, op.name)
    values = [np.ones(2, d) if isinstance(d, np.dtype) else d(1) for d in operands]
    with np.errstate(all="ignore"):
        return np.asarray(function(*values)).dtype


def our_result(op, operands):
    return op.resolve(operands)[1]


def agree(op, operands):
    try:
        want = numpy_result(op, operands)
    except TypeError:
        with pytest.raises(TypeError, match=op.name):
            our_result(op, operands)
        return
    if op.name in ORDERED and np.dtype(dtypes.promote(operands)).kind == "c":
        with pytest.raises(TypeError, match=op.name):
            our_result(op, operands)
        return
    if op.name in ("angle", "round") and dtypes.promote(operands) == np.dtype(bool):
        return  # made float16 by NumPy, int8 by us
    got = our_result(op, operands)
    assert got == want, f"{op.name}{tuple(map(str, operands))}: {got}, NumPy has {want}"


@pytest.mark.parametrize("op", [op for op in ops.UFUNCS.values() if op.name not in ELSEWHERE], ids=lambda op: op.name)
def test_dtypes_are_numpys(op):
    count = len(op.letters)
    if op.name == "where":
        for pair in itertools.product(ALL, repeat=2):
            agree(op, (np.dtype(bool), *pair))
        return
    for operands in itertools.product(ALL, repeat=min(count, 2)):
        agree(op, operands + operands[:1] * (count - len(operands)))
    if count == 2:
        for strong, weak in itertools.product(ALL, (bool, int, float, complex)):
            agree(op, (strong, weak))
            agree(op, (weak, strong))


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "any", "all", "argmax", "argmin"])
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_reductions_have_numpys_dtypes(name, dtype):
    op = ops.REDUCTIONS[name]
    want = np.asarray(getattr(np, name)(np.ones(3, dtype))).dtype
    if name in ("max", "min", "argmax", "argmin") and dtype.kind == "c":
        with pytest.raises(TypeError, match="complex"):
            op.resolve(dtype)
        return
    assert op.resolve(dtype)[1] == want


@reduced
def test_reduction_has_code_for_every_kind(op):
    for dtype in ALL:
        if dtype.kind not in op.category:
            continue
        kind = op.resolve(dtype)[0].kind
        for code in (op.map, op.combine, op.identity):
            assert len(code[kind]) == len(op.state)
        assert len(op.finish[kind]) == 1


def test_refused_bools_name_the_remedy():
    pair = (np.dtype(bool),) * 2
    with pytest.raises(TypeError, match="logical_xor"):
        ops.subtract.resolve(pair)
    with pytest.raises(TypeError, match="logical_not"):
        ops.negative.resolve(pair[:1])
    with pytest.raises(TypeError, match=r"bitwise_and\(\) does not take \(float32, int8\).*integer or boolean.*astype"):
        ops.bitwise_and.resolve((np.dtype("float32"), np.dtype("int8")))


def test_without_fp64_only_an_explicit_double_stays():
    int32, single, double = np.dtype("int32"), np.dtype("float32"), np.dtype("float64")
    assert ops.divide.resolve((int32, int32), fp64=False)[1] == single
    assert ops.exp.resolve((int32,), fp64=False)[1] == single
    assert ops.add.resolve((single, double), fp64=False)[1] == double
    assert ops.mean.resolve(int32, fp64=False)[1] == single


def test_a_letter_is_not_a_component():
    op = Ufunc("test", "x y", {"c": "x.x + y.y * 1.f"}, "c")
    row = dtypes.row("complex64")
    assert op.print(row, row, ["a", "b"]) == "a.x + b.y * 1.f"


def test_code_for_one_dtype_goes_before_that_of_its_kind():
    half, single = dtypes.row("float16"), dtypes.row("float32")
    assert ops.nextafter.print(half, half, ["a", "b"]) == "half_nextafter(a, b)"
    assert ops.nextafter.print(single, single, ["a", "b"]) == "nextafter(a, b)"


def test_infer_broadcasts_and_keeps_weakness():
    x = Aval((3, 1), np.dtype("float32"))
    assert ops.add.infer([x, Aval((4,), np.dtype("float16"))], {})[0] == Aval((3, 4), np.dtype("float32"))
    assert ops.multiply.infer([x, Aval((), np.dtype("float64"), float)], {})[0].dtype == np.float32
    with pytest.raises(TypeError, match="takes 2 operands"):
        ops.add.infer([x], {})
