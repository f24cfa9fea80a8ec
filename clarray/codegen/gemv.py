"""Products with a vector on a CPU: what memory gives decides how they are cut.

Rows of a are shared out whole. Where its columns are contiguous all of them are added in one pass, a row at a time, as
memory is read fastest in long pieces: then the steps of k are shared out, and what comes of each part is added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from .gemm import Problem, Product, same_bits
from .gemm_blocks import TASK, register_tile
from .plan import Launch, Plan, ceil_div, round_up

CACHED = 1 << 22  # bytes of a to a core that stay in caches, where short pieces cost nothing and need no second launch


@dataclass(frozen=True)
class Vector(Product):
    """The Spec of `gemv.mako`: the product with a vector, lanes `along` "k" or "m"."""

    template: ClassVar[str] = "gemv"
    block: ClassVar[int] = 2048  # steps of k after which a sum is put aside, for the sake of its digits
    most: ClassVar[int] = 4096  # sums a work-item holds

    width: int
    along: str

    @property
    def rows(self) -> int:
        """Rows of a, or columns, that are read together."""
        return 4 if self.along == "k" else 8


def plan(problem: Problem) -> Plan | None:
    """The product with a vector (n is 1), where a and b lie as `gemv.mako` reads them."""
    (a, b), traits, stacked = problem.steps[1:3], problem.traits, prod(problem.batch)
    sums, rows = problem.sums, problem.factors()
    alike = all(row.storage == row.ctype and sums.kind in "fu" and same_bits(row, sums) for row in rows)
    along = "k" if a.second == 1 and b.first == 1 else "m" if a.first == 1 else None
    hands = min(2 * traits.compute_units, max(1, problem.m * problem.depth // TASK))
    chunk = problem.depth
    if along == "m" and stacked * problem.m * problem.depth * sums.itemsize > CACHED * traits.compute_units:
        chunk = round_up(ceil_div(chunk, max(hands, ceil_div(chunk, Vector.block))), 8)
    parts = ceil_div(problem.depth, chunk)
    block_m = min(ceil_div(problem.m, ceil_div(hands, parts)), Vector.most)
    crowded = stacked * parts * ceil_div(problem.m, block_m) < hands
    if traits.kind != "cpu" or not alike or along is None or crowded:
        return None
    launches: tuple[Launch, ...] = ()
    scratch: tuple[int, ...] = ()
    result, part = problem.layouts[0], 0
    if parts > 1:
        problem, adding = problem.parted(parts)
        launches, flat = (adding,), problem.layouts[0]
        part, scratch = flat.size // parts, (flat.nbytes,)
    steps = problem.steps
    operands = tuple(
        replace(x, inner=s.first if s.first in (0, 1) else "s")
        for x, s in zip(problem.operands(), (steps[0], *steps[3:]), strict=True)
    )
    spec = Vector(*rows, sums, operands, problem.epilogue, len(problem.batch), problem.wide,
                  register_tile(traits, sums)[2], along)  # fmt: skip
    values = [problem.m, problem.depth, chunk, part, block_m, a.first if along == "k" else a.second, b.first]
    values += [s.first for s in (steps[0], *steps[3:])]
    arguments = (*problem.buffers(), *problem.scalars(), *problem.values([*values, *problem.stack()]))
    groups = stacked * ceil_div(problem.m, block_m)
    return Plan((result,), (Launch(spec, arguments, (groups, parts), (1, 1)), *launches), scratch)
