"""Floor 3: GpuArray and the eager evaluation of Ops."""

from . import decompositions as decompositions
from . import eager as eager
from . import exponential as exponential
from . import indexing as indexing
from . import spectral as spectral
