"""`python -m benchmarks.render`: the table in the README, from the files in benchmarks/results."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .harness import SECONDS
from .plot import beside
from .report import seconds

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def main() -> int:
    results = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "results").glob("*.json"))]
    if not results:
        print("benchmarks.render: there are no files in benchmarks/results", file=sys.stderr)
        return 1
    readme = ROOT / "README.md"
    text = readme.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{rendered(results)}\n{END}{after}")
    return 0


def rendered(results: list[dict[str, Any]]) -> str:
    """Markdown: a row for each case, for each device the time and how it compares; cases without a goal folded away."""
    every = [c for r in results for c in r["cases"]]
    with_goal = list(dict.fromkeys(c["name"] for c in every if c.get("goals")))
    others = [name for name in dict.fromkeys(c["name"] for c in every) if name not in with_goal]
    lines = [
        "Time, and its ratio to the peer's in the same run (below 1 is faster): that of the goal, with ✓ or ✗ for "
        "reached or missed, or the fastest that was there.",
        "",
        *rows(results, with_goal),
    ]
    if others:
        lines += ["", "<details><summary>Cases without a goal</summary>", "", *rows(results, others), "", "</details>"]
    hosts = {f"{r['host']['processor']}, {r['host']['cores']} cores, {r['date'][:10]}" for r in results}
    return "\n".join([*lines, "", f"Measured on {'; '.join(sorted(hosts))}."])


def rows(results: list[dict[str, Any]], names: list[str]) -> list[str]:
    """A table of these cases."""
    heads = [
        f"{r['device']['platform'].split()[0].replace('Portable', 'PoCL')} {r['device']['driver']}" for r in results
    ]
    lines = ["| case | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for name in names:
        cells = [cell(next((c for c in r["cases"] if c["name"] == name), None)) for r in results]
        lines.append(f"| {name.replace('|', chr(92) + '|')} | " + " | ".join(cells) + " |")
    return lines


def cell(case: dict[str, Any] | None) -> str:
    """The median of one case with its goals, or with the fastest peer; a dash where it was not measured."""
    if case is None or case["skipped"]:
        return "-"
    ours = case["seconds"]["ours"]["median"]
    notes = [note(goal, case["seconds"]) for goal in case.get("goals", ()) if goal["measured"] is not None]
    if not notes and (held := beside(case)) is not None:
        notes = [f"{held[1]:.2f} × {held[0]}"]
    return ", ".join([seconds(ours), *notes])


def note(goal: dict[str, Any], times: dict[str, Any]) -> str:
    """One goal: the ratio to the peer that it is about, and whether it is reached."""
    mark = "✓" if goal["reached"] else "✗"
    if list(goal["peers"]) == [SECONDS]:
        return f"at most {seconds(goal['most'])} {mark}"
    peer = min((p for p in goal["peers"] if p in times), key=lambda p: times[p]["median"])
    return f"{goal['measured']:.2f} × {peer} {mark}"


if __name__ == "__main__":
    sys.exit(main())
