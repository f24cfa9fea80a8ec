"""OpFromGraph: a graph that is an operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.core.aval import Aval
from clarray.core.op import Composite

from ..building import as_variable
from ..ends import MissingInputError
from ..function import Function, function
from ..gradients import forward, gradient
from ..rebroadcast import patternbroadcast
from ..rewriting import rebuilt
from ..shared import SharedVariable
from ..tracing.tracing import traced
from ..variable import Apply, Constant, Variable
from ..walk import leaves

DEFAULT = "default"


class OpFromGraph(Composite):
    """The operation that computes `outputs` from `inputs`, variables of a graph, for whatever it is applied to.

    Applied to variables it is one node, until a function is compiled: then its graph takes its place, fused with what
    is around it, so that `inline` makes no difference. Applied to arrays alone it runs a function compiled once.
    Operands are cast to the inputs' dtypes where that loses nothing. Shared variables in the graph are read; they
    cannot be updated.

    Its gradient is that of its graph. `lop_overrides` says another: a function (inputs, outputs, gradients of the
    outputs) that gives the gradients of the inputs, or a list with one such function for each input, "default" for that
    of the graph, or None where there is none. `grad_overrides` is the same without the outputs. `rop_overrides` is a
    function (inputs, changes of the inputs) that gives the changes of the outputs, or a list of them, for `Rop`.

    TypeError: inputs or outputs that are no variables; updates or givens. MissingInputError: outputs that depend on a
    variable that is no input. ValueError: an input twice, or both overrides.
    """

    def __init__(
        self, inputs: Sequence[Variable], outputs: Any, inline: bool = True, lop_overrides: Any = DEFAULT,
        grad_overrides: Any = DEFAULT, rop_overrides: Any = DEFAULT, name: str | None = None, **options: Any,
    ) -> None:  # fmt: skip
        for option in ("updates", "givens"):
            if options.pop(option, None):
                raise TypeError(f"OpFromGraph() takes no {option}; give them to the function that uses it")
        if options:
            raise TypeError(f"OpFromGraph() has no option {', '.join(options)}")
        self.name = name or "OpFromGraph"
        given = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        self.single = len(given) == 1
        for x in (*inputs, *given):
            if not isinstance(x, Variable):
                raise TypeError(f"OpFromGraph(): inputs and outputs are variables, {type(x).__name__} came")
        for k, x in enumerate(inputs):
            if isinstance(x, Constant | SharedVariable):
                raise TypeError(f"OpFromGraph(): {x} has a value and is no input")
            if x in inputs[:k]:
                raise ValueError(f"OpFromGraph(): {x} is an input twice")
        missing = [x for x in leaves(given, inputs) if x not in inputs and not isinstance(x, Constant | SharedVariable)]
        if missing:
            raise MissingInputError(
                f"OpFromGraph(): outputs depend on {', '.join(x.described() for x in missing)}; put it into inputs"
            )
        updated = [x for x in leaves(given, inputs) if getattr(x, "default_update", None) is not None]
        if updated:
            raise TypeError(f"OpFromGraph(): {updated[0]} has a default update, and the operation cannot update it")
        if DEFAULT not in (_plain(lop_overrides), _plain(grad_overrides)):
            raise ValueError("OpFromGraph(): give lop_overrides or grad_overrides, not both")
        self.inline = inline
        # a graph of its own, in which the inputs stand for nothing else; shared variables are operands too, so that
        # gradients reach them
        self.shared = [x for x in leaves(given, inputs) if isinstance(x, SharedVariable)]
        self.inputs = [Variable(x.aval, name=x.name) for x in (*inputs, *self.shared)]
        self.outputs = rebuilt(given, dict(zip([*inputs, *self.shared], self.inputs, strict=True)), phases=())
        self.nout = len(given)
        self.overrides = lop_overrides if _plain(lop_overrides) != DEFAULT else grad_overrides
        self.with_outputs = _plain(lop_overrides) != DEFAULT
        self.rop_overrides = rop_overrides
        if isinstance(self.overrides, list | tuple) and len(self.overrides) != len(inputs):
            raise ValueError(
                f"OpFromGraph(): {len(self.overrides)} overrides came for {len(inputs)} inputs; give one for each"
            )
        listed = isinstance(rop_overrides, list | tuple) and _plain(rop_overrides) != DEFAULT
        if listed and (len(rop_overrides) != self.nout or DEFAULT in rop_overrides):
            raise ValueError(f"OpFromGraph(): rop_overrides are one function for each of {self.nout} outputs")
        self._function: Function | None = None

    @property
    def differentiates(self) -> bool:
        return _plain(self.overrides) != DEFAULT

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Apply: a result where there is one output, else a list of them."""
        own = self.inputs[: len(self.inputs) - len(self.shared)]
        if len(operands) != len(own):
            names = ", ".join(map(str, own))
            raise TypeError(f"{self.name}() takes {len(own)} operands ({names}), {len(operands)} came")
        if traced() is not None or any(isinstance(x, Variable) for x in operands):
            fitted = [self._fitted(x, y) for x, y in zip(operands, own, strict=True)]
            found = super().__call__(*fitted, *self.shared)
        else:
            values = [x.get_value(borrow=True, return_internal_type=True) for x in self.shared]
            found = self._compiled()(*operands, *values)
        results = list(found) if isinstance(found, tuple | list) else [found]
        return results[0] if self.single else results

    def _fitted(self, value: Any, x: Variable) -> Variable:
        """An operand as the input wants it."""
        operand = as_variable(value)
        if operand.ndim != x.ndim:
            raise TypeError(f"{self.name}(): {operand.described()} came for the input {x.described()}")
        if operand.aval.dtype != x.aval.dtype or operand.aval.weak is not None:
            if operand.aval.weak is None and not np.can_cast(operand.aval.dtype, x.aval.dtype):
                raise TypeError(
                    f"{self.name}(): {operand.described()} came for input {x}, which is {x.dtype}: that would lose "
                    f"precision; cast it"
                )
            operand = operand.astype(x.dtype)
        return operand if operand.broadcastable == x.broadcastable else patternbroadcast(operand, x.broadcastable)

    def _compiled(self) -> Function:
        if self._function is None:
            outputs = [x.transfer(None) for x in self.outputs]
            self._function = function(self.inputs, outputs, on_unused_input="ignore", name=self.name)
        return self._function

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        return tuple([x.aval for x in self.outputs])

    def lower(self, *operands: Any, **params: Any) -> Any:
        if all(isinstance(x, GpuArray) for x in operands):
            return tuple(self._compiled()(*operands))
        return tuple(self._made(self.outputs, operands))

    def _made(self, outputs: Sequence[Variable], operands: Sequence[Any]) -> list[Variable]:
        """The graph with operands in place of the inputs."""
        given = list(map(as_variable, operands))
        return rebuilt(outputs, dict(zip(self.inputs, given, strict=True)), given, phases=())

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        gs, outs = (g, out) if isinstance(g, tuple | list) else ([g], [out])
        filled = [x.zeros_like() if y is None else y for x, y in zip(outs, gs, strict=True)]
        count = len(self.inputs) - len(self.shared)
        given = (list(operands[:count]), *((list(outs),) if self.with_outputs else ()), filled)
        if callable(self.overrides):
            found = self.overrides(*given)
            results = list(found) if isinstance(found, tuple | list) else [found]
        else:
            results = [rule if rule is None or rule == DEFAULT else rule(*given) for rule in self.overrides]
        results += [DEFAULT] * len(self.shared)
        wanted = [k for k, x in enumerate(results) if isinstance(x, str)]
        for k, x in zip(wanted, self._default(gs, operands, wanted), strict=True):
            results[k] = x
        return results

    def _default(self, gs: Sequence[Any], operands: Sequence[Any], wanted: Sequence[int]) -> list[Variable]:
        """The gradients of the graph for some of its inputs."""
        if not wanted:
            return []
        known = {x: Variable(y.aval) for x, y in zip(self.outputs, gs, strict=True) if y is not None}
        made = gradient.grad(
            None, [self.inputs[k] for k in wanted], known_grads=dict(known), disconnected_inputs="ignore"
        )
        replace: dict[Variable, Variable] = dict(zip(self.inputs, map(as_variable, operands), strict=True))
        replace |= {known[x]: y for x, y in zip(self.outputs, gs, strict=True) if y is not None}
        return rebuilt(made, replace, set(replace.values()), phases=())


@forward.rule(OpFromGraph)
def _forward(node: Apply, moving: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """How the results change: as `rop_overrides` says, else as the graph or a gradient of its own does."""
    op: Any = node.op
    if _plain(op.rop_overrides) == DEFAULT:
        return forward.rule[Composite](node, moving, params)
    if any(v is not None for v in moving[len(op.inputs) - len(op.shared) :]):
        raise TypeError(f"Rop(): rop_overrides of {op.name}() speak of its inputs, and a shared variable changes")
    count = len(op.inputs) - len(op.shared)
    inputs = list(node.operands[:count])
    points = [x.zeros_like() if v is None else v for x, v in zip(inputs, moving, strict=False)]
    if callable(op.rop_overrides):
        found = op.rop_overrides(inputs, points)
        return list(found) if isinstance(found, tuple | list) else [found]
    return [None if each is None else each(inputs, points) for each in op.rop_overrides]


def _plain(overrides: Any) -> Any:
    """Overrides that are all the default ones as that word."""
    if isinstance(overrides, list | tuple) and all(x == DEFAULT for x in overrides):
        return DEFAULT
    return overrides if isinstance(overrides, str) else object()
