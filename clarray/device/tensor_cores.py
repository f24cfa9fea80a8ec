"""Whether a device has tensor cores that do as `templates/lib/tensor.mako` says: one product tried on it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyopencl as cl

from clarray.codegen.templates import render


@dataclass(frozen=True)
class Probe:
    """The Spec of `tensor_probe.mako`."""

    template: ClassVar[str] = "tensor_probe"
    fp64: ClassVar[bool] = False
    wide: ClassVar[bool] = False


def multiply(context: cl.Context, queue: cl.CommandQueue) -> bool:
    """Whether the instructions build, and one warp multiplies two matrices of small integers right. Waits."""
    numbers = np.random.default_rng(0)
    a, b = (numbers.integers(-8, 9, (16, 16)).astype(np.float16) for _ in range(2))
    c = np.full((16, 16), np.nan, np.float32)
    flags = cl.mem_flags
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cl.CompilerWarning)
            kernel = cl.Program(context, render(Probe.template, Probe())).build(["-cl-std=CL1.2"]).kernel_main
        operands = [cl.Buffer(context, flags.READ_ONLY | flags.COPY_HOST_PTR, hostbuf=x) for x in (a, b)]
        result = cl.Buffer(context, flags.WRITE_ONLY, c.nbytes)
        kernel(queue, (32,), (32,), *operands, result)
        cl.enqueue_copy(queue, c, result)
    except cl.Error:  # a device too old for them, or a driver that takes no PTX
        return False
    return np.array_equal(c, a.astype(np.float32) @ b.astype(np.float32))
