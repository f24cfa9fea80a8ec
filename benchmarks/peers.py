"""Peers: the libraries that cases are timed beside, each imported only when it is wanted.

A peer that is absent says why, once, under the table. On an NVIDIA device torch and CuPy on the same card stand beside
clarray too; they compute with torch's and NumPy's formulas.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyopencl as cl

from clarray.device.context import Context

HostArray = np.ndarray[Any, Any]


class Absent(Exception):
    """A peer that is not here, and why."""


@dataclass(frozen=True)
class Peer:
    """A library: its module, its array from an ndarray, how one waits for a result and brings it to the host."""

    load: Callable[[Context], Any]  # ImportError or Absent where it is not there
    array: Callable[[Any, HostArray], Any] = lambda module, x: x
    wait: Callable[[Any, Any], Any] | None = None  # None: it returns when it is done
    host: Callable[[Any, Any], HostArray] = lambda module, result: np.asarray(result)
    like: str | None = None  # whose formula serves where a case gives none
    always: bool = False  # timed without --peers too: it is installed with clarray


def _module(name: str) -> Callable[[Context], Any]:
    return lambda context: importlib.import_module(name)


def _jax(context: Context) -> Any:
    """jax.numpy, which drops float64 unless told otherwise."""
    importlib.import_module("jax").config.update("jax_enable_x64", True)
    return importlib.import_module("jax.numpy")


def _on_card(name: str, cuda: Callable[[Any], bool]) -> Callable[[Context], Any]:
    """A peer on an NVIDIA device, which multiplies float32 as such: not as TF32."""

    def load(context: Context) -> Any:
        if "NVIDIA" not in context.device.cl.vendor.upper():
            raise Absent("it runs on NVIDIA devices")
        os.environ["CUPY_TF32"] = "0"
        module = importlib.import_module(name)
        try:
            found = cuda(module)
        except Exception as error:  # CuPy's own, where the driver is too old
            raise Absent(f"it finds no CUDA device: {error}") from None
        if not found:
            raise Absent("it finds no CUDA device")
        if name == "torch":
            module.backends.cuda.matmul.allow_tf32 = module.backends.cudnn.allow_tf32 = False
        return module

    return load


def _pyopencl(context: Context) -> Any:
    """pyopencl.array, whose arrays are made on the context's queue."""
    module = importlib.import_module("pyopencl.array")
    module.clarray_queue = context.queue  # type: ignore[attr-defined]
    return module


class Matrix:
    """What CLBlast works on: a buffer that holds a C-ordered array, zeros if none is given."""

    def __init__(self, context: Context, shape: tuple[int, ...], dtype: Any, data: HostArray | None = None) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        self.buffer = cl.Buffer(context.cl, flags, hostbuf=np.zeros(shape, dtype) if data is None else data)

    def numpy(self, context: Context) -> HostArray:
        """The elements, waited for."""
        out = np.empty(self.shape, self.dtype)
        cl.enqueue_copy(context.queue, out, self.buffer)
        return out


class CLBlast:
    """Matrix products of CLBlast's C interface, into buffers that are kept."""

    ROWS, AS_IS = 101, 111  # its constants: row-major, not transposed

    def __init__(self, context: Context) -> None:
        found = ctypes.util.find_library("clblast")
        if found is None:
            raise Absent("libclblast is not installed")
        self.library = ctypes.CDLL(found)
        self.context = context
        self.results: dict[Any, Matrix] = {}

    def matmul(self, x: Matrix, y: Matrix) -> Matrix:
        """x @ y of float32 or float64: a product, a batch of them, or a matrix times a vector."""
        if x.dtype != y.dtype or x.dtype.name not in ("float32", "float64"):
            raise Absent(f"CLBlast multiplies float32 and float64, not {x.dtype.name}")
        shape = (*x.shape[:-1], *y.shape[-1:]) if len(y.shape) > 1 else x.shape[:-1]
        key = (x.shape, y.shape, x.dtype)
        if key not in self.results:
            self.results[key] = Matrix(self.context, shape, x.dtype)
        out = self.results[key]
        scalar = ctypes.c_float if x.dtype == np.float32 else ctypes.c_double
        letter, size = ("S" if x.dtype == np.float32 else "D"), ctypes.c_size_t
        queue = ctypes.c_void_p(self.context.queue.int_ptr)
        m, k = (size(n) for n in x.shape[-2:])
        one, zero, none = scalar(1), scalar(0), size(0)
        a, b, c = (ctypes.c_void_p(v.buffer.int_ptr) for v in (x, y, out))
        last: list[Any] = [ctypes.byref(queue), None]
        if len(y.shape) == 1:
            name = "gemv"
            arguments = [self.ROWS, self.AS_IS, m, k, one, a, none, k, b, none, size(1), zero, c, none, size(1)]
        else:
            n, kind = size(y.shape[-1]), [self.ROWS, self.AS_IS, self.AS_IS]
            name, arguments = "gemm", [*kind, m, n, k, one, a, none, k, b, none, n, zero, c, none, n]
            if len(x.shape) == 3:
                name, strides = "gemmStridedBatched", [size(int(np.prod(v.shape[1:]))) for v in (x, y, out)]
                arguments = [*kind, m, n, k, one, a, none, k, strides[0], b, none, n, strides[1],
                             zero, c, none, n, strides[2], size(x.shape[0])]  # fmt: skip
        status = getattr(self.library, f"CLBlast{letter}{name}")(*arguments, *last)
        if status:
            raise Absent(f"CLBlast's {name} failed with status {status}")
        return out


PEERS = {
    "NumPy": Peer(lambda context: np, always=True),
    "torch": Peer(_module("torch"), lambda torch, x: torch.from_numpy(x)),
    "torch.cuda": Peer(
        _on_card("torch", lambda torch: bool(torch.cuda.is_available())),
        lambda torch, x: torch.from_numpy(x).cuda(),
        lambda torch, result: torch.cuda.synchronize(),
        lambda torch, result: result.cpu().numpy(),
        like="torch",
    ),
    "JAX": Peer(_jax, lambda jnp, x: jnp.asarray(x), lambda jnp, result: sys.modules["jax"].block_until_ready(result)),
    "CuPy": Peer(
        _on_card("cupy", lambda cupy: cupy.cuda.runtime.getDeviceCount() > 0),
        lambda cupy, x: cupy.asarray(x),
        lambda cupy, result: cupy.cuda.runtime.deviceSynchronize(),
        lambda cupy, result: cupy.asnumpy(result),
        like="NumPy",
    ),
    "numexpr": Peer(_module("numexpr")),
    "pyopencl.array": Peer(
        _pyopencl,
        lambda array, x: array.to_device(array.clarray_queue, x),
        lambda array, result: array.clarray_queue.finish(),
        lambda array, result: result.get(),
        always=True,
    ),
    "CLBlast": Peer(
        CLBlast,
        lambda blas, x: Matrix(blas.context, x.shape, x.dtype, np.ascontiguousarray(x)),
        lambda blas, result: blas.context.queue.finish(),
        lambda blas, result: result.numpy(blas.context),
    ),
}  # fmt: skip


class Peers:
    """The peers of a run: those found are kept, and why the others are absent."""

    def __init__(self, context: Context, wanted: bool) -> None:
        self.context = context
        self.wanted = wanted
        self.absent: dict[str, str] = {}
        self._found: dict[str, Any] = {}

    def module(self, name: str) -> Any:
        """A peer's module, or None where it is not installed, cannot run here, or was not asked for."""
        peer = PEERS[name]
        if not (self.wanted or peer.always):
            return None
        if name not in self._found:
            try:
                self._found[name] = peer.load(self.context)
            except (ImportError, OSError, Absent) as reason:
                self.absent[name] = str(reason)
                self._found[name] = None
        return self._found[name]

    def beside(
        self, formulas: dict[str, Callable[..., Any]], arrays: tuple[HostArray, ...], wait: bool, jit: bool
    ) -> dict[str, Callable[[], Any]]:
        """What to time of each peer that is here: its formula of its module and its arrays, waited for."""
        every = dict(formulas)
        for name, peer in PEERS.items():
            if peer.like in formulas:
                every.setdefault(name, formulas[peer.like])
        work = {}
        for name, formula in every.items():
            peer, module = PEERS[name], self.module(name)
            if module is not None:
                own = [peer.array(module, x) for x in arrays]
                work[name] = _call(name, formula, module, own, peer.wait if wait else None, jit)
        return work

    def host(self, name: str, result: Any) -> HostArray:
        """A peer's result as an ndarray."""
        return PEERS[name].host(self.module(name), result)


def _call(
    name: str, formula: Callable[..., Any], module: Any, arrays: list[Any], wait: Any, jit: bool
) -> Callable[[], Any]:
    """A call without arguments that returns the result: the formula on the peer's arrays, and the wait."""

    def compute(*operands: Any) -> Any:
        return formula(module, *operands)

    if name == "JAX" and jit:
        compute = importlib.import_module("jax").jit(compute)
    if wait is None:
        return lambda: compute(*arrays)

    def waited() -> Any:
        result = compute(*arrays)
        wait(module, result)
        return result

    return waited
