"""Floor 3: GpuArray and the eager evaluation of Ops."""

from . import eager as eager
from . import indexing as indexing
