"""NanGuardMode: the first NaN, infinity or value beyond 1e10 that a function computes is an error that names its node.

What each kernel makes, and what the function is given, is looked at on the device: a reduction, of which one number
comes to the host. Where a kernel computes several nodes, they are run one by one once it is known to be the culprit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.core import ops
from clarray.errors import NotFinite

from ..modes import Mode, Watcher
from ..origin import quoted
from ..rewriting.rebuild import Applied
from ..running.tape import Record, Slots, Tape
from ..shared import uploaded
from ..variable import Apply, Constant, Variable

if TYPE_CHECKING:
    from ..function import Function
    from ..running.binder import Binder

BIG = 1e10


class NanGuardMode(Mode):
    """FAST_RUN, without results in place, where NaNs, infinities and values beyond 1e10 are errors unless allowed."""

    def __init__(
        self,
        nan_is_error: bool | None = None,
        inf_is_error: bool | None = None,
        big_is_error: bool | None = None,
        optimizer: Any = "default",
        linker: Any = None,
        db: Any = None,
    ) -> None:
        super().__init__(linker, optimizer)
        self.query = self.query.excluding("inplace")  # operands are shown where something is wrong
        wanted = {"NaN": nan_is_error, "an infinity": inf_is_error, "a big value": big_is_error}
        self.errors = frozenset(name for name, flag in wanted.items() if flag is None or flag)

    def watcher(self, function: Function, applied: list[Applied] | None) -> Watcher | None:
        def watch(tape: Tape, binder: Binder) -> GuardedTape:
            return GuardedTape(tape, binder, function.name, self.errors)

        return watch


class GuardedTape:
    """A Tape whose arguments and results are looked at while it runs."""

    def __init__(self, tape: Tape, binder: Binder, function: str, errors: frozenset[str]) -> None:
        self.tape = tape
        self.binder = binder
        self.function = function
        self.errors = errors
        self.order = {node: k for k, node in enumerate(binder.schedule.nodes)}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tape, name)

    def run(self, slots: Slots) -> Slots:
        """Run, and raise NotFinite where something came that must not."""
        for k, x in enumerate(self.binder.schedule.leaves):
            place = self.binder.places.get(x)
            if place is None or slots[k] is None:
                continue
            array = GpuArray(place.layout, place.offset, slots[k])
            found = trouble(array, self.errors)
            if found:
                raise NotFinite(f"function {self.function}: {found} in {x.described()}, which came as {_said(array)}")
        return self.tape.run_watched(slots, lambda record, slots: None, self._after)

    def _after(self, record: Record, slots: Slots) -> None:
        if record.bound is None and record.step is None:
            return
        for place in record.made:
            array = GpuArray(place.layout, place.offset, slots[place.slot])
            found = trouble(array, self.errors)
            if found:
                raise NotFinite(self._story(found, record, place.root, array, slots))

    def _story(self, found: str, record: Record, x: Variable, array: GpuArray, slots: Slots) -> str:
        """Which node of the step it was, its operands and where it was written."""
        node = x.owner
        values: dict[Variable, Any] = {}
        if record.step is not None and record.step.kind != "view":
            node, values, array = self._culprit(record, slots) or (node, values, array)
        if node is None:
            return f"function {self.function}: {found} in {x.described()}: {_said(array)}"
        operands = "".join(
            f"\n    operand {k}, {operand}: {_said(values[operand])}"
            for k, operand in enumerate(node.operands)
            if operand in values
        )
        return (
            f"function {self.function}: {found} first came out of {node.op.name}(): {_said(array)}{operands}\n"
            f"made at {quoted(node.line)}"
        )

    def _culprit(self, record: Record, slots: Slots) -> tuple[Apply, dict[Variable, Any], GpuArray] | None:
        """The first node of a step that, run by itself, makes what must not be; with the values that were there."""
        binder, step = self.binder, record.step
        assert step is not None
        values: dict[Variable, Any] = {}
        for node in sorted(step.nodes, key=lambda n: self.order.get(n, 0)):
            if all(x in binder.values for x in node.outputs):
                continue
            operands = [self._value(x, values, slots) for x in node.operands]
            try:
                made = node.op(*operands, **binder.params[node])
            except (TypeError, ValueError, KeyError):
                return None
            results: Sequence[Any] = made if isinstance(made, tuple | list) else (made,)
            for x, array in zip(node.outputs, results, strict=True):
                values[x] = array
                if isinstance(array, GpuArray) and trouble(array, self.errors):
                    return node, values, array
        return None

    def _value(self, x: Variable, values: dict[Variable, Any], slots: Slots) -> Any:
        """A variable's value: made a moment ago, in memory or known; zeros, where only its shape counts."""
        if x in values:
            return values[x]
        place = self.binder.places.get(x)
        if place is not None and slots[place.slot] is not None:
            values[x] = GpuArray(place.layout, place.offset, slots[place.slot])
        elif isinstance(x, Constant) and x.aval.weak is not None:
            return x.value
        elif isinstance(x, Constant) and isinstance(x.value, GpuArray):
            values[x] = x.value
        else:
            known = x.value if isinstance(x, Constant) else self.binder.values.get(x)
            host = np.zeros(self.binder.shapes[x]) if known is None else np.asarray(known)
            values[x] = uploaded(host.astype(x.aval.dtype), self.binder.context(x))
        return values[x]


def trouble(array: GpuArray, errors: frozenset[str]) -> str:
    """What of NaN, infinities and big values an array has that is an error, or ''; waits."""
    if array.dtype.kind not in "fc" or not array.size:
        return ""
    size = ops.abs(array)
    greatest = float(ops.max(size))
    if np.isnan(greatest):
        if "NaN" in errors:
            return "NaN"
        size = ops.where(ops.isnan(size), 0, size)
        greatest = float(ops.max(size))
    if np.isinf(greatest):
        if "an infinity" in errors:
            return "an infinity"
        greatest = float(ops.max(ops.where(ops.isinf(size), 0, size)))
    return "a big value" if greatest > BIG and "a big value" in errors else ""


def _said(x: Any) -> str:
    """The shape, dtype and range of a value, and how much of it is not finite."""
    if not isinstance(x, GpuArray):
        return repr(x)
    text = f"{x.dtype.name}, shape {x.shape}"
    if not x.size or x.dtype.kind == "c":
        return text
    if x.dtype.kind != "f":
        return f"{text}, from {ops.min(x).item()} to {ops.max(x).item()}"
    nans, infinite = (int(ops.count_nonzero(f(x)).item()) for f in (ops.isnan, ops.isinf))
    if nans + infinite < x.size:
        finite = ops.isfinite(x)
        low = ops.min(ops.where(finite, x, np.inf)).item()
        high = ops.max(ops.where(finite, x, -np.inf)).item()
        text += f", from {low:.6g} to {high:.6g}"
    return text + (f", {nans} NaN" if nans else "") + (f", {infinite} infinite" if infinite else "")
