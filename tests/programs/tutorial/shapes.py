"""Shapes as values: rows, columns, dimshuffle, joins, and extents in arithmetic."""

import numpy as np

import clarray as theano
import clarray.tensor as T

m, r, c = T.matrix("m"), T.row("r"), T.col("c")
rng = np.random.default_rng(7)
data, row, col = (rng.normal(size=s).astype("float32") for s in ((4, 3), (1, 3), (4, 1)))

stretched = theano.function([m, r, c], (m + r) * c)(data, row, col)
shape = theano.function([m], m.shape)(data)
normalized = theano.function([m], (m - m.mean(axis=0)) / T.sqrt(m.shape[0].astype("float32")))(data)
outer = theano.function([m], m.dimshuffle(0, "x", 1) * m.dimshuffle("x", 0, 1))(data)
joined = theano.function([m], T.concatenate([m, m[::-1]], axis=1))(data)
parts = theano.function([m], T.split(m, [1, 2], 2, axis=1))(data)
stacked = theano.function([m], T.stack([m, -m]))(data)
flat = theano.function([m], m.flatten())(data)
tiled = theano.function([m], T.tile(m, (2, 1)))(data)
repeated = theano.function([m], T.repeat(m, 2, axis=0))(data)
rolled = theano.function([m], T.roll(m, 1, axis=0))(data)
diagonal = theano.function([], T.eye(3, 4, 1))()
numbers = theano.function([m], T.arange(m.shape[0]))(data)
ordered = theano.function([m], [T.sort(m, axis=0), T.argsort(m, axis=0)])(data)
summed = theano.function([m], [T.cumsum(m, axis=0), T.cumprod(m, axis=1)])(data)
