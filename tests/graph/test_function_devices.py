"""Expressions over several devices: transfers are inserted, and no device waits for another without need."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pyopencl as cl
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.array import parcels
from clarray.device.current import context_for
from clarray.device.select import list_devices
from clarray.errors import DeviceError

F32 = np.dtype("float32")
COMPLETE = cl.command_execution_status.COMPLETE


@pytest.fixture
def other(ctx):
    """A context of another platform's CPU, or a second one of the same device."""
    found = [x for x in list_devices() if x.platform_index != ctx.device.platform_index and x.driver_version
             and x.usable and "llvmpipe" not in x.hardware]  # fmt: skip
    return context_for(found[0] if found else replace(ctx.device, name=f"{ctx.device.place} again"))


@pytest.fixture
def closed():
    """Holds back everything that is enqueued in a context from now on, until `set` or half a minute later."""
    gates = []

    def close(context):
        gate = Gate(context)
        gates.append(gate)
        return gate

    yield close
    for gate in gates:
        gate.set()


class Gate:
    def __init__(self, context):
        self.event = cl.UserEvent(context.cl)
        self.opened = False
        self.late = threading.Timer(30, self.set)
        self.late.start()
        with context.lock:
            context.last_event = cl.enqueue_barrier(context.queue, wait_for=[self.event])
        context.queue.flush()

    def set(self):
        if not self.opened:
            self.opened = True
            self.late.cancel()
            self.event.set_status(COMPLETE)


def draw(rng, *shape):
    return rng.uniform(-1, 1, shape).astype(F32)


def crossings(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()].count("GpuToGpu")


def close_to(got, expected, atol=1e-5):
    np.testing.assert_allclose(np.asarray(got.numpy() if isinstance(got, ca.GpuArray) else got), expected,
                               rtol=1e-5, atol=atol)  # fmt: skip


def test_an_operation_runs_where_most_axes_are(ctx, other, rng):
    a, b, c = draw(rng, 5), draw(rng, 3, 5), draw(rng)
    v, m, s = ca.shared(a, "v"), ca.shared(b, "m", target=other), ca.shared(c, "s", target=other)
    f = ca.function([], [(v * m).transfer(None), (m * v).transfer(None), (s * v).transfer(None)])
    first, second, third = f()
    assert [x.context for x in (first, second, third)] == [other, other, ctx]
    close_to(first, a * b)
    close_to(second, a * b)
    close_to(third, a * c)
    w = ca.shared(a[None], "w", broadcastable=(True, False))
    assert ca.function([], (w * s * v).transfer(None))().context is ctx
    n = ca.shared(draw(rng, 5), "n", target=other)
    assert ca.function([], (v * n).transfer(None))().context is ctx  # of equals the first
    assert ca.function([], (n - v).transfer(None))().context is other


def test_each_value_crosses_once(ctx, other, rng):
    a, b = draw(rng, 64), draw(rng, 8, 64)
    v, m = ca.shared(a, "v"), ca.shared(b, "m", target=other)
    e = T.exp(v)
    f = ca.function([], T.dot(m * e, e) + (m * e).sum(axis=1) + T.dot(m, e.transfer(other)))
    assert crossings(f) == 1
    before = ca.stats()
    result = f()
    moved = ca.stats() - before
    assert moved.bytes_to_device == a.nbytes
    expected = (b * np.exp(a)) @ np.exp(a) + (b * np.exp(a)).sum(1) + b @ np.exp(a)
    close_to(result, expected, 1e-4)


def test_a_value_goes_back_to_where_it_came_from_for_nothing(ctx, other, rng):
    a, b = draw(rng, 7), draw(rng, 7)
    v, w = ca.shared(a, "v"), ca.shared(b, "w")
    f = ca.function([], (T.exp(v).transfer(other) * 2).transfer(ctx) + w * v.transfer(other).transfer(ctx))
    assert crossings(f) == 2  # there and back with the product; v stays
    close_to(f(), np.exp(a) * 2 + a * b)
    there = T.exp(v).transfer(other)
    g = ca.function([], [(there + 1).transfer(None), (w * there).transfer(None)])
    one, two = g()
    assert (one.context, two.context) == (other, ctx)
    assert crossings(g) == 1  # w * there takes exp(v) from where it was
    close_to(two, b * np.exp(a))


def test_updates_end_where_the_variable_is(ctx, other, rng):
    a, b = draw(rng, 4, 6), draw(rng, 6)
    m, v = ca.shared(a, "m"), ca.shared(b, "v", target=other)
    x = T.vector("x")
    f = ca.function([x], T.dot(m, v), updates=[(v, v - T.dot(T.dot(m, v) + x, m)), (m, m * v)])
    given = draw(rng, 4)
    close_to(f(given), a @ b)
    assert (m.container.value.context, v.container.value.context) == (ctx, other)
    close_to(v.get_value(), b - (a @ b + given) @ a)
    close_to(m.get_value(), a * b)
    g = ca.function([x], [], updates={v: x * 2, m: m.transfer(other) + 1})
    g(b)
    assert (m.container.value.context, v.container.value.context) == (ctx, other)
    close_to(v.get_value(), b * 2)
    close_to(m.get_value(), a * b + 1)
    zero = ca.function([], [], updates={v: T.zeros_like(v), m: T.zeros((2, 2))})
    zero()
    assert (m.container.value.context, v.container.value.context) == (ctx, other)
    assert not v.get_value().any()
    assert m.get_value().shape == (2, 2)
    s, t = ca.shared(1.0), ca.shared(2.0, target=other)
    ca.function([], [], updates={s: 7.0, t: 7.0})()
    assert (s.container.value.context, t.container.value.context) == (ctx, other)
    assert (s.get_value(), t.get_value()) == (7, 7)
    ca.function([], [], updates={s: t, t: s + 1})()
    assert (s.get_value(), t.get_value()) == (7, 8)
    assert (s.container.value.context, t.container.value.context) == (ctx, other)


def test_givens_values_of_the_host_and_states(ctx, other, rng):
    a, b = draw(rng, 9), draw(rng, 9)
    x, y = T.vectors("x", "y")
    h, v = ca.shared(a, "h", target="cpu"), ca.shared(b, "v", target=other)
    f = ca.function([y], (x * v + y).transfer(None), givens={x: h + 1}, updates={h: h * v})
    result = f(a)
    assert result.context is other
    close_to(result, (a + 1) * b + a)
    assert type(h.container.value) is np.ndarray
    close_to(h.get_value(), a * b)
    g = ca.function([ca.In(x, value=a, update=x + v)], x * v)
    close_to(g(), a * b)
    close_to(g(), (a + b) * b)
    close_to(g[x], a + 2 * b)


def test_an_input_that_two_devices_read(ctx, other, rng):
    a, b, c = draw(rng, 6), draw(rng, 6), draw(rng, 6)
    v, w = ca.shared(a), ca.shared(b, target=other)
    x, i, n = T.vector("x"), T.lscalar("i"), T.lvector("n")
    f = ca.function([x], [(x * v).transfer(None), (x * w).transfer(None)])
    first, second = f(c)
    assert (first.context, second.context) == (ctx, other)
    close_to(first, c * a)
    close_to(second, c * b)
    g = ca.function([i], [v[i], w[i:], v * i, w * i, T.stack([i, i]) * w[0]])
    for got, expected in zip(g(2), [a[2], b[2:], a * 2, b * 2, np.array([2, 2]) * b[0]], strict=True):
        close_to(got, expected)
    first = T.addbroadcast(n[:1], 0)
    h = ca.function([n], [v.reshape((n[0], n[1])) * first, w.reshape((n[0], n[1])) * first])
    for got, expected in zip(h([2, 3]), [a.reshape(2, 3) * 2, b.reshape(2, 3) * 2], strict=True):
        close_to(got, expected)
    size = ca.function([], [w * v.shape[0], v * w.shape[0], T.ones((w.shape[0], 2)) + v[0]])
    for got, expected in zip(size(), [b * 6, a * 6, np.ones((6, 2)) + a[0]], strict=True):
        close_to(got, expected)


def test_extents_that_another_device_computes(ctx, other, rng):
    a, b = draw(rng, 40), draw(rng, 40)
    v, w = ca.shared(a), ca.shared(b, target=other)
    count = T.gt(v, 0).sum()
    f = ca.function([], [w[:count], T.arange(count) * w[0], v[: T.lt(w, 0).sum()] * 2], updates={w: w * v})
    first, second, third = f()
    close_to(first, b[: (a > 0).sum()])
    close_to(second, np.arange((a > 0).sum()) * b[0])
    close_to(third, a[: (b < 0).sum()] * 2)
    close_to(w.get_value(), b * a)


def test_a_copy_over_variables_of_another_device(ctx, other, rng):
    a, b = draw(rng, 4), draw(rng, 4)
    v, w, x = ca.shared(a), ca.shared(b, target=other), T.vector("x")
    f = ca.function([x], (v * x).transfer(None), updates={v: v + x})
    g = f.copy(swap={v: w})
    assert g(a).context is other
    assert (v.get_value() == a).all()
    close_to(w.get_value(), a + b)
    assert w.container.value.context is other


def test_arrays_as_constants(ctx, other, rng):
    a, b = draw(rng, 5), draw(rng, 5)
    v, c = ca.shared(a), ca.asarray(b, device=other)
    f = ca.function([], (v * c).transfer(None))
    close_to(f(), a * b)
    before = ca.stats()
    close_to(f(), a * b)
    assert (ca.stats() - before).bytes_to_device == 0  # it crossed when the function was bound
    w = ca.shared(b)
    ca.function([], [], updates={w: T.constant(c)})()
    assert w.container.value.context is ctx
    close_to(w.get_value(), b)
    assert ca.function([], T.constant(c).transfer(None))().context is other


def test_views_and_empty_arrays_cross(ctx, other, rng):
    a = draw(rng, 6, 4)
    v, w = ca.shared(a), ca.shared(a, target=other)
    f = ca.function([], T.dot(w, v[::-2, ::2].T.transfer(other)[:, :1] * 2), on_unused_input="ignore")
    g = ca.function([], (w[:2, :3] + v[4:, 1:] - v[:2, 0][:, None]).sum(axis=0))
    close_to(g(), (a[:2, :3] + a[4:, 1:] - a[:2, :1]).sum(0))
    with pytest.raises(ValueError):
        f()  # (6, 4) times (2, 1)
    close_to(ca.function([], v[:0] * w[:0])(), a[:0])
    close_to(ca.asarray(a)[::-1, 1:].transfer(other), a[::-1, 1:])
    assert ca.asarray(a).transfer(ctx).context is ctx


def test_a_device_without_fp64_says_so(ctx, other):
    if ctx.traits.fp64 == other.traits.fp64:
        pytest.skip("both devices have fp64, or neither has")
    wide, narrow = (ctx, other) if ctx.traits.fp64 else (other, ctx)
    s = ca.shared(np.ones(3), target=wide)
    with pytest.raises(TypeError, match=r"no fp64.*float32"):
        ca.function([], s.transfer(narrow).transfer(None))()


def test_enqueuing_waits_for_no_device(ctx, other, closed, rng):
    """While one device is held back, the other works on what does not depend on it."""
    a, b = draw(rng, 300), draw(rng, 300)
    v, w = ca.shared(a, "v"), ca.shared(b, "w", target=other)
    far, near = T.tanh(v * 2) + 1, T.tanh(w * 3) - 1
    joined = (far.transfer(other) * near).sum() * w
    f = ca.function([], [x.transfer(None) for x in (joined, near, far)], updates={w: w + far})
    expected = [(np.tanh(a * 2) + 1) * (np.tanh(b * 3) - 1)]
    expected = [expected[0].sum() * b, np.tanh(b * 3) - 1, np.tanh(a * 2) + 1]
    f()
    w.set_value(b)
    other.synchronize()
    ctx.synchronize()
    gate = closed(ctx)
    results = f()
    results[1].sync()  # the free piece of the other device is done
    assert not gate.opened
    assert results[0].block.event.command_execution_status > COMPLETE
    gate.set()
    for got, right in zip(results, expected, strict=True):
        close_to(got, right, 1e-4)
    close_to(w.get_value(), b + np.tanh(a * 2) + 1)


def test_two_products_on_two_named_devices(ctx, other, closed, rng):
    """The ancestor's example: two products that do not depend on each other, each where its operands are."""
    values = [draw(rng, 32, 32) for _ in range(4)]
    with ca.config.change_flags(contexts=f"dev0->{ctx.device.place};dev1->{other.device.place}"):
        names = ("dev0", "dev0", "dev1", "dev1")
        v01, v02, v11, v12 = (ca.shared(x, target=name) for x, name in zip(values, names, strict=True))
        f = ca.function([], [T.dot(v01, v02).transfer(None), T.dot(v11, v12).transfer(None)])
        assert crossings(f) == 0
        f()
        gate = closed(context_for("dev0"))
        first, second = f()
        assert [first.context.name, second.context.name] == ["dev0", "dev1"]
        close_to(second, values[2] @ values[3])
        assert first.block.event.command_execution_status > COMPLETE
        gate.set()
        close_to(first, values[0] @ values[1])
        both = ca.function([], T.dot(v01, v12).transfer("dev1").transfer(None))()
        assert both.context.name == "dev1"
        close_to(both, values[0] @ values[3])
        assert type(ca.function([], v11.transfer("cpu"))()) is np.ndarray


@pytest.mark.parametrize("how", ["numpy", "borrow", "sync", "finish", "item", "back"])
def test_everything_that_waits_lets_transfers_arrive(ctx, other, closed, rng, how):
    a = draw(rng, 50)
    x = ca.asarray(a)
    gate = closed(ctx)
    moved = (x * 2).transfer(other) + 1
    del x
    soon = threading.Timer(0.02, gate.set)
    soon.start()
    if how == "borrow":
        got = moved.numpy(borrow=True)
    elif how == "item":
        assert moved[3].item() == pytest.approx(float(a[3] * 2 + 1), rel=1e-6, abs=1e-6)
        got = moved
    elif how == "back":
        got = (moved + 1).transfer(ctx) - 1
    else:
        _ = {"numpy": moved.numpy, "sync": moved.sync, "finish": other.synchronize}[how]()
        got = moved
    close_to(got, a * 2 + 1)


def test_an_array_that_never_arrives_is_an_error_of_who_waits(ctx, other, closed, rng, monkeypatch):
    opener = parcels._opener
    monkeypatch.setattr(parcels, "_opener", lambda *given: lambda status: opener(*given)(-14))
    x = ca.asarray(draw(rng, 50))
    gate = closed(ctx)
    moved = x.transfer(other) + 1
    gate.set()
    try:
        for wait in (moved.numpy, moved.sync, other.synchronize):
            with pytest.raises(DeviceError, match=r"never arrived \(status -14\)"):
                wait()
    finally:
        other.lost = ""


def test_transfers_that_pile_up(ctx, other, closed, rng):
    a = draw(rng, 1000)
    x = ca.asarray(a)
    threading.Timer(0.1, closed(ctx).set).start()
    for _ in range(100):  # more than there may be gates
        x = (x.transfer(other) + 1).transfer(ctx) * 0.5
        a = (a + F32.type(1)) * F32.type(0.5)
    close_to(x, a)


OPERATIONS = [
    (lambda x, y: x + y, 2), (lambda x, y: x * y, 2), (lambda x, y: x - y, 2), (lambda x, y: x.dot(y), 2),
    (lambda x: x.T, 1), (lambda x: x * 0.5, 1), (lambda x: x[::-1], 1), (lambda x: abs(x), 1),
    (lambda x: x.sum(axis=0, keepdims=True) + x, 1), (lambda x: x.max(axis=1)[:, None] * x, 1),
]  # fmt: skip


def test_random_graphs_over_two_devices(ctx, other, rng):
    n = 4
    for mode in (*["FAST_COMPILE"] * 5, "FAST_RUN"):  # the first with few distinct kernels
        places = [ctx, other, ctx, other, "cpu"]
        values = [draw(rng, n, n) for _ in places]
        shared = [ca.shared(x, target=place) for x, place in zip(values, places, strict=True)]
        y = T.matrix("y")
        nodes, right = [*shared, y], [*(x.astype("f8") for x in values), (given := draw(rng, n, n)).astype("f8")]
        for _ in range(9):
            op, count = OPERATIONS[rng.integers(len(OPERATIONS))]
            chosen = rng.integers(max(0, len(nodes) - 7), len(nodes), count)
            made, true = op(*(nodes[k] for k in chosen)), op(*(right[k] for k in chosen))
            if rng.random() < 0.2:
                made = made.transfer((ctx, other)[rng.integers(2)])
            nodes.append(made * 0.25)  # so that nothing grows
            right.append(true * 0.25)
        picked = rng.choice(len(nodes), 4, replace=False)
        outputs = [nodes[k] if k % 2 else nodes[k].transfer(None) for k in picked]
        updates = {shared[0]: nodes[-1], shared[1]: nodes[-2], shared[4]: nodes[-3]}
        f = ca.function([y], outputs, updates=updates, on_unused_input="ignore", mode=mode)
        for got, k in zip(f(given), picked, strict=True):
            close_to(got, right[k], 1e-4)
        for k, x in zip((-1, -2, -3), (shared[0], shared[1], shared[4]), strict=True):
            close_to(x.get_value(), right[k], 1e-4)


def test_a_jitted_function_without_arrays_runs_on_the_device_of_its_call(ctx, other):
    scaled, made = ca.jit(lambda s: ca.ones(2) * s), ca.jit(lambda: ca.zeros(2))
    for context in (ctx, other, ctx):
        with ca.device(context):
            assert scaled(2.0).context is context
            assert made().context is context
