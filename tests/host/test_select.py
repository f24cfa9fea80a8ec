"""The device grammar, over devices that are not there."""

import pickle

import pytest

from clarray.device import select
from clarray.device.select import Device, best_first, falls_back, resolve
from clarray.errors import DeviceNotFound


def fake(place, hardware, platform, vendor, kind, integrated=False, version="OpenCL 3.0"):
    p, d = map(int, place.split(":"))
    return Device(f"opencl{place}", p, d, hardware, platform, vendor, version, "1", kind, integrated)


POCL = fake("0:0", "pthread-AMD EPYC", "Portable Computing Language", "AuthenticAMD", "cpu")
H200 = fake("1:0", "NVIDIA H200", "NVIDIA CUDA", "NVIDIA Corporation", "gpu")
T4 = fake("1:1", "Tesla T4", "NVIDIA CUDA", "NVIDIA Corporation", "gpu")
IRIS = fake("2:0", "Iris Xe", "Intel(R) OpenCL Graphics", "Intel(R) Corporation", "gpu", True)
ARC = fake("3:0", "Arc A770", "Intel(R) OpenCL Graphics", "Intel(R) Corporation", "gpu")
LLVMPIPE = fake("4:0", "llvmpipe (LLVM 15)", "rusticl", "Mesa/X.org", "cpu")
CLOVER = fake("5:0", "AMD VEGA", "Clover", "Mesa", "gpu", version="OpenCL 1.1 Mesa 22")
FPGA = fake("6:0", "FPGA Emulation Device", "Intel(R) FPGA Emulation", "Intel", "accelerator")
# NVIDIA hardware through another implementation is not "cuda"
POCL_CUDA = fake("7:0", "Tesla T4", "Portable Computing Language", "NVIDIA Corporation", "gpu")
ALL = [POCL, H200, T4, IRIS, ARC, LLVMPIPE, CLOVER, FPGA, POCL_CUDA]


@pytest.mark.parametrize(
    ("word", "device"),
    [
        ("opencl0:0", POCL),
        ("opencl1:1", T4),
        ("OpenCL6:0", FPGA),
        ("cuda", H200),
        ("cuda0", H200),
        ("cuda1", T4),
        ("gpu", H200),
        ("gpu0", H200),
        ("gpu2", IRIS),
        ("gpu5", POCL_CUDA),
        ("cpu", POCL),
        ("cpu1", LLVMPIPE),
        ("h200", H200),
        ("Arc", ARC),
        ("rusticl", LLVMPIPE),
        ("EPYC", POCL),
        ("fpga", FPGA),
        (" clover ", CLOVER),
        ("", H200),
    ],
)
def test_a_word_means_a_device(word, device):
    assert resolve(word, ALL) is device


@pytest.mark.parametrize(
    "word", ["opencl9:0", "opencl0:1", "cuda2", "gpu6", "cpu2", "amdgpu", "opencl0", "0:0", "cpu-1"]
)
def test_a_word_that_means_none_lists_the_devices(word):
    with pytest.raises(DeviceNotFound) as caught:
        resolve(word, ALL)
    assert repr(word) in str(caught.value)
    for device in ALL:
        assert device.name in str(caught.value)
        assert device.hardware in str(caught.value)


def test_a_word_that_means_several_lists_those_alone():
    with pytest.raises(DeviceNotFound) as caught:
        resolve("tesla", ALL)
    assert "fits 2 devices" in str(caught.value)
    assert "opencl1:1" in str(caught.value)
    assert "opencl7:0" in str(caught.value)
    assert "opencl0:0" not in str(caught.value)


def test_the_best_is_discrete_then_integrated_then_cpu():
    assert best_first([CLOVER, FPGA, LLVMPIPE, POCL, IRIS, ARC]) == [
        ARC,
        IRIS,
        POCL,
        FPGA,
        LLVMPIPE,
    ]
    assert resolve("", [LLVMPIPE, POCL]) is POCL
    assert resolve("", [CLOVER, LLVMPIPE]) is LLVMPIPE


def test_too_old_is_not_the_best_of_anything():
    with pytest.raises(DeviceNotFound, match=r"needs OpenCL 1\.2"):
        resolve("", [CLOVER])


@pytest.mark.parametrize("word", ["", "gpu", "opencl0:0", "nvidia"])
def test_no_opencl_at_all_says_what_to_install(word):
    with pytest.raises(DeviceNotFound) as caught:
        resolve(word, [])
    assert 'pip install "clarray[pocl]"' in str(caught.value)


def test_places_and_kinds_fall_back_and_names_do_not():
    assert all(map(falls_back, ["", "opencl3:1", "cuda", "cuda7", "gpu", "GPU1", "cpu"]))
    assert not any(map(falls_back, ["nvidia", "gpux", "opencl", "h200"]))


def test_a_device_is_its_name_and_place():
    again = Device("opencl1:0", 1, 0)
    renamed = Device("dev0", 1, 0, H200.hardware)
    assert again == H200
    assert hash(again) == hash(H200)
    assert renamed != H200
    assert H200 != "opencl1:0"
    assert str(renamed) == "dev0"
    assert renamed.place == "opencl1:0"
    assert repr(H200) == "Device('opencl1:0', 'NVIDIA H200')"
    assert pickle.loads(pickle.dumps(H200)) == H200


def test_the_machine_is_asked_where_no_list_is_given(monkeypatch):
    monkeypatch.setattr(select, "list_devices", lambda: ALL)
    assert resolve("cuda1") is T4
