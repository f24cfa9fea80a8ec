"""Row Ops: functions of whole rows, such as softmax, described as stages that reduce and one that maps.

A row is what lies along the reduced axes. Each stage reduces an Expr of the row's elements to one value, which
all later stages may use; the last Expr makes an element of the result, or where `per_row` one value of each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import dtypes, ops
from .aval import Aval, broadcast_shapes, broadcasts_to, normalize_axes
from .dtypes import NumpyDType
from .expr import Builder, Expr
from .op import Op, Reduction, Ufunc

# Numbers of loads in the Exprs of a program: operands count from 0.
VALUE = 100  # + k: what stage k found
KEPT = 200  # what the stage that keeps made of this element


@dataclass(frozen=True)
class Stage:
    """One pass over a row: `expr` makes the operands of `reduction` of each element, in registers' dtype.

    Where it `keeps`, the first of them is at hand in later stages as the load KEPT.
    """

    reduction: Reduction
    expr: Expr
    keeps: bool = False


@dataclass(frozen=True)
class Program:
    """The stages of a row, in order, and what is written."""

    stages: tuple[Stage, ...]
    result: Expr
    per_row: bool = False

    @property
    def fp64(self) -> bool:
        """Whether a value in here needs fp64."""
        return self.result.fp64 or any(stage.expr.fp64 for stage in self.stages)


class _Terms:
    """Writes the Exprs of a program: every value has the one dtype that rows are computed in."""

    def __init__(self, operands: Sequence[NumpyDType], dtype: NumpyDType) -> None:
        self.operands, self.dtype = operands, dtype
        self.builder = Builder()

    def operand(self, k: int) -> int:
        """The element of operand k."""
        return self.builder.cast(self.builder.load(k, self.operands[k]), self.dtype)

    def value(self, k: int) -> int:
        """What stage k found."""
        return self.builder.load(VALUE + k, self.dtype)

    @property
    def kept(self) -> int:
        """What the stage that keeps made of this element."""
        return self.builder.load(KEPT, self.dtype)

    def constant(self, value: float) -> int:
        """A number."""
        return self.builder.constant(value, self.dtype)

    def __call__(self, op: Ufunc, *args: int) -> int:
        out = np.dtype("bool") if op.result == "bool" else self.dtype
        loop = ((np.dtype("bool"),) if op.condition else ()) + (self.dtype,) * (len(args) - op.condition)
        return self.builder.call(op, args, loop, out)

    def stage(self, reduction: Reduction, *args: int, keeps: bool = False) -> Stage:
        return Stage(reduction, self.builder.build(args), keeps)

    def program(self, stages: Sequence[Stage], result: int, per_row: bool = False) -> Program:
        return Program(tuple(stages), self.builder.build([result]), per_row)


class Row(Op):
    """An Op on rows along the params' `axis` (an int, several, or None for all): results are shaped as operand 0.

    Integers are computed in the default floating dtype, float16 in float32. Further operands broadcast to the first.
    """

    operand_counts: tuple[int, ...] = (1,)
    empty = False  # whether rows of no elements are taken

    def __init__(self) -> None:
        Op.registry[self.name] = self

    def resolve(self, operands: Sequence[NumpyDType], fp64: bool) -> NumpyDType:
        """The dtype of the result."""
        common = dtypes.promote(tuple(operands))
        if common.kind == "c":
            listed = ", ".join(d.name for d in operands)
            raise TypeError(
                f"{self.name}() does not take ({listed}): it is defined for real dtypes; take a part or abs()"
            )
        if common.kind == "f":
            return common
        return np.dtype("float64" if fp64 else "float32")

    def infer(self, avals: Sequence[Aval], params: Mapping[str, Any], fp64: bool = True) -> tuple[Aval, ...]:
        if len(avals) not in self.operand_counts:
            counts = " or ".join(map(str, self.operand_counts))
            raise TypeError(f"{self.name}() takes {counts} operands, {len(avals)} came")
        shape = avals[0].shape
        axes = normalize_axes(params.get("axis"), len(shape), self.name)
        if (
            not self.empty
            and any(shape[a] == 0 for a in axes)
            and all(shape[a] for a in range(len(shape)) if a not in axes)
        ):
            raise ValueError(f"{self.name}() of an empty axis has no value: shape {shape}, axis {params.get('axis')!r}")
        for x in avals[1:]:
            if None in (*shape, *x.shape):
                broadcast_shapes([shape, x.shape], self.name)
            elif not broadcasts_to(x.shape, shape):
                raise ValueError(
                    f"{self.name}(): an operand of shape {x.shape} does not broadcast to rows of shape {shape}"
                )
        return (Aval(shape, self.resolve([x.dtype for x in avals], fp64)),)

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        """The stages."""
        raise NotImplementedError

    def stages(self, operands: Sequence[NumpyDType], register: NumpyDType, params: Mapping[str, Any]) -> Program:
        """The stages for operands of these dtypes, computed in `register`."""
        return self.program(_Terms(operands, register), params)


def _finite(terms: _Terms, value: int) -> int:
    """The value, or 0 in place of an infinity or a NaN: from which equal infinities keep their distance."""
    return terms(ops.where, terms(ops.isfinite, value), value, terms.constant(0))


class Softmax(Row):
    """exp(x) over its sum."""

    name = "softmax"
    doc = "exp(x) over its sum along an axis"

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        x = terms.operand(0)
        greatest = terms.stage(ops.max, x)
        total = terms.stage(ops.sum, terms(ops.exp, terms(ops.subtract, x, terms.value(0))), keeps=True)
        scale = terms(ops.divide, terms.constant(1), terms.value(1))
        return terms.program([greatest, total], terms(ops.multiply, terms.kept, scale))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (softmax_gradient(g, out, axis=params.get("axis")),)


class LogSoftmax(Row):
    """The logarithm of softmax, exact where that is small."""

    name = "log_softmax"
    doc = "the logarithm of softmax along an axis"

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        x = terms.operand(0)
        shifted = terms(ops.subtract, x, _finite(terms, terms.value(0)))
        stages = [terms.stage(ops.max, x), terms.stage(ops.sum, terms(ops.exp, shifted))]
        return terms.program(stages, terms(ops.subtract, shifted, terms(ops.log, terms.value(1))))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        return (log_softmax_gradient(g, out, axis=params.get("axis")),)


class SoftmaxGradient(Row):
    """out * (g - sum(g * out)): softmax's derivative, from its result."""

    name = "softmax_gradient"
    doc = "the gradient of softmax: out * (g - sum(g * out))"
    operand_counts = (2,)
    empty = True

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        g, out = terms.operand(0), terms.operand(1)
        stages = [terms.stage(ops.sum, terms(ops.multiply, g, out))]
        return terms.program(stages, terms(ops.multiply, out, terms(ops.subtract, g, terms.value(0))))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        first, soft = operands
        axis = params.get("axis")
        total = ops.sum(first * soft, axis=axis, keepdims=True)
        return softmax_gradient(g, soft, axis=axis), g * (first - total) - first * ops.sum(
            g * soft, axis=axis, keepdims=True
        )


class LogSoftmaxGradient(Row):
    """g - exp(out) * sum(g): log_softmax's derivative, from its result."""

    name = "log_softmax_gradient"
    doc = "the gradient of log_softmax: g - exp(out) * sum(g)"
    operand_counts = (2,)
    empty = True

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        g, out = terms.operand(0), terms.operand(1)
        share = terms(ops.multiply, terms(ops.exp, out), terms.value(0))
        return terms.program([terms.stage(ops.sum, g)], terms(ops.subtract, g, share))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        first, soft = operands[0], ops.exp(operands[1])
        axis = params.get("axis")
        weighted = g * soft
        return (
            g - ops.sum(weighted, axis=axis, keepdims=True),
            -weighted * ops.sum(first, axis=axis, keepdims=True),
        )


def _standardized(terms: _Terms, k: int, params: Mapping[str, Any]) -> tuple[list[Stage], int, int]:
    """Stages that find mean and variance of operand k; (x - mean) / deviation, and 1 / deviation."""
    x = terms.operand(k)
    stages = [terms.stage(ops.mean, x), terms.stage(ops.var, x, terms.value(0))]
    deviation = terms(ops.sqrt, terms(ops.add, terms.value(1), terms.constant(params["epsilon"])))
    scale = terms(ops.divide, terms.constant(1), deviation)
    return stages, terms(ops.multiply, terms(ops.subtract, x, terms.value(0)), scale), scale


class LayerNorm(Row):
    """(x - mean) / sqrt(variance + epsilon), times a weight, plus a bias."""

    name = "layer_norm"
    doc = "(x - mean) / sqrt(variance + epsilon) * weight + bias along an axis"
    operand_counts = (1, 2, 3)
    empty = True

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        stages, result, _ = _standardized(terms, 0, params)
        if len(terms.operands) > 1:
            result = terms(ops.multiply, result, terms.operand(1))
        if len(terms.operands) > 2:
            result = terms(ops.add, result, terms.operand(2))
        return terms.program(stages, result)

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        x, *affine = operands
        weighted = g * affine[0] if affine else g
        gradients = [layer_norm_gradient(weighted, x, **params)]
        if affine:
            gradients.append(g * layer_norm(x, **params))  # the engine sums over stretched axes
        return (*gradients, g) if len(affine) > 1 else gradients


class LayerNormGradient(Row):
    """(g - mean(g) - y * mean(g * y)) / deviation, where y is x standardized: the gradient of y."""

    name = "layer_norm_gradient"
    doc = "the gradient of layer_norm without weight and bias, from that of its result and from x"
    operand_counts = (2,)
    empty = True

    def program(self, terms: _Terms, params: Mapping[str, Any]) -> Program:
        stages, y, scale = _standardized(terms, 1, params)
        g = terms.operand(0)
        stages += [terms.stage(ops.mean, g), terms.stage(ops.mean, terms(ops.multiply, g, y))]
        centred = terms(ops.subtract, g, terms.value(2))
        rest = terms(ops.subtract, centred, terms(ops.multiply, y, terms.value(3)))
        return terms.program(stages, terms(ops.multiply, rest, scale))

    def grad(self, g: Any, out: Any, operands: Sequence[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        first, x = operands
        y = layer_norm(x, **params)

        def mean(v: Any) -> Any:
            return ops.mean(v, axis=params.get("axis"), keepdims=True)

        scale = ops.rsqrt(mean(ops.square(x - mean(x))) + params["epsilon"])
        through = g * mean(first * y) + first * mean(g * y)
        for_x = layer_norm_gradient(-through * scale, x, **params) - y * (mean(g * out) * scale)
        return layer_norm_gradient(g, x, **params), for_x


def logsumexp_program(operand: NumpyDType, register: NumpyDType) -> Program:
    """What `ops.logsumexp` is, in two passes over a row with one exp an element."""
    terms = _Terms([operand], register)
    x, shift = terms.operand(0), _finite(terms, terms.value(0))
    stages = [terms.stage(ops.max, x), terms.stage(ops.sum, terms(ops.exp, terms(ops.subtract, x, shift)))]
    return terms.program(stages, terms(ops.add, terms(ops.log, terms.value(1)), shift), per_row=True)


softmax = Softmax()
log_softmax = LogSoftmax()
softmax_gradient = SoftmaxGradient()
log_softmax_gradient = LogSoftmaxGradient()
layer_norm = LayerNorm()
layer_norm_gradient = LayerNormGradient()
