"""A line through noisy points, by gradient descent and by the normal equations."""

import numpy as np

import clarray as theano
import clarray.tensor as T

rng = np.random.default_rng(8)
xs = rng.uniform(-1, 1, 200).astype("float32")
ys = (3 * xs - 0.5 + rng.normal(size=200) * 0.1).astype("float32")

x, y = T.vectors("x", "y")
slope, offset = theano.shared(np.float32(0), "slope"), theano.shared(np.float32(0), "offset")
cost = T.mean((slope * x + offset - y) ** 2)
updates = [(p, p - np.float32(0.5) * T.grad(cost, p)) for p in (slope, offset)]
train = theano.function([x, y], cost, updates=updates)
costs = [float(train(xs, ys)) for _ in range(200)]
found = float(slope.get_value()), float(offset.get_value())

design = T.stack([x, T.ones_like(x)], axis=1)
solution = T.slinalg.solve(T.dot(design.T, design), T.dot(design.T, y))
exact = theano.function([x, y], solution)(xs, ys)
