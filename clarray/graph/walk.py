"""Orders of a graph's nodes, found without recursion."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .variable import Apply, Variable


def toposort(outputs: Iterable[Variable], stop: Collection[Variable] = ()) -> list[Apply]:
    """The nodes that `outputs` depend on, each after those it depends on; `stop` is not looked behind."""
    order: list[Apply] = []
    done: set[Apply] = set()
    open_: set[Apply] = set()
    stack = [x.owner for x in outputs if x.owner is not None and x not in stop][::-1]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        if node in open_:
            stack.pop()
            open_.discard(node)
            done.add(node)
            order.append(node)
            continue
        open_.add(node)
        for x in reversed(node.inputs):
            owner = x.owner
            if owner is not None and owner not in done and x not in stop:
                if owner in open_:
                    where = f", made at {owner.line}" if getattr(owner, "line", "") else ""
                    raise ValueError(
                        f"the graph has a cycle through {owner.op.name}(){where}: it depends on its own result {x}"
                    )
                stack.append(owner)
    return order


def leaves(outputs: Iterable[Variable], stop: Collection[Variable] = ()) -> list[Variable]:
    """The variables that nothing computes, in the order in which they are met."""
    found: dict[Variable, None] = {}
    outputs = list(outputs)
    for node in toposort(outputs, stop):
        for x in node.inputs:
            if x.owner is None or x in stop:
                found[x] = None
    for x in outputs:
        if x.owner is None or x in stop:
            found[x] = None
    return list(found)
