"""Lowering of `take` and `put`: an elementwise kernel, one of whose operands is at computed places.

For each element of the result's shape the kernel reads the index arrays, and from them where in x the
element lies. `take` reads there, `put` writes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from clarray.core import dtypes, expr
from clarray.core.expr import Builder
from clarray.core.indexing import Put, Take, indexed_shape
from clarray.core.layout import Layout, Strides, broadcast_strides
from clarray.core.traits import Traits

from . import elementwise
from .elementwise import Elementwise
from .lowering import Call, rule
from .operand import Operand
from .plan import Plan, Value, is_wide


@dataclass(frozen=True)
class Indexed(Elementwise):
    """The Spec of a kernel that gathers or, where `scatters`, puts. Operands: o0, x0, then the index arrays.

    `extent<k>` and `along<k>` are the extent and stride of the axis that index array k walks.
    """

    scatters: bool = False

    @property
    def scalars(self) -> list[tuple[str, str]]:
        return [("long", f"{name}{k}") for k in range(len(self.operands) - 2) for name in ("extent", "along")]

    @property
    def body(self) -> tuple[str, ...]:
        result, moved, *indices = self.operands
        lines: list[str] = []
        for k, x in enumerate(indices):
            lines.append(f"const long given{k} = (long){x.at('i')};")
            wrapped = f"given{k} + (given{k} < 0 ? extent{k} : 0)"
            if self.scatters:
                lines.append(f"const long at{k} = {wrapped};")
            else:
                lines.append(f"const long near{k} = {wrapped};")
                lines.append(f"const long at{k} = near{k} < 0 ? 0 : near{k} < extent{k} ? near{k} : extent{k} - 1;")
        places = "".join(f" + at{k} * along{k}" for k in range(len(indices)))
        far = result if self.scatters else moved
        place = f"{far.name}[{far.position('i')}{places}]"
        values, (name,) = self.expr.body({0: moved.at("i") if self.scatters else place})
        if self.scatters:
            inside = " && ".join(f"at{k} >= 0 && at{k} < extent{k}" for k in range(len(indices)))
            return (*lines, *values, f"if ({inside}) {place} = {expr.stored(name, result.row)};")
        return (*lines, *values, f"{result.at('i')} = {expr.stored(name, result.row)};")


def lower(
    far: Layout, near: Layout, indices: Sequence[Layout], axes: Sequence[int], position: int, scatters: bool,
    numbers: Sequence[int], traits: Traits,
) -> Plan:  # fmt: skip
    """The Plan that moves elements between `near`, of (or, for a put, broadcast to) the indexed shape, and
    places in `far`. `numbers` are those of the kernel's operands in its order."""
    shape, common = indexed_shape(far.shape, [i.shape for i in indices], axes, position)
    target = far if scatters else near
    if 0 in shape:
        return Plan((target,), ())
    kept = [s for a, s in enumerate(far.elements) if a not in axes]
    zeros = (0,) * len(common)

    def spread(i: Layout) -> Strides:
        own = broadcast_strides(i.shape, i.elements, common)  # type: ignore[arg-type]
        return (0,) * position + own + (0,) * (len(shape) - position - len(common))

    far_strides = (*kept[:position], *zeros, *kept[position:])
    near_strides = broadcast_strides(near.shape, near.elements, shape)  # type: ignore[arg-type]
    pair = [(far, far_strides), (near, near_strides)] if scatters else [(near, near_strides), (far, far_strides)]
    layouts = [*(x for x, _ in pair), *indices]
    sizes, strides = elementwise.normalize(shape, [*(s for _, s in pair), *map(spread, indices)], False)  # type: ignore[arg-type]
    names = ["o0", "x0", *(f"j{k}" for k in range(len(indices)))]
    operands = tuple(
        Operand(name, dtypes.DTYPES[x.dtype], s[-1] if s[-1] in (0, 1) else "s", k == 0)
        for k, (name, x, s) in enumerate(zip(names, layouts, strides, strict=True))
    )
    builder = Builder()
    body = builder.build([builder.cast(builder.load(0, layouts[1].dtype), layouts[0].dtype)])
    wide = is_wide([far, near, *indices], traits.kind) or prod(shape) >= 2**31  # type: ignore[arg-type]
    spec = Indexed(body, operands, len(sizes), elementwise.walk_of(traits), wide, False, scatters)
    extents = [Value(v) for a in axes for v in (far.shape[a], far.elements[a])]
    return Plan((target,), (elementwise.launch(spec, numbers, extents, sizes, strides, traits),))


@rule(Take)
def _take(op: Take, call: Call) -> Plan:
    (x, *indices), params = call.arrays, call.params
    shape, _ = indexed_shape(x.shape, [i.shape for i in indices], params["axes"], params["position"])
    near = call.out or Layout.of(x.dtype, shape)  # type: ignore[arg-type]
    numbers = [*range(2 + len(indices))]
    return lower(x, near, indices, params["axes"], params["position"], False, numbers, call.traits)


@rule(Put)
def _put(op: Put, call: Call) -> Plan:
    """`call.aliased` tells that `out` is x itself, so that nothing has to be copied first."""
    (x, value, *indices), params, traits = call.arrays, call.params, call.traits
    target = call.out or Layout.of(x.dtype, x.shape)
    numbers = [0, *range(2, 3 + len(indices))]
    scatter = lower(target, value, indices, params["axes"], params["position"], True, numbers, traits)
    if call.aliased:
        return scatter
    builder = Builder()
    body = builder.build([builder.cast(builder.load(0, x.dtype), target.dtype)])
    copy = elementwise.lower(body, [target], [x], traits)
    return Plan((target,), copy.launches + scatter.launches)
