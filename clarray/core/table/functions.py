"""Rows: powers, exponential, trigonometric, hyperbolic and special functions."""

from __future__ import annotations

from math import log as _log
from math import nan, pi
from math import sqrt as _sqrt
from typing import Any

from numpy import dtype as _dtype

from ..dtypes import FLOATING, NUMERIC, REAL_FLOATING
from ..op import Ufunc
from . import ufunc
from .arithmetic import POSITIVE, sqrt, square
from .logic import equal, greater, where

UNIT = (-0.95, 0.95)
SMALL = (-3.0, 3.0)
LN2, LN10 = _log(2), _log(10)


def _function(name: str, category: str = FLOATING, **row: Any) -> Ufunc:
    """A function that OpenCL C has under the same name, and complex.mako for complex numbers."""
    code = {kind: {"f": f"{name}(x)", "c": f"complex_{name}(x)"}[kind] for kind in category}
    return ufunc(name, "x", code, category, **row)


exp = _function("exp", grad=lambda g, out, x: (g * out,), doc="e to the power x")
expm1 = _function("expm1", grad=lambda g, out, x: (g * (out + 1),), doc="exp(x) - 1, right for small x")
exp2 = _function("exp2", grad=lambda g, out, x: (g * out * LN2,), doc="2 to the power x")
log = _function("log", grad=lambda g, out, x: (g / x,), domain=POSITIVE, doc="the natural logarithm")


class Power(Ufunc):
    """The power, which refuses integers a negative Python integer as exponent, as NumPy does."""

    def __call__(self, *operands: Any, **params: Any) -> Any:
        if len(operands) == 2 and type(operands[1]) is int and operands[1] < 0:
            x = operands[0]
            if isinstance(x, int) or _dtype(getattr(x, "dtype", "float64")).kind in "biu":
                raise ValueError(f"integers to negative integer powers are not allowed ({operands[1]}); use a float")
        return super().__call__(*operands, **params)


pow: Ufunc = ufunc(
    "pow", "x y", {"iu": "integer_pow(x, y)", "f": "pow(x, y)", "c": "complex_pow(x, y)"}, NUMERIC,
    grad=lambda g, out, x, y: (
        g * where(equal(y, 0), 0, y * pow(x, y - 1)),
        g * out * log(where(equal(x, 0), 1, x)),
    ),
    domain=(POSITIVE, SMALL), ulp=16, cls=Power,
    doc="x to the power y; integers wrap, and negative powers of them are 0",
)  # fmt: skip
log1p = _function(
    "log1p", grad=lambda g, out, x: (g / (1 + x),), domain=(-0.9, 10.0), doc="log(1 + x), right for small x"
)
log2 = _function("log2", grad=lambda g, out, x: (g / (x * LN2),), domain=POSITIVE, doc="the logarithm to base 2")
log10 = _function("log10", grad=lambda g, out, x: (g / (x * LN10),), domain=POSITIVE, doc="the logarithm to base 10")
logaddexp = ufunc(
    "logaddexp", "x y", "special_logaddexp(x, y)", REAL_FLOATING, commutes=True,
    grad=lambda g, out, x, y: (g * expit(x - y), g * expit(y - x)), doc="log(exp(x) + exp(y)) without overflow",
)  # fmt: skip

sin = _function("sin", grad=lambda g, out, x: (g * cos(x),), doc="the sine")
cos: Ufunc = _function("cos", grad=lambda g, out, x: (-g * sin(x),), doc="the cosine")
tan = _function("tan", grad=lambda g, out, x: (g * (1 + out * out),), domain=(-1.4, 1.4), ulp=5, doc="the tangent")
asin = _function("asin", grad=lambda g, out, x: (g / sqrt(1 - x * x),), domain=UNIT, doc="the inverse sine")
acos = _function("acos", grad=lambda g, out, x: (-g / sqrt(1 - x * x),), domain=UNIT, doc="the inverse cosine")
atan = _function("atan", grad=lambda g, out, x: (g / (1 + x * x),), ulp=5, doc="the inverse tangent")
atan2 = ufunc(
    "atan2", "y x", "atan2(y, x)", REAL_FLOATING, ulp=6,
    grad=lambda g, out, y, x: (g * x / (x * x + y * y), -g * y / (x * x + y * y)), doc="the angle of the point (x, y)",
)  # fmt: skip
sinh = _function("sinh", grad=lambda g, out, x: (g * cosh(x),), doc="the hyperbolic sine")
cosh: Ufunc = _function("cosh", grad=lambda g, out, x: (g * sinh(x),), doc="the hyperbolic cosine")
tanh = _function(
    "tanh", grad=lambda g, out, x: (g * (1 - out * out),), domain=SMALL, ulp=5, doc="the hyperbolic tangent"
)
asinh = _function("asinh", grad=lambda g, out, x: (g / sqrt(x * x + 1),), doc="the inverse hyperbolic sine")
acosh = _function(
    "acosh",
    grad=lambda g, out, x: (g / (sqrt(x - 1) * sqrt(x + 1)),),
    domain=(1.1, 10.0),
    doc="the inverse hyperbolic cosine",
)
atanh = _function(
    "atanh", grad=lambda g, out, x: (g / (1 - x * x),), domain=UNIT, ulp=5, doc="the inverse hyperbolic tangent"
)

erf = _function(
    "erf", REAL_FLOATING, grad=lambda g, out, x: (g * (2 / _sqrt(pi)) * exp(-square(x)),),
    domain=SMALL, ulp=16, doc="the error function",
)  # fmt: skip
erfc = _function(
    "erfc", REAL_FLOATING, grad=lambda g, out, x: (g * (-2 / _sqrt(pi)) * exp(-square(x)),),
    domain=SMALL, ulp=16, doc="1 - erf(x), right for large x",
)  # fmt: skip
erfinv = ufunc(
    "erfinv", "x", "special_erfinv(x)", REAL_FLOATING, grad=lambda g, out, x: (g * (_sqrt(pi) / 2) * exp(square(out)),),
    domain=UNIT, ulp=8, doc="the inverse of erf",
)  # fmt: skip
erfcinv = ufunc(
    "erfcinv", "x", "special_erfcinv(x)", REAL_FLOATING,
    grad=lambda g, out, x: (g * (-_sqrt(pi) / 2) * exp(square(out)),), domain=(0.05, 1.95), ulp=8,
    doc="the inverse of erfc",
)  # fmt: skip
gamma = ufunc(
    "gamma", "x", "tgamma(x)", REAL_FLOATING, grad=lambda g, out, x: (g * out * digamma(x),),
    domain=(0.1, 6.0), ulp=16, doc="the gamma function",
)  # fmt: skip
lgamma = _function(
    "lgamma", REAL_FLOATING, grad=lambda g, out, x: (g * digamma(x),),
    domain=POSITIVE, ulp=16, doc="the logarithm of |gamma(x)|; ulps are of max(1, |lgamma|), for its zeros are inexact",
)  # fmt: skip
expit: Ufunc = ufunc(
    "expit", "x", "special_expit(x)", REAL_FLOATING,
    grad=lambda g, out, x: (g * out * (1 - out),), ulp=6, doc="1 / (1 + exp(-x)), the logistic function",
)  # fmt: skip
logit = ufunc(
    "logit", "x", "special_logit(x)", REAL_FLOATING,
    grad=lambda g, out, x: (g / (x * (1 - x)),),
    domain=(0.05, 0.95), ulp=8, doc="log(x / (1 - x)), the inverse of expit",
)  # fmt: skip
deg2rad = ufunc(
    "deg2rad", "x", "radians(x)", REAL_FLOATING, grad=lambda g, out, x: (g * (pi / 180),), doc="radians of degrees"
)
rad2deg = ufunc(
    "rad2deg", "x", "degrees(x)", REAL_FLOATING, grad=lambda g, out, x: (g * (180 / pi),), doc="degrees of radians"
)


def _trigamma(x: Any) -> Any:
    """The derivative of digamma, reflected to positive numbers (Abramowitz and Stegun, 1964, 6.4.7)."""
    right = greater(x, 0)
    sine = sin(where(right, pi / 2, x * pi))
    return where(right, zeta(2.0, where(right, x, 1)), square(pi / sine) - zeta(2.0, where(right, 1, 1 - x)))


zeta: Ufunc = ufunc(
    "zeta", "s q", "special_zeta(s, q)", REAL_FLOATING,
    grad=lambda g, out, s, q: (g * nan, -g * s * zeta(s + 1, q)), domain=((1.5, 8.0), POSITIVE), ulp=16,
    doc="Hurwitz's zeta function: the sum of (q + k)**-s over k = 0, 1, ..., for s > 1 and q > 0; NaN elsewhere, "
    "and so is its gradient for s, which has no formula",
)  # fmt: skip
digamma: Ufunc = ufunc(
    "digamma", "x", "special_digamma(x)", REAL_FLOATING, grad=lambda g, out, x: (g * _trigamma(x),),
    domain=POSITIVE, ulp=8, doc="the derivative of lgamma; ulps are of max(1, |digamma|) for negative x",
)  # fmt: skip
