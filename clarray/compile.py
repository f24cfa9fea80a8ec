"""Compiling, under Theano's module name: functions, their arguments, and modes."""

from clarray.graph import debugging as debugmode
from clarray.graph import modes as mode
from clarray.graph import nanguard as nanguardmode
from clarray.graph import profile as profiling
from clarray.graph.arguments import In, Out
from clarray.graph.compiled import Maker as FunctionMaker
from clarray.graph.debugging import DebugMode
from clarray.graph.function import Function, function
from clarray.graph.modes import MODES as predefined_modes
from clarray.graph.modes import Mode, get_default_mode, get_mode
from clarray.graph.nanguard import NanGuardMode
from clarray.graph.profile import ProfileStats
from clarray.graph.shared import SharedVariable, shared

__all__ = [
    "DebugMode", "Function", "FunctionMaker", "In", "Mode", "NanGuardMode", "Out", "ProfileStats", "SharedVariable",
    "debugmode", "function", "get_default_mode", "get_mode", "mode", "nanguardmode", "predefined_modes",
    "profiling", "shared",
]  # fmt: skip
