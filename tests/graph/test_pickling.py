"""Pickles and copies of variables, shared values and functions."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.device.current import context_for
from clarray.device.select import list_devices
from clarray.graph import pickling

PROTOCOLS = (2, pickle.HIGHEST_PROTOCOL)


def again(x, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(x, protocol))


def draw(rng, *shape):
    return rng.uniform(-1, 1, shape).astype("float32")


def run(x, *pairs):
    return ca.function([v for v, _ in pairs], x, on_unused_input="ignore")(*(value for _, value in pairs))


# variables and graphs


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_variables(ctx, rng, protocol):
    x, n = T.matrix("x"), T.lscalar("n")
    x.tag.note = {"kept": [1, 2]}
    y = T.exp(x[n:, ::2]).sum(axis=1).reshape((-1, 1)) * 0.5 + ca.asarray(np.ones((1, 3), "float32"))
    y.name = "y"
    x2, n2, y2 = again((x, n, y), protocol)
    assert (x2.type, x2.name, n2.type, y2.type, y2.name) == (x.type, "x", n.type, y.type, "y")
    assert x2.tag.note == {"kept": [1, 2]}
    assert y2 is not y
    assert y2.owner.line == y.owner.line
    a = draw(rng, 4, 5)
    expected = np.exp(a[1:, ::2]).sum(1)[:, None] * 0.5 + np.ones((1, 3))
    np.testing.assert_allclose(run(y2, (x2, a), (n2, 1)), expected, rtol=1e-5)
    assert again(T.constant(2.5)).aval == T.constant(2.5).aval  # weak as before
    c = again(T.constant(np.arange(3)))
    assert not c.value.flags.writeable
    assert again(T.TensorType("int8", (True, False))) == T.TensorType("int8", (True, False))


@pytest.mark.parametrize("through", [again, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_what_is_one_object_stays_one(any_ctx, rng, through):
    x, s = T.vector("x"), ca.shared(draw(rng, 3), "s")
    y = T.tanh(x * s)
    g = T.grad((y * y).sum(), [x, s])
    parts = T.exp(y)
    x2, s2, y2, parts2, made = through([x, s, y, parts, {"g": g, "twice": (y, y, parts.owner)}])
    assert made["twice"][0] is made["twice"][1] is y2
    assert parts2.owner is made["twice"][2]
    assert parts2.owner.inputs[0] is y2
    assert set(y2.owner.inputs[0].owner.inputs) == {x2, s2}
    a = draw(rng, 3)
    s2.set_value(a)
    t = np.tanh(a * a)
    expected = 2 * t * (1 - t**2) * a
    for got in run(made["g"], (x2, a)):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("through", [again, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_parts_can_still_be_set(any_ctx, rng, through):
    x, n = T.vector("x"), T.lscalar("n")
    a = draw(rng, 5)
    x2, n2, part, inner = through([x, n, x[n:3], T.exp(x)[::2]])
    expected = a.copy()
    expected[1:3] = 7
    np.testing.assert_array_equal(run(T.set_subtensor(part, 7), (x2, a), (n2, 1)), expected)
    expected = np.exp(a)
    expected[::2] += 1
    np.testing.assert_allclose(run(T.inc_subtensor(inner, 1), (x2, a)), expected, rtol=1e-6)


def test_results_of_one_node(any_ctx, rng):
    norm = ca.ElementwiseKernel("T x, T y, T *s, T *d", "s = x + y; d = x - y")
    x, y = T.vectors("x", "y")
    total, difference = norm(x, y)
    d2, t2, x2, y2 = again([difference, total, x, y])
    assert d2.owner is t2.owner
    a, b = draw(rng, 4), draw(rng, 4)
    got = run([t2, d2], (x2, a), (y2, b))
    np.testing.assert_allclose(got, [a + b, a - b], rtol=1e-6)


@pytest.mark.parametrize("through", [again, copy.deepcopy, lambda x: pickle._loads(pickle._dumps(x))],
                         ids=["pickle", "deepcopy", "in Python"])  # fmt: skip
def test_deep_graphs(any_ctx, through):
    x, nodes = T.scalar("x"), 10_000 if through is again else 3000
    y, middle = x, []
    for k in range(nodes):
        y = y + 1 if k % 3 else y * 0.5
        if k % 1000 == 0:
            middle.append(y)
    x2, y2, middle2 = through((x, y, middle))
    deep = 0
    walk, seen = y2, set()
    while walk.owner is not None:
        seen.add(walk)
        walk = walk.owner.inputs[0]
        deep += 1
    assert (deep, walk) == (nodes, x2)
    assert set(middle2) <= seen


@pytest.mark.parametrize("period", [15, 16, 17])
def test_deep_graphs_of_several_strands(any_ctx, period):
    """One strand reads another every `period` levels, whose nodes alone would not cut it."""
    fast, slow = T.scalar("x"), T.scalar("y")
    for _ in range(300):
        for _ in range(period):
            fast = fast + 1
        slow = slow * (-fast)
    assert again(slow).owner.op is slow.owner.op
    total = slow
    for _ in range(3000):
        total = total + slow
    assert copy.deepcopy([total, slow])[0].owner.inputs[1].owner.op is slow.owner.op


def test_deep_function(any_ctx):
    x = T.scalar("x")
    y = x
    for _ in range(3000):
        y = T.sin(y)
    f = again(ca.function([x], [y, y + 1], mode="FAST_RUN"))
    first, second = f(0.7)
    value = np.float64(0.7)
    for _ in range(3000):
        value = np.sin(value)
    assert float(first) == pytest.approx(value, rel=1e-3)
    assert float(second) == pytest.approx(value + 1, rel=1e-5)


# shared variables


def test_shared_variables(ctx, rng):
    a = draw(rng, 3, 4)
    s = ca.shared(ca.asarray(a)[:, ::2].T, "s", borrow=True)
    host = ca.shared(a, target="cpu")
    loose = ca.shared(np.zeros((1, 2), "float32"), broadcastable=(True, False), allow_downcast=True)
    s2, host2, loose2 = again([s, host, loose])
    np.testing.assert_array_equal(s2.get_value(), a[:, ::2].T)
    assert (s2.name, s2.container.context) == ("s", ctx)
    assert type(host2.container.value) is np.ndarray
    host2.set_value(a * 2)
    np.testing.assert_array_equal(host.get_value(), a)
    loose2.set_value(np.ones((1, 2)))
    assert loose2.broadcastable == (True, False)
    clone = s.clone()
    s3, clone3 = again([s, clone])
    s3.set_value(np.ones((2, 3), "float32"))
    assert clone3.get_value().all()
    assert s.get_value()[0, 0] == a[0, 0]


def test_copies_of_shared_variables_stay_on_the_device(any_ctx, rng):
    a = draw(rng, 5)
    s = ca.shared(a, "s")
    before = ca.stats()
    deep, shallow = copy.deepcopy(s), copy.copy(s)
    assert (ca.stats() - before).bytes_to_host == 0
    shallow.set_value(a * 2)
    np.testing.assert_array_equal(s.get_value(), a * 2)  # one container
    np.testing.assert_array_equal(deep.get_value(), a)
    x = T.vector("x")
    y = copy.copy(x)
    assert y is not x
    assert (y.type, y.name) == (x.type, "x")


@pytest.mark.parametrize("through", [again, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_default_update_that_reads_its_variable(any_ctx, through):
    s = ca.shared(1.0, "s")
    s.default_update = s * 2
    for begin in ([s, s.default_update], [s.default_update, s]):
        loaded = through(begin)
        s2 = loaded[begin.index(s)]
        f = ca.function([], s2 + 0)
        assert [float(f()) for _ in range(3)] == [1, 2, 4]
    assert s.get_value() == 1


# functions


@pytest.mark.parametrize("through", [again, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_functions_go_on_where_they_stood(ctx, rng, through):
    a = draw(rng, 3)
    w, x, total, k = ca.shared(a, "w"), T.vector("x"), T.vector("total"), T.scalar("k")
    train = ca.function(
        [x, ca.In(total, value=np.zeros(3, "float32"), update=total + x, name="total"), ca.In(k, value=2.0, name="k")],
        {"both": w * k + total, "x": x}, updates={w: w + x}, name="train",
    )  # fmt: skip
    read = ca.function([], ca.Out((w * 2).transfer(None), borrow=True))
    train(a)
    train2, read2 = through((train, read))
    assert train2.name == "train"
    for f, g in ((train, read), (train2, read2)):
        result = f(a, k=3)
        np.testing.assert_allclose(result["both"], (2 * a) * 3 + a, rtol=1e-6)
        np.testing.assert_allclose(g().numpy(), 6 * a, rtol=1e-6)  # they still share w
        np.testing.assert_allclose(f["total"], 2 * a, rtol=1e-6)
        assert g().context is ctx
    train2(a)
    np.testing.assert_allclose(w.get_value(), 3 * a, rtol=1e-6)
    with pytest.raises(TypeError, match="function train misses its input x"):
        train2()


def test_functions_with_givens_modes_and_several_devices(ctx, rng):
    a, b = draw(rng, 4), draw(rng, 4)
    with ca.config.change_flags(contexts=f"first->{ctx.device.place};second->{ctx.device.place}"):
        s, t = ca.shared(a, "s", target="first"), ca.shared(b, "t", target="second")
        x, y = T.vectors("x", "y")
        for mode in (None, "FAST_COMPILE", "FAST_RUN"):
            f = ca.function([x], [(y * t).transfer(None), y + t.transfer("first")], givens={y: x * s}, mode=mode)
            g = again(f)
            one, two = g(a)
            assert one.context.name in ("first", "second")
            np.testing.assert_allclose(one.numpy(), a * a * b, rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(two, a * a + b, rtol=1e-6, atol=1e-7)
        assert [x.container.context.name for x in again([s, t])] == ["first", "second"]


# users' operations


class Scaled(ca.Op):
    """x times a number."""

    __props__ = ("by",)

    def __init__(self, by):
        self.by = by

    def infer(self, x):
        return x

    def lower(self, x):
        return x * self.by


def test_own_operations(any_ctx, rng):
    x, a = T.vector("x"), draw(rng, 3)
    y = Scaled(3)(x) + 1
    x2, y2 = again([x, y])
    np.testing.assert_allclose(run(y2, (x2, a)), a * 3 + 1, rtol=1e-6)
    inner = T.vector()
    op = ca.OpFromGraph([inner], [T.exp(inner) * 2])
    made = op(x)
    x3, y3 = again([x, made])
    np.testing.assert_allclose(run(y3, (x3, a)), np.exp(a) * 2, rtol=1e-6)


@ca.jit
def doubled(x):
    return {"twice": x * 2}


def power(x, n):
    return x**n


def test_jitted_functions(any_ctx, rng):
    a = draw(rng, 3)
    assert again(doubled) is doubled
    assert copy.deepcopy(doubled) is doubled
    cubed = again(ca.jit(power, static_argnums=1))
    np.testing.assert_allclose(cubed(ca.asarray(a), 3).numpy(), a**3, rtol=1e-5, atol=1e-7)


def test_operations_that_cannot_be_found_again(any_ctx):
    x = T.vector("x")

    class Local(Scaled):
        pass

    here = __name__.rpartition(".")[2]
    for op in (Local(2), Scaled(lambda: 1)):
        y = op(x)
        with pytest.raises(pickle.PicklingError, match=r"cannot be pickled: its (class|attribute 'by').*top level"):
            pickle.dumps(y)
        with pytest.raises(pickle.PicklingError, match=f"made at .*{here}"):
            pickle.dumps([T.exp(y)])
    assert copy.deepcopy(Local(2)(x)).owner.op.user.by == 2  # a copy needs no name


# other versions, other devices


def test_another_format_is_refused(any_ctx, monkeypatch):
    s = ca.shared(1.0)
    for x in (T.vector(), T.exp(T.vector()), s, ca.function([], s + 1), T.constant(np.ones(2))):
        with monkeypatch.context() as changed:
            changed.setattr(pickling, "FORMAT", pickling.FORMAT + 1)
            changed.setattr(pickling, "__version__", "7.8.9")
            data = pickle.dumps(x)
        with pytest.raises(
            pickle.UnpicklingError, match=r"written by clarray 7\.8\.9 in format 2.*reads format 1.*with"
        ):
            pickle.loads(data)


def test_an_unknown_operation(any_ctx):
    data = pickle.dumps(T.exp(T.vector()), 2).replace(b"\x00\x00\x00exp", b"\x00\x00\x00xqp")
    with pytest.raises(pickle.UnpicklingError, match="no operation 'xqp'"):
        pickle.loads(data)


def test_a_context_that_is_not_here(ctx, rng):
    a = draw(rng, 3)
    with ca.config.change_flags(contexts=f"somewhere_else->{ctx.device.place}"):
        s = ca.shared(a, target="somewhere_else")
        data = pickle.dumps([s, ca.function([], (s + 1).transfer(None)), s.get_value(return_internal_type=True)])
        assert pickle.loads(data)[0].container.context.name == "somewhere_else"
    data = data.replace(b"somewhere_else", b"nowhere_at_all")
    with pytest.warns(UserWarning, match=r"device 'nowhere_at_all', which is not here: they go to the default device"):
        s2, f, array = pickle.loads(data)
    assert (s2.container.context, array.context) == (ctx, ctx)
    np.testing.assert_allclose(f().numpy(), a + 1, rtol=1e-6)
    with ca.config.change_flags(force_device=True), pytest.raises(ca.errors.DeviceNotFound, match="nowhere_at_all"):
        pickle.loads(data)


def test_a_device_without_fp64_refuses(any_ctx):
    narrow = next((x for x in map(context_for, list_devices()) if not x.traits.fp64), None)
    if narrow is None or not any_ctx.traits.fp64 or len(narrow.name) != len(any_ctx.name):
        pytest.skip("no device without fp64 is listed besides one with it")
    data = pickle.dumps(ca.shared(np.ones(3), target=any_ctx)).replace(any_ctx.name.encode(), narrow.name.encode())
    with pytest.raises(TypeError, match="no fp64 and cannot hold float64; use float32"):
        pickle.loads(data)


DUMP = """
import pickle, sys
import numpy as np
import clarray as ca, clarray.tensor as T
w, b = ca.shared(np.arange(6, dtype="float32").reshape(2, 3), "w"), ca.shared(np.ones(2, "float32"), "b")
x = T.vector("x")
cost = T.log(1 + T.exp(T.dot(w, x) + b)).sum()
step = ca.function([x], cost, updates=[(p, p - 0.1 * g) for p, g in zip((w, b), T.grad(cost, [w, b]))], name="step")
step([1, 2, 3])
with open(sys.argv[1], "wb") as file:
    pickle.dump({"step": step, "w": w, "cost": (x, cost), "array": ca.asarray(np.arange(3, dtype="int32"))}, file)
print(float(step([1, 0, -1])), w.get_value().tolist())
"""

LOAD = """
import pickle, sys
import clarray as ca
with open(sys.argv[1], "rb") as file:
    held = pickle.load(file)
step, w = held["step"], held["w"]
assert w.container.context is ca.asarray(0).context is held["array"].context, w.container.context
x, cost = held["cost"]
before = float(ca.function([x], cost)([1, 0, -1]))
after = float(step([1, 0, -1]))
assert abs(before - after) < 1e-5, (before, after)
print(after, w.get_value().tolist())
"""


def test_in_other_processes_on_other_devices(any_ctx, tmp_path):
    """What one process wrote goes on in another, whose default device is another."""
    file = str(tmp_path / "work.pickle")

    def python(script, device):
        environment = {**os.environ, "CLARRAY_DEVICE": device.place, "PYTHONWARNINGS": "error"}
        done = subprocess.run([sys.executable, "-c", script, file], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        value, _, rest = done.stdout.strip().partition(" ")
        return float(value), np.array(eval(rest))

    loss, weights = python(DUMP, any_ctx.device)
    for device in list_devices():
        if device.usable:
            value, found = python(LOAD, device)
            assert value == pytest.approx(loss, rel=1e-5)
            np.testing.assert_allclose(found, weights, rtol=1e-5, atol=1e-6)


def test_named_contexts_in_another_process(any_ctx, tmp_path):
    file, place = str(tmp_path / "named.pickle"), any_ctx.device.place
    with ca.config.change_flags(contexts=f"dev1->{place}"):
        s = ca.shared(np.arange(3, dtype="float32"), target="dev1")
        with open(file, "wb") as out:
            pickle.dump(ca.function([], (s * 2).transfer(None)), out)
    script = (
        "import pickle, sys; f = pickle.load(open(sys.argv[1], 'rb')); r = f(); print(r.context.name, r.numpy().sum())"
    )
    for flags, expected in (
        (f"contexts=dev1->{place},device={place}", "dev1 6.0"),
        (f"device={place}", f"{place} 6.0"),
    ):
        environment = {k: v for k, v in os.environ.items() if k != "CLARRAY_DEVICE"} | {"CLARRAY_FLAGS": flags}
        done = subprocess.run([sys.executable, "-c", script, file], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr
        assert ("'dev1', which is not here" in done.stderr) is not ("contexts" in flags)


def test_names_that_mean_no_device_list_those_that_do(any_ctx):
    with ca.config.change_flags(contexts=f"dev0->{any_ctx.device.place}"):
        with pytest.raises(ValueError, match=rf"'dev7'(.|\n)*opencl(.|\n)*contexts: dev0->{any_ctx.device.place}"):
            ca.shared(1.0, target="dev7")
        with pytest.raises(ValueError, match="'dev7'"):
            T.vector().transfer("dev7")
        assert ca.shared(1.0, target="dev0").container.context.name == "dev0"
        ca.config.contexts = f"dev7->{any_ctx.device.place}"  # at run time
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert ca.shared(1.0, target="dev7").container.context.name == "dev7"
        with pytest.raises(ValueError, match="contexts: dev7->"):
            ca.shared(1.0, target="dev0")
        with pytest.raises(ValueError, match="not allowed"):
            ca.config.contexts = "gpu7->cpu"
