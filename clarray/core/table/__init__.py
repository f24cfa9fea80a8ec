"""The table of operations, by subject: `ufunc` and `reduction` each add a row.

`clarray.core.ops` is the face under which the rows are used.
"""

from __future__ import annotations

from typing import Any

from ..op import Op, Reduction, Ufunc

UFUNCS: dict[str, Ufunc] = {}
REDUCTIONS: dict[str, Reduction] = {}


def ufunc(name: str, letters: str, code: Any, category: str, cls: type[Ufunc] = Ufunc, **row: Any) -> Ufunc:
    """Add a row for a function of each element; the arguments are `Ufunc`'s."""
    op = cls(name, letters, code, category, **row)
    UFUNCS[name] = op
    Op.registry[name] = op
    return op


def reduction(
    name: str, letters: str, map: Any, combine: Any, identity: Any, category: str, cls: type[Reduction] = Reduction,
    **row: Any,
) -> Reduction:  # fmt: skip
    """Add a row for a function of all elements along axes; the arguments are `Reduction`'s."""
    op = cls(name, letters, map, combine, identity, category, **row)
    REDUCTIONS[name] = op
    Op.registry[name] = op
    return op
