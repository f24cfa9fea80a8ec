"""`clarray cache`: where built programs and tuned choices are kept, how much there is, and how to be rid of it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from clarray.config import config
from clarray.device import store
from clarray.errors import ClarrayError


@dataclass(frozen=True)
class Place:
    """A folder or file in which something is kept, and what one entry of it is: a subfolder or a file."""

    what: str
    path: Path
    own: bool = False  # clarray's, so that --clear empties it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--clear", action="store_true", help="empty clarray's own, and say what it leaves")


def run(args: argparse.Namespace) -> int:
    """Print, or empty; 1 where something cannot be read or removed."""
    return _clear() if args.clear else _show()


def places() -> list[Place]:
    """Everything that is kept for clarray's sake, its own first."""
    import platformdirs  # as pyopencl does

    own = Path(os.path.expanduser(config.cache_dir))
    found = [
        Place("tuned choices", store.path(), own=True),
        Place("programs", own / "programs", own=True),
        Place("templates, as Python", own / "templates", own=True),
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


def measured(path: Path) -> tuple[int, int]:
    """Files and bytes in a folder, or of a file."""
    files = [path] if path.is_file() else [Path(root, name) for root, _, names in os.walk(path) for name in names]
    sizes = []
    for file in files:
        try:
            sizes.append(file.stat().st_size)
        except OSError:  # it went away meanwhile
            continue
    return len(sizes), sum(sizes)


def _show() -> int:
    for place in places():
        count, size = measured(place.path)
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
        count, size = measured(place.path)
        what = f"{place.what}: {count:,} file{'s' * (count != 1)}, {_bytes(size)}, {place.path}"
        if not place.own:
            if count:
                print(f"left     {what}")
            continue
        try:
            if place.path.is_dir():
                shutil.rmtree(place.path)
            elif place.path.exists():
                place.path.unlink()
        except OSError as error:
            print(f"clarray: {place.path} cannot be removed: {error}", file=sys.stderr)
            status = 1
        else:
            print(f"removed  {what}")
    return status


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "B" else f"{size:.0f} B"
        size /= 1024
    return f"{size:.3g} GiB"
