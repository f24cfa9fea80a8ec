"""Fusion: which operations share a kernel.

Nodes are taken from the outputs backwards. An elementwise node joins the step of its consumers where
that step walks over the same elements and no other consumer would come to stand both before and after
it; one that only feeds a reduction becomes part of its map. A product whose only use is in one such step
takes that step as its epilogue. Reductions of the same elements along the same axes, none of which
needs another, share a pass. Cheap values of stored arrays are computed
again in every kernel that wants them. Last, steps at the same depth that read a
common array are joined, so that several results come from one kernel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..rewriting import value_of
from ..variable import Apply, Variable
from .lifting import lift
from .same_shape import SameShape
from .step import STRETCHES, Body, Step, axes_of, clash, is_cheap, is_stored, kind_of, own_code

MAX_NODES = 128  # of one kernel: compilers take time, and registers are few
ARGUMENT_BYTES = 900  # every device takes 1024; constants count, as kernels that differ in them alone take them in
PRODUCT_BYTES = 300  # of them, what a product passes besides the operands of its epilogue
MAX_REPEATS = 3  # kernels that compute a cheap value again
MAX_STATES = 6  # fields that the reductions of one kernel keep
MOST_JOINED = 16  # readers of a value that are looked at in pairs
NEARBY = 4  # reductions of the same elements of which one may share its pass
FAR = 200  # steps looked at when asking what depends on what


class Fusion:
    """The steps of a list of nodes in topological order, of which `known` variables need no step."""

    def __init__(
        self,
        nodes: Sequence[Apply],
        outputs: Iterable[Variable],
        known: set[Variable],
        where: Mapping[Variable, object],
        fuse: bool = True,
    ) -> None:
        self.outputs = set(outputs)
        self.known = known
        self.where = where
        self.fuse = fuse
        self.consumers: dict[Variable, list[Apply]] = defaultdict(list)
        self.steps_of: dict[Apply, list[Step]] = {}
        needed = self._needed(nodes)
        self.clashes = clash(needed)
        for node in needed:
            for x in dict.fromkeys(node.read):
                self.consumers[x].append(node)
        self.order = {node: k for k, node in enumerate(needed)}
        self.finishing = self._finishing(needed)
        self.same_shape = SameShape(needed)
        self.reducing: dict[tuple[Variable, tuple[int, ...], object], list[Step]] = defaultdict(list)
        for node in reversed(needed):
            self._place(node)
        steps = list(dict.fromkeys(s for node in needed for s in self.steps_of[node]))
        for step in steps:
            step.nodes.sort(key=self.order.__getitem__)
        steps = self._sorted(steps)
        if fuse:
            steps = self._sorted(self._joined(steps))
        self.steps = steps
        for step in steps:
            self._finish(step)
        self.lifted = lift(steps) if fuse else []

    def _needed(self, nodes: Sequence[Apply]) -> list[Apply]:
        """The nodes whose elements are wanted."""
        wanted = set(self.outputs)
        kept = []
        for node in reversed(nodes):
            if any(x in wanted and x not in self.known for x in node.outputs):
                kept.append(node)
                wanted.update(node.read)
        return kept[::-1]

    def _finishing(self, nodes: Sequence[Apply]) -> set[Apply]:
        """The elementwise nodes that a product might compute in its epilogue, and the products."""
        found: set[Apply] = set()
        for node in nodes if self.fuse else ():
            if node.op.takes_epilogue or (
                kind_of(node) == "elementwise"
                and any(self._leads(x, node) for x in node.read if x.owner in found)
                and not own_code([node])
            ):
                found.add(node)
        return found

    def _leads(self, x: Variable, node: Apply) -> bool:
        """Whether a node is the only use of a variable of its own shape."""
        alone = len(self.consumers[x]) == 1 and x not in self.outputs
        return alone and x.broadcastable == node.out.broadcastable and self.where.get(x) is self.where.get(node.out)

    # from the outputs backwards

    def _place(self, node: Apply) -> None:
        """Let a node join its consumers, or make it a step."""
        out = node.out
        kind = kind_of(node)
        joins = kind == "elementwise" or node.op in STRETCHES
        consumers = list(dict.fromkeys(s for x in node.outputs for c in self.consumers[x] for s in self.steps_of[c]))
        if not (joins and self.fuse):
            if kind == "reduce" and self.fuse:
                self._place_reduction(node, consumers)
            elif node in self.finishing and len(consumers) == 1 and self._can_finish(consumers[0], node):
                consumers[0].kind, consumers[0].product = "product", node
                self._take(consumers[0], node)
                self.steps_of[node] = consumers
            else:
                self._settle(node, Step(kind, node), consumers)
            return
        outside = any(x in self.outputs for x in node.outputs)
        if node in self.finishing and (outside or len(consumers) > 1):  # stored, it costs its product nothing
            self._settle(node, Step("elementwise", node), consumers)
            return
        free = node.op in STRETCHES
        if not free and 1 < len(consumers) <= MOST_JOINED:
            consumers = self._together(out, consumers)
        if consumers and not outside and (free or len(consumers) <= MAX_REPEATS):
            alone = len(consumers) == 1
            repeatable = free or (is_cheap(node) and all(map(is_stored, node.read)))
            if all(self._fits(node, s, whole=alone or repeatable) for s in consumers) and (alone or repeatable):
                for step in consumers:
                    self._take(step, node)
                self.steps_of[node] = consumers
                return
        if not free:
            for step in consumers:
                if step.kind != "elementwise" or step.pattern != out.broadcastable or not self._fits(node, step):
                    continue
                if not any(self._reaches(other, step) for other in consumers if other is not step):
                    self._take(step, node)
                    self._settle(node, step, consumers)
                    return
        self._settle(node, Step("view" if free else "elementwise", node), consumers)

    def _place_reduction(self, node: Apply, consumers: Sequence[Step]) -> None:
        """Let a reduction share the pass of another one, or make it a step."""
        x = node.operands[0]
        key = (self.same_shape.of(x), axes_of(node), self.where.get(node.out))
        steps = self.reducing[key]
        for step in steps[-NEARBY:]:
            rows = step.reductions
            states = sum(len(getattr(n.op, "state", ())) for n in (*rows, node))
            alike = x.broadcastable == step.pattern and not own_code([node, *rows])
            if not alike or states > MAX_STATES or step in consumers or not self._fits(node, step):
                continue
            if not any(self._reaches(other, step) for other in consumers):
                self._take(step, node)
                self._settle(node, step, consumers)
                return
        step = Step("reduce", node)
        steps.append(step)
        self._settle(node, step, consumers)

    def _settle(self, node: Apply, step: Step, consumers: Sequence[Step]) -> None:
        """Let a step store a node's results for its consumers."""
        self.steps_of[node] = [step]
        step.loads |= self._loads(node)
        step.constants |= constants(node)
        for s in consumers:
            if s is not step:
                step.after.add(s)
                s.before.add(step)

    def _together(self, x: Variable, consumers: Sequence[Step]) -> list[Step]:
        """The readers of x; those that walk over the same elements, and do not need one another, become one."""
        kept: list[Step] = []
        for step in consumers:
            if step.kind != "elementwise" or step.pattern != x.broadcastable:
                kept.append(step)
                continue
            for other in kept:
                alike = other.kind == "elementwise" and other.pattern == step.pattern and self._can_join(other, step)
                if alike and not self._reaches(other, step) and not self._reaches(step, other):
                    self._merge(other, step)
                    break
            else:
                kept.append(step)
        return kept

    def _merge(self, step: Step, gone: Step) -> None:
        """Let a step do the work of another one."""
        here = set(step.nodes)
        step.nodes += [node for node in gone.nodes if node not in here]
        for node in gone.nodes:
            self.steps_of[node] = list(dict.fromkeys(step if s is gone else s for s in self.steps_of[node]))
        step.results |= gone.results
        step.loads |= gone.loads
        step.constants |= gone.constants
        for s in gone.after:
            s.before.discard(gone)
            s.before.add(step)
        for s in gone.before:
            s.after.discard(gone)
            s.after.add(step)
        step.after |= gone.after
        step.before |= gone.before

    def _fits(self, node: Apply, step: Step, whole: bool = True) -> bool:
        """Whether a step may compute this node for each of its elements."""
        if not step.fuses or self.where.get(node.out) is not self.where.get(step.head.out):
            return False
        pattern = node.operands[0].broadcastable if kind_of(node) == "reduce" else node.out.broadcastable
        if pattern != step.pattern and not (whole and (node.op in STRETCHES or is_cheap(node))):
            return False
        if step.product is not None and any(x in node.outputs for x in step.product.read):
            return False
        if len(step.nodes) >= MAX_NODES or (self.clashes and clash([*step.nodes, node])):
            return False
        loads = (step.loads | self._loads(node)) - step.results - set(node.outputs)
        stored = 1 + len(step.results & self.outputs)
        room = ARGUMENT_BYTES - (PRODUCT_BYTES if step.product is not None else 0)
        return taken(len(loads) + stored, step.pattern, step.constants | constants(node)) <= room

    def _can_finish(self, step: Step, node: Apply) -> bool:
        """Whether a product may take this step, its only consumer, as its epilogue: what follows has its shape."""
        if node.out in self.outputs or step.kind != "elementwise" or own_code(step.nodes):
            return False
        if sum(self._is_read(x, step) for x in step.results) != 1:
            return False
        following = {node.out}
        for n in sorted(step.nodes, key=self.order.__getitem__):
            if any(x in following for x in n.read):
                if kind_of(n) != "elementwise" or n.out.broadcastable != node.out.broadcastable:
                    return False  # stretched
                following.add(n.out)
        if self.where.get(node.out) is not self.where.get(step.head.out):
            return False
        return (len(step.loads) + 1) * (16 + 8 * len(step.pattern)) <= ARGUMENT_BYTES - PRODUCT_BYTES

    def _loads(self, node: Apply) -> set[Variable]:
        """What a kernel would have to load for this node by itself."""
        return {x for x in node.read if x not in self.known and value_of(x) is None}

    def _take(self, step: Step, node: Apply) -> None:
        """Let a step compute a node that feeds those in it."""
        step.nodes.append(node)
        step.results.update(node.outputs)
        step.loads |= self._loads(node)
        step.constants |= constants(node)

    def _reaches(self, start: Step, goal: Step) -> bool:
        """Whether `goal` depends on `start`; yes where finding out takes too long."""
        stack, seen = [start], {start}
        while stack:
            step = stack.pop()
            if step is goal or len(seen) > FAR:
                return True
            new = step.after - seen
            seen |= new
            stack += new
        return False

    # steps among each other

    def _inputs(self, step: Step) -> list[Variable]:
        arrays = dict.fromkeys(x for n in step.nodes for x in n.read if x not in step.results and x not in self.known)
        return list(arrays)

    def _sorted(self, steps: Sequence[Step]) -> list[Step]:
        """Steps in an order in which they can run; their depths are set."""
        makers = self._makers(steps)
        order: list[Step] = []
        done: set[Step] = set()
        for first in steps:
            stack = [first]
            while stack:
                step = stack[-1]
                before = {makers[x] for x in self._inputs(step) if x in makers}
                waiting = [s for s in sorted(before, key=lambda s: self.order[s.nodes[-1]]) if s not in done]
                if waiting and step not in done:
                    stack += waiting
                    continue
                stack.pop()
                if step not in done:
                    done.add(step)
                    step.depth = 1 + max((s.depth for s in before), default=0)
                    order.append(step)
        return order

    def _makers(self, steps: Sequence[Step]) -> dict[Variable, Step]:
        """The step that stores a variable, for those that a later step or the caller reads."""
        read = {x for s in steps for x in self._inputs(s)} | self.outputs
        return {x: s for s in steps for x in s.results if x in read and (len(self.steps_of[x.owner]) == 1)}  # type: ignore[index]

    def _joined(self, steps: Sequence[Step]) -> list[Step]:
        """Elementwise steps of one depth and one shape, joined: none of them depends on another."""
        groups: dict[tuple[int, tuple[bool, ...], object], list[Step]] = defaultdict(list)
        gone: set[Step] = set()
        for step in steps:
            if step.kind == "elementwise":
                groups[step.depth, step.pattern, self.where.get(step.head.out)].append(step)
        for (_, pattern, _), group in groups.items():
            by_input: dict[Variable | None, Step] = {}
            for step in group:
                shapes: list[Variable | None] = [x for x in self._inputs(step) if x.broadcastable == pattern]
                shapes += [None] if not pattern else []
                partner = next((by_input[x] for x in shapes if x in by_input), None)
                if partner is None or not self._can_join(partner, step):
                    for x in shapes:
                        by_input[x] = step
                    continue
                self._merge(partner, step)
                partner.nodes.sort(key=self.order.__getitem__)
                gone.add(step)
                for x in shapes:
                    by_input.setdefault(x, partner)
        return [s for s in steps if s not in gone]

    def _can_join(self, a: Step, b: Step) -> bool:
        if len(a.nodes) + len(b.nodes) > MAX_NODES or (self.clashes and clash([*a.nodes, *b.nodes])):
            return False
        arrays = set(self._inputs(a)) | set(self._inputs(b))
        stored = sum(self._is_read(x, s) for s in (a, b) for x in s.results)
        together = self.where.get(a.head.out) is self.where.get(b.head.out)
        return together and taken(len(arrays) + stored, a.pattern, a.constants | b.constants) <= ARGUMENT_BYTES

    def _is_read(self, x: Variable, step: Step) -> bool:
        return x in self.outputs or any(s is not step for c in self.consumers[x] for s in self.steps_of[c])

    # what a step computes

    def _finish(self, step: Step) -> None:
        """Find a step's arrays and build its Expr."""
        if step.kind in ("view", "other"):
            step.inputs = list(dict.fromkeys(step.head.read))
            step.outputs = list(step.head.outputs)
            return
        step.outputs = [x for n in step.nodes for x in n.outputs if self._stores(step, x)]
        if step.product is not None:
            body = Body(step, self.known)
            (out,) = step.outputs
            step.body = body.builder.build([body.value(out, out.aval.dtype)])
            step.extras, step.scalars = list(body.loads)[1:], list(body.scalars)
            step.inputs = list(dict.fromkeys([*step.product.read, *step.extras]))
            return
        builder = Body(step, self.known)
        if step.kind == "reduce":
            step.outputs = [n.out for n in step.reductions]
            results = [number for n in step.reductions for number in builder.mapped(n)]
        else:
            results = [builder.value(x, x.aval.dtype) for x in step.outputs]
        step.body = builder.builder.build(results)
        # arrays are loads in the order in which they were met; dead ones leave the Expr but keep their number
        step.inputs, step.scalars = list(builder.loads), list(builder.scalars)

    def _stores(self, step: Step, x: Variable) -> bool:
        return self._is_read(x, step) and len(self.steps_of[x.owner]) == 1  # type: ignore[index]


def constants(node: Apply) -> set[Variable]:
    """What a node reads that is one number everywhere, known beforehand."""
    return {x for x in node.read if value_of(x) is not None}


def taken(arrays: int, pattern: Sequence[bool], numbers: Collection[Variable]) -> int:
    """The bytes of the arguments of a kernel over elements of a broadcast pattern."""
    return arrays * (16 + 8 * len(pattern)) + 16 * len(numbers)
