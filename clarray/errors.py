"""The exceptions clarray raises.

ClarrayError
├── DeviceNotFound      (ValueError)   no such device, or no OpenCL at all
├── DeviceError                        a device failed to start or to run
├── OutOfDeviceMemory   (MemoryError)  an allocation passes the device or the limit
├── CompileError                       a kernel the driver refuses, with its source
├── RenderError                        a template that does not print
├── LinAlgError         (numpy.linalg.LinAlgError)  a matrix that is singular or not positive definite
├── BadRewrite                         a rewrite that DebugMode found to change a value
├── BadKernel                          a kernel that DebugMode found to be wrong
├── NotFinite           (AssertionError)  a NaN, infinity or big value that NanGuardMode found
└── ConfigError         (ValueError)   a bad flag, environment variable or rc file

Wrong shapes, dtypes, indices and axes stay ValueError, TypeError and IndexError
with NumPy's meaning. Every exception here survives pickling.
"""

from __future__ import annotations

import re

import numpy as np

__all__ = [
    "BadKernel",
    "BadRewrite",
    "ClarrayError",
    "CompileError",
    "ConfigError",
    "DeviceError",
    "DeviceNotFound",
    "LinAlgError",
    "NotFinite",
    "OutOfDeviceMemory",
    "RenderError",
]

# "<kernel>:12:5: error:", "/tmp/x.cl:12:5: fatal error:", "1:12:5: error:"
_LOG_LINE = re.compile(r":(\d+):\d+: (?:fatal )?error", re.IGNORECASE)
_WHOLE_SOURCE = 80  # lines: a source up to this long is printed whole
_WHOLE_LOG = 60
_NEIGHBOURS = 4  # lines shown before and after a line the driver complains about


class ClarrayError(Exception):
    """The root of what clarray raises by itself."""


class DeviceNotFound(ClarrayError, ValueError):
    """No device answers to the word given, or there is no OpenCL at all."""


class DeviceError(ClarrayError):
    """A device that failed to start, or work that failed on it."""


class OutOfDeviceMemory(ClarrayError, MemoryError):
    """An allocation that passes the device's memory, or the limit set on it."""

    def __init__(self, requested: int, in_use: int, limit: int | None, device: object):
        super().__init__(requested, in_use, limit, device)
        self.requested = requested
        self.in_use = in_use
        self.limit = limit
        self.device = device

    def __str__(self) -> str:
        limit = "none" if self.limit is None else _bytes(self.limit)
        return (
            f"out of memory on {self.device}: {_bytes(self.requested)} asked, "
            f"{_bytes(self.in_use)} in use, limit {limit}; drop arrays, or raise "
            f"the limit with clarray.set_memory_limit() or gpuarray.memory_limit"
        )


class CompileError(ClarrayError):
    """A kernel the driver does not build: numbered source and the driver's log."""

    def __init__(self, message: str, source: str = "", log: str = ""):
        super().__init__(message, source, log)
        self.message = message
        self.source = source
        self.log = log

    def __str__(self) -> str:
        parts = [self.message]
        if self.log.strip():
            parts.append("--- log of the driver\n" + _shorten(self.log.strip()))
        if self.source.strip():
            parts.append("--- source\n" + number_lines(self.source, self.log))
        return "\n".join(parts)


class RenderError(ClarrayError):
    """A template that does not print for the spec it was given."""


class LinAlgError(ClarrayError, np.linalg.LinAlgError):
    """A matrix that an operation has no result for: singular, or not positive definite. A ValueError, as NumPy's."""


class BadRewrite(ClarrayError):
    """A rewrite that changed a value, found by DebugMode: names the rule, the node, the difference and the line."""


class BadKernel(ClarrayError):
    """A kernel that DebugMode found to be wrong: a value, a write into an operand, or memory left unwritten."""


class NotFinite(ClarrayError, AssertionError):
    """A NaN, an infinity or a value too big that NanGuardMode found, with the node that made it."""


class ConfigError(ClarrayError, ValueError):
    """A flag, environment variable or rc file that says something not allowed."""


def number_lines(source: str, log: str = "") -> str:
    """`source` with line numbers; a long one cut to the lines the log complains of."""
    lines = source.rstrip().split("\n")
    complaints = {int(n) for n in _LOG_LINE.findall(log) if int(n) <= len(lines)}
    if len(lines) <= _WHOLE_SOURCE:
        shown = set(range(1, len(lines) + 1))
    elif complaints:
        shown = {n for c in complaints for n in range(c - _NEIGHBOURS, c + _NEIGHBOURS + 1)}
    else:
        shown = set(range(1, _WHOLE_SOURCE + 1))
    out, previous = [], 0
    for n in sorted(shown & set(range(1, len(lines) + 1))):
        if n != previous + 1:
            out.append("      ...")
        out.append(f"{'>' if n in complaints else ' '}{n:4d}  {lines[n - 1]}".rstrip())
        previous = n
    if previous < len(lines):
        out.append(f"      ... ({len(lines)} lines in all)")
    return "\n".join(out)


def _shorten(log: str) -> str:
    """The first lines of a log, which name the errors the rest follows from."""
    lines = log.split("\n")
    if len(lines) <= _WHOLE_LOG:
        return log
    return "\n".join([*lines[:_WHOLE_LOG], f"... ({len(lines)} lines in all)"])


def _bytes(count: int) -> str:
    """A count of bytes for a reader: '1536 bytes (1.5 KiB)'."""
    if count < 1024:
        return f"{count} bytes"
    power = min((count.bit_length() - 1) // 10, 5)
    return f"{count} bytes ({count / 1024**power:.1f} {' KMGTP'[power]}iB)"
