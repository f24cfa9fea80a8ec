"""The same expression over values on two named devices."""

import numpy as np

import clarray as theano
import clarray.tensor as T

a, b = np.random.default_rng(10).normal(size=(2, 30, 30)).astype("float32")
one = theano.shared(a, name="one", target="dev0")
two = theano.shared(b, name="two", target="dev1")
apart = theano.function([], [T.dot(one, one).transfer("dev0"), T.dot(two, two).transfer("dev1")])
products = [np.asarray(v) for v in apart()]
together = theano.function([], T.dot(one, two))()
