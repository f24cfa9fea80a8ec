"""What the right answer is: samples, NumPy and SciPy as references in higher precision, tolerances, poison."""

from __future__ import annotations

import itertools
import os
import warnings
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

from clarray.core import dtypes
from clarray.core.op import Reduction, Ufunc

SAMPLED = os.environ.get("CLARRAY_TEST_SAMPLE") == "1"
OWN_KERNELS = os.environ.get("CLARRAY_TEST_OWN_KERNELS", "0")  # "1", or "some": a third of the others, too

# Eight bytes that are a NaN as half, float and double, no integer that a test expects, and no bool.
POISON = np.full(4, 0xFFF5, np.uint16)
POISONED_BYTES = 1 << 24  # of larger blocks only the beginning


def _zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function where its sum is one of positive numbers, with its limits; NaN elsewhere."""
    limit = np.select([q > 1, q == 1, q > 0], [0.0, 1.0, np.inf], np.nan)
    return np.where(q > 0, np.where(np.asarray(s) > 1e4, limit, special.zeta(s, q)), np.nan)


REFERENCES = {
    "bitwise_left_shift": np.left_shift,
    "bitwise_right_shift": np.right_shift,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "round": np.rint,
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "erfcinv": special.erfcinv,
    "gamma": special.gamma,
    "lgamma": special.gammaln,
    "digamma": special.digamma,
    "zeta": _zeta,
    "expit": special.expit,
    "logit": special.logit,
    "logsumexp": special.logsumexp,
}
DOUBLE_ONLY = {"erf", "erfc", "erfinv", "erfcinv", "gamma", "lgamma", "digamma", "zeta"}
ABSOLUTE = {"lgamma", "digamma", "logaddexp"}  # near their zeros only the absolute error is bounded
SAME_PRECISION = {"nextafter"}
WIDER = {"float16": "f8", "float32": "f8", "float64": "g", "complex64": "c16", "complex128": "G"}
RELAXED = {"erfc": 3, "gamma": 16, "lgamma": 4}  # rusticl exceeds OpenCL's limits: 33, 121 and 13 ulp seen


def poison(context: Any, monkeypatch: Any) -> None:
    """Fill what the context's pool hands out, so that elements a kernel forgets show up.

    A simulator finds them by itself, and takes what was filled for uninitialized even after a kernel wrote to it.
    """
    import pyopencl as cl

    if "simulator" in context.traits.quirks:
        return
    memory = context.memory
    allocate = type(memory).allocate

    def poisoned(nbytes: int) -> Any:
        block = allocate(memory, nbytes)
        if nbytes:
            size = min(-(-nbytes // 8) * 8, block.buffer.size // 8 * 8, POISONED_BYTES)
            if size:
                cl.enqueue_fill_buffer(context.queue, block.buffer, POISON, 0, size)
        return block

    monkeypatch.setattr(memory, "allocate", poisoned)


@contextmanager
def with_traits(ctx: Any, monkeypatch: Any, name: str, **traits: Any) -> Any:
    """Inside, the default context is a second one of the same device, with these traits and no plans yet."""
    from clarray.device.current import context_for, device

    context = context_for(replace(ctx.device, name=f"{ctx.device.place} {name}"))
    monkeypatch.setattr(context, "traits", replace(ctx.traits, **traits))
    monkeypatch.setattr(context, "plans", type(context.plans)())
    monkeypatch.setattr(context, "maps", ctx.traits.unified)
    poison(context, monkeypatch)
    with device(context):
        yield context


def need(context: Any, dtype: Any) -> None:
    """Skip the test where the device has no such dtype."""
    if np.dtype(dtype) not in supported(context.traits):
        pytest.skip(f"{context.device.hardware} has no {np.dtype(dtype)}")


def is_poison(x: np.ndarray) -> bool:
    """Whether an array holds what `poison` writes."""
    data = np.ascontiguousarray(x).reshape(-1).view(np.uint8)
    pattern = POISON.view(np.uint8)
    return bool(data.size) and bool((data == np.resize(pattern, data.size)).all())


def some(rng: np.random.Generator, items: Any, count: int) -> list:
    """`count` of the items where dtypes are to be sampled, else all of them."""
    return few(rng, items, count) if SAMPLED else list(items)


def few(rng: np.random.Generator, items: Any, count: int) -> list:
    """`count` of the items, others in every run: of what takes long to build."""
    listed = list(items)
    if len(listed) <= count:
        return listed
    return [listed[k] for k in sorted(rng.choice(len(listed), count, replace=False))]


def supported(traits: Any, kinds: str = "biufc") -> list[np.dtype]:
    """The dtypes of these kinds that a device has."""
    return [row.numpy for row in dtypes.ROWS if row.kind in kinds and (traits.fp64 or not row.is_double)]


def loops(op: Ufunc, fp64: bool = True) -> list[tuple[tuple[np.dtype, ...], np.dtype]]:
    """Operand and result dtypes of every loop for which a row has code of its own."""
    found = []
    for name, row in dtypes.NAMES.items():
        if (name in op.code or row.kind in op.code) and (fp64 or not row.is_double):
            found.append(op.resolve((row.numpy,) * len(op.letters)))
    return found


# samples


def specials(dtype: Any) -> np.ndarray:
    """Values where functions are most often wrong."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.array([0, 1], bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        near = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 31, 32, 63, 64, 100, info.max, info.max - 1, info.min, info.min + 1]
        near += [-1, -2, -3, -7, -8, -64] if dtype.kind == "i" else []
        return np.array(near, dtype)
    if dtype.kind == "f":
        info = np.finfo(dtype)
        near = [np.nan, np.inf, 0.0, 0.5, 1, 1.5, 2, 2.5, 3, 10, 60, 1e4, float(info.max), float(info.tiny)]
        near += [1 + float(info.eps), 1 - float(info.eps), float(info.smallest_subnormal) * 3, float(info.eps) ** 2]
        return np.array(near + [-x for x in near], dtype)
    parts = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 1, -1, 2, -3, 30, -100, 1e30, -1e30, 1e-30]
    pairs = np.array(list(itertools.product(parts, parts)), dtypes.real(dtype))
    return pairs.copy().view(dtype).ravel()


def sample(rng: np.random.Generator, domain: Any, dtype: Any, shape: Any, special: bool = False) -> np.ndarray:
    """Random values of a domain, of integers and bools any; with `special` values, the specials among them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        x = rng.integers(0, 2, shape).astype(bool)
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        wide = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        small = np.clip(rng.integers(-9, 10, shape), info.min, info.max).astype(dtype)
        x = np.where(rng.integers(0, 2, shape) > 0, wide, small)
    elif dtype.kind == "f":
        x = rng.uniform(*domain, shape).astype(dtype)
    else:
        x = (rng.uniform(*domain, shape) + 1j * rng.uniform(*domain, shape) * rng.choice([1, 0.01], shape)).astype(
            dtype
        )
    x = np.asarray(x)
    if special and x.size:
        flat, values = x.reshape(-1), specials(dtype)
        flat[rng.integers(0, x.size, max(1, x.size // 4))] = rng.choice(values, max(1, x.size // 4))
    return x


def domains(op: Ufunc) -> list[tuple[float, float]]:
    """The domain of each operand; the condition of `where` has none of its own."""
    if isinstance(op.domain[0], tuple):
        return list(op.domain)
    return [op.domain] * len(op.letters)


def operands(rng: np.random.Generator, op: Ufunc, loop: Any, count: int = 300) -> list[np.ndarray]:
    """Operands in these dtypes: specials in every combination, then `count` random samples."""
    few = [specials(dtype) for dtype in loop]
    most = {1: 10**6, 2: 40}.get(len(loop), 12)
    few = [s if len(s) <= most else rng.choice(s, most, replace=False) for s in few]
    grid = [g.ravel() for g in np.meshgrid(*few, indexing="ij")]
    drawn = [sample(rng, domain, dtype, count) for dtype, domain in zip(loop, domains(op))]
    return [np.concatenate([g, d]) for g, d in zip(grid, drawn)]


# references


def reference(op: Ufunc | Reduction, *xs: np.ndarray, wider: bool = True, **params: Any) -> np.ndarray:
    """What NumPy or SciPy says, computed in more digits where they can."""
    if op.name == "pow" and xs[0].dtype.kind in "iu":
        return _integer_power(*xs)
    if op.name == "reciprocal" and xs[0].dtype.kind in "iu":
        return np.where(xs[0] == 0, 0, np.reciprocal(np.where(xs[0] == 0, 1, xs[0])))
    if wider and op.name not in SAME_PRECISION:
        xs = tuple(x.astype(_wider(op, x.dtype)) for x in map(np.asarray, xs))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(numpy_function(op)(*xs, **params))


def numpy_function(op: Ufunc | Reduction) -> Any:
    """The function of NumPy or SciPy that a row is."""
    return REFERENCES.get(op.name) or getattr(np, op.name)


def _wider(op: Any, dtype: np.dtype) -> np.dtype:
    if dtype == np.float64 and op.name in DOUBLE_ONLY:
        return dtype
    return np.dtype(WIDER.get(dtype.name, dtype))


def _integer_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """NumPy's, where it does not refuse: a negative power is 0 but for the bases 1 and -1."""
    unit = np.where(y & 1, x, x * x)
    positive = np.power(x, np.where(y < 0, 0, y))
    return np.where(y < 0, np.where((x == 1) | (x == -1), unit, 0), positive).astype(x.dtype)


# comparison


def tolerance(op: Ufunc, dtype: np.dtype, traits: Any = None) -> float:
    """How many ulps of the result's dtype a row may be off."""
    if np.dtype(dtype).kind == "c":
        return max(op.ulp, 8)
    factor = RELAXED.get(op.name, 1) if traits is not None and traits.vendor == "mesa" else 1
    return max(op.ulp * factor, 1 if op.ulp else 0)


def mismatches(op: Ufunc, xs: Any, got: np.ndarray, traits: Any) -> np.ndarray:
    """Where `got` is not the row's value for the operands `xs`, as far as the standards decide it."""
    xs = [np.asarray(x) for x in xs]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = reference(op, *xs)
        bad = _wrong(op, xs, got, want, traits)
        if not traits.denormals:
            bad &= ~np.logical_or.reduce(np.broadcast_arrays(*(_subnormal(x) for x in xs)))
        return bad & ~_undecided(op, xs, traits)


def assert_matches(op: Ufunc, xs: Any, got: np.ndarray, traits: Any) -> None:
    """Fail with the first operands for which `got` is not the row's value."""
    bad = mismatches(op, xs, got, traits)
    places = np.argwhere(bad)
    if len(places):
        wide = [np.broadcast_to(x, bad.shape) for x in xs]
        want = np.broadcast_to(reference(op, *xs), bad.shape)
        shown = [
            f"{op.name}({', '.join(repr(x[tuple(p)]) for x in wide)}) -> {got[tuple(p)]!r}, not {want[tuple(p)]!r}"
            for p in places[:: max(1, len(places) // 8)][:8]
        ]
        names = ", ".join(np.asarray(x).dtype.name for x in xs)
        raise AssertionError(f"{len(places)} of {bad.size} elements of ({names}) differ:\n  " + "\n  ".join(shown))


def _wrong(op: Ufunc, xs: list[np.ndarray], got: np.ndarray, want: np.ndarray, traits: Any) -> np.ndarray:
    if got.dtype.kind in "biu":
        return np.asarray(got != want)
    real = np.finfo(got.dtype).dtype
    eps, tiny, huge = (float(v) for v in (np.finfo(real).eps, np.finfo(real).tiny, np.finfo(real).max))
    ulp = tolerance(op, got.dtype, traits)
    rounded = want.astype(got.dtype)
    if got.dtype.kind == "c":
        plain = reference(op, *xs, wider=False)
        bound = ulp * eps * np.maximum(_amplification(op, xs), 1)
        near = np.isfinite(rounded) & np.isfinite(got) & (np.abs(got - want) <= bound * np.abs(want) + 4 * tiny)
        return ~(near | _parts_equal(got, rounded, bound) | _parts_equal(got, plain, bound))
    same_sign = (got != 0) | (np.signbit(got) == np.signbit(rounded))
    same = (got == rounded) & same_sign | (np.isnan(got) & np.isnan(rounded))
    scale = np.maximum(np.abs(want), 1) if op.name in ABSOLUTE else np.abs(want)
    slack = 4 * float(np.finfo(real).smallest_subnormal) if traits.denormals else 4 * tiny
    near = np.isfinite(got) & (
        np.abs(got - want) <= ulp * eps * scale + (slack if op.ulp or not traits.denormals else 0)
    )
    rim = np.isinf(got) & (np.abs(want) >= huge * (1 - 2 * ulp * eps)) & (np.sign(got) == np.sign(want))
    zeros = (got == 0) & (rounded == 0) & traits.denormals  # of these the sign counts
    return ~(same | rim | (near & ~zeros))


def _parts_equal(got: np.ndarray, want: np.ndarray, bound: Any) -> np.ndarray:
    """Where real and imaginary parts are near, or the same infinity, or both NaN."""
    near = [
        (np.abs(g - w) <= bound * np.abs(w)) | (g == w) | (np.isnan(g) & np.isnan(w))
        for g, w in ((got.real, want.real), (got.imag, want.imag))
    ]
    return near[0] & near[1]


def _amplification(op: Ufunc, xs: list[np.ndarray]) -> Any:
    """How much a relative error of a step in between grows: exp(y log x) has the absolute error of y log x."""
    if op.name == "pow":
        return np.abs(xs[1] * np.log(xs[0]))
    return np.abs(xs[0]) if op.name == "exp2" else 1


def _subnormal(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "fc" or x.dtype == np.float16:
        return np.zeros(x.shape, bool)
    tiny = np.finfo(x.dtype).tiny
    parts = [x.real, x.imag] if x.dtype.kind == "c" else [x]
    return np.asarray(np.logical_or.reduce([(p != 0) & (np.abs(p) < tiny) for p in parts]))


def _undecided(op: Ufunc, xs: list[np.ndarray], traits: Any) -> np.ndarray:
    """Operands for which C or NumPy leaves the answer open, or where NumPy, SciPy or a driver is known to be wrong."""
    x = xs[0]
    kind = x.dtype.kind
    if op.name in ("maximum", "minimum", "clip") and kind == "f":
        return np.sum(np.broadcast_arrays(*(x == 0 for x in xs)), axis=0) > 1  # either zero
    if op.name == "expm1" and kind == "c":
        return ~(np.abs(x.real) < 80)  # the standard's special values, not NumPy's
    if op.name == "log1p" and kind == "c":
        return np.abs(x) < 1e-15  # NumPy loses all digits
    if op.name in ("multiply", "square") and x.dtype == np.complex64:
        return np.logical_and.reduce(
            np.broadcast_arrays(*(np.abs(x) > 1e19 for x in xs))
        )  # NumPy overflows later where it has fma
    if op.name == "pow" and kind == "c":
        return ~(_amplification(op, xs) < 80)
    if op.name == "erfinv":
        return x == 0  # SciPy drops the sign
    if op.name == "erfcinv":
        return (x == 1) | ((x > 0) & (x < 1e-307))  # SciPy has -0, and halves subnormal numbers
    if op.name == "lgamma":
        return x == -np.inf  # C has inf, SciPy -inf
    if op.name == "digamma":
        return (x < -0.5) & (np.abs(x - np.rint(x)) < 1e-3)  # SciPy is wrong beside the poles
    if op.name in ("gamma", "nextafter") and traits.vendor == "mesa":
        return np.asarray(x == 0)  # of nextafter, rusticl skips the subnormal numbers
    return np.zeros((), bool)
