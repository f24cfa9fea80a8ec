"""Compiling, under Theano's module name: functions, their arguments, and modes."""

from clarray.graph import modes as mode
from clarray.graph.arguments import In, Out
from clarray.graph.function import Function, function
from clarray.graph.inside import debugging as debugmode
from clarray.graph.inside import nanguard as nanguardmode
from clarray.graph.inside import profile as profiling
from clarray.graph.inside.debugging import DebugMode
from clarray.graph.inside.nanguard import NanGuardMode
from clarray.graph.inside.profile import ProfileStats
from clarray.graph.modes import MODES as predefined_modes
from clarray.graph.modes import Mode, get_default_mode, get_mode
from clarray.graph.running.compiled import Maker as FunctionMaker
from clarray.graph.shared import SharedVariable, shared

__all__ = [
    "DebugMode", "Function", "FunctionMaker", "In", "Mode", "NanGuardMode", "Out", "ProfileStats", "SharedVariable",
    "debugmode", "function", "get_default_mode", "get_mode", "mode", "nanguardmode", "predefined_modes",
    "profiling", "shared",
]  # fmt: skip
