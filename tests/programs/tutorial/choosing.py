"""An element of one of two arrays, by a condition: `switch`, and comparisons."""

import numpy as np

import clarray as theano
import clarray.tensor as T

a, b = T.scalars("a", "b")
x, y = T.matrices("x", "y")
left, right = np.random.default_rng(6).normal(size=(2, 8, 5)).astype("float32")

mean = theano.function([a, b, x, y], T.switch(T.lt(a, b), T.mean(x), T.mean(y)))
lower, upper = mean(0, 1, left, right), mean(1, 0, left, right)
larger = theano.function([x, y], T.switch(T.ge(x, y), x, y))(left, right)
counted = theano.function([x, y], [T.eq(x, y).sum(), T.neq(x, y).sum(), (x > y).sum(), T.and_(x > 0, y > 0).any()])(
    left, right
)
