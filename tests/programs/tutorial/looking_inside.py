"""What a graph and a function look like: a formula, a tree, pictures, a profile."""

import io
import tempfile
from pathlib import Path

import numpy as np

import clarray as theano
import clarray.tensor as T

x, w = T.matrix("x"), theano.shared(np.ones((3, 2), "float32"), name="w")
y = T.tanh(T.dot(x, w)).sum()
f = theano.function([x], [y, T.grad(y, w)], profile=True)

formula = theano.pp(y)
tree = theano.printing.debugprint(y, file="str")
compiled = theano.printing.debugprint(f, file="str")

data = np.random.default_rng(9).normal(size=(5, 3)).astype("float32")
value, gradient = f(data)
summary = io.StringIO()
f.profile.summary(summary)

folder = Path(tempfile.mkdtemp())
before, after = folder / "graph.svg", folder / "function.svg"
theano.printing.pydotprint(y, outfile=str(before), format="svg")
f.plot(str(after))
pictures = [path.read_text() for path in (before, after)]
