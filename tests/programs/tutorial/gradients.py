"""Gradients of a square and of the logistic function, and a gradient's formula."""

import numpy as np

import clarray as theano
import clarray.tensor as T

x = T.dscalar("x")
gradient = T.grad(x**2, x)
square = theano.function([x], gradient)
at_four, at_many = square(4), square(94.2)
formula = theano.pp(gradient)

m = T.dmatrix("m")
s = T.sum(1 / (1 + T.exp(-m)))
points = np.random.default_rng(2).normal(size=(4, 3)) * 3
logistic = theano.function([m], T.grad(s, m))(points)

a, b = T.dvectors("a", "b")
values = np.random.default_rng(3).normal(size=(2, 9))
both = theano.function([a, b], T.grad((T.tanh(a) * b).sum(), [a, b]))(*values)
squared = a**2
held = theano.function([a], T.grad((a * squared).sum(), a, consider_constant=[squared]))(values[0])
