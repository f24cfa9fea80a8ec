"""Calls that fail: at any launch, allocation, upload, download or look at values, nothing has changed."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.core.aval import Aval
from clarray.core.op import Composite
from clarray.device.memory import Memory
from clarray.device.run import Launcher
from clarray.errors import DeviceError, OutOfDeviceMemory
from clarray.graph import function as function_module
from clarray.graph.running import stages as stages_module


class Injected(Exception):
    """What a test throws into a call."""


@pytest.fixture
def training(ctx, rng):
    """A function of several launches with updates of three variables, its arguments, and a check of their values."""
    data, labels = ca.asarray(rng.normal(size=(30, 12)).astype("f")), ca.asarray(rng.normal(size=30).astype("f"))
    w, b = ca.shared(rng.normal(size=12).astype("f"), "w"), ca.shared(np.float32(0.5), "b")
    steps = ca.shared(np.int64(0), "steps")
    x, y = T.fmatrix("x"), T.fvector("y")
    error = T.tanh(T.dot(x, w) + b) - y
    cost = (error**2).mean()
    gw, gb = T.grad(cost, [w, b])
    f = ca.function([x, y], [cost, error], updates=[(w, w - 0.1 * gw), (b, b - 0.1 * gb), (steps, steps + 1)])
    f(data, labels)
    return f, (data, labels), (w, b, steps)


def values(variables):
    return [v.get_value() for v in variables]


def unchanged(variables, before):
    for got, wanted in zip(values(variables), before, strict=True):
        np.testing.assert_array_equal(got, wanted)


def nth(method, n, error):
    """A method whose n-th call raises."""
    count = 0

    def called(*args, **named):
        nonlocal count
        count += 1
        if count == n:
            raise error
        return method(*args, **named)

    return called


def fails_everywhere(owner, name, call, variables, error, monkeypatch, raised=Injected):
    """Let each call of a method fail in turn; returns how many there are."""
    original, before = getattr(owner, name), values(variables)
    for n in range(1, 100):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, nth(original, n, error))
            try:
                call()
            except raised:
                done = False
            else:
                done = True
        if done:
            return n - 1
        unchanged(variables, before)
    raise AssertionError("it never ends")


def test_a_failing_launch(training, monkeypatch):
    f, args, variables = training
    count = fails_everywhere(Launcher, "launch", lambda: f(*args), variables, Injected(), monkeypatch)
    assert count >= 3
    assert int(variables[2].get_value()) == 2  # the last call was not disturbed


def test_a_failing_allocation(training, monkeypatch):
    f, args, variables = training
    count = fails_everywhere(Memory, "_take", lambda: f(*args), variables, Injected(), monkeypatch)
    assert count >= 3
    f(*args)
    assert int(variables[2].get_value()) == 3


def test_a_failing_download(training, monkeypatch):
    f, args, variables = training
    error = DeviceError("the device is lost")
    count = fails_everywhere(
        function_module, "downloaded", lambda: f(*args), variables, error, monkeypatch, raised=DeviceError
    )
    assert count == 2


def test_a_failing_upload(training, monkeypatch):
    f, args, variables = training
    host = [x.numpy() for x in args]
    f(*host)
    assert fails_everywhere(stages_module, "uploaded", lambda: f(*host), variables, Injected(), monkeypatch) == 2


def test_memory_that_is_short(ctx, rng):
    s = ca.shared(rng.normal(size=(500, 500)).astype("f"))
    x = T.fmatrix("x")
    f = ca.function([x], None, updates={s: T.dot(s, x) * 2})
    a = ca.asarray(np.eye(500, dtype="f"))
    before = s.get_value()
    gc.collect()  # or garbage may make room
    ca.set_memory_limit(ca.memory_stats().in_use + 1000)
    try:
        with pytest.raises(OutOfDeviceMemory):
            f(a)
    finally:
        ca.set_memory_limit(None)
    np.testing.assert_array_equal(s.get_value(), before)
    f(a)
    np.testing.assert_allclose(s.get_value(), before * 2, rtol=1e-6)


class Refuses(Composite):
    """x, unless its first element is negative."""

    name = "refuses"
    traceable = False

    def infer(self, avals, params, fp64=True):
        return (Aval(avals[0].shape, avals[0].dtype),)

    def lower(self, x):
        if float(x[0]) < 0:
            raise Injected("negative")
        return x + 0


def test_a_composite_that_raises(ctx):
    s, t = ca.shared(np.zeros(3, "f")), ca.shared(np.ones(3, "f"))
    x = T.fvector("x")
    f = ca.function([x], s + t, updates=[(s, s + x), (t, Refuses()(x * 2) + t)])
    f([1, 2, 3])
    before = values([s, t])
    with pytest.raises(Injected):
        f([-1, 2, 3])
    unchanged([s, t], before)
    np.testing.assert_array_equal(f([1, 1, 1]), [4, 7, 10])


def test_arguments_are_looked_at_before_anything_runs(training):
    f, (data, labels), variables = training
    before = values(variables)
    for args, error in (
        ((data,), TypeError),
        ((data, labels, labels), TypeError),
        ((data[0], labels), TypeError),
        ((data, labels[:7]), ValueError),
        ((data[:, :3], labels), ValueError),
        (("no", labels), TypeError),
    ):
        with pytest.raises(error):
            f(*args)
        unchanged(variables, before)
    for subset, error in (([2], IndexError), (["cost"], TypeError)):
        with pytest.raises(error):
            f(data, labels, output_subset=subset)
        unchanged(variables, before)


def test_subsets(ctx):
    s, x = ca.shared(0.0), T.vector("x")
    named = ca.function([x], {"double": x * 2, "square": x**2}, updates={s: s + 1})
    assert list(named([3], output_subset=["square"])) == ["square"]
    with pytest.raises(KeyError, match=r"no output 'cube'; it has double, square"):
        named([3], output_subset=["cube"])
    assert float(s.get_value()) == 1
    listed = ca.function([x], [x * 2, x**2, x + 1])
    assert [r.tolist() for r in listed([3], output_subset=[-1, 0])] == [[4], [6]]
    assert listed([3], output_subset=[]) == []
    with pytest.raises(TypeError, match="output_subset"):
        ca.function([x], x)([1], output_subset=[0])


def test_values_of_states_are_taken_back(ctx):
    x, i = T.fscalar("x"), T.fscalar("i")
    f = ca.function([x, ca.In(i, value=5, update=i + x)], i * x)
    assert float(f(2)) == 10
    assert float(f[i]) == 7
    with pytest.raises(TypeError):
        f(2, i=1, nothing=3)
    with pytest.raises(TypeError):
        f(i=1)
    with pytest.raises(TypeError):
        f("two", i=1)
    assert float(f[i]) == 7
    assert float(f(3, i=1)) == 3
    assert float(f[i]) == 4


def test_arguments_that_share_memory(ctx, rng):
    """With one another, or with a shared variable that is updated: results are of the old values."""
    s = ca.shared(rng.normal(size=8).astype("f"))
    held = s.get_value(borrow=True, return_internal_type=True)
    x, y = T.fvectors("x", "y")
    f = ca.function([ca.In(x, mutable=True), y], [x + y, (x * 2).transfer(None)], updates={s: s[::-1] + x - y})
    before = held.numpy()
    total, double = f(held, held[::-1])
    np.testing.assert_allclose(total, before + before[::-1])
    np.testing.assert_allclose(double.numpy(), before * 2)
    np.testing.assert_allclose(s.get_value(), before, rtol=1e-6, atol=1e-6)
    assert not ca.may_share_memory(double, held)


def test_borrowed_arguments_and_results(ctx, rng):
    data = rng.normal(size=9).astype("f")
    x = T.fvector("x")
    same = ca.function([ca.In(x, borrow=True)], ca.Out(x.transfer(None), borrow=True))
    a = ca.asarray(data)
    np.testing.assert_array_equal(same(a).numpy(), data)
    copied = ca.function([ca.In(x, borrow=True)], ca.Out(x.transfer(None)))
    b = copied(a)
    b[...] = 0
    np.testing.assert_array_equal(a.numpy(), data)
    out = ca.function([x], ca.Out((x * 2).transfer(None), borrow=True))
    first, second = out(a), out(a + 1)
    np.testing.assert_array_equal(second.numpy(), (data + 1) * 2)
    np.testing.assert_array_equal(first.numpy(), data * 2)


def test_trusted_input_is_not_looked_at(ctx, rng):
    x = T.fvector("x")
    f = ca.function([x], x * 2)
    f.trust_input = True
    data = rng.normal(size=5).astype("f")
    np.testing.assert_array_equal(f(data), data * 2)
    np.testing.assert_array_equal(f(ca.asarray(data)), data * 2)
