"""Rewriting: small named rules that replace a node by something simpler of equal value, and how they are applied.

A rule gets a node whose inputs are rewritten already, and may decline by returning None. Its docstring is the rule;
tests/host/test_rewrite_rules.py has examples of each.
"""

from . import arithmetic, compiled, constants, products, reductions, stabilize, views  # noqa: F401  they register
from .compiled import opened
from .database import DATABASE, PHASES, Query, Rewrite, rewrite
from .matching import value_of
from .rebuild import COMPILED, DIFFERENTIATED, NOTHING, UNCHANGED, Applied, rebuilt

__all__ = [
    "COMPILED", "DATABASE", "DIFFERENTIATED", "NOTHING", "PHASES", "UNCHANGED", "Applied", "Query", "Rewrite",
    "opened", "rebuilt", "rewrite", "value_of",
]  # fmt: skip
