"""What a device can do, as the kernel generators see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Traits:
    """A device's abilities; `Traits()` is a CPU with fp64.

    `device.probe` fills it by asking the driver and by building small kernels.
    """

    kind: str = "cpu"
    """"cpu", "gpu" or "accelerator"."""

    vendor: str = "pocl"
    """Who wrote the OpenCL implementation: "pocl", "intel", "nvidia", "amd", "mesa"..."""

    fp64: bool = True
    """Double precision builds and keeps its digits."""

    fp16: bool = False
    """Arithmetic on half builds; `vload_half` and `vstore_half` work everywhere."""

    unified: bool = True
    """Kernels work in host memory: both sides see the other's writes without a copy."""

    compute_units: int = 1
    """Cores of a CPU, multiprocessors of a GPU."""

    max_work_group: int = 4096
    """Most work-items of one group."""

    local_memory: int = 32768
    """Bytes of local memory of one group."""

    simd_width: int = 8
    """Floats in the native vector; 1 where work-items are the lanes, as on most GPUs."""

    max_alloc: int = 1 << 30
    """Bytes of the largest buffer."""

    global_memory: int = 4 << 30
    """Bytes of device memory."""

    address_bits: int = 64
    """Width of a pointer in a kernel."""

    int64_atomics: bool = True
    """`atom_add` and its kin on long build."""

    subgroups: bool = False
    """`sub_group_reduce_add` and its kin build."""

    tensor_cores: bool = False
    """`lib/tensor.mako`'s instructions multiply matrices of halves."""

    forward_progress: bool = False
    """A group that runs goes on running while others wait for it: kernels may look at what other groups found."""

    command_buffer: bool = False
    """cl_khr_command_buffer is there: launches recorded once, replayed many times."""

    correctly_rounded_divide_sqrt: bool = True
    """float32 divide and sqrt can be asked to be correctly rounded."""

    denormals: bool = True
    """float32 arithmetic keeps subnormal numbers."""

    inline_math: frozenset[str] = frozenset()
    """Builtin functions in whose place kernels use those of `templates/lib`: here the builtins are slow or wrong."""

    quirks: frozenset[str] = frozenset()
    """Names of rows of `device.quirks.QUIRKS` that hold for this device."""

    tuned: Mapping[tuple[str, str], Any] = field(default_factory=dict, compare=False)
    """What was measured to be best here, by (name of a `codegen.tuning.Tunable`, class of problems)."""

    @property
    def prefetches(self) -> bool:
        """Whether the compiler knows clang's `__builtin_prefetch`: OpenCL's own does nothing in PoCL."""
        return self.kind == "cpu" and self.vendor in ("pocl", "intel")

    def choice(self, tunable: str, problem: str, default: Any) -> Any:
        """What `tunable` takes for a class of problems: the winner of a tuning run, or the default."""
        return self.tuned.get((tunable, problem), default) if self.tuned else default
