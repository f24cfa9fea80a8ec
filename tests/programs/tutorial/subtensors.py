"""Parts of an array set and increased, forward and in gradients."""

import numpy as np

import clarray as theano
import clarray.tensor as T

x = T.matrix("x")
value = T.vector("value")
rows = T.lvector("rows")
data = np.random.default_rng(4).normal(size=(6, 4)).astype("float32")
new = np.random.default_rng(5).normal(size=4).astype("float32")
where = np.array([1, 3, 1])

set_row = theano.function([x, value], T.set_subtensor(x[2], value))(data, new)
increased = theano.function([x], T.inc_subtensor(x[1:4, ::2], 10))(data)
at_rows = theano.function([x, value, rows], T.inc_subtensor(x[rows], value))(data, new, where)
masked = theano.function([x], T.set_subtensor(x[x < 0], 0))(data)
picked = theano.function([x, rows], x[rows, 1])(data, where)
positive = theano.function([x], x[x > 0])(data)

cost = (T.set_subtensor(x[2], value) ** 2).sum()
gradients = theano.function([x, value], T.grad(cost, [x, value]))(data, new)

state = theano.shared(data.copy(), name="state")
theano.function([value], updates=[(state, T.set_subtensor(state[0], value))])(new)
after = state.get_value()
