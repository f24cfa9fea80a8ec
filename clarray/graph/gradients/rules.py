"""Rules: functions by Op, or by a class of them, which may decline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from clarray.core.op import Op

Rule = Callable[..., Any]


class Rules(dict[Any, Rule]):
    """A table of rules. Called with Ops, or classes of them, it declares the function that it decorates theirs."""

    def __call__(self, *targets: Any) -> Callable[[Rule], Rule]:
        def declare(function: Rule) -> Rule:
            self.update(dict.fromkeys(targets, function))
            return function

        return declare

    def apply(self, op: Op, *arguments: Any) -> Sequence[Any] | None:
        """The results of the most special rule for an Op that does not return NotImplemented; None without one."""
        for target in (op, *type(op).__mro__):
            found = self[target](*arguments) if target in self else NotImplemented
            if found is not NotImplemented:
                return found if isinstance(found, tuple | list) else (found,)
        return None
