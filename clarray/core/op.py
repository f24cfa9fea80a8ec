"""Op: the description of one operation, and `bind`, the one place where a call becomes work.

A row of the table in `ops.py` is an instance of `Ufunc` or `Reduction`; the larger operations
are Op classes of their own in `movement.py`, `indexing.py` and `linear.py`. Every Op can `infer`
the avals of its results and knows its gradient; lowering to kernels is floor 1's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pickle import UnpicklingError
from typing import Any, ClassVar

import numpy as np

from . import dtypes
from .aval import Aval, broadcast_shapes, normalize_axes
from .dtypes import NumpyDType

Binder = Callable[["Op", tuple[Any, ...], dict[str, Any]], Any]
default_binder: list[Binder] = []  # filled by array/: what runs an Op whose operands are host values


def bind(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Hand a call to the operand of the highest rank: Variable, then GpuArray, then the host's."""
    rank, chosen = 0, None
    for x in operands:
        r = getattr(x, "_bind_rank", 0)
        if r > rank:
            rank, chosen = r, x
    return (chosen._bind if chosen is not None else default_binder[0])(op, operands, params)


class Op:
    """One operation: a name, how results follow from operands, and a gradient."""

    name: str
    nout: int = 1
    doc: str = ""
    in_place: tuple[int, ...] | None = None
    """Operands that may be the very array the result is written to; None: the result is always new memory."""
    takes_epilogue: bool = False
    """Whether its kernel can finish each element of its one result by an Expr of that and of other arrays."""
    shape_only: tuple[int, ...] = ()  # operands of which only the shape matters, so that they need not be computed
    registry: ClassVar[dict[str, Op]] = {}

    takes_scalars: bool = False
    """Whether Python and NumPy scalars become arguments of the kernel; else they are made arrays first."""

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Apply to operands (arrays, variables, Python scalars); see the row's documentation."""
        return bind(self, operands, params)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        """The avals of the results, or the TypeError/ValueError that NumPy would raise."""
        raise NotImplementedError

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        """The gradient for each operand, None where there is none; `g` is that of the result.

        Of an Op with several results `g` and `out` are tuples, in which g is None for a result that does not matter.
        """
        raise TypeError(f"{self.name}() has no gradient")

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.name}>"

    def __reduce__(self) -> Any:
        return (_registered, (self.name,)) if Op.registry.get(self.name) is self else super().__reduce__()


class Composite(Op):
    """An operation that is done by others: `lower` calls them, on arrays or on variables alike.

    Where it is `traceable`, a compiled function takes its parts apart and fuses them with what is around; else
    `lower` decides by what is in arrays, and runs anew at each call. Its gradient is that of what `lower` calls, unless
    `grad` says another.
    """

    traceable: bool = True
    captures: bool = False  # whether `lower` may read shared variables that are no operands

    def lower(self, *operands: Any, **params: Any) -> Any:
        """The result, or a tuple of them."""
        raise NotImplementedError

    @property
    def differentiates(self) -> bool:
        """Whether it has a gradient of its own."""
        return type(self).grad is not Op.grad


def _registered(name: str) -> Op:
    if name not in Op.registry:
        raise UnpicklingError(f"no operation {name!r}: the pickle is of another version, or lacks a module")
    return Op.registry[name]


class Ufunc(Op):
    """A function of each element: a row with C code.

    `code` is OpenCL C over the operand letters, one for all kinds or a dict from kind letters
    ("iu", "f", ...) or a dtype's whole name ("float16") to code. Holes: {T} the result's C type,
    {X} the operands', {R} their real C type, {U} the unsigned type in which arithmetic on X wraps
    (uint or ulong: a product of ushorts overflows the int it is made in). Names that begin with a
    library's name (complex_, integer_, special_, math_) pull in `templates/lib/<library>.mako`.

    `result` is one of "same" (the common dtype), "bool", "real" (the real part's), or "divide"
    (integers are made float64). Operands of a kind without code are made floating as NumPy does
    (int8 to float16); bools without code become int8, or are refused where `refuses_bool`, which
    says what to use in their place.
    """

    takes_scalars = True

    def __init__(
        self,
        name: str,
        letters: str,
        code: str | Mapping[str, str],
        category: str,
        *,
        result: str = "same",
        grad: Callable[..., Sequence[Any]] | None = None,
        domain: tuple[float, float] | Sequence[tuple[float, float]] = (-10.0, 10.0),
        ulp: float = 4.0,
        commutes: bool = False,
        condition: bool = False,
        refuses_bool: str = "",
        doc: str = "",
    ) -> None:
        self.name = name
        self.letters = tuple(letters.split())
        self.code = _by_kind({category: code} if isinstance(code, str) else code)
        self.category = category
        self.result = result
        self.gradient = grad
        self.domain = domain
        self.ulp = ulp
        self.commutes = commutes
        self.condition = condition  # the first operand is a bool that takes no part in promotion
        self.refuses_bool = refuses_bool
        self.doc = doc

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"{self.name}({', '.join(self.letters)}): {self.doc}"

    def resolve(
        self, operands: tuple[NumpyDType | type, ...], fp64: bool = True
    ) -> tuple[tuple[NumpyDType, ...], NumpyDType]:
        """The dtypes in which operands are computed, and the result's."""
        return _resolve(self, operands, fp64)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) != len(self.letters):
            raise TypeError(f"{self.name}() takes {len(self.letters)} operands, {len(avals)} came")
        _, out = self.resolve(tuple(a.promotes_as for a in avals), fp64)
        shape = broadcast_shapes([a.shape for a in avals], self.name)
        weak = all(a.weak is not None for a in avals)
        return (Aval(shape, out, _weak_type(out) if weak else None),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        if self.gradient is None:
            return [None] * len(operands)
        return self.gradient(g, out, *operands)

    def print(self, dtype: dtypes.DType, out: dtypes.DType, names: Sequence[str]) -> str:
        """The C expression for operands of `dtype` held in the variables `names`."""
        code = self.code.get(dtype.name) or self.code[dtype.kind]
        holes = {"{T}": out.ctype, "{X}": dtype.ctype, "{R}": dtype.real_ctype, "{U}": _unsigned(dtype)}
        for hole, text in holes.items():
            code = code.replace(hole, text)
        by_letter = dict(zip(self.letters, names, strict=True))
        return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: by_letter.get(m[0], m[0]), code)  # not the x of y.x


def _unsigned(dtype: dtypes.DType) -> str:
    return "uint" if dtype.itemsize <= 4 else "ulong"


def _weak_type(dtype: NumpyDType) -> type:
    return {"b": bool, "i": int, "u": int, "f": float, "c": complex}[dtype.kind]


@cache
def _resolve(
    op: Ufunc, operands: tuple[NumpyDType | type, ...], fp64: bool
) -> tuple[tuple[NumpyDType, ...], NumpyDType]:
    values = operands[1:] if op.condition else operands
    common = dtypes.promote(values)
    explicit64 = any(isinstance(d, np.dtype) and d in (np.dtype("float64"), np.dtype("complex128")) for d in values)
    if op.result == "divide" and common.kind in "biu":
        common = np.dtype("float64")
    elif common.kind == "b" and "b" not in op.code and "i" in op.code and not op.refuses_bool:
        common = np.dtype("int8")
    elif common.kind in "biu" and common.kind not in op.code and "f" in op.code and not op.refuses_bool:
        common = np.result_type(*(dtypes.floating(d if isinstance(d, np.dtype) else common) for d in values))
    if not fp64 and not explicit64:
        common = dtypes.without_fp64(common)
    if common.kind not in op.code:
        given = ", ".join(d.name if isinstance(d, np.dtype) else f"Python {d.__name__}" for d in operands)
        remedy = op.refuses_bool if common.kind == "b" and op.refuses_bool else "cast with astype() first"
        raise TypeError(
            f"{op.name}() does not take ({given}): it is defined for "
            f"{dtypes.CATEGORY_NAMES.get(op.category, op.category)} dtypes; {remedy}"
        )
    out = {"same": common, "divide": common, "bool": np.dtype("bool"), "real": dtypes.real(common)}[op.result]
    loop = (common,) * len(values)
    return ((np.dtype("bool"),) + loop if op.condition else loop), out


class Reduction(Op):
    """A function of all elements along some axes: a row of map, combine, identity and finish.

    The state is a tuple of fields. `map` gives a field's value for one element (over the operand
    letters and `index`, the element's flat position along the reduced axes); `combine` joins two
    states `a0, a1, ...` and `b0, b1, ...` (a's elements come before b's where `ordered`);
    `step`, where it is simpler, joins a state and that of a later element; `identity` is the state of
    no elements; `finish` makes the result from `a0, a1, ...`, `count` (the number of elements reduced)
    and `correction`.
    Holes: {S} the first field's C type, {R} its real C type, {T} the result's, {MIN} and {MAX} the
    extremes of {S} (infinities of a float), {LAST} the greatest index.

    Operands are cast to the accumulator's dtype first, and it is its kind that chooses the code. The
    fields of a combined state are all computed from the old ones. `count` is of the result's real C type.

    `state` names each field's dtype: "acc" (the accumulator), "real" (its real part's), "index" (int64)
    or a dtype's name.
    `result` names the result's: "widen" (NumPy's sum: small integers to 64 bits), "mean" (integers to
    float64), "same", "bool", "index", "real" (the real part's of "mean").
    """

    preamble = ""  # C that the code calls
    own_code = False  # whether the code is a user's

    def __init__(
        self,
        name: str,
        letters: str,
        map: Mapping[str, str] | str | Sequence[str],
        combine: str | Sequence[str] | Mapping[str, str],
        identity: str | Sequence[str] | Mapping[str, str],
        category: str,
        *,
        state: Sequence[str] = ("acc",),
        result: str = "same",
        finish: str | Mapping[str, str] = "a0",
        cascade: bool = False,
        empty: bool = True,
        one_axis: bool = False,
        grad: Callable[..., Sequence[Any]] | None = None,
        domain: tuple[float, float] = (-10.0, 10.0),
        doc: str = "",
        step: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self.name = name
        self.letters = tuple(letters.split())
        self.map = _fields(map, category)
        self.combine = _fields(combine, category)
        self.step = self.combine if step is None else _fields(step, category)
        self.identity = _fields(identity, category)
        self.finish = _fields(finish, category)
        self.category = category
        self.state = tuple(state)
        self.result = result
        self.cascade = cascade  # a floating sum: fold partial sums so that error grows as in a pairwise sum
        self.empty = empty  # whether reducing no elements has a value
        self.one_axis = one_axis  # argmax: one axis or all, as flat index
        self.gradient = grad
        self.domain = domain
        self.doc = doc

    def resolve(
        self, operand: NumpyDType, dtype: NumpyDType | None = None, fp64: bool = True
    ) -> tuple[NumpyDType, NumpyDType]:
        """The accumulator's dtype and the result's, for an operand and an explicit `dtype=`."""
        return _resolve_reduction(self, operand, dtype, fp64)

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        x = avals[0]
        axes = normalize_axes(params.get("axis"), x.ndim, self.name)
        if self.one_axis and len(axes) not in (1, x.ndim):
            raise TypeError(f"{self.name}() takes one axis or None, {params.get('axis')!r} came")
        if not self.empty and any(x.shape[a] == 0 for a in axes):
            which = f"shape {x.shape}, axis {params.get('axis')!r}"
            raise ValueError(f"{self.name}() of an empty axis has no value: {which}")
        _, out = self.resolve(x.dtype, params.get("dtype"), fp64)
        keepdims = params.get("keepdims", False)
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes)
        return (Aval(shape, out),)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        """The gradient; `g` and `out` come with the reduced axes kept, so that they broadcast against operands.

        What comes back broadcasts to the operand's shape: a sum's is g as it came. `params` are those of
        the call and `count`, the number of elements reduced: a Python number, or a value of g's dtype.
        """
        if self.gradient is None:
            return [None] * len(operands)
        return self.gradient(g, out, *operands, **params)


def _by_kind(code: Mapping[str, Any]) -> dict[str, Any]:
    """Code for each kind letter and for each dtype that has its own."""
    return {k: c for ks, c in code.items() for k in ([ks] if ks in dtypes.NAMES else ks)}


def _fields(code: Any, category: str) -> dict[str, tuple[str, ...]]:
    """Code for each kind letter, each a tuple with one expression a field."""
    by_kind = _by_kind(code if isinstance(code, Mapping) else {category: code})
    return {k: (c,) if isinstance(c, str) else tuple(c) for k, c in by_kind.items()}


@cache
def _resolve_reduction(
    op: Reduction, operand: NumpyDType, dtype: NumpyDType | None, fp64: bool
) -> tuple[NumpyDType, NumpyDType]:
    if operand.kind not in op.category:
        raise TypeError(
            f"{op.name}() does not take {operand.name}: it is defined for "
            f"{dtypes.CATEGORY_NAMES.get(op.category, op.category)} dtypes; cast with astype() first"
        )
    acc = operand
    if op.result == "widen":
        acc = np.dtype({"b": "int64", "i": "int64", "u": "uint64"}.get(operand.kind, operand.name))
    elif op.result in ("mean", "real") and operand.kind in "biu":
        acc = np.dtype("float64")
    if dtype is not None:
        acc = np.dtype(dtype)
    elif not fp64 and operand.kind not in "fc":
        acc = dtypes.without_fp64(acc)
    out = {"bool": np.dtype("bool"), "index": np.dtype("int64"), "real": dtypes.real(acc)}.get(op.result, acc)
    return acc, out
