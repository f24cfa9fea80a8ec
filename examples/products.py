"""A matrix product and an update by a scalar, as functions of inputs and of shared variables."""

import numpy as np

import clarray as theano
import clarray.tensor as T

rng = np.random.default_rng(3)
a = rng.standard_normal((1000, 500)).astype("float32")
b = rng.standard_normal((500, 1000)).astype("float32")
exact = a.astype("float64") @ b.astype("float64")

x, y = T.fmatrices("x", "y")
product = theano.function([x, y], T.dot(x, y))
shared_product = theano.function([], T.dot(theano.shared(a), theano.shared(b)))
for name, result in {"inputs": product(a, b), "shared": shared_product()}.items():
    print(f"dot of {name}: {result.shape}, largest error {abs(result - exact).max():.2e}")
    assert np.allclose(result, exact, atol=1e-3)

v = T.fvector("v")
s = theano.shared(np.float32(3), name="s")
scaled = theano.function([v], v + s * v)
data = rng.standard_normal(1000).astype("float32")
assert np.allclose(scaled(data), 4 * data)
s.set_value(np.float32(-1))
assert np.allclose(scaled(data), 0)
print("x + s*x follows the shared scalar")
