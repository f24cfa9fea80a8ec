"""A function and its state written to a file, read again, and going on."""

import pickle

import numpy as np

import clarray as theano
import clarray.tensor as T

x = T.vector("x")
total = theano.shared(np.zeros(3, "float32"), name="total")
f = theano.function([x], total * 2, updates=[(total, total + x)])
f([1, 2, 3])

loaded = pickle.loads(pickle.dumps(f))
first = loaded([1, 1, 1])
second = loaded([0, 0, 0])
original = total.get_value()
graph = pickle.loads(pickle.dumps(T.tanh(x) + 1))
