"""ProfileStats: where the time of a function's calls went, as figures, as tables and as a picture."""

from __future__ import annotations

import atexit
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from clarray.device.recorder import Spent

WIDTH = 60  # characters of what an operation is called
SHOWN = 20  # rows of a table
_told_at_exit: list[ProfileStats] = []


class Work:
    """What a node of a function, a step that runs as one, has taken in all calls."""

    def __init__(self, name: str, kind: str, line: str) -> None:
        self.name = name
        self.kind = kind
        self.line = line
        self.calls = 0
        self.host = 0.0  # seconds to allocate and enqueue
        self.launches = 0
        self.device = 0.0  # seconds in kernels
        self.nbytes = 0  # of the results of its last call
        self.peak = 0  # bytes in use after it, at most

    def __repr__(self) -> str:
        return f"<{self.name}: {self.calls} calls, {seconds(self.device)} on the device>"


class ProfileStats:
    """Times, bytes and counts of the calls of one function, or of several that were given the same object.

    Times are in seconds. `nodes` maps steps to their `Work`; `kernels` and `transfers` are by name. The device is
    drained before and after a call and each transfer, so that each is billed for its own.
    """

    def __init__(self, message: str = "", atexit_print: bool = True) -> None:
        self.message = message
        self.compile_time = 0.0  # from variables to steps
        self.fct_callcount = 0
        self.fct_call_time = 0.0
        self.bind_count = 0
        self.bind_time = 0.0  # from steps and layouts to kernels
        self.builds = 0  # of programs
        self.enqueue_time = 0.0
        self.launches = 0
        self.memory_peak = 0  # bytes in use at most, arguments and all else on the device included
        self.memory_own = 0  # of them, what a call added
        self.nodes: dict[Any, Work] = {}
        self.kernels: dict[str, Spent] = defaultdict(Spent)
        self.transfers: dict[str, Spent] = defaultdict(Spent)
        self.profile_memory = False
        if atexit_print:
            if not _told_at_exit:
                atexit.register(print_all)
            _told_at_exit.append(self)

    @property
    def device_time(self) -> float:
        """Seconds in kernels, by the device's clock."""
        return sum(work.device for work in self.nodes.values())

    @property
    def vm_call_time(self) -> float:
        """Theano's name for the seconds in which nodes run: enqueuing and kernels."""
        return max(self.enqueue_time, self.device_time)

    @property
    def apply_time(self) -> dict[Any, float]:
        """Seconds in kernels by node."""
        return {step: work.device for step, work in self.nodes.items()}

    @property
    def apply_callcount(self) -> dict[Any, int]:
        """Runs by node."""
        return {step: work.calls for step, work in self.nodes.items()}

    def class_time(self) -> dict[str, float]:
        """Seconds in kernels by kind of operation."""
        return {kind: sum(w.device for w in rows) for kind, rows in self._kinds().items()}

    def class_callcount(self) -> dict[str, int]:
        """Runs by kind of operation."""
        return {kind: sum(w.calls for w in rows) for kind, rows in self._kinds().items()}

    def _kinds(self) -> dict[str, list[Work]]:
        kinds: dict[str, list[Work]] = defaultdict(list)
        for work in self.nodes.values():
            kinds[work.kind].append(work)
        return dict(sorted(kinds.items(), key=lambda item: -sum(w.device for w in item[1])))

    # as text

    def summary(self, file: TextIO | None = None, n_ops_to_print: int = SHOWN, n_apply_to_print: int = SHOWN) -> None:
        """Print the tables, to stderr unless a file is given."""
        print(self.text(n_ops_to_print, n_apply_to_print), file=file or sys.stderr)

    def text(self, n_ops: int = SHOWN, n_apply: int = SHOWN) -> str:
        """The tables: of the whole, by kind of operation, by node, by kernel."""
        parts = [f"Profile of {self.message or 'a function'}", *self._totals()]
        if self.nodes:
            parts += ["", *self._by_kind(n_ops), "", *self._by_node(n_apply), "", *self._by_kernel(n_ops)]
        return "\n".join(parts)

    __str__ = text

    def _totals(self) -> list[str]:
        calls, whole, device = self.fct_callcount, self.fct_call_time, self.device_time
        each = 1 / max(calls, 1)
        rows: list[Sequence[str]] = [
            ("compiling the graph", seconds(self.compile_time), ""),
            ("calls", f"{calls:,}", ""),
            ("time in calls", seconds(whole), f"{seconds(whole * each)} a call"),
            ("  kernels, by the device", seconds(device), f"{_share(device, whole)} of the calls"),
            ("  enqueuing, on the host", seconds(self.enqueue_time), f"{seconds(self.enqueue_time * each)} a call"),
            ("  binding to layouts", seconds(self.bind_time), f"{self.bind_count:,} times, {self.builds:,} builds"),
        ]
        for way in ("to device", "to host"):
            moved = self.transfers[way]
            rate = f", {size(moved.nbytes / moved.seconds)}/s" if moved.seconds else ""
            rows.append((f"  copying {way}", seconds(moved.seconds), f"{size(moved.nbytes)} in {moved.count:,}{rate}"))
        rows.append(("launches", f"{self.launches:,}", f"{self.launches * each:.4g} a call"))
        rows.append(("memory peak", size(self.memory_peak), f"of which a call adds {size(self.memory_own)}"))
        return table([], rows, "<><")

    def _by_kind(self, most: int) -> list[str]:
        heads = ["share", "device", "a run", "host", "runs", "launches", "nodes", "kind of operation"]
        rows = []
        for kind, works in self._kinds().items():
            device, runs = sum(w.device for w in works), sum(w.calls for w in works)
            host, launches = sum(w.host for w in works), sum(w.launches for w in works)
            rows.append(
                (_share(device, self.device_time), seconds(device), seconds(device / max(runs, 1)), seconds(host),
                 f"{runs:,}", f"{launches:,}", f"{len(works):,}", kind)
            )  # fmt: skip
        return table(heads, rows, ">>>>>>><", most)

    def _by_node(self, most: int) -> list[str]:
        heads = ["share", "device", "a run", "host", "runs", "launches", "result"]
        heads += ["in use", "node", "line"] if self.profile_memory else ["node", "line"]
        rows = []
        for work in sorted(self.nodes.values(), key=lambda w: (-w.device, -w.host)):
            row = [
                _share(work.device, self.device_time), seconds(work.device), seconds(work.device / max(work.calls, 1)),
                seconds(work.host), f"{work.calls:,}", f"{work.launches:,}", size(work.nbytes),
            ]  # fmt: skip
            row += [size(work.peak)] if self.profile_memory else []
            rows.append([*row, _cut(work.name), _cut(work.line, left=True)])
        return table(heads, rows, ">" * (len(heads) - 2) + "<<", most)

    def _by_kernel(self, most: int) -> list[str]:
        rows = [
            (_share(k.seconds, self.device_time), seconds(k.seconds), seconds(k.seconds / max(k.count, 1)),
             f"{k.count:,}", name)
            for name, k in sorted(self.kernels.items(), key=lambda item: -item[1].seconds)
        ]  # fmt: skip
        return table(["share", "device", "a launch", "launches", "kernel"], rows, ">>>><", most)

    # as a picture

    def plot(self, path: Any = None, most: int = 40) -> str:
        """Bars of the time of each node, as SVG; written to `path` if there is one."""
        from .chart import bars

        works = sorted(self.nodes.values(), key=lambda w: -w.device)[:most]
        text = bars(f"Kernels of {self.message or 'a function'}", [(w.name, w.kind, w.device) for w in works])
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text


def print_all(file: TextIO | None = None) -> None:
    """Print the summaries of all profiles whose functions were called, and how they share the time."""
    called = [p for p in _told_at_exit if p.fct_callcount]
    for profile in called:
        profile.summary(file)
        print(file=file or sys.stderr)
    if len(called) > 1:
        whole = sum(p.fct_call_time for p in called)
        rows = [
            (_share(p.fct_call_time, whole), seconds(p.fct_call_time), f"{p.fct_callcount:,}",
             _share(p.device_time, p.fct_call_time), p.message)
            for p in sorted(called, key=lambda p: -p.fct_call_time)
        ]  # fmt: skip
        text = table(["share", "time", "calls", "in kernels", "function"], rows, ">>>><")
        print("\n".join(["All functions", *text]), file=file or sys.stderr)


# --- figures for a reader


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], sides: str, most: int | None = None) -> list[str]:
    """Lines of aligned columns; `sides` has < or > for each."""
    shown = rows[:most]
    everything = [heads, *shown] if heads else shown
    widths = [max(len(row[k]) for row in everything) for k in range(len(sides))]

    def line(cells: Iterable[str]) -> str:
        return "  " + "  ".join(f"{c:{s}{w}}" for c, s, w in zip(cells, sides, widths, strict=True)).rstrip()

    lines = [line(heads), line("-" * w for w in widths)] if heads else []
    lines += [line(row) for row in shown]
    return lines + ([f"  ... and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else [])


def seconds(value: float) -> str:
    """A time: 12.3 us, 4.56 ms, 7.89 s."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{_three(value * factor)} {unit}"
    return f"{_three(value * 1e6)} µs"


def size(nbytes: float) -> str:
    """An amount of memory: 12 B, 3.4 KiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if nbytes < 1000 or unit == "GiB":
            break
        nbytes /= 1024
    return f"{_three(nbytes) if unit != 'B' else round(nbytes)} {unit}"


def _three(value: float) -> str:
    """Three digits that count."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "-"


def _cut(text: str, left: bool = False) -> str:
    if len(text) <= WIDTH:
        return text
    return f"...{text[3 - WIDTH :]}" if left else f"{text[: WIDTH - 3]}..."
