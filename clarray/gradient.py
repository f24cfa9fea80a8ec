"""Derivatives of graphs under the names of `theano.gradient`."""

from clarray.graph.gradients.absent import (
    DisconnectedInputError,
    DisconnectedType,
    NullType,
    NullTypeGradError,
    grad_not_implemented,
    grad_undefined,
)
from clarray.graph.gradients.barriers import consider_constant, disconnected_grad, grad_clip, grad_scale, zero_grad
from clarray.graph.gradients.derivatives import Lop, Rop, hessian, hessian_vector, jacobian, subgraph_grad
from clarray.graph.gradients.gradient import grad
from clarray.graph.gradients.verify import GradientError, numeric_grad, verify_grad

__all__ = [
    "DisconnectedInputError", "DisconnectedType", "GradientError", "Lop", "NullType", "NullTypeGradError", "Rop",
    "consider_constant", "disconnected_grad", "grad", "grad_clip", "grad_not_implemented", "grad_scale",
    "grad_undefined", "hessian", "hessian_vector", "jacobian", "numeric_grad", "subgraph_grad", "verify_grad",
    "zero_grad",
]  # fmt: skip
