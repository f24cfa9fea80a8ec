"""Three results of one function: as a list, and as a dict."""

import numpy as np

import clarray as theano
import clarray.tensor as T

rng = np.random.default_rng(1)
left, right = rng.normal(size=(2, 4, 6))

a, b = T.dmatrices("a", "b")
difference = a - b
listed = theano.function([a, b], [difference, abs(difference), difference**2])(left, right)
named = theano.function([a, b], {"difference": difference, "square": difference**2})(left, right)
