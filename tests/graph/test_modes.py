"""Modes: what each leaves out, and what DebugMode and NanGuardMode find."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.array import transfer
from clarray.compile import DebugMode, Mode, NanGuardMode, get_default_mode, get_mode, predefined_modes
from clarray.core import ops
from clarray.errors import BadKernel, BadRewrite, NotFinite
from clarray.graph.inside import reference
from clarray.graph.rewriting import DATABASE, rewrite
from clarray.graph.rewriting.database import remove

EXAMPLES = Path(__file__).parents[2] / "examples"


def kernels(f):
    return [step for step in f._schedule.steps if step.kind != "view"]


def program(mode):
    """Inputs, outputs, an update, products, reductions and elementwise work, as a function in a mode."""
    x, w = T.fmatrix("x"), ca.shared(np.linspace(-1, 1, 12, dtype="f").reshape(4, 3), name="w")
    hidden = T.tanh(T.dot(x, w) + 0.5)
    p = T.nnet.softmax(hidden)
    cost = -T.log(p).mean() + 0.1 * (w**2).sum()
    gw = T.grad(cost, w)
    return ca.function([x], [cost, p, hidden.T[0]], updates=[(w, w - 0.3 * gw)], mode=mode), w


def test_every_mode_gives_the_same_values(ctx, rng):
    data = rng.normal(size=(5, 4)).astype("f")
    results = {}
    for mode in (
        "FAST_RUN",
        "FAST_COMPILE",
        "DebugMode",
        "NanGuardMode",
        Mode(optimizer="None"),
        Mode().excluding("fusion", "inplace"),
    ):
        f, w = program(mode)
        runs = [f(data) for _ in range(2)]
        results[str(mode)] = [*runs[0], *runs[1], w.get_value()]
    expected = results.pop("FAST_RUN")
    for got in results.values():
        for a, e in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, e, rtol=2e-5, atol=2e-6)


def test_names(any_ctx):
    assert isinstance(get_mode("DebugMode"), DebugMode)
    assert isinstance(get_mode("DEBUG_MODE"), DebugMode)
    assert isinstance(get_mode("NanGuardMode"), NanGuardMode)
    assert get_mode("FAST_RUN").fuses
    assert not get_mode("FAST_COMPILE").fuses
    assert set(predefined_modes) >= {"FAST_RUN", "FAST_COMPILE"}
    mode = Mode()
    assert get_mode(mode) is mode
    assert DebugMode(check_isfinite=False).check_kernels
    with pytest.raises(TypeError, match="has no check_everything"):
        DebugMode(check_everything=True)
    assert Mode("fast_compile").query == get_mode("FAST_COMPILE").query
    with pytest.raises(ValueError, match="optimizer 'quick' is not one of fast_run"):
        Mode(optimizer="quick")


def test_flags(any_ctx):
    with ca.config.change_flags(optimizer_excluding="fusion:small_powers", optimizer="fast_run"):
        mode = get_default_mode()
        assert not mode.fuses
        assert "small_powers" not in mode.query
    with ca.config.change_flags(mode="FAST_COMPILE", optimizer_including="inplace"):
        assert get_mode().in_place
        assert not get_mode().fuses
    with ca.config.change_flags(optimizer="fast_compile"):
        assert not get_mode().fuses
        assert Mode(optimizer="default").query == get_mode().query


def test_including_and_excluding(any_ctx, rng):
    x = T.fvector("x")
    data = rng.uniform(0.5, 2, 7).astype("f")
    y = T.exp(T.tanh(x) * 2) + T.tanh(x)
    fused, apart = ca.function([x], y), ca.function([x], y, mode=Mode().excluding("fusion"))
    assert len(kernels(fused)) == 1
    assert len(kernels(apart)) > 2
    np.testing.assert_allclose(apart(data), fused(data), rtol=1e-5)
    rooted = ca.function([x], x**0.5, mode=Mode().excluding("small_powers"))
    assert [n.op for n in rooted._schedule.nodes] == [ops.pow]
    again = ca.function([x], x**0.5, mode=Mode().excluding("canonicalize").including("small_powers"))
    assert [n.op for n in again._schedule.nodes] == [ops.sqrt]
    with pytest.warns(
        UserWarning, match=r"excluding\('fuson'\): there is no rewrite or phase of that name; did you mean 'fusion'"
    ):
        Mode().excluding("fuson")
    Mode().excluding("gpuarray", "local_dot_to_dot22")  # the ancestor's


def test_nothing_in_place(any_ctx, rng):
    x = T.fvector("x")
    data = ca.asarray(rng.normal(size=1000).astype("f"))
    y = T.sort(x) + 1
    z = T.sort(y) * 2
    for mode, blocks in ((Mode(), 1), (Mode().excluding("inplace"), 0)):
        f = ca.function([x], T.sum(z) + T.sort(z).transfer(None), mode=mode)
        f(data)
        (tape,) = f._tapes.values()
        names = [record.run.__name__ for record in tape.records]
        assert (names.count("launch_over") > 0) == bool(blocks)


# DebugMode


def test_a_broken_rewrite_is_named(any_ctx):
    @rewrite(ops.tanh)
    def tanh_is_nearly_linear(node):
        """tanh(x) -> x"""
        return node.inputs[0]

    try:
        x = T.fvector("x")
        y = T.tanh(x) * 2  # the line
        f = ca.function([x], y, mode="DebugMode")
        np.testing.assert_array_equal(f(np.zeros(3, "f")), 0)  # nothing is wrong there
        with pytest.raises(BadRewrite) as caught:
            f(np.array([0, 0, 1], "f"))
    finally:
        remove("tanh_is_nearly_linear")
    text = str(caught.value)
    assert "tanh_is_nearly_linear (tanh(x) -> x) changed the value of tanh(x)" in text
    assert "at (2,) it is 1.0 instead of 0.76159" in text
    assert "1 of 3 elements differ" in text
    assert "y = T.tanh(x) * 2  # the line" in text


def test_a_rewrite_that_changes_integers_or_shapes_is_named(any_ctx):
    x, i = T.fmatrix("x"), T.ivector("i")

    @rewrite(ops.add)
    def forget(node):
        """x + y -> x"""
        return node.inputs[0] if node.out.dtype == "int32" else node.inputs[0].T if node.out.ndim == 2 else None

    try:
        with pytest.raises(BadRewrite, match="forget"):
            ca.function([i], i + 1, mode="DebugMode")(np.arange(3, dtype="i"))
        with pytest.raises(BadRewrite, match=r"the shape is \(2, 3\) instead of \(3, 2\)"):
            ca.function([x], x + 1, mode="DebugMode")(np.ones((3, 2), "f"))
    finally:
        remove("forget")


def test_a_wrong_kernel_is_named(any_ctx, monkeypatch, rng):
    x = T.fmatrix("x")
    f = ca.function([x], T.sinh(x).sum(axis=0), mode="DebugMode")
    data = rng.normal(size=(6, 5)).astype("f")
    before = ca.stats()
    np.testing.assert_allclose(f(data), np.sinh(data.astype("d")).sum(axis=0), rtol=1e-4)
    assert (ca.stats() - before).host_fallbacks == 1
    monkeypatch.setitem(reference.FUNCTIONS, "sinh", lambda v: np.sinh(v) * 1.01)
    with pytest.raises(
        BadKernel, match=r"the kernel of sinh sum, made at .*test_modes.py:\d+:\n.*\n.*computed a wrong value"
    ):
        f(data)


def checked(f, *args):
    f(*args)
    (tape,) = f._tapes.values()
    return tape


def test_memory_left_unwritten_and_operands_written_are_found(any_ctx, rng):
    x = T.fvector("x")
    data = ca.asarray(rng.normal(size=64).astype("f"))
    f = ca.function([x], T.sort(x).transfer(None), mode=DebugMode(check_rewrites=False))
    record = checked(f, data).records[0]
    whole, made, read = record.run, record.made[0], record.read[0]

    def not_at_all(slots):
        slots[made.slot] = record.bound.context.memory.allocate(made.layout.nbytes)

    def everywhere(slots):
        whole(slots)
        transfer.write(slots[read.slot], 0, np.zeros(64, "f"))

    record.run = not_at_all
    with pytest.raises(BadKernel, match="sort"):
        f(data)
    record.run = everywhere
    with pytest.raises(BadKernel, match="wrote into its operand x"):
        f(data)


def test_two_answers_are_found(any_ctx, rng):
    """Of an operation without a reference: the second answer is compared with the first."""
    x = T.fvector("x")
    data = ca.asarray(rng.normal(size=64).astype("f"))
    f = ca.function([x], T.sort(x).transfer(None), mode="DebugMode")
    record = checked(f, data).records[0]
    whole, made, calls = record.run, record.made[0], []

    def sometimes(slots):
        whole(slots)
        calls.append(1)
        if len(calls) == 2:
            transfer.write(slots[made.slot], 0, np.ones(64, "f"))

    record.run = sometimes
    with pytest.raises(BadKernel, match=r"another answer for .* the second time"):
        f(data)


def test_a_failed_check_leaves_shared_variables(any_ctx, monkeypatch):
    w = ca.shared(np.ones(3, "f"), name="w")
    f = ca.function([], [], updates=[(w, T.cosh(w))], mode="DebugMode")
    monkeypatch.setitem(reference.FUNCTIONS, "cosh", lambda v: np.cosh(v) + 1)
    with pytest.raises(BadKernel):
        f()
    np.testing.assert_array_equal(w.get_value(), 1)


@pytest.mark.parametrize("dtype", ["float32", "int32", "complex64", "float16", "bool"])
def test_right_programs_pass(any_ctx, dtype, rng):
    x = T.tensor(dtype, (False, False), "x")
    data = (
        rng.integers(0, 2, (4, 6)).astype(dtype)
        if dtype in ("int32", "bool")
        else rng.normal(size=(4, 6)).astype(dtype)
    )
    outs = [
        x.T + x.T,
        T.dot(x, x.T),
        x[1:, ::2],
        x.sum(axis=0),
        T.concatenate([x, x]),
        x[np.array([1, 0, -1])],
        x.reshape((-1,)) * 2,
    ]
    if dtype == "float32":
        outs += [
            T.exp(x) / T.exp(x).sum(axis=1, keepdims=True),
            x - x.mean(),
            T.cumsum(x, axis=1),
            x.argmax(axis=1),
            T.erf(x),
            T.gammaln(abs(x) + 1),
        ]
        outs += [
            T.set_subtensor(x[1], 3),
            T.inc_subtensor(x[:, 1:3], 2),
            T.grad(T.sqr(x[np.array([1, 1])]).sum(), x),
            x.var(axis=0),
            T.psi(abs(x) + 1),
        ]
    f = ca.function([x], outs, mode="DebugMode")
    plain = ca.function([x], outs)
    for got, expected in zip(f(data), plain(data), strict=True):
        np.testing.assert_array_equal(got, expected)
    if dtype != "float32":  # of which there are extremes
        f(data[:, :0])
    if dtype in ("float32", "complex64"):
        data[0, :3] = [np.nan, np.inf, -0.0]
        f(data)


@pytest.mark.parametrize("name", ["add_vectors", "products", "two_outputs", "logistic_regression"])
def test_examples_pass(any_ctx, name, tmp_path):
    arguments = ["--steps", "3"] if name == "logistic_regression" else []
    start = f"import sys, runpy, clarray; clarray.use({any_ctx.device.place!r}); clarray.config.mode = 'DebugMode'"
    code = f"{start}; sys.argv[1:] = {arguments}; runpy.run_path({str(EXAMPLES / name)!r} + '.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr


# NanGuardMode


def test_the_node_of_the_first_nan_is_named(any_ctx):
    x = T.fvector("x")
    y = T.log(x) + 1  # here
    f = ca.function([x], T.tanh(y) * 2, mode="NanGuardMode")
    np.testing.assert_allclose(f(np.ones(3, "f")), 2 * np.tanh(1), rtol=1e-6)
    with pytest.raises(NotFinite) as caught:
        f(np.array([1, -2, 3], "f"))
    text = str(caught.value)
    assert "NaN first came out of log(): float32, shape (3,), from 0 to 1.09861, 1 NaN" in text
    assert "operand 0, x: float32, shape (3,), from -2 to 3" in text
    assert "y = T.log(x) + 1  # here" in text
    assert isinstance(caught.value, AssertionError)


def test_kinds_of_trouble(any_ctx):
    x = T.fvector("x")
    f = ca.function([x], T.exp(x), mode=NanGuardMode())
    with pytest.raises(NotFinite, match=r"an infinity first came out of exp\(\)"):
        f(np.array([0, 100], "f"))
    with pytest.raises(NotFinite, match="a big value first came out of exp"):
        f(np.array([0, 30], "f"))
    with pytest.raises(NotFinite, match=r"NaN in x of type .*, which came as float32"):
        f(np.array([0, np.nan], "f"))
    relaxed = ca.function([x], T.exp(x), mode=NanGuardMode(nan_is_error=False, inf_is_error=False, big_is_error=False))
    np.testing.assert_array_equal(relaxed(np.array([100, np.nan], "f")), [np.inf, np.nan])
    only_big = ca.function([x], T.exp(x), mode=NanGuardMode(nan_is_error=False, inf_is_error=False))
    only_big(np.array([100, np.nan, 0], "f"))
    with pytest.raises(NotFinite, match="a big value"):
        only_big(np.array([100, np.nan, 30], "f"))


def test_products_reductions_and_updates_are_looked_at(any_ctx):
    x, w = T.fmatrix("x"), ca.shared(np.ones(2, "f"), name="w")
    f = ca.function([x], T.dot(x, x).sum(), updates=[(w, w / x.sum())], mode="NanGuardMode")
    f(np.ones((2, 2), "f"))
    with pytest.raises(NotFinite, match=r"first came out of divide\(\)(.|\n)*operand 0, w"):
        f(np.zeros((2, 2), "f"))
    np.testing.assert_allclose(w.get_value(), 0.25)  # the failed call left it
    with pytest.raises(NotFinite, match=r"an infinity first came out of matmul\(\)|a big value .* matmul\(\)"):
        f(np.full((2, 2), 1e9, "f"))


def test_checks_run_on_the_device(any_ctx):
    x = T.fvector("x")
    f = ca.function([x], T.exp(x).transfer(None), mode="NanGuardMode")
    data = ca.asarray(np.zeros(100_000, "f"))
    f(data)
    before = ca.stats()
    f(data)
    used = ca.stats() - before
    assert used.bytes_to_host <= 16
    assert used.host_fallbacks == 0


def test_every_rule_can_be_left_out(any_ctx):
    for name, entry in DATABASE.items():
        assert (name in Mode().excluding(name).query) == (entry.phase == "required")
