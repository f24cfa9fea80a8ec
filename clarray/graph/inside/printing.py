"""Graphs as text: a tree with one line a node, or a formula."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from clarray.core.movement import ELLIPSIS

from ..function import Function
from ..running.compiled import FunctionGraph
from ..running.nodes import CompiledNode
from ..shared import SharedVariable
from ..variable import Apply, Hole, Variable
from ..walk import toposort

VALUE = 60  # characters of a shared variable's value
LONG = 100  # characters of a formula that is named where it occurs again

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//",
    "remainder": "%", "pow": "**", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "matmul": "\\dot",
}  # fmt: skip


def debugprint(
    obj: Any,
    depth: int = -1,
    print_type: bool = False,
    file: Any = None,
    ids: str = "CHAR",
    stop_on_name: bool = False,
    print_storage: bool = False,
) -> Any:
    """Print a variable, a list of them or a function as a tree, each shared node once.

    `depth` is how many levels are shown, -1 for all. `file` is where to write; "str" returns the text instead. `ids`
    labels nodes with letters ("CHAR"), numbers ("int"), Python's `id` ("id") or not at all (""). With `stop_on_name`
    nothing is shown behind a variable that has a name. Nodes of functions have their place in the order in
    which they run; with `print_storage` the last call's shapes and the values of shared variables are shown, too.
    """
    if ids not in ("CHAR", "int", "id", ""):
        raise ValueError(f"debugprint(): ids is 'CHAR', 'int', 'id' or '', {ids!r} came")
    outputs = outputs_of(obj)
    given = list(obj) if isinstance(obj, list | tuple) else [obj]
    functions = [f for f in given if isinstance(f, Function)]
    graphs = [*(f.maker.fgraph for f in functions), *(g for g in given if isinstance(g, FunctionGraph))]
    order = {node: k for graph in graphs for k, node in enumerate(graph.toposort())}
    storage = _storage(functions) if print_storage else None
    text = "".join(f"{line}\n" for line in _tree(outputs, depth, print_type, ids, stop_on_name, order, storage))
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
    if isinstance(obj, Apply | CompiledNode | FunctionGraph):
        return list(obj.outputs)
    if isinstance(obj, Iterable) and not isinstance(obj, str):
        return [x for part in obj for x in outputs_of(part)]
    raise TypeError(f"debugprint() takes variables or functions, {type(obj).__name__} came")


def last_shapes(functions: Iterable[Function]) -> dict[Variable, tuple[int, ...]]:
    """The shapes that the last calls of functions met, by the variables of their steps."""
    shapes: dict[Variable, tuple[int, ...]] = {}
    for f in functions:
        for stage in f._stages:
            for tape in list(stage.tapes.values())[-1:]:
                shapes.update(tape.shapes)
    return shapes


def own_variable(x: Variable) -> Variable:
    """The variable of a step that a variable of a compiled function's nodes stands for."""
    owner: Any = x.owner
    while isinstance(owner, CompiledNode) and owner.step is None:
        x = owner.inputs[0]  # what a transfer moves
        owner = x.owner
    if isinstance(owner, CompiledNode):
        made: Variable = owner.step.outputs[owner.outputs.index(x)]
        return made
    return x


def _storage(functions: Iterable[Function]) -> Callable[[Variable], str]:
    shapes = last_shapes(functions)

    def told(x: Variable) -> str:
        if isinstance(x, SharedVariable):
            value = " ".join(str(x.get_value()).split())
            return f" [{value if len(value) <= VALUE else value[: VALUE - 3] + '...'}]"
        shape = shapes.get(own_variable(x))
        return "" if shape is None else f" [shape {shape}]"

    return told


def _tree(
    outputs: list[Any],
    depth: int,
    print_type: bool,
    ids: str,
    stop_on_name: bool,
    order: Mapping[Any, int],
    storage: Callable[[Variable], str] | None,
) -> Iterable[str]:
    labels: dict[Any, str] = {}
    shown: set[Any] = set()
    # variable, text before it, text before what follows from it, depth, whether a step of a function reads it
    stack = [(x, "", " ", 0, False) for x in reversed(outputs)]
    while stack:
        x, lead, indent, level, read = stack.pop()
        node = x.owner
        thing = node if node is not None else x
        new = thing not in labels
        label = labels.setdefault(thing, _label(len(labels), thing, ids))
        typed = f" <{x.type}>" if print_type else ""
        typed += storage(x) if storage is not None else ""
        if node is None:
            yield f"{lead}{x}{f' [id {label}]' if label else ''}{typed}"
            continue
        number = f".{x.index}" if len(node.outputs) > 1 else ""
        named = f" '{x.name}'" if x.name else " ''"
        compiled = isinstance(node, CompiledNode)
        known = read and not compiled  # the host works it out before kernels run
        name = str(node.op) if compiled else f"HostOp{{{_title(node)}}}" if known else _title(node)
        place = f"   {order[node]}" if node in order else ""
        yield f"{lead}{name}{number}{f' [id {label}]' if label else ''}{named}{typed}{place}"
        if known:
            continue
        if (not new and thing in shown) or level == depth - 1 or (stop_on_name and x.name and level):
            if thing in shown and node.inputs:
                yield f"{indent}> ..."
            continue
        shown.add(thing)
        inputs = list(node.inputs)
        for k in range(len(inputs) - 1, -1, -1):
            last = k == len(inputs) - 1
            stack.append((inputs[k], f"{indent}|", indent + ("  " if last else "| "), level + 1, compiled))


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
    """A variable as a formula; of a function, its outputs'. Long parts that occur again are named after it."""
    if isinstance(x, Function):
        return ", ".join(map(pp, x._recipe["outs"] and [o.variable for o in x._recipe["outs"]]))
    if not isinstance(x, Variable):
        raise TypeError(f"pp() takes a variable, {type(x).__name__} came")
    done: dict[Variable, str] = {}
    named: list[str] = []
    uses = Counter(v for node in toposort([x]) for v in node.inputs)
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
        text = _formula(node, [done[i] for i in node.inputs])
        if uses[v] > 1 and len(text) > LONG:
            named.append(f"v{len(named) + 1} = {text}")
            text = f"v{len(named)}"
        done[v] = text
    return "\n".join([done[x], *(f"where {line}" if k == 0 else f"      {line}" for k, line in enumerate(named))])


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
    if name == "slice":
        return f"{parts[0]}[{', '.join(_index(part, parts) for part in node.params['index'])}]"
    settings = [f"{k}={v}" for k, v in node.params.items() if v is not None and v is not False]
    return f"{name}({', '.join(parts + settings)})"


def _index(part: Any, parts: Sequence[str]) -> str:
    """A part of an index as it is written."""
    if isinstance(part, Hole):
        return parts[part.input]
    if isinstance(part, tuple):
        start, stop, step = ("" if p is None else _index(p, parts) for p in part)
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "..." if part == ELLIPSIS else str(part)
