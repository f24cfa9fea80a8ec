"""How a Fourier transform is taken apart: radices of its passes, lengths of its steps, tables of roots of unity.

Tables are computed on the host in double precision, from angles within the first octant, and rounded once.
"""

from __future__ import annotations

from functools import cache
from math import isqrt
from typing import Any

import numpy as np

RADICES = (8, 4, 2, 3, 5, 7, 11, 13)
PRIMES = (3, 5, 7, 11, 13)

Array = np.ndarray[Any, Any]


@cache
def radices(n: int) -> tuple[int, ...] | None:
    """The radices of the passes of a transform of n points, or None where n has a prime factor above 13.

    A 2 that is left over goes with an 8 into two 4s: a pass of radix 2 moves as much memory as one of radix 8.
    """
    found: list[int] = []
    for p in PRIMES:
        while n % p == 0:
            n //= p
            found.insert(0, p)
    twos = n.bit_length() - 1
    if n != 1 << twos:
        return None
    eights, rest = divmod(twos, 3)
    fours = [4] if rest == 2 else [4, 4] if rest == 1 and eights else []
    twice = [2] if rest == 1 and not eights else []
    return (*[8] * (eights - (len(fours) == 2)), *fours, *twice, *found)


@cache
def steps(n: int, limit: int, multiple: int = 1) -> tuple[int, ...]:
    """Lengths, none above `limit`, whose product is n: as few and as equal as may be.

    All but the first are multiples of `multiple` where that costs no step: they are how many transforms lie
    side by side in the step before.
    """
    if n <= limit:
        return (n,)
    count = 2
    while limit**count < n:
        count += 1
    wanted = n ** (1 / count)
    smaller = [d for d in divisors(n) if 1 < d <= limit]
    first = min(smaller, key=lambda d: (bool((n // d) % multiple), abs(np.log(d / wanted))))
    return (first, *steps(n // first, limit, multiple))


def halved(n: int, multiple: int) -> tuple[int, ...]:
    """n as a product of two lengths near its square root, or n alone where it has no divisor near it."""
    found = [d for d in divisors(n) if d * 4 >= isqrt(n) and d * d <= 4 * n]
    if not found:
        return (n,)
    first = min(found, key=lambda d: (bool((n // d) % multiple), abs(np.log(d * d / n))))
    return (first, n // first)


@cache
def divisors(n: int) -> tuple[int, ...]:
    """The divisors of n, ascending."""
    low = [d for d in range(1, isqrt(n) + 1) if n % d == 0]
    return tuple(low + [n // d for d in reversed(low) if d * d != n])


@cache
def convolution_length(n: int) -> int:
    """The least length from 2n - 1 on that is a power of 2, or 3, 5, 9 or 15 times one."""
    least = 2 * n - 1
    return min(m << max(0, (-(-least // m) - 1).bit_length()) for m in (1, 3, 5, 9, 15))


def roots(k: Array, n: int) -> Array:
    """exp(-2 pi i k / n) for integers k."""
    octant, rest = np.divmod(8 * (k % n), n)
    angle = np.where(octant % 2, n - rest, rest) * (np.pi / 4 / n)
    cosine, sine = np.cos(angle), np.sin(angle)
    swapped = np.isin(octant, (1, 2, 5, 6))
    x, y = np.where(swapped, sine, cosine), np.where(swapped, cosine, sine)
    return np.where((octant >= 2) & (octant < 6), -x, x) - 1j * np.where(octant >= 4, -y, y)


# tables: each returns interleaved real and imaginary parts


def _interleaved(values: Array, dtype: str) -> Array:
    return np.ascontiguousarray(values, np.complex128).reshape(-1).view(np.float64).astype(dtype)


def pass_table(n: int, dtype: str) -> Array:
    """The factors of all passes, in order: for p, then for k from 1, exp(-2 pi i p k / length)."""
    parts = [np.ones(1, complex)]  # so that no table is empty
    for r in radices(n) or ():
        left = n // r
        parts.append(roots(np.arange(left)[:, None] * np.arange(1, r), n).reshape(-1))
        n = left
    return _interleaved(np.concatenate([*parts[1:], parts[0]]), dtype)


def turn_tables(n: int, first: int, width: int, lanes: int, dtype: str) -> Array:
    """exp(-2 pi i j k / n) for the columns j and rows k of a step of `first` points, as a product of two factors.

    The coarse ones, for each block of `width` columns and each k; then the fine ones, for each k and each column
    of a block, their real parts apart from the imaginary ones in groups of `lanes`.
    """
    blocks = -(-(n // first) // width)
    k = np.arange(first)
    coarse = roots(np.arange(blocks)[:, None] * width * k, n)
    fine = roots(k[:, None] * np.arange(width), n).reshape(first, width // lanes, lanes)
    split = np.stack([fine.real, fine.imag], axis=2).reshape(-1).astype(dtype)
    return np.concatenate([_interleaved(coarse, dtype), split])


def half_table(n: int, dtype: str) -> Array:
    """exp(-2 pi i k / n) for k from 0 to n / 2."""
    return _interleaved(roots(np.arange(n // 2 + 1), n), dtype)


def chirp_table(n: int, conjugate: bool, dtype: str) -> Array:
    """exp(-pi i j^2 / n) for j below n."""
    chirp = _chirp(n)
    return _interleaved(chirp.conj() if conjugate else chirp, dtype)


def chirp_spectrum(n: int, length: int, dtype: str) -> Array:
    """The transform, of `length` points, of the chirp that Bluestein's convolution is with."""
    around = np.zeros(length, complex)
    around[:n] = _chirp(n).conj()
    around[length - n + 1 :] = around[1:n][::-1]
    return _interleaved(np.fft.fft(around), dtype)


def _chirp(n: int) -> Array:
    j = np.arange(n, dtype=object) if n > 1 << 31 else np.arange(n)
    return roots((j * j % (2 * n)).astype(np.int64), 2 * n)
