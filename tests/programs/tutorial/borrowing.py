"""Who shares memory with whom: shared variables with and without borrow, arguments and results."""

import numpy as np

import clarray as theano
import clarray.tensor as T

array = np.ones(2, "float32")
default = theano.shared(array)
copied = theano.shared(array, borrow=False)
lent = theano.shared(array, borrow=True)
array += 1
values = [s.get_value().copy() for s in (default, copied)]

own = lent.get_value(borrow=False)
own[:] = 7
unchanged = lent.get_value()
inner = lent.get_value(borrow=True, return_internal_type=True)

x = T.vector("x")
f = theano.function([theano.In(x, borrow=True)], theano.Out((x * 2).transfer(None), borrow=True))
result = f(np.arange(3, dtype="float32"))
kept = result.numpy()
