"""Programs: sources built once for each Spec and kept; on disk by the driver, pyopencl or, on PoCL, `binaries`."""

from __future__ import annotations

import importlib
import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import pyopencl as cl

from clarray.codegen.inline import inlined
from clarray.codegen.plan import Spec
from clarray.codegen.templates import render
from clarray.config import config
from clarray.errors import CompileError

from . import binaries
from .stats import counters

if TYPE_CHECKING:
    from .context import Context


class Programs:
    """The programs of one context, by Spec."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._programs: dict[Any, Any] = {}
        self._options = ["-cl-std=CL1.2"]
        if context.traits.correctly_rounded_divide_sqrt:
            self._options.append("-cl-fp32-correctly-rounded-divide-sqrt")
        if "simulator" in context.traits.quirks:
            self._options.append("-cl-opt-disable")  # it stops at what LLVM's optimizer writes: freeze

    def kernel(self, spec: Spec, name: str) -> Any:
        """A kernel object of its own: its arguments are nobody else's."""
        program = self._programs.get(spec)
        if program is None:
            program = self._programs[spec] = self.build(render(spec.template, spec, inlined(self.context.traits)))
        return cl.Kernel(program, name)

    def build(self, source: str, options: tuple[str, ...] = ()) -> Any:
        """Compile OpenCL C; CompileError with the numbered source and the driver's log."""
        counters.builds += 1
        folder, context, everything = _cache_dir(), self.context.cl, [*self._options, *options]
        file = None
        if folder and "slow_source_cache" in self.context.traits.quirks:
            file = binaries.place(folder, self.context.device.cl, source, everything)
            program = binaries.load(context, file, everything)
            if program is not None:
                return program
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # compilers' remarks on sources that build
                program = cl.Program(context, source).build(everything, cache_dir=folder)
        except cl.RuntimeError as error:
            raise CompileError(f"a kernel does not build on {self.context.device!r}", source, str(error)) from None
        if file is not None:
            binaries.keep(program, file)
        return program

    def clear(self) -> None:
        """Forget every program."""
        self._programs.clear()


@cache
def forgo_unusable_cache() -> None:
    """Have pyopencl keep nothing on disk, with one warning, where it cannot: it would not work at all."""
    import platformdirs  # as pyopencl does

    os.environ.setdefault("PYOPENCL_CACHE_FAILURE_FATAL", "")  # it takes a spoilt entry for a missing one only if set
    for name in ("pyopencl", "pytools"):
        try:
            _make_writable(platformdirs.user_cache_dir(name, name))
        except OSError as error:
            vars(cl)["_PYOPENCL_NO_CACHE"] = True
            warnings.warn(f"kernels are built without a disk cache: {error}; set XDG_CACHE_HOME", stacklevel=4)
            return
    try:
        importlib.import_module("pyopencl.invoker")  # it opens a database of pytools, and every kernel needs it
    except Exception as error:  # sqlite3's, without having to import it
        vars(cl)["_PYOPENCL_NO_CACHE"] = True
        folder = platformdirs.user_cache_dir("pytools", "pytools")
        warnings.warn(f"kernels are built without a disk cache: {error}; remove {folder}", stacklevel=4)


def _make_writable(folder: str) -> str:
    os.makedirs(folder, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not writable")
    return folder


_checked: dict[str, Any] = {}


def _cache_dir() -> Any:
    """The folder of built programs; False (no disk cache), with one warning, where it cannot be written."""
    wanted = config.cache_dir
    if not wanted or vars(cl)["_PYOPENCL_NO_CACHE"]:
        return None
    if wanted not in _checked:
        try:
            _checked[wanted] = _make_writable(os.path.join(os.path.expanduser(wanted), "programs"))
        except OSError as error:
            warnings.warn(f"kernels are built without a disk cache: {error}; set cache_dir", stacklevel=3)
            _checked[wanted] = False
    return _checked[wanted]
