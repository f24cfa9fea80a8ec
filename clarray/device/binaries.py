"""Binaries of programs on disk, for drivers that take long over a source, be it in their own cache.

A file is named by a digest of everything that the binary follows from, and begins with a digest of the rest of it:
what is cut short or spoilt is not shown to the driver. PoCL compiles a third more where it is asked for a binary, so
that a first process only leaves an empty file, and the second one fills it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyopencl as cl

DIGEST = 32  # bytes


def place(folder: str, device: cl.Device, source: str, options: Sequence[str]) -> Path:
    """The file for a source built with these options on a device."""
    platform = device.platform
    what = (platform.name, platform.version, device.name, device.version, device.driver_version, *options, source)
    return Path(folder, hashlib.sha256("\0".join(what).encode()).hexdigest() + ".bin")


def load(context: cl.Context, file: Path, options: Sequence[str]) -> Any:
    """The built program in a file, or None where there is none that the driver takes."""
    try:
        whole = file.read_bytes()
    except OSError:
        return None
    digest, binary = whole[:DIGEST], whole[DIGEST:]
    if hashlib.sha256(binary).digest() != digest:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cl.Program(context, context.devices, [binary]).build(list(options))
    except cl.Error:  # another processor's, or a driver's that changed under the same version
        return None


def keep(program: Any, file: Path) -> None:
    """Remember a program that was built: write it, whole or not at all, where it was before; nothing if that fails."""
    try:
        if not file.exists():
            file.touch()
            return
        (binary,) = program.get_info(cl.program_info.BINARIES)
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(hashlib.sha256(binary).digest() + binary)
            os.replace(name, file)
        except OSError:
            os.unlink(name)
            raise
    except (OSError, cl.Error):
        return
