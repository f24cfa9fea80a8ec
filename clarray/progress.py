"""Progress of a long run: a bar on a terminal, a line at each step in a pipe."""

from __future__ import annotations

import sys
from typing import TextIO

WIDTH = 30


class Progress:
    """Steps of a known number: `with Progress(4, "demo") as p: p.step("NumPy")`."""

    def __init__(self, total: int, title: str, stream: TextIO | None = None) -> None:
        self.total = total
        self.title = title
        self.stream = stream or sys.stderr
        self.done = 0
        self.bar = self.stream.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.bar:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def advance(self, by: int = 1, what: str = "") -> None:
        """Count `by` steps done; a pipe is told only when `what` is named."""
        self.done += by
        if self.bar:
            filled = WIDTH * self.done // self.total
            percent = 100 * self.done // self.total
            line = f"\r\x1b[K{self.title} [{'#' * filled}{'.' * (WIDTH - filled)}] {percent:3d}% {what}"
            self.stream.write(line)
            self.stream.flush()
        elif what:
            print(f"{self.title}: {self.done}/{self.total} {what}", file=self.stream, flush=True)
