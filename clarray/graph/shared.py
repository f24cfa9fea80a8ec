"""Shared variables: values that stay on a device between the calls of functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from clarray.array import transfer as bytes_between
from clarray.array.gpuarray import GpuArray
from clarray.config import config
from clarray.core import dtypes
from clarray.core.aval import Aval
from clarray.core.layout import Layout
from clarray.device.context import Context
from clarray.device.current import context_for

from .variable import TensorType, Variable


class Container:
    """Where a shared variable's value is: a GpuArray, or with target 'cpu' an ndarray.

    Two shared variables (of a function and of its copy) may have one container.
    """

    __slots__ = ("context", "value")

    def __init__(self, value: Any, context: Context | None) -> None:
        self.value = value
        self.context = context  # None: the host

    def __reduce__(self) -> Any:
        from .pickling import reduced_container

        return reduced_container(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Container:
        return Container(self.value.copy(), self.context)


class SharedVariable(Variable):
    """A variable with a value of its own, which functions read and update in place."""

    def __init__(
        self, type_: TensorType, container: Container, name: str | None, strict: bool, allow_downcast: bool | None
    ) -> None:
        shape = tuple(1 if b else None for b in type_.broadcastable)
        super().__init__(Aval(shape, type_.numpy_dtype), name=name)
        self.container = container
        self.strict = strict
        self.allow_downcast = allow_downcast
        self.default_update: Variable | None = None

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """The value: an ndarray, or the GpuArray itself with `return_internal_type`.

        Without `borrow` it is a copy. With it, the GpuArray is shared, and on a unified device so is the
        ndarray, after a sync. An ndarray is waited for.
        """
        value = self.container.value
        if isinstance(value, np.ndarray):
            return value if borrow else value.copy()
        if return_internal_type:
            return value.view() if borrow else value.copy("C")
        return value.numpy(borrow=borrow)

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Replace the value by an array of the same dtype and number of dimensions.

        Without `borrow`, an ndarray is written over the old value where shape and dtype match, and a
        GpuArray is copied. With it a GpuArray is shared, and on a unified device an ndarray.
        """
        if isinstance(value, Variable):
            raise TypeError(
                f"{self}.set_value() takes a value, not the variable {value}, which is not computed yet: return it, "
                f"and set it then, or write a function with updates"
            )
        old, context = self.container.value, self.container.context
        if isinstance(value, GpuArray) and context is not None:
            self._check(value.dtype, value.ndim, value.shape)
            if value.context is not context:
                raise ValueError(f"{self}.set_value(): the variable is on {context.name!r}, the array on "
                                 f"{value.context.name!r}; move it with transfer()")  # fmt: skip
            self.container.value = value.view() if borrow else value.copy("C")
            return
        host = np.asarray(value.numpy() if isinstance(value, GpuArray) else value)
        if not isinstance(value, np.ndarray | np.generic):
            host = self._weakly(host)
        if host.dtype != self.aval.dtype:
            host = self._converted(host)
        self._check(host.dtype, host.ndim, host.shape)
        if context is None:
            self.container.value = host if borrow else host.copy()
        elif not (borrow and context.traits.unified) and old.shape == host.shape and _overwritable(old):
            old.write(np.ascontiguousarray(host).reshape(host.shape))
        else:
            self.container.value = uploaded(host, context, borrow)

    def zero(self, borrow: bool = False) -> None:
        """Set every element to zero."""
        value = self.container.value
        self.set_value(np.zeros(value.shape, value.dtype), borrow)

    def clone(self) -> SharedVariable:
        """Another variable over the same container."""
        return SharedVariable(self.type, self.container, self.name, self.strict, self.allow_downcast)

    @property
    def value(self) -> Any:
        """Refused: it hid copies."""
        raise AttributeError("a shared variable has no .value: use get_value() and set_value()")

    def __str__(self) -> str:
        return self.name or f"<shared {self.type}>"

    __repr__ = __str__

    def _weakly(self, host: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Python numbers and lists of them take on the variable's dtype where their kind fits it."""
        same_kind = np.can_cast(host.dtype, self.aval.dtype, "same_kind") and not self.strict
        return host.astype(self.aval.dtype) if same_kind else host

    def _converted(self, host: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Another dtype as this variable's, if that loses nothing or `allow_downcast` says so."""
        wanted = self.aval.dtype
        if not self.strict and (self.allow_downcast or np.can_cast(host.dtype, wanted)):
            return host.astype(wanted)
        remedy = "strict=True asks for it exactly" if self.strict else "cast it, or give shared() allow_downcast=True"
        raise TypeError(f"shared variable {self} holds {wanted.name}; {host.dtype.name} would lose precision: {remedy}")

    def _check(self, dtype: np.dtype[Any], ndim: int, shape: tuple[int, ...]) -> None:
        if dtype != self.aval.dtype or ndim != self.ndim:
            came = f"an array of {dtype.name} with {ndim} dimensions came"
            raise TypeError(f"shared variable {self} holds {self.type}; {came}")
        for axis, (n, b) in enumerate(zip(shape, self.broadcastable, strict=True)):
            if b and n != 1:
                raise TypeError(f"shared variable {self} is broadcastable along axis {axis}; shape {shape} came")


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    target: Any = None,
    broadcastable: tuple[bool, ...] | None = None,
) -> SharedVariable:
    """A shared variable of this value: a number, a list, an ndarray or a GpuArray.

    Python floats and lists of them are floatX. `target` is a device or a context's name; 'cpu' keeps the
    value on the host. With `borrow`, memory is shared where that is possible. An operation over variables of
    several devices runs where the one with the most axes is, of equals the first; the others are transferred.
    """
    if isinstance(value, Variable):
        raise TypeError(f"shared() takes a value, not the variable {value}, which is not computed yet")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"shared(): the name is a string, {type(name).__name__} came")
    if isinstance(value, GpuArray):
        container = _of_array(value, borrow, target)
    else:
        host = _as_host(value, target)
        context = None if target == "cpu" else context_for(target)
        own = borrow and host is value
        held = (host if own else host.copy()) if context is None else uploaded(host, context, own)
        container = Container(held, context)
    held = container.value
    pattern = tuple(broadcastable) if broadcastable is not None else (False,) * held.ndim
    if len(pattern) != held.ndim or any(b and n != 1 for b, n in zip(pattern, held.shape, strict=False)):
        raise ValueError(f"shared(): broadcastable={pattern} does not fit a value of shape {held.shape}")
    return SharedVariable(TensorType(held.dtype.name, pattern), container, name, strict, allow_downcast)


def _of_array(value: GpuArray, borrow: bool, target: Any) -> Container:
    if target == "cpu":
        return Container(value.numpy(), None)
    context = value.context if target is None else context_for(target)
    if context is not value.context:
        return Container(value.transfer(context), context)
    return Container(value.view() if borrow else value.copy("C"), context)


def _as_host(value: Any, target: Any) -> np.ndarray[Any, Any]:
    """A value as an ndarray; floats that are float64 only by default are floatX."""
    try:
        host = np.asarray(value)
        dtypes.row(host.dtype)
    except (TypeError, ValueError) as error:
        came = f"{type(value).__name__} came: {error}"
        raise TypeError(f"shared() takes a number, a list, an ndarray or a GpuArray; {came}") from None
    if not isinstance(value, np.ndarray | np.generic):
        if host.dtype.kind == "f":
            return host.astype(config.floatX)
        if host.dtype.kind == "c" and config.floatX != "float64":
            return host.astype("complex64")
    return host


def uploaded(host: np.ndarray[Any, Any], context: Context, borrow: bool = False) -> GpuArray:
    """A host array on a device."""
    layout, offset, block = bytes_between.upload(context, host, borrow=borrow)
    return GpuArray(layout, offset, block)


def _overwritable(array: GpuArray) -> bool:
    layout: Layout = array.layout
    return layout.c_contiguous and bool(layout.size)
