"""Print: a value shown when a function runs, and passed on."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.printing import Print


def test_prints_in_every_call(ctx, rng, capsys):
    x = T.vector("x")
    f = ca.function([x], Print("the exponential")(T.exp(x)) * 2)
    assert capsys.readouterr().out == ""
    for _ in range(2):
        a = rng.standard_normal(3).astype("f")
        before = ca.stats()
        np.testing.assert_allclose(f(a), np.exp(a) * 2, rtol=1e-5)
        out = capsys.readouterr().out
        assert out.startswith("the exponential __str__ = [")
        shown = np.array(out.partition("[")[2].rstrip("]\n").split(), "f")
        np.testing.assert_allclose(shown, np.exp(a), rtol=1e-5)
        assert (ca.stats() - before).host_fallbacks == 0
        assert (ca.stats() - before).bytes_to_host == 2 * a.nbytes  # what is printed and the result


def test_attributes(ctx, capsys):
    x = T.matrix("x")
    f = ca.function([x], Print("x", attrs=["shape", "min", "dtype"])(x).sum())
    assert f(np.arange(6, dtype="f").reshape(2, 3)) == 15
    assert capsys.readouterr().out == "x shape = (2, 3)\nx min = 0.0\nx dtype = float32\n"
    with pytest.raises(AttributeError, match="'colour'"):
        Print("x", attrs=("colour",))


def test_own_function(ctx, rng):
    seen = []
    x = T.vector("x")
    f = ca.function([x], Print("kept", global_fn=lambda op, value: seen.append((op.message, value)))(x) + 1)
    a = rng.standard_normal(7).astype("f")
    np.testing.assert_allclose(f(a), a + 1, rtol=1e-6)
    ((message, value),) = seen
    assert message == "kept"
    np.testing.assert_array_equal(value, a)


def test_gradient_passes(ctx, rng, capsys):
    x = T.vector("x")
    f = ca.function([x], T.grad(T.sum(T.sqr(Print("x")(x))), x))
    a = rng.standard_normal(5).astype("f")
    np.testing.assert_allclose(f(a), 2 * a, rtol=1e-6)
    assert "x __str__" in capsys.readouterr().out


def test_views_scalars_and_what_nobody_wants(ctx, capsys):
    x = T.matrix("x")
    row, total = Print("row", attrs=("shape",))(x.T[1]), Print("total")(x.sum())
    unwanted = Print("unwanted")(x)
    a = np.arange(6, dtype="f").reshape(2, 3)
    got, whole = ca.function([x], [row, total])(a)
    np.testing.assert_array_equal(got, a.T[1])
    assert whole == 15
    out = capsys.readouterr().out
    assert sorted(out.splitlines()) == ["row shape = (2,)", "total __str__ = 15.0"]
    assert unwanted.owner is not None


def test_arrays_are_printed_at_once(ctx, capsys):
    a = ca.asarray(np.float32([1, 2]))
    assert Print("now")(a) is a
    assert capsys.readouterr().out == "now __str__ = [1. 2.]\n"
