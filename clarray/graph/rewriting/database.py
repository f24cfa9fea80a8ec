"""The database of rewrites: which there are, in which phase each stands, and which of them a mode chooses.

A rule replaces one node; a pass (fusion, in-place results) is done by code of its own and stands here so that it can
be chosen, or left out, by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clarray.core.op import Op

from ..variable import Apply, Variable

PHASES = {
    "required": "what has no kernel is replaced by what has; every mode does so",
    "canonicalize": "one form for what can be written in several, and what need not be computed is not",
    "stabilize": "forms that overflow or cancel become functions that do not",
    "specialize": "forms that cost less: fewer launches, cheaper functions",
    "fusion": "several nodes to a kernel",
    "inplace": "results in the memory of operands that nobody reads any more",
}

Result = Variable | Sequence[Variable] | None


@dataclass(frozen=True)
class Rewrite:
    """One entry: a rule for nodes of `targets` (Ops or classes of them), or a pass, which has no `function`."""

    name: str
    phase: str
    doc: str
    targets: tuple[Any, ...] = ()
    function: Callable[..., Result] | None = None
    asks: bool = False  # whether the rule is told how often a variable is used

    def __call__(self, node: Apply, uses: Callable[[Variable], int]) -> Result:
        """What replaces the results of a node, or None."""
        assert self.function is not None
        return self.function(node, uses) if self.asks else self.function(node)


DATABASE: dict[str, Rewrite] = {}
_TABLES: dict[Query, Rules] = {}  # the rules of queries seen so far


def rewrite(*targets: Any, phase: str = "canonicalize", asks: bool = False) -> Callable[[Any], Any]:
    """Register a rule for Ops, or for classes of them, under its function's name; its docstring is the rule.

    A rule takes a node, whose inputs are rewritten already, and where it `asks` a function that tells how often a
    variable is used. It returns what replaces the node's results, or None; what is of another type replaces nothing.
    """

    for target in targets:
        if not isinstance(target, Op | type):
            raise TypeError(
                f"rewrite(): a target is an Op or a class of them, {target!r} came; the Ops behind functions of "
                f"clarray.tensor are clarray's own, such as clarray.sinh"
            )

    def declare(function: Any) -> Any:
        add(Rewrite(function.__name__, phase, function.__doc__ or "", targets, function, asks))
        return function

    return declare


def add(entry: Rewrite) -> None:
    """Register an entry; ValueError where its name is taken or its phase is none."""
    if entry.phase not in PHASES:
        raise ValueError(f"rewrite {entry.name}: {entry.phase!r} is not a phase; they are {', '.join(PHASES)}")
    if entry.name in DATABASE or (entry.name in PHASES and entry.function is not None):
        raise ValueError(f"rewrite {entry.name}: the name is taken")
    DATABASE[entry.name] = entry
    _TABLES.clear()


def remove(name: str) -> None:
    """Take an entry out again."""
    del DATABASE[name]
    _TABLES.clear()


add(Rewrite("fusion", "fusion", "elementwise nodes join the kernels of those that they feed (fusion.py)"))
add(Rewrite("inplace", "inplace", "a result takes the memory of an operand that is read last (binder.py)"))


@dataclass(frozen=True)
class Query:
    """A choice of entries, by names of phases or of entries; nothing takes away what is required."""

    include: frozenset[str] = frozenset(PHASES)
    exclude: frozenset[str] = frozenset()

    def including(self, *names: str) -> Query:
        """This choice and what is named."""
        return Query(self.include | set(names), self.exclude - set(names))

    def excluding(self, *names: str) -> Query:
        """This choice without what is named."""
        return Query(self.include, self.exclude | set(names))

    def __contains__(self, name: str) -> bool:
        """Whether an entry is chosen; its own name counts for more than its phase's."""
        entry = DATABASE[name]
        if entry.phase == "required":
            return "required" in self.include
        if name in self.exclude:
            return False
        return name in self.include or (entry.phase in self.include and entry.phase not in self.exclude)

    def within(self, *phases: str) -> Query:
        """What of this choice is in some phases."""
        others = frozenset(entry.name for entry in DATABASE.values() if entry.phase not in phases)
        return Query(self.include, self.exclude | others)

    def table(self) -> Rules:
        """The rules chosen, ready to be looked up."""
        found = _TABLES.get(self)
        if found is None:
            found = _TABLES[self] = Rules(DATABASE[n] for n in self.names if DATABASE[n].function is not None)
        return found

    @property
    def names(self) -> list[str]:
        """The entries chosen, phase by phase."""
        order = list(PHASES)
        return sorted((n for n in DATABASE if n in self), key=lambda n: order.index(DATABASE[n].phase))


class Rules:
    """Rules by the Op that they are for."""

    def __init__(self, entries: Iterable[Rewrite]) -> None:
        entries = list(entries)
        self.count = len(entries)
        self._by_target: dict[Any, list[Rewrite]] = {}
        for entry in entries:
            for target in entry.targets:
                self._by_target.setdefault(target, []).append(entry)
        self._found: dict[Any, tuple[Rewrite, ...]] = {}  # by Op where it is a target itself, else by its class

    def __len__(self) -> int:
        return self.count

    def of(self, op: Any) -> tuple[Rewrite, ...]:
        """The rules for an Op, those of earlier phases first."""
        key = op if op in self._by_target else type(op)
        found = self._found.get(key)
        if found is None:
            rank = list(PHASES).index
            targets = (op, *type(op).__mro__)
            listed = dict.fromkeys(entry for target in targets for entry in self._by_target.get(target, ()))
            found = self._found[key] = tuple(sorted(listed, key=lambda entry: rank(entry.phase)))
        return found


def known_names() -> Mapping[str, str]:
    """What may be included and excluded, each with what it is."""
    return PHASES | {entry.name: entry.doc for entry in DATABASE.values()}
