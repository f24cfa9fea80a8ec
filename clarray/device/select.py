"""Which devices there are, and which one a word such as "opencl0:0" or "gpu" means."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clarray.errors import DeviceNotFound

if TYPE_CHECKING:
    import pyopencl as cl

__all__ = [
    "NO_OPENCL",
    "Device",
    "best_first",
    "describe",
    "falls_back",
    "list_devices",
    "resolve",
]

NO_OPENCL = (
    "no OpenCL device was found: no driver is installed, or none loads. For a CPU device run\n"
    '    pip install "clarray[pocl]"\n'
    "and for what is wrong with a driver that should be there run\n"
    "    clarray doctor"
)

_OLDEST = (1, 2)  # Mesa's Clover is 1.1 and does not build our kernels
_SOFTWARE = ("llvmpipe", "softpipe", "simulator")  # right, but for tests


@dataclass(frozen=True, repr=False)
class Device:
    """An OpenCL device under a name; equal where name and place are.

    `name` is its place, as "opencl0:1", or the name that `contexts=` gave it. Two names may
    stand for the same hardware, and are then two devices, whose arrays do not mix.
    """

    name: str
    platform_index: int
    device_index: int
    hardware: str = field(default="", compare=False)
    platform: str = field(default="", compare=False)
    vendor: str = field(default="", compare=False)
    version: str = field(default="", compare=False)
    driver_version: str = field(default="", compare=False)
    type: str = field(default="cpu", compare=False)
    integrated: bool = field(default=False, compare=False)

    @property
    def cl(self) -> cl.Device:
        """The pyopencl device."""
        return _cl_device(self.platform_index, self.device_index)

    @property
    def place(self) -> str:
        """ "opencl<P>:<D>", whatever the name is."""
        return f"opencl{self.platform_index}:{self.device_index}"

    @property
    def text(self) -> str:
        """What a word is looked for in: platform, vendor and name, in small letters."""
        return f"{self.platform}\n{self.vendor}\n{self.hardware}".lower()

    @property
    def usable(self) -> bool:
        """Whether its OpenCL is recent enough for clarray's kernels."""
        found = re.search(r"OpenCL (\d+)\.(\d+)", self.version)
        return found is None or (int(found[1]), int(found[2])) >= _OLDEST

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Device({self.name!r}, {self.hardware!r})"


@functools.cache
def _cl_device(platform_index: int, device_index: int) -> cl.Device:
    import pyopencl as cl

    return cl.get_platforms()[platform_index].get_devices()[device_index]


def list_devices() -> list[Device]:
    """Every OpenCL device of this machine; none where there is no OpenCL."""
    import pyopencl as cl

    devices = []
    try:
        platforms = cl.get_platforms()
    except cl.Error:  # the loader found no driver
        return []
    for p, platform in enumerate(platforms):
        try:
            devices += [_describe_cl(p, d, platform, found) for d, found in enumerate(platform.get_devices())]
        except cl.Error:  # a broken driver hides its own devices only
            continue
    return devices


def _describe_cl(p: int, d: int, platform: cl.Platform, device: cl.Device) -> Device:
    import pyopencl as cl

    kinds = cl.device_type
    # a simulator claims every type at once, so the CPU is asked first
    kind = "cpu" if device.type & kinds.CPU else "gpu" if device.type & kinds.GPU else "accelerator"
    return Device(
        name=f"opencl{p}:{d}",
        platform_index=p,
        device_index=d,
        hardware=device.name.strip(),
        platform=platform.name.strip(),
        vendor=device.vendor.strip(),
        version=device.version.strip(),
        driver_version=device.driver_version.strip(),
        type=kind,
        integrated=kind == "gpu" and bool(device.host_unified_memory),
    )


def resolve(word: str, devices: Sequence[Device] | None = None) -> Device:
    """The device that `word` means among `devices`, or among those of this machine.

    "opencl0:1" is a place; "cuda", "gpu" and "cpu", with a number or without, count the
    devices of a kind; the empty word is the best device; any other word is part of the
    platform, vendor or name of one device. Raises DeviceNotFound.
    """
    devices = list_devices() if devices is None else devices
    if not devices:
        raise DeviceNotFound(NO_OPENCL)
    wanted = word.strip().lower()
    if not wanted:
        for best in best_first(devices):
            return best
        raise DeviceNotFound(
            f"clarray needs OpenCL {_OLDEST[0]}.{_OLDEST[1]}, and there are only\n"
            f'{describe(devices)}\nFor a CPU device run\n    pip install "clarray[pocl]"'
        )
    if place := _PLACE.fullmatch(wanted):
        p, d = map(int, place.groups())
        chosen = [x for x in devices if (x.platform_index, x.device_index) == (p, d)]
        return _only(word, chosen, devices)
    if counted := _COUNTED.fullmatch(wanted):
        kind, number = counted[1], int(counted[2] or 0)
        return _only(word, list(filter(_KINDS[kind], devices))[number : number + 1], devices)
    return _only(word, [x for x in devices if wanted in x.text], devices)


_PLACE = re.compile(r"opencl(\d+):(\d+)")
_COUNTED = re.compile(r"(cuda|gpu|cpu)(\d*)")
_KINDS: dict[str, Callable[[Device], bool]] = {
    "cuda": lambda x: "nvidia" in x.platform.lower(),
    "gpu": lambda x: x.type == "gpu",
    "cpu": lambda x: x.type == "cpu",
}


def falls_back(word: str) -> bool:
    """Whether an absent device of this word may be replaced by a CPU.

    A place or a kind may be missing on another machine; a name that fits none or several
    is a mistake.
    """
    wanted = word.strip().lower()
    return not wanted or bool(_PLACE.fullmatch(wanted) or _COUNTED.fullmatch(wanted))


def _only(word: str, chosen: Sequence[Device], devices: Sequence[Device]) -> Device:
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        raise DeviceNotFound(f"device {word!r} fits {len(chosen)} devices; name one of\n{describe(chosen)}")
    raise DeviceNotFound(f"no device is {word!r}; there are\n{describe(devices)}")


def best_first(devices: Sequence[Device]) -> list[Device]:
    """Discrete GPU, integrated GPU, CPU, the rest; what is only for tests comes last.

    A device whose OpenCL is too old is left out.
    """

    def rank(x: Device) -> tuple[bool, int]:
        for_tests = any(word in x.hardware.lower() for word in _SOFTWARE)
        return for_tests, {"gpu": int(x.integrated), "cpu": 2}.get(x.type, 3)

    return sorted((x for x in devices if x.usable), key=rank)


def describe(devices: Sequence[Device]) -> str:
    """One line a device, for messages."""
    return "\n".join(f"    {x.name}  {x.type}  {x.hardware}  ({x.platform})" for x in devices)
