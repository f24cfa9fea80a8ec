"""How transforms are taken apart: radices, steps, tables of roots of unity."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from clarray.codegen import fft_plan


def smooth(n):
    """n without its prime factors up to 13."""
    for p in (2, 3, 5, 7, 11, 13):
        while n % p == 0:
            n //= p
    return n


def test_radices_multiply_to_the_length():
    for n in range(1, 3000):
        found = fft_plan.radices(n)
        assert (found is None) == (smooth(n) != 1)
        if found is not None:
            assert prod(found) == n
            assert set(found) <= set(fft_plan.RADICES)
    assert fft_plan.radices(1 << 10) == (8, 8, 4, 4)


@pytest.mark.parametrize("limit", [16, 2048])
def test_steps_are_within_the_limit(limit):
    for n in (1 << 20, 1 << 24, 3**9, 13**5, 1001 * 1000, 7 * 11 * 13 * 8):
        found = fft_plan.steps(n, limit, 8)
        assert prod(found) == n
        assert max(found) <= limit
    assert fft_plan.steps(1 << 20, 2048, 8) == (1024, 1024)


def test_a_lone_transform_is_cut_near_its_root():
    assert fft_plan.halved(1024, 8) == (32, 32)
    assert fft_plan.halved(1000, 8) in ((25, 40), (40, 25))
    assert fft_plan.halved(2 * 1009, 8) == (2018,)


def test_convolutions_have_room_and_small_factors():
    for n in range(2, 2000):
        length = fft_plan.convolution_length(n)
        assert 2 * n - 1 <= length < 3 * n
        assert smooth(length) == 1


def test_roots_are_right_to_the_last_digits(rng):
    for n in (1, 2, 3, 8, 12, 1000, 1 << 20, 2**31 - 1):
        k = np.concatenate([np.arange(min(n, 40)), rng.integers(0, n, 200)])
        angle = -2 * np.longdouble(np.pi) * (k % n) / n - 2 * np.longdouble(1.2246467991473532e-16) * (k % n) / n
        want = np.cos(angle) + 1j * np.sin(angle)
        assert np.abs(fft_plan.roots(k, n) - want).max() < 2.3e-16


def test_turns_are_products_of_two_tables():
    n, first, width, lanes = 120, 10, 8, 4
    table = fft_plan.turn_tables(n, first, width, lanes, "float64")
    coarse = table[: 2 * 2 * first].view(complex).reshape(2, first)
    split = table[2 * 2 * first :].reshape(first, width // lanes, 2, lanes)
    fine = (split[:, :, 0] + 1j * split[:, :, 1]).reshape(first, width)
    k, j = np.arange(first)[:, None], np.arange(n // first)
    got = coarse[j // width, k] * fine[k, j % width]
    np.testing.assert_allclose(got, np.exp(-2j * np.pi * k * j / n), atol=1e-15)


def test_bluesteins_convolution(rng):
    n = 23
    length = fft_plan.convolution_length(n)
    x = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    chirp, spectrum = (
        fft_plan.chirp_table(n, False, "float64").view(complex),
        fft_plan.chirp_spectrum(n, length, "float64").view(complex),
    )
    got = np.fft.ifft(np.fft.fft(x * chirp, length) * spectrum)[:n] * chirp
    np.testing.assert_allclose(got, np.fft.fft(x), atol=1e-12)
