"""What there is to tune in inline math: for each function of the table, the builtin against its inline version."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from clarray.core.layout import Layout
from clarray.core.op import Ufunc
from clarray.core.table import UFUNCS
from clarray.core.traits import Traits

from .inline import INLINE
from .tuning import Sample, Tunable, tunable

SIZE = 1 << 19
WITHOUT_NUMPY: dict[str, Callable[[Any], Any]] = {
    "rsqrt": lambda x: 1 / np.sqrt(x),
    **{name: np.vectorize(getattr(math, name)) for name in ("erf", "erfc", "gamma", "lgamma")},
}


def functions() -> dict[str, Ufunc]:
    """The rows that are a call of a builtin with an inline version, by the builtin's name."""
    found = {}
    for op in UFUNCS.values():
        name, _, operands = op.code.get("f", "").partition("(")
        if name in INLINE and operands == f"{', '.join(op.letters)})" and op.result == "same":
            found[name] = op
    return found


def _samples(traits: Traits) -> list[Sample]:
    """None where builtins are known to be inexact: there the faster one may be the wrong one."""
    if "builtins_inexact" in traits.quirks:
        return []
    return [_sample(name, op) for name, op in functions().items()]


def _sample(name: str, op: Ufunc) -> Sample:
    domains: list[Any] = list(op.domain) if isinstance(op.domain[0], tuple) else [op.domain] * len(op.letters)
    drawn = cycle(domains)  # operand by operand, again and again

    def draw(rng: np.random.Generator, layout: Layout) -> Any:
        low, high = next(drawn)
        return rng.uniform(low, high, layout.shape)

    def reference(*xs: Any) -> Any:
        f = WITHOUT_NUMPY.get(op.name) or getattr(np, op.name)
        return f(*(x.astype(np.float64) for x in xs))

    operand = Layout.of(np.dtype(np.float32), (SIZE,))
    return Sample(name, op, (operand,) * len(op.letters), reference, rtol=1e-5, draw=draw)


def _candidates(traits: Traits, problem: str) -> Sequence[str]:
    return ("builtin", "inline") if problem in traits.inline_math else ("inline", "builtin")


tunable(
    Tunable(
        "inline_math", "whether a function is the driver's builtin or the one of templates/lib", _candidates, _samples
    )
)
