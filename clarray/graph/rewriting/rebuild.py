"""Rebuild: a graph made anew from its inputs to its outputs: variables replaced, equal nodes merged, rules applied.

What a rule makes goes through the rules too. Rules that work against each other are stopped after a bounded number
of turns, with a warning that names them.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_not
from typing import Any

from clarray.config import config

from ..inside.failures import in_rewrite
from ..origin import made_for
from ..variable import Apply, Constant, Variable
from ..walk import toposort
from .database import Query, Rewrite, Rules

DEPTH = 40  # rules applied to what rules have made

DIFFERENTIATED = ("canonicalize", "stabilize")
COMPILED = ("required", "canonicalize", "stabilize", "specialize")
UNCHANGED = ("required",)
NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applied:
    """A rule's work: the results of `node` became `found`."""

    rule: Rewrite
    node: Apply
    found: tuple[Variable, ...]


class Rebuild:
    """A graph under some rules; `log`, where given, collects what they did."""

    def __init__(
        self,
        rules: Rules,
        uses: Mapping[Variable, int],
        log: list[Applied] | None = None,
        unchanged: Rules | None = None,
    ) -> None:
        self.rules = rules
        self.unchanged = unchanged  # those for nodes that have been through the others; None: there are no such nodes
        self.log = log
        self.now: dict[Variable, Variable] = {}
        self.merged: dict[Any, Sequence[Variable]] = {}
        self.settled: set[Variable] = set()  # results that have been through here
        self.before = uses
        self.used: Counter[Variable] = Counter()
        self.depth = 0

    def current(self, x: Variable) -> Variable:
        """What a variable of the old graph is in the new one."""
        found = self.now.get(x)
        if found is None:
            found = x
            if isinstance(x, Constant):
                (found,) = self.merged.setdefault(x.key(), (x,))
            self.now[x] = found
        return found

    def uses(self, x: Variable) -> int:
        """How many nodes and outputs of the old graph use what is x in the new one."""
        return self.used[x]

    def add(self, node: Apply) -> None:
        """Rebuild a node whose inputs have been."""
        inputs = [self.current(x) for x in node.inputs]
        key = (node.op, tuple(node.params.items()), tuple(inputs), node.fp64)
        found = self.merged.get(key)
        if found is None:
            made, rules = node, self.unchanged
            if rules is None or self.depth or any(map(is_not, inputs, node.inputs)):
                made, rules = node.with_inputs(inputs), self.rules
                for old, new in zip(node.outputs, made.outputs, strict=True):
                    new.name = old.name
            if config.compute_test_value != "off":
                from ..inside.testvalues import compute

                compute(made, quiet=True)
            with made_for(node.line):
                found = self._rewritten(made, rules)
            self.merged[key] = found
            self.settled.update(found)
        for old, new in zip(node.outputs, found, strict=True):
            self.now[old] = new
            self.used[new] += self.before.get(old, 0)

    def _rewritten(self, node: Apply, rules: Rules) -> Sequence[Variable]:
        """What rules make of a node."""
        for rule in rules.of(node.op):
            if rule.phase != "required" and self.depth >= DEPTH:
                warnings.warn(
                    f"rewrites do not come to an end at {node.op.name}(), made at {node.line or 'an unknown line'}: "
                    f"{rule.name} would be applied once more; the node is left as it is",
                    stacklevel=2,
                )
                break
            try:
                result = rule(node, self.uses)
            except Exception as error:
                in_rewrite(error, rule, node)
                raise
            if result is None:
                continue
            found = (result,) if isinstance(result, Variable) else tuple(result)
            if len(found) != len(node.outputs) or not all(map(_same_type, found, node.outputs)):
                continue
            self.depth += 1
            try:
                for new in toposort(found, self.settled):
                    self.add(new)
            finally:
                self.depth -= 1
            made = tuple(map(self.current, found))
            if self.log is not None:
                self.log.append(Applied(rule, node, made))
            return made
        return node.outputs


def _same_type(new: Variable, old: Variable) -> bool:
    """Whether a variable may stand where another did: dtype, broadcast pattern and part in promotion are the same."""
    a, b = new.aval, old.aval
    if a.dtype != b.dtype or a.weak is not b.weak or a.ndim != b.ndim:
        return False
    return all((n == 1) == (m == 1) for n, m in zip(a.shape, b.shape, strict=True))


def rebuilt(
    outputs: Sequence[Variable],
    replace: Mapping[Variable, Variable] | None = None,
    stop: Collection[Variable] = (),
    phases: Sequence[str] | Query = COMPILED,
    log: list[Applied] | None = None,
) -> list[Variable]:
    """`outputs` in a graph of its own; what is replaced or in `stop` is not looked behind.

    `phases` names phases, or is a Query. Where there is something to specialize, that is a second walk, when all
    forms are canonical and uses are counted.
    """
    query = phases if isinstance(phases, Query) else Query(frozenset(phases))
    early, whole = query.within("required", "canonicalize", "stabilize").table(), query.table()
    replace = replace or {}
    made = Rebuild(early, {}, log)
    for node in toposort(replace.values(), stop):
        made.add(node)
    values = [made.current(x) for x in replace.values()]
    made.now = dict(zip(replace, values, strict=True))  # what is replaced in outputs is not in the replacements
    for node in toposort(outputs, {*stop, *replace}):
        made.add(node)
    results = [made.current(x) for x in outputs]
    if len(whole) == len(early):
        return results
    nodes = toposort(results, stop)
    late = query.within("specialize", "fusion", "inplace").table()
    second = Rebuild(whole, counted(nodes, results), log, late)
    for node in nodes:
        second.add(node)
    return [second.current(x) for x in results]


def counted(nodes: Iterable[Apply], outputs: Iterable[Variable]) -> Counter[Variable]:
    """How many nodes and outputs use each variable."""
    uses = Counter(outputs)
    for node in nodes:
        uses.update(set(node.inputs))
    return uses
