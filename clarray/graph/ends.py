"""The ends of a graph: what it begins with, every leaf of it given and every input used, and where its results go."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from clarray.core.movement import View

from .arguments import In
from .origin import quoted
from .places import HOST, is_transfer, moves
from .shared import SharedVariable
from .variable import Constant, Variable
from .walk import toposort


class UnusedInputError(ValueError):
    """An input that no output depends on."""


class MissingInputError(ValueError):
    """A variable that an output depends on, and that nobody gives a value."""


def check_leaves(
    name: str, specs: Sequence[In], found: Sequence[Variable], graph: Sequence[Variable], on_unused: str
) -> None:
    """Every leaf that is found has a value, and `graph` uses every input."""
    given = {s.variable for s in specs}
    missing = [x for x in found if x not in given and not isinstance(x, Constant | SharedVariable)]
    if missing:
        raise MissingInputError(
            f"function {name} needs a value for {', '.join(x.described() for x in missing)}: "
            f"put it into inputs or givens{_readers(missing, graph)}"
        )
    if on_unused not in ("raise", "warn", "ignore"):
        raise ValueError(f"function(): on_unused_input is 'raise', 'warn' or 'ignore', {on_unused!r} came")
    if on_unused == "ignore":
        return
    used = {*graph, *(x for node in toposort(graph) for x in node.inputs)}
    unused = [s for s in specs if s.variable not in used and s.update is None]
    if unused:
        text = (
            f"function {name}: no output depends on {', '.join(s.variable.described() for s in unused)}; "
            f"pass on_unused_input='ignore' if that is meant"
        )
        if on_unused == "raise":
            raise UnusedInputError(text)
        warnings.warn(text, UserWarning, stacklevel=5)


def _readers(missing: Sequence[Variable], graph: Sequence[Variable]) -> str:
    """Which operations read variables that nobody gives a value."""
    lines = []
    for x in missing[:3]:
        reader = next((n for n in toposort(graph) if x in n.inputs), None)
        if reader is not None:
            lines.append(f"\n{x} is read by {reader!r}, made at {quoted(reader.line)}")
    return "".join(lines)


def stripped(x: Variable) -> Variable:
    """An output without the transfers that only say where it is wanted."""
    while is_transfer(x) and not moves(x.owner):  # type: ignore[arg-type]
        x = x.owner.inputs[0]  # type: ignore[union-attr]
    return x


def end_of(x: Variable) -> str:
    """Whether an output stays on the "device" or goes to the "host": the outermost transfer decides."""
    return "device" if is_transfer(x) and x.owner.params["target"] != HOST else "host"  # type: ignore[union-attr]


def viewed(x: Variable) -> Variable:
    """The variable that x is a view of."""
    while x.owner is not None and isinstance(x.owner.op, View):
        x = x.owner.inputs[0]
    return x
