"""Matrix products on a GPU: a group makes a tile of the result through local memory (`gemm_tiled.mako`)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from .gemm import Problem, Product
from .plan import Launch, Plan, ceil_div

GROUP = 256  # work-items of a group
GROUPS_PER_UNIT = 2  # groups a GPU wants at least


@dataclass(frozen=True)
class Tiled(Product):
    """The Spec of `gemm_tiled.mako`: 256 work-items, `each` x `each` elements of the tile to every one."""

    template: ClassVar[str] = "gemm_tiled"
    depth: ClassVar[int] = 16  # steps of k in local memory

    each: int
    a_fast: str  # the axis along which neighbours are read by neighbours: "m" or "k"
    b_fast: str  # "k" or "n"

    @property
    def side(self) -> int:
        """Rows and columns of a group's tile."""
        return 16 * self.each


@dataclass(frozen=True)
class GpuProblem(Problem):
    """A product ready to be laid out on a GPU."""

    def plan(self) -> Plan:
        stacked = prod(self.batch)
        wanted = GROUPS_PER_UNIT * max(self.traits.compute_units, 8)
        each = next((e for e in (4, 2) if stacked * ceil_div(self.m, 16 * e) * ceil_div(self.n, 16 * e) >= wanted), 1)
        a, b = self.steps[1:3]
        spec = Tiled(
            *self._rows(), self.sums, self._operands(), self.epilogue, len(self.batch), self._wide, each,
            "m" if abs(a.first) < abs(a.second) else "k", "k" if abs(b.first) < abs(b.second) else "n",
        )  # fmt: skip
        groups = stacked * ceil_div(self.m, spec.side) * ceil_div(self.n, spec.side)
        arguments = [*self._buffers(), *self._scalars(), *self._values([self.m, self.n, self.depth, *self._strides()])]
        return Plan((self.layouts[0],), (Launch(spec, tuple(arguments), (GROUP * groups,), (GROUP,)),))
