"""What stands where a gradient is not: `Disconnected` where no path leads, `Null` where an operation has none."""

from __future__ import annotations

from typing import Any

from clarray.core.aval import Aval
from clarray.core.op import Op

from ..variable import Variable


class DisconnectedInputError(ValueError):
    """A derivative was asked for with respect to something that the expression does not depend on."""


class NullTypeGradError(TypeError):
    """A gradient has to pass through an operation that has none."""


class DisconnectedType:
    """The type of the gradient of what a cost does not depend on; called, it makes such a gradient."""

    def __call__(self) -> Disconnected:
        return Disconnected()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return "DisconnectedType"


class Disconnected:
    """A gradient that is not there, for want of a path: an Op's `grad` may give it for an operand."""

    type = DisconnectedType()

    def __repr__(self) -> str:
        return "<DisconnectedType>"


class NullType:
    """The type of a gradient that an operation does not have; `why_null` says why. Called, it makes one."""

    def __init__(self, why_null: str = "(no reason is given)") -> None:
        self.why_null = why_null

    def __call__(self) -> Null:
        return Null(self)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return "NullType"


class Null:
    """A gradient that does not exist: an Op's `grad` may give it, and all that follows from it is null too."""

    def __init__(self, type: NullType, cause: BaseException | None = None) -> None:
        self.type = type
        self.cause = cause

    def __repr__(self) -> str:
        return f"<NullType: {self.type.why_null}>"


def grad_undefined(op: Op, x_pos: int, x: Variable, comment: str = "") -> Null:
    """What `op.grad` gives for operand number `x_pos`, x, where the derivative is not defined."""
    return _null("is not defined", op, x_pos, x, comment)


def grad_not_implemented(op: Op, x_pos: int, x: Variable, comment: str = "") -> Null:
    """What `op.grad` gives for operand number `x_pos`, x, where nobody has written the derivative."""
    return _null("is not implemented", op, x_pos, x, comment)


def _null(what: str, op: Op, x_pos: int, x: Variable, comment: str) -> Null:
    name = getattr(op, "name", type(op).__name__)
    return NullType(f"the gradient of {name}() for operand {x_pos}, {x}, {what}{f': {comment}' if comment else ''}")()


class Cotangent(Op):
    """A variable of the operand's shape of which nothing but the shape may be asked.

    Derivatives are linear in what they are multiplied by: differentiated again, they do not contain it.
    """

    name = "cotangent"
    shape_only = (0,)

    def infer(self, avals: Any, params: Any, fp64: bool = True) -> tuple[Aval, ...]:
        return (Aval(avals[0].shape, avals[0].dtype),)


cotangent = Op.registry["cotangent"] = Cotangent()
