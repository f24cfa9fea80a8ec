"""Parts of variables: read, set and added to by every kind of index, with gradients of first and second order."""

from __future__ import annotations

import numpy as np
import pytest

import clarray as ca
import clarray.tensor as T
from clarray.graph.modes import get_mode

# an index, made of what `take` gives: i an integer, v a vector of them, m a mask of the shape asked for;
# the shape of what is written
INDICES = {
    "an integer": (lambda a: a.i, (3,)),
    "a slice": (lambda a: slice(1, 3), (2, 3)),
    "a value that broadcasts": (lambda a: slice(None, None, 2), (3,)),
    "a scalar": (lambda a: (slice(None), 1), ()),
    "ends that are variables, backwards": (lambda a: (slice(a.i + 1, None, -1), slice(None, a.i)), (4, 2)),
    "an ellipsis and a new axis": (lambda a: (Ellipsis, None, slice(1, None)), (1, 2)),
    "integers": (lambda a: a.v, (3, 3)),
    "integers of the host": (lambda a: [4, 0, -2], (3, 3)),
    "integers along another axis": (lambda a: (slice(None), a.v), (5, 3)),
    "integers and a slice": (lambda a: (a.v, slice(1, 3)), (3, 2)),
    "integers and an integer": (lambda a: (a.v, a.i), (3,)),
    "pairs of integers": (lambda a: (a.v, [0, 2, 1]), (3,)),
    "a whole mask": (lambda a: a.m(5, 3), ()),
    "a whole mask and as many values": (lambda a: a.m(5, 3), (5,)),
    "a mask of rows": (lambda a: a.m(5), (3,)),
    "a mask of rows and as many values": (lambda a: a.m(5), (2, 3)),
    "a mask of columns": (lambda a: (slice(None), a.m(3)), (5, 1)),
    "a mask and a slice": (lambda a: (a.m(5), slice(1, None)), (2, 2)),
    "a mask and integers": (lambda a: (a.m(5), [2, 0]), (2,)),
    "a mask of the host": (lambda a: np.array([1, 0, 0, 1, 0], bool), (2, 3)),
    "no mask but a bool": (lambda a: True, (1, 5, 3)),
}


class Arrays:
    """What indices are made of, as arrays."""

    def __init__(self, rng):
        self.i = np.int64(2)
        self.v = rng.permutation(3)
        self.masks = {n: rng.permuted(np.arange(np.prod(n)) % 3 == 1).reshape(n) for n in ((5, 3), (5,), (3,))}

    def m(self, *shape):
        return self.masks[shape]


class Variables:
    """The same as variables."""

    def __init__(self):
        self.i, self.v = T.lscalar("i"), T.lvector("v")
        self.masks = {(5, 3): T.tensor("bool", (0, 0)), (5,): T.tensor("bool", (0,)), (3,): T.tensor("bool", (0,))}

    m = Arrays.m

    @property
    def all(self):
        return [self.i, self.v, *self.masks.values()]


def summed_to(g, shape):
    """A gradient summed over the axes along which a value of this shape was stretched."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True).reshape(shape)


@pytest.mark.parametrize("name", INDICES)
def test_read_and_written(any_ctx, rng, name):
    index, shape = INDICES[name]
    wide, tolerance = ("float64", 1e-12) if any_ctx.traits.fp64 else ("float32", 1e-5)
    host, symbolic = Arrays(rng), Variables()
    at, where = index(host), index(symbolic)
    a, b, w = (np.asarray(rng.normal(size=n), wide) for n in ((5, 3), shape, (5, 3)))
    x = T.matrix("x", dtype=wide)
    y = T.tensor(wide, [n == 1 for n in shape], "y")
    part = x[where]
    replaced, added = T.set_subtensor(part, y), T.inc_subtensor(part, y)
    assert replaced.type == added.type == x.type
    outputs = [part, replaced, added]
    for new in (replaced, added):
        first = T.grad((w * new**2).sum(), [x, y])
        outputs += first + T.grad(sum((g**2).sum() for g in first), [x, y])
    got = ca.function([x, y, *symbolic.all], outputs, on_unused_input="ignore")(
        a, b, host.i, host.v, *host.masks.values()
    )
    set_, inc = a.copy(), a.copy()
    set_[at] = b
    np.add.at(inc, at, b)
    wanted = [a[at], set_, inc]

    def back(g, keep):  # the gradients of x and y for that of the result
        gx = g.copy()
        if not keep:
            gx[at] = 0
        return gx, summed_to(g[at], shape)

    for new, keep in ((set_, False), (inc, True)):
        gx, gy = back(2 * w * new, keep)
        spread = gx.copy()
        spread[at] += gy
        wanted += [gx, gy, *back(2 * w * 2 * spread, keep)]
    for g, r in zip(got, wanted, strict=True):
        assert g.shape == r.shape
        np.testing.assert_allclose(g, r, rtol=tolerance, atol=tolerance)


def test_an_index_that_comes_twice_adds_twice(ctx, rng):
    x, v = T.fvector("x"), T.lvector("v")
    f = ca.function([x, v], [T.inc_subtensor(x[v], 1), T.grad(T.inc_subtensor(x[v], x[0])[1], x)])
    added, g = f(np.zeros(4, "f"), [1, 1, 3, 1])
    np.testing.assert_array_equal(added, [0, 3, 0, 1])
    np.testing.assert_array_equal(g, [3, 1, 0, 0])


def test_parts_of_parts_are_set_in_the_part(ctx, rng):
    x = T.fmatrix("x")
    data = rng.normal(size=(4, 3)).astype("f")
    wanted = data[1:].copy()
    wanted[2] = 0
    np.testing.assert_array_equal(ca.function([x], T.set_subtensor(x[1:][2], 0))(data), wanted)


def test_masks_of_any_number_of_true_elements(ctx, rng):
    x = T.fmatrix("x")
    f = ca.function([x], [x[x > 0], x[(x > 0).any(axis=1)], x[(x > 0).nonzero()] * 2, (x > 0).nonzero()[1]])
    for data in (rng.normal(size=(5, 4)), -np.ones((2, 3)), np.ones((2, 3)), np.ones((0, 3)), np.ones((3, 0))):
        a = data.astype("f")
        wanted = [a[a > 0], a[(a > 0).any(axis=1)], a[a > 0] * 2, (a > 0).nonzero()[1]]
        for got, want in zip(f(a), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
            assert got.shape == want.shape


def test_large_masks(ctx, rng):
    x = T.fvector("x")
    a = rng.normal(size=70_001).astype("f")
    got, g = ca.function([x], [x[x > 1].sum(), T.grad((x[x > 1] ** 2).sum(), x)])(a)
    np.testing.assert_allclose(got, a[a > 1].sum(), rtol=1e-4)
    np.testing.assert_allclose(g, 2 * a * (a > 1), rtol=1e-6)


def test_a_count_is_the_only_thing_downloaded(ctx, rng):
    x = T.fvector("x")
    f = ca.function([x], x[x > 0].transfer(None))
    a = ca.asarray(rng.normal(size=1000).astype("f"))
    before = ca.stats()
    f(a)
    spent = ca.stats() - before
    assert spent.bytes_to_host == 8
    assert spent.host_fallbacks == 0
    g = ca.function([x], T.set_subtensor(x[x > 0], 0).transfer(None))  # as many values as any: nothing to know
    before = ca.stats()
    g(a)
    assert (ca.stats() - before).bytes_to_host == 0


def test_a_shared_table_is_updated_in_parts(ctx, rng):
    table = rng.normal(size=(6, 3)).astype("f")
    s, v, rows = ca.shared(table), T.lvector("v"), T.fmatrix("rows")
    step = ca.function([v, rows], s[v].sum(), updates=[(s, T.inc_subtensor(s[v], -rows))])
    change = rng.normal(size=(3, 3)).astype("f")
    np.testing.assert_allclose(step([0, 5, 0], change), table[[0, 5, 0]].sum(), rtol=1e-5, atol=1e-5)
    np.add.at(table, [0, 5, 0], -change)
    np.testing.assert_allclose(s.get_value(), table, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", ["FAST_RUN", "DebugMode"])
def test_writes_into_what_nobody_else_reads_copy_nothing(ctx, rng, mode):
    x, v = T.fvector("x"), T.lvector("v")
    whole = T.exp(x)
    y = T.set_subtensor(whole[2:5], 1)
    y = T.inc_subtensor(y[2:4], whole[3])
    y = T.set_subtensor(y[v], 3.0)
    y = T.inc_subtensor(y[v], 2.0)
    y = T.set_subtensor(y[1:], y[:-1])  # what is written lies where it goes: copied
    f, copying = (ca.function([x, v], y.transfer(None), mode=m) for m in (mode, get_mode().excluding("inplace")))
    data, places = rng.normal(size=9).astype("f"), np.array([8, 0, 8])
    wanted = np.exp(data)
    wanted[2:5] = 1
    wanted[2:4] += np.exp(data[3])
    wanted[places] = 3
    np.add.at(wanted, places, 2)
    wanted[1:] = wanted[:-1].copy()
    launches = []
    for function in (f, copying):
        np.testing.assert_allclose(function(data, places).numpy(), wanted, rtol=1e-5)
        (tape,) = function._tapes.values()
        launches.append(sum(len(record.bound.launchers) for record in tape.records if record.bound))
    assert launches[1] - launches[0] == 3


def test_errors_when_a_function_runs(ctx):
    x, m, i = T.fmatrix("x"), T.tensor("bool", (0,), "m"), T.lscalar("i")
    data = np.ones((3, 2), "f")
    with pytest.raises(IndexError, match="size of axis is 3 but size of corresponding boolean axis is 4"):
        ca.function([x, m], x[m])(data, np.ones(4, bool))
    with pytest.raises(IndexError, match="size of axis is 3 but size of corresponding boolean axis is 4"):
        ca.function([x, m], T.set_subtensor(x[m], 0))(data, np.ones(4, bool))
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 3"):
        ca.function([x], x[[0, 5]])(data)
    with pytest.raises(IndexError, match="out of bounds"):
        ca.function([x, i], x[i])(data, 3)
    y = T.fmatrix("y")
    with pytest.raises(ValueError, match=r"not declared broadcastable: use T\.row"):
        ca.function([x, y], T.inc_subtensor(x[1:], y))(data, data[:1])
    with pytest.raises(ValueError, match=r"not declared broadcastable: use T\.row"):
        ca.function([x, y], T.set_subtensor(x[[0, 1]], y))(data, data[:1])
    with pytest.raises(ValueError, match="does not broadcast to the indexed"):
        ca.function([x, i], T.set_subtensor(x[:i], np.ones((2, 2), "f")))(data, 1)


def test_errors_name_the_line(ctx):
    x, i = T.fmatrix("x"), T.lscalar("i")
    f = ca.function([x, i], x[i] * 2)
    with pytest.raises(IndexError) as error:
        f(np.ones((3, 2), "f"), 7)
    assert "test_subtensor.py" in "".join(error.value.__notes__)
