"""The C code of every reduction's row, in kernels made by hand: maps, combines, identities and ends."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pyopencl as cl
import pytest
from by_hand import build
from scipy import special
from selection import chosen_devices, label

from clarray.core import dtypes, expr, ops

LENGTH = 97


def text_of(code, op, acc, out, x="x"):
    """Code with its holes filled."""
    kind = acc.kind
    state = field_rows(op, acc)
    low = {"f": "-INFINITY", "b": "0", "u": "0", "i": expr.literal(np.iinfo(acc.numpy).min, acc) if kind == "i" else ""}
    high = {"f": "INFINITY", "b": "1"}.get(kind) or (expr.literal(np.iinfo(acc.numpy).max, acc) if kind in "iu" else "")
    holes = {"{S}": state[0].ctype, "{R}": acc.real_ctype, "{T}": out.ctype, "{MIN}": low.get(kind, ""), "{MAX}": high}
    for hole, text in holes.items():
        code = code.replace(hole, text)
    return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: {"x": x}.get(m[0], m[0]), code)


def field_rows(op, acc):
    names = {"acc": acc, "real": dtypes.row(dtypes.real(acc.numpy)), "index": dtypes.row("int64")}
    return [names.get(s) or dtypes.row(s) for s in op.state]


def loops(op, fp64):
    for name in [
        "bool",
        "int8",
        "int64",
        "uint8",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]:
        row = dtypes.NAMES[name]
        if row.kind in op.category and (fp64 or not row.is_double):
            acc, out = map(dtypes.row, op.resolve(row.numpy, fp64=fp64))
            yield row, acc, out


def kernel(op, row, acc, out):
    """Both halves of the elements reduced apart, then together."""
    fields = field_rows(op, acc)
    numbers = range(len(fields))
    fill = lambda codes: [text_of(c, op, acc, out) for c in codes]  # noqa: E731
    identity, combine, mapped = fill(op.identity[acc.kind]), fill(op.combine[acc.kind]), fill(op.map[acc.kind])
    (finish,) = fill(op.finish[acc.kind])
    c = [f.ctype for f in fields]
    declare = lambda prefix, values: " ".join(f"{c[k]} {prefix}{k} = {values[k]};" for k in numbers)  # noqa: E731
    merge = "{ " + " ".join(f"const {c[k]} t{k} = {combine[k]};" for k in numbers) + " "
    merge += " ".join(f"a{k} = t{k};" for k in numbers) + " }"
    half = f"""
        for (long index = from; index < to; index++) {{
            const {acc.ctype} x = {expr.cast(expr.loaded("data[index]", row), row, acc)};
            {declare("b", mapped)}
            {merge}
        }}"""
    mean = f"const {acc.ctype} m = {expr.cast('mean[0]', acc, acc)};" if "m" in op.letters else ""
    return f"""
kernel void {op.name}_{row.name}(
    global const {row.storage} *data, global const {acc.ctype} *mean, global {out.storage} *result)
{{
    const long size = {LENGTH};
    const {out.real_ctype} count = size, correction = 1;
    {mean}
    {declare("late", identity)}
    {{
        {declare("a", identity)}
        const long from = size / 2, to = size;
        {half}
        {" ".join(f"late{k} = a{k};" for k in numbers)}
    }}
    {declare("a", identity)}
    const long from = 0, to = size / 2;
    {half}
    {declare("b", [f"late{k}" for k in numbers])}
    {merge}
    result[0] = {expr.stored(finish, out)};
}}
"""


@pytest.fixture(scope="module", params=chosen_devices(), ids=label)
def device(request):
    fp64 = bool(request.param.cl.double_fp_config)
    return build(request.param.cl, [kernel(op, *loop) for op in ops.REDUCTIONS.values() for loop in loops(op, fp64)])


def samples(rng, row, small):
    """Operands; `small` integers, whose squares a float32 can add up."""
    if row.kind == "b":
        yield rng.integers(0, 2, LENGTH).astype(bool)
        yield np.ones(LENGTH, bool)
    elif row.kind in "iu":
        info = np.iinfo(row.numpy)
        if small:
            yield rng.integers(max(info.min, -1000), min(info.max, 1000), LENGTH, row.numpy)
            return
        yield rng.integers(info.min, info.max, LENGTH, row.numpy, endpoint=True)
        yield np.full(LENGTH, info.min, row.numpy)
        yield np.full(LENGTH, info.max, row.numpy)
    else:
        x = rng.uniform(0.5, 1.5, LENGTH).astype(row.numpy)
        if row.kind == "c":
            x = (x * np.exp(1j * rng.uniform(-1, 1, LENGTH))).astype(row.numpy)
        yield x
        yield np.zeros(LENGTH, row.numpy)
        for values in ([np.nan], [np.inf], [-np.inf], [np.inf, -np.inf]):
            y = x.copy()
            y[rng.integers(0, LENGTH, len(values))] = values
            yield y
        yield np.full(LENGTH, -np.inf, row.numpy)
        yield np.full(LENGTH, np.inf, row.numpy)


def reference(op, x, acc):
    wide = x.astype({"f": "f8", "c": "c16"}.get(acc.kind, acc.numpy)) if op.result not in ("index", "bool") else x
    if op.name == "var":
        return np.var(wide, ddof=1)
    if op.name == "logsumexp":
        return special.logsumexp(wide)
    return getattr(np, op.name)(wide)


@pytest.mark.parametrize("op", ops.REDUCTIONS.values(), ids=lambda op: op.name)
def test_reduction_computes_what_numpy_does(device, op):
    rng = np.random.default_rng(3)
    for row, acc, out in loops(op, device.fp64):
        reduce = getattr(device.program, f"{op.name}_{row.name}")
        for x in samples(rng, row, out.kind == "f"):
            if row.kind == "c" and np.any(np.isinf(x)):
                continue  # NumPy divides and multiplies an infinite part into NaNs, depending on the order
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                want = np.asarray(reference(op, x, acc)).astype(out.numpy)
                mean = np.asarray(np.mean(x.astype(acc.numpy if acc.name != "float16" else "f4")), dtype=acc.numpy)
            held = mean.astype("f4") if acc.name == "float16" else mean
            got = np.empty(1, out.numpy)
            buffers = [
                cl.Buffer(device.context, cl.mem_flags.COPY_HOST_PTR, hostbuf=np.atleast_1d(a)) for a in (x, held, got)
            ]
            reduce(device.queue, (1,), None, *buffers)
            cl.enqueue_copy(device.queue, got, buffers[2])
            tolerance = 100 * np.finfo(out.numpy).eps if out.kind in "fc" else 0
            np.testing.assert_allclose(
                got[0], want, rtol=tolerance, atol=tolerance, err_msg=f"{op.name} {row.name} {x[:5]}"
            )
