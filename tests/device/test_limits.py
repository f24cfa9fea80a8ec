"""Results where a device's limits decide how work is cut: small groups, few bytes of arguments, many transposes."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import clarray as cla


@pytest.fixture(params=[64, 128])
def small_groups(request, ctx, monkeypatch):
    """The device as a GPU with so many work-items to a group at most."""
    most = request.param
    if ctx.traits.max_work_group < most:
        pytest.skip(f"the device has no groups of {most}")
    with oracle.with_traits(ctx, monkeypatch, f"groups of {most}", kind="gpu", max_work_group=most) as context:
        yield context


def test_small_groups_answer_right(small_groups, rng):
    x = rng.integers(-9, 10, (70, 90)).astype(np.float32)
    turned = np.asfortranarray(rng.integers(-9, 10, (70, 90)).astype(np.float32))
    a, b = cla.asarray(x), cla.asarray(turned.T.copy()).T
    np.testing.assert_array_equal((a + b).numpy(), x + turned)
    for m, depth, n in ((70, 90, 3), (3, 900, 70), (40, 300, 50), (20, 2000, 20)):
        left, right = (rng.integers(-4, 5, s).astype(np.float32) for s in ((m, depth), (depth, n)))
        np.testing.assert_array_equal(cla.matmul(cla.asarray(left), cla.asarray(right)).numpy(), left @ right)
    np.testing.assert_array_equal(cla.cumulative_sum(a, axis=1).numpy(), np.cumsum(x, 1))
    np.testing.assert_array_equal(cla.sum(a, axis=0).numpy(), x.sum(0))


def test_stacked_transposes_one_by_one(as_gpu, rng):
    x = rng.integers(-99, 100, (300, 33, 17)).astype(np.int32)
    turned = cla.asarray(np.ascontiguousarray(x.mT)).mT
    np.testing.assert_array_equal((turned + cla.asarray(x)).numpy(), x + x)


def test_pieces_of_many_axes(both_walks, rng):
    shape, gaps = (2, 3, 2, 1, 2, 3, 2), (slice(None, None, 2),) * 7
    hosts = [rng.random([2 * n for n in shape]).astype(np.float32) for _ in range(11)]
    views = [cla.asarray(x)[gaps] for x in hosts]
    for axis in (0, 3, 6):
        np.testing.assert_array_equal(
            cla.concat(views, axis=axis).numpy(), np.concatenate([x[gaps] for x in hosts], axis)
        )
