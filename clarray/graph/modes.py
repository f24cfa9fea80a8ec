"""Modes: how much a function is rewritten and fused."""

from __future__ import annotations

from typing import Any

from clarray.config import config

MODES = ("FAST_RUN", "FAST_COMPILE", "Mode")
UNFUSED = ("fast_compile", "None", "o1")


def fuses(mode: Any) -> bool:
    """Whether a mode rewrites and fuses; a name that is none is an error."""
    named = config.mode if mode is None else mode
    if not isinstance(named, str):
        return bool(getattr(named, "fuses", True))
    if named not in MODES:
        raise ValueError(f"function(): mode {named!r} is not one of {', '.join(MODES)}")
    if named == "FAST_COMPILE":
        return False
    return named == "FAST_RUN" or config.optimizer not in UNFUSED


class Mode:
    """How a function is compiled: `optimizer` as the flag of that name."""

    def __init__(self, linker: Any = None, optimizer: Any = "fast_run") -> None:
        self.optimizer = optimizer
        self.fuses = optimizer not in (*UNFUSED, None)
