"""Pickling: what is written of variables, of the nodes that make them, of shared values and of functions.

A pickler follows references by recursion, and a graph may be ten thousand nodes deep. So a variable is written after
a `ladder`: from the leaves upwards, nodes that it depends on, so many that no way between them is long. A node names
its inputs by (node, number), and whatever is met twice in one pickle is one object after loading, as the pickler's
memo has it.
Of a function its recipe is written, and it is compiled where it is loaded.

The first thing in every such pickle is a stamp, which refuses to be loaded by a version that reads another format.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.core.op import Op
from clarray.device.current import kept_context, name_to_keep
from clarray.version import __version__

from .arguments import Out
from .places import HOST
from .shared import Container, uploaded
from .variable import Apply, Constant, Variable
from .walk import toposort

FORMAT = 1  # of what the functions below write and read
RUNG = 16  # nodes, one behind the other, that a pickler goes through by recursion
TRANSIENT = ("aval", "owner", "index", "_functions")  # attributes of a result that its node gives it, or a cache


class _Stamp:
    """The format of a pickle, checked when it is loaded."""

    def __reduce__(self) -> Any:
        return _checked, (FORMAT, __version__)


STAMP = _Stamp()


def _checked(format_: int, version: str) -> _Stamp:
    if format_ != FORMAT:
        raise pickle.UnpicklingError(
            f"this pickle was written by clarray {version} in format {format_}, and clarray {__version__} reads format "
            f"{FORMAT}: load it with clarray {version}, keep what get_value() returns there, and build the graph anew"
        )
    return STAMP


# variables and nodes


def reduced_variable(x: Variable) -> Any:
    """How a variable is written: a leaf by itself, a result with the nodes behind it."""
    if not isinstance(x.owner, Apply):
        state = {name: value for name, value in vars(x).items() if name != "_functions"}
        if isinstance(x, Constant):
            return _constant, (STAMP, type(x), state.pop("value"), state.pop("aval")), state
        return _leaf, (STAMP, type(x)), state
    return _result, (STAMP, ladder([x]), x.owner, x.index)


def reduced_node(node: Apply) -> Any:
    """How a node is written, of which those that it depends on are written already."""
    _check_op(node)
    return _node, (STAMP, *_parts(node))


def copied_node(node: Apply, memo: dict[int, Any]) -> Apply:
    """A node over copies of its inputs; the operation stays the same object."""
    op, inputs, count, params, avals, fp64, line, extras = _parts(node)
    return _node(STAMP, op, deepcopy(inputs, memo), count, params, avals, fp64, line, deepcopy(extras, memo))


def _parts(node: Apply) -> tuple[Any, ...]:
    extras = [{name: _written(value) for name, value in vars(x).items() if name not in TRANSIENT} for x in node.outputs]
    return (
        node.op, tuple(map(_written, node.inputs)), node.operand_count, dict(node.params),
        tuple(x.aval for x in node.outputs), node.fp64, node.line, tuple(extras),
    )  # fmt: skip


def ladder(outputs: Iterable[Variable]) -> tuple[Apply, ...]:
    """Nodes behind some variables, each after those that it depends on: no way back is longer than RUNG without one."""
    above: dict[Any, int] = {}  # how far a node is from the last rungs, at most
    rungs = []
    for node in toposort(outputs):
        above[node] = 1 + max((above.get(x.owner, 0) for x in node.inputs), default=0)
        if above[node] == RUNG:
            above[node] = 0
            rungs.append(node)
    return tuple(rungs)


class _Result(NamedTuple):
    """Stands for a result of a node."""

    node: Apply
    number: int


def _written(value: Any) -> Any:
    """A variable, or those in an index, with results as what stands for them; anything else as it is."""
    if isinstance(value, Variable):
        return _Result(value.owner, value.index) if isinstance(value.owner, Apply) else value
    return _each(_written, value)


def _read(value: Any) -> Any:
    """What was `_written`."""
    if isinstance(value, _Result):
        return value.node.outputs[value.number]
    return _each(_read, value)


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    if type(value) in (tuple, list):
        return type(value)([change(x) for x in value])
    if isinstance(value, slice):
        return slice(change(value.start), change(value.stop), change(value.step))
    return value


def _leaf(stamp: _Stamp, kind: type[Variable]) -> Variable:
    return kind.__new__(kind)


def _constant(stamp: _Stamp, kind: type[Constant], value: Any, aval: Any) -> Constant:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    made = kind.__new__(kind)
    Constant.__init__(made, value, aval)
    return made


def _result(stamp: _Stamp, before: tuple[Apply, ...], owner: Apply, index: int) -> Variable:
    return owner.outputs[index]


def _node(
    stamp: _Stamp, op: Op, inputs: Sequence[Any], operand_count: int, params: Mapping[str, Any], avals: Sequence[Any],
    fp64: bool, line: str, extras: Sequence[Mapping[str, Any]],
) -> Apply:  # fmt: skip
    node = Apply(op, [_read(x) for x in inputs], operand_count, params, avals, fp64, line)
    for x, extra in zip(node.outputs, extras, strict=True):
        vars(x).update((name, _read(value)) for name, value in extra.items())
    return node


def _check_op(node: Apply) -> None:
    """PicklingError for an operation of the user's that nobody could find again, before the pickler says less."""
    op = node.op
    parts = {f"parameter {name!r}": value for name, value in node.params.items()}
    if Op.registry.get(op.name) is not op:
        user = getattr(op, "user", op)  # the operation as its author wrote it
        parts |= {"class": type(user)} | {f"attribute {name!r}": value for name, value in vars(user).items()}
    for what, value in parts.items():
        for x in value if isinstance(value, list | tuple) else (value,):
            name = getattr(x, "__qualname__", "") if callable(x) else ""
            if "<lambda>" in name or "<locals>" in name:
                raise pickle.PicklingError(
                    f"{op.name}(), made at {node.line or 'an unknown line'}, cannot be pickled: its {what} is {name}, "
                    f"which no other process finds; define it at the top level of a module"
                )


# values


def reduced_container(container: Container) -> Any:
    """How a shared value is written: on the host, with the name of its context. Waits."""
    value = container.value
    if isinstance(value, GpuArray):
        return _container, (STAMP, value.numpy(), name_to_keep(value.context))
    return _container, (STAMP, value, HOST)


def _container(stamp: _Stamp, value: np.ndarray[Any, Any], place: str | None) -> Container:
    if place == HOST:
        return Container(value, None)
    context = kept_context(place)
    return Container(uploaded(value, context), context)


# functions


def global_name(x: Any) -> str | None:
    """The qualified name by which an object is found in its module, as a decorator leaves it; else None."""
    found: Any = sys.modules.get(x.__module__)
    for part in x.__qualname__.split("."):
        found = getattr(found, part, None)
    return x.__qualname__ if found is x else None


def reduced_function(function: Any) -> Any:
    """How a function is written: what it was made of, with its states as they stand."""
    recipe = dict(function._recipe)
    outs, updates, replaced = recipe.pop("outs"), recipe.pop("updates"), recipe.pop("replaced")
    graph = [*(out.variable for out in outs), *updates.values(), *replaced, *replaced.values()]
    return _function, (
        STAMP, type(function), ladder(graph), [(_written(out.variable), out.borrow) for out in outs],
        [(shared, _written(x)) for shared, x in updates.items()],
        [(_written(old), _written(new)) for old, new in replaced.items()], recipe, function.name,
        function.trust_input,
    )  # fmt: skip


def _function(
    stamp: _Stamp, kind: type, before: tuple[Apply, ...], outs: Sequence[Any], updates: Sequence[Any],
    replaced: Sequence[Any], recipe: Mapping[str, Any], name: str, trust_input: bool,
) -> Any:  # fmt: skip
    made = kind(
        **recipe, name=name,
        outs=[Out(_read(x), borrow) for x, borrow in outs],
        updates={shared: _read(x) for shared, x in updates},
        replaced={_read(old): _read(new) for old, new in replaced},
    )  # fmt: skip
    made.trust_input = trust_input
    return made
