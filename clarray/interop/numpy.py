"""NumPy's functions on GpuArrays, and the Array API's way to find a namespace.

`install` puts the protocol methods on GpuArray; the namespace in which functions are looked up by name
is handed to it, for nothing here may import it. A NumPy function that clarray has not is a TypeError:
arrays never leave the device unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.array.indexing import add_at
from clarray.core import dtypes
from clarray.core.op import Op, Ufunc
from clarray.device import current
from clarray.device.fallback import host_work
from clarray.device.select import Device

from . import ordering

# NumPy's names of ufuncs that are rows under another name
UFUNC_ROWS = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "conjugate": "conj", "degrees": "rad2deg", "fabs": "abs",
    "float_power": "pow", "gammaln": "lgamma", "invert": "bitwise_invert", "left_shift": "bitwise_left_shift",
    "power": "pow", "psi": "digamma", "radians": "deg2rad", "right_shift": "bitwise_right_shift", "rint": "round",
    "true_divide": "divide",
}  # fmt: skip
REDUCE = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
ACCUMULATE = {"add": "cumulative_sum", "multiply": "cumulative_prod"}
VERSIONS = ("2022.12", "2023.12", "2024.12", "2025.12")
KINDS = {
    "bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu", "real floating": "f",
    "complex floating": "c", "numeric": "iufc",
}  # fmt: skip

_namespace: list[ModuleType] = []  # filled by install


def install(namespace: ModuleType) -> None:
    """Give GpuArray the protocols, with the functions of `namespace`."""
    _namespace[:] = [namespace]
    for method in (__array_ufunc__, __array_function__, __array_namespace__, __dlpack__, __dlpack_device__):
        setattr(GpuArray, method.__name__, method)


def __array_ufunc__(self: GpuArray, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """A NumPy ufunc, or its reduce, accumulate, outer or at, on the device."""
    if not all(_ours(x) for x in inputs if method != "at" or x is not inputs[1]):  # an index is anything
        return NotImplemented
    out = kwargs.pop("out", None)
    if out is not None:
        (out,) = out if isinstance(out, tuple) and len(out) == 1 else (out,)
        if not isinstance(out, GpuArray):
            raise TypeError(
                f"numpy.{ufunc.__name__}(): the result is on the device and cannot be written into a "
                f"{type(out).__name__}; read it with numpy(), or give a GpuArray as out"
            )
        kwargs["out"] = out
    call = {"__call__": _call, "reduce": _reduce, "accumulate": _accumulate, "outer": _outer, "at": _at}.get(method)
    if call is None:
        raise TypeError(f"numpy.{ufunc.__name__}.{method}() has no counterpart on the device; {_remedy}")
    return call(ufunc, inputs, kwargs)


_remedy = "take x.numpy() for the host's, or write a clarray.ElementwiseKernel"


def _ours(x: Any) -> bool:
    return isinstance(x, GpuArray | np.ndarray | np.generic | bool | int | float | complex | list | tuple)


def _call(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    _check_options(ufunc, kwargs, ("out", "dtype"))
    if ufunc.__name__ == "divmod":
        return _row("floor_divide")(*inputs), _row("remainder")(*inputs)
    op = _row(ufunc.__name__)
    dtype = kwargs.pop("dtype", None)
    if dtype is not None:
        array = _namespace[0].asarray
        inputs = [x.astype(dtype) if isinstance(x, GpuArray) else array(np.asarray(x, dtype)) for x in inputs]
    return op(*inputs, **kwargs)


def _row(name: str) -> Op:
    op = Op.registry.get(UFUNC_ROWS.get(name, name))
    if op is None or not (isinstance(op, Ufunc) or op.name == "matmul"):
        raise TypeError(f"clarray has no counterpart of numpy.{name}; {_remedy}")
    return op


def _reduce(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    name = REDUCE.get(ufunc.__name__)
    if name is None:
        raise TypeError(f"numpy.{ufunc.__name__}.reduce() has no counterpart on the device; {_remedy}")
    _check_options(ufunc, kwargs, ("out", "dtype", "axis", "keepdims"))
    if kwargs.get("dtype") is None:
        kwargs.pop("dtype", None)
    return getattr(_namespace[0], name)(inputs[0], **{"axis": 0, **kwargs})


def _accumulate(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    name = ACCUMULATE.get(ufunc.__name__)
    if name is None:
        raise TypeError(f"numpy.{ufunc.__name__}.accumulate() has no counterpart on the device; {_remedy}")
    _check_options(ufunc, kwargs, ("dtype", "axis"))
    return getattr(_namespace[0], name)(*inputs, **{"axis": 0, **kwargs})


def _outer(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    a, b = (_namespace[0].asarray(x) for x in inputs)
    return _call(ufunc, (a.reshape(*a.shape, *[1] * b.ndim), b), kwargs)


def _at(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> None:
    if ufunc.__name__ not in ("add", "subtract"):
        raise TypeError(f"numpy.{ufunc.__name__}.at() has no counterpart on the device; {_remedy}")
    x, index, value = inputs
    if not isinstance(x, GpuArray):
        raise TypeError(
            f"numpy.{ufunc.__name__}.at(): the array to add to is on the host; read the others with numpy()"
        )
    value = _namespace[0].asarray(value, device=None if isinstance(value, GpuArray) else x.device)
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise TypeError(f"numpy.{ufunc.__name__}.at(): {value.dtype.name} values cannot be added to {x.dtype.name}")
    add_at(x, index, value if ufunc.__name__ == "add" else -value)


def _check_options(ufunc: np.ufunc, kwargs: dict[str, Any], known: Sequence[str]) -> None:
    """TypeError for an option that is not at its default and has no counterpart."""
    defaults = {"where": True, "casting": "same_kind", "order": "K", "subok": True, "initial": None, "dtype": None}
    for name in [k for k in kwargs if k not in known]:
        value = kwargs.pop(name)
        if name not in defaults or (value is not defaults[name] and value != defaults[name]):
            raise TypeError(f"numpy.{ufunc.__name__}() on GpuArrays does not take {name}={value!r}")


# NumPy's names of arguments that are called otherwise here
ARGUMENTS = {
    "clip": {"a_min": "min", "a_max": "max"}, "reshape": {"newshape": "shape"},
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x, axis=None: x.size if axis is None else x.shape[axis],
    "copy": lambda x, order="K": x.copy("C" if order == "C" else "K"),
    "result_type": lambda *xs: _namespace[0].result_type(*xs),
    "array_repr": lambda x, *_: repr(x),
    "array_str": lambda x, *_: str(x),
    "argsort": ordering.argsort,
    "sort": ordering.sort,
    "unique": ordering.unique,
}
SAME = {
    "amax": "max", "amin": "min", "around": "round", "round_": "round", "concatenate": "concat",
    "degrees": "rad2deg", "radians": "deg2rad",
}  # fmt: skip


def __array_function__(
    self: GpuArray, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any], kwargs: dict[str, Any]
) -> Any:
    """A NumPy function by the function of the same name in clarray."""
    if not all(issubclass(t, GpuArray | np.ndarray) for t in types):
        return NotImplemented
    name = func.__name__
    found = FUNCTIONS.get(name) or _find(func.__module__, name)
    if found is None:
        raise TypeError(f"clarray has no counterpart of {func.__module__}.{name}; {_remedy}")
    # NumPy's first arguments have names (a, x, m, ...), the standard's have none
    first = [kwargs.pop(k) for k in ("a", "x", "arr", "ary", "m", "array", "arrays", "tup") if k in kwargs and not args]
    renamed = ARGUMENTS.get(name, {})
    options = {
        renamed.get(k, k): v for k, v in kwargs.items() if not (k in ("subok", "order") and v in (True, "K", "C"))
    }
    return found(*first, *args, **options)


def _find(module: str, name: str) -> Callable[..., Any] | None:
    """The function of clarray's namespace, or of its sub-namespace, that has this name."""
    space: Any = _namespace[0]
    for word in module.split(".")[1:]:
        if not word.startswith("_"):
            space = getattr(space, word, None)
    public = getattr(space, "__all__", ())
    name = SAME.get(name, name)
    return getattr(space, name) if name in public else None


def __array_namespace__(self: GpuArray, *, api_version: str | None = None) -> ModuleType:
    """The namespace of the Array API for arrays of this kind: clarray itself."""
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(f"clarray follows the Array API of {', '.join(VERSIONS)}; {api_version!r} came")
    return _namespace[0]


CPU = (1, 0)  # DLPack's kind and number of the host, where the exchange takes place


def __dlpack__(
    self: GpuArray, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """A capsule with the elements in host memory, a copy; waits."""
    if dl_device not in (None, CPU):
        raise BufferError(f"__dlpack__(): clarray exchanges through host memory, device {CPU}; {dl_device} was asked")
    if copy is False:
        raise BufferError("__dlpack__(): device memory is exchanged by a copy, and copy=False came")
    if stream is not None:
        raise ValueError("__dlpack__(): the host has no streams; stream has to be None")
    host_work("__dlpack__()")
    return self.numpy().__dlpack__(**({} if max_version is None else {"max_version": max_version}))


def __dlpack_device__(self: GpuArray) -> tuple[int, int]:
    """Where the capsule's memory is: the host."""
    return CPU


class Info:
    """What `__array_namespace_info__` tells: capabilities, devices, and the dtypes a device can hold."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and data-dependent shapes work; there is no limit of dimensions but NumPy's."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """The device of arrays that are made without saying where."""
        return current.context_for(None).device

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """Dtypes of results where nobody says which; without fp64 floats are float32."""
        names = {"real floating": "float64", "complex floating": "complex128", "integral": "int64", "indexing": "int64"}
        fp64 = current.context_for(device).traits.fp64
        return {k: np.dtype(v) if fp64 else dtypes.without_fp64(np.dtype(v)) for k, v in names.items()}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, Any]:
        """The dtypes of the standard that a device can hold, by name."""
        kinds = (kind,) if isinstance(kind, str) else kind
        for k in kinds or ():
            if k not in KINDS:
                raise ValueError(f"a kind of dtype is one of {', '.join(KINDS)}; {k!r} came")
        letters = "".join(KINDS[k] for k in kinds) if kinds is not None else "biufc"
        fp64 = current.context_for(device).traits.fp64
        return {
            row.name: row.numpy
            for row in dtypes.ROWS
            if row.kind in letters and (fp64 or not row.is_double) and row.name != "float16"
        }

    def devices(self) -> list[Device]:
        """Every OpenCL device of this machine."""
        return current.devices()


def __array_namespace_info__() -> Info:
    """Capabilities, devices and dtypes of this namespace."""
    return Info()
