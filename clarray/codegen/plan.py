"""Plan: the launches that do one piece of work, in order, bound to extents but not to buffers.

A Spec holds what changes the source of a kernel; a Launch adds the numbers of one call. Operands of
a Plan are numbered: results first, then inputs, then scratch buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from clarray.core.dtypes import NumpyDType
from clarray.core.layout import Layout


class Spec(Protocol):
    """The one argument of a template: frozen and hashable, it is the key of the compiled kernel."""

    template: ClassVar[str]

    @property
    def fp64(self) -> bool:
        """Whether the kernel needs doubles."""
        ...

    @property
    def wide(self) -> bool:
        """Whether indices are 64 bits wide."""
        ...


@dataclass(frozen=True)
class Buffer:
    """A kernel argument: the memory of an operand."""

    operand: int


@dataclass(frozen=True)
class Offset:
    """A kernel argument: where an operand begins in its memory, in elements, a 64-bit integer, and so
    many elements `further`."""

    operand: int
    further: int = 0


@dataclass(frozen=True)
class Scalar:
    """A kernel argument: the k-th scalar of the call, as this dtype's C type."""

    number: int
    dtype: NumpyDType


@dataclass(frozen=True)
class Value:
    """A kernel argument that is the same in every call: an extent, a stride, a count."""

    value: Any
    dtype: str = "int64"


@dataclass(frozen=True)
class Local:
    """A kernel argument: so many bytes of local memory."""

    nbytes: int


@dataclass(frozen=True)
class Table:
    """A kernel argument: numbers that never change, `make(*arguments)`; on the device while a bound plan needs them."""

    make: Callable[..., Any]
    arguments: tuple[Any, ...]


Argument = Buffer | Offset | Scalar | Value | Local | Table


@dataclass(frozen=True)
class Launch:
    """A kernel, its arguments and its range."""

    spec: Spec
    arguments: tuple[Argument, ...]
    global_size: tuple[int, ...]
    local_size: tuple[int, ...] | None
    kernel: str = "kernel_main"


@dataclass(frozen=True)
class Plan:
    """Launches in order; the layouts of the results; scratch buffers in bytes."""

    outputs: tuple[Layout, ...]
    launches: tuple[Launch, ...]
    scratch: tuple[int, ...] = ()

    def renumbered(self, operands: Mapping[int, int]) -> Plan:
        """The same launches with operand k called `operands[k]`; others keep their numbers."""
        return self._mapped(lambda a: replace(a, operand=operands.get(a.operand, a.operand)))

    def moved(self, operand: int, further: int) -> Plan:
        """The same launches with one operand beginning so many elements further into its memory."""
        return self._mapped(
            lambda a: replace(a, further=a.further + further) if isinstance(a, Offset) and a.operand == operand else a
        )

    def _mapped(self, change: Callable[[Any], Any]) -> Plan:
        launches = tuple(
            replace(
                launch, arguments=tuple(change(a) if isinstance(a, Buffer | Offset) else a for a in launch.arguments)
            )
            for launch in self.launches
        )
        return replace(self, launches=launches)


INT32_MAX = 2**31 - 1
# Elements that a kernel counts in 32 bits at most. What is missing to 2**31 is room for a last step of a work-item: the
# counter of a loop over the whole grid goes past the end by up to as many elements as the grid has work-items.
COUNTED = 2**31 - 2**26
ROWS_OF_GRID = 65_535  # groups along the second axis of a grid, on some devices: what may be longer is the first


def is_wide(layouts: Sequence[Layout], kind: str, count: int = 0) -> bool:
    """Whether indices need 64 bits, also for what else a kernel has to `count`. On a CPU they cost nothing, and one
    kernel then serves all sizes."""
    return kind == "cpu" or max(count, *map(reach, layouts), 0) > COUNTED


def reach(layout: Layout) -> int:
    """The farthest element number, or element count, that indexing this layout meets."""
    far = sum((n - 1) * abs(s) for n, s in zip(layout.shape, layout.elements, strict=True) if n)
    return max(far, layout.size)


def ceil_div(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def round_up(a: int, b: int) -> int:
    """The first multiple of b that is not below a."""
    return ceil_div(a, b) * b
