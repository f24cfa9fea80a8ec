"""Where values are: transfers, several contexts, variables kept on the host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.device.current import context_for

F32 = np.dtype("float32")


@pytest.fixture
def other(ctx):
    """A second context of the same device."""
    return context_for(replace(ctx.device, name=f"{ctx.device.place} again"))


@pytest.fixture
def data(rng):
    return rng.uniform(-1, 1, 12).astype(F32)


def names(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()]


def test_an_operation_runs_where_its_operands_are(ctx, other, data):
    s = ca.shared(data, target=other)
    result = ca.function([], T.exp(s).transfer(None))()
    assert result.context is other
    np.testing.assert_allclose(result.numpy(), np.exp(data), rtol=2e-6)
    x = T.vector("x")
    f = ca.function([x], (x * 2).transfer(None))
    assert f(data).context is ctx
    assert f(ca.asarray(data, device=other)).context is other
    assert f(ca.asarray(data)).context is ctx
    assert ca.function([x], (s * x).transfer(None))(data).context is other


def test_arguments_elsewhere_are_an_error_that_names_both(ctx, other, data):
    s = ca.shared(data, "s", target=other)
    x, y = T.vectors("x", "y")
    f = ca.function([x, y], x + y, name="add")
    with pytest.raises(ValueError, match=r"argument 1 \(y\) of function add: the array is on .*transfer"):
        f(ca.asarray(data), ca.asarray(data, device=other))
    with pytest.raises(ValueError, match=r"argument 0 \(x\) .* runs on .* \(add\(\) at .*places.py:\d+\)"):
        ca.function([x], x + s)(ca.asarray(data))
    with pytest.raises(ValueError, match="move it with transfer"):
        s.set_value(ca.asarray(data))
    with pytest.raises(ValueError, match="different devices"):
        _ = ca.asarray(data) + ca.asarray(data, device=other)


def test_transfers(ctx, other, data):
    s = ca.shared(data, target=other)
    t = ca.shared(data)
    f = ca.function([], (T.exp(s).transfer(ctx) * t).transfer(None))
    result = f()
    assert result.context is ctx
    np.testing.assert_allclose(result.numpy(), np.exp(data) * data, rtol=3e-6, atol=1e-7)
    assert names(f).count("GpuToGpu") == 1
    g = ca.function([], T.exp(t).transfer(other))
    assert g().context is other
    x = T.vector("x")
    h = ca.function([x], T.exp(x.transfer(other)).transfer(None))
    assert h(ca.asarray(data)).context is other


def test_back_to_back_transfers_cancel(ctx, other, data):
    s = ca.shared(data)
    f = ca.function([], (s * 2).transfer(other).transfer(ctx))
    assert f().context is ctx
    to_host = ca.stats().bytes_to_host
    f()
    assert ca.stats().bytes_to_host == to_host
    assert type(ca.function([], (s * 2).transfer(None).transfer("cpu"))()) is np.ndarray
    assert isinstance(ca.function([], (s * 2).transfer("cpu").transfer(None))(), ca.GpuArray)


def test_gradient_through_a_transfer(ctx, other, data):
    w = ca.shared(data)
    cost = (w.transfer(other) ** 2).sum()
    f = ca.function([], T.grad(cost, w).transfer(None), updates={w: w - 0.5 * T.grad(cost, w).transfer(ctx)})
    np.testing.assert_allclose(f().numpy(), 2 * data, rtol=1e-6)
    np.testing.assert_allclose(w.get_value(), 0, atol=1e-7)


def test_kept_on_the_host(ctx, data):
    s = ca.shared(data, "s", target="cpu")
    assert type(s.container.value) is np.ndarray
    assert s.get_value(borrow=True) is s.container.value
    f = ca.function([], (s * 2).sum(), updates={s: s + 1})
    assert "GpuFromHost" in names(f)
    np.testing.assert_allclose(f(), data.sum() * 2, rtol=1e-4, atol=1e-4)
    assert type(s.container.value) is np.ndarray
    np.testing.assert_allclose(s.get_value(), data + 1, rtol=1e-6, atol=1e-6)
    s.set_value(data[:3])
    assert f().shape == ()


def test_named_contexts(ctx, data):
    with ca.config.change_flags(contexts=f"dev0->{ctx.device.place};dev1->{ctx.device.place}"):
        a, b = ca.shared(data, target="dev0"), ca.shared(data, target="dev1")
        assert ca.function([], (a + b).transfer(None))().context.name == "dev0"  # the first of equals
        result = ca.function([], (a.transfer("dev1") + b).transfer(None))()
        assert result.context.name == "dev1"
        np.testing.assert_allclose(result.numpy(), data * 2)
