"""Print: a value shown on its way through a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.core.aval import Aval
from clarray.core.op import Composite, Op


class PrintValue(Composite):
    """The operand as it is; what `printer` says of it is printed in every call, which waits for it."""

    name = "print"
    traceable = False

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(avals[0].shape, avals[0].dtype),)

    def lower(self, x: Any, printer: Print) -> Any:
        """Print, and give x back."""
        printer.global_fn(printer, x.numpy() if isinstance(x, GpuArray) else np.asarray(x))
        return x

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (g,)


print_value = Op.registry["print"] = PrintValue()


def show(op: Print, value: np.ndarray[Any, Any]) -> None:
    """Print the message and each attribute of the value; those that can be called are."""
    for attr in op.attrs:
        found = getattr(value, attr)
        print(op.message, attr, "=", found() if callable(found) else found)


class Print:
    """`Print(message, attrs)(x)` is x, of which attributes are printed when a function runs: shape, min, ...

    The value is copied to the host in every call, which waits. `global_fn(op, value)` may do something else than print.
    A Print of which nothing depends is not run.
    """

    def __init__(
        self, message: str = "", attrs: Sequence[str] = ("__str__",), global_fn: Callable[[Print, Any], None] = show
    ) -> None:
        self.message = message
        self.attrs = (attrs,) if isinstance(attrs, str) else tuple(attrs)
        self.global_fn = global_fn
        for attr in self.attrs:
            if not hasattr(np.ndarray, attr):
                raise AttributeError(f"Print(): an ndarray has no attribute {attr!r}; say 'shape', 'min' or '__str__'")

    def __call__(self, x: Any) -> Any:
        return print_value(x, printer=self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Print) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.message, self.attrs, self.global_fn))

    def __repr__(self) -> str:
        return f"Print({self.message!r})"
