"""What programs take from `theano.gof.op`."""

from clarray.graph.inside.testvalues import get_test_value

__all__ = ["get_test_value"]
