"""Liveness: how long each value of a schedule is needed, and an order of its steps that needs little memory."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from ..places import transfer_op
from ..variable import Variable
from .step import Step

SMALL = 16  # a step that takes so many times less than the largest of its operands takes nothing to speak of


def shares(step: Step) -> bool:
    """Whether the result of a step may lie where its operand does."""
    return step.kind == "view" or step.head.op is transfer_op


def last_reads(steps: Sequence[Step], outputs: Sequence[Variable]) -> dict[Variable, int]:
    """For each variable the number of the last step that reads it or a view of it; one more than any for results."""
    until = dict.fromkeys(outputs, len(steps))
    for k, step in reversed(list(enumerate(steps))):
        last = max(k, *(until.get(x, k) for x in step.outputs)) if shares(step) else k
        for x in step.inputs:
            until[x] = max(until.get(x, last), last)
    return until


def ordered(steps: Sequence[Step], outputs: Sequence[Variable], sizes: Mapping[Variable, int]) -> list[Step]:
    """The steps in their order, but those that free about as much as they take come as soon as they can run.

    So a bias's gradient, say, does not keep what it sums until all else is done. `sizes` are the bytes of what
    the steps make.
    """
    root: dict[Variable, Variable] = {}
    makers: dict[Variable, int] = {}
    readers: dict[Variable, set[int]] = {}
    reads: list[set[Variable]] = []
    for k, step in enumerate(steps):
        reads.append({root.get(x, x) for x in step.inputs})
        for x in step.outputs:
            root[x] = root.get(step.inputs[0], step.inputs[0]) if shares(step) else x
            makers[x] = k
        for x in reads[k]:
            readers.setdefault(x, set()).add(k)
    kept = {root.get(x, x) for x in outputs}
    before = [len({makers[x] for x in step.inputs if x in makers}) for step in steps]
    after: list[list[int]] = [[] for _ in steps]
    for k, step in enumerate(steps):
        for maker in {makers[x] for x in step.inputs if x in makers}:
            after[maker].append(k)

    def cost(k: int) -> int:
        """The bytes that a step takes, less those that nobody reads after it."""
        taken = 0 if shares(steps[k]) else sum(sizes[x] for x in steps[k].outputs)
        return taken - sum(sizes[x] for x in reads[k] if x in makers and x not in kept and len(readers[x]) == 1)

    done = [False] * len(steps)
    cheap: list[tuple[int, int]] = []  # ready steps that cost nothing, the cheapest first
    order: list[Step] = []
    following = 0

    def offer(k: int) -> None:
        if not before[k] and not done[k]:
            net, most = cost(k), max((sizes[x] for x in reads[k] if x in makers), default=0)
            if net <= most // SMALL:
                heapq.heappush(cheap, (net, k))

    for k in range(len(steps)):
        offer(k)
    while len(order) < len(steps):
        if cheap:
            _, k = heapq.heappop(cheap)
        else:
            while done[following]:
                following += 1
            k = following
        if done[k]:
            continue
        done[k] = True
        order.append(steps[k])
        for later in after[k]:
            before[later] -= 1
            offer(later)
        for x in reads[k]:
            readers[x].discard(k)
            if len(readers[x]) == 1:
                offer(next(iter(readers[x])))
    return order
