"""`clarray cache`: where built programs and tuned choices are kept, how much there is, and how to be rid of it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from clarray.codegen import templates
from clarray.config import config
from clarray.device import store
from clarray.errors import ClarrayError

SHOWN = 8  # names of what is left
# In `programs`: clarray's binaries, one that was being written, pyopencl's entries and its lock
PROGRAMS = re.compile(r"[0-9a-f]{64}\.bin|tmp[a-z0-9_]{8}|[0-9a-f]{32}|lock")


@dataclass(frozen=True)
class Place:
    """A folder or file in which something is kept."""

    what: str
    path: Path
    own: re.Pattern[str] | None = None  # the names that clarray gives: what --clear removes

    def entries(self) -> tuple[list[Path], list[Path]]:
        """What is kept there, and what else lies beside it in a folder of clarray's."""
        if self.own is None or not self.path.is_dir():
            return [self.path], []
        found: tuple[list[Path], list[Path]] = ([], [])
        for entry in sorted(self.path.iterdir()):
            found[not self.own.fullmatch(entry.name)].append(entry)
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--clear", action="store_true", help="remove clarray's own, and say what it leaves")


def run(args: argparse.Namespace) -> int:
    """Print, or empty; 1 where something cannot be read or removed."""
    try:
        return _clear() if args.clear else _show()
    except OSError as error:
        print(f"clarray: {error}", file=sys.stderr)
        return 1


def places() -> list[Place]:
    """Everything that is kept for clarray's sake, its own first."""
    import platformdirs  # as pyopencl does

    own = Path(os.path.expanduser(config.cache_dir))
    found = [
        Place("tuned choices", store.path(), re.compile(re.escape(store.path().name))),
        Place("programs", own / "programs", PROGRAMS),
        Place("templates, as Python", own / "templates", templates.KEPT),
        Place("programs, by pyopencl", Path(platformdirs.user_cache_dir("pyopencl", "pyopencl"))),
        Place("launchers, by pytools", Path(platformdirs.user_cache_dir("pytools", "pytools"))),
    ]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    drivers = {
        "PoCL": os.environ.get("POCL_CACHE_DIR") or home / "pocl",
        "NVIDIA": os.environ.get("CUDA_CACHE_PATH") or Path.home() / ".nv" / "ComputeCache",
        "Mesa": os.environ.get("MESA_SHADER_CACHE_DIR") or home / "mesa_shader_cache",
        "Intel": os.environ.get("NEO_CACHE_DIR") or home / "neo_compiler_cache",
    }
    found += [Place(f"programs, by {name}", Path(path)) for name, path in drivers.items() if Path(path).exists()]
    return found


def measured(paths: Iterable[Path]) -> tuple[int, int]:
    """Files and bytes in folders and of files."""
    files: list[Path] = []
    for path in paths:
        files += [path] if path.is_file() else [Path(root, name) for root, _, names in os.walk(path) for name in names]
    sizes = []
    for file in files:
        try:
            sizes.append(file.stat().st_size)
        except OSError:  # it went away meanwhile
            continue
    return len(sizes), sum(sizes)


def _show() -> int:
    for place in places():
        count, size = measured(place.entries()[0])
        print(f"{place.what:<24}{count:>6,} file{'s' if count != 1 else ' '}{_bytes(size):>10}  {place.path}")
    print()
    try:
        rows = store.counts()
    except ClarrayError as error:
        print(f"clarray: {error}", file=sys.stderr)
        return 1
    if not rows:
        print("nothing is tuned: `clarray tune` does")
    for device, platform, driver, version, winners in rows:
        print(f"{winners:>4} winner{'s' if winners != 1 else ' '}  {device} ({platform}, {driver}), clarray {version}")
    return 0


def _clear() -> int:
    status = 0
    for place in places():
        entries, others = place.entries()
        count, size = measured(entries)
        what = f"{place.what}: {count:,} file{'s' * (count != 1)}, {_bytes(size)}, {place.path}"
        if place.own is None:
            if count:
                print(f"left     {what}")
            continue
        try:
            for entry in entries:
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink(missing_ok=True)
        except OSError as error:
            print(f"clarray: {place.path} cannot be removed: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"removed  {what}")
        if others:
            names = ", ".join(other.name for other in others[:SHOWN]) + ", ..." * (len(others) > SHOWN)
            print(f"left     what clarray did not write in {place.path}: {names}")
        elif place.path.is_dir():
            with suppress(OSError):  # not empty after all
                place.path.rmdir()
    return status


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1024
    return f"{size:.3g} GiB"
