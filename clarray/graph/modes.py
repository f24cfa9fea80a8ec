"""Modes: which rewrites a function goes through, and who looks on while it runs.

FAST_RUN takes all; FAST_COMPILE those that change forms, without fusing and without results in place, so that it
compiles in less time and gives the same values; DebugMode and NanGuardMode are FAST_RUN, watched.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from clarray.config import config

from .rewriting.database import PHASES, Query, known_names
from .rewriting.rebuild import Applied

if TYPE_CHECKING:
    from .function import Function
    from .running.binder import Binder
    from .running.tape import Tape

Watcher = Callable[["Tape", "Binder"], Any]

EVERYTHING = frozenset(PHASES)
UNFUSED = frozenset({"required", "canonicalize", "stabilize"})
# what the flag `optimizer` may say, as phases
OPTIMIZERS = {
    "fast_run": EVERYTHING, "o4": EVERYTHING, "o3": EVERYTHING, "o2": EVERYTHING, "fast_compile": UNFUSED,
    "o1": UNFUSED, "merge": frozenset({"required"}), "None": frozenset({"required"}),
}  # fmt: skip
# the ancestor's tags that programs include or exclude, and that have no meaning here
FOREIGN = frozenset(
    {"gpu", "gpuarray", "cudnn", "blas", "BlasOpt", "cxx_only", "fast_run", "fast_compile", "conv_gemm"}
)


class Mode:
    """How a function is compiled: `optimizer` is a word that the flag of that name takes, or a Query."""

    def __init__(self, linker: Any = None, optimizer: Any = "fast_run") -> None:
        if isinstance(linker, str) and linker in OPTIMIZERS and optimizer == "fast_run":
            optimizer, linker = linker, None
        self.linker = linker
        self.optimizer = optimizer
        self.query = optimizer if isinstance(optimizer, Query) else _query(optimizer)

    def including(self, *names: str) -> Mode:
        """This mode with further phases or rewrites."""
        return self._with(self.query.including(*_checked(names, "including")))

    def excluding(self, *names: str) -> Mode:
        """This mode without some phases or rewrites."""
        return self._with(self.query.excluding(*_checked(names, "excluding")))

    def clone(self, optimizer: Any = None, **changes: Any) -> Mode:
        """This mode with other settings."""
        return self._with(self.query if optimizer is None else _query(optimizer), **changes)

    def _with(self, query: Query, **changes: Any) -> Mode:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, query=query, optimizer=query, **changes)
        return other

    @property
    def fuses(self) -> bool:
        """Whether several nodes share a kernel."""
        return "fusion" in self.query

    @property
    def in_place(self) -> bool:
        """Whether a result may take the memory of an operand that is read last."""
        return "inplace" in self.query

    @property
    def log(self) -> list[Applied] | None:
        """Where rewrites are written down, if they are."""
        return None

    def watcher(self, function: Function, applied: list[Applied] | None) -> Watcher | None:
        """What makes of a function's tape one that is looked at; None where nobody looks."""
        return None

    def __repr__(self) -> str:
        left_out = sorted(self.query.exclude)
        return f"{type(self).__name__}({self.query.names}{f', excluding {left_out}' if left_out else ''})"


def _query(optimizer: Any) -> Query:
    if isinstance(optimizer, Query):
        return optimizer
    if optimizer == "default":
        optimizer = config.optimizer
    if str(optimizer) not in OPTIMIZERS:
        raise ValueError(f"Mode(): optimizer {optimizer!r} is not one of {', '.join(OPTIMIZERS)}")
    return Query(OPTIMIZERS[str(optimizer)])


def _checked(names: tuple[str, ...], who: str) -> list[str]:
    """The names that mean something; the ancestor's are passed over, others are warned about."""
    found = []
    for name in names:
        if name in known_names():
            found.append(name)
        elif name not in FOREIGN and not name.startswith("local_"):
            near = difflib.get_close_matches(name, known_names(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; phases are {', '.join(PHASES)}"
            warnings.warn(f"{who}({name!r}): there is no rewrite or phase of that name{hint}", stacklevel=4)
    return found


def _default() -> Mode:
    return Mode(optimizer=config.optimizer)


def _debug() -> Mode:
    from .inside.debugging import DebugMode

    return DebugMode()


def _guard() -> Mode:
    from .inside.nanguard import NanGuardMode

    return NanGuardMode()


MODES: dict[str, Callable[[], Mode]] = {
    "FAST_RUN": Mode,
    "FAST_COMPILE": lambda: Mode(optimizer="fast_compile"),
    "DebugMode": _debug,
    "DEBUG_MODE": _debug,
    "NanGuardMode": _guard,
    "Mode": _default,
}


def get_mode(mode: Any = None) -> Mode:
    """The Mode of a name, of None (the flags `mode` and `optimizer`), or a Mode as it is.

    To named modes the flags `optimizer_including` and `optimizer_excluding` add and take away, names separated by ":".
    """
    if isinstance(mode, Mode):
        return mode
    named = config.mode if mode is None else mode
    if not isinstance(named, str) or named not in MODES:
        raise ValueError(f"function(): mode {named!r} is not one of {', '.join(MODES)}")
    found = MODES[named]()
    for flag, change in (("optimizer_including", "including"), ("optimizer_excluding", "excluding")):
        names = [name for name in str(getattr(config, flag)).split(":") if name]
        if names:
            found = getattr(found, change)(*names)
    return found


def get_default_mode() -> Mode:
    """The Mode that the flags `mode` and `optimizer` name."""
    return get_mode(None)
