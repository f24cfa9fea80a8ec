"""Theano's module of graphs, as far as programs name it."""

from .op import get_test_value

__all__ = ["get_test_value"]
