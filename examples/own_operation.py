"""An operation of one's own: two results, an input that is not contiguous, a kernel in OpenCL C, and a gradient."""

import numpy as np

import clarray as ca
import clarray.tensor as T

SOURCE = """
kernel void polar(global const float *x, global const float *y, global float *radius, global float *angle) {
    const size_t i = get_global_id(0);
    radius[i] = hypot(x[i], y[i]);
    angle[i] = atan2(y[i], x[i]);
}
"""
kernel = ca.RawKernel(SOURCE, "polar").op(outputs=lambda x, y: [x, x], global_size=lambda x, *others: x.size)


class Polar(ca.Op):
    """Polar coordinates of points in the plane, in float32: radius and, `turns` of which make a circle, angle."""

    __props__ = ("turns",)

    def __init__(self, turns=1.0):
        self.turns = turns

    def infer(self, x, y):
        if x.dtype != np.float32 or y.dtype != np.float32:
            raise TypeError(f"Polar takes float32, {x} and {y} came")
        return [x, x]

    def lower(self, x, y):
        radius, angle = kernel(x, y)  # copies what does not lie in C order
        return radius, angle * (self.turns / (2 * np.pi))

    def grad(self, g, out, x, y):
        radius, scale = out[0], self.turns / (2 * np.pi)
        along = 0 if g[0] is None else g[0] / radius
        around = 0 if g[1] is None else g[1] * scale / radius**2
        return along * x - around * y, along * y + around * x


rng = np.random.default_rng(7)
a = rng.uniform(1, 2, (4, 6)).astype("float32")[:, ::2]  # every other column
b = rng.uniform(1, 2, (3, 4)).astype("float32").T

# on arrays
x, y = ca.asarray(a.base)[:, ::2], ca.asarray(b.T).T
radius, angle = Polar()(x, y)
assert np.allclose(radius.numpy(), np.hypot(a, b), rtol=1e-5)
assert np.allclose(angle.numpy(), np.arctan2(b, a) / (2 * np.pi), rtol=1e-5)
print("strided input:", x.strides, y.strides, "->", radius.strides)

# in a function, with what is around it, and differentiated
u, v = T.fmatrices("u", "v")
r, t = Polar(360.0)(u, v)
cost = (r * t).sum()
f = ca.function([u, v], [cost, *T.grad(cost, [u, v])])
value, du, dv = f(x, y)


def exact(a, b):
    return (np.hypot(a, b) * np.degrees(np.arctan2(b, a))).sum()


a, b, step = a.astype("float64"), b.astype("float64"), 1e-5
for found, (da, db) in ((du, (1, 0)), (dv, (0, 1))):
    for k in np.ndindex(a.shape):
        here = np.zeros_like(a)
        here[k] = step
        slope = (exact(a + da * here, b + db * here) - exact(a - da * here, b - db * here)) / (2 * step)
        assert np.isclose(found[k], slope, rtol=1e-3, atol=1e-3)
assert np.isclose(value, exact(a, b), rtol=1e-4)
print("two results and their gradient: cost", f"{float(value):.1f}")

# and under jit
moved = ca.jit(lambda x, y: Polar()(x + 1, y - 1))(x, y)
assert np.allclose(moved[0].numpy(), np.hypot(a + 1, b - 1), rtol=1e-5)
print("jit:", len(moved), "results of", moved[0].dtype)
