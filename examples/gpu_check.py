"""Does it run on the device, and how fast: exp of 230,400 numbers, 1000 times, in three forms."""

import argparse
import time

import numpy as np

import clarray as theano
import clarray.tensor as T

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--iters", type=int, default=1000)
iters = parser.parse_args().iters
vlen = 10 * 30 * 768

x = theano.shared(np.random.default_rng(22).random(vlen).astype(theano.config.floatX))
forms = {
    "ndarray out": theano.function([], T.exp(x)),
    "device out": theano.function([], T.exp(x).transfer(None)),
    "borrowed out": theano.function([], theano.Out(T.exp(x).transfer(None), borrow=True)),
}

for name, f in forms.items():
    nodes = f.maker.fgraph.toposort()
    start = time.perf_counter()
    for _ in range(iters):
        r = f()
    if name != "ndarray out":
        r.sync()
    seconds = time.perf_counter() - start
    print(f"{name}: {iters} times took {seconds:.3f} seconds; result {np.asarray(r)}")
    if any(isinstance(n.op, T.Elemwise) and "Gpu" not in type(n.op).__name__ for n in nodes):
        print("Used the cpu")
    else:
        print("Used the gpu")
