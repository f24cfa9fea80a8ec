"""The symbolic face, under Theano's module and function names: `import clarray.tensor as T`."""

from __future__ import annotations

from typing import Any

from clarray.gradient import (
    Lop,
    Rop,
    consider_constant,
    disconnected_grad,
    grad,
    grad_clip,
    grad_scale,
    hessian,
    hessian_vector,
    jacobian,
    numeric_grad,
    verify_grad,
    zero_grad,
)
from clarray.graph.building import as_variable as as_tensor_variable
from clarray.graph.building import constant
from clarray.graph.rebroadcast import addbroadcast, patternbroadcast, unbroadcast
from clarray.graph.running.nodes import Elemwise
from clarray.graph.shared import SharedVariable as TensorSharedVariable
from clarray.graph.shared import shared
from clarray.graph.variable import Constant as TensorConstant
from clarray.graph.variable import TensorType
from clarray.graph.variable import Variable as TensorVariable

from . import (
    basic,
    constructors,
    elemwise,
    extra_ops,
    fft,
    methods,  # noqa: F401  variables get theirs
    nlinalg,
    nnet,
    slinalg,
    subtensor,
    values,
)
from .constructors import tensor
from .values import EmptyConstantError, NotScalarConstantError

FUNCTIONS = basic.FUNCTIONS | extra_ops.FUNCTIONS | values.FUNCTIONS | constructors.CONSTRUCTORS
globals().update(FUNCTIONS)

as_tensor = as_tensor_variable
e, pi, inf, nan = 2.718281828459045, 3.141592653589793, float("inf"), float("nan")

__all__ = [
    "Elemwise", "EmptyConstantError", "Lop", "NotScalarConstantError", "Rop", "TensorConstant", "TensorSharedVariable",
    "TensorType", "TensorVariable", "addbroadcast", "as_tensor", "as_tensor_variable", "basic", "consider_constant",
    "constant", "disconnected_grad", "e", "elemwise", "extra_ops", "fft", "grad", "grad_clip", "grad_scale", "hessian",
    "hessian_vector", "inf", "jacobian", "nan", "nlinalg", "nnet", "numeric_grad", "patternbroadcast", "pi", "shared",
    "slinalg", "subtensor", "tensor", "unbroadcast", "verify_grad", "zero_grad", *FUNCTIONS,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    raise AttributeError(f"clarray.tensor has no {name!r}; it has {', '.join(sorted(__all__))}")
