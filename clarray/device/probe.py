"""Fill `Traits` for a device: ask the driver, then build and run a small kernel.

What a driver lists is not believed: fp64, half arithmetic, 64-bit atomics, subgroups and
subnormal numbers are tried, and so is host memory shared in both directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
import pyopencl as cl

from clarray.core.traits import Traits
from clarray.device import tensor_cores
from clarray.device.quirks import inline_math, quirks_of
from clarray.errors import DeviceError

# places in the probe's memory; the host writes HOST_SAYS, the kernel all others
DEVICE_SAYS, HOST_SAYS, DENORMALS, FP64, FP16, SUBGROUPS, COUNT_LOW, COUNT_HIGH = range(8)

# `one` is an argument, so that no compiler works the answers out beforehand
_SOURCE = """
#ifdef TRY_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#ifdef TRY_FP16
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif
#ifdef TRY_ATOMICS
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
#endif
#ifdef TRY_SUBGROUPS
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif

kernel void probe(global int *says, const float one)
{
    says[0] = says[1] + 1;
    says[2] = one * 1e-38f * 0.1f > 0.0f;
#ifdef TRY_FP64
    says[3] = (double)one + 1e-12 > 1.0;
#endif
#ifdef TRY_FP16
    const half quarter = (half)one / (half)4;
    says[4] = (float)(quarter + (half)one) == 1.25f;
#endif
#ifdef TRY_SUBGROUPS
    says[5] = sub_group_reduce_add(1) == 1;
#endif
#ifdef TRY_ATOMICS
    atom_add((global long *)(says + 6), 1L);
#endif
}
"""


def probe(
    cl_context: cl.Context, queue: cl.CommandQueue, cl_device: cl.Device, found: Collection[str] | None = None
) -> Traits:
    """What `cl_device` can do; `found` is what `try_features` said of it before, in another process."""
    platform = cl_device.platform.name
    quirks = quirks_of(platform, cl_device.driver_version)
    if found is None:
        found = try_features(cl_context, queue, cl_device)
    float_bits = cl_device.single_fp_config
    return Traits(
        kind=_kind(cl_device, quirks),
        vendor=vendor_of(platform, cl_device.vendor),
        fp64="FP64" in found,
        fp16="FP16" in found,
        unified="UNIFIED" in found and bool(cl_device.host_unified_memory),
        compute_units=cl_device.max_compute_units,
        max_work_group=cl_device.max_work_group_size,
        local_memory=cl_device.local_mem_size,
        simd_width=max(1, cl_device.native_vector_width_float),
        max_alloc=cl_device.max_mem_alloc_size,
        global_memory=cl_device.global_mem_size,
        address_bits=cl_device.address_bits,
        int64_atomics="ATOMICS" in found,
        subgroups="SUBGROUPS" in found,
        forward_progress=vendor_of(platform, cl_device.vendor) == "nvidia",
        tensor_cores="TENSOR_CORES" in found,
        command_buffer="cl_khr_command_buffer" in cl_device.extensions.split(),
        correctly_rounded_divide_sqrt=bool(float_bits & cl.device_fp_config.CORRECTLY_ROUNDED_DIVIDE_SQRT),
        denormals="DENORMALS" in found,
        inline_math=inline_math(quirks),
        quirks=quirks,
    )


def vendor_of(platform: str, vendor: str) -> str:
    """Who wrote an OpenCL implementation, in one word."""
    text = f"{platform} {vendor}".lower()
    if "portable computing language" in text:
        return "pocl"
    if "rusticl" in text or "clover" in text:
        return "mesa"
    known = ("oclgrind", "nvidia", "intel", "amd", "apple", "arm", "qualcomm")
    words = text.replace("advanced micro devices", "amd").replace("(r)", " ").split()
    return next((name for name in known if name in words), platform.lower())


def _kind(device: cl.Device, quirks: frozenset[str]) -> str:
    """Whose kernels suit the device."""
    if "loop_limit" in quirks:
        return "gpu"
    if device.type & cl.device_type.CPU:
        return "cpu"
    return "gpu" if device.type & cl.device_type.GPU else "accelerator"


def try_features(context: cl.Context, queue: cl.CommandQueue, device: cl.Device) -> set[str]:
    """The features that work. Waits. Raises DeviceError where not even a plain kernel runs."""
    quirks = quirks_of(device.platform.name, device.driver_version)
    found = _working(context, queue, device, quirks)
    if "inline_ptx" in quirks and tensor_cores.multiply(context, queue):
        found.add("TENSOR_CORES")
    return found


def _working(context: cl.Context, queue: cl.CommandQueue, device: cl.Device, quirks: frozenset[str]) -> set[str]:
    """Those of one kernel: all at once, and one by one only where that fails."""
    listed = device.extensions.split()
    wanted = [
        feature
        for feature, there in (
            ("FP64", "cl_khr_fp64" in listed),
            ("FP16", "cl_khr_fp16" in listed or "half_unadvertised" in quirks),
            ("ATOMICS", "cl_khr_int64_base_atomics" in listed),
            ("SUBGROUPS", _lists_subgroups(device, listed)),
        )
        if there
    ]
    try:
        return _run(context, queue, device, wanted)
    except cl.Error as error:
        if not wanted:
            raise _does_not_run(device, error) from error
    try:
        found = _run(context, queue, device, [])
    except cl.Error as error:
        raise _does_not_run(device, error) from error
    for feature in wanted:
        try:
            found |= _run(context, queue, device, [feature])
        except cl.Error:  # listed, but it does not build: it is not there
            continue
    return found


def _lists_subgroups(device: cl.Device, listed: list[str]) -> bool:
    if "cl_khr_subgroups" in listed:
        return True
    try:
        return bool(device.max_num_sub_groups)
    except cl.Error:  # older than OpenCL 2.1
        return False


def _run(context: cl.Context, queue: cl.CommandQueue, device: cl.Device, features: list[str]) -> set[str]:
    """Build and run the probe twice over host memory; the features that gave right answers.

    A simulator takes what the host writes into borrowed memory for uninitialized: it gets a copy, and is not unified.
    """
    options = [f"-DTRY_{feature}" for feature in features]
    if "SUBGROUPS" in features:
        options.append(f"-cl-std=CL{device.opencl_c_version.split()[2]}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cl.CompilerWarning)
        kernel = cl.Program(context, _SOURCE).build(options).probe
    says = _odd_memory()
    simulated = "simulator" in quirks_of(device.platform.name, device.driver_version)
    memory = cl.mem_flags.COPY_HOST_PTR if simulated else cl.mem_flags.USE_HOST_PTR
    buffer = cl.Buffer(context, cl.mem_flags.READ_WRITE | memory, hostbuf=says)

    says[HOST_SAYS] = 41  # after the buffer was made: an upload at its making does not count
    kernel(queue, (1,), (1,), buffer, np.float32(1))
    queue.finish()
    seen_by_host = says[DEVICE_SAYS] == 42
    says[HOST_SAYS] = 98
    kernel(queue, (1,), (1,), buffer, np.float32(1))
    answers = np.empty_like(says)
    cl.enqueue_copy(queue, answers, buffer)
    seen_by_device = answers[DEVICE_SAYS] == 99

    found = set()
    if seen_by_host and seen_by_device:
        found.add("UNIFIED")
    if answers[DENORMALS]:
        found.add("DENORMALS")
    for feature, place in (("FP64", FP64), ("FP16", FP16), ("SUBGROUPS", SUBGROUPS)):
        if feature in features and answers[place] == 1:
            found.add(feature)
    if "ATOMICS" in features and (answers[COUNT_LOW], answers[COUNT_HIGH]) == (2, 0):
        found.add("ATOMICS")
    return found


def _odd_memory() -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Zeros where NumPy's arrays lie at worst: 8 bytes off the start of a cache line."""
    block = np.zeros(64, np.int32)
    first = (8 - block.ctypes.data) % 64 // 4
    return block[first : first + 8]


def _does_not_run(device: cl.Device, error: cl.Error) -> DeviceError:
    return DeviceError(
        f"{device.name.strip()} ({device.platform.name.strip()}) does not build and run a plain kernel: {error}"
    )
