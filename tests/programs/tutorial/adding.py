"""Adding scalars, and matrices given as lists."""

import clarray as theano
import clarray.tensor as T

x, y = T.dscalar("x"), T.dscalar("y")
z = x + y
add = theano.function([x, y], z)
five, decimals = add(2, 3), add(16.3, 12.1)
by_eval = z.eval({x: 16.3, y: 12.1})
formula = theano.pp(z)

a, b = T.dmatrices("a", "b")
add_matrices = theano.function([a, b], a + b)
matrix = add_matrices([[1, 2], [3, 4]], [[10, 20], [30, 40]])

u, v = T.vectors("u", "v")
polynomial = theano.function([u, v], u**2 + v**2 + 2 * u * v)([0, 1], [2, 3])
