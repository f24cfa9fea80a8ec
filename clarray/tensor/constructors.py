"""Constructors of variables by rank and dtype: `T.vector`, `T.fmatrix`, `T.lscalars`, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clarray.config import config
from clarray.graph.variable import TensorType, Variable

PREFIXES = {
    "": "floatX", "b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64",
    "c": "complex64", "z": "complex128",
}  # fmt: skip
PATTERNS = {
    "scalar": (), "vector": (False,), "row": (True, False), "col": (False, True), "matrix": (False, False),
    "tensor3": (False,) * 3, "tensor4": (False,) * 4, "tensor5": (False,) * 5, "tensor6": (False,) * 6,
    "tensor7": (False,) * 7,
}  # fmt: skip
PLURALS = {"matrix": "matrices"}


def tensor(dtype: str = "floatX", broadcastable: Any = (), name: str | None = None) -> Variable:
    """A variable of this dtype and broadcast pattern."""
    return TensorType(dtype, tuple(broadcastable))(name)


def _one(fixed: str, pattern: tuple[bool, ...]) -> Callable[..., Variable]:
    if fixed == "floatX":

        def construct(name: str | None = None, dtype: Any = None) -> Variable:
            return TensorType(_named(dtype), pattern)(name)
    else:

        def construct(name: str | None = None) -> Variable:  # type: ignore[misc]
            return TensorType(fixed, pattern)(name)

    return construct


def _named(dtype: Any) -> str:
    """A dtype given as a name, NumPy's dtype, or None for floatX."""
    if dtype is None:
        return str(config.floatX)
    return dtype if isinstance(dtype, str) else str(np.dtype(dtype))


def _several(one: Callable[..., Variable], plural: str) -> Callable[..., Variable | list[Variable]]:
    def construct(*names: Any, **options: Any) -> Variable | list[Variable]:
        if len(names) == 1 and isinstance(names[0], int):
            return [one(**options) for _ in range(names[0])]
        if not names:
            raise ValueError(f"{plural}() takes names, or how many")
        if len(names) == 1:
            (names,) = names  # a list of names, or a string of names of one letter
        return one(names[0], **options) if len(names) == 1 else [one(name, **options) for name in names]

    return construct


def _make() -> dict[str, Callable[..., Any]]:
    made: dict[str, Callable[..., Any]] = {}
    for prefix, dtype in PREFIXES.items():
        for rank, pattern in PATTERNS.items():
            name, plural = prefix + rank, prefix + PLURALS.get(rank, rank + "s")
            kind = "floatX" if dtype == "floatX" else dtype
            one = _one(dtype, pattern)
            one.__name__ = one.__qualname__ = name
            one.__doc__ = f"A variable of {kind}, a {rank}."
            many = _several(one, plural)
            many.__name__ = many.__qualname__ = plural
            many.__doc__ = f"Variables of {kind}, each a {rank}, for names ('xyz' is three) or a count."
            made[name], made[plural] = one, many
    return made


CONSTRUCTORS = _make()
