"""DebugMode: every rewrite and every kernel of a function is checked in every call.

A rewrite is checked on the call's arguments: what it took away and what it put there have to agree by the host's
references. A kernel is checked on the operands that it gets: its results have to agree with the references of the
nodes in it, fill the memory they get (which is poisoned) and come out the same a second time, and its operands stay
what they are. The host computes all that, and says so to `clarray.stats()`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clarray.array import transfer
from clarray.array.gpuarray import GpuArray
from clarray.core.op import Composite
from clarray.device.fallback import host_work
from clarray.errors import BadKernel, BadRewrite

from ..modes import Mode, Watcher
from ..origin import quoted
from ..rewriting.rebuild import Applied
from ..running.tape import Place, Record, Slots, Tape
from ..shared import uploaded
from ..variable import Apply, Variable
from .estimates import Estimate, Estimates, difference, same

if TYPE_CHECKING:
    from ..function import Function
    from ..running.binder import Binder

FOREIGN = {
    "check_c_code", "check_isfinite", "check_preallocated_output", "check_py_code", "require_matching_strides",
    "stability_patience",
}  # fmt: skip
POISONS = (0xFF, 0x5A)  # bytes: a NaN of each floating dtype, and something else


class DebugMode(Mode):
    """FAST_RUN, with every rewrite and every kernel checked against the host.

    The ancestor's further switches are taken and have no effect.
    """

    def __init__(
        self,
        linker: Any = None,
        optimizer: Any = "fast_run",
        check_rewrites: bool = True,
        check_kernels: bool = True,
        **switches: Any,
    ) -> None:
        super().__init__(linker, optimizer)
        unknown = switches.keys() - FOREIGN
        if unknown:
            raise TypeError(f"DebugMode() has no {', '.join(sorted(unknown))}; it has check_rewrites and check_kernels")
        self.check_rewrites = check_rewrites
        self.check_kernels = check_kernels

    @property
    def log(self) -> list[Applied] | None:
        return [] if self.check_rewrites else None

    def watcher(self, function: Function, applied: list[Applied] | None) -> Watcher | None:
        def watch(tape: Tape, binder: Binder) -> CheckedTape:
            return CheckedTape(tape, binder, function.name, applied or [], self.check_kernels)

        return watch


class CheckedTape:
    """A Tape that checks what it does while it runs."""

    def __init__(
        self, tape: Tape, binder: Binder, function: str, applied: Sequence[Applied], check_kernels: bool
    ) -> None:
        self.tape = tape
        self.binder = binder
        self.function = function
        self.applied = [a for a in applied if a.rule.phase != "required"]
        self.check_kernels = check_kernels
        self.unchecked: set[str] = set()  # operations without a reference
        self.order = {node: k for k, node in enumerate(binder.schedule.nodes)}
        self._given: dict[Variable, Any] = {}
        self._raw: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tape, name)

    def run(self, slots: Slots) -> Slots:
        """Run, and raise BadRewrite or BadKernel where something is wrong."""
        host_work(f"DebugMode's checks of function {self.function}", computed=True)
        if self.applied:
            self._check_rewrites(slots)
        if not self.check_kernels:
            return self.tape.run(slots)
        return self.tape.run_watched(slots, self._before, self._after)

    # rewrites

    def _check_rewrites(self, slots: Slots) -> None:
        estimates = Estimates(self._by_its_kernel)
        for k, x in enumerate(self.binder.schedule.leaves):
            place = self.binder.places.get(x)
            if x in self.binder.values:
                estimates.give(x, self.binder.values[x])
            elif place is not None and slots[k] is not None:
                estimates.give(x, _array(place, slots).numpy())
        for entry in self.applied:
            for old, new in zip(entry.node.outputs, entry.found, strict=True):
                before, after = estimates.of(old), estimates.of(new)
                if before is not None and after is not None:
                    self._compare(entry, old, before, after)
        self.unchecked |= estimates.unchecked

    def _compare(self, entry: Applied, old: Variable, before: Estimate, after: Estimate) -> None:
        if before.own.shape != after.own.shape:
            found: Any = f"the shape is {after.own.shape} instead of {before.own.shape}"
        else:
            blind, room = entry.rule.phase == "stabilize", 8 * after.spread
            found = difference(after.own, before, room, blind)
            if found is None and before.wide.dtype.kind in "fc":
                found = difference(after.wide.astype(before.wide.dtype), before, room, blind)
        if found is not None:
            raise BadRewrite(
                f"function {self.function}: the rewrite {entry.rule.name} ({_rule(entry)}) changed the value of "
                f"{entry.node} of type {old.type}: {found}\nmade at {quoted(entry.node.line)}\nLeave it out with "
                f"mode.excluding({entry.rule.name!r})"
            )

    def _by_its_kernel(self, node: Apply, values: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """The results of a node by its own kernel, or None where it cannot be run by itself."""
        try:
            arrays = [uploaded(np.array(v), self.binder.home) for v in values]
            found = node.op(*arrays, **params)
        except (TypeError, ValueError):
            return None
        results = found if isinstance(found, tuple | list) else (found,)
        return [x.numpy() for x in results]

    # kernels

    def _before(self, record: Record, slots: Slots) -> None:
        self._given = {}
        for x in self._operands(record):
            place = self._place(x, record)
            if place is not None and slots[place.slot] is not None:
                self._given[x] = _array(place, slots).numpy()
        self._raw = {p.slot: _bytes(slots[p.slot]) for p in record.read if slots[p.slot] is not None}
        self._poison(record, POISONS[0])

    def _after(self, record: Record, slots: Slots) -> None:
        if record.bound is None:
            return
        results = [_array(p, slots).numpy() for p in record.made]
        if record.step is not None:
            self._check_values(record, results)
        over = {id(slots[p.slot]) for p in record.made}
        for place in record.read:
            if id(slots[place.slot]) not in over and not same(_bytes(slots[place.slot]), self._raw[place.slot]):
                raise BadKernel(f"{self._who(record)} wrote into its operand {place.root}")
        for place in record.read:
            if id(slots[place.slot]) in over:
                transfer.write(slots[place.slot], 0, self._raw[place.slot])
        self._poison(record, POISONS[1])
        record.run(slots)
        for place, first in zip(record.made, results, strict=True):
            estimates = Estimates()
            estimates.give(place.root, first.astype(place.root.aval.dtype))
            second = _array(place, slots).numpy().astype(place.root.aval.dtype)
            found = difference(second, estimates.values[place.root])  # type: ignore[arg-type]
            if found is not None:
                raise BadKernel(
                    f"{self._who(record)} gave another answer for {place.root} the second time, or does not write all "
                    f"of it: {found}"
                )

    def _check_values(self, record: Record, results: Sequence[Any]) -> None:
        step = record.step
        assert step is not None
        estimates = Estimates(self._by_its_kernel)
        for x, value in self._given.items():
            estimates.give(x, value)
        for x, value in self.binder.values.items():
            if x not in estimates.values:
                estimates.give(x, value, exact=True)
        if step.kind == "view" or isinstance(step.head.op, Composite):
            return  # a copy, whose place is not the view's; or what decides by values, and is no kernel
        for node in sorted(step.nodes, key=lambda n: self.order.get(n, 0)):
            if not any(x in self.binder.values for x in node.outputs):
                estimates.add(node, self.binder.params.get(node), self.binder.shapes)
        self.unchecked |= estimates.unchecked
        for place, got in zip(record.made, results, strict=True):
            x = place.root
            estimate = estimates.values.get(x)
            if estimate is None or place.layout.shape != self.binder.shapes.get(x):
                continue
            found = difference(got.astype(x.aval.dtype), estimate)
            if found is not None:
                shape = place.layout.shape
                raise BadKernel(
                    f"{self._who(record)} computed a wrong value of {x.described()}, shape {shape}: {found}"
                )

    def _operands(self, record: Record) -> list[Variable]:
        """What the nodes of a step read and do not make."""
        if record.step is None:
            return []
        nodes = record.step.nodes
        made = {x for node in nodes for x in node.outputs}
        return list(dict.fromkeys(x for node in nodes for x in node.read if x not in made))

    def _place(self, x: Variable, record: Record) -> Place | None:
        found = self.binder.places.get(x)
        if found is None:
            found = next((p for (y, _), p in self.binder._uploads.items() if y is x), None)
        return found

    def _poison(self, record: Record, byte: int) -> None:
        """Leave memory of the sizes that a step is going to take, filled, where the pool finds it first."""
        if record.bound is None:
            return
        memory = record.bound.context.memory
        blocks = [memory.allocate(p.layout.nbytes) for p in record.made if p.layout.nbytes]
        for block in blocks:
            transfer.write(block, 0, np.full(block.nbytes, byte, np.uint8))

    def _who(self, record: Record) -> str:
        step = record.step
        if step is None:
            return f"function {self.function}: a copy into C order"
        names = " ".join(dict.fromkeys(n.op.name for n in step.nodes))
        return f"function {self.function}: the kernel of {names}, made at {quoted(step.head.line)}\n"


def _rule(entry: Applied) -> str:
    return " ".join(entry.rule.doc.split()).split("; ")[0]


def _array(place: Place, slots: Slots) -> GpuArray:
    return GpuArray(place.layout, place.offset, slots[place.slot])


def _bytes(block: Any) -> np.ndarray[Any, Any]:
    """All bytes of a block."""
    result = np.empty(block.nbytes, np.uint8)
    transfer.read(block, 0, result)
    return result
