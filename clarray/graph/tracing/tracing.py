"""Where a Python function is being traced for: results have the dtypes that its device has by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from clarray.config import config
from clarray.device.context import Context
from clarray.device.current import device

_traced: ContextVar[Context | None] = ContextVar("clarray_traced", default=None)


def traced() -> Context | None:
    """The device of the function that is being traced, or None."""
    return _traced.get()


@contextmanager
def tracing(context: Context) -> Iterator[None]:
    """Trace for a device: arrays are made there, and default dtypes are NumPy's, as far as it has them."""
    token = _traced.set(context)
    try:
        with device(context):
            yield
    finally:
        _traced.reset(token)


def default_float() -> str:
    """The dtype of floats that nobody chose: floatX, but in a trace the widest that the device has."""
    context = _traced.get()
    return config.floatX if context is None else "float64" if context.traits.fp64 else "float32"
