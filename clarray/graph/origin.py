"""Origin: the line of the user's code that a node is made for.

Rules and gradients make nodes on behalf of others: while they run, `made_for` holds the line of the node that they
look at, so that an error in what they made points at the forward computation.
"""

from __future__ import annotations

import linecache
import os
import sys
from contextvars import ContextVar, Token

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")  # with a separator at its end

_line: ContextVar[str] = ContextVar("line", default="")


def user_line() -> str:
    """file:line of the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back  # type: ignore[assignment]
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def asked_by_user() -> bool:
    """Whether the caller of a method is the user's code, and not this package or a dataclass that compares."""
    code = sys._getframe(2).f_code
    return not code.co_filename.startswith(PACKAGE) and code.co_name != "__eq__"


def current_line() -> str:
    """The line that a node made now belongs to."""
    return _line.get() or user_line()


def acts_for_a_node() -> bool:
    """Whether nodes are made for another one, by a rule or a gradient."""
    return bool(_line.get())


class made_for:
    """While this holds, nodes belong to `line`; an empty one is that of the caller."""

    __slots__ = ("_line", "_token")

    def __init__(self, line: str) -> None:
        self._line = line

    def __enter__(self) -> None:
        self._token: Token[str] = _line.set(self._line)

    def __exit__(self, *raised: object) -> None:
        _line.reset(self._token)


def quoted(line: str, indent: str = "    ") -> str:
    """file:line, and the text that stands there in a line of its own, where it can be read."""
    file, _, number = line.rpartition(":")
    text = linecache.getline(file, int(number)).strip() if number.isdigit() else ""
    return f"{line or 'an unknown line'}:\n{indent}{text}" if text else line or "an unknown line"
