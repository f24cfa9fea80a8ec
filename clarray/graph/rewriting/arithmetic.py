"""Canonical forms of sums, products, signs and powers.

Refused, because floating-point values would change: x + 0.0 -> x (of -0.0), 0 * x -> 0 and x - x -> 0 (of NaN and
infinities), x / x -> 1, (x + c) + d -> x + (c + d) (cancellation), -(x - y) -> y - x (the sign of a zero), and
square(sqrt(x)) -> x (of negative numbers). Refused, because nothing is gained: x + x -> 2 * x.
"""

from __future__ import annotations

import numpy as np

from clarray.core import movement, ops
from clarray.core.op import Op, Ufunc

from ..variable import Apply, Variable
from .database import rewrite
from .matching import is_normal, is_one, is_zero, made_by, number, real, uniform, value_of, with_constant


@rewrite(ops.multiply)
def drop_multiply_by_one(node: Apply) -> Variable | None:
    """x * 1 -> x"""
    x, y = node.inputs
    return x if is_one(y) else y if is_one(x) else None


@rewrite(ops.divide, ops.floor_divide)
def drop_divide_by_one(node: Apply) -> Variable | None:
    """x / 1 -> x, of floats; x // 1 -> x, of integers"""
    x, y = node.inputs
    return x if is_one(y) and x.aval.dtype.kind in ("fc" if node.op is ops.divide else "iu") else None


@rewrite(ops.add, ops.subtract)
def drop_zero_term(node: Apply) -> Variable | None:
    """x + 0 -> x and x - 0 -> x; of floats only x - 0.0 and x + -0.0, which leave -0.0 what it is"""
    x, y = node.inputs
    kind = node.out.aval.dtype.kind

    def leaves(zero: Variable) -> bool:
        """Whether a term leaves every other as it is."""
        return is_zero(zero) and (kind in "biu" or bool(np.signbit(value_of(zero))) == (node.op is ops.add))

    if kind == "c":
        return None
    return x if leaves(y) else y if node.op is ops.add and leaves(x) else None


@rewrite(ops.multiply)
def multiply_by_zero(node: Apply) -> Variable | None:
    """x * 0 -> 0, of integers and bools: of floats a NaN or an infinity makes it NaN"""
    if node.out.aval.dtype.kind not in "biu" or node.out.aval.weak is not None:
        return None
    x, y = node.inputs
    other = y if is_zero(x) else x if is_zero(y) else None
    if other is None or other.broadcastable != node.out.broadcastable:
        return None
    return movement.broadcast_like(number(0, node.out), other)


@rewrite(ops.subtract, ops.bitwise_xor, ops.logical_xor)
def subtract_from_itself(node: Apply) -> Variable | None:
    """x - x -> 0 and x ^ x -> 0, of integers and bools"""
    x, y = node.inputs
    exact = node.op is not ops.subtract or node.out.aval.dtype.kind in "iu"
    if x is not y or not exact or node.out.aval.weak is not None:
        return None
    return movement.broadcast_like(number(0, node.out), x)


@rewrite(ops.negative)
def drop_double_negative(node: Apply) -> Variable | None:
    """-(-x) -> x"""
    inner = made_by(node.inputs[0], ops.negative)
    return inner.inputs[0] if inner else None


@rewrite(ops.positive)
def drop_positive(node: Apply) -> Variable | None:
    """+x -> x"""
    return node.inputs[0]


@rewrite(ops.add, ops.subtract)
def absorb_negative_terms(node: Apply) -> Variable | None:
    """x + (-y) -> x - y, (-x) + y -> y - x, x - (-y) -> x + y"""
    x, y = node.inputs
    negative = made_by(y, ops.negative)
    if not (negative or made_by(x, ops.negative)) or not uniform(node, "iufc"):
        return None
    if negative:
        return (ops.subtract if node.op is ops.add else ops.add)(x, negative.inputs[0])
    negative = made_by(x, ops.negative) if node.op is ops.add else None
    return ops.subtract(y, negative.inputs[0]) if negative else None


@rewrite(ops.multiply, ops.divide)
def pull_out_negatives(node: Apply) -> Variable | None:
    """(-x) * (-y) -> x * y, (-x) * y -> -(x * y), and so in quotients; (-x) * c -> x * (-c)"""
    x, y = node.inputs
    first, second = made_by(x, ops.negative), made_by(y, ops.negative)
    if not (first or second) or not uniform(node, "f" if node.op is ops.divide else "iuf"):
        return None
    a, b = first.inputs[0] if first else x, second.inputs[0] if second else y
    if first and second:
        return node.op(a, b)
    for k, v in enumerate((a, b)):
        value = value_of(v)
        if value is not None and node.out.aval.dtype.kind == "f":
            c = number(-value, node.out)
            return node.op(c, b) if k == 0 else node.op(a, c)
    return ops.negative(node.op(a, b))


@rewrite(ops.negative)
def negate_factor(node: Apply) -> Variable | None:
    """-(x * c) -> x * (-c), of floats"""
    inner = made_by(node.inputs[0], ops.multiply)
    found = with_constant(inner) if inner and real(inner) else None
    return found[0] * number(-found[1], node.out) if found else None


@rewrite(ops.multiply, ops.divide)
def merge_factors(node: Apply) -> Variable | None:
    """(x * c) * d -> x * (c*d), (x / c) * d -> x * (d/c), (x * c) / d -> x * (c/d), unless beyond the dtype's range

    Rounding twice gives way to rounding twice: the bound of the error stays what it was.
    """
    outer = with_constant(node)
    inner = made_by(outer[0], ops.multiply, ops.divide) if outer else None
    if outer is None or inner is None:
        return None
    divisions = [n for n in (node, inner) if n.op is ops.divide]
    if len(divisions) == 2 or any(value_of(n.inputs[1]) is None for n in divisions):
        return None
    found, kinds = with_constant(inner), "f" if divisions else "iuf"
    if found is None or not uniform(node, kinds) or not uniform(inner, kinds):
        return None
    if inner.out.aval.dtype != node.out.aval.dtype:
        return None
    dtype = node.out.aval.dtype
    with np.errstate(all="ignore"):
        c, d = dtype.type(found[1]), dtype.type(outer[1])
        product = c / d if node.op is ops.divide else d / c if inner.op is ops.divide else c * d
    if dtype.kind == "f" and not is_normal(dtype.type(product)):
        return None
    return found[0] * number(product, node.out)


@rewrite(ops.pow)
def small_powers(node: Apply) -> Variable | None:
    """x**0 -> 1, x**1 -> x, x**2 -> square(x), x**3 -> x * square(x), x**4 -> square(square(x)); of floats also
    x**-1 -> 1/x, x**-2 -> 1/square(x), x**0.5 -> sqrt(x), as NumPy has it, and x**-0.5 -> rsqrt(x)

    Of -inf the last two are NaN where pow is an infinity and a zero.
    """
    x, y = node.inputs
    power = value_of(y)
    if power is None or x.aval.dtype != node.out.aval.dtype or x.aval.dtype.kind not in "iufc":
        return None
    if power == 0 and node.out.aval.weak is None:
        return movement.broadcast_like(number(1, node.out), x)
    for exponent, form in ((1, lambda: x), (2, lambda: ops.square(x))):
        if power == exponent:
            return form()
    kind = x.aval.dtype.kind
    if kind in "iuf" and power in (3, 4):
        return x * ops.square(x) if power == 3 else ops.square(ops.square(x))
    if kind in "fc" and power == -1:
        return ops.reciprocal(x)
    if kind != "f":
        return None
    if power == -2:
        return ops.reciprocal(ops.square(x))
    return ops.sqrt(x) if power == 0.5 else ops.rsqrt(x) if power == -0.5 else None


NONNEGATIVE = (ops.abs, ops.exp, ops.exp2, ops.expit, ops.square)
ROUNDED = (ops.floor, ops.ceil, ops.trunc, ops.round)


@rewrite(ops.abs)
def drop_abs(node: Apply) -> Variable | None:
    """|x| -> x where x is |y|, square(y), exp(y) or expit(y), and of unsigned integers and bools; |-x| -> |x|"""
    (x,) = node.inputs
    if x.aval.dtype.kind in "bu":
        return x
    if made_by(x, ops.negative):
        return ops.abs(x.owner.inputs[0])  # type: ignore[union-attr]
    return x if x.aval.dtype.kind == "f" and made_by(x, *NONNEGATIVE) else None


@rewrite(ops.square)
def drop_sign_of_square(node: Apply) -> Variable | None:
    """square(-x) -> square(x), square(|x|) -> square(x), of reals"""
    inner = made_by(node.inputs[0], ops.negative, ops.abs)
    if not inner or inner.inputs[0].aval.dtype != node.out.aval.dtype or node.out.aval.dtype.kind not in "iuf":
        return None
    return ops.square(inner.inputs[0])


@rewrite(*ROUNDED, ops.sign, ops.conj, ops.real)
def drop_second_time(node: Apply) -> Variable | None:
    """f(f(x)) -> f(x) for sign, real and the functions that round, also of one another; conj(conj(x)) -> x; of integers
    those that round, and of reals real and conj, -> x"""
    (x,) = node.inputs
    if x.aval.dtype != node.out.aval.dtype:
        return None
    kind = x.aval.dtype.kind
    if (node.op in ROUNDED and kind in "iu") or (node.op in (ops.conj, ops.real) and kind in "iuf"):
        return x
    if node.op is ops.conj:
        inner = made_by(x, ops.conj)
        return inner.inputs[0] if inner else None
    same = ROUNDED if node.op in ROUNDED else (node.op,)
    return x if kind in "fc" and made_by(x, *same) else None


@rewrite(ops.multiply, phase="specialize", asks=True)
def divide_by_reciprocal(node: Apply, uses: object) -> Variable | None:
    """x * (1/y) -> x / y, which rounds once, where that takes no more divisions"""
    if not real(node):
        return None
    for x, y in (node.inputs, node.inputs[::-1]):
        inner = made_by(y, ops.reciprocal, ops.divide)
        if inner is None or uses(y) > 1 or y.broadcastable != node.out.broadcastable:  # type: ignore[operator]
            continue
        if inner.op is ops.divide and not is_one(inner.inputs[0]):
            continue
        if not value_of(x) and inner.inputs[-1].broadcastable == y.broadcastable:
            return x / inner.inputs[-1]
    return None


@rewrite(ops.divide, phase="specialize")
def divide_by_power_of_two(node: Apply) -> Variable | None:
    """x / c -> x * (1/c), where c is a power of two and both are exact"""
    value = value_of(node.inputs[1])
    if value is None or not real(node) or value_of(node.inputs[0]) is not None:
        return None
    c = node.out.aval.dtype.type(value)
    if not is_normal(c) or abs(np.frexp(c)[0]) != 0.5 or not is_normal(1 / c):
        return None
    return node.inputs[0] * number(1 / c, node.out)


def is_unary(op: Op) -> bool:
    """Whether an Op is a function of one element."""
    return isinstance(op, Ufunc) and len(op.letters) == 1
