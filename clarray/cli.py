"""The `clarray` command: devices, doctor, demo, tune, cache."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from clarray.errors import ClarrayError

# commands that live in a module of their own: `add_arguments(parser)` and `run(args) -> int`
_MODULES = {
    "demo": ("clarray.demo", "time exp on the default device beside NumPy"),
    "tune": ("clarray.tuning_command", "find the best numbers for a device's kernels"),
    "cache": ("clarray.cache_command", "show what is kept on disk, or remove it"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = _parser(given).parse_args(given)
    try:
        status: int = args.run(args)
    except ClarrayError as error:
        print(f"clarray: {error}", file=sys.stderr)
        return 1
    return status


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clarray", description="NumPy arrays on OpenCL devices.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    devices = commands.add_parser("devices", help="list the OpenCL devices")
    devices.add_argument("--json", action="store_true", help="as a JSON list")
    devices.set_defaults(run=_devices)
    doctor = commands.add_parser("doctor", help="say what is wrong with drivers and devices")
    doctor.set_defaults(run=_doctor)
    for name, (module, line) in _MODULES.items():
        command = commands.add_parser(name, help=line)
        if name in given:  # the others stay unloaded
            loaded = importlib.import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    return parser


def _devices(args: argparse.Namespace) -> int:
    """Print every device, the best one marked; 1 where there is none."""
    from clarray.device.select import NO_OPENCL, best_first, list_devices

    devices = list_devices()
    best = best_first(devices)[:1]
    if args.json:
        print(json.dumps([{**asdict(x), "best": x in best} for x in devices], indent=2))
        return 0 if devices else 1
    if not devices:
        print(NO_OPENCL, file=sys.stderr)
        return 1
    rows = [("", "device", "type", "hardware", "platform", "version", "driver")]
    for x in devices:
        kind = "gpu (integrated)" if x.integrated else x.type
        version = " ".join(x.version.split()[:2])
        mark = "*" if x in best else ""
        rows.append((mark, x.name, kind, x.hardware, x.platform, version, x.driver_version))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print("* is the device used where none is named")
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from clarray.device.doctor import diagnose

    return diagnose()
