"""The C code of every row against NumPy in higher precision, in kernels made by hand: pyopencl is all this needs."""

from __future__ import annotations

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import pyopencl as cl
import pytest
from by_hand import build
from mako.template import Template
from oracle import ABSOLUTE, DOUBLE_ONLY, REFERENCES, RELAXED, SAME_PRECISION
from selection import chosen_devices, label

from clarray.codegen.templates import template_dir
from clarray.core import dtypes, expr, ops

SAMPLES = 300

SAMPLES = 300


def loops(op, fp64=True):
    """The dtypes for which a row has code, with that of the result."""
    for name, row in dtypes.NAMES.items():
        if (name in op.code or row.kind in op.code) and (fp64 or not row.is_double):
            operands, out = op.resolve((row.numpy,) * len(op.letters))
            yield [dtypes.row(d) for d in operands], dtypes.row(out)


def kernel(op, fp64):
    """One kernel a row: a statement for each dtype, since kernels rather than statements take time to build."""
    arguments, lines = [], []
    for n, (operands, out) in enumerate(loops(op, fp64)):
        names = []
        for k, row in enumerate(operands):
            arguments.append(f"global const {row.storage} *x{n}_{k}")
            lines.append(f"const {row.ctype} v{n}_{k} = {expr.loaded(f'x{n}_{k}[i]', row)};")
            names.append(f"v{n}_{k}")
        arguments.append(f"global {out.storage} *o{n}, int size{n}")
        lines.append(f"const {out.ctype} r{n} = {op.print(operands[-1], out, names)};")
        lines.append(f"if (i < size{n}) o{n}[i] = {expr.stored(f'r{n}', out)};")
    body = "\n    ".join(lines)
    return (
        f"kernel void row_{op.name}({', '.join(arguments)})\n{{\n    const int i = get_global_id(0);\n    {body}\n}}\n"
    )


@pytest.fixture(scope="module", params=chosen_devices(), ids=label)
def device(request):
    fp64 = bool(request.param.cl.double_fp_config)
    return build(request.param.cl, [kernel(op, fp64) for op in ops.UFUNCS.values()])


def specials(row):
    """Values where functions are most often wrong."""
    if row.kind == "b":
        return np.array([0, 1], bool)
    if row.kind in "iu":
        info = np.iinfo(row.numpy)
        near = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 31, 32, 63, 64, 100, info.max, info.max - 1, info.min, info.min + 1]
        near += [-1, -2, -3, -7, -8, -64] if row.kind == "i" else []
        return np.array(near, row.numpy)
    if row.kind == "f":
        info = np.finfo(row.numpy)
        near = [
            np.nan,
            np.inf,
            0.0,
            0.5,
            1,
            1.5,
            2,
            2.5,
            3,
            10,
            60,
            1e4,
            float(info.max),
            float(info.tiny),
            1 + float(info.eps),
        ]
        near += [1 - float(info.eps), float(info.smallest_subnormal) * 3, float(info.eps) ** 2]
        return np.array(near + [-x for x in near], row.numpy)
    real = np.array(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 1, -1, 2, -3, 30, -100, 1e30, -1e30, 1e-30],
        row.numpy.type(0).real.dtype,
    )
    pairs = np.array(list(itertools.product(real, real)))
    return pairs.copy().view(row.numpy).ravel()


def draw(rng, row, domain, n):
    """Random values of the domain; of integers and bools any."""
    if row.kind == "b":
        return rng.integers(0, 2, n).astype(bool)
    if row.kind in "iu":
        info = np.iinfo(row.numpy)
        wide = rng.integers(info.min, info.max, n, row.numpy, endpoint=True)
        small = np.clip(rng.integers(-9, 10, n), info.min, info.max).astype(row.numpy)
        return np.where(rng.integers(0, 2, n) > 0, wide, small)
    x = rng.uniform(*domain, n)
    if row.kind == "c":
        x = x + 1j * rng.uniform(*domain, n) * rng.choice([1, 0.01], n)
    return x.astype(row.numpy)


def operands_of(op, rows, rng):
    """Specials in every combination, then random samples."""
    domains = op.domain if isinstance(op.domain[0], tuple) else [op.domain] * len(rows)
    few = [specials(row) for row in rows]
    if len(rows) > 1:
        most = 40 if len(rows) == 2 else 12
        few = [s if len(s) <= most else rng.choice(s, most, replace=False) for s in few]
    grid = [g.ravel() for g in np.meshgrid(*few, indexing="ij")]
    return [np.concatenate([g, draw(rng, row, domain, SAMPLES)]) for g, row, domain in zip(grid, rows, domains)], grid[
        0
    ].size


def reference(op, xs, same_precision=False):
    """What NumPy says, in more digits where it can."""
    function = REFERENCES.get(op.name) or getattr(np, op.name)
    if op.name == "pow" and xs[0].dtype.kind in "iu":
        x, y = xs
        negative = y < 0
        odd = np.where(y & 1, x, x * x)
        unit = (x == 1) | (x == -1)
        return np.where(negative, np.where(unit, odd, 0), np.power(x, np.where(negative, 0, y))).astype(x.dtype)
    if op.name == "reciprocal" and xs[0].dtype.kind in "iu":
        return np.where(xs[0] == 0, 0, np.reciprocal(np.where(xs[0] == 0, 1, xs[0])))
    if op.name not in SAME_PRECISION and not same_precision:
        wider = {
            "float16": "f8",
            "float32": "f8",
            "float64": "f8" if op.name in DOUBLE_ONLY else "g",
            "complex64": "c16",
            "complex128": "G",
        }
        xs = [x.astype(wider.get(x.dtype.name, x.dtype)) for x in xs]
    return np.asarray(function(*xs))


def parts_equal(got, want, ulp):
    """Where real and imaginary parts are near, or the same infinity, or both NaN."""
    near = [
        (np.abs(g - w) <= ulp * np.abs(w)) | (g == w) | (np.isnan(g) & np.isnan(w))
        for g, w in ((got.real, want.real), (got.imag, want.imag))
    ]
    return near[0] & near[1]


def amplification(op, xs):
    """How much a relative error of a step in between grows: exp(y log x) has the absolute error of y log x."""
    return np.abs(xs[1] * np.log(xs[0])) if op.name == "pow" else 1


def wrong(op, xs, got, want, plain, out, denormals, factor):
    """Where `got` is not the row's many ulps from `want`, nor what NumPy gives in the same precision."""
    if out.kind in "biu":
        return got != want
    real = np.finfo(out.numpy).dtype
    eps, tiny = float(np.finfo(real).eps), float(np.finfo(real).tiny)
    rounded = want.astype(out.numpy)
    if out.kind == "c":
        ulp = np.maximum(op.ulp, 8) * eps * np.maximum(amplification(op, xs), 1)
        near = np.isfinite(rounded) & np.isfinite(got) & (np.abs(got - want) <= ulp * np.abs(want) + 4 * tiny)
        return ~(near | parts_equal(got, want.astype(out.numpy), ulp) | parts_equal(got, plain, ulp))
    same = (got == rounded) & ((got != 0) | (np.signbit(got) == np.signbit(rounded))) | (
        np.isnan(got) & np.isnan(rounded)
    )
    scale = np.maximum(np.abs(want), 1) if op.name in ABSOLUTE else np.abs(want)
    slack = 4 * float(np.finfo(real).smallest_subnormal) if denormals else 4 * tiny
    ulp = max(op.ulp * factor, 1 if op.ulp else 0)
    with np.errstate(all="ignore"):
        near = np.isfinite(got) & (np.abs(got - want) <= ulp * eps * scale + (slack if op.ulp or not denormals else 0))
        rim = (
            np.isinf(got)
            & (np.abs(want) >= float(np.finfo(real).max) * (1 - 2 * ulp * eps))
            & (np.sign(got) == np.sign(want))
        )
    zeros = (got == 0) & (rounded == 0)
    return ~(same | rim | (near & ~(zeros if denormals else False)))


@pytest.mark.parametrize("op", ops.UFUNCS.values(), ids=lambda op: op.name)
def test_row_computes_what_numpy_does(device, op):
    rng = np.random.default_rng(len(op.name))
    cases = []
    for rows, out in loops(op, device.fp64):
        xs, special_count = operands_of(op, rows, rng)
        cases.append((rows, out, xs, special_count))
    size = max(xs[0].size for _, _, xs, _ in cases)
    arguments, results = [], []
    flags = cl.mem_flags.COPY_HOST_PTR
    for _, out, xs, _ in cases:
        padded = [np.resize(x, size) for x in xs]  # every work-item loads every operand
        result = np.full(xs[0].size, 77, out.numpy)
        target = cl.Buffer(device.context, flags, hostbuf=result)
        arguments += [*(cl.Buffer(device.context, flags, hostbuf=x) for x in padded), target, np.int32(result.size)]
        results.append((target, result))
    getattr(device.program, f"row_{op.name}")(device.queue, (size,), None, *arguments)
    failures = []
    for (rows, out, xs, special_count), (target, got) in zip(cases, results):
        cl.enqueue_copy(device.queue, got, target)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = reference(op, xs)
            plain = reference(op, xs, same_precision=True) if out.kind == "c" else want
            bad = wrong(
                op, xs, got, want, plain, out, device.denormals, RELAXED.get(op.name, 1) if device.relaxed else 1
            )
        if not device.denormals:
            bad &= ~np.logical_or.reduce([subnormal(x) for x in xs])
        bad &= ~undecided(op, xs, device.relaxed)
        where = np.flatnonzero(bad)
        if where.size:
            shown = "; ".join(
                f"{tuple(x[i] for x in xs)} -> {got[i]} not {want[i]}" for i in where[:: max(1, where.size // 8)][:8]
            )
            failures.append(
                f"{rows[-1].name}: {where.size} of {got.size} ({np.sum(where >= special_count)} random): {shown}"
            )
    assert not failures, "\n".join(failures)


def subnormal(x):
    if x.dtype.kind not in "fc" or x.dtype == np.float16:
        return np.zeros(x.shape, bool)
    tiny = np.finfo(x.dtype).tiny
    parts = [x.real, x.imag] if x.dtype.kind == "c" else [x]
    return np.logical_or.reduce([(p != 0) & (np.abs(p) < tiny) for p in parts])


def undecided(op, xs, relaxed):
    """Operands for which C or NumPy leaves the answer open, or where NumPy, SciPy or rusticl is known to be wrong."""
    x = xs[0]
    none = np.zeros(x.shape, bool)
    if op.name in ("maximum", "minimum", "clip") and x.dtype.kind == "f":
        return np.sum([x == 0 for x in xs], axis=0) > 1  # either zero
    if op.name == "expm1" and x.dtype.kind == "c":
        return ~(np.abs(x.real) < 80)  # the standard's special values, not NumPy's
    if op.name == "log1p" and x.dtype.kind == "c":
        return np.abs(x) < 1e-15  # NumPy loses all digits
    if op.name in ("multiply", "square") and x.dtype == np.complex64:
        return np.logical_and.reduce([np.abs(x) > 1e19 for x in xs])  # NumPy overflows later where it has fma
    if op.name == "pow" and x.dtype.kind == "c":
        with np.errstate(all="ignore"):
            return ~(amplification(op, xs) < 80)
    if op.name == "erfinv":
        return x == 0  # SciPy drops the sign
    if op.name == "erfcinv":
        return (x == 1) | ((x > 0) & (x < 1e-307))  # SciPy has -0, and halves subnormal numbers
    if op.name == "lgamma":
        return x == -np.inf  # C has inf, SciPy -inf
    if op.name == "digamma":
        return (x < -0.5) & (np.abs(x - np.rint(x)) < 1e-3)  # SciPy is wrong beside the poles
    if op.name == "gamma" and relaxed:
        return x == 0
    return none


@pytest.mark.parametrize("device", chosen_devices()[:1], ids=label, indirect=True)
def test_half_round_trip(device):
    """All 65,536 halves, and floats about every one of them, ties included."""
    source = """
kernel void load(global const ushort *x, global float *o) { const int i = get_global_id(0); o[i] = half_load(x[i]); }
kernel void store(global const float *x, global ushort *o) { const int i = get_global_id(0); o[i] = half_store(x[i]); }
"""
    library = Template(filename=str(template_dir() / "lib/half.mako")).render(spec=SimpleNamespace(fp64=False))
    program = cl.Program(device.context, library + source).build()
    bits = np.arange(65536, dtype=np.uint16)
    values = bits.view(np.float16)
    got = apply(device, program.load, bits, np.float32)
    np.testing.assert_array_equal(got, values.astype(np.float32))
    with np.errstate(all="ignore"):
        x = values[np.isfinite(values)].astype(np.float32)
        middle = (x + np.nextafter(values[np.isfinite(values)], np.float16(np.inf)).astype(np.float32)) / 2
        x = np.concatenate(
            [x, middle, np.nextafter(middle, np.float32(np.inf)), np.nextafter(middle, np.float32(-np.inf))]
        )
        x = np.concatenate([x, np.float32([np.nan, 65519.99, 65520, 1e10, -1e10, 1e-10, 3e38, np.inf, -np.inf])])
        np.testing.assert_array_equal(apply(device, program.store, x, np.uint16).view(np.float16), x.astype(np.float16))


def apply(device, kernel, x, dtype):
    out = np.empty(x.shape, dtype)
    source, target = (cl.Buffer(device.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=a) for a in (x, out))
    kernel(device.queue, x.shape, None, source, target)
    cl.enqueue_copy(device.queue, out, target)
    return out
