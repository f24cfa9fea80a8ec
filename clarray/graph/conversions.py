"""Conversions: a variable's views and other forms, under NumPy's and Theano's method names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clarray.config import config
from clarray.core import movement
from clarray.core.op import Op
from clarray.core.operators import Operators

if TYPE_CHECKING:
    from .variable import Variable


class Conversions(Operators):
    """What a variable has of its methods besides operators; each adds nodes to the graph."""

    def astype(self: Any, dtype: Any, copy: bool = True) -> Variable:
        """The elements converted to `dtype`."""
        wanted = np.dtype(config.floatX if isinstance(dtype, str) and dtype == "floatX" else dtype)
        if wanted == self.aval.dtype and self.aval.weak is None:
            return self
        return movement.astype(self, dtype=wanted)

    def reshape(self: Any, *shape: Any, ndim: int | None = None) -> Variable:
        """Another shape of the same size; extents may be variables, and one of them -1."""
        from .building import extents

        return movement.reshape(self, shape=extents(shape[0] if len(shape) == 1 else shape, "reshape", ndim))

    def dimshuffle(self: Any, *pattern: Any) -> Variable:
        """Axes in another order: an int is an axis of this variable, 'x' a new axis of one element.

        Axes that are left out have to be broadcastable.
        """
        wanted = pattern[0] if len(pattern) == 1 and isinstance(pattern[0], list | tuple) else pattern
        axes = [a for a in wanted if a != "x"]
        for a in axes:
            if isinstance(a, bool) or not isinstance(a, int | np.integer) or not -self.ndim <= a < self.ndim:
                raise ValueError(f"dimshuffle{tuple(wanted)}: {a!r} is neither 'x' nor an axis of {self.described()}")
        axes = [int(a) % self.ndim for a in axes]
        if len(set(axes)) != len(axes):
            raise ValueError(f"dimshuffle{tuple(wanted)} names an axis twice")
        dropped = [a for a in range(self.ndim) if a not in axes]
        for a in dropped:
            if not self.broadcastable[a]:
                raise ValueError(
                    f"dimshuffle{tuple(wanted)} leaves out axis {a} of {self}, which is not broadcastable: {self.type}"
                )
        result = self
        if dropped:
            result = self._item(result, tuple(0 if a in dropped else slice(None) for a in range(self.ndim)))
        order = tuple(sorted(axes).index(a) for a in axes)
        if order != tuple(range(len(order))):
            result = movement.permute_dims(result, axes=order)
        if len(axes) != len(wanted):
            result = self._item(result, tuple(None if a == "x" else slice(None) for a in wanted))
        return result

    def transpose(self: Any, *axes: Any) -> Variable:
        """Axes in another order; reversed where none is given."""
        wanted = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], Sequence)) else axes
        order = tuple(wanted) if wanted else tuple(range(self.ndim))[::-1]
        return movement.permute_dims(self, axes=tuple(int(a) for a in order))

    @property
    def T(self: Any) -> Variable:
        """The axes reversed."""
        return self if self.ndim < 2 else self.transpose()

    @property
    def mT(self: Any) -> Variable:
        """The last two axes exchanged."""
        return self.swapaxes(-2, -1)

    def flatten(self: Any, ndim: int = 1) -> Variable:
        """The last axes joined so that `ndim` are left."""
        if not 1 <= ndim <= max(self.ndim, 1):
            raise ValueError(f"flatten({ndim}): {self} has {self.ndim} axes")
        if ndim == self.ndim:
            return self
        return self.reshape((*(self.shape[k] for k in range(ndim - 1)), -1))

    def ravel(self: Any) -> Variable:
        """One axis."""
        return self.flatten()

    def squeeze(self: Any, axis: Any = None) -> Variable:
        """Without the broadcastable axes, or without those named, which must turn out to have one element."""
        given = axis if isinstance(axis, Sequence) else (axis,)
        gone = [k for k, b in enumerate(self.broadcastable) if b] if axis is None else [a % self.ndim for a in given]
        pattern = tuple(True if k in gone else None for k in range(self.ndim))
        one = self if all(self.broadcastable[k] for k in gone) else Op.registry["rebroadcast"](self, pattern=pattern)
        return one.dimshuffle(*(k for k in range(self.ndim) if k not in gone))

    def swapaxes(self: Any, a: int, b: int) -> Variable:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        order[a], order[b] = order[b], order[a]
        return self.transpose(*order)

    def dot(self: Any, other: Any) -> Variable:
        """NumPy's dot."""
        return self._dot(self, other)

    def copy(self: Any, name: str | None = None) -> Variable:
        """The same value under another identity."""
        result: Variable = movement.astype(self, dtype=self.aval.dtype)
        result.name = name
        return result

    def norm(self: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Variable:
        """The vector norm of this order along `axis`."""
        registry = Op.registry
        size = abs(self)
        if ord in (float("inf"), -float("inf")):
            return (size.max if ord > 0 else size.min)(axis=axis, keepdims=keepdims)
        if ord == 0:
            return registry["count_nonzero"](self, axis=axis, keepdims=keepdims).astype(size.dtype)
        if ord == 2:
            return registry["sqrt"]((size * size).sum(axis=axis, keepdims=keepdims))
        return (size**ord).sum(axis=axis, keepdims=keepdims) ** (1 / ord)

    def transfer(self: Any, target: Any) -> Variable:
        """The value on a device: None is where it is computed, 'cpu' the host, else a device or a context's name."""
        from .places import transfer

        return transfer(self, target)
