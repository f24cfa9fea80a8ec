"""Fit the polynomials of the inline math functions: `python benchmarks/fit_math.py` rewrites `math_tables.py`.

Those for float32 are minimax polynomials of a function on an interval for a weighted error, found by Lawson's
iteration (least squares whose weights grow where the error is largest) on Chebyshev's points. Coefficients are rounded
to float32 one after the other, from the constant term up, and the rest is fitted again each time, so that later ones
make up for the rounding of earlier ones. Those for float64 (`_64`) interpolate in as many Chebyshev points as they have
coefficients, which is nearly as good, in mpmath's numbers. References are evaluated with mpmath in 100 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

TARGET = Path(__file__).resolve().parent.parent / "clarray/codegen/math_tables.py"
POINTS = 400
ROUNDS = 300

mp.mp.dps = 100
LN2 = mp.log(2)
ROOT2 = mp.sqrt(2)


@dataclass(frozen=True)
class Fit:
    """`function(v)` on [low, high] in powers of `variable(v)`; `weight(v)` turns its error into that of the result."""

    name: str
    what: str
    function: Callable[[Any], Any]
    low: Any
    high: Any
    degree: int
    weight: Callable[[Any], Any]
    variable: Callable[[Any], Any] = lambda v: v

    @property
    def double(self) -> bool:
        """Whether the coefficients are float64."""
        return self.name.endswith("_64")


def squared(v: Any) -> Any:
    return v * v


def erfcx(x: Any) -> Any:
    return mp.exp(x * x) * mp.erfc(x)


def from_w(w: Any) -> Any:
    """The x with -log(1 - x*x) = w."""
    return mp.sqrt(-mp.expm1(-w))


def erfinv_over_x(w: Any) -> Any:
    """erfinv(x) / x, found from erfc where x is too near 1 for its own digits."""
    x = from_w(w)
    if x == 0:
        return mp.sqrt(mp.pi) / 2
    y = mp.erfinv(x) if w < 3 else mp.findroot(lambda y: mp.log(mp.erfc(y)) - mp.log1p(-x), mp.sqrt(w))
    return y / x


FITS = (
    Fit("EXP", "(exp(r) - 1 - r) / r^2", lambda r: (mp.expm1(r) - r) / r**2, -LN2 / 2, LN2 / 2, 4,
        lambda r: r**2 / mp.exp(r)),
    Fit("EXP2", "(2^r - 1) / r", lambda r: mp.expm1(r * LN2) / r, -0.5, 0.5, 5, lambda r: r / 2**r),
    Fit("EXP10", "(10^r - 1) / r", lambda r: mp.expm1(r * mp.log(10)) / r, -mp.log10(2) / 2, mp.log10(2) / 2, 5,
        lambda r: r / mp.power(10, r)),
    Fit("LOG", "(log(1 + f) - f + f^2/2) / f^3", lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3,
        1 / ROOT2 - 1, ROOT2 - 1, 7, lambda f: f**3 / mp.log1p(f)),
    Fit("LOG2_RATIO", "(log2((1 + s) / (1 - s)) - 2 s / ln 2) / s^3 in s^2",
        lambda s: (2 * mp.atanh(s) - 2 * s) / LN2 / s**3, 0, (ROOT2 - 1) / (ROOT2 + 1), 3,
        lambda s: s**3 / mp.atanh(s), squared),
    Fit("SIN", "(sin(r) - r) / r^3 in r^2", lambda r: (mp.sin(r) - r) / r**3, 0, mp.pi / 4, 3,
        lambda r: r**3 / mp.sin(r), squared),
    Fit("COS", "(cos(r) - 1 + r^2/2) / r^4 in r^2", lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4, 0, mp.pi / 4, 2,
        lambda r: r**4 / mp.cos(r), squared),
    Fit("SINPI", "(sin(pi r) / r - pi) / r^2 in r^2", lambda r: (mp.sin(mp.pi * r) / r - mp.pi) / r**2, 0, 0.5, 4,
        lambda r: r**3 / mp.sin(mp.pi * r), squared),
    Fit("ASIN", "(asin(x) - x) / x^3 in x^2", lambda x: (mp.asin(x) - x) / x**3, 0, 0.5, 4,
        lambda x: x**3 / mp.asin(x), squared),
    Fit("ATAN", "(atan(t) - t) / t^3 in t^2", lambda t: (mp.atan(t) - t) / t**3, 0, ROOT2 - 1, 4,
        lambda t: t**3 / mp.atan(t), squared),
    Fit("SINH", "(sinh(x) - x) / x^3 in x^2", lambda x: (mp.sinh(x) - x) / x**3, 0, 1, 3,
        lambda x: x**3 / mp.sinh(x), squared),
    Fit("ERF", "erf(x) / x - 1 in x^2", lambda x: mp.erf(x) / x - 1, 0, 1, 6, lambda x: x / mp.erf(x), squared),
    Fit("ERF_TAIL", "log(1 - erf(x)) in x", lambda x: mp.log(mp.erfc(x)), 1, 4, 6,
        lambda x: mp.erfc(x) / mp.erf(x)),
    Fit("ERFC", "exp(x^2) erfc(x) (1 + 2x) in (x - 2) / (x + 2)", lambda x: erfcx(x) * (1 + 2 * x), 0.5, 10.2, 10,
        lambda x: 1 / (erfcx(x) * (1 + 2 * x)), lambda x: (x - 2) / (x + 2)),
    Fit("ERFINV", "erfinv(x) / x in w - 2.5, w = -log(1 - x^2)", erfinv_over_x, 0, 5, 9,
        lambda w: 1 / erfinv_over_x(w), lambda w: w - 2.5),
    Fit("ERFINV_TAIL", "erfinv(x) / x in sqrt(w) - 3, w = -log(1 - x^2)", lambda s: erfinv_over_x(s * s),
        mp.sqrt(5), 4.1, 10, lambda s: 1 / erfinv_over_x(s * s), lambda s: s - 3),
    Fit("GAMMA", "(gamma(1 + t) - 1) / (t (t - 1)) in t - 1/2",
        lambda t: (mp.gamma(1 + t) - 1) / (t * (t - 1)), 0, 1, 8,
        lambda t: t * (t - 1) / mp.gamma(1 + t), lambda t: t - 0.5),
    Fit("EXP_64", "(exp(r) - 1 - r) / r^2", lambda r: (mp.expm1(r) - r) / r**2, -LN2 / 2, LN2 / 2, 9,
        lambda r: r**2 / mp.exp(r)),
    Fit("EXP2_64", "(2^r - 1) / r", lambda r: mp.expm1(r * LN2) / r, -0.5, 0.5, 10, lambda r: r / 2**r),
    Fit("EXP10_64", "(10^r - 1) / r", lambda r: mp.expm1(r * mp.log(10)) / r, -mp.log10(2) / 2, mp.log10(2) / 2, 11,
        lambda r: r / mp.power(10, r)),
    Fit("LOG_64", "(log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2", lambda s: (2 * mp.atanh(s) / s - 2) / s**2,
        0, (ROOT2 - 1) / (ROOT2 + 1), 6, lambda s: s**3 / mp.atanh(s), squared),
    Fit("SINH_64", "(sinh(x) - x) / x^3 in x^2", lambda x: (mp.sinh(x) - x) / x**3, 0, 1, 6,
        lambda x: x**3 / mp.sinh(x), squared),
    Fit("LGAMMA", "lgamma(1 + t) / (t (t - 1)) in t - 1/2",
        lambda t: mp.loggamma(1 + t) / (t * (t - 1)), 0, 1, 9,
        lambda t: t * (t - 1) / mp.loggamma(1 + t), lambda t: t - 0.5),
)  # fmt: skip

SPLITS = (
    ("LN2", "ln 2: 15 bits and the rest", LN2, (15, 24)),
    ("LOG10_2", "log10 2: 15 bits and the rest", mp.log10(2), (15, 24)),
    ("LOG2_E", "1 / ln 2", 1 / LN2, (24, 24)),
    ("LOG2_10", "log2 10", mp.log(10) / LN2, (24,)),
    ("LOG10_E", "1 / ln 10", 1 / mp.log(10), (24, 24)),
    ("TWO_LOG2_E", "2 / ln 2: 12 bits and the rest", 2 / LN2, (12, 24)),
    ("LN2_64", "ln 2: 41 bits and the rest", LN2, (41, 53)),
    ("LOG10_2_64", "log10 2: 41 bits and the rest", mp.log10(2), (41, 53)),
    ("LOG2_E_64", "1 / ln 2", 1 / LN2, (53, 53)),
    ("LOG2_10_64", "log2 10", mp.log(10) / LN2, (53,)),
    ("LOG10_E_64", "1 / ln 10", 1 / mp.log(10), (53, 53)),
    ("HALF_PI", "pi / 2", mp.pi / 2, (24, 24)),
    ("QUARTER_TURN", "pi / 2 / 2^32: 12 bits and the rest", mp.pi / 2**33, (12, 24)),
    ("STIRLING", "ln sqrt(2 pi) - 1/2", mp.log(2 * mp.pi) / 2 - mp.mpf(1) / 2, (24,)),
    ("STIRLING_2", "the same in base 2", (mp.log(2 * mp.pi) / 2 - mp.mpf(1) / 2) / LN2, (24,)),
)
TWO_OVER_PI_WORDS = 7
TWO_OVER_PI_ZEROS = 26


def split(value: Any, widths: tuple[int, ...]) -> list[float]:
    """Parts of so many bits each that add up to `value`."""
    parts = []
    for bits in widths:
        _, exponent = mp.frexp(value)
        unit = mp.ldexp(1, int(exponent) - bits)
        parts.append(float(mp.nint(value / unit) * unit))
        value -= parts[-1]
    return parts


def lawson(basis: np.ndarray, wanted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficients that make the largest |weight * error| least."""
    if basis.shape[1] == 0:
        return np.zeros(0)
    share = np.full(len(wanted), 1 / len(wanted))
    best, least = np.zeros(basis.shape[1]), np.inf
    for _ in range(ROUNDS):
        root = np.sqrt(share) * weight
        found = np.linalg.lstsq(basis * root[:, None], wanted * root, rcond=None)[0]
        error = np.abs(weight * (basis @ found - wanted))
        if error.max() < least:
            best, least = found, error.max()
        share *= error / error.max()
        share /= share.sum()
    return best


def solve(fit: Fit) -> tuple[list[float], float]:
    """The coefficients, and the largest weighted error they leave."""
    if fit.double:
        return interpolate(fit)
    low, high = mp.mpf(fit.low), mp.mpf(fit.high)
    places = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / POINTS) for k in range(POINTS)]
    wanted = np.array([float(fit.function(v)) for v in places])
    weight = np.array([float(fit.weight(v)) for v in places])
    variable = np.array([float(fit.variable(v)) for v in places])
    scale = np.abs(variable).max()
    basis = np.vander(variable / scale, fit.degree + 1, increasing=True)
    fixed: list[float] = []
    for k in range(fit.degree + 1):
        rest = lawson(basis[:, k:], wanted - basis[:, :k] @ (np.array(fixed) * scale ** np.arange(k)), weight)
        fixed.append(float(np.float32(rest[0] / scale**k)))
    error = weight * (basis @ (np.array(fixed) * scale ** np.arange(fit.degree + 1)) - wanted)
    return fixed, float(np.abs(error).max())


def interpolate(fit: Fit) -> tuple[list[float], float]:
    """The float64 coefficients, and the largest weighted error they leave."""
    ends = sorted((fit.variable(mp.mpf(fit.low)), fit.variable(mp.mpf(fit.high))))
    back = mp.sqrt if fit.variable is squared else mp.mpf

    def places(count: int) -> list[Any]:
        turns = (mp.cos(mp.pi * (k + mp.mpf(1) / 2) / count) for k in range(count))
        return [(ends[0] + ends[1]) / 2 - (ends[1] - ends[0]) / 2 * turn for turn in turns]

    nodes = places(fit.degree + 1)
    rows = mp.matrix([[u**k for k in range(fit.degree + 1)] for u in nodes])
    found = mp.lu_solve(rows, mp.matrix([fit.function(back(u)) for u in nodes]))
    coefficients = [float(c) for c in found]
    errors = [
        fit.weight(back(u)) * (mp.polyval([*map(mp.mpf, coefficients[::-1])], u) - fit.function(back(u)))
        for u in places(POINTS)
    ]
    return coefficients, float(max(abs(e) for e in errors))


def main() -> None:
    lines = [
        '"""Constants of the inline math functions, written by `benchmarks/fit_math.py`; constant terms come first."""',
        "",
        "# fmt: off",
    ]
    for fit in FITS:
        coefficients, error = solve(fit)
        bits = float(np.log2(error))
        print(f"{fit.name:12s} degree {fit.degree:2d}  error 2^{bits:.1f}  {fit.what}")
        lines += [
            "",
            f"# {fit.what} on [{float(fit.low):.6g}, {float(fit.high):.6g}], error 2^{bits:.1f}",
            f"{fit.name} = (",
            *(f"    {c!r}," for c in coefficients),
            ")",
        ]
    for name, what, value, widths in SPLITS:
        parts = split(value, widths)
        lines += ["", f"# {what}", f"{name} = {tuple(parts) if len(parts) > 1 else parts[0]!r}"]
    bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (32 * TWO_OVER_PI_WORDS - TWO_OVER_PI_ZEROS)))
    words = [bits >> 32 * k & 0xFFFFFFFF for k in reversed(range(TWO_OVER_PI_WORDS))]
    lines += [
        "",
        f"# {TWO_OVER_PI_ZEROS} zeros and the bits of 2 / pi",
        f"TWO_OVER_PI = ({', '.join(map(hex, words))})",
    ]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
