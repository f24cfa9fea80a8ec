"""Lowering of `take`, `put` and `put_add`: an elementwise kernel, one of whose operands is at computed places.

For each element of the indexed shape the kernel reads the index arrays, and from them where in x the
element lies. `take` reads there, `put` writes there, `put_add` adds. Work-items that add to the same place either
do it atomically, as on a GPU, or every work-item goes through all indices and adds what falls into its own share of x:
on the few cores of a CPU that is faster, and the sums come in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from clarray.core import dtypes, expr, ops
from clarray.core.dtypes import NumpyDType
from clarray.core.expr import Builder
from clarray.core.indexing import GatherBack, Put, PutAdd, Take, indexed_shape
from clarray.core.layout import Layout, Strides, broadcast_strides
from clarray.core.traits import Traits
from clarray.errors import DeviceError

from . import elementwise
from .elementwise import Elementwise
from .lowering import Call, rule
from .operand import Operand
from .plan import Launch, Plan, Value, ceil_div, is_wide
from .reduction import STEPS

SERIAL = 1 << 14  # elements that one core adds in the time that a second takes to wake
OWNERS = 256  # work-items of a GPU that add in order


@dataclass(frozen=True)
class Indexed(Elementwise):
    """The Spec of a kernel over the indexed shape. Operands: o0, x0, then the index arrays.

    `extent<k>` and `along<k>` are the extent and stride of the axis that index array k walks; a work-item that
    owns a share has positions of the first of them, from `share` times its number on.
    """

    how: str  # "take", "put", "add atomically", "add to own share"

    @property
    def scalars(self) -> list[tuple[str, str]]:
        found = [(ctype, f"{name}{k}") for k, ctype in enumerate(self.ctypes) for name in ("extent", "along")]
        return [*found, (self.ctypes[0], "share")] if self.how == "add to own share" else found

    @property
    def ctypes(self) -> list[str]:
        """The C types in which index arrays are computed with: llvmpipe compares an int made a long wrongly."""
        rows = [x.row for x in self.operands[2:]]
        return ["int" if not self.wide and (x.itemsize < 4 or x.name == "int32") else "long" for x in rows]

    @property
    def long_atomics(self) -> bool:
        """Whether 64-bit words are added to atomically."""
        row = self.operands[0].row
        return self.how == "add atomically" and row.itemsize // (2 if row.kind == "c" else 1) == 8

    @property
    def body(self) -> tuple[str, ...]:
        result, moved, *indices = self.operands
        lines: list[str] = []
        for k, (x, ctype) in enumerate(zip(indices, self.ctypes, strict=True)):
            lines.append(f"const {ctype} given{k} = {x.at('i')};")
            wrapped = f"given{k} + (given{k} < 0 ? extent{k} : 0)"
            if self.how == "take":
                lines.append(f"const {ctype} near{k} = {wrapped};")
                lines.append(f"const {ctype} at{k} = near{k} < 0 ? 0 : near{k} < extent{k} ? near{k} : extent{k} - 1;")
            else:
                lines.append(f"const {ctype} at{k} = {wrapped};")
        far = moved if self.how == "take" else result
        distance = " + ".join(f"at{k} * along{k}" for k in range(len(indices)))
        place = f"{far.name}[{far.position('i')} + {distance}]"
        if self.how == "take":
            values, (name,) = self.expr.body({0: place})
            return (*lines, *values, f"{result.at('i')} = {expr.stored(name, result.row)};")
        inside = " && ".join(f"at{k} >= 0 && at{k} < extent{k}" for k in range(len(indices)))
        if self.how == "add atomically":  # by every work-item: llvmpipe loses what is added under a condition
            values, (name,) = self.expr.body({0: moved.at("i")})
            nothing = f"({result.row.ctype})({'-0.0f' if result.row.kind in 'fc' else '0'})"
            lines += [f"const bool inside = {inside};", f"const idx distance = inside ? {distance} : 0;"]
            added = f"atomics_add(&{far.name}[{far.position('i')} + distance], inside ? {name} : {nothing});"
            return (*lines, *values, added)
        if self.how == "add to own share":
            lines.append(f"const {self.ctypes[0]} first = ({self.ctypes[0]})get_global_id(0) * share;")
            inside += " && at0 >= first && at0 < first + share"
        values, (name,) = self.expr.body({0: moved.at("i"), 1: place})
        store = f"{place} = {expr.stored(name, result.row)};"
        return (*lines, f"if ({inside}) {{", *(f"    {line}" for line in (*values, store)), "}")


@dataclass(frozen=True)
class Places:
    """Operands of one kernel: elements move between `near`, of the indexed shape or broadcast to it, and `far`."""

    far: Layout
    near: Layout
    indices: Sequence[Layout]
    axes: Sequence[int]
    position: int
    numbers: Sequence[int]  # by which the plan knows result, moved operand and indices

    def launch(self, how: str, traits: Traits) -> tuple[Launch, ...]:
        """The launch, or none where nothing is indexed."""
        found, common = indexed_shape(self.far.shape, [i.shape for i in self.indices], self.axes, self.position)
        shape: tuple[int, ...] = found  # type: ignore[assignment]
        if 0 in shape:
            return ()
        kept = [s for a, s in enumerate(self.far.elements) if a not in self.axes]
        zeros = (0,) * len(common)

        def spread(i: Layout) -> Strides:
            own = broadcast_strides(i.shape, i.elements, common)  # type: ignore[arg-type]
            return (0,) * self.position + own + (0,) * (len(shape) - self.position - len(common))

        far_strides = (*kept[: self.position], *zeros, *kept[self.position :])
        near_strides = broadcast_strides(self.near.shape, self.near.elements, shape)
        pair = [(self.far, far_strides), (self.near, near_strides)]
        if how == "take":
            pair.reverse()
        layouts = [*(x for x, _ in pair), *self.indices]
        sizes, strides = elementwise.normalize(shape, [*(s for _, s in pair), *map(spread, self.indices)], False)
        names = ["o0", "x0", *(f"j{k}" for k in range(len(self.indices)))]
        operands = tuple(
            Operand(name, dtypes.DTYPES[x.dtype], s[-1] if s[-1] in (0, 1) else "s", k == 0)
            for k, (name, x, s) in enumerate(zip(names, layouts, strides, strict=True))
        )
        builder = Builder()
        dtype = layouts[0].dtype
        value = builder.cast(builder.load(0, layouts[1].dtype), dtype)
        if how == "add to own share":
            value = builder.call(ops.add, (builder.load(1, dtype), value), (dtype, dtype), dtype)
        wide = is_wide([self.far, self.near, *self.indices], traits.kind, prod(shape))
        owned = how == "add to own share"
        walk = "all" if owned else elementwise.walk_of(traits)
        spec = Indexed(builder.build([value]), operands, len(sizes), walk, wide, False, how)
        kinds = [{"int": "int32", "long": "int64"}[ctype] for ctype in spec.ctypes]
        extents = [
            Value(v, kind)
            for a, kind in zip(self.axes, kinds, strict=True)
            for v in (self.far.shape[a], self.far.elements[a])
        ]
        if not owned:
            return (elementwise.launch(spec, self.numbers, extents, sizes, strides, traits),)
        hands = 1 if prod(shape) < SERIAL else 2 * traits.compute_units if traits.kind == "cpu" else OWNERS
        share = ceil_div(self.far.shape[self.axes[0]], hands)
        launch = elementwise.launch(spec, self.numbers, [*extents, Value(share, kinds[0])], sizes, strides, traits)
        return (replace(launch, global_size=(hands,)),)

    def add(self, ordered: bool, traits: Traits) -> tuple[tuple[Launch, ...], tuple[int, ...]]:
        """The launches that add, and the bytes of their scratch buffer, the first: where it is needed, sums are made in
        wider words, for halves and what cannot be added atomically."""
        dtype = self.far.dtype
        atomic = traits.kind != "cpu" and not ordered
        wide = _sums_dtype(dtype, atomic)
        if atomic and wide.itemsize // (2 if wide.kind == "c" else 1) == 8 and not traits.int64_atomics:
            atomic, wide = False, _sums_dtype(dtype, False)
        how = "add atomically" if atomic else "add to own share"
        count = prod(indexed_shape(self.far.shape, [i.shape for i in self.indices], self.axes, self.position)[0])  # type: ignore[arg-type]
        if not atomic and count > STEPS and "loop_limit" in traits.quirks:  # a work-item would not meet them all
            raise DeviceError(
                f"{count:,} elements cannot be added in order on this device, whose work-items leave their loops after "
                f"65,535 steps; add at most {STEPS:,} at a time, or leave the flag deterministic at its default"
            )
        if wide == dtype:
            return self.launch(how, traits), ()
        sums = Layout.of(wide, self.far.shape)
        scratch = max(self.numbers) + 1
        inner = replace(self, far=sums, numbers=[scratch, *self.numbers[1:]]).launch(how, traits)
        builder = Builder()
        total = builder.cast(builder.load(1, wide), dtype)
        body = builder.build([builder.call(ops.add, (builder.load(0, dtype), total), (dtype, dtype), dtype)])
        joined = elementwise.lower(body, [self.far], [self.far, sums], traits, True)
        zeros = _constant(sums, traits).renumbered({0: scratch})
        launches = (*zeros.launches, *inner, *joined.renumbered({1: 0, 2: scratch}).launches)
        return launches, (sums.nbytes,)


def _sums_dtype(dtype: NumpyDType, atomic: bool) -> NumpyDType:
    """The dtype in which equal indices are summed."""
    if dtype == np.float16:
        return np.dtype("float32")
    if atomic and dtype.kind in "biu" and dtype.itemsize < 4:
        return np.dtype("uint32" if dtype.kind == "u" else "int32")
    return dtype


def _constant(x: Layout, traits: Traits) -> Plan:
    """Zeros."""
    builder = Builder()
    return elementwise.lower(builder.build([builder.constant(0, x.dtype)]), [x], [], traits)


@rule(Take)
def _take(op: Take, call: Call) -> Plan:
    (x, *indices), params = call.arrays, call.params
    shape, _ = indexed_shape(x.shape, [i.shape for i in indices], params["axes"], params["position"])
    near = call.out or Layout.of(x.dtype, shape)  # type: ignore[arg-type]
    places = Places(x, near, indices, params["axes"], params["position"], range(2 + len(indices)))
    return Plan((near,), places.launch("take", call.traits))


@rule(Put)
def _put(op: Put, call: Call) -> Plan:
    """`call.aliased` tells that `out` is x itself, so that nothing has to be copied first."""
    (x, value, *indices), params, traits = call.arrays, call.params, call.traits
    target = call.out or Layout.of(x.dtype, x.shape)
    numbers = [0, *range(2, 3 + len(indices))]
    places = Places(target, value, indices, params["axes"], params["position"], numbers)
    if isinstance(op, PutAdd):
        launches, scratch = places.add(params.get("ordered", False), traits)
    else:
        launches, scratch = places.launch("put", traits), ()
    if not call.aliased:
        builder = Builder()
        body = builder.build([builder.cast(builder.load(0, x.dtype), target.dtype)])
        launches = (*elementwise.lower(body, [target], [x], traits).launches, *launches)
    return Plan((target,), launches, scratch)


@rule(GatherBack)
def _gather_back(op: GatherBack, call: Call) -> Plan:
    (g, like, *indices), params, traits = call.arrays, call.params, call.traits
    target = call.out or Layout.of(g.dtype, like.shape)
    numbers = [0, 1, *range(3, 3 + len(indices))]
    places = Places(target, g, indices, params["axes"], params["position"], numbers)
    launches, scratch = places.add(params.get("ordered", False), traits)
    return Plan((target,), (*_constant(target, traits).launches, *launches), scratch)
