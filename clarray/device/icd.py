"""The .icd files by which the OpenCL loader finds drivers, and what is wrong with them.

An .icd file holds the path of a driver's library. The loader in pyopencl's wheel reads the
folder /etc/OpenCL/vendors and its own; OCL_ICD_VENDORS puts another folder, or one .icd file
alone, in the place of the first.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SYSTEM = Path("/etc/OpenCL/vendors")
NVIDIA = "libnvidia-opencl.so.1"

# the start of a library's name -> the command that installs it
PACKAGES = {
    "libpocl": "sudo apt install pocl-opencl-icd",
    "libnvidia-opencl": "sudo apt install nvidia-opencl-icd",
    "libintelocl.so": "pip install intel-opencl-rt intel-cmplr-lib-rt intel-cmplr-lib-ur tbb",
    "libigdrcl": "sudo apt install intel-opencl-icd",
    "libamdocl": "sudo apt install rocm-opencl-runtime",
    "libMesaOpenCL": "sudo apt install mesa-opencl-icd",
    "libRusticlOpenCL": "sudo apt install mesa-opencl-icd",
    "libtbb": "pip install tbb",
    "libsvml": "pip install intel-cmplr-lib-rt",
    "libimf": "pip install intel-cmplr-lib-rt",
    "libirng": "pip install intel-cmplr-lib-rt",
    "libintlc": "pip install intel-cmplr-lib-rt",
    "libur_": "pip install intel-cmplr-lib-ur",
    "libhwloc": "sudo apt install libhwloc15",
    "libnuma": "sudo apt install libnuma1",
}

_USUAL_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/wsl/lib",
    "/usr/local/nvidia/lib64",
    "/usr/lib/nvidia",
    "/run/opengl-driver/lib",
    "/opt/rocm/lib",
    "/opt/intel/oneapi/compiler/latest/lib",
)
_LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
_LOAD_SECONDS = 60


@dataclass(frozen=True)
class Icd:
    """An .icd file as found; a good one has no `problem`."""

    path: str
    library: str
    read: bool  # whether the loader reads it
    problem: str = ""
    mend: str = ""  # the command that mends the problem


def find_icds() -> list[Icd]:
    """Every .icd file of this machine, each library tried in a process of its own.

    One that is not read is left out where another, which is, names the same library.
    """
    files: dict[Path, str] = {}
    for place, unread in _places():
        for path in _icd_files(place):
            files.setdefault(path, unread)
    with ThreadPoolExecutor() as pool:
        icds = list(pool.map(_examine, files.keys(), files.values()))
    good = {Path(icd.library).name for icd in icds if icd.read and not icd.problem}
    return [icd for icd in icds if icd.read or Path(icd.library).name not in good]


def missing_nvidia(icds: list[Icd]) -> Icd | None:
    """NVIDIA's OpenCL library where no .icd file that is read names it."""
    if any(icd.read and "libnvidia-opencl" in icd.library for icd in icds):
        return None
    for library in find_library(NVIDIA):
        problem = "the NVIDIA driver is here, but no .icd file names its OpenCL library"
        return Icd("(none)", str(library), False, problem, _register(library, "nvidia.icd"))
    return None


def find_library(name: str) -> Iterator[Path]:
    """Where a library of this file name lies: this Python, the environment, the system."""
    folders = [os.path.join(sys.prefix, "lib")]
    folders += filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":"))
    seen = set()
    known = [Path(folder, name) for folder in (*folders, *_USUAL_FOLDERS)]
    for path in (*known, *_linker_cache().get(name, ())):
        if path.exists() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield path


@functools.cache
def _linker_cache() -> dict[str, list[Path]]:
    """What `ldconfig -p` knows: file name -> paths."""
    found: dict[str, list[Path]] = {}
    for command in ("ldconfig", "/sbin/ldconfig"):
        try:
            done = subprocess.run([command, "-p"], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            continue
        for name, path in re.findall(r"^\s*(\S+) \(.*\) => (.+)$", done.stdout, re.MULTILINE):
            found.setdefault(name, []).append(Path(path))
        break
    return found


def bundled() -> Path | None:
    """The folder beside the loader in pyopencl's wheel; None where it uses the system's."""
    spec = importlib.util.find_spec("pyopencl")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).resolve().parent / ".libs"
    return folder if any(folder.glob("libOpenCL*")) else None


def _places() -> Iterator[tuple[Path, str]]:
    """Folders or files that name drivers, and why the loader does not read them, if so."""
    variable = next((v for v in ("OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH") if os.environ.get(v)), "")
    chosen = Path(os.environ[variable]) if variable else SYSTEM
    hidden = f"{variable}={chosen} hides it" if variable else ""
    yield chosen, ""
    if own := bundled():
        yield own, "" if chosen.is_dir() or not variable else hidden
    if chosen != SYSTEM:
        yield SYSTEM, hidden
    for prefix in dict.fromkeys((sys.prefix, os.environ.get("CONDA_PREFIX", sys.prefix))):
        yield Path(prefix, "etc/OpenCL/vendors"), "the loader does not read this folder"


def _icd_files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(place.glob("*.icd"))
    return [place] if place.suffix == ".icd" and place.exists() else []


def _examine(path: Path, unread: str) -> Icd:
    """Read one .icd file, try its library, and work out what would mend it."""
    try:
        library = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        return Icd(str(path), "", not unread, f"cannot be read: {error}", _command(path, "rm {}"))
    beside = path.parent / library
    problem, mend = _try(beside if beside.exists() else Path(library), path, bool(unread))
    if not problem and "=" in unread:
        mend = "unset " + unread.partition("=")[0]
    problem = "; ".join(filter(None, (problem, unread)))
    return Icd(str(path), library, not unread, problem, mend)


def _try(library: Path, path: Path, unread: bool) -> tuple[str, str]:
    """Why `library`, which the .icd file at `path` names, does not load; and the mend."""
    error = load_error(str(library))
    if not error:
        return "", _register(library, path.name)
    if lacking := _lacking(error, library.name):
        return error, _mend_dependency(lacking)
    for real in find_library(library.name):
        again = load_error(str(real))
        if lacking := _lacking(again, real.name):
            return f"{error}; {real} is there, but {again}", _mend_dependency(lacking)
        if not again:
            mend = _register(real, path.name) if unread else _write(real, path)
            return f"{error}; {real} is there and loads", mend
    return error, _install(library.name) or _command(path, "rm {}")


def load_error(library: str) -> str:
    """Why a library does not load, tried in another process; empty where it does."""
    command = [sys.executable, "-c", _LOAD, library]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LOAD_SECONDS)
    except subprocess.TimeoutExpired:
        return f"loading takes more than {_LOAD_SECONDS} s"
    if done.returncode < 0:
        return f"loading crashes (signal {-done.returncode})"
    last = done.stderr.strip().rpartition("\n")[2] if done.returncode else ""
    return last.removeprefix("OSError: ")


def _lacking(error: str, library: str) -> str:
    """The other library that an error says is missing."""
    found = re.match(r"(\S+): cannot open shared object file", error)
    return found[1] if found and Path(found[1]).name != library else ""


def _mend_dependency(name: str) -> str:
    for path in find_library(name):
        return f"export LD_LIBRARY_PATH={shlex.quote(str(path.parent))}:$LD_LIBRARY_PATH"
    return _install(name) or f"apt-file search {name}  # then install the package it names"


def _install(name: str) -> str:
    return next((cmd for start, cmd in PACKAGES.items() if name.startswith(start)), "")


def _register(library: Path, name: str) -> str:
    """The command that makes the loader read `library`; empty where it does already."""
    return _write(library, (bundled() or SYSTEM) / name)


def put_aside(icd: Icd) -> str:
    """The command that hides a driver from the loader."""
    return _command(Path(icd.path), "mv {0} {0}.off")


def _write(library: Path, path: Path) -> str:
    line = shlex.quote(str(library))
    if os.access(path.parent, os.W_OK):
        return f"echo {line} > {shlex.quote(str(path))}"
    return f"echo {line} | sudo tee {shlex.quote(str(path))}"


def _command(path: Path, command: str) -> str:
    """`command` on `path`, by root where the folder asks for it."""
    sudo = "" if os.access(path.parent, os.W_OK) else "sudo "
    return sudo + command.format(shlex.quote(str(path)))
