"""Expr: what one kernel computes for each element, as a hash-consed DAG in SSA form.

Every node is a variable of its own C type, so that `uchar + uchar` wraps as a uchar does. Leaves
are loads, kernel arguments (Scalar), constants (by bits: nan equals itself, -0.0 is not 0.0) and
the element's index along an axis. Nothing here recurses: a DAG may be thousands of nodes deep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from . import dtypes
from .dtypes import NumpyDType
from .op import Ufunc

INDEX = np.dtype("int64")


class Node(NamedTuple):
    """One value: kind is load, scalar, constant, index, cast, call, code or part; args are earlier nodes.

    A `code` node stands for statements with several results (a `core.custom.Code`); a `part` is one of them.
    """

    kind: str
    dtype: NumpyDType
    # load, scalar: number; constant: bytes; index: axis; call: the Ufunc; code: the Code; part: a result's name
    payload: Any = None
    args: tuple[int, ...] = ()


@dataclass(frozen=True)
class Expr:
    """Nodes in order of computation and the numbers of those that are results."""

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.nodes, self.outputs)))

    def __hash__(self) -> int:
        return self._hash

    def leaves(self, kind: str) -> dict[int, NumpyDType]:
        """Number (load, scalar) or axis (index) of each leaf of a kind, with its dtype."""
        return {n.payload: n.dtype for n in self.nodes if n.kind == kind}

    @property
    def results(self) -> tuple[NumpyDType, ...]:
        """The dtypes of the results."""
        return tuple(self.nodes[i].dtype for i in self.outputs)

    @property
    def fp64(self) -> bool:
        """Whether a value in here needs fp64."""
        return any(dtypes.DTYPES[n.dtype].is_double or (n.kind == "code" and n.payload.fp64) for n in self.nodes)

    @property
    def own_code(self) -> bool:
        """Whether statements of the user's are among the nodes."""
        return any(n.kind == "code" for n in self.nodes)

    @property
    def preamble(self) -> str:
        """What the statements of `code` nodes want before the kernel."""
        return "\n".join(
            dict.fromkeys(n.payload.preamble for n in self.nodes if n.kind == "code" and n.payload.preamble)
        )

    def body(self, loads: dict[int, str], prefix: str = "t") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """C statements that compute the nodes, and the names of the results.

        `loads` gives the C text that reads each load in memory (of the storage type). An index
        along axis a is the variable `i<a>`, a scalar the variable `s<k>`.
        """
        lines: list[str] = []
        names: list[str] = []
        for number, node in enumerate(self.nodes):
            row = dtypes.DTYPES[node.dtype]
            name = f"{prefix}{number}"
            if node.kind == "code":
                lines += node.payload.print(name, [(names[a], self.nodes[a].dtype) for a in node.args])
                names.append(name)
                continue
            text = self._text(node, row, names, loads)
            lines.append(f"const {row.ctype} {name} = {text};")
            names.append(name)
        return tuple(lines), tuple(names[i] for i in self.outputs)

    def _text(self, node: Node, row: dtypes.DType, names: list[str], loads: dict[int, str]) -> str:
        if node.kind == "load":
            return loaded(loads[node.payload], row)
        if node.kind == "scalar":
            return f"s{node.payload}"
        if node.kind == "constant":
            return literal(np.frombuffer(node.payload, node.dtype)[0], row)
        if node.kind == "index":
            return f"i{node.payload}"
        if node.kind == "part":
            return f"{names[node.args[0]]}_{node.payload}"
        source = dtypes.DTYPES[self.nodes[node.args[-1]].dtype]
        if node.kind == "cast":
            return cast(names[node.args[0]], source, row)
        op: Ufunc = node.payload
        return op.print(source, row, [names[a] for a in node.args])


class Builder:
    """Collects nodes; a node that is there already is found again."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}

    def add(self, node: Node) -> int:
        """The number of this node."""
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return number

    def load(self, number: int, dtype: NumpyDType) -> int:
        """Operand `number` at this element."""
        return self.add(Node("load", dtype, number))

    def scalar(self, number: int, dtype: NumpyDType) -> int:
        """Scalar argument `number`."""
        return self.add(Node("scalar", dtype, number))

    def constant(self, value: Any, dtype: NumpyDType) -> int:
        """A value that is part of the source."""
        return self.add(Node("constant", dtype, np.asarray(value, dtype).tobytes()))

    def index(self, axis: int) -> int:
        """The element's position along an axis, an int64."""
        return self.add(Node("index", INDEX, axis))

    def cast(self, arg: int, dtype: NumpyDType) -> int:
        """A value converted to another dtype."""
        return arg if self.nodes[arg].dtype == dtype else self.add(Node("cast", dtype, None, (arg,)))

    def call(self, op: Ufunc, args: Sequence[int], loop: Sequence[NumpyDType], out: NumpyDType) -> int:
        """A row applied to values, each converted to the dtype it is computed in."""
        return self.add(Node("call", out, op, tuple(self.cast(a, d) for a, d in zip(args, loop, strict=True))))

    def code(self, code: Any, args: Sequence[int]) -> list[int]:
        """The results of a `core.custom.Code` applied to values."""
        whole = self.add(Node("code", code.results[0][1], code, tuple(args)))
        return [self.add(Node("part", dtype, name, (whole,))) for name, dtype in code.results]

    def splice(self, body: Expr, loads: Mapping[int, int]) -> list[int]:
        """The numbers of another Expr's results, its nodes added here with `loads[k]` for its load k."""
        numbers: list[int] = []
        for node in body.nodes:
            if node.kind == "load" and node.payload in loads:
                numbers.append(self.cast(loads[node.payload], node.dtype))
            else:
                numbers.append(self.add(node._replace(args=tuple(numbers[a] for a in node.args))))
        return [numbers[k] for k in body.outputs]

    def build(self, outputs: Sequence[int]) -> Expr:
        """The Expr with these results, without the nodes that no result needs."""
        needed = set(outputs)
        for number in range(len(self.nodes) - 1, -1, -1):
            if number in needed:
                needed.update(self.nodes[number].args)
        renumbered: dict[int, int] = {}
        nodes: list[Node] = []
        for number in sorted(needed):
            node = self.nodes[number]
            renumbered[number] = len(nodes)
            nodes.append(node._replace(args=tuple(renumbered[a] for a in node.args)))
        return Expr(tuple(nodes), tuple(renumbered[o] for o in outputs))


def loaded(text: str, row: dtypes.DType) -> str:
    """C text for a value in registers, given the text that reads its storage."""
    return f"half_load({text})" if row.name == "float16" else text


def stored(text: str, row: dtypes.DType) -> str:
    """C text for what is written to memory, given a value in registers."""
    return f"half_store({text})" if row.name == "float16" else text


def cast(text: str, source: dtypes.DType, to: dtypes.DType) -> str:
    """C text that converts a value in registers; out-of-range values wrap as NumPy's do on x86."""
    if source.kind == "c":
        if to.kind == "c":
            return f"({to.ctype})(({to.real_ctype}){text}.x, ({to.real_ctype}){text}.y)"
        if to.kind == "b":
            return f"({text}.x != 0 || {text}.y != 0)"
        return cast(f"{text}.x", dtypes.row(dtypes.real(source.numpy)), to)
    if to.kind == "c":
        return f"({to.ctype})(({to.real_ctype}){text}, 0)"
    if to.kind == "b":
        return f"({text} != 0)"
    if to.name == "float16":
        return text if source.name == "bool" or source.itemsize == 1 else f"half_round((float){text})"
    if source.kind == "f" and to.kind in "iu" and to.itemsize < 8:
        return f"({to.ctype})({'int' if to.itemsize < 4 else 'long'}){text}"
    return f"({to.ctype}){text}"


def literal(value: Any, row: dtypes.DType) -> str:
    """A C literal with exactly these bits (of a nan, its sign)."""
    if row.kind == "c":
        part = dtypes.row(dtypes.real(row.numpy))
        return f"({row.ctype})({literal(value.real, part)}, {literal(value.imag, part)})"
    if row.kind == "f":
        suffix = "" if row.is_double else "f"
        if np.isnan(value):
            return f"({row.ctype})NAN" if not np.signbit(value) else f"(-({row.ctype})NAN)"
        if np.isinf(value):
            return f"({row.ctype})INFINITY" if value > 0 else f"(-({row.ctype})INFINITY)"
        return f"({float(value).hex()}{suffix})"
    number = int(value)
    if row.kind == "b":
        return str(number)
    if row.kind == "u":
        return f"({row.ctype}){number}u{'l' if row.itemsize == 8 else ''}"
    if number == -(2**63):
        return "(-9223372036854775807L - 1)"
    return f"({row.ctype})({number}{'L' if row.itemsize == 8 else ''})"
