"""Ops made of the user's own C: a function of each element, and a reduction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import dtypes
from .aval import Aval, broadcast_shapes, normalize_axes
from .dtypes import NumpyDType
from .op import Op, Reduction

Gradient = Callable[..., Any]  # (g, out, *operands) -> a gradient for each operand, None where there is none

_DECLARATION = re.compile(r"\s*(?:const\s+)?(\w+)(?:\s+|\s*(\*)\s*)(?:const\s+)?([A-Za-z_]\w*)\s*")
_WORDS = """
kernel global local constant private half float double char short int long uchar ushort uint ulong bool void
if else for while do switch case default return break continue const static struct union enum typedef
signed unsigned sizeof inline restrict volatile idx
"""
_RESERVED = frozenset(_WORDS.split())


@dataclass(frozen=True)
class Parameter:
    """A declared argument: `type` is a dtype's name, or a single letter that stands for any one dtype."""

    name: str
    type: str
    out: bool

    @property
    def generic(self) -> bool:
        """Whether the type is a letter."""
        return len(self.type) == 1


def parse(arguments: str, who: str) -> tuple[Parameter, ...]:
    """The parameters declared by "float32 x, T y, T *out"; a star marks a result."""
    found: list[Parameter] = []
    for text in filter(str.strip, arguments.split(",")):
        match = _DECLARATION.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{who}: {text.strip()!r} is not a declaration; write a dtype and a name: 'float32 x', 'T *out'"
            )
        kind, star, name = match.groups()
        if name in _RESERVED or name in {p.name for p in found}:
            raise ValueError(f"{who}: {name!r} is {'a word of OpenCL C' if name in _RESERVED else 'declared twice'}")
        if len(kind) > 1 and kind not in dtypes.NAMES:
            raise ValueError(
                f"{who}: {text.strip()!r} has no known dtype; "
                f"there are {', '.join(dtypes.NAMES)}, and single letters for any"
            )
        found.append(Parameter(name, kind, star is not None))
    return tuple(found)


def resolve(who: str, parameters: Sequence[Parameter], avals: Sequence[Aval]) -> dict[str, NumpyDType]:
    """The dtype of each parameter given and of each letter; TypeError that names the argument that does not fit.

    Arrays have the declared dtype exactly; what has no dimensions is converted if its kind allows.
    """
    letters: dict[str, tuple[NumpyDType, str]] = {}
    for wanted_scalars in (False, True):
        for p, aval in zip(parameters, avals, strict=False):
            if p.generic and aval.weak is None and (aval.shape == ()) is wanted_scalars:
                known, first = letters.setdefault(p.type, (aval.dtype, p.name))
                if known != aval.dtype and not wanted_scalars:
                    raise TypeError(
                        f"{who}(): {first!r} and {p.name!r} are both declared {p.type}, but are {known.name} and "
                        f"{aval.dtype.name}; cast one with astype()"
                    )
    for p, aval in zip(parameters, avals, strict=False):  # with Python scalars alone, what NumPy makes of them
        if p.generic:
            letters.setdefault(p.type, (aval.dtype, p.name))
    found = {letter: dtype for letter, (dtype, _) in letters.items()}
    for p, aval in zip(parameters, avals, strict=False):
        declared = found[p.type] if p.generic else np.dtype(p.type)
        scalar = aval.shape == ()
        fits = np.can_cast(aval.dtype, declared, "same_kind") if scalar else aval.dtype == declared
        if scalar and aval.weak is not None:
            fits = np.result_type(declared, aval.weak(0)).kind == declared.kind
        if not fits:
            remedy = "" if scalar else "; cast with astype()"
            given = aval.dtype.name if aval.weak is None else f"a Python {aval.weak.__name__}"
            raise TypeError(f"{who}(): argument {p.name!r} is declared {declared.name}, {given} came{remedy}")
        found[p.name] = declared
    return found


def user_gradient(who: str, gradient: Gradient | None, g: Any, out: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """What a user's gradient function gives, one value for each operand; one operand's may come by itself."""
    if gradient is None:
        raise TypeError(f"{who}() has no gradient; say one with grad=")
    found = gradient(g, out, *operands)
    parts = list(found) if isinstance(found, tuple | list) else [found]
    if len(parts) != len(operands):
        raise ValueError(f"the gradient of {who}() gives {len(parts)} values for {len(operands)} operands")
    return parts


@dataclass(frozen=True)
class Code:
    """Statements over named variables: the payload of an Expr's `code` node, whose results are its `part` nodes."""

    text: str
    names: tuple[str, ...]  # of the operands
    results: tuple[tuple[str, NumpyDType], ...]
    letters: tuple[tuple[str, NumpyDType], ...]
    preamble: str

    @property
    def fp64(self) -> bool:
        """Whether the text speaks of doubles."""
        return re.search(r"\bdouble\d*\b", self.text + self.preamble) is not None

    def print(self, name: str, operands: Sequence[tuple[str, NumpyDType]]) -> list[str]:
        """C statements: the results are variables `<name>_<result>`; the user's names live in a block of their own."""
        given = dict(zip(self.names, operands, strict=True))
        ctype = {x: dtypes.row(d).ctype for x, d in (*((x, d) for x, (_, d) in given.items()), *self.results)}
        outside = [f"const {ctype[x]} {name}_{x}_given = {text};" for x, (text, _) in given.items()]
        outside += [f"{ctype[x]} {name}_{x};" for x, _ in self.results]
        inside = [f"typedef {dtypes.row(d).ctype} {letter};" for letter, d in self.letters]
        inside += [f"{ctype[x]} {x} = {name}_{x}_given;" for x in given]
        inside += [f"{ctype[x]} {x} = 0;" for x, _ in self.results if x not in given]
        stores = [f"{name}_{x} = {f'({x} != 0)' if d.kind == 'b' else x};" for x, d in self.results]
        text = self.text.strip()
        return [*outside, "{", *inside, text if text.endswith((";", "}")) else f"{text};", *stores, "}"]


class ElementwiseCode(Op):
    """Statements applied to each element; operands are the parameters without a star, results those with one."""

    takes_scalars = True

    def __init__(
        self, parameters: Sequence[Parameter], text: str, name: str, preamble: str, gradient: Gradient | None = None
    ) -> None:
        self.name = name
        self.text = text
        self.preamble = preamble
        self.gradient = gradient
        self.inputs = tuple(p for p in parameters if not p.out)
        self.outputs = tuple(p for p in parameters if p.out)
        self.nout = len(self.outputs)

    def reads(self, p: Parameter) -> bool:
        """Whether a result's old value may matter: not where the first statement that names it assigns it."""
        match = re.search(rf"\b{p.name}\b", self.text)
        if match is None:
            return True
        before, after = self.text[: match.start()].rstrip(), self.text[match.end() :].lstrip()
        assigned = after.startswith("=") and not after.startswith("==")
        straight = not before or (
            before.endswith(";") and not re.search(r"[{}?]|\b(if|else|for|while|do|return)\b", before)
        )
        return not (assigned and straight)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) != len(self.inputs):
            names = ", ".join(p.name for p in self.inputs)
            raise TypeError(f"{self.name}() takes {len(self.inputs)} operands ({names}), {len(avals)} came")
        found = resolve(self.name, self.inputs, avals)
        shape = broadcast_shapes([a.shape for a in avals], self.name)
        return tuple(Aval(shape, self.dtype(p, found)) for p in self.outputs)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return user_gradient(self.name, self.gradient, g, out, operands)

    def dtype(self, p: Parameter, found: Mapping[str, NumpyDType]) -> NumpyDType:
        """The dtype of a fresh result."""
        if p.generic and p.type not in found:
            raise TypeError(f"{self.name}(): the dtype {p.type} of the result {p.name!r} follows from no argument")
        return found[p.type] if p.generic else np.dtype(p.type)

    def code(self, names: Sequence[str], found: Mapping[str, NumpyDType]) -> Code:
        """What a kernel computes from operands of these names and dtypes."""
        letters = tuple(
            sorted(
                (x, d) for x, d in found.items() if x in {p.type for p in (*self.inputs, *self.outputs)} and len(x) == 1
            )
        )
        results = tuple((p.name, self.dtype(p, found)) for p in self.outputs)
        return Code(self.text, tuple(names), results, letters, self.preamble)


class ReductionCode(Reduction):
    """A reduction of the user's own: the map may use several operands, in their own dtypes."""

    takes_scalars = True
    own_code = True

    def __init__(
        self,
        dtype: NumpyDType,
        neutral: str,
        combine: str,
        map: str,
        parameters: Sequence[Parameter],
        name: str,
        preamble: str,
        gradient: Gradient | None = None,
    ) -> None:
        letters = " ".join(p.name for p in parameters)
        joined = re.sub(r"\b([ab])\b", r"\g<1>0", combine)
        super().__init__(name, letters, f"({map})", f"({joined})", f"({neutral})", dtypes.ANY)
        self.parameters = tuple(parameters)
        self.dtype = dtype
        self.preamble = preamble
        self.gradient = gradient

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return user_gradient(self.name, self.gradient, g, out, operands)

    def resolve(
        self, operand: NumpyDType, dtype: NumpyDType | None = None, fp64: bool = True
    ) -> tuple[NumpyDType, NumpyDType]:
        return self.dtype, self.dtype

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) != len(self.parameters):
            raise TypeError(
                f"{self.name}() takes {len(self.parameters)} operands ({', '.join(self.letters)}), {len(avals)} came"
            )
        resolve(self.name, self.parameters, avals)
        shape = broadcast_shapes([a.shape for a in avals], self.name)
        axes, keepdims = normalize_axes(params.get("axis"), len(shape), self.name), params.get("keepdims", False)
        return (
            Aval(tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes), self.dtype),
        )
