"""Op: how a user adds an operation, made of others or of kernels of his own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from clarray.array import eager
from clarray.array.gpuarray import GpuArray
from clarray.core import op as core
from clarray.core.array_type import described, result_avals
from clarray.core.aval import Aval
from clarray.core.custom import user_gradient

from ..rebroadcast import patternbroadcast
from ..variable import Variable

ELSEWHERE = {  # what the ancestor's operations are made of, and what takes its place
    "make_node": "infer(self, *operands), which gives the types of the results",
    "infer_shape": "infer(self, *operands), which gives shapes too",
    "perform": "lower(self, *operands), which gets device arrays where `traceable = False`",
    "c_code": "lower(self, *operands), which may call an ElementwiseKernel or a RawKernel",
    "R_op": "nothing: forward derivatives follow from grad",
    "L_op": "grad(self, g, out, *operands)",
}


class Op:
    """An operation of your own: write a class with `infer` and `lower`, and `grad` if it has a derivative.

        class Rotate(clarray.Op):
            __props__ = ("angle",)

            def __init__(self, angle):
                self.angle = angle

            def infer(self, x, y):
                return [x, y]

            def lower(self, x, y):
                c, s = math.cos(self.angle), math.sin(self.angle)
                return c * x - s * y, s * x + c * y

    `Rotate(0.5)(x, y)` applies it: to arrays, where the results are computed at once, or to variables, also those of a
    function that `jit` traces.

    `infer` gets the type of each operand (shape, dtype, ndim, size) and says those of the results: an operand's own,
    `x.like(shape=..., dtype=...)`, a pair (shape, dtype), or a list of these where there are several. Extents that are
    not known yet may be computed with (+ - * // %), but not be asked for. It raises TypeError or ValueError for
    operands that do not fit.

    `lower` gets the operands and returns the result, or a tuple of results. It calls other operations, and kernels, on
    arrays and variables alike; a function that is compiled looks into it and fuses what it finds. With
    `traceable = False` it gets arrays in every call, and may look at their elements or launch a RawKernel on them. It
    must not write to its operands.

    `grad` gets the gradient of the result, the result and the operands, and gives the gradient of each operand, None
    where there is none. Of several results `g` and `out` are tuples, with None in g where a result does not matter.
    Without `grad` a traceable operation has the gradient of what `lower` calls, also for shared variables that it reads
    there.

    `__props__` names the attributes that make two such operations the same: then they are merged where their operands
    are the same, and pickle by these. Without it an operation is the same as itself alone.
    """

    __props__: ClassVar[tuple[str, ...] | None] = None
    traceable: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, instead in ELSEWHERE.items():
            if name in vars(cls):
                raise TypeError(f"{cls.__name__}.{name}: an operation of clarray has no {name}; write {instead}")

    def infer(self, *operands: Any) -> Any:
        """The types of the results."""
        raise NotImplementedError(
            f"{type(self).__name__} has to say what its results are: write infer(self, *operands)"
        )

    def lower(self, *operands: Any) -> Any:
        """The results."""
        raise NotImplementedError(f"{type(self).__name__} has to say what it computes: write lower(self, *operands)")

    def grad(self, g: Any, out: Any, *operands: Any) -> Any:
        """The gradient of each operand."""
        raise TypeError(f"{type(self).__name__}() has no gradient; write grad(self, g, out, *operands)")

    def __call__(self, *operands: Any) -> Any:
        """Apply to arrays, variables or scalars."""
        for k, x in enumerate(operands):
            if x is None or isinstance(x, str):
                raise TypeError(f"{type(self).__name__}(): operand {k} is {x!r}; parameters belong to __init__")
        return UserOp(self)(*operands)

    def _identity(self) -> Any:
        if self.__props__ is None:
            return id(self)
        values = tuple([getattr(self, name) for name in self.__props__])
        return type(self), values, repr(values)  # 0.0 is not -0.0, and 1 neither 1.0 nor True

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Op) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        props = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__props__ or ())
        return f"{type(self).__name__}({props})"


class UserOp(core.Composite):
    """What the graph holds of a user's operation."""

    def __init__(self, user: Op) -> None:
        self.user = user
        self.name = type(user).__name__

    @property
    def traceable(self) -> bool:  # type: ignore[override]
        return self.user.traceable

    @property
    def captures(self) -> bool:  # type: ignore[override]
        return not self.differentiates

    @property
    def differentiates(self) -> bool:
        return type(self.user).grad is not Op.grad or not self.traceable

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return result_avals(self.user.infer(*map(described, avals)), f"{self.name}.infer()")

    def lower(self, *operands: Any, **params: Any) -> Any:
        found = self.user.lower(*operands)
        results = list(found) if isinstance(found, tuple | list) else [found]
        wanted = self.infer([_aval(x) for x in operands], params)
        if len(results) != len(wanted):
            raise TypeError(f"{self.name}: lower() gives {len(results)} results, infer() says {len(wanted)}")
        for k, (x, aval) in enumerate(zip(results, wanted, strict=True)):
            results[k] = self._checked(k, x, aval)
        return results[0] if len(results) == 1 else tuple(results)

    def _checked(self, k: int, x: Any, aval: Aval) -> Any:
        """A result, if it is what `infer` said."""
        if not isinstance(x, GpuArray | Variable):
            raise TypeError(f"{self.name}: result {k} of lower() is a {type(x).__name__}, not an array")
        came = _aval(x)
        fits = came.ndim == aval.ndim and all(n is None or m is None or n == m for n, m in zip(came.shape, aval.shape))
        if came.dtype != aval.dtype or not fits:
            raise TypeError(
                f"{self.name}: result {k} of lower() is {described(came)}, but infer() says {described(aval)}"
            )
        pattern = [n == 1 for n in aval.shape]
        return patternbroadcast(x, pattern) if isinstance(x, Variable) and list(x.broadcastable) != pattern else x

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        if type(self.user).grad is Op.grad:
            self.user.grad(g, out, *operands)  # raises, with the user's own name
        return user_gradient(self.name, self.user.grad, g, out, operands)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, UserOp) and self.user == other.user

    def __hash__(self) -> int:
        return hash(self.user)

    def __repr__(self) -> str:
        return repr(self.user)


def _aval(x: Any) -> Aval:
    """What is known of an operand or a result."""
    if isinstance(x, Variable):
        return x.aval
    return eager.aval_of(eager.described(x))
