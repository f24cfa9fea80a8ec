"""Where rewrites used to be; see `rewriting`."""

from .rewriting import COMPILED, DIFFERENTIATED, UNCHANGED, rebuilt, rewrite, value_of
from .rewriting.matching import is_one

__all__ = ["COMPILED", "DIFFERENTIATED", "UNCHANGED", "is_one", "rebuilt", "rewrite", "value_of"]
