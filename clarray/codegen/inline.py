"""Inline math: which functions have a version in `templates/lib` that compilers make vectors of, and how it is called.

A Spec's `inline` names those to use in place of the builtins; printing a template replaces their calls. The
versions are plain OpenCL C without calls, loops and branches: at most 4 ulp (pow and the gammas 8) over all floats.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache

_BY_LIBRARY = {
    "real": "fabs copysign fmin fmax floor ceil trunc rint sqrt isnan isinf isfinite signbit",
    "exponential": "exp exp2 exp10 expm1",
    "logarithm": "log log2 log10 log1p",
    "trigonometric": "sin cos tan",
    "arc": "asin acos atan atan2",
    "hyperbolic": "sinh cosh tanh asinh acosh atanh",
    "power": "pow cbrt rsqrt hypot",
    "error": "erf erfc",
    "gamma": "tgamma lgamma",
}

BUILTINS = frozenset(_BY_LIBRARY["real"].split())
"""Functions of one instruction: inline they are the compiler's own, which only Clang has."""

INLINE = {name: f"{library}_{name}" for library, names in _BY_LIBRARY.items() for name in names.split()}
"""The builtins that have an inline version, and its name."""

FUNCTIONS = frozenset(INLINE) - BUILTINS
"""Those whose versions are plain OpenCL C, for any device."""

LIBRARIES = frozenset(_BY_LIBRARY)
"""The libraries of inline versions: a builtin that one of these calls is meant."""


def inline_calls(text: str, names: Collection[str]) -> str:
    """C text in which builtins of these names are called in their inline versions."""
    return _calls(frozenset(names)).sub(lambda m: INLINE[m[0]], text) if names else text


@cache
def _calls(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(names, key=len, reverse=True))})(?=\()")


def number(value: float) -> str:
    """The C text of a float."""
    return re.sub(r"\.?0*p", "p", value.hex()) + "f"


def horner(variable: str, coefficients: Sequence[float]) -> str:
    """The C text of a polynomial in a float variable."""
    *rest, text = map(number, coefficients)
    for c in reversed(rest):
        text = f"({text} * {variable} + {c})"
    return text
