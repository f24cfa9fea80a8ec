"""Lowering of `concat`: each operand is copied to its place in the result, several of them in one launch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from clarray.core import dtypes
from clarray.core.aval import normalize_axis
from clarray.core.expr import Builder
from clarray.core.joining import Concat
from clarray.core.layout import Layout
from clarray.core.traits import Traits

from . import elementwise
from .elementwise import Elementwise
from .lowering import Call, rule
from .plan import Argument, Launch, Plan, Value, round_up

ARGUMENTS = 1024  # bytes of a kernel's arguments, as many as every device takes


@dataclass(frozen=True)
class Joined:
    """The Spec of `joined.mako`: the pieces' operands have names of their own."""

    template: ClassVar[str] = "joined"

    pieces: tuple[Elementwise, ...]
    wide: bool

    @property
    def fp64(self) -> bool:
        return any(piece.fp64 for piece in self.pieces)


@rule(Concat)
def _concat(op: Concat, call: Call) -> Plan:
    arrays, out = call.arrays, call.out
    axis = normalize_axis(call.params["axis"], len(arrays[0].shape), op.name)
    if out is None:
        shape = list(arrays[0].shape)
        shape[axis] = sum(x.shape[axis] for x in arrays)
        out = Layout.of(dtypes.promote(tuple(x.dtype for x in arrays)), tuple(shape))
    launches: list[Launch] = []
    plain: dict[bool, list[Launch]] = {False: [], True: []}
    for copy in _copies(arrays, axis, out, call.traits):
        if type(copy.spec) is Elementwise:
            plain[copy.spec.wide].append(copy)
        else:  # a transpose, tile by tile
            launches.append(copy)
    for copies in plain.values():
        launches += map(_joined, _filled(copies))
    return Plan((out,), tuple(launches))


def _copies(arrays: Sequence[Layout], axis: int, out: Layout, traits: Traits) -> Iterator[Launch]:
    """A launch for each operand that has elements."""
    start = 0
    for number, x in enumerate(arrays):
        builder = Builder()
        body = builder.build([builder.cast(builder.load(0, x.dtype), out.dtype)])
        copy = elementwise.lower(body, [Layout.of(out.dtype, x.shape, out.strides)], [x], traits)
        yield from copy.renumbered({1: 1 + number}).moved(0, start * out.elements[axis]).launches
        start += x.shape[axis]


def _filled(copies: Sequence[Launch]) -> Iterator[list[Launch]]:
    """Copies that go into one launch: as many as its arguments have room for."""
    filled: list[Launch] = []
    room = ARGUMENTS
    for copy in copies:
        nbytes = round_up(sum(map(_nbytes, copy.arguments)), 8)
        if filled and nbytes > room:
            yield filled
            filled, room = [], ARGUMENTS
        filled.append(copy)
        room -= nbytes
    if filled:
        yield filled


def _nbytes(argument: Argument) -> int:
    """What an argument takes: a pointer or an offset, or a number."""
    return np.dtype(argument.dtype).itemsize if isinstance(argument, Value) else 8


def _joined(copies: Sequence[Launch]) -> Launch:
    """One launch that does what these do: a work-item takes its share of each."""
    pieces = []
    for k, copy in enumerate(copies):
        assert isinstance(copy.spec, Elementwise)
        names = (f"o{k}", f"x{k}")
        operands = tuple(replace(x, name=name) for x, name in zip(copy.spec.operands, names, strict=True))
        pieces.append(replace(copy.spec, operands=operands))
    arguments = tuple(argument for copy in copies for argument in copy.arguments)
    size = max(copy.global_size[0] for copy in copies)
    return Launch(Joined(tuple(pieces), pieces[0].wide), arguments, (size,), copies[0].local_size)
