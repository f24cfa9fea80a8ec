"""Variable: a value of a graph, not yet computed; Apply: the operation that will compute it.

Operations reach a Variable through `Operators` and `bind`, as they reach an array. An Apply keeps its
Op's parameters; a parameter that is itself a Variable (a symbolic extent, an index) becomes a Hole and
one more input, whose value has to be known before kernels are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.config import config
from clarray.core import dtypes, movement
from clarray.core.aval import Aval
from clarray.core.op import Op

from .conversions import Conversions
from .origin import asked_by_user
from .tracing.tracing import traced

RANKS = ("scalar", "vector", "matrix", "tensor3", "tensor4", "tensor5")


@dataclass(frozen=True)
class TensorType:
    """The dtype of a variable and which of its axes are known to have one element, and so broadcast.

    Called, it makes a new variable of this type.
    """

    dtype: str
    broadcastable: tuple[bool, ...]

    def __post_init__(self) -> None:
        name = config.floatX if self.dtype == "floatX" else self.dtype
        object.__setattr__(self, "dtype", dtypes.row(name).name)
        object.__setattr__(self, "broadcastable", tuple(map(bool, self.broadcastable)))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.broadcastable)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The dtype as NumPy's."""
        return np.dtype(self.dtype)

    def clone(self, dtype: str | None = None, broadcastable: Sequence[bool] | None = None) -> TensorType:
        """This type with another dtype or broadcast pattern."""
        return TensorType(dtype or self.dtype, self.broadcastable if broadcastable is None else tuple(broadcastable))

    def make_variable(self, name: str | None = None) -> Variable:
        """A new variable of this type."""
        return self(name)

    def __call__(self, name: str | None = None) -> Variable:
        return Variable(Aval(tuple(1 if b else None for b in self.broadcastable), self.numpy_dtype), name=name)

    def __str__(self) -> str:
        special: dict[tuple[bool, ...], str] = {(True, False): "row", (False, True): "col"}
        named = special.get(self.broadcastable)
        if named is None and not any(self.broadcastable) and self.ndim < len(RANKS):
            named = RANKS[self.ndim]
        return f"TensorType({self.dtype}, {named or self.broadcastable})"


@dataclass(frozen=True)
class Hole:
    """Stands in an Apply's parameters for the value of its input number `input`."""

    input: int


class Apply:
    """An Op applied to variables. `inputs` are its operands, then the variables of its holes."""

    __slots__ = ("fp64", "inputs", "line", "op", "operand_count", "outputs", "params", "read")

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Variable],
        operand_count: int,
        params: Mapping[str, Any],
        avals: Sequence[Aval],
        fp64: bool,
        line: str = "",
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.operand_count = operand_count
        self.params = params
        self.fp64 = fp64  # whether results are float64 by default: floatX was float64
        self.line = line  # file:line of the user's code
        self.read = _read(op, self.operands)  # the operands whose elements are needed, not only their shape
        self.outputs = tuple(Variable(aval, self, k) for k, aval in enumerate(avals))

    def reads(self, k: int) -> bool:
        """Whether the elements of operand k are needed."""
        return k not in self.op.shape_only and (k == 0 or not isinstance(self.op, movement.View))

    @property
    def operands(self) -> tuple[Variable, ...]:
        """The inputs that the Op is applied to."""
        return self.inputs[: self.operand_count]

    @property
    def holes(self) -> tuple[Variable, ...]:
        """The inputs whose values complete the parameters."""
        return self.inputs[self.operand_count :]

    @property
    def out(self) -> Variable:
        """The first result."""
        return self.outputs[0]

    def filled(self, values: Sequence[Any]) -> dict[str, Any]:
        """The parameters with hole k holding `values[k]`."""
        if not values:
            return dict(self.params)
        return {name: _fill(x, values, self.operand_count) for name, x in self.params.items()}

    def with_inputs(self, inputs: Sequence[Variable]) -> Apply:
        """The same operation on other variables, whose static types are not looked at again."""
        avals = [x.aval for x in self.outputs]
        return Apply(self.op, inputs, self.operand_count, self.params, avals, self.fp64, self.line)

    def __repr__(self) -> str:
        return f"{self.op.name}({', '.join(map(str, self.inputs))})"

    def __reduce__(self) -> Any:
        from .pickling import reduced_node

        return reduced_node(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Apply:
        from .pickling import copied_node

        return copied_node(self, memo)


def _read(op: Op, operands: tuple[Variable, ...]) -> tuple[Variable, ...]:
    if isinstance(op, movement.View):
        return operands[:1]
    return tuple([x for k, x in enumerate(operands) if k not in op.shape_only]) if op.shape_only else operands


class Variable(Conversions):
    """A value that a compiled function computes: an input, or a result of an operation.

    `==` compares identity (use `T.eq` for elements), so that variables are keys of dictionaries.
    """

    _bind_rank = 2
    __array_ufunc__ = None
    __array_priority__ = 1000
    part_of: tuple[Variable, Any] | None = None  # of x[index]: x and the index, for set_subtensor

    def __init__(self, aval: Aval, owner: Apply | None = None, index: int = 0, name: str | None = None) -> None:
        self.aval = aval
        self.owner = owner
        self.index = index
        self.name = name

    _bind: Callable[..., Any]  # set by building.py, as `_dot` is; `_item` by indices.py
    _item: Callable[[Variable, Any], Variable]
    _dot: Callable[[Any, Any], Variable]
    # methods that are functions of the symbolic face, set by tensor/methods.py
    argsort: Callable[..., Variable]
    choose: Callable[..., Variable]
    compress: Callable[..., Variable]
    cumprod: Callable[..., Variable]
    cumsum: Callable[..., Variable]
    diagonal: Callable[..., Variable]
    fill: Callable[..., Variable]
    nonzero: Callable[..., Any]
    nonzero_values: Callable[..., Variable]
    ones_like: Callable[..., Variable]
    ptp: Callable[..., Variable]
    repeat: Callable[..., Variable]
    sort: Callable[..., Variable]
    take: Callable[..., Variable]
    trace: Callable[..., Variable]
    zeros_like: Callable[..., Variable]
    get_scalar_constant_value: Callable[..., Any]

    # what it is

    @property
    def type(self) -> TensorType:
        """Dtype and broadcast pattern; called, it makes another variable like this one."""
        return TensorType(self.aval.dtype.name, self.broadcastable)

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self.aval.dtype.name

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.aval.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Which axes are known to have one element."""
        return tuple([n == 1 for n in self.aval.shape])

    @property
    def shape(self) -> Any:
        """The extents, as an int64 vector; while `jit` traces a function, a tuple of ints and scalars."""
        if traced() is None:
            return Op.registry["shape"](self)
        return tuple([Op.registry["extent"](self, axis=k) if n is None else n for k, n in enumerate(self.aval.shape)])

    @property
    def size(self) -> Any:
        """The number of elements, an int64 scalar; while `jit` traces a function, as weak as a Python int."""
        if traced() is not None:
            return prod(self.shape)
        return Op.registry["count"](self, axes=tuple(range(self.ndim)))

    @property
    def tag(self) -> SimpleNamespace:
        """A place for whatever a program wants to remember about this variable."""
        tag = self.__dict__.get("_tag")
        if tag is None:
            tag = self.__dict__["_tag"] = SimpleNamespace()
        return tag

    def __str__(self) -> str:
        if self.name:
            return self.name
        if self.owner is None:
            return f"<{self.type}>"
        return f"{self.owner.op.name}.{self.index}"

    __repr__ = __str__

    def described(self) -> str:
        """For error messages: name, type and the line that made it."""
        where = f", made at {self.owner.line}" if self.owner is not None and self.owner.line else ""
        return f"{self} of type {self.type}{where}"

    # comparison by identity, and what it cannot do

    def __eq__(self, other: Any) -> Any:
        """Whether it is the same variable; where a function that `jit` traces asks, elements compared as an array's."""
        if traced() is not None and asked_by_user():
            return Op.registry["equal"](self, other)
        return True if self is other else NotImplemented

    def __ne__(self, other: Any) -> Any:
        if traced() is not None and asked_by_user():
            return Op.registry["not_equal"](self, other)
        return False if self is other else NotImplemented

    __hash__ = object.__hash__

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            f"variable {self} is not changed in place: use x = set_subtensor(x[index], value) or inc_subtensor, of "
            f"clarray.tensor, or where()"
        )

    def __bool__(self) -> bool:
        raise TypeError(
            f"whether {self.described()} is true is not known before a function computes it: choose elements with "
            f"where() (T.switch), which computes both; jit takes what decides in Python as a static argument"
        )

    def __float__(self) -> float:
        instead = "make it one of jit's static_argnames" if traced() else f"call a function, or {self}.eval()"
        raise TypeError(f"{self} has no value before a function computes it: {instead}")

    __int__ = __complex__ = __index__ = __float__

    def __len__(self) -> int:
        raise TypeError(f"variable {self} has no length before a function computes it: use {self}.shape[0]")

    def __iter__(self) -> Iterator[Variable]:
        length = self.aval.shape[0] if self.ndim else None
        if length is None:
            raise TypeError(
                f"variable {self} of type {self.type} cannot be iterated over: its length is not known before "
                f"a function computes it; index it"
            )
        return (self[i] for i in range(length))

    def __contains__(self, value: Any) -> bool:
        raise TypeError(f"`in` asks for elements of {self}, which are not computed yet: use T.any(T.eq(x, value))")

    def __getitem__(self, index: Any) -> Variable:
        part = Variable._item(self, index)
        part.part_of = (self, index)
        return part

    def __reduce__(self) -> Any:
        from .pickling import reduced_variable

        return reduced_variable(self)

    def eval(self, inputs: Mapping[Any, Any] | None = None, **options: Any) -> Any:
        """The value, for these values of the inputs it depends on; the function made for it is kept."""
        from .function import evaluate

        return evaluate(self, inputs or {}, options)


class Constant(Variable):
    """A variable whose value is known: a Python scalar (weak in promotion), an ndarray, or a GpuArray."""

    def __init__(self, value: Any, aval: Aval, name: str | None = None) -> None:
        super().__init__(aval, name=name)
        self.value = value  # np.ndarray or GpuArray; of a weak constant the Python scalar

    @property
    def data(self) -> Any:
        """The value."""
        return self.value

    def key(self) -> tuple[Any, ...]:
        """What makes two constants equal: weakness, dtype, shape and bits."""
        if isinstance(self.value, GpuArray):
            return (id(self.value),)
        if self.aval.weak is not None and self.aval.weak is not float and self.aval.weak is not complex:
            return (self.aval.weak, self.aval.dtype, self.value)
        host = np.asarray(self.value)
        return (self.aval.weak, self.aval.dtype, host.shape, host.tobytes())

    def __str__(self) -> str:
        if self.name:
            return self.name
        if isinstance(self.value, GpuArray) or np.size(self.value) > 6:
            return f"constant{{{self.dtype}, shape {tuple(self.aval.shape)}}}"
        return str(self.value).replace("\n", "")

    __repr__ = __str__


def _fill(value: Any, values: Sequence[Any], first: int) -> Any:
    if isinstance(value, Hole):
        return values[value.input - first]
    if isinstance(value, tuple):
        return tuple([_fill(x, values, first) for x in value])
    return value
