"""`python -m benchmarks.render`: the table in the README, from the files in benchmarks/results."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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
    """Markdown: a row for each case, for each device the time and its ratio to NumPy's."""
    names = list(dict.fromkeys(c["name"] for r in results for c in r["cases"]))
    heads = [f"{r['device']['platform'].split()[0]} {r['device']['driver']}" for r in results]
    heads = [h.replace("Portable", "PoCL") for h in heads]
    lines = [
        "Time, and in brackets its ratio to NumPy's in the same run (below 1 is faster).",
        "",
        "| case | " + " | ".join(heads) + " |",
        "| --- |" + " --- |" * len(heads),
    ]
    for name in names:
        cells = [cell(next((c for c in r["cases"] if c["name"] == name), None)) for r in results]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    hosts = {f"{r['host']['processor']}, {r['host']['cores']} cores, {r['date'][:10]}" for r in results}
    return "\n".join([*lines, "", f"Measured on {'; '.join(sorted(hosts))}."])


def cell(case: dict[str, Any] | None) -> str:
    """The median of one case, or a dash where it was not measured."""
    if case is None or case["skipped"]:
        return "-"
    ours, numpy = (case["seconds"].get(name, {}).get("median") for name in ("ours", "NumPy"))
    return seconds(ours) + (f" ({ours / numpy:.2f})" if numpy else "")


if __name__ == "__main__":
    sys.exit(main())
