"""Two results from one kernel, of inputs that are not contiguous: as a function, and as a kernel of one's own."""

import numpy as np

import clarray as ca
import clarray.tensor as T

rng = np.random.default_rng(5)
a = rng.standard_normal((6, 8)).astype("float32")[:, ::2]
b = rng.standard_normal((4, 6)).astype("float32").T

x, y = T.fmatrices("x", "y")
both = ca.function([x, y], [(x + y).transfer(None), (x - y).transfer(None)])
dx, dy = ca.asarray(a), ca.asarray(b.T).T
both(dx, dy)
before = ca.stats()
total, difference = both(dx, dy)
print("one kernel, two results:", (ca.stats() - before).launches, "launch")
assert np.array_equal(total.numpy(), a + b)
assert np.array_equal(difference.numpy(), a - b)

kernel = ca.ElementwiseKernel("T x, T y, T *total, T *difference", "total = x + y; difference = x - y")
total, difference = kernel(dx, dy)
assert np.array_equal(total.numpy(), a + b)
assert np.array_equal(difference.numpy(), a - b)
print("strided input:", dx.strides, dy.strides, "->", total.strides)
