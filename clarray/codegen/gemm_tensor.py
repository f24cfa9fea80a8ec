"""The Spec of matrix products on tensor cores, and its tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from .gemm_specs import Blocked, Side, log2, vector_type


class Warps(NamedTuple):
    """A tile made by tensor cores: rows and columns of a group, steps of k in local memory, warps along m and n."""

    rows: int
    columns: int
    depth: int
    warps_m: int
    warps_n: int

    @property
    def group(self) -> int:
        """Work-items."""
        return 32 * self.warps_m * self.warps_n

    @property
    def ratio(self) -> float:
        """Multiplications of a warp to each element that it reads of local memory, as `Tile.ratio` were they plain."""
        m, n = self.rows // self.warps_m, self.columns // self.warps_n
        return m * n / (m + n) / 8

    def local_bytes(self, itemsize: int) -> int:
        """Of local memory: two buffers."""
        return 2 * (self.rows + self.columns) * self.depth * itemsize


@dataclass(frozen=True)
class Tensor(Blocked):
    """The Spec of `gemm_tensor.mako`: halves, summed as floats, by the instructions of `lib/tensor.mako`.

    Local memory holds an operand as it lies in memory, in words of 8 halves. The words of neighbouring rows are
    exchanged (`swapped`), so that the eight rows that an instruction reads are in different banks.
    """

    template: ClassVar[str] = "gemm_tensor"

    tile: Warps

    @property
    def element(self) -> int:
        """Halves are not made wider before the products."""
        return 2

    @property
    def warp_m(self) -> int:
        """Rows of a warp."""
        return self.rows // self.tile.warps_m

    @property
    def warp_n(self) -> int:
        """Columns of a warp."""
        return self.columns // self.tile.warps_n

    @property
    def pair(self) -> str:
        """The C type of two neighbours of the result."""
        return vector_type(self.operands[0].row, 2)

    def words(self, x: Side) -> int:
        """Words to a row of local memory."""
        return (x.depth if x.turned else x.length) // 8

    def swapped(self, x: Side, row: str, word: str) -> str:
        """C text of where a word of a row lies."""
        words = min(8, self.words(x))
        return f"({row}) * {self.words(x)} + (({word}) ^ (({row}) >> {log2(8 // words)} & {words - 1}))"

    def kept(self, x: Side) -> str:
        """C text of where the word at l and k goes."""
        return self.swapped(x, "l", "k >> 3") if x.turned else self.swapped(x, "k", "l >> 3")

    def read(self, x: Side, at: str, k: int) -> str:
        """C text of the word a work-item names for the 16 by 16 elements at place `at`, step k.

        Work-items 8 q to 8 q + 7 name the rows of the q-th of four matrices. Of a these are the upper and the
        lower half of the first 8 steps, then of the others; of b both halves of k for 8 columns, then for 8 more.
        """
        own, step = ("(lane & 8)", "(lane & 16) / 2") if x.name == "a" else ("(lane & 16) / 2", "(lane & 8)")
        if x.turned:
            return self.swapped(x, f"{at} + {own} + (lane & 7)", f"({k} + {step}) >> 3")
        return self.swapped(x, f"{k} + {step} + (lane & 7)", f"({at} + {own}) >> 3")
