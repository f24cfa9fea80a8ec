"""Specs of the sorting kernels (`templates/sort*.mako`), and what their records are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clarray.core import dtypes

from .plan import ceil_div

WORDS = {1: "uchar", 2: "ushort", 4: "uint", 8: "ulong", 16: "ulong2"}


@dataclass(frozen=True)
class Keys:
    """How elements are compared, and what a record of one holds: its key, and its index where `indexed`."""

    dtype: dtypes.DType
    descending: bool
    indexed: bool
    far: bool  # an index takes more than 32 bits

    @property
    def bits(self) -> int:
        """Bits of a key."""
        return 8 * self.dtype.itemsize

    @property
    def storage(self) -> str:
        """C type of a key, and of an element in memory."""
        return WORDS[self.dtype.itemsize]

    @property
    def nbytes(self) -> int:
        """Bytes of a record."""
        if not self.indexed:
            return self.dtype.itemsize
        return 8 if self.bits <= 32 and not self.far else 16 if self.bits <= 64 else 32

    @property
    def record(self) -> str:
        """C type of a record."""
        return {32: "ulong4", **WORDS}[self.nbytes]

    @property
    def count(self) -> str:
        """C type of a number of records."""
        return "ulong" if self.far else "uint"

    @property
    def _word(self) -> int:
        """Bytes of a real number."""
        return self.dtype.itemsize // (2 if self.dtype.kind == "c" else 1)

    @property
    def word(self) -> str:
        """C type of a real number's bits."""
        return WORDS[self._word]

    def _constant(self, value: int) -> str:
        return f"{value:#x}{'ul' if self._word == 8 else 'u'}"

    @property
    def sign(self) -> str:
        """The bit of a real number that tells its sign."""
        return self._constant(1 << (8 * self._word - 1))

    @property
    def infinity(self) -> str:
        """The bits of infinity."""
        return self._constant(_bits(np.inf, self._word))

    @property
    def nan(self) -> str:
        """The key of NaN."""
        return self._constant(_bits(np.nan, self._word) | 1 << (8 * self._word - 1))

    @property
    def half_nan(self) -> str:
        """The high half of the key of a complex number whose imaginary part alone is NaN: just above infinity's."""
        return self._constant(_bits(np.inf, self._word) + 1 | 1 << (8 * self._word - 1))

    def joined(self, high: str, low: str) -> str:
        """C text of a complex number's key from those of its parts."""
        return f"(ulong2)({low}, {high})" if self.bits == 128 else f"(ulong){high} << 32 | {low}"

    def shifts(self, digit: int) -> tuple[int, tuple[int, ...]]:
        """The bits of a digit, `digit` at most, and where in a record each begins."""
        words, bits = (2, 64) if self.bits == 128 else (1, self.bits)
        count = ceil_div(bits, digit)
        width, first = ceil_div(bits, count), 32 if self.record == "ulong" and self.indexed else 0
        return width, tuple(first + w * 64 + p * width for w in range(words) for p in range(count))


def _bits(value: float, nbytes: int) -> int:
    return int(np.array(value, f"f{nbytes}").view(f"u{nbytes}"))


@dataclass(frozen=True)
class Sorting:
    """What Specs of this file have in common. `result` is "values", "indices" or "both"."""

    keys: Keys
    result: str
    wide: bool
    fp64: ClassVar[bool] = False  # doubles are sorted as the integers that their bits are

    @property
    def results(self) -> list[tuple[str, str]]:
        """C type and name of each result."""
        values, indices = (self.keys.storage, "values"), ("long", "indices")
        return {"values": [values], "indices": [indices], "both": [values, indices]}[self.result]

    def store(self, record: str, place: str, guarded: bool = True) -> str:
        """C text that writes what the results want of a record."""
        if self.result == "values":
            return f"values[{place}] = sort_decode({record});"
        if self.result == "indices":
            return f"indices[{place}] = (long)sort_index({record});"
        both = f"values[{place}] = x[sort_index({record})]; indices[{place}] = (long)sort_index({record});"
        return f"if ({place} < keep) {{ {both} }}" if guarded else both


@dataclass(frozen=True)
class Radix(Sorting):
    """The Spec of `sort.mako`."""

    template: ClassVar[str] = "sort"

    width: int
    prefetch: bool  # the compiler knows __builtin_prefetch

    @property
    def target(self) -> str:
        """C text of where the first result goes."""
        return self.results[0][1]

    def line(self, last: bool) -> int:
        """Elements of a cache line of what a pass writes."""
        return 64 // (self.keys.nbytes if not last else 8 if self.result == "indices" else self.keys.dtype.itemsize)


@dataclass(frozen=True)
class Rows(Sorting):
    """The Spec of `sort_rows.mako`."""

    template: ClassVar[str] = "sort_rows"

    width: int
    shifts: tuple[int, ...]
    encoded: bool  # records come, not elements


@dataclass(frozen=True)
class Ranks(Sorting):
    """The Spec of `sort_ranks.mako`."""

    template: ClassVar[str] = "sort_ranks"

    limit: int
    walk: str
    encoded: bool


@dataclass(frozen=True)
class Network(Sorting):
    """The Spec of `sort_network.mako`."""

    template: ClassVar[str] = "sort_network"

    lanes: int
    limit: int


@dataclass(frozen=True)
class Tiles(Sorting):
    """The Spec of `sort_tile.mako`."""

    template: ClassVar[str] = "sort_tile"

    width: int
    group: int
    each: int  # records of a work-item


@dataclass(frozen=True)
class Best(Sorting):
    """The Spec of `sort_best.mako`."""

    template: ClassVar[str] = "sort_best"

    walk: str
    group: int
    each: int
    encoded: bool
