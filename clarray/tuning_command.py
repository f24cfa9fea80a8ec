"""`clarray tune`: find the best numbers for a device's kernels, and keep them for later processes."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

from clarray.codegen.tuning import TUNABLES
from clarray.device import measure, store
from clarray.device.current import context_for
from clarray.device.tune import FULL, QUICK, Outcome, classes, tune
from clarray.progress import Progress

INTERRUPTED = 130  # the exit status of a command ended by Ctrl-C


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    rows = "\n".join(f"  {row.name:<14}{row.doc}" for row in sorted(TUNABLES.values(), key=lambda row: row.name))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Times the ways in which kernels can be cut on a device, and keeps those that beat the defaults:\n"
        f"later processes use them (tuning=False does not). Nothing else should run meanwhile.\n\nop is any of\n{rows}"
    )
    parser.add_argument("ops", nargs="*", metavar="op", help="what to tune (everything)")
    parser.add_argument("--quick", action="store_true", help="a few seconds in all, instead of some minutes")
    parser.add_argument("--device", metavar="D", help="which device, as CLARRAY_DEVICE names it")
    parser.add_argument("-v", "--verbose", action="store_true", help="say which candidates failed, and why")


def run(args: argparse.Namespace) -> int:
    """Tune and print; 130 after Ctrl-C, 1 where a class could not be tried at all."""
    if args.verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    context = context_for(args.device)
    work = classes(context.traits, args.ops)
    device = context.device
    print(f"device      {device.name}: {device.hardware} ({device.platform}, {device.driver_version})")
    outcomes: list[Outcome] = []
    status = 0
    try:
        facts = measure.measure(context)
        with store.writing() as kept:
            for name, value in facts.items():
                kept.keep_fact(device, name, value)
        print(f"measured    {measure.described(facts)}")
        with Progress(len(work), "tune") as progress:
            for outcome in tune(context, work, QUICK if args.quick else FULL):
                outcomes.append(outcome)
                progress.advance(1, f"{outcome.tunable}: {outcome.problem}")
    except KeyboardInterrupt:
        status = INTERRUPTED
    print(table(outcomes))
    if args.verbose:
        for outcome in outcomes:
            for candidate, reason in outcome.failures:
                print(f"failed      {outcome.tunable}, {outcome.problem}, {candidate!r}: {reason}")
    failed = sum(len(outcome.failures) for outcome in outcomes)
    if failed and not args.verbose:
        print(f"{failed} candidate{'s' * (failed != 1)} failed; -v tells which and why")
    if status:
        print(f"interrupted: {len(outcomes)} of {len(work)} classes are done, and their winners kept", file=sys.stderr)
    else:
        print(f"kept        {sum(o.winner is not None for o in outcomes)} winners in {store.path()}")
    if any(o.error for o in outcomes):
        status = status or 1
    return status


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each class of problems; those that there was no time for are counted."""
    rows: list[tuple[str, ...]] = [("op", "class", "default", "winner", "time", "gain")]
    late = 0
    for o in outcomes:
        if o.late:
            late += 1
        elif o.skipped:
            rows.append((o.tunable, o.problem, "", f"not tried: {o.skipped}", "", ""))
        elif o.winner is None:
            rows.append((o.tunable, o.problem, _time(o.default_seconds), "the default", "", ""))
        else:
            rows.append(
                (o.tunable, o.problem, _time(o.default_seconds), _short(o.winner), _time(o.seconds), f"{o.gain:.2f}x")
            )
    widths = [max(len(row[k]) for row in rows if not row[3].startswith("not tried")) for k in range(6)]
    right = (2, 4, 5)
    lines = [
        "  ".join(
            cell.rjust(w) if k in right else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
    if late:
        lines.append(f"no time was left for {late} more; without --quick all are tried")
    return "\n".join(lines)


def _short(candidate: Any) -> str:
    """A candidate in a table: 64 x 256 for (64, 256)."""
    return " x ".join(map(str, candidate)) if isinstance(candidate, tuple | list) else str(candidate)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
