"""Inputs with a default, found by name."""

import clarray as theano
import clarray.tensor as T

x, y, w = T.dscalars("x", "y", "w")
plain = theano.function([x, theano.In(y, value=1)], x + y)
with_default, without = plain(33), plain(33, 2)

scaled = theano.function([x, theano.In(y, value=1), theano.In(w, value=2, name="scale")], (x + y) * w)
results = [scaled(33), scaled(33, 2), scaled(33, 0, 1), scaled(33, scale=1), scaled(33, scale=1, y=0)]
