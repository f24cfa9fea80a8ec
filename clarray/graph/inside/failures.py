"""Failures: what an error tells of the node it comes from, as a note after its message.

The note names the operations, their operands as they came, and last the user's lines that made them. With
`exception_verbosity=high` it has the graph behind the node and what else is in memory, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clarray.config import config
from clarray.core.aval import size_of

from ..origin import quoted
from ..variable import Apply, Constant, Variable

if TYPE_CHECKING:
    from clarray.core.layout import Layout

    from ..rewriting.database import Rewrite
    from ..running.step import Step
    from ..running.tape import Place, Tape

SHOWN = 12  # nodes of a kernel, values in memory
DEPTH = 6  # of the graph behind a node
HINT = 'clarray.config.exception_verbosity = "high" tells more: sizes, the graph behind the node, what is in memory'


def in_node(error: BaseException, node: Apply, shapes: Mapping[Variable, Sequence[int]]) -> None:
    """Say which node an error comes from whose operands have these shapes; strides are not known yet."""
    _add(error, [node], [_operand(x, shapes.get(x)) for x in dict.fromkeys(node.inputs)], node.outputs)


def in_rewrite(error: BaseException, rule: Rewrite, node: Apply) -> None:
    """Say which rewrite an error comes from, and of which node."""
    doc = (rule.doc.splitlines() or [""])[0]
    error.add_note("\n".join([f"in the rewrite {rule.name} ({doc}) of a function that is compiled", *made_by([node])]))


def in_step(
    error: BaseException, step: Step, places: Mapping[Variable, Place], shapes: Mapping[Variable, Sequence[int]]
) -> None:
    """Say which step of a function an error comes from, while it is bound to layouts."""
    rows = [_operand(x, shapes.get(x), places[x].layout if x in places else None) for x in step.inputs]
    _add(error, step.nodes, rows, step.outputs)


def in_call(error: BaseException, tape: Tape, number: int, slots: Sequence[Any]) -> None:
    """Say which step of a tape an error comes from, in a call."""
    record = tape.records[number]
    made = {p.root for p in record.made}
    rows = [_operand(p.root, p.layout.shape, p.layout) for p in record.read if p.root not in made]
    nodes = record.step.nodes if record.step is not None else [p.root.owner for p in record.read if p.root.owner]
    _add(error, nodes, rows, [p.root for p in record.made], lambda: _memory(tape, number, slots))


def _add(
    error: BaseException, nodes: Sequence[Apply], operands: Sequence[str], outputs: Iterable[Variable], more: Any = None
) -> None:
    high = config.exception_verbosity == "high"
    lines = ["operands:", *(f"    {row}" for row in operands)] if operands else []
    if high:
        from .printing import debugprint

        lines += ["the graph behind it:"]
        text = debugprint(list(outputs), depth=DEPTH, print_type=True, file="str", stop_on_name=True)
        lines += [f"    {row}" for row in text.splitlines()]
        lines += more() if more is not None else []
    error.add_note("\n".join([*lines, *([] if high else [HINT]), *made_by(nodes)]))


def made_by(nodes: Sequence[Apply]) -> list[str]:
    """The operations of a step, each with the user's line that made it."""
    by_line: dict[str, list[str]] = {}
    for node in nodes:
        by_line.setdefault(node.line, []).append(node.op.name)
    if len(by_line) == 1:
        node, line = nodes[0], next(iter(by_line))
        called = repr(node) if len(nodes) == 1 else ", ".join(dict.fromkeys(n.op.name for n in nodes))
        return [f"in {called}, made at {quoted(line)}"]
    rows = [f"in a kernel of {len(nodes)} operations:"]
    for line, names in list(by_line.items())[:SHOWN]:
        rows.append(f"  {', '.join(dict.fromkeys(names))}, made at {quoted(line)}")
    return rows + ([f"  and {len(by_line) - SHOWN} lines more"] if len(by_line) > SHOWN else [])


def _operand(x: Variable, shape: Sequence[int] | None, layout: Layout | None = None) -> str:
    """One operand: name, dtype, shape, and what more is known."""
    parts = [f"{x}: {x.dtype}"]
    parts.append(f"shape {tuple(shape)}" if shape is not None else f"of type {x.type}")
    if layout is not None:
        parts.append(f"strides {layout.strides}")
    if config.exception_verbosity == "high":
        if shape is not None:
            parts.append(f"{size_of(shape) * x.aval.dtype.itemsize:,} bytes")
        if isinstance(x, Constant):
            parts.append(f"value {x}")
        if x.owner is not None and x.owner.line:
            parts.append(f"made at {x.owner.line}")
    return ", ".join(parts)


def _memory(tape: Tape, number: int, slots: Sequence[Any]) -> list[str]:
    """What a call holds at this step, the largest first."""
    held: dict[int, Place] = {}
    for record in tape.records[: number + 1]:
        for place in (*record.read, *record.made):
            if slots[place.slot] is not None:
                held.setdefault(place.slot, place)
    rows = sorted(((slots[k].nbytes, p) for k, p in held.items()), key=lambda row: -row[0])
    lines = [f"in memory: {sum(n for n, _ in rows):,} bytes in {len(rows)} blocks"]
    lines += [f"    {n:>14,} bytes  {p.root}: {p.layout.dtype.name}, shape {p.layout.shape}" for n, p in rows[:SHOWN]]
    return lines + ([f"    and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])
