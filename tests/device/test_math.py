"""Inline math: every function on every device, over all exponents and near where functions turn, and the mechanism."""

from __future__ import annotations

import re

import numpy as np
import oracle
import pyopencl as cl
import pytest
from scipy import special

import clarray as ca
from clarray.codegen import inline
from clarray.codegen.inline import BUILTINS, FUNCTIONS, INLINE
from clarray.codegen.templates import render
from clarray.device.program import Programs

ULPS = {"pow": 8, "tgamma": 8, "lgamma": 8}
BINARY = ("pow", "atan2", "hypot")
REFERENCES = {
    "exp10": lambda x: np.power(10.0, x),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": special.erf,
    "erfc": special.erfc,
    "special_erfinv": lambda x: np.copysign(special.erfinv(x), x),  # SciPy drops the sign of zero
    "special_expit": special.expit,
    "tgamma": lambda x: np.where(x == -np.inf, np.nan, special.gamma(x)),
    "lgamma": lambda x: np.where(x == -np.inf, np.inf, special.gammaln(x)),
}
SPECIALS = np.array(
    [0, 0.5, 1, 1.5, 2, 2.5, 3, 8, 10, 16777216, 1e10, 1e30, 3.4028235e38, np.inf, np.nan, 1e-45, 1e-40, 1.1754944e-38]
    + [1 - 2**-24, 1 + 2**-23, 88.72284, 88.0, 127.99999, 128, 38.53184, 35.04010, 42.0],
    np.float32,
)
SPECIALS = np.concatenate([SPECIALS, -SPECIALS])
TURNS = (0.5, 0.625, 0.7853982, 1, 1.5707964, 2, 2.4142135, 3, 4, 8, 10, 20, 88, 104)


class OneCall:
    """The Spec of a kernel that a test writes itself."""

    wide = False

    def __init__(self, text, fp64=False):
        self.preamble, self.fp64 = text, fp64


def apply(ctx, call, *xs):
    """`call` of each element of arrays of one dtype, in one kernel with all of `templates/lib` that it needs."""
    ctype = "double" if xs[0].dtype == np.float64 else "float"
    arrays = "".join(f"global const {ctype} *x{k}, " for k in range(len(xs)))
    loads = ", ".join(f"x{k}[i]" for k in range(len(xs)))
    text = (
        f"kernel void kernel_main(global {ctype} *o, {arrays[:-2]})\n"
        f"{{\n    const int i = get_global_id(0);\n    o[i] = {call}({loads});\n}}\n"
    )
    chosen = ctx.traits.inline_math | FUNCTIONS
    program = ctx.programs.build(render("lib/prelude", OneCall(text, ctype == "double"), chosen))
    out = np.empty_like(xs[0])
    buffers = [cl.Buffer(ctx.cl, cl.mem_flags.COPY_HOST_PTR, hostbuf=x) for x in (out, *xs)]
    cl.Kernel(program, "kernel_main")(ctx.queue, out.shape, None, *buffers)
    cl.enqueue_copy(ctx.queue, out, buffers[0])
    return out


def every_exponent(rng, count=60_000):
    """Random floats of all signs and sizes."""
    return rng.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)


def operands(rng, name):
    around = np.concatenate([np.float32(t) * (1 + np.arange(-40, 41, dtype=np.float32) * 2**-23) for t in TURNS])
    one = np.concatenate(
        [SPECIALS, every_exponent(rng), *(rng.uniform(-w, w, 20_000) for w in (1, 12, 110)), around, -around]
    ).astype(np.float32)
    if name not in BINARY:
        return (one,)
    x, y = (a.ravel() for a in np.meshgrid(SPECIALS, SPECIALS))
    if name == "pow":  # where the power is finite
        base = np.exp(rng.uniform(-60, 60, 30_000)).astype(np.float32)
        near = (1 + rng.uniform(-0.5, 0.5, 30_000)).astype(np.float32)
        bases = np.concatenate([base, near])
        powers = (rng.uniform(-104, 90, bases.size) / np.log(bases.astype(np.float64))).astype(np.float32)
    else:
        bases = rng.permutation(one)
        powers = (bases * np.exp(rng.uniform(-6, 6, bases.size))).astype(np.float32)
    tiny = rng.integers(0, 40, (2, 2000), dtype=np.uint32).view(np.float32)  # their products have no digits left
    return np.concatenate([x, one, bases, tiny[0]]), np.concatenate([y, rng.permutation(one), powers, tiny[1]])


def reference(name, *xs):
    with np.errstate(all="ignore"):
        return (REFERENCES.get(name) or getattr(np, name))(*(x.astype(np.float64) for x in xs))


def least(name, x):
    """Ulps are of at least this: near the zeros of lgamma only the absolute error is bounded."""
    return np.maximum(1, -x) if name == "lgamma" else np.zeros_like(x)


def wrong(got, want, limit, least, denormals):
    """Where a value is more than `limit` ulps off, or a special value is not C's."""
    tiny, last = np.finfo(np.float32).tiny, float(np.finfo(np.float32).max)
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        size = np.minimum(np.maximum(np.abs(rounded), least), np.float32(last))
        far = np.where(np.isinf(got), np.copysign(2.0**128, got), got)
        near = np.abs(far - want) <= limit * np.spacing(size).astype(np.float64) + (0 if denormals else tiny)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    zeros = (got == 0) & (rounded == 0) & (np.signbit(got) != np.signbit(rounded)) & denormals
    return ~(same | near) | zeros


@pytest.mark.parametrize("name", [*sorted(FUNCTIONS), "special_erfinv", "special_expit"])
def test_values(name, ctx, rng):
    """At most 4 ulp (pow and the gammas 8) from the true value, and C's special values."""
    xs = operands(rng, name)
    if not ctx.traits.denormals:
        tiny = np.finfo(np.float32).tiny
        keep = np.logical_and.reduce([(x == 0) | ~(np.abs(x) < 4 * tiny) for x in xs])
        xs = tuple(x[keep] for x in xs)
    got, want = apply(ctx, INLINE.get(name, name), *xs), reference(name, *xs)
    bad = np.flatnonzero(wrong(got, want, ULPS.get(name, 4), least(name, xs[0]), ctx.traits.denormals))
    shown = [f"{name}{tuple(float(x[i]) for x in xs)} -> {got[i]}, not {want[i]}" for i in bad[:8]]
    assert not bad.size, f"{bad.size} of {got.size} differ:\n  " + "\n  ".join(shown)


DOUBLES = ("exp", "exp2", "exp10", "expm1", "log", "log2", "log10", "log1p",
           "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")  # fmt: skip


@pytest.mark.parametrize("name", DOUBLES)
@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no type with more digits to compare with")
def test_values_of_doubles(name, ctx, fp64, rng):
    """At most 4 ulp from the true value, and C's special values."""
    tiny, last, inf = 5e-324, np.finfo(np.float64).max, np.inf
    specials = [0, 1, 0.5, 2, 1e-310, tiny, 2.2250738585072014e-308, last, inf, np.nan, 1 - 2**-53, 1 + 2**-52]
    specials += [709.782712893384, 710.4758600739439, 745.1332191019411, 308.25471555991674, 1024, 1074.5, 36.7]
    everywhere = rng.integers(0, 1 << 63, 40_000, dtype=np.uint64).view(np.float64)
    turns = np.concatenate([t * (1 + np.arange(-40, 41) * 2.0**-52) for t in TURNS])
    x = np.concatenate([specials, turns, everywhere, *(rng.uniform(0, w, 20_000) for w in (1e-3, 1, 25, 750))])
    x = np.concatenate([x, -x])
    with np.errstate(all="ignore"):
        want = np.power(np.longdouble(10), x) if name == "exp10" else getattr(np, name)(x.astype(np.longdouble))
        rounded = want.astype(np.float64)
        got = apply(ctx, INLINE[name], x)
        near = np.abs(got - want) <= 4 * np.spacing(np.minimum(np.abs(rounded), last))
        near |= np.isinf(rounded) & (np.abs(got) >= last * (1 - 2**-50)) | np.isinf(got) & (
            np.abs(rounded) > last * (1 - 2**-50)
        )
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    bad = np.flatnonzero(~(same | near) | (got == 0) & (rounded == 0) & (np.signbit(got) != np.signbit(rounded)))
    shown = [f"{name}({x[i]!r}) -> {got[i]!r}, not {rounded[i]!r}" for i in bad[:8]]
    assert not bad.size, f"{bad.size} of {got.size} differ:\n  " + "\n  ".join(shown)


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_compilers_own_functions(name, ctx, rng):
    """The functions of one instruction give what the builtins give, where a device wants them inline."""
    if name not in ctx.traits.inline_math:
        pytest.skip("this device's builtins are inlined by its compiler")
    count = 2 if name in ("copysign", "fmin", "fmax") else 1
    xs = tuple(np.concatenate([rng.permutation(SPECIALS), every_exponent(rng, 5000)]) for _ in range(count))
    got, want = apply(ctx, INLINE[name], *xs), apply(ctx, name, *xs)
    if name.startswith("is") or name == "signbit":
        got, want = got != 0, want != 0
    np.testing.assert_array_equal(got, want)


def test_a_kernel_of_a_row_calls_the_inline_version(ctx, rng, monkeypatch):
    """Where the device wants it, and only there."""
    assert ctx.traits.inline_math <= INLINE.keys()
    assert (ctx.traits.inline_math >= BUILTINS) == ("builtins_not_inlined" in ctx.traits.quirks)
    sources = []
    build = Programs.build
    monkeypatch.setattr(Programs, "build", lambda self, text, *args: sources.append(text) or build(self, text, *args))
    for wanted in (ctx.traits.inline_math, frozenset(), frozenset({"exp"})):
        sources.clear()
        with oracle.with_traits(ctx, monkeypatch, f"with {len(wanted)} inline", inline_math=wanted) as context:
            monkeypatch.setattr(context, "programs", Programs(context))
            x = rng.uniform(-1, 1, 5).astype(np.float32)
            np.testing.assert_allclose(ca.log(ca.exp(ca.asarray(x)) + 1).numpy(), np.log(np.exp(x) + 1), rtol=1e-6)
        bodies = [text[text.index("kernel_main") :] for text in sources]
        for name in ("exp", "log"):
            called, inline_called = (
                any(re.search(rf"(?<!\w){f}\(", body) for body in bodies) for f in (name, INLINE[name])
            )
            assert (called, inline_called) == (name not in wanted, name in wanted)


def test_only_whole_names_that_are_called_are_replaced():
    text = "exp(x) + my_exp(x) + a.exp(y) + exp2(x) + exp + expm1 (x) + special_exp(x)"
    assert inline.inline_calls(text, {"exp"}) == text.replace("exp(x)", "exponential_exp(x)", 1)
    assert inline.inline_calls(text, frozenset()) == text


def test_libraries_of_special_functions_call_inline_versions():
    source = render("lib/prelude", OneCall("float f(float x) { return special_expit(x); }"), frozenset({"exp", "fabs"}))
    body = re.search(r"float special_expit\(float x\)\n\{.*?\n\}", source, re.DOTALL)
    assert body is not None
    assert "exponential_exp(-real_fabs(x))" in body[0]


def test_own_code_stays_as_written():
    spec = OneCall("float f(float x) { return special_expit(x) + exp(x); }")
    spec.own_code = True
    assert "exponential" not in render("lib/prelude", spec, frozenset({"exp"}))
