"""`clarray doctor`: which drivers and devices there are, what fails, what would mend it.

Whatever touches a driver runs in another process with a time limit, so that a driver that
crashes or hangs is a line of the report.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clarray.config import config
from clarray.device.icd import Icd, find_icds, missing_nvidia, put_aside
from clarray.device.quirks import LINKER, missing_linker
from clarray.device.select import Device, list_devices, resolve
from clarray.errors import ClarrayError, DeviceError

_SECONDS = 120  # the first build on a device loads a compiler
_POCL = 'pip install "clarray[pocl]"'

# platforms that load and list no device, and what to do about it
_EMPTY_PLATFORMS = {
    "rusticl": "export RUSTICL_ENABLE=llvmpipe  # or the GPU's driver: radeonsi, iris, nouveau",
    "AMD Accelerated Parallel Processing": "sudo usermod -aG render,video $USER  # log in again",
    "NVIDIA CUDA": "nvidia-smi  # the driver or its kernel module is not running",
}


def diagnose() -> int:
    """Print the report; 0 where at least one device works, 1 where none does."""
    print("Drivers (.icd files)")
    _report_icds()
    print("\nDevices")
    working = _report_devices()
    print("\nConfiguration")
    _report_choice(working)
    return 0 if working else 1


def _report_icds() -> None:
    icds = find_icds()
    if nvidia := missing_nvidia(icds):
        icds.append(nvidia)
    for icd in icds:
        mark = "ok" if not icd.problem else "fail" if icd.read or icd is nvidia else "unread"
        _line(mark, f"{icd.path} -> {icd.library}", icd.problem, icd.mend if icd.problem else "")
    if not icds:
        _line("none", "no .icd file was found", mend=_POCL)
    if not nvidia and Path("/dev/nvidiactl").exists() and not _names_nvidia(icds):
        _line(
            "fail",
            "an NVIDIA GPU is here, its OpenCL library is not",
            mend="docker run -e NVIDIA_DRIVER_CAPABILITIES=compute,utility ...  # in a container; "
            "else sudo apt install nvidia-opencl-icd",
        )


def _names_nvidia(icds: list[Icd]) -> bool:
    return any("nvidia" in icd.library for icd in icds)


def _report_devices() -> list[str]:
    """Check each device; the names of those that work."""
    survey, failure = _child("survey()")
    if survey is None:
        _line("fail", "listing the devices", failure)
        _blame_a_driver()
        return []
    for platform, problem in survey["empty"]:
        _line("none", f"{platform} lists no device", problem, _EMPTY_PLATFORMS.get(platform, ""))
    devices = [Device(**row) for row in survey["devices"]]
    working: list[str] = []
    broken: list[tuple[Device, str]] = []
    for device in devices:
        label = f"{device.name}  {device.type}  {device.hardware}  ({device.platform})"
        facts, failure = _child(f"check({device.platform_index}, {device.device_index})")
        if facts is not None and not facts.get("error"):
            working.append(device.name)
            _line("ok", label, facts["summary"])
        else:
            failure = failure or str(facts and facts["error"])
            broken.append((device, failure))
            _line("fail", label, failure, _mend_device(device, failure))
    for device, _ in broken if working else ():
        print(f"          without {device.name}: export CLARRAY_DEVICE={working[0]}")
    if not devices:
        _line("none", "no OpenCL device was found", mend=_POCL)
    elif not working:
        _line("fail", "no device works", mend=_POCL)
    return working


def _mend_device(device: Device, failure: str) -> str:
    if not device.usable:
        return _POCL
    if "Portable Computing" in device.platform and ("links every" in failure or "SIGABRT" in failure):
        return LINKER
    if "Permission denied" in failure or "Read-only" in failure:
        return "export POCL_CACHE_DIR=$(mktemp -d) XDG_CACHE_HOME=$(mktemp -d)"
    return ""


def _blame_a_driver() -> None:
    """After a crash: list the devices of each driver alone, to find the one to put aside."""
    for icd in find_icds():
        if icd.read and _child("survey()", OCL_ICD_VENDORS=icd.path)[0] is None:
            _line("fail", icd.path, "this driver fails", put_aside(icd))


def _report_choice(working: list[str]) -> None:
    try:
        word = config.device
        origin = config.origin("device")
        print(f"  device={word!r} ({origin})")
        if working:
            chosen = resolve(word)
            mend = "" if chosen.name in working else f"export CLARRAY_DEVICE={working[0]}"
            _line("ok" if not mend else "fail", f"which is {chosen.name}", mend=mend)
    except ClarrayError as error:
        mend = f"export CLARRAY_DEVICE={working[0]}" if working else ""
        _line("fail", str(error), mend=mend)
    print(f"  {len(working)} working device{'s' * (len(working) != 1)}")


def _line(mark: str, what: str, more: str = "", mend: str = "") -> None:
    print(f"  {mark:8}{what}")
    if more:
        print(f"          {more}")
    if mend:
        print(f"          mend: {mend}")


# --- what runs in the other process, and how it is called


def _child(call: str, **environ: str) -> tuple[dict[str, Any] | None, str]:
    """What a function of this module prints as JSON in another process, or why it did not."""
    package = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.append({package!r}); from clarray.device import doctor; doctor.{call}"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer in {_SECONDS} s"
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode == 0 and last.startswith("{"):
        answer: dict[str, Any] = json.loads(last)
        return answer, ""
    if done.returncode < 0:
        return None, f"crashes: {signal.Signals(-done.returncode).name}"
    return None, done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"


def survey() -> None:
    """Print every device, and every platform that lists none, as JSON."""
    import pyopencl as cl

    empty = []
    try:
        platforms = cl.get_platforms()
    except cl.Error:
        platforms = []
    for platform in platforms:
        try:
            if not platform.get_devices():
                empty.append((platform.name.strip(), ""))
        except cl.Error as error:
            empty.append((platform.name.strip(), str(error)))
    print(json.dumps({"devices": [asdict(x) for x in list_devices()], "empty": empty}))


def check(platform_index: int, device_index: int) -> None:
    """Print as JSON what one device can do, after a real kernel was built, run and checked."""
    import numpy as np
    import pyopencl as cl

    from clarray.device.probe import probe

    try:
        device = cl.get_platforms()[platform_index].get_devices()[device_index]
        if missing := missing_linker(device.platform.name):
            raise DeviceError(missing)
        context = cl.Context([device])
        queue = cl.CommandQueue(context)
        traits = probe(context, queue, device)
        # a number of this run in the source: no cache can answer for the compiler
        stamp = time.time_ns() % 1_000_003
        source = """kernel void saxpy(const float a, global const float *x, global float *y)
            { const size_t i = get_global_id(0); y[i] += a * x[i] + %d; }"""
        start = time.perf_counter()
        kernel = cl.Program(context, source % stamp).build().saxpy
        x, y = np.random.default_rng().random((2, 10_000), dtype=np.float32)
        expected = y + (np.float32(2.5) * x + np.float32(stamp))
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        buffers = [cl.Buffer(context, flags, hostbuf=host) for host in (x, y)]
        kernel(queue, x.shape, None, np.float32(2.5), *buffers)
        got = np.empty_like(y)
        cl.enqueue_copy(queue, got, buffers[1])
        seconds = time.perf_counter() - start
    except (cl.Error, ClarrayError) as error:
        print(json.dumps({"error": " ".join(str(error).split())[:400]}))
        return
    if not np.allclose(got, expected, rtol=1e-5):
        print(json.dumps({"error": "a kernel ran and its results are wrong"}))
        return
    words = ("no", "yes")
    summary = (
        f"fp64 {words[traits.fp64]}, fp16 {words[traits.fp16]}, shares host memory "
        f"{words[traits.unified]}; a kernel built, ran and was right in {seconds:.2f} s"
    )
    print(json.dumps({"summary": summary}))
