"""In and Out: what a function is told of its inputs and outputs, and the filter that arguments pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.config import config

from .variable import Variable

HostArray = np.ndarray[Any, Any]


class In:
    """An input of a function.

    `value` is its default; `update` makes it a state that each call replaces. `borrow` and `mutable` permit
    sharing and overwriting the argument's memory; neither is promised.
    """

    def __init__(
        self,
        variable: Variable,
        name: str | None = None,
        value: Any = None,
        update: Any = None,
        mutable: bool | None = None,
        strict: bool = False,
        allow_downcast: bool | None = None,
        autoname: bool = True,
        implicit: bool | None = None,
        borrow: bool | None = None,
        shared: bool = False,
    ) -> None:
        if not isinstance(variable, Variable):
            raise TypeError(f"In() takes a variable, {type(variable).__name__} came")
        if mutable is None:
            mutable = update is not None
        if borrow is None:
            borrow = mutable
        if mutable and not borrow:
            raise AssertionError(f"In({variable}): mutable=True overwrites the argument and so needs borrow=True")
        self.variable = variable
        self.name = name if name is not None or not autoname else variable.name
        self.value = value
        self.update = update
        self.mutable = mutable
        self.borrow = borrow
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.implicit = implicit

    def __repr__(self) -> str:
        return f"In({self.variable}{'' if self.value is None else f' = {self.value!r}'})"


class Out:
    """An output of a function; with `borrow` its memory may be reused by the next call."""

    def __init__(self, variable: Any, borrow: bool = False) -> None:
        self.variable = variable
        self.borrow = borrow

    def __repr__(self) -> str:
        return f"Out({self.variable}{', borrow=True' if self.borrow else ''})"


def filtered(value: Any, x: Variable, strict: bool, allow_downcast: bool | None, where: str) -> Any:
    """An argument as an ndarray or a GpuArray of x's type, or the TypeError that says why it is none."""
    if isinstance(value, Variable):
        raise TypeError(f"{where}: a variable came, {value}; a function takes values. To replace a variable use givens")
    if value is None:
        raise TypeError(f"{where}: None came, and an array of type {x.type} is expected")
    choose: Any = _filter_array if isinstance(value, GpuArray) else _filter_host
    result = choose(value, x, strict, allow_downcast, where)
    if result.ndim != x.ndim:
        came = f"got {result.ndim} with shape {result.shape}"
        raise TypeError(f"{where}: wrong number of dimensions: expected {x.ndim}, {came}")
    for axis, (n, b) in enumerate(zip(result.shape, x.broadcastable, strict=True)):
        if b and n != 1:
            raise TypeError(f"{where}: axis {axis} is broadcastable, one element long; shape {result.shape} came")
    return result


def _filter_array(value: GpuArray, x: Variable, strict: bool, allow_downcast: bool | None, where: str) -> GpuArray:
    wanted = x.aval.dtype
    if value.dtype == wanted:
        return value
    if not strict and (allow_downcast or np.can_cast(value.dtype, wanted)):
        return value.astype(wanted)
    raise _lossy(where, value.dtype.name, x, strict)


def _filter_host(value: Any, x: Variable, strict: bool, allow_downcast: bool | None, where: str) -> HostArray:
    wanted = x.aval.dtype
    if isinstance(value, np.ndarray) and value.dtype == wanted:
        return value
    if strict:
        came = f"{value.dtype.name} array" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{where}: strict=True takes an ndarray of {wanted.name}, {came} came")
    try:
        host = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{where}: {error}") from None
    if host.dtype.kind not in "biufc":
        raise TypeError(f"{where}: {type(value).__name__} of {host.dtype} is not an array of numbers")
    if host.dtype == wanted or allow_downcast or np.can_cast(host.dtype, wanted):
        return host.astype(wanted, copy=False)
    if allow_downcast is None and isinstance(value, float) and wanted.name == config.floatX:
        return host.astype(wanted)
    named = isinstance(value, np.ndarray | np.generic) and host.dtype.kind not in "biu"  # its dtype was chosen
    if not named and (host.dtype.kind in "biu" or wanted.kind in "fc") and _is_exact(host, wanted):
        return host.astype(wanted)
    raise _lossy(where, host.dtype.name, x, strict)


def _is_exact(host: HostArray, wanted: np.dtype[Any]) -> bool:
    """Whether every element is the same number in another dtype."""
    with np.errstate(all="ignore"):
        converted = host.astype(wanted)
    if host.dtype.kind in "fc":
        return np.array_equal(converted.astype(host.dtype), host, equal_nan=True)
    if wanted.kind in "fc" and not np.isfinite(converted).all():
        return False
    numbers = converted.real if wanted.kind == "c" else converted
    return all(int(a) == int(b) for a, b in zip(numbers.flat, host.flat, strict=True))  # as Python's integers


def _lossy(where: str, dtype: str, x: Variable, strict: bool) -> TypeError:
    if strict:
        return TypeError(f"{where}: strict=True takes {x.dtype} exactly, {dtype} came")
    return TypeError(
        f"{where}: {dtype} to {x.dtype} would lose precision; cast the argument with astype({x.dtype!r}), or compile "
        f"with allow_input_downcast=True"
    )
