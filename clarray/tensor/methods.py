"""The methods of variables that are functions of this namespace, and arguments that Theano's methods take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clarray.core.operators import Operators
from clarray.graph.variable import Variable

from . import elementwise, reductions
from .creation import diagonal, ones_like, trace, zeros_like
from .extra_ops import compress, cumprod, cumsum
from .reductions import ptp
from .shapes import repeat
from .sort import argsort, sort
from .subtensor import choose, nonzero, nonzero_values, take
from .values import get_scalar_constant_value

METHODS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        argsort, choose, compress, cumprod, cumsum, diagonal, elementwise.fill, get_scalar_constant_value, nonzero,
        nonzero_values, ones_like, ptp, repeat, sort, take, trace, zeros_like,
    )
}  # fmt: skip
METHODS |= {name: reductions.FUNCTIONS[name] for name in ("sum", "prod", "mean", "argmax", "argmin")}

METHODS |= {f"__{name}__": elementwise.FUNCTIONS[name] for name in ("ceil", "floor", "trunc")}


def round(x: Variable, decimals: int | str = 0, mode: str = "half_to_even") -> Variable:
    """Rounded to `decimals` digits after the point; `mode` says where halves go, and may come first, as in Theano."""
    digits, mode = (0, decimals) if isinstance(decimals, str) else (decimals, mode)
    rounded: Variable = elementwise.round(x, mode) if mode != "half_to_even" else Operators.round(x, digits)
    return rounded


def __round__(x: Variable, digits: int | None = None) -> Variable:
    """The nearest integer, or the nearest number of so many digits after the point."""
    return round(x, digits or 0)


METHODS |= {"round": round, "__round__": __round__}
for _name, _method in METHODS.items():
    setattr(Variable, _name, _method)
