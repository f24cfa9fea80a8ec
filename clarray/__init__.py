from .array import eager
from .array.gpuarray import GpuArray
