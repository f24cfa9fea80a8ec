"""Functions of neural networks, made of the table's operations: `T.nnet`."""

from __future__ import annotations

from typing import Any

from clarray.core import ops, rows
from clarray.graph.building import as_variable
from clarray.graph.variable import Variable

from .basic import arange

__all__ = [
    "binary_crossentropy", "categorical_crossentropy", "elu", "hard_sigmoid", "logsoftmax", "relu", "sigmoid",
    "sigmoid_binary_crossentropy", "softmax", "softplus", "softsign", "ultra_fast_sigmoid",
]  # fmt: skip


def sigmoid(x: Any) -> Variable:
    """1 / (1 + exp(-x))"""
    return ops.expit(as_variable(x))


ultra_fast_sigmoid = sigmoid


def hard_sigmoid(x: Any) -> Variable:
    """0.2 x + 0.5, limited to [0, 1]."""
    return ops.clip(as_variable(x) * 0.2 + 0.5, 0, 1)


def softplus(x: Any) -> Variable:
    """log(1 + exp(x)) without overflow."""
    return ops.logaddexp(as_variable(x), 0)


def softsign(x: Any) -> Variable:
    """x / (1 + |x|)"""
    x = as_variable(x)
    return x / (1 + abs(x))


def relu(x: Any, alpha: Any = 0) -> Variable:
    """x where it is positive, alpha * x elsewhere."""
    x = as_variable(x)
    if isinstance(alpha, int | float) and alpha == 0:
        return ops.maximum(x, 0)
    return ops.where(ops.greater(x, 0), x, alpha * x)


def elu(x: Any, alpha: Any = 1) -> Variable:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""
    x = as_variable(x)
    return ops.where(ops.greater(x, 0), x, alpha * ops.expm1(ops.minimum(x, 0)))


def softmax(x: Any) -> Variable:
    """exp(x) over its sum, along the last axis; a vector is one row."""
    return rows.softmax(_rows(x), axis=-1)


def logsoftmax(x: Any) -> Variable:
    """The logarithm of `softmax`, exact where that is small."""
    return rows.log_softmax(_rows(x), axis=-1)


def _rows(x: Any) -> Variable:
    x = as_variable(x)
    return x.dimshuffle("x", 0) if x.ndim == 1 else x


def binary_crossentropy(output: Any, target: Any) -> Variable:
    """-(target * log(output) + (1 - target) * log(1 - output))"""
    output, target = as_variable(output), as_variable(target)
    return -(target * ops.log(output) + (1 - target) * ops.log(1 - output))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Variable:
    """The cross-entropy of sigmoid(output), computed from output itself."""
    output, target = as_variable(output), as_variable(target)
    return softplus(-abs(output)) + output * ((output > 0) - target)


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Variable:
    """-sum(true * log(coding)) of each row; `true_dist` is a matrix of probabilities or a vector of class numbers."""
    coding, true = as_variable(coding_dist), as_variable(true_dist)
    if true.ndim == coding.ndim:
        return -(true * ops.log(coding)).sum(axis=coding.ndim - 1)
    if true.ndim != coding.ndim - 1 or true.aval.dtype.kind not in "iu":
        raise TypeError(
            f"categorical_crossentropy(): the target is a distribution like {coding.described()} or integers with "
            f"an axis less; {true.described()} came"
        )
    classes = arange(coding.shape[coding.ndim - 1])
    chosen = ops.equal(true.dimshuffle(*range(true.ndim), "x"), classes.dimshuffle(*["x"] * true.ndim, 0))
    return -ops.where(chosen, ops.log(coding), 0).sum(axis=coding.ndim - 1)
