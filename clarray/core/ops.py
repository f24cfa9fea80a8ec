"""The table of operations: one row each, from which the eager namespace, the graph, the kernels,
the gradients, the documentation and the tests are made.

The rows stand by subject in `table/`; `UFUNCS` and `REDUCTIONS` hold them by name.
"""

# ruff: noqa: F403
from .table import REDUCTIONS as REDUCTIONS
from .table import UFUNCS as UFUNCS
from .table import reduction as reduction
from .table import ufunc as ufunc
from .table.arithmetic import *
from .table.functions import *
from .table.logic import *
from .table.reductions import *
