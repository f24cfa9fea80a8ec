"""Functions whose extents and indices are computed on the device: where a stage ends, and what it makes."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core import ops


def downloads(f):
    return sum(type(node.op).__name__ == "HostFromGpu" for node in f.maker.fgraph.toposort())


def on_device(x):
    return x.transfer(None)


def test_a_slice_up_to_the_greatest_element(ctx, rng):
    x = T.fvector("x")
    f = ca.function([x], x[: x.argmax()] * 2)
    assert len(f._stages) == 2
    assert downloads(f) == 2
    for n in (5, 1, 9, 5):
        data = rng.normal(size=n).astype("f")
        np.testing.assert_array_equal(f(data), data[: data.argmax()] * 2)
    data = ca.asarray(rng.normal(size=7).astype("f"))
    before = ca.stats()
    got = f(data)
    assert (ca.stats() - before).bytes_to_host == 8 + got.nbytes  # the index and the result
    assert (ca.stats() - before).host_fallbacks == 0


def test_extents_of_several_kinds(ctx, rng):
    x, m = T.fmatrix("x"), T.ivector("m")
    n = m.sum()
    outputs = [
        x[n:, ::2], x[-n], T.arange(n) + m.max(), x.reshape((n, -1)), T.alloc(x[0, 0], n, 2), x[1:n].sum(), n,
    ]  # fmt: skip
    f = ca.function([x, m], outputs)
    data, counts = rng.normal(size=(6, 4)).astype("f"), np.array([2, 0, 1, -1], "i")
    got = f(data, counts)
    wanted = [data[2:, ::2], data[-2], np.arange(2) + 2, data.reshape(2, -1), np.full((2, 2), data[0, 0])]
    for a, b in zip(got, [*wanted, data[1:2].sum(), 2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(ValueError, match="reshape"):
        f(data, np.array([5], "i"))


def test_stages_follow_one_another(ctx, rng):
    x = T.fvector("x")
    part = x[: T.argmin(x)]
    rest = part[T.argmax(part) :] + x.mean()
    f = ca.function([x], [rest, part.shape[0], x.mean()])
    assert len(f._stages) == 3
    data = np.array([1, 3, 7, 2, 5, -4, 0, 9], "f")
    got = f(data)
    np.testing.assert_allclose(got[0], data[2:5] + data.mean(), rtol=1e-6)
    assert int(got[1]) == 5
    assert np.isclose(got[2], data.mean())


def test_an_element_at_a_computed_place_takes_no_stage(ctx, rng):
    x, y = T.fmatrix("x"), T.fvector("y")
    i, j = y.argmax(), y.argmin()
    outputs = [x[i], x[i, j], x[:, j], x[1:, None, i], x[..., i][j], x[-1 - i, ::-1]]
    f = ca.function([x, y], outputs)
    assert len(f._stages) == 1
    a, b = rng.normal(size=(5, 5)).astype("f"), rng.normal(size=5).astype("f")
    p, q = b.argmax(), b.argmin()
    wanted = [a[p], a[p, q], a[:, q], a[1:, None, p], a[:, p][q], a[-1 - p, ::-1]]
    for got, expected in zip(f(a, b), wanted, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_gradients_through_computed_places(ctx, rng):
    x = T.fmatrix("x")
    n = T.argmax(x[:, 0])
    one = T.grad((x[n] ** 2).sum(), x)
    some = T.grad((x[:n, 1] ** 2).sum(), x)
    f, g = ca.function([x], one), ca.function([x], some)
    assert (len(f._stages), len(g._stages)) == (1, 2)
    data = rng.normal(size=(6, 3)).astype("f")
    data[4, 0] = 10
    wanted = np.zeros_like(data)
    wanted[4] = 2 * data[4]
    np.testing.assert_allclose(f(data), wanted, rtol=1e-6)
    wanted = np.zeros_like(data)
    wanted[:4, 1] = 2 * data[:4, 1]
    np.testing.assert_allclose(g(data), wanted, rtol=1e-6)


def test_what_is_computed_before_is_not_computed_again(ctx, rng):
    x = T.fmatrix("x")
    e = T.exp(x @ x)
    f = ca.function([x], on_device(e[: T.argmax(e[:, 0])] + 1))
    assert len(f._stages) == 2
    data = ca.asarray(rng.uniform(0, 1, (8, 8)).astype("f"))
    f(data)
    before = ca.stats().launches
    got = f(data).numpy()
    made = ca.stats().launches - before
    wanted = np.exp(data.numpy().astype("d") @ data.numpy())
    np.testing.assert_allclose(got, wanted[: wanted[:, 0].argmax()] + 1, rtol=1e-5)
    assert made <= 4  # the product with exp, argmax (two launches at most), the sum
    assert sum(type(n.op).__name__ == "GpuGemm" for n in f.maker.fgraph.toposort()) == 1


def test_updates_and_shared_variables(ctx, rng):
    data = rng.normal(size=9).astype("f")
    s, n = ca.shared(data, "s"), ca.shared(np.int64(0), "n")
    f = ca.function([], s.sum(), updates={s: s[: s.argmax()], n: n + s.argmax()})
    total, expected = 0, data
    for _ in range(3):
        np.testing.assert_allclose(f(), expected.sum(), rtol=1e-5, atol=1e-6)
        if not expected.size:
            break
        total += expected.argmax()
        expected = expected[: expected.argmax()]
        np.testing.assert_array_equal(s.get_value(), expected)
        assert int(n.get_value()) == total
        if not expected.size:
            with pytest.raises(ValueError, match="empty"):
                f()
            assert int(n.get_value()) == total
            break


def test_a_failed_second_stage_leaves_everything(ctx):
    s = ca.shared(np.arange(6, dtype="f"), "s")
    x = T.fvector("x")
    f = ca.function([x], None, updates={s: s + s.reshape((x.argmax(), -1))[0, 0]})
    f([0, 0, 1])
    with pytest.raises(ValueError, match="reshape"):
        f([0, 0, 0, 0, 1])
    np.testing.assert_array_equal(s.get_value(), np.arange(6))
    f([0, 1])
    np.testing.assert_array_equal(s.get_value(), np.arange(6))


def test_steps_of_a_slice_and_empty_results(ctx, rng):
    x = T.fvector("x")
    k = T.argmax(x)
    f = ca.function([x], [x[::k], x[k:0:-1], x[k:k], x[k : k + 2]])
    data = rng.normal(size=11).astype("f")
    data[3] = 50
    for got, expected in zip(f(data), [data[::3], data[3:0:-1], data[3:3], data[3:5]], strict=True):
        np.testing.assert_array_equal(got, expected)


def test_what_the_host_knows_ends_no_stage(any_ctx):
    x, n, s = T.fmatrix("x"), T.lscalar("n"), T.lvector("s")
    f = ca.function([x, n, s], [x[:n], x[x.shape[0] - 1], x.reshape(s, ndim=2), T.arange(x.shape[1] * n)])
    assert len(f._stages) == 1
    assert downloads(f) == 4


def test_copies_and_subsets(ctx, rng):
    s, t = ca.shared(np.array([1, 5, 2], "f")), ca.shared(np.array([9, 5, 2, 1], "f"))
    out = s[s.argmax() :]
    f = ca.function([], [out, out + 1], updates={s: s + 1})
    g = f.copy(swap={s: t})
    np.testing.assert_array_equal(g(output_subset=[1])[0], [10, 6, 3, 2])
    np.testing.assert_array_equal(t.get_value(), [10, 6, 3, 2])
    np.testing.assert_array_equal(s.get_value(), [1, 5, 2])
    f.free()
    np.testing.assert_array_equal(f()[0], [5, 2])


def test_reading_a_value_is_an_implicit_download(ctx, monkeypatch):
    x = T.fvector("x")
    f = ca.function([x], x[: x.argmax()])
    monkeypatch.setattr(ca.config, "assert_no_cpu_op", "raise")
    with pytest.raises(ca.errors.DeviceError, match="reading argmax"):
        f(ca.asarray(np.array([0, 1], "f")))


def test_memory_is_given_back_between_stages(ctx):
    n = 1 << 16
    x = T.fvector("x")
    big = T.exp(x) * 2 - 1
    f = ca.function([x], on_device(T.tanh(big)[: ops.argmax(big)].sum()))
    assert len(f._stages) == 2
    data = ca.asarray(np.linspace(0, 1, n, dtype="f"))
    before = ca.memory_stats().in_use
    result = f(data)
    assert ca.memory_stats().in_use - before < 4 * n
    assert np.isfinite(float(result))
