"""What Theano keeps in `tensor.basic`, under one roof; the functions themselves are in the modules named here."""

# ruff: noqa: F401
from __future__ import annotations

from typing import Any

from clarray.graph.building import as_variable as as_tensor_variable
from clarray.graph.building import constant
from clarray.graph.variable import TensorType
from clarray.graph.variable import Variable as TensorVariable

from . import creation, elementwise, products, reductions, shapes, sort, subtensor
from .creation import alloc, arange, eye, full, full_like, identity_like, ones, ones_like, zeros, zeros_like
from .values import EmptyConstantError, NotScalarConstantError, extract_constant, get_scalar_constant_value

FUNCTIONS: dict[str, Any] = {}
for _module in (elementwise, reductions, shapes, creation, products, sort, subtensor):
    FUNCTIONS |= _module.FUNCTIONS


def __getattr__(name: str) -> Any:
    found = FUNCTIONS.get(name)
    if found is None:
        raise AttributeError(f"clarray.tensor.basic has no {name!r}; see clarray.tensor")
    return found
