"""NumPy's names for functions that the standard calls otherwise."""

from __future__ import annotations

from .elementwise import abs as absolute
from .elementwise import acos as arccos
from .elementwise import acosh as arccosh
from .elementwise import asin as arcsin
from .elementwise import asinh as arcsinh
from .elementwise import atan as arctan
from .elementwise import atan2 as arctan2
from .elementwise import atanh as arctanh
from .elementwise import bitwise_invert as bitwise_not
from .elementwise import bitwise_invert as invert
from .elementwise import bitwise_left_shift as left_shift
from .elementwise import bitwise_right_shift as right_shift
from .elementwise import conj as conjugate
from .elementwise import deg2rad as radians
from .elementwise import divide as true_divide
from .elementwise import pow as power
from .elementwise import rad2deg as degrees
from .elementwise import remainder as mod
from .elementwise import round as around
from .manipulation import concat as concatenate
from .statistical import max as amax
from .statistical import min as amin

__all__ = [
    "absolute", "amax", "amin", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "around",
    "bitwise_not", "concatenate", "conjugate", "degrees", "invert", "left_shift", "mod", "power", "radians",
    "right_shift", "true_divide",
]  # fmt: skip
