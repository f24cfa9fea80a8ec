"""What the probe finds is what the device does, and a driver that boasts is found out."""

from dataclasses import replace

import numpy as np
import pyopencl as cl
import pytest
from selection import chosen_devices

from clarray.device import probe as module
from clarray.device.probe import probe, vendor_of
from clarray.device.quirks import QUIRKS, quirks_of
from clarray.errors import DeviceError

DEVICES = chosen_devices()


@pytest.fixture(params=DEVICES, ids=lambda x: f"{x.name} {x.hardware}", scope="module")
def probed(request):
    """(device, context, queue, traits) of one device."""
    context = cl.Context([request.param.cl])
    queue = cl.CommandQueue(context)
    return request.param, context, queue, probe(context, queue, request.param.cl)


def builds(context, source):
    try:
        cl.Program(context, source).build()
    except cl.RuntimeError:
        return False
    return True


def test_numbers_are_the_drivers(probed):
    device, _, _, traits = probed
    assert traits.kind == ("gpu" if "loop_limit" in traits.quirks else device.type)
    assert traits.compute_units == device.cl.max_compute_units >= 1
    assert traits.max_work_group >= 1
    assert traits.simd_width >= 1
    assert 0 < traits.max_alloc <= traits.global_memory
    assert traits.address_bits in (32, 64)
    assert traits.vendor == traits.vendor.lower() != ""


def test_fp64_is_true_where_double_works(probed):
    device, context, queue, traits = probed
    source = "kernel void f(global double *x) { x[0] = x[0] / 3.0; }"
    assert traits.fp64 == ("cl_khr_fp64" in device.cl.extensions) == builds(context, source)
    if traits.fp64:
        x = np.array([1.0])
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        buffer = cl.Buffer(context, flags, hostbuf=x)
        cl.Program(context, source).build().f(queue, (1,), None, buffer)
        cl.enqueue_copy(queue, x, buffer)
        assert x[0] == 1 / 3


def test_fp16_is_true_where_half_arithmetic_builds(probed):
    device, context, _, traits = probed
    source = """
    #pragma OPENCL EXTENSION cl_khr_fp16 : enable
    kernel void f(global half *x) { x[0] = x[0] * x[1] + (half)3; }"""
    tried = "cl_khr_fp16" in device.cl.extensions or "half_unadvertised" in traits.quirks
    assert traits.fp16 == (tried and builds(context, source))


def test_int64_atomics_are_true_where_they_add_up(probed):
    device, context, queue, traits = probed
    source = """
    #pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
    kernel void f(global long *x) { atom_add(x, 1L << 40); }"""
    listed = "cl_khr_int64_base_atomics" in device.cl.extensions
    assert traits.int64_atomics == (listed and builds(context, source))
    if traits.int64_atomics:
        x = np.zeros(1, np.int64)
        buffer = cl.Buffer(context, cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR, hostbuf=x)
        cl.Program(context, source).build().f(queue, (64,), None, buffer)
        cl.enqueue_copy(queue, x, buffer)
        assert x[0] == 64 << 40


def test_unified_memory_is_shared_at_any_multiple_of_four_bytes(probed):
    """Where `unified` is claimed, kernels and host see each other's writes without a copy."""
    device, context, queue, traits = probed
    if device.type == "cpu" and traits.vendor != "oclgrind":
        assert traits.unified
    if not traits.unified:
        return
    kernel = cl.Program(context, "kernel void f(global int *x) { x[1] = x[0] * 2; }").build().f
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR
    for first in range(16):
        x = np.zeros(32, np.int32)[first:]
        buffer = cl.Buffer(context, flags, hostbuf=x)
        for number in (21, 1000):
            x[0] = number
            kernel(queue, (1,), None, buffer)
            queue.finish()
            assert x[1] == 2 * number


def test_probing_again_finds_the_same(probed):
    device, context, queue, traits = probed
    assert probe(context, queue, device.cl) == traits


@pytest.mark.parametrize(("macro", "trait"), [("TRY_FP64", "fp64"), ("TRY_ATOMICS", "int64_atomics")])
def test_a_listed_feature_that_does_not_build_is_not_there(probed, monkeypatch, macro, trait):
    device, context, queue, traits = probed
    broken = f"#ifdef {macro}\n#error not really\n#endif\n" + module._SOURCE
    monkeypatch.setattr(module, "_SOURCE", broken)
    assert probe(context, queue, device.cl) == replace(traits, **{trait: False})


def test_a_feature_that_gives_wrong_results_is_not_there(probed, monkeypatch):
    device, context, queue, traits = probed
    wrong = module._SOURCE.replace("(double)one", "(double)(float)(one + 1e-12f) - 1e-12")
    assert wrong != module._SOURCE
    monkeypatch.setattr(module, "_SOURCE", wrong)
    assert probe(context, queue, device.cl) == replace(traits, fp64=False)


def test_a_device_that_copies_is_not_unified(probed, monkeypatch):
    """As on a discrete GPU: the buffer has memory of its own behind the host's."""
    device, context, queue, traits = probed
    real = cl.Buffer

    def copying(context, flags, hostbuf):
        kept = flags & ~cl.mem_flags.USE_HOST_PTR | cl.mem_flags.COPY_HOST_PTR
        return real(context, kept, hostbuf=hostbuf)

    monkeypatch.setattr(cl, "Buffer", copying)
    assert probe(context, queue, device.cl) == replace(traits, unified=False)


def test_a_device_that_builds_nothing_is_an_error(probed, monkeypatch):
    device, context, queue, _ = probed
    monkeypatch.setattr(module, "_SOURCE", "#error nothing works")
    with pytest.raises(DeviceError, match="does not build and run a plain kernel"):
        probe(context, queue, device.cl)


def test_quirks_are_rows_with_a_reason():
    names = [quirk.name for quirk in QUIRKS]
    assert len(set(names)) == len(names)
    assert all(quirk.reason for quirk in QUIRKS)
    pocl = "Portable Computing Language"
    assert "builtins_not_inlined" in quirks_of(pocl, "3.0-rc2")
    assert "builtins_not_inlined" not in quirks_of(pocl, "3.1+debian")
    assert "fill_buffer_broken_large" in quirks_of("NVIDIA CUDA", "550.54")
    assert quirks_of("Some Other", "1.0") == frozenset()


@pytest.mark.parametrize(
    ("platform", "vendor", "word"),
    [
        ("Portable Computing Language", "AuthenticAMD", "pocl"),
        ("Intel(R) OpenCL", "Intel(R) Corporation", "intel"),
        ("NVIDIA CUDA", "NVIDIA Corporation", "nvidia"),
        ("AMD Accelerated Parallel Processing", "Advanced Micro Devices, Inc.", "amd"),
        ("rusticl", "Mesa/X.org", "mesa"),
        ("Oclgrind", "Oclgrind", "oclgrind"),
        ("ARM Platform", "ARM", "arm"),
        ("New Thing", "Nobody", "new thing"),
    ],
)
def test_the_vendor_is_who_wrote_the_implementation(platform, vendor, word):
    assert vendor_of(platform, vendor) == word
