"""The Specs of a GPU's matrix products, and their tiles: what the templates `gemm_*.mako` print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from clarray.core import dtypes, expr

from .gemm import Product
from .plan import ceil_div

GROUP = 256  # work-items of a group that makes no tile, where a device has so large ones


class Tile(NamedTuple):
    """Rows and columns that a group makes, steps of k in local memory, rows and columns of a work-item."""

    rows: int
    columns: int
    depth: int
    each_m: int
    each_n: int

    @property
    def group(self) -> int:
        """Work-items."""
        return self.rows // self.each_m * (self.columns // self.each_n)

    @property
    def ratio(self) -> float:
        """Multiplications of a work-item to each element that it reads of local memory."""
        return self.each_m * self.each_n / (self.each_m + self.each_n)

    def local_bytes(self, itemsize: int) -> int:
        """Of local memory: two buffers."""
        return 2 * (self.rows + self.columns) * self.depth * itemsize


def vector_type(row: dtypes.DType, lanes: int) -> str:
    """The C type of so many neighbours in memory."""
    count = lanes * (2 if row.kind == "c" else 1)
    return f"{row.storage.removesuffix('2')}{count}" if count > 1 else row.storage


def log2(n: int) -> int:
    """The exponent of a power of two."""
    return n.bit_length() - 1


@dataclass(frozen=True)
class Side:
    """An operand of a tile as the templates see it: `length` rows (of a) or columns (of b) by `depth` steps of k.

    One that is contiguous along k is `turned` on its way to local memory, where k is the outer axis. So that a
    warp's stores meet different banks, element l of step k then lies at l ^ turn(k).
    """

    name: str
    row: dtypes.DType
    axis: str
    length: int
    depth: int
    turned: bool
    lanes: int
    group: int
    itemsize: int  # of what lies in local memory

    @property
    def letter(self) -> str:
        """Of the values in registers."""
        return "x" if self.name == "a" else "y"

    @property
    def fast(self) -> str:
        """The axis along which neighbours are read together."""
        return "k" if self.turned else self.axis

    @property
    def slow(self) -> str:
        """The other."""
        return self.axis if self.turned else "k"

    @property
    def vector(self) -> str:
        """The C type of what is read at once."""
        return vector_type(self.row, self.lanes)

    @property
    def alignment(self) -> int:
        """Bytes to which that must be aligned."""
        return min(16, self.lanes * self.row.itemsize)

    @property
    def size(self) -> int:
        """Elements of one step's tile."""
        return self.length * self.depth

    @property
    def vectors(self) -> int:
        """Vectors of a tile."""
        return self.size // self.lanes

    @property
    def fetches(self) -> int:
        """Vectors to one work-item."""
        return ceil_div(self.vectors, self.group)

    def _across(self, j: int) -> str:
        return f"((item + {j * self.group}) >> {log2(self._line)})"

    @property
    def _line(self) -> int:
        return (self.depth if self.turned else self.length) // self.lanes

    def _along(self) -> str:
        return f"(item & {self._line - 1}) << {log2(self.lanes)}"

    def place(self, j: int) -> tuple[str, str]:
        """C text of the place of a work-item's j-th vector: along the operand's own axis, and along k."""
        return (self._across(j), self._along()) if self.turned else (self._along(), self._across(j))

    def turn(self, k: str) -> str:
        """C text of what a place is combined with at step k, a multiple of `lanes`."""
        banks = 128 // self.itemsize
        return f"(({k} * {banks // self.depth}) & {self.length - 1})"

    def read(self, at: str, place: int) -> str:
        """C text of the vector `place` elements after `at`, at the steps from q on."""
        text = f"({at} + {place})" if place else at
        return (
            f"(({text} ^ {self.turn('q')}) >> {log2(self.lanes)})" if self.turned else f"({text} >> {log2(self.lanes)})"
        )

    @property
    def inside(self) -> str:
        """C text of whether all of the vector at l and k is there."""
        l_end, k_end = (1, self.lanes) if self.turned else (self.lanes, 1)
        return f"l + {l_end} <= live_{self.axis} && k + {k_end} <= here"

    @property
    def there(self) -> str:
        """C text of how many elements of the vector at l and k are there."""
        count, other = ("here - k", f"l < live_{self.axis}") if self.turned else (f"live_{self.axis} - l", "k < here")
        return f"{other} ? {count} : 0"

    def element(self, vector: str, i: int) -> str:
        """C text of the i-th element of a vector, as it lies in memory."""
        if self.row.kind == "c":
            return f"({self.row.storage})({vector}.s{2 * i:x}, {vector}.s{2 * i + 1:x})"
        return f"{vector}.s{i}" if self.lanes > 1 else vector


@dataclass(frozen=True)
class OnGpu(Product):
    """What the Specs of a GPU's kernels have."""

    def multiply_add(self, to: str, x: str, y: str) -> str:
        """C text of to += x * y."""
        if self.planes == 1:
            return f"{to} += {x} * {y};"
        return (f"{to}.x += {x}.x * {y}.x; {to}.x -= {x}.y * {y}.y; "
                f"{to}.y += {x}.x * {y}.y; {to}.y += {x}.y * {y}.x;")  # fmt: skip

    def total(self, names: list[str]) -> str:
        """C text of a sum, by halves."""
        if len(names) == 1:
            return names[0]
        middle = len(names) // 2
        return f"({self.total(names[:middle])} + {self.total(names[middle:])})"

    def part(self, text: str, plane: int) -> str:
        """C text of what goes to a plane of local memory."""
        return f"{text}.{'xy'[plane]}" if self.planes == 2 else text

    @property
    def finished(self) -> tuple[list[str], str]:
        """Statements, and the C text of what is stored at `l`, made from `sum`."""
        result, *loads = self.operands
        if self.epilogue is None:
            return [], "sum"
        found = [k for k in sorted(self.epilogue.leaves("load")) if k]
        texts = {k: x.at("l") for k, x in zip(found, loads, strict=True)} | {0: "sum"}
        lines, (name,) = self.epilogue.body(texts)
        return list(lines), expr.stored(name, result.row)


class Block(Protocol):
    """A tile: what of a product a group of work-items makes."""

    @property
    def rows(self) -> int:
        """Of the result."""

    @property
    def columns(self) -> int:
        """Of the result."""

    @property
    def depth(self) -> int:
        """Steps of k in local memory."""

    @property
    def group(self) -> int:
        """Work-items."""


@dataclass(frozen=True)
class Blocked(OnGpu):
    """What Specs have whose groups bring blocks of both operands to local memory."""

    tile: Block
    a_turned: bool  # contiguous along k
    b_turned: bool

    @property
    def rows(self) -> int:
        """Of a group's tile."""
        return self.tile.rows

    @property
    def columns(self) -> int:
        """Of a group's tile."""
        return self.tile.columns

    @property
    def depth(self) -> int:
        """Steps of k in local memory."""
        return self.tile.depth

    @property
    def group(self) -> int:
        """Work-items."""
        return self.tile.group

    @property
    def sides(self) -> tuple[Side, Side]:
        """a and b."""
        tile, lanes, size = self.tile, self.lanes, self.element
        return (
            Side("a", self.a, "m", tile.rows, tile.depth, self.a_turned, lanes, tile.group, size),
            Side("b", self.b, "n", tile.columns, tile.depth, self.b_turned, lanes, tile.group, size),
        )

    @property
    def element(self) -> int:
        """Bytes of an element of a plane in local memory."""
        return self.dtype.itemsize // self.planes

    @property
    def lanes(self) -> int:
        """Elements of a vector of 16 bytes in local memory."""
        return 16 // self.element


@dataclass(frozen=True)
class Tiled(Blocked):
    """The Spec of `gemm_tiled.mako`."""

    template: ClassVar[str] = "gemm_tiled"

    tile: Tile

    @property
    def each_m(self) -> int:
        """Rows of a work-item."""
        return self.tile.each_m

    @property
    def vector(self) -> str:
        """The C type of such a vector."""
        return f"{self.real}{self.lanes}"

    @property
    def result_vector(self) -> str:
        """The C type of so many neighbours of the result."""
        return vector_type(self.operands[0].row, self.lanes)

    @property
    def result_alignment(self) -> int:
        """Bytes to which that must be aligned."""
        return min(16, self.operands[0].row.itemsize * self.lanes)

    @property
    def item_m(self) -> str:
        """C text of a work-item's row among work-items: 32 neighbours make 4 rows and 8 columns of them."""
        across = self.columns // self.tile.each_n
        if self._by_warps:
            return f"(((item >> {log2(across) + 2}) << 2) + ((item >> 3) & 3))"
        return f"(item >> {log2(across)})"

    @property
    def item_n(self) -> str:
        """C text of its column."""
        across = self.columns // self.tile.each_n
        if self._by_warps:
            return f"(((item >> 5) & {across // 8 - 1}) * 8 + (item & 7))"
        return f"(item & {across - 1})"

    @property
    def _by_warps(self) -> bool:
        return self.rows // self.each_m % 4 == 0 and self.columns // self.tile.each_n % 8 == 0

    @property
    def blocks_m(self) -> range:
        """The vectors of a work-item along m; they lie `step_m` apart, so that neighbours read neighbours."""
        return range(self.each_m // self.lanes)

    @property
    def blocks_n(self) -> range:
        """Those along n."""
        return range(self.tile.each_n // self.lanes)

    @property
    def step_m(self) -> int:
        """Rows between them."""
        return self.rows // self.each_m * self.lanes

    @property
    def step_n(self) -> int:
        """Columns between them."""
        return self.columns // self.tile.each_n * self.lanes

    def row_of(self, r: int) -> int:
        """The row of a work-item's r-th, from its first on."""
        return r // self.lanes * self.step_m + r % self.lanes

    def gathered(self, r: int, j: int, i: int) -> str:
        """C text of a sum."""
        parts = [f"c{r}_{j}_{p}.s{i}" for p in range(self.planes)]
        return f"({self.ctype})({', '.join(parts)})" if self.planes == 2 else parts[0]


@dataclass(frozen=True)
class Direct(OnGpu):
    """The Spec of `gemm_direct.mako`: so many `rows` of one column to a work-item."""

    template: ClassVar[str] = "gemm_direct"

    rows: int
    group: int


@dataclass(frozen=True)
class Rows(OnGpu):
    """The Spec of `gemm_rows.mako`: up to `columns` columns, `team` work-items to a row."""

    template: ClassVar[str] = "gemm_rows"

    columns: int
    team: int
    group: int

    @property
    def lanes(self) -> int:
        """Steps of k that a work-item reads at once: 16 bytes of a."""
        return min(8, 16 // self.a.itemsize)

    @property
    def sides(self) -> tuple[Side, Side]:
        """a and b."""
        a, b = ((name, row, axis, 1, self.lanes, True, self.lanes, self.group, self.dtype.itemsize)
                for name, row, axis in (("a", self.a, "m"), ("b", self.b, "n")))  # fmt: skip
        return Side(*a), Side(*b)
