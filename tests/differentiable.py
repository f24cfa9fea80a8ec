"""Expressions, at least one for each Op that has a derivative: what tests of derivatives go through."""

from __future__ import annotations

import numpy as np

import clarray as ca
import clarray.tensor as T
from clarray.core import cumulative, decompositions, diagonal, fft, indexing, joining, movement, ops, rows, sorting
from clarray.core.linear import gemm, matmul, tensordot
from clarray.core.op import Op


def cube(x):
    """Something whose second derivative is not zero."""
    return x * x * x


def definite(x):
    """Positive definite matrices."""
    return T.dot(x, x.T) + 3 * np.eye(3)


INDEX = np.array([[0, 2], [2, 1]])
WHOLE = (None, None, None)
REDUCED = {
    f"{op.name} {axis}": lambda x, op=op, axis=axis: op(x, axis=axis) * op(x, axis=axis)
    for op in ops.REDUCTIONS.values()
    if op.gradient and op.name != "var"
    for axis in (None, 1)
}
ONE = {
    **REDUCED,
    "var": lambda x: T.var(x, axis=0),
    "std": lambda x: T.std(x),
    "permute_dims": lambda x: cube(movement.permute_dims(x, axes=(1, 0))),
    "reshape": lambda x: cube(movement.reshape(x, shape=(2, -1))),
    "reshape_like": lambda x: cube(movement.reshape_like(x, T.constant(np.zeros((2, 6))))),
    "broadcast_to": lambda x: cube(movement.broadcast_to(x, shape=(2, 3, 4))),
    "broadcast_like": lambda x: cube(movement.broadcast_like(x[0], x * 2)),
    "slice": lambda x: cube(x[1:, ::-2]) * x[0, 1],
    "unslice": lambda x: cube(movement.unslice(cube(x), T.constant(np.zeros((6, 9))), index=((1, 4, None), (0, 8, 2)))),
    "astype": lambda x: cube(x).astype("float64"),
    "where": lambda x: T.switch(x > 1, cube(x), x * x),
    "clip": lambda x: cube(T.clip(x * x, 0.5, 1.5)),
    "take": lambda x: cube(indexing.take(x, T.constant(INDEX), axes=(0,), position=0)),
    "take 2": lambda x: cube(x[np.array([0, 2, 2]), np.array([1, 1, 3])]),
    "gather_back": lambda x: cube(
        indexing.gather_back(cube(x), T.constant(np.zeros((5, 4))), T.constant(INDEX[:, 0][[0, 1, 1]]),
                             axes=(0,), position=0, ordered=False)
    ),
    "cumulative_sum": lambda x: cube(cumulative.cumulative_sum(cube(x), axis=1)),
    "cumulative_prod": lambda x: cumulative.cumulative_prod(x, axis=0),
    "sort": lambda x: cube(sorting.sort(x * x, axis=1, descending=False)) * x,
    "topk": lambda x: cube(sorting.topk(x * x, axis=1, k=2, descending=True)[0]),
    "softmax": lambda x: rows.softmax(x, axis=1) * x,
    "log_softmax": lambda x: rows.log_softmax(x, axis=0) * x,
    "layer_norm": lambda x: rows.layer_norm(x, axis=1, epsilon=0.01) * x,
    "rfft": lambda x: T.real(cube(fft.rfft(x, axis=1))) + T.imag(fft.rfft(x * x, axis=-1, n=5, norm="ortho")),
    "irfft": lambda x: cube(fft.irfft(fft.rfft(cube(x), axis=0), axis=0, n=4)),
    "fft": lambda x: T.real(fft.ifft(cube(fft.fft(x, axis=0)), axis=1, n=3)),
    "hfft": lambda x: cube(fft.hfft(fft.ihfft(x, axis=1), axis=1)),
    "sqrt of sum": lambda x: T.sqrt((x * x).sum(axis=1, keepdims=True)) * x,
    "dot": lambda x: T.dot(x, x.T),
    "diagonal": lambda x: cube(diagonal.diagonal(x, offset=1)) * x[0, 0],
    "undiagonal": lambda x: cube(diagonal.undiagonal(cube(x[0, :3]), T.constant(np.zeros((3, 4))), offset=1)),
    "from_diagonal": lambda x: cube(diagonal.from_diagonal(x * x, offset=-1)),
    "triangles": lambda x: cube(diagonal.lower_triangle(x, k=0)) + diagonal.upper_triangle(x * x, k=1),
    "cholesky": lambda x: decompositions.cholesky(definite(x)),
    "inverse": lambda x: decompositions.inverse(definite(x)),
    "det": lambda x: T.log(decompositions.det(definite(x))),
    "slogdet": lambda x: decompositions.slogdet(definite(x))[1] * x,
    "solve": lambda x: decompositions.solve(definite(x), x),
    "solve for a vector": lambda x: decompositions.solve(definite(x), x[:, 0] * x[:, 1]),
    "solve_triangular": lambda x: decompositions.triangular(definite(x), x, lower=True),
    "rebroadcast": lambda x: cube(T.addbroadcast(x[:1], 0) * x),
    "disconnected_grad": lambda x: x * x,
    "grad_scale": lambda x: cube(x),
}  # fmt: skip

TWO = {
    "matmul": (lambda a, b: matmul(a, b) * matmul(cube(a), b), (3, 4), (4, 2)),
    "matmul of stacks": (lambda a, b: cube(matmul(a, b)), (2, 3, 4), (4, 2)),
    "matrix and vector": (lambda a, b: cube(matmul(a, b)), (3, 4), (4,)),
    "vector and matrix": (lambda a, b: cube(matmul(a, b)), (4,), (4, 2)),
    "two vectors": (lambda a, b: cube(matmul(a, b)), (4,), (4,)),
    "gemm": (lambda a, b: cube(gemm(a, b, alpha=0.5)), (3, 4), (4, 2)),
    "tensordot": (lambda a, b: cube(tensordot(a, b, axes=((1, 0), (0, 2)))), (2, 3, 2), (3, 2, 2)),
    "concat": (lambda a, b: cube(joining.concat(a, b * b, axis=1)), (2, 3), (2, 2)),
    "put": (
        lambda a, b: cube(indexing.put(a, b * b, T.constant(np.array([2, 0])), axes=(0,), position=0)), (3, 4), (2, 4)
    ),
    "put_add": (
        lambda a, b: cube(
            indexing.put_add(a, b * b, T.constant(np.array([2, 2])), axes=(0,), position=0, ordered=False)
        ), (3, 4), (2, 1),
    ),
    "put_slice": (lambda a, b: cube(Op.registry["put_slice"](a, b * b, index=((1, None, None),))), (3, 4), (2, 4)),
    "add_slice": (lambda a, b: cube(Op.registry["add_slice"](a, b * b, index=((1, None, None),))), (3, 4), (4,)),
    "layer_norm with a weight": (lambda a, b: rows.layer_norm(a, b * b, axis=1, epsilon=0.1) * a, (3, 4), (4,)),
    "broadcasting": (lambda a, b: cube(a * b) / (1 + b), (3, 1), (1, 4)),
}  # fmt: skip

COMPLEX = {
    "abs": lambda z: T.abs_(z) * T.real(z),
    "sign": lambda z: T.real(T.sgn(z) * z * z),
    "angle": lambda z: ca.angle(z) * T.real(z),
    "conj": lambda z: T.real(T.conj(z) * z * z),
    "exp": lambda z: T.imag(T.exp(z) * z),
    "matmul": lambda z: T.real(matmul(z, cube(z).T)),
    "fft": lambda z: T.real(cube(fft.fft(z, axis=1))),
    "mixed": lambda z: T.abs_(T.real(z) * z * z),
}
