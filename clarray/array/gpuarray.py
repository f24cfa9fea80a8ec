"""GpuArray: a strided view of device memory that behaves as NumPy's ndarray does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clarray.core import movement, sorting
from clarray.core.aval import normalize_axis
from clarray.core.layout import Layout, extent, is_contiguous
from clarray.core.operators import ArrayOperators
from clarray.device import current
from clarray.device.context import Context
from clarray.device.fallback import host_work
from clarray.device.memory import Block

from . import transfer
from .parcels import Parcel

if TYPE_CHECKING:
    from clarray.device.select import Device


class Flags:
    """Memory order of an array: `c_contiguous`, `f_contiguous`, `forc`, `writeable`, `owndata`."""

    def __init__(self, array: GpuArray) -> None:
        layout = array.layout
        self.c_contiguous = layout.c_contiguous
        self.f_contiguous = is_contiguous(layout.shape[::-1], layout.elements[::-1])
        self.forc = self.c_contiguous or self.f_contiguous
        self.writeable = layout.writable
        self.aligned = True
        self.owndata = array.base is None

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))

    def __repr__(self) -> str:
        return "\n".join(f"  {k.upper()} : {v}" for k, v in vars(self).items())


class GpuArray(ArrayOperators):
    """An array on an OpenCL device.

    Made by `clarray.asarray`, `zeros`, `arange` and their kin. Operations return at once, while the
    device still works; `sync()`, `numpy()`, `read`, `item`, `bool`, `int`, `float`, printing and
    pickling wait. Indexing with integers and slices gives views.
    """

    __slots__ = ("__weakref__", "base", "block", "layout", "offset")
    _bind_rank = 1
    _bind: Callable[..., Any]  # set by eager.py
    __hash__ = None
    __array_priority__ = 1000

    def __init__(self, layout: Layout, offset: int, block: Block, base: GpuArray | None = None) -> None:
        self.layout = layout
        self.offset = offset  # bytes
        self.block = block
        self.base: GpuArray | None = base if base is None or base.base is None else base.base

    # what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents; assignment reshapes in place where no copy is needed (else AttributeError)."""
        return self.layout.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        shape = shape if isinstance(shape, tuple) else tuple(shape) if isinstance(shape, Sequence) else (shape,)
        found = movement.reshape.view([self.layout], {"shape": shape})
        if found is None:
            raise AttributeError(
                f"shape {self.shape} with strides {self.strides} becomes {shape} only by a copy: use reshape()"
            )
        self.layout = found[0]

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes between neighbours along each axis; assignment is checked against the memory's bounds."""
        return self.layout.strides

    @strides.setter
    def strides(self, strides: Sequence[int]) -> None:
        wanted = tuple(int(s) for s in strides)
        if len(wanted) != self.ndim or any(s % self.itemsize for s in wanted):
            raise ValueError(f"strides {wanted} do not fit {self.ndim} dimensions of {self.itemsize}-byte elements")
        low, high = extent(self.shape, wanted, self.itemsize)
        if self.offset + low < 0 or self.offset + high > self.block.nbytes:
            raise ValueError(
                f"strides {wanted} of shape {self.shape} reach outside the array's {self.block.nbytes} bytes"
            )
        self.layout = Layout.of(self.dtype, self.shape, wanted)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, as NumPy's."""
        return self.layout.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.layout.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.layout.size

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.layout.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.layout.nbytes

    @property
    def start(self) -> int:
        """Where the first element lies in the block, in elements."""
        return self.offset // self.layout.dtype.itemsize

    @property
    def flags(self) -> Flags:
        """Memory order and ownership."""
        return Flags(self)

    @property
    def context(self) -> Context:
        """The context whose queue this array's work goes to."""
        return self.block.context

    @property
    def device(self) -> Device:
        """The device, comparable with ==."""
        return self.block.context.device

    @property
    def base_data(self) -> Any:
        """The pyopencl buffer of the block; the array begins `offset` bytes into it."""
        return self.block.buffer

    @property
    def data(self) -> Any:
        """The pyopencl buffer, of an array that begins at its start; else ValueError."""
        if self.offset:
            raise ValueError(f"this array begins {self.offset} bytes into its buffer: use base_data and offset")
        return self.block.buffer

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-dimensional array")
        return self.shape[0]

    def __iter__(self) -> Iterator[GpuArray]:
        return (self[i] for i in range(len(self)))

    # waiting and copying across

    def sync(self) -> GpuArray:
        """Wait until this array is computed; the array."""
        self.block.wait()
        return self

    def numpy(self, borrow: bool = False) -> np.ndarray[Any, Any]:
        """A new ndarray of the elements; waits.

        With `borrow`, on a unified device, an ndarray over the same memory: a later `sync()` shows in it
        what kernels wrote since.
        """
        if borrow and self.context.traits.unified and self.size:
            return transfer.share(self.block, self.layout, self.offset)
        result = np.empty(self.shape, self.dtype)
        source = self if self.layout.c_contiguous else movement.astype(self, dtype=self.dtype, order="C")
        transfer.read(source.block, source.offset, result)
        return result

    def read(self, dest: np.ndarray[Any, Any]) -> None:
        """Copy into a host array of the same dtype and number of bytes, both C-contiguous; waits."""
        self._check_exchange(dest, "read")
        transfer.read(self.block, self.offset, dest)

    def write(self, src: np.ndarray[Any, Any]) -> None:
        """Copy from a host array of the same dtype and number of bytes, both C-contiguous.

        Returns when `src` may be changed again.
        """
        src = np.asarray(src)
        self._check_exchange(src, "write")
        if src.size:
            transfer.write(self.block, self.offset, src.copy())

    def _check_exchange(self, host: np.ndarray[Any, Any], who: str) -> None:
        if host.dtype != self.dtype or host.nbytes != self.nbytes:
            raise ValueError(
                f"{who}(): the host array has {host.nbytes} bytes of {host.dtype.name}, "
                f"the device array {self.nbytes} bytes of {self.dtype.name}"
            )
        if not self.layout.c_contiguous or not host.flags.c_contiguous:
            raise ValueError(f"{who}(): both arrays have to be C-contiguous; use copy() or numpy.ascontiguousarray")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """A host copy; waits. Counted in `clarray.stats()`; `assert_no_cpu_op` can forbid it."""
        if copy is False:
            raise ValueError("a device array becomes an ndarray only by a copy; numpy(borrow=True) shares where it can")
        host_work("an implicit download by __array__")
        result = self.numpy()
        return result if dtype is None else result.astype(dtype, copy=False)

    def item(self, *index: int) -> Any:
        """One element as a Python scalar; waits."""
        if index:
            return (self.reshape(-1)[index[0]] if len(index) == 1 and self.ndim != 1 else self[index]).item()
        if self.size != 1:
            raise ValueError(f"item() takes an array of one element, this one has shape {self.shape}")
        return self.numpy().item()

    def tolist(self) -> Any:
        """Elements as nested lists; waits."""
        return self.numpy().tolist()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth value of an array of shape {self.shape} is ambiguous: use any() or all()")
        return bool(self.item())

    def __int__(self) -> int:
        return int(self._scalar())

    def __float__(self) -> float:
        return float(self._scalar())

    def __complex__(self) -> complex:
        return complex(self._scalar())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise TypeError(
                f"only a 0-dimensional integer array is an index, this one is {self.dtype.name}{list(self.shape)}"
            )
        return int(self.item())

    def _scalar(self) -> Any:
        if self.ndim:
            raise TypeError(f"only a 0-dimensional array converts to a Python scalar, this one has shape {self.shape}")
        return self.item()

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), separator=", ", prefix="GpuArray(")
        return f"GpuArray({text}, dtype={self.dtype.name}, device={str(self.device)!r})"

    def __str__(self) -> str:
        return str(self.numpy())

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.ndim == 0 else self.numpy(), spec)

    # copies and views

    def copy(self, order: str = "K") -> GpuArray:
        """A copy in memory of its own, in the same order of axes ("K") or in C order ("C")."""
        return movement.astype(self, dtype=self.dtype, order=order)

    def __copy__(self) -> GpuArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> GpuArray:
        return self.copy()

    def astype(self, dtype: Any, copy: bool = True) -> GpuArray:
        """Elements converted to `dtype`; the array itself if nothing changes and `copy` is False."""
        dtype = np.dtype(dtype)
        transfer.check_dtype(self.context, dtype)
        if dtype == self.dtype and not copy:
            return self
        return movement.astype(self, dtype=dtype)

    def view(self, dtype: Any = None) -> GpuArray:
        """The same memory, as another dtype if one is given (the last axis then changes its extent)."""
        if dtype is None:
            return GpuArray(self.layout, self.offset, self.block, self)
        dtype = np.dtype(dtype)
        transfer.check_dtype(self.context, dtype)
        whole = movement.phantom(self.layout)
        layout, further = movement.seen(whole.view(dtype), whole)
        return GpuArray(layout, self.offset + further, self.block, self)

    def reshape(self, *shape: Any) -> GpuArray:
        """Another shape of the same size: a view where strides allow it, else a copy."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        return movement.reshape(self, shape=tuple(n.__index__() for n in wanted))

    def transpose(self, *axes: Any) -> GpuArray:
        """A view with the axes in another order; reversed where none is given."""
        wanted = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], Sequence)) else axes or None
        order = (
            range(self.ndim)[::-1] if wanted is None else [normalize_axis(a, self.ndim, "transpose") for a in wanted]
        )
        return movement.permute_dims(self, axes=tuple(order))

    @property
    def T(self) -> GpuArray:
        """A view with the axes reversed, at any rank."""
        return self.transpose()

    @property
    def mT(self) -> GpuArray:
        """A view with the last two axes swapped."""
        if self.ndim < 2:
            raise ValueError(f"mT takes at least two dimensions, this array has {self.ndim}")
        return self.transpose(*range(self.ndim - 2), self.ndim - 1, self.ndim - 2)

    def ravel(self) -> GpuArray:
        """One dimension, in C order: a view where strides allow it."""
        return self.reshape(-1)

    def flatten(self) -> GpuArray:
        """A copy in one dimension, in C order."""
        return self.copy("C").reshape(-1)

    def squeeze(self, axis: Any = None) -> GpuArray:
        """A view without axes of one element: all of them, or those named."""
        if axis is None:
            axes = [k for k, n in enumerate(self.shape) if n == 1]
        else:
            named = axis if isinstance(axis, Sequence) else (axis,)
            axes = [normalize_axis(a, self.ndim, "squeeze") for a in named]
        for a in axes:
            if self.shape[a] != 1:
                raise ValueError(f"squeeze(): axis {a} has {self.shape[a]} elements, not one")
        return self[tuple(0 if k in axes else slice(None) for k in range(self.ndim))] if axes else self.view()

    def fill(self, value: Any) -> None:
        """Set every element to `value`."""
        self[...] = value

    def sort(self, axis: int = -1, descending: bool = False) -> None:
        """Put the elements in order along `axis`, in place: stable, NaN the greatest."""
        if not self.layout.writable:
            raise ValueError(f"sort(): the array of shape {self.shape} is a broadcast view and cannot be written to")
        self[...] = sorting.sort(self, axis=axis, descending=descending)

    def argsort(self, axis: int = -1, descending: bool = False) -> GpuArray:
        """The int64 positions of the elements along `axis` in order; equal ones keep theirs."""
        return sorting.argsort(self, axis=axis, descending=descending)

    # indexing

    def __getitem__(self, index: Any) -> GpuArray:
        if movement.is_basic(index):
            try:
                return movement.slice_(self, index=movement.freeze(index))
            except TypeError:  # a variable in a slice
                return self._get(self, index)
        return self._get(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if movement.is_basic(index):
            self._fill(movement.slice_(self, index=movement.freeze(index)), value)
        else:
            self._put(self, index, value)

    _fill: Callable[[GpuArray, Any], None]  # target[...] = value, set by eager.py
    _get: Callable[[GpuArray, Any], GpuArray]  # with arrays as indices, set by indexing.py
    _put: Callable[[GpuArray, Any, Any], None]

    def _assign(self, op: Any, other: Any) -> GpuArray:
        return op(self, other, out=self)

    # to other devices and other processes

    def transfer(self, device: Any) -> GpuArray:
        """The array on another device: itself if it is there, else a copy. Does not wait."""
        target = current.context_for(device)
        if target is self.context:
            return self
        transfer.check_dtype(target, self.dtype)
        source = self if self.layout.c_contiguous else movement.astype(self, dtype=self.dtype, order="C")
        block = Parcel(source.layout, source.offset, source.block).unpacked(target)
        return GpuArray(source.layout, 0, block)

    def to_device(self, device: Any, /, *, stream: Any = None) -> GpuArray:
        """The Array API's name of `transfer`; there are no streams to choose from."""
        if stream is not None:
            raise ValueError("to_device(): clarray has one queue for each device; stream has to be None")
        return self.transfer(device)

    def __reduce__(self) -> Any:
        return _unpickled, (self.numpy(), current.name_to_keep(self.context))


def _unpickled(array: np.ndarray[Any, Any], name: str | None) -> GpuArray:
    """An array as pickled, in the context of that name, or the default one."""
    context = current.kept_context(name)
    layout, offset, block = transfer.upload(context, array)
    return GpuArray(layout, offset, block)
