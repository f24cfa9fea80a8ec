"""Examples of rewrites: for each rule what is written and what it becomes, and what no rule touches."""

from __future__ import annotations

import numpy as np

import clarray.tensor as T
from clarray.core import linear, movement, ops, rows
from clarray.core.aval import Aval
from clarray.core.op import Composite
from clarray.tensor.basic import alloc

x, y = T.dvectors("x", "y")
i, j = T.ivectors("i", "j")
f, g = T.fvectors("f", "g")
h = T.tensor("float16", (False,), "h")
m, n = T.dmatrices("m", "n")
t = T.dtensor3("t")
s = T.dscalar("s")
z = T.zvector("z")
b = T.tensor("bool", (False,), "b")
r = T.drow("r")
index = T.lvector("index")
p = T.fmatrix("p")
k = T.lscalar("k")


class Doubled(Composite):
    """2 x"""

    name = "doubled"

    def infer(self, avals, params, fp64=True):
        return (Aval(avals[0].shape, avals[0].dtype),)

    def lower(self, x):
        return x + x


def kept(reduced):
    return reduced.dimshuffle(0, "x")


# rule: pairs of what is written and what it becomes; a trailing {} says where samples come from, by variable
CASES = {
    "drop_barrier": [(T.disconnected_grad(x), "x"), (T.zero_grad(x) + 1, "(x + 1)")],
    "take_apart": [(Doubled()(x), "(x + x)")],
    "cancel_transfers": [(x.transfer(None).transfer("cpu"), "x")],
    "fold_constants": [(T.constant(2.0) * 3 + 1, "7.0"), (x + T.constant(np.float64(2)) * 3, "(x + 6.0)")],
    "choose_by_constant": [(T.switch(True, x, y), "x"), (T.switch(T.constant(0), x, y), "y")],
    "choose_between_equals": [(T.switch(x > 0, y, y), "y"), (T.switch(b, i, i), "i")],
    "choose_by_negation": [(ops.where(ops.logical_not(x), x, y), "where(x, y, x)")],
    "compare_with_itself": [
        (T.eq(i, i), None),
        (T.lt(x, x), None),
        (T.ge(i, i), None),
        (T.gt(f, f), None),
        (T.neq(i, i), None),
    ],
    "drop_double_negation": [(ops.logical_not(ops.logical_not(b)), "b")],
    "negate_comparison": [
        (ops.logical_not(T.eq(x, y)), "(x != y)"),
        (ops.logical_not(T.lt(i, j)), "(i >= j)"),
        (ops.logical_not(T.neq(f, g)), "(f == g)"),
        (ops.logical_not(T.ge(i, j)), "(i < j)"),
    ],
    "join_equal_operands": [
        (T.maximum(x, x), "x"),
        (T.minimum(T.minimum(x, y), y), "minimum(x, y)"),
        (T.maximum(x, T.maximum(x, y)), None),
        (ops.logical_and(b, b), "b"),
        (ops.bitwise_or(i, i), "i"),
    ],
    "drop_multiply_by_one": [(x * 1, "x"), (1 * f, "f"), (i * 1, "i"), (z * 1, "z"), (m * T.ones_like(m), "m")],
    "drop_divide_by_one": [(x / 1, "x"), (z / 1.0, "z"), (i // 1, "i")],
    "drop_zero_term": [
        (i + 0, "i"),
        (0 + i, "i"),
        (x - 0, "x"),
        (x + -0.0, "x"),
        (i - 0, "i"),
        (-0.0 + f, "f"),
        (x - T.zeros_like(x), "x"),
    ],
    "multiply_by_zero": [(i * 0, None), (0 * j, None)],
    "subtract_from_itself": [(i - i, None), (i ^ i, None), (ops.logical_xor(x, x), None)],
    "drop_double_negative": [(T.neg(-x), "x"), (T.neg(-i), "i"), (T.neg(-z), "z")],
    "drop_positive": [(+x, "x"), (+i, "i")],
    "absorb_negative_terms": [
        (x + -y, "(x - y)"),
        (-x + y, "(y - x)"),
        (x - -y, "(x + y)"),
        (i - -j, "(i + j)"),
        (m + -r, "(m - r)"),
        (z - -z, "(z + z)"),
    ],
    "pull_out_negatives": [
        (-x * -y, "(x * y)"),
        (-x * y, "(-(x * y))"),
        (x / -y, "(-(x / y))"),
        (-f * 3, "(f * -3.0)"),
        (-i * j, "(-(i * j))"),
        (3 / -x, "(-3.0 / x)"),
    ],
    "negate_factor": [(-(x * 2), "(x * -2.0)")],
    "merge_factors": [
        (x * 2 * 3, "(x * 6.0)"),
        (x / 3 * 2, None),
        (x * 3 / 2, "(x * 1.5)"),
        (i * 2 * 3, "(i * 6)"),
        (f * 0.1 * 0.3, None),
        (2 * (h * 3), "(h * 6.0)"),
    ],
    "small_powers": [
        (x**1, "x"),
        (f**2, "square(f)"),
        (i**2, "square(i)"),
        (x**3, "(x * square(x))"),
        (x**4, "square(square(x))"),
        (x**-1.0, "reciprocal(x)"),
        (x**-2.0, "reciprocal(square(x))"),
        (x**0, None),
        (i**0, None),
        (z**2, "square(z)"),
        (x**0.5, "sqrt(x)", {"x": np.array([0.0, 1.5, 4, np.inf, np.nan])}),
        (f**-0.5, "rsqrt(f)", {"f": np.array([0.0, 1.5, 4, np.inf, np.nan])}),
    ],
    "drop_abs": [
        (abs(T.exp(x)), "exp(x)"),
        (abs(-x), "abs(x)"),
        (abs(abs(f)), "abs(f)"),
        (abs(-i), "abs(i)"),
        (abs(T.sqr(x)), "square(x)"),
    ],
    "drop_sign_of_square": [(T.sqr(-x), "square(x)"), (T.sqr(abs(x)), "square(x)"), (T.sqr(-i), "square(i)")],
    "drop_second_time": [
        (T.floor(T.floor(x)), "floor(x)"),
        (T.ceil(T.round(x)), "round(x)"),
        (T.sgn(T.sgn(x)), "sign(x)"),
        (T.floor(i), "i"),
        (ops.conj(ops.conj(z)), "z"),
        (ops.conj(x), "x"),
        (ops.real(x), "x"),
    ],
    "divide_by_reciprocal": [(x * (1 / y), "(x / y)"), (T.inv(y) * x, "(x / y)")],
    "divide_by_power_of_two": [(x / 4, "(x * 0.25)"), (f / -0.5, "(f * -2.0)")],
    "sigmoid_of_quotient": [
        (1 / (1 + T.exp(-x)), "expit(x)"),
        (1 / (T.exp(x - y) + 1), "expit((-(x - y)))"),
        (1 / (1 + T.exp(-x - y)), "expit((x + y))"),
        (T.inv(1 + T.exp(f)), "expit((-f))"),
        (y / (1 + T.exp(-x)), "(y * expit(x))"),
    ],
    "sigmoid_of_product": [
        (T.exp(x) / (1 + T.exp(x)), "expit(x)"),
        (T.exp(x) * T.sigmoid(-x), "expit(x)"),
        (T.sigmoid(x) * T.exp(-x), "expit((-x))"),
    ],
    "sigmoid_of_complement": [(1 - T.sigmoid(x), "expit((-x))")],
    "expm1_of_difference": [(T.exp(x) - 1, "expm1(x)"), (T.exp(f) + -1, "expm1(f)")],
    "softplus_of_log": [
        (T.log(T.sigmoid(x)), "(-logaddexp((-x), 0))"),
        (T.log(1 - T.sigmoid(x)), "(-logaddexp(x, 0))"),
        (T.log(1 + T.exp(x)), "logaddexp(x, 0)"),
        (T.log(1 + x), "log1p(x)"),
        (T.log(1 - f), "log1p((-f))", {"f": np.array([0.3, -0.5, np.nan, -np.inf, 1])}),
    ],
    "softplus_of_log1p": [(T.log1p(T.exp(x)), "logaddexp(x, 0)"), (T.log1p(-T.sigmoid(x)), "(-logaddexp(x, 0))")],
    "drop_log_of_exp": [(T.log(T.exp(x)), "x")],
    "drop_exp_of_log": [
        (T.exp(T.log(x)), "where((x >= 0), x, nan)"),
        (T.exp(T.log1p(f)), "where(((1.0 + f) >= 0), (1.0 + f), nan)"),
    ],
    "root_of_square": [(T.sqrt(T.sqr(x)), "abs(x)")],
    "logsumexp_of_log": [(T.log(T.exp(m).sum(axis=1)), "logsumexp(m, axis=1)"), (T.log(T.exp(x).sum()), None)],
    "drop_shift_of_logsumexp": [
        (
            T.log(T.exp(m - m.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)) + m.max(axis=1, keepdims=True),
            "logsumexp(m, axis=1, keepdims=True)",
        ),
        (T.log(T.exp(m - kept(m.max(axis=1))).sum(axis=1)) + m.max(axis=1), "logsumexp(m, axis=1)"),
    ],
    "drop_shift_of_softmax": [(rows.softmax(m - m.max(axis=1, keepdims=True), axis=1), "softmax(m, axis=1)")],
    "softmax_of_quotient": [
        (T.exp(m) / T.exp(m).sum(axis=1, keepdims=True), "softmax(m, axis=1)"),
        (T.exp(m) / kept(T.exp(m).sum(axis=1)), "softmax(m, axis=1)"),
        (T.exp(m) / T.exp(m).sum(axis=0), "softmax(m, axis=0)"),
        (T.exp(x) / T.exp(x).sum(), "softmax(x, axis=0)"),
        ((lambda e: e / e.sum(axis=1, keepdims=True))(T.exp(m - m.max(axis=1, keepdims=True))), "softmax(m, axis=1)"),
    ],
    "log_softmax_of_log": [(T.log(T.nnet.softmax(m)), "log_softmax(m, axis=-1)")],
    "log_of_chosen_softmax": [
        (T.log(T.nnet.softmax(m)[T.arange(5), index % 5]), None),
        (T.log(T.nnet.softmax(m)[:, 2]), None),
        (T.log(T.nnet.softmax(m).T), None),
    ],
    "drop_cast_to_same": [(movement.astype(x, dtype="float64"), "x"), (movement.astype(i, dtype="int32"), "i")],
    "join_casts": [
        (f.astype("float64").astype("float32"), "f"),
        (i.astype("float64").astype("int8"), "astype(i, dtype=int8)"),
        (i.astype("int64").astype("float32"), None),
        (b.astype("int8").astype("float32"), None),
    ],
    "drop_stretch_to_itself": [
        (movement.broadcast_like(x, x), "x"),
        (movement.broadcast_like(s, T.dscalar("other")), "s"),
    ],
    "join_stretches": [
        (movement.broadcast_like(movement.broadcast_like(s, x), m), None),
        (alloc(alloc(s, 5), 5, 5), None),
    ],
    "join_permutations": [(m.T.T, "m"), (t.dimshuffle(2, 0, 1).dimshuffle(2, 0, 1), None)],
    "join_reshapes": [
        (m.reshape((-1,)).reshape((5, 5)), None),
        (movement.reshape_like(m.reshape((-1,)), m), "m"),
        (movement.reshape_like(m, m), "m"),
    ],
    "drop_reshape_of_vector": [(x.reshape((-1,)), "x")],
    "drop_whole_slice": [(m[:], "m"), (m[:, ::1], "m"), (m[...], "m")],
    "read_what_was_written": [(T.set_subtensor(m[1:3], n[1:3])[1:3], None), (T.set_subtensor(x[2], 3)[2], None)],
    "write_everything": [(T.set_subtensor(x[:], y), None), (T.set_subtensor(m[...], 2), None)],
    "permute_operands": [((m + n).T * 2, None), ((m * x).T, None), (T.exp(t + s).dimshuffle(2, 0, 1), None)],
    "slice_operands": [
        ((m + n)[1], None),
        (T.exp(m * x)[:, 2], None),
        ((m + r)[1:3, 0], None),
        ((x * s)[k], None, {"k": np.array(2)}),
        (T.sqr(t + x)[..., 1], None),
        ((m + n)[None, ::2], None),
    ],
    "join_reductions": [
        (m.sum(axis=1).sum(), None),
        (t.max(axis=0).max(axis=1), None),
        (t.sum(axis=2, keepdims=True).sum(axis=0, keepdims=True), None),
        (T.all(T.all(b)), None),
        (m.prod(axis=0).prod(), None),
        (T.min(m.min(axis=0, keepdims=True)), None),
    ],
    "drop_reduction_of_one": [(r.sum(axis=0), None), (r.max(axis=0, keepdims=True), "r"), (r.mean(axis=0), None)],
    "sum_of_constant": [(T.ones_like(m).sum(), None), (T.zeros_like(i).sum(), None), (T.full_like(x, 2.5).sum(), None)],
    "pull_factors_out": [
        (T.dot(s * m, n), "(s * (m \\dot n))", {"s": 1.7}),
        (T.dot(m, -n), None),
        (T.dot(m / s, x), None, {"s": -0.3}),
        (T.dot(m, 0.5 * n.T), None),
    ],
    "transpose_factors": [(T.dot(m, n).T, None)],
}

DECLINED = [
    x + 0,
    0 + x,
    x * 0,
    x - x,
    x / x,
    x + x,
    x + 1e8 + -1e8,
    T.sqr(T.sqrt(x)),
    -(x - y),
    f * 1e-30 * 1e-30,
    x * (1 / s),
    rows.softmax(m - m.max(axis=1), axis=1),  # of a square, the maximum of another row
    ops.logsumexp(m - m.max(axis=1), axis=1) + m.max(axis=1),
    ops.logsumexp(m - kept(m.max(axis=1)), axis=1, keepdims=True) + m.max(axis=1),
    ops.logical_not(T.lt(x, y)),
    T.eq(x, x),
    i.astype("float32").astype("int32"),
    T.lvector().astype("float64").astype("int64"),
    x / 3,
    x / 1e-310,
    T.exp(x) - 2,
    i**5,
    z * 0,
    abs(z),
    T.log(T.exp(z)),
    T.sqrt(T.sqr(z)),
    T.exp(m) / T.exp(m).sum(axis=1),
    T.exp(m) / T.exp(n).sum(axis=1, keepdims=True),
    T.dot(h.dimshuffle("x", 0) * 0.5, h),
    T.dot(T.exp(m) * s, n),
    T.ivector() / 1,
    m.sum(axis=0) * -1,
    T.nnet.relu(T.dot(m, n))[0],
    (m + n)[:, None],
    movement.broadcast_like(r, m) * 2,
    linear.matmul(T.tensor3(), T.tensor3()).dimshuffle(0, 2, 1),
    x // 1,
    ops.maximum(x, y),
    T.switch(x > 0, x, y),
]
