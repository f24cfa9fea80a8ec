"""clarray: NumPy arrays on any OpenCL device, with a Theano-style graph compiler.

The namespace follows the Array API standard 2025.12, and NumPy where that is silent. Importing it
touches no driver: the first array does.
"""

# ruff: noqa: E402, F403, I001
import sys as _sys
from math import e, inf, nan, pi

from numpy import bool_ as _bool_
from numpy import dtype as _dtype

from .version import __version__

# devices: `clarray.device`, `clarray.array` and `clarray.config` are what is imported here, not the
# folders and the module of the same name
from . import errors
from .config import config
from .device.current import device, devices, use
from .device.stats import stats
from .device.usage import memory_stats, set_memory_limit

# arrays
from .array.gpuarray import GpuArray
from .array.kernels import ElementwiseKernel, LocalMemory, RawKernel, ReductionKernel

bool = _dtype(_bool_)
int8, int16, int32, int64 = map(_dtype, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(_dtype, ("uint8", "uint16", "uint32", "uint64"))
float16, float32, float64 = map(_dtype, ("float16", "float32", "float64"))
complex64, complex128 = map(_dtype, ("complex64", "complex128"))
newaxis = None

# functions, chapter by chapter
from .functions import aliases as _aliases
from .functions import creation as _creation
from .functions import data_types as _data_types
from .functions import elementwise as _elementwise
from .functions import fft
from .functions import indexing as _indexing
from .functions import linalg
from .functions import manipulation as _manipulation
from .functions import nn
from .functions import searching as _searching
from .functions import sets as _sets
from .functions import sorting as _sorting
from .functions import special
from .functions import statistical as _statistical
from .functions.aliases import *
from .functions.creation import *
from .functions.data_types import *
from .functions.elementwise import *
from .functions.indexing import *
from .functions.linalg import dot, inner, matmul, matrix_transpose, outer, tensordot, vdot, vecdot
from .functions.manipulation import *
from .functions.searching import *
from .functions.sets import *
from .functions.sorting import *
from .functions.statistical import *

from . import blas

# graphs
from . import compile, gof, printing, tensor
from . import gradient as gradient
from .gradient import Lop, Rop, hessian, hessian_vector, jacobian, subgraph_grad
from .graph.arguments import In, Out
from .graph.function import Function, function
from .graph.own.from_graph import OpFromGraph
from .graph.tracing.jit import jit
from .graph.modes import Mode
from .graph.inside.printing import debugprint, pp
from .graph.shared import shared
from .graph.tracing.transforms import grad, value_and_grad
from .graph.own.user_ops import Op

# protocols
from .interop import numpy as _numpy
from .interop.numpy import __array_namespace_info__

__array_api_version__ = "2025.12"
_numpy.install(_sys.modules[__name__])

__all__ = [
    "ElementwiseKernel", "GpuArray", "LocalMemory", "RawKernel", "ReductionKernel",
    "__array_api_version__", "__array_namespace_info__", "__version__",
    "bool", "complex128", "complex64", "float16", "float32", "float64", "int16", "int32", "int64", "int8",
    "uint16", "uint32", "uint64", "uint8",
    "config", "device", "devices", "errors", "memory_stats", "set_memory_limit", "stats", "use",
    "e", "inf", "nan", "newaxis", "pi",
    "Function", "In", "Mode", "Op", "OpFromGraph", "Out", "compile", "debugprint", "function", "gof", "grad", "jit",
    "pp", "printing", "shared", "tensor", "value_and_grad",
    "Lop", "Rop", "hessian", "hessian_vector", "jacobian", "subgraph_grad",
    "blas", "dot", "fft", "inner", "linalg", "matmul", "matrix_transpose", "nn", "outer", "special", "tensordot",
    "vdot", "vecdot",
]  # fmt: skip
__all__ += _aliases.__all__
__all__ += _creation.__all__
__all__ += _data_types.__all__
__all__ += _elementwise.__all__
__all__ += _indexing.__all__
__all__ += _manipulation.__all__
__all__ += _searching.__all__
__all__ += _sets.__all__
__all__ += _sorting.__all__
__all__ += _statistical.__all__
