"""The rows, by chapter: importing a module adds its cases."""

from . import elementwise, overhead, products, reductions  # noqa: F401
