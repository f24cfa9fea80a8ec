"""Trees of tuples, lists, dicts and None: apart into leaves and a structure, and together again.

A structure is hashable: `LEAF`, None, or (class, keys, structures of the children). The keys of a dict are sorted where
they can be, so that their order does not tell two dicts apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

LEAF = "leaf"
Structure = Any


def flatten(tree: Any, leaves: list[Any]) -> Structure:
    """The structure of a tree, whose leaves are appended to `leaves`."""
    cls = type(tree)
    if cls is tuple or cls is list:
        return cls, None, tuple([flatten(x, leaves) for x in tree])
    if tree is None:
        return None
    if cls is dict or cls is OrderedDict:
        keys = tuple(tree) if cls is OrderedDict else _sorted(tree)
        return cls, keys, tuple([flatten(tree[k], leaves) for k in keys])
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return cls, None, tuple([flatten(x, leaves) for x in tree])
    leaves.append(tree)
    return LEAF


def unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The tree of a structure with these leaves."""
    if structure is LEAF:
        return next(leaves)
    if structure is None:
        return None
    cls, keys, children = structure
    parts = [unflatten(x, leaves) for x in children]
    if keys is not None:
        return cls(zip(keys, parts, strict=True))
    return cls(*parts) if hasattr(cls, "_fields") else cls(parts)


def paths(structure: Structure, root: str) -> list[str]:
    """How each leaf is reached, as Python writes it: params['w'][0]."""
    if structure is LEAF:
        return [root]
    if structure is None:
        return []
    cls, keys, children = structure
    fields = getattr(cls, "_fields", None)
    steps = [f"[{k!r}]" for k in keys or range(len(children))] if fields is None else [f".{name}" for name in fields]
    return [path for step, child in zip(steps, children, strict=True) for path in paths(child, root + step)]


def _sorted(keys: Any) -> tuple[Any, ...]:
    try:
        return tuple(sorted(keys))
    except TypeError:
        return tuple(keys)
