"""Python lists as arguments of a function of vectors."""

import clarray as theano
import clarray.tensor as T

x = T.vector("x")
y = T.vector("y")
add_vectors = theano.function([x, y], x + y)

print(add_vectors([1, 2, 3], [4, 5, 6]))
