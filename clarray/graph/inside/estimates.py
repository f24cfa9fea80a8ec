"""Estimates: what variables should be, by the host's references, and how far from it a right answer may be.

Each is computed four times: in the graph's own dtypes, in wider ones, and in wider ones from operands moved by a few
units in the last place, up and at random. Where these differ, so may a kernel: that covers rounding, cancellation, long
sums and comparisons that hang by a hair, and needs no tolerance for each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..variable import Apply, Constant, Variable
from ..walk import toposort
from .reference import HostArray, compute, widened

RELATIVE = {"float16": 4e-3, "float32": 2e-5, "float64": 1e-11, "complex64": 2e-5, "complex128": 1e-11}
MOVED = 4  # units in the last place
LEEWAY = 8  # how much more than they differ among each other answers may differ


class Estimate(NamedTuple):
    """A value in its own dtype, in a wider one, and from operands moved up and at random."""

    own: HostArray
    wide: HostArray
    up: HostArray
    astray: HostArray

    @property
    def spread(self) -> HostArray:
        """How far the four are apart, element by element; where they are not finite, 0."""
        if self.own.dtype.kind not in "fc":
            return np.zeros(self.own.shape)
        with np.errstate(all="ignore"):
            total = sum(np.abs(np.asarray(x, self.wide.dtype) - self.wide) for x in (self.own, self.up, self.astray))
        return np.where(np.isfinite(total), total, 0)


class Difference(NamedTuple):
    """Where two values differ first, and by what."""

    where: tuple[int, ...]
    got: Any
    expected: Any
    wrong: int
    total: int

    def __str__(self) -> str:
        place = f"at {self.where} it" if self.where else "it"
        return f"{place} is {self.got} instead of {self.expected} ({self.wrong} of {self.total} elements differ)"


class Estimates:
    """Estimates of variables, found node by node from those that are given."""

    def __init__(self, fallback: Callable[[Apply, Sequence[Any], Mapping[str, Any]], Any] | None = None) -> None:
        self.values: dict[Variable, Estimate | None] = {}
        self.fallback = fallback  # computes what has no reference
        self.unchecked: set[str] = set()
        self.rng = np.random.default_rng(0)

    def give(self, x: Variable, value: Any, exact: bool = False) -> None:
        """Take an array for the value of a variable; one that is `exact` is not moved."""
        own = np.asarray(value, x.aval.dtype)
        if own.dtype.kind not in "fc":
            self.values[x] = Estimate(own, own, own, own)
            return
        wide = np.asarray(value).astype(widened(own.dtype))
        if exact:
            self.values[x] = Estimate(own, wide, wide, wide)
            return
        step = wide * (MOVED * np.finfo(own.dtype).eps)
        up = wide + (np.abs(step) if own.dtype.kind == "f" else step)
        self.values[x] = Estimate(own, wide, up, wide + step * self.rng.choice([-1.0, 1.0], own.shape))

    def of(self, x: Variable) -> Estimate | None:
        """The estimate of a variable, from those of what it is computed from; None where something is unknown."""
        for node in toposort([x], self.values):
            self.add(node, None, None)
        return self._leaf(x)

    def _leaf(self, x: Variable) -> Estimate | None:
        if x not in self.values and isinstance(x, Constant):
            value = x.value.numpy() if hasattr(x.value, "block") else x.value
            self.give(x, value, exact=True)
        return self.values.get(x)

    def add(
        self, node: Apply, params: Mapping[str, Any] | None, shapes: Mapping[Variable, tuple[int, ...]] | None
    ) -> None:
        """Estimate the results of a node whose operands have been; None where one is unknown."""
        self.values.update(dict.fromkeys(node.outputs))
        found = [self._leaf(x) for x in node.operands]
        extents = []
        for k, (x, value) in enumerate(zip(node.operands, found, strict=True)):
            if value is None and (node.reads(k) or shapes is None):
                return
            extents.append(shapes[x] if shapes is not None and x in shapes else value.own.shape)  # type: ignore[union-attr]
        if params is None:
            holes = [self._leaf(x) for x in node.holes]
            if any(value is None for value in holes):
                return
            params = node.filled([int(value.own) for value in holes])  # type: ignore[union-attr]
        for_op = [value if node.reads(k) else None for k, value in enumerate(found)]
        results = []
        for flavour in range(4):
            values = [None if value is None else value[flavour] for value in for_op]
            try:
                computed = compute(node, values, params, extents, wide=flavour > 0)
            except (ValueError, IndexError, OverflowError):
                return  # the call will raise it
            if computed is None:
                self._fall_back(node, [None if v is None else v.own for v in found], params)
                return
            results.append(computed)
        for x, *flavours in zip(node.outputs, *results, strict=True):
            self.values[x] = Estimate(*flavours)

    def _fall_back(self, node: Apply, values: Sequence[Any], params: Mapping[str, Any]) -> None:
        """Take what the operation's own kernel makes."""
        self.unchecked.add(node.op.name)
        found = self.fallback(node, values, params) if self.fallback is not None else None
        if found is not None:
            for x, value in zip(node.outputs, found, strict=True):
                self.give(x, value)


def difference(
    got: HostArray, estimate: Estimate, further: HostArray | float = 0, blind: bool = False
) -> Difference | None:
    """Where a value is none that an estimate allows; `further` adds to what it allows.

    Where `blind`, the estimate may have overflowed or cancelled: elements for which it is not finite are not looked
    at, and what is lost beside 1 may be there.
    """
    own, wide = estimate.own, estimate.wide
    got = np.asarray(got)
    if got.shape != own.shape:
        return Difference((), f"shape {got.shape}", f"shape {own.shape}", max(got.size, 1), max(got.size, 1))
    if own.dtype.kind not in "fc":
        good = np.zeros(own.shape, bool)
        for value in estimate:
            good |= got == value
    else:
        with np.errstate(all="ignore"):
            seen = got.astype(wide.dtype)
            info = np.finfo(own.dtype)
            allowed = RELATIVE[own.dtype.name] * np.abs(wide) + LEEWAY * estimate.spread + further + float(info.tiny)
            good = (np.abs(seen - wide) <= allowed) | (seen == wide) | (got == own)
            good |= np.isnan(seen) & (np.isnan(wide) | np.isnan(own))
            beyond = np.abs(wide) > float(info.max) * 0.99  # rounds to infinity, or nearly
            good |= np.isinf(seen) & beyond
            if blind:
                lost = ~np.isfinite(own) | ~np.isfinite(wide) | beyond
                good |= lost | (np.abs(seen - wide) <= RELATIVE[own.dtype.name])
                good |= ~np.isfinite(seen) & lost.any()
    if good.all():
        return None
    bad = np.argwhere(~good)
    index = tuple(int(k) for k in bad[0])
    return Difference(index, got[index], own[index], len(bad), int(good.size))


def same(a: HostArray, b: HostArray) -> bool:
    """Whether two arrays have the same bits."""
    return a.shape == b.shape and a.tobytes() == b.tobytes()
