"""Binder: a Schedule and the layouts of its leaves become a Tape.

Binding works out every shape, settles parameters that have holes, lowers each step and gives every
array a slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.array import transfer as bytes_between
from clarray.array.gpuarray import GpuArray
from clarray.array.parcels import Parcel
from clarray.codegen import elementwise, reduction
from clarray.codegen.lowering import lower
from clarray.codegen.plan import Plan
from clarray.codegen.reduce_spec import Row
from clarray.core.aval import Aval, size_of
from clarray.core.custom import ElementwiseCode, ReductionCode
from clarray.core.expr import Expr
from clarray.core.indexing import Put
from clarray.core.layout import Layout
from clarray.core.movement import View, astype
from clarray.core.op import Composite, Ufunc
from clarray.core.writing import PutSlice
from clarray.device.context import Context
from clarray.device.fallback import working_for
from clarray.device.run import BoundPlan
from clarray.errors import ClarrayError

from ..inside import failures
from ..places import transfer_op
from ..rebroadcast import check_broadcast
from ..shared import uploaded
from ..variable import Apply, Constant, Variable
from . import known
from .crossings import side_by_side
from .liveness import last_reads, ordered
from .plans import bits, copy_plan, frozen, hashable, with_scalars
from .schedule import Schedule
from .step import Step, axes_of
from .tape import Place, Record, Slots, Tape, freeing, launcher

WRITERS = (Put, PutSlice)  # their first operand may be where the result lies


class Binder:
    """Binds a Schedule to the layouts, offsets and values of its leaves."""

    def __init__(
        self,
        schedule: Schedule,
        home: Context,
        layouts: Sequence[Layout | None],
        offsets: Sequence[int],
        values: Mapping[Variable, Any],
    ) -> None:
        self.schedule = schedule
        self.home = home
        self.tape = Tape(len(layouts))
        self.places: dict[Variable, Place] = {}
        self.shapes: dict[Variable, tuple[int, ...]] = {}
        self.values: dict[Variable, Any] = dict(values)
        self.params: dict[Apply, dict[str, Any]] = {}
        self.last_use: dict[int, int] = {}
        self.sizes: dict[int, int] = {}  # bytes of the blocks that a call makes, by slot
        self.until: dict[Variable, int] = {}  # the last step that reads it
        self.number = 0  # of the step that is bound
        self.current: Step | None = None
        for k, (x, layout) in enumerate(zip(schedule.leaves, layouts, strict=True)):
            if layout is not None:
                self.places[x] = Place(k, layout, offsets[k], x)
                self.shapes[x] = layout.shape
            elif x in self.values:
                self.shapes[x] = np.shape(self.values[x])
        self.caller_slots = set(range(len(layouts)))
        self._uploads: dict[tuple[Variable, Context], Place] = {}
        self.on_the_way: dict[Variable, tuple[Place, Context, Step | None]] = {}  # sent to a device

    def bind(self, fresh: Sequence[bool | None]) -> Tape:
        """The tape. A result that is `fresh` has a block of its own, which nobody else knows; others lie in C order,
        or with None wherever they are."""
        for x in self.schedule.constants:
            self.shapes[x] = np.shape(x.value) if not isinstance(x.value, GpuArray) else x.value.shape
            if x in self.schedule.known:
                self.values[x] = x.value
        for node in self.schedule.nodes:
            self._infer(node)
        sizes = {x: size_of(self.shapes[x]) * x.aval.dtype.itemsize for s in self.schedule.steps for x in s.outputs}
        steps = side_by_side(ordered(self.schedule.steps, self.schedule.outputs, sizes))
        self.until = last_reads(steps, self.schedule.outputs)
        for self.number, step in enumerate(steps):
            self.current = step
            try:
                self._step(step)
            except (ClarrayError, ValueError, TypeError, IndexError) as error:
                failures.in_step(error, step, self.places, self.shapes)
                raise
        self.current = None
        self.tape.shapes = {x: self.shapes[x] for step in steps for x in (*step.inputs, *step.outputs)}
        self._finish(fresh)
        self._free()
        return self.tape

    # shapes and values

    def _infer(self, node: Apply) -> None:
        """The shape of a node's results, its parameters, and its value where it is known."""
        op = node.op
        self.params[node] = params = node.filled([int(np.asarray(self.values[x])) for x in node.holes])
        if isinstance(op, known.FROM_SHAPES):
            self.values[node.out] = value = op.value([self.shapes[x] for x in node.operands], params)
            self.shapes[node.out] = value.shape
            return
        avals = [Aval(self.shapes[x], x.aval.dtype, x.aval.weak) for x in node.operands]
        try:
            found = op.infer(avals, params, node.fp64)
            for x, aval in zip(node.outputs, found, strict=True):
                size_of(aval.shape, aval.dtype.itemsize)  # type: ignore[arg-type]
                self.shapes[x] = aval.shape  # type: ignore[assignment]
            if isinstance(op, Ufunc | ElementwiseCode | ReductionCode):
                check_broadcast(node, self.shapes)
        except (ValueError, TypeError, IndexError) as error:
            failures.in_node(error, node, self.shapes)
            raise
        if node.out in self.schedule.known:
            values, shapes = [self.values[x] for x in node.read], [self.shapes[x] for x in node.operands]
            self.values[node.out] = known.compute(node, values, params, shapes)

    # arrays

    def context(self, x: Variable) -> Context:
        """Where a variable is computed."""
        return self.schedule.where.get(x) or self.home

    def array(self, x: Variable, context: Context) -> Place:
        """Where a variable lies in a context; constants and known values are uploaded now, once."""
        if x in self.on_the_way:
            self._receive(x)
        place = self.places.get(x)
        if place is not None and (x not in self.values or self.context(x) is context):
            return place
        if (x, context) not in self._uploads:
            if isinstance(x, Constant):
                value = self.schedule.constant(x, context)
            else:
                value = uploaded(np.array(self.values[x], x.aval.dtype), context)
            place = Place(self.tape.slot(value.block), value.layout, value.offset, x)
            self.caller_slots.add(place.slot)
            self._uploads[x, context] = place
        return self._uploads[x, context]

    # steps

    def _step(self, step: Step) -> None:
        head = step.head
        context = self.context(step.outputs[0])
        if head.op is transfer_op:
            self._transfer(head)
        elif step.kind == "view":
            self._view(head, context)
        elif step.kind in ("other", "product"):
            self._other(step, context)
        else:
            self._kernel(step, context)

    def _transfer(self, node: Apply) -> None:
        (x,) = node.inputs
        target = node.params["target"]
        source = self.context(x)
        place = self.array(x, source)
        if not isinstance(target, Context) or target is source:
            self.places[node.out] = place
            return
        bytes_between.check_dtype(target, x.aval.dtype)
        if not place.layout.c_contiguous:
            place = self._copied(place, node.out, source)
        layout, offset = place.layout, place.offset
        new = Place(self.tape.slot(), layout, 0, node.out)

        def send(slots: Slots) -> None:
            slots[new.slot] = Parcel(layout, offset, slots[place.slot])

        self._add(send, [], [place])
        self.on_the_way[node.out] = new, target, self.current

    def _receive(self, x: Variable) -> None:
        """Let the device for which something is on its way wait for it, now that it is needed there."""
        new, target, step = self.on_the_way.pop(x)

        def receive(slots: Slots) -> None:
            slots[new.slot] = slots[new.slot].unpacked(target)

        self.current, current = step, self.current
        self._add(receive, [new], [])
        self.current = current
        self.places[x] = new

    def _view(self, node: Apply, context: Context) -> None:
        source = self.array(node.operands[0], context)
        others = [Layout.of(x.aval.dtype, self.shapes[x]) for x in node.operands[1:]]
        op: View = node.op  # type: ignore[assignment]
        found = op.view([source.layout, *others], self.params[node])
        if found is None:
            source = self._copied(source, node.out, context)
            found = op.view([source.layout, *others], self.params[node])
            assert found is not None
        layout, further = found
        self.places[node.out] = Place(source.slot, layout, source.offset + further, source.root)

    def _copied(self, source: Place, root: Variable, context: Context) -> Place:
        """A copy in C order."""
        dtype = source.layout.dtype
        return self._launch(copy_plan(source.layout, dtype, context), [source], [root], context)[0]

    def _call(self, op: Composite, node: Apply, context: Context) -> None:
        """A composite that looks at its arrays: its `lower` runs anew in every call."""
        operands = [self.array(x, context) for x in node.operands]
        params, given = self.params[node], [(p.slot, p.layout, p.offset) for p in operands]
        made = [Place(self.tape.slot(), Layout.of(x.aval.dtype, self.shapes[x]), 0, x) for x in node.outputs]
        wanted = [(p.slot, p.layout) for p in made]
        whom = f"in {node}, made at {node.line or 'an unknown line'}"

        def call(slots: Slots) -> None:
            with working_for(whom):
                found = op.lower(*[GpuArray(layout, offset, slots[k]) for k, layout, offset in given], **params)
            results = found if isinstance(found, tuple | list) else (found,)
            own = {id(slots[k]) for k, _, _ in given}
            for (slot, layout), x in zip(wanted, results, strict=True):
                if x.layout is not layout or x.offset or id(x.block) in own:
                    x = astype(x, dtype=layout.dtype, order="C")
                own.add(id(x.block))
                slots[slot] = x.block

        self._add(call, made, operands)
        self.places.update(zip(node.outputs, made, strict=True))

    def _other(self, step: Step, context: Context) -> None:
        node = step.head
        if isinstance(node.op, Composite):
            return self._call(node.op, node, context)
        operands = []
        for k, x in enumerate(node.operands):
            if not node.reads(k):
                operands.append(Place(-1, Layout.of(x.aval.dtype, self.shapes[x]), 0, x))
            else:
                operands.append(self.array(x, context))
        layouts, extras = [p.layout for p in operands], [self.array(x, context) for x in step.extras]
        params, scalars = self.params[node], [self.values[x] for x in step.scalars]
        further = [p.layout for p in extras]
        writes = self.schedule.in_place and isinstance(node.op, WRITERS)
        aliased = writes and self._dying(operands, [Layout.of(node.out.aval.dtype, self.shapes[node.out])]) == [0]
        key = (node.op, "step", step.body, frozen(params), (len(layouts), aliased, *bits(scalars)), *layouts, *further)
        cached = hashable(key)
        bound = context.plans.get(key) if cached else None
        if bound is None:
            plan = lower(node.op, layouts, params, context.traits, aliased=aliased, epilogue=step.body, extras=further)
            bound = self._bound(with_scalars(plan, scalars), step.outputs, context)
            if cached:
                context.remember(key, bound)
        made = self._run(bound, [*operands, *extras], step.outputs, [0] if aliased else ())
        for x, place in zip(step.outputs, made, strict=True):
            if place.layout.dtype != x.aval.dtype:
                place = self._launch(copy_plan(place.layout, x.aval.dtype, context), [place], [x], context)[0]
            self.places[x] = place

    def _kernel(self, step: Step, context: Context) -> None:
        body = step.body
        assert body is not None
        inputs = [self.array(x, context) for x in step.inputs]
        layouts = [p.layout for p in inputs]
        scalars = tuple(self.values[x] for x in step.scalars)
        over: list[int] = []
        if step.kind == "reduce":
            rows = tuple([(n.op, frozen(self.params[n])) for n in step.reductions])
            walked = self.shapes[step.reductions[0].operands[0]]
            key = (body, "reduce", rows, walked, scalars and bits(scalars), *layouts)
        else:
            shape = self.shapes[step.outputs[0]]
            outputs = elementwise.result_layouts(body, shape, layouts)
            over = self._dying(inputs, outputs) if self.schedule.in_place else [-1] * len(outputs)
            in_place = any(k >= 0 for k in over)
            key = (body, shape, (in_place, *bits(scalars)), *layouts)
        bound = context.plans.get(key)
        if bound is None:
            if step.kind == "reduce":
                plan = self._reduction(step, body, layouts, context)
            else:
                plan = elementwise.lower(body, outputs, layouts, context.traits, in_place)
            bound = self._bound(with_scalars(plan, scalars), step.outputs, context)
            context.remember(key, bound)
        made = self._run(bound, inputs, step.outputs, over)
        self.places.update(zip(step.outputs, made, strict=True))

    def _dying(self, inputs: Sequence[Place], outputs: Sequence[Layout]) -> list[int]:
        """For each result the input that it may overwrite, or -1; of an elementwise step, or of one that writes a part.

        Such an input was made by this call, is read here for the last time and fills its block.
        """
        slots = [p.slot for p in inputs]
        free = {
            k: p.layout
            for k, p in enumerate(inputs)
            if self.until[p.root] == self.number
            and p.layout.nbytes == self.sizes.get(p.slot)
            and p.offset == 0
            and slots.count(p.slot) == 1
        }
        over = []
        for layout in outputs:
            found = next((k for k, x in free.items() if x is layout), -1)
            free.pop(found, None)
            over.append(found)
        return over

    def _reduction(self, step: Step, body: Expr, layouts: Sequence[Layout], context: Context) -> Plan:
        rows, outs, corrections, first = [], [], [], 0
        for node in step.reductions:
            op: Any = node.op
            params = self.params[node]
            accumulator, result = op.resolve(node.operands[0].aval.dtype, params.get("dtype"), node.fp64)
            kind = body.nodes[body.outputs[first]].dtype.kind
            first += len(node.operands)
            rows.append(Row(op, kind, accumulator, result))
            outs.append(Layout.of(result, self.shapes[node.out]))
            corrections.append(params.get("correction", 0))
        head = step.reductions[0]
        walked = self.shapes[head.operands[0]]
        return reduction.lower_rows(rows, body, outs, layouts, walked, axes_of(head), context.traits, corrections)

    # launches

    def _launch(
        self, plan: Plan, operands: Sequence[Place], roots: Sequence[Variable], context: Context
    ) -> list[Place]:
        return self._run(self._bound(plan, roots, context), operands, roots)

    def _bound(self, plan: Plan, roots: Sequence[Variable], context: Context) -> BoundPlan:
        if not context.traits.fp64 and any(launch.spec.fp64 for launch in plan.launches):
            raise TypeError(
                f"{roots[0].described()} needs fp64, which {context.device} ({context.device.hardware}) has not; "
                f"use float32"
            )
        return BoundPlan(context, plan)

    def _run(
        self, bound: BoundPlan, operands: Sequence[Place], roots: Sequence[Variable], over: Sequence[int] = ()
    ) -> list[Place]:
        """Add the launches of a plan; where its results lie: in memory of their own, or `over` operands."""
        made = [Place(self.tape.slot(), layout, 0, x) for layout, x in zip(bound.outputs, roots, strict=True)]
        read = [p for p in operands if p.slot >= 0]
        everything = [*made, *operands]
        slots = [p.slot if p.slot >= 0 else made[0].slot for p in everything]
        offsets = [p.offset // p.layout.dtype.itemsize for p in everything]
        self.sizes.update((p.slot, p.layout.nbytes) for p in made)
        kept = [(p.slot, operands[k].slot) for p, k in zip(made, over) if k >= 0]
        own = [(p.slot, p.layout.nbytes) for p, k in zip(made, over or [-1] * len(made), strict=True) if k < 0]
        run = launcher(bound, own, slots, offsets, kept)
        self._add(run, made, read, bound)
        return made

    def _add(
        self, run: Callable[[Slots], None], made: Sequence[Place], read: Sequence[Place], bound: BoundPlan | None = None
    ) -> None:
        for place in (*made, *read):
            self.last_use[place.slot] = len(self.tape.steps)
        self.tape.steps.append(run)
        self.tape.records.append(Record(self.current, run, made, read, bound))

    def _finish(self, fresh: Sequence[bool | None]) -> None:
        """Where the results are; those that would share memory with something the caller knows are copied."""
        taken = set(self.caller_slots)
        results: list[Any] = [None] * len(fresh)
        for own in (True, False, None):
            for k, x in enumerate(self.schedule.outputs):
                if fresh[k] is not own:
                    continue
                if x in self.values and x not in self.places and not own:
                    results[k] = (-1, None, np.array(self.values[x], x.aval.dtype))
                    continue
                context = self.context(x)
                place = self.array(x, context)
                alone = place.slot not in taken and place.layout.writable
                if not (alone if own else own is None or place.layout.c_contiguous):
                    place = self._copied(place, x, context)
                taken.add(place.slot)
                results[k] = (place.slot, place.layout, place.offset)
        self.tape.results = results

    def _free(self) -> None:
        """Let go of blocks after their last use: intermediate results, and arguments uploaded for this call."""
        dead = self.tape.dead
        kept = {slot for slot, _, _ in self.tape.results} | {p.slot for p in self._uploads.values()}
        for slot, when in self.last_use.items():
            if when < len(self.tape.steps) - 1 and slot not in kept:
                dead.setdefault(when, []).append(slot)
        for when, slots in dead.items():
            self.tape.steps[when] = freeing(self.tape.steps[when], slots)
