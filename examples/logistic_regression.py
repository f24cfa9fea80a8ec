"""Logistic regression: 400 points of 784 features, trained by gradient descent, then predicted."""

import argparse

import numpy as np

import clarray as theano
import clarray.tensor as T

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=10_000)
training_steps = parser.parse_args().steps

rng = np.random.default_rng(7)
N, feats = 400, 784
D = (
    rng.standard_normal((N, feats)).astype(theano.config.floatX),
    rng.integers(size=N, low=0, high=2).astype(theano.config.floatX),
)

x = theano.shared(D[0], name="x")
y = theano.shared(D[1], name="y")
start = rng.standard_normal(feats).astype(theano.config.floatX)
w = theano.shared(start, name="w")
b = theano.shared(np.asarray(0.0, dtype=theano.config.floatX), name="b")

p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))  # the probability of a 1
prediction = p_1 > 0.5
xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)  # cross-entropy
cost = xent.mean() + 0.01 * (w**2).sum()
gw, gb = T.grad(cost, [w, b])

train = theano.function(
    inputs=[], outputs=[prediction, cost], updates=[(w, w - 0.1 * gw), (b, b - 0.1 * gb)], name="train"
)
predict = theano.function(inputs=[], outputs=prediction, name="predict")

names = [type(node.op).__name__ for node in train.maker.fgraph.toposort()]
if any(name in ("GpuGemv", "GpuGemm", "GpuElemwise") for name in names):
    print("Used the gpu:", ", ".join(names))
else:
    print("Used the cpu:", ", ".join(names))

for _ in range(training_steps):
    pred, err = train()

print("final cost:", float(err))
print("prediction agrees with the target on", int((predict() == D[1]).sum()), "of", N)
