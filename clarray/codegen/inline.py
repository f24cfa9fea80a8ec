"""Inline math: which functions have a version in `templates/lib` that compilers make vectors of, and how it is called.

`inlined` names those that a device gets in place of the builtins; printing a template replaces their calls. The
versions are plain OpenCL C without calls, loops and branches: at most 4 ulp (pow and the gammas 8) over all floats.
Those of doubles that there are keep to 4 ulp too; the others call the builtin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from clarray.core.traits import Traits

from . import math_tables

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


def inlined(traits: Traits) -> frozenset[str]:
    """The functions whose inline versions a device's kernels call: those of its quirks, or what tuning chose."""
    if not traits.tuned:
        return traits.inline_math
    return frozenset(
        name
        for name in INLINE
        if traits.choice("inline_math", name, "inline" if name in traits.inline_math else "builtin") == "inline"
    )


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


@dataclass(frozen=True)
class Real:
    """A floating type, as the libraries that have versions for several print them."""

    ctype: str
    integer: str  # the C type of as many bits
    digits: int  # of the significand, in bits
    most: int  # the largest exponent

    @property
    def fraction(self) -> int:
        """Bits of the significand that are stored."""
        return self.digits - 1

    def number(self, value: float) -> str:
        """The C text of a number."""
        return number(value) if self.ctype == "float" else number(value)[:-1]

    def table(self, name: str) -> Any:
        """Constants of `math_tables`."""
        return getattr(math_tables, name if self.ctype == "float" else f"{name}_64")

    def horner(self, variable: str, name: str) -> str:
        """The C text of a polynomial whose coefficients are a table."""
        *rest, text = map(self.number, self.table(name))
        for c in reversed(rest):
            text = f"({text} * {variable} + {c})"
        return text


FLOAT, DOUBLE = Real("float", "int", 24, 127), Real("double", "long", 53, 1023)


def reals(fp64: bool) -> tuple[Real, ...]:
    """The types that a kernel may compute in."""
    return (FLOAT, DOUBLE) if fp64 else (FLOAT,)
