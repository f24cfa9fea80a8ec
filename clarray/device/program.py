"""Programs: sources built once for each Spec and kept; the disk cache is pyopencl's and the driver's."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import pyopencl as cl

from clarray.codegen.plan import Spec
from clarray.codegen.templates import render
from clarray.config import config
from clarray.errors import CompileError

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

    def kernel(self, spec: Spec, name: str) -> Any:
        """A kernel object of its own: its arguments are nobody else's."""
        program = self._programs.get(spec)
        if program is None:
            program = self._programs[spec] = self.build(render(spec.template, spec, self.context.traits.inline_math))
        return cl.Kernel(program, name)

    def build(self, source: str, options: tuple[str, ...] = ()) -> Any:
        """Compile OpenCL C; CompileError with the numbered source and the driver's log."""
        counters.builds += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # compilers' remarks on sources that build
                return cl.Program(self.context.cl, source).build([*self._options, *options], cache_dir=_cache_dir())
        except cl.RuntimeError as error:
            raise CompileError(f"a kernel does not build on {self.context.device!r}", source, str(error)) from None

    def clear(self) -> None:
        """Forget every program."""
        self._programs.clear()


_checked: dict[str, Any] = {}


def _cache_dir() -> Any:
    """The folder of built programs; False (no disk cache), with one warning, where it cannot be written."""
    wanted = config.cache_dir
    if not wanted:
        return None
    if wanted not in _checked:
        folder = os.path.join(os.path.expanduser(wanted), "programs")
        try:
            os.makedirs(folder, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(f"{folder} is not writable")
            _checked[wanted] = folder
        except OSError as error:
            warnings.warn(f"clarray builds kernels without a disk cache: {error}; set cache_dir", stacklevel=2)
            _checked[wanted] = False
    return _checked[wanted]
