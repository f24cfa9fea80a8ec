"""Graphs as text: a tree with one line a node, or a formula."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from .function import Function
from .variable import Variable

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//",
    "remainder": "%", "pow": "**", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "matmul": "\\dot",
}  # fmt: skip


def debugprint(
    obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, ids: str = "CHAR", stop_on_name: bool = False
) -> Any:
    """Print a variable, a list of them or a function as a tree, each shared node once.

    `file` is where to write; "str" returns the text instead. `ids` labels nodes with letters ("CHAR"), with
    numbers ("int") or not at all ("").
    """
    if ids not in ("CHAR", "int", "id", ""):
        raise ValueError(f"debugprint(): ids is 'CHAR', 'int', 'id' or '', {ids!r} came")
    outputs = outputs_of(obj)
    text = "".join(f"{line}\n" for line in _tree(outputs, depth, print_type, ids, stop_on_name))
    if isinstance(file, str) and file == "str":
        return text
    (file or sys.stdout).write(text)
    return file


def outputs_of(obj: Any) -> list[Any]:
    """The variables that a variable, a function or a collection of them stands for."""
    if isinstance(obj, Function):
        return list(obj.maker.fgraph.outputs)
    if isinstance(obj, Variable):
        return [obj]
    if isinstance(obj, Iterable) and not isinstance(obj, str):
        return [x for part in obj for x in outputs_of(part)]
    raise TypeError(f"debugprint() takes variables or functions, {type(obj).__name__} came")


def _tree(outputs: list[Any], depth: int, print_type: bool, ids: str, stop_on_name: bool) -> Iterable[str]:
    labels: dict[Any, str] = {}
    shown: set[Any] = set()
    # (variable, text before it, text before what follows from it, depth)
    stack = [(x, "", " ", 0) for x in reversed(outputs)]
    while stack:
        x, lead, indent, level = stack.pop()
        node = x.owner
        thing = node if node is not None else x
        new = thing not in labels
        label = labels.setdefault(thing, _label(len(labels), thing, ids))
        typed = f" <{x.type}>" if print_type else ""
        if node is None:
            yield f"{lead}{x}{f' [id {label}]' if label else ''}{typed}"
            continue
        number = f".{x.index}" if len(node.outputs) > 1 else ""
        named = f" '{x.name}'" if x.name else " ''"
        name = str(node.op) if hasattr(node.op, "__str__") and not hasattr(node, "params") else _title(node)
        yield f"{lead}{name}{number}{f' [id {label}]' if label else ''}{named}{typed}"
        if (not new and thing in shown) or level == depth - 1 or (stop_on_name and x.name and level):
            if thing in shown and node.inputs:
                yield f"{indent}> ..."
            continue
        shown.add(thing)
        inputs = list(node.inputs)
        for k in range(len(inputs) - 1, -1, -1):
            last = k == len(inputs) - 1
            stack.append((inputs[k], f"{indent}|", indent + ("  " if last else "| "), level + 1))


def _title(node: Any) -> str:
    shown = {k: v for k, v in node.params.items() if v is not None and v is not False}
    return node.op.name + (f"{{{', '.join(f'{k}={v}' for k, v in shown.items())}}}" if shown else "")


def _label(number: int, thing: Any, ids: str) -> str:
    if ids == "int":
        return str(number)
    if ids == "id":
        return str(id(thing))
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text if ids else ""


def pp(x: Any) -> str:
    """A variable as a formula; of a function, its outputs'."""
    if isinstance(x, Function):
        return ", ".join(map(pp, x._recipe["outs"] and [o.variable for o in x._recipe["outs"]]))
    if not isinstance(x, Variable):
        raise TypeError(f"pp() takes a variable, {type(x).__name__} came")
    done: dict[Variable, str] = {}
    stack = [x]
    while stack:
        v = stack[-1]
        if v in done:
            stack.pop()
            continue
        node = v.owner
        if node is None or (v.name and v is not x):
            done[v] = str(v)
            continue
        waiting = [i for i in node.inputs if i not in done]
        if waiting:
            stack += waiting
            continue
        done[v] = _formula(node, [done[i] for i in node.inputs])
    return done[x]


def _formula(node: Any, parts: list[str]) -> str:
    """The text of a node."""
    name = node.op.name
    if name in INFIX and len(parts) == 2:
        sign = INFIX[name]
        return f"({parts[0]} {sign} {parts[1]})"
    if name == "negative":
        return f"(-{parts[0]})"
    if name == "broadcast_like":
        return f"fill({parts[1]}, {parts[0]})"
    if name == "permute_dims" and list(node.params["axes"]) == list(range(len(node.params["axes"])))[::-1]:
        return f"{parts[0]}.T"
    settings = [f"{k}={v}" for k, v in node.params.items() if v is not None and v is not False]
    return f"{name}({', '.join(parts + settings)})"
