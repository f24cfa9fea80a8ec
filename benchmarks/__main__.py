"""`python -m benchmarks [--device D] [--peers] [--json FILE] [--plot FILE] [--check] [case ...]`"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from clarray.device.current import context_for, use
from clarray.errors import ClarrayError

from . import cases  # noqa: F401  the rows add themselves
from .check import check
from .harness import CASES, Bench, Case, Skip
from .report import as_json, table


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help="words from chapters or names of cases; all if none")
    parser.add_argument("--device", help="as for clarray: opencl0:0, gpu, pocl")
    parser.add_argument("--peers", action="store_true", help="time torch, JAX, numexpr, CLBlast, ... where installed")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the roofline, and beside it FILE-ratios (needs matplotlib)"
    )
    parser.add_argument("--check", action="store_true", help="time nothing: compare all results, of little data")
    parser.add_argument("--list", action="store_true", help="name the cases")
    args = parser.parse_args(arguments)
    chosen = select(args.cases)
    if args.list or not chosen:
        kinds = {None: "", "cpu": " (CPUs)", "gpu": " (GPUs)"}
        print("\n".join(f"{c.chapter}: {c.name}{kinds[c.kind]}" for c in chosen or CASES))
        return 0 if chosen else 2
    try:
        if args.device:
            use(args.device)
        context = context_for()
    except ClarrayError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if args.check:
        return compare(Bench(context, args.peers, small=True), chosen)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(
            f"benchmarks: the machine is busy (load {os.getloadavg()[0]:.1f}): ratios are not to be trusted",
            file=sys.stderr,
        )
    bench = Bench(context, args.peers)
    chosen = [c for c in chosen if c.kind in (None, context.traits.kind)]
    results = []
    start, end = ("\r\x1b[K", "") if sys.stderr.isatty() else ("", "\n")
    for number, row in enumerate(chosen, 1):
        print(f"{start}[{number}/{len(chosen)}] {row.name}", end=end, file=sys.stderr, flush=True)
        results.append(bench.run(row))
    print(start, end="", file=sys.stderr)
    device = context.device
    print(table(results, f"{device.hardware}, {device.platform} {device.driver_version} ({device.name})"))
    for name, reason in bench.peers.absent.items():
        print(f"without {name}: {reason}")
    found = as_json(results, context, bench.peers.absent)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(found, file, indent=1, ensure_ascii=False)
            file.write("\n")
    if args.plot:
        from .plot import draw

        draw(found, args.plot)
    return 0


def compare(bench: Bench, chosen: Sequence[Case]) -> int:
    """Say of each case who agrees, and what is wrong with the others; 1 if anything is."""
    failed = False
    for row in chosen:
        try:
            found = check(bench, row)
        except Skip as why:
            print(f"{row.name}: {why}")
            continue
        failed = failed or any(found.values())
        verdicts = [f"{name} {wrong or 'agrees'}" for name, wrong in found.items()]
        print(f"{row.name}: {', '.join(verdicts) or 'alone'}")
    for name, reason in bench.peers.absent.items():
        print(f"without {name}: {reason}")
    return int(failed)


def select(words: Sequence[str]) -> list[Case]:
    """The cases whose chapter or name has one of the words."""
    if not words:
        return list(CASES)
    return [c for c in CASES if any(w.lower() in f"{c.chapter} {c.name}".lower() for w in words)]


if __name__ == "__main__":
    sys.exit(main())
