"""Cholesky, triangular systems, LU and what they solve, by residuals in units of n eps."""

import matrices
import numpy as np
import pytest
from matrices import adjoint, check_gradients, draw

import clarray as ca
import clarray.tensor as T
from clarray.errors import LinAlgError

dtype = matrices.dtypes

SHAPES = [(1, 1), (5, 5), (70, 70), (3, 9, 9), (2, 0, 3, 3), (0, 0), (4, 1, 1)]


def positive(rng, shape, dtype):
    x = draw(rng, shape, dtype)
    return x @ adjoint(x) + shape[-1] * np.eye(shape[-1], dtype=dtype)


def check_equal(got, want, scale, dtype, factor=4.0):
    """Elements agree within factor * n * eps of `scale`."""
    assert got.shape == want.shape
    assert got.dtype == dtype
    if got.size:
        n = got.shape[-1] if got.ndim else 1
        assert np.abs(got - want).max() <= factor * max(n, 4) * np.finfo(dtype).eps * scale


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_cholesky(dtype, shape, upper, rng):
    a = positive(rng, shape, dtype)
    one_side = np.triu(a) if upper else np.tril(a)  # the other is not read
    before = ca.stats().host_fallbacks
    got = ca.linalg.cholesky(ca.asarray(one_side), upper=upper).numpy()
    assert ca.stats().host_fallbacks == before
    product = adjoint(got) @ got if upper else got @ adjoint(got)
    check_equal(product, a, np.abs(a).max() if a.size else 1, dtype)
    np.testing.assert_array_equal(got, np.triu(got) if upper else np.tril(got))
    assert (np.diagonal(got, 0, -2, -1).real > 0).all()


def test_cholesky_of_what_is_not_positive_definite(dtype, rng):
    a = positive(rng, (3, 70, 70), dtype)
    a[1, 66, 66] = -1
    with pytest.raises(LinAlgError, match=r"order 67 .*matrix 1 of the stack") as caught:
        ca.linalg.cholesky(ca.asarray(a))
    assert isinstance(caught.value, np.linalg.LinAlgError)
    a[1, 2, 2] = np.nan
    with pytest.raises(LinAlgError, match="order 3"):
        ca.linalg.cholesky(ca.asarray(a))


@pytest.mark.parametrize("shape", SHAPES)
def test_inverse_determinant_and_solution(dtype, shape, rng):
    n = shape[-1]
    a, b = draw(rng, shape, dtype), draw(rng, (*shape[:-1], 3), dtype)
    before = ca.stats().host_fallbacks
    x, y = ca.asarray(a), ca.asarray(b)
    norm = np.abs(a).sum(-1).max() if a.size else 1
    inverse = ca.linalg.inv(x).numpy()
    check_equal(
        a @ inverse, np.broadcast_to(np.eye(n, dtype=dtype), shape), norm * np.abs(inverse).max(initial=1), dtype
    )
    solution = ca.linalg.solve(x, y).numpy()
    check_equal(a @ solution, b, norm * np.abs(solution).max(initial=1), dtype)
    vector = ca.linalg.solve(x, ca.asarray(b.reshape(-1)[:n])) if b.size or not n else None
    if vector is not None:
        check_equal((a @ vector.numpy()[..., None])[..., 0], np.broadcast_to(b.reshape(-1)[:n], shape[:-1]),
                    norm * np.abs(vector.numpy()).max(initial=1), dtype)  # fmt: skip
    sign, size = np.linalg.slogdet(a.astype("c16" if dtype.kind == "c" else "f8"))
    got = ca.linalg.slogdet(x)
    bound = 30 * max(n, 4) * np.finfo(dtype).eps * (np.linalg.cond(a).max(initial=1) if a.size else 1)
    np.testing.assert_allclose(got.sign.numpy(), sign, rtol=0, atol=bound)
    np.testing.assert_allclose(got.logabsdet.numpy(), size, rtol=0, atol=bound)
    assert got.logabsdet.dtype == np.finfo(dtype).dtype
    if n < 10:
        determinant = ca.linalg.det(x).numpy()
        np.testing.assert_allclose(determinant, sign * np.exp(size), rtol=bound, atol=1e-30)
        assert determinant.dtype == dtype
    assert ca.stats().host_fallbacks == before


def test_singular_matrices(dtype, rng):
    a = draw(rng, (2, 6, 6), dtype)
    a[1, 3] = 0
    x = ca.asarray(a)
    for call in (lambda: ca.linalg.inv(x), lambda: ca.linalg.solve(x, x)):
        with pytest.raises(LinAlgError, match=r"singular matrix: .*matrix 1 of the stack"):
            call()
    assert ca.linalg.det(x).numpy()[1] == 0
    sign, size = ca.linalg.slogdet(x)
    assert sign.numpy()[1] == 0
    assert size.numpy()[1] == -np.inf
    with pytest.raises(LinAlgError, match="diagonal element 4 is zero"):
        ca.linalg.solve_triangular(ca.asarray(np.tril(a[1])), x[0], lower=True)
    assert np.isfinite(
        ca.linalg.solve_triangular(ca.asarray(np.tril(a[1], -1)), x[0], lower=True, unit_diagonal=True).numpy()
    ).all()


@pytest.mark.parametrize("trans", [0, 1, 2])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangular(dtype, lower, unit, trans, rng):
    n = 133
    a = draw(rng, (n, n), dtype) / n + 2 * np.eye(n, dtype=dtype)
    b = draw(rng, (4, n, 7), dtype)
    got = ca.linalg.solve_triangular(ca.asarray(a), ca.asarray(b), trans, lower, unit).numpy()
    t = np.tril(a) if lower else np.triu(a)
    if unit:
        t = t - np.diag(np.diag(t)) + np.eye(n, dtype=dtype)
    t = [t, t.T, t.conj().T][trans]
    check_equal(t @ got, b, np.abs(t).sum(-1).max() * np.abs(got).max(), dtype)


def test_views_integers_and_lists(ctx, rng):
    a = rng.normal(size=(9, 12)).astype("f")
    x = ca.asarray(a)
    views = [(x[:, ::-1][:, 2:11].T, a[:, ::-1][:, 2:11].T), (x[1:8:2, 1:9:2], a[1:8:2, 1:9:2])]
    for view, host in views:
        got = ca.linalg.inv(view).numpy()
        np.testing.assert_allclose(got @ host, np.eye(len(host)), atol=1e-3 * np.linalg.cond(host) ** 0.5)
    np.testing.assert_array_equal(x.numpy(), a)
    whole = ca.linalg.solve(ca.asarray([[2, 1], [1, 3]]), [3, 5])
    assert whole.dtype == ("float64" if ctx.traits.fp64 else "float32")
    np.testing.assert_allclose(whole.numpy(), [0.8, 1.4], rtol=1e-6)


def test_arguments_that_do_not_fit(any_ctx):
    x = ca.zeros((3, 4), dtype="float32")
    with pytest.raises(ValueError, match="square"):
        ca.linalg.inv(x)
    with pytest.raises(ValueError, match="at least two dimensions"):
        ca.linalg.det(x[0])
    with pytest.raises(ValueError, match="do not fit"):
        ca.linalg.solve(x[:, :3], ca.zeros((4, 2), dtype="float32"))
    with pytest.raises(TypeError, match=r"float16.*cast to float32"):
        ca.linalg.cholesky(ca.zeros((3, 3), dtype="float16"))


def test_the_kernels_of_gpus(as_gpu, rng):
    a = rng.normal(size=(2, 90, 90)).astype("f")
    spd = positive(rng, (2, 90, 90), "f")
    inverse, factor = ca.linalg.inv(ca.asarray(a)).numpy(), ca.linalg.cholesky(ca.asarray(spd)).numpy()
    check_equal(a @ inverse, np.broadcast_to(np.eye(90, dtype="f"), a.shape),
                np.abs(a).sum(-1).max() * np.abs(inverse).max(), "float32")  # fmt: skip
    check_equal(factor @ adjoint(factor), spd, np.abs(spd).max(), "float32")


def test_powers_and_norms(ctx, rng):
    a = rng.normal(size=(2, 4, 4)).astype("f")
    x = ca.asarray(a)
    for n in (-2, -1, 0, 1, 2, 3, 6):
        want = np.linalg.matrix_power(a.astype("d"), n)
        np.testing.assert_allclose(
            ca.linalg.matrix_power(x, n).numpy(), want, rtol=1e-3, atol=1e-4 * np.abs(want).max()
        )
    for order in (2, 1, 0, np.inf, -np.inf, 3, -1):
        np.testing.assert_allclose(
            ca.linalg.vector_norm(x, axis=1, ord=order, keepdims=True).numpy(),
            np.linalg.vector_norm(a, axis=1, ord=order, keepdims=True), rtol=1e-5)  # fmt: skip
    for name in ("fro", 1, -1, np.inf, -np.inf):
        np.testing.assert_allclose(
            ca.linalg.matrix_norm(x, ord=name).numpy(), np.linalg.matrix_norm(a, ord=name), rtol=1e-5)  # fmt: skip
        np.testing.assert_allclose(
            ca.linalg.norm(x, name, axis=(2, 0)).numpy(), np.linalg.norm(a, name, (2, 0)), rtol=1e-5
        )
    np.testing.assert_allclose(ca.linalg.norm(x).numpy(), np.linalg.norm(a), rtol=1e-5)
    np.testing.assert_array_equal(ca.linalg.diagonal(x, offset=-1).numpy(), np.linalg.diagonal(a, offset=-1))
    np.testing.assert_allclose(ca.linalg.trace(x, offset=1).numpy(), np.linalg.trace(a, offset=1), rtol=1e-5)
    u, v = a[0, :, :3], a[1, :1, :3]
    np.testing.assert_allclose(
        ca.linalg.cross(ca.asarray(u), ca.asarray(v)).numpy(), np.cross(u, v), rtol=1e-4, atol=1e-5
    )
    chain = [rng.normal(size=s).astype("f") for s in ((3,), (3, 20), (20, 2), (2, 7))]
    product = ca.linalg.multi_dot([ca.asarray(c) for c in chain])
    np.testing.assert_allclose(product.numpy(), np.linalg.multi_dot(chain), rtol=1e-4, atol=1e-4)


# in functions, and gradients


GRADIENTS = {
    "cholesky": lambda a, b: T.slinalg.cholesky(a.dot(a.T) + 5 * T.eye(4)),
    "cholesky of one triangle": lambda a, b: T.slinalg.cholesky(a * 0.1 + 2 * T.eye(4)),
    "upper cholesky": lambda a, b: T.slinalg.cholesky(a * 0.1 + 2 * T.eye(4), lower=False),
    "solve": lambda a, b: T.slinalg.solve(a, b),
    "solve a vector": lambda a, b: T.slinalg.solve(a, b[:, 0]),
    "solve positive": lambda a, b: T.slinalg.solve(a.dot(a.T) + T.eye(4), b, "positive_definite"),
    "lower": lambda a, b: T.slinalg.solve_lower_triangular(a + 3 * T.eye(4), b),
    "upper": lambda a, b: T.slinalg.solve_upper_triangular(a + 3 * T.eye(4), b),
    "unit": lambda a, b: T.slinalg.solve_triangular(a, b, 1, True, True),
    "inverse": lambda a, b: T.nlinalg.matrix_inverse(a),
    "det": lambda a, b: T.nlinalg.det(a),
    "slogdet": lambda a, b: T.nlinalg.slogdet(a)[1],
    "diagonals": lambda a, b: T.nlinalg.trace(a) * T.nlinalg.alloc_diag(T.nlinalg.extract_diag(a, 1), -1)[:, :2],
    "power": lambda a, b: T.nlinalg.matrix_power(a, 3),
    "expm": lambda a, b: T.slinalg.expm(a),
    "kron": lambda a, b: T.slinalg.kron(a, b),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name, any_ctx, fp64, rng):
    a, b = T.dmatrices("a", "b")
    result = GRADIENTS[name](a, b)
    weights = rng.normal(size=8)[: max(result.ndim, 1)]
    cost = (T.sin(result) * weights[0]).sum()
    used = [x for x in (a, b) if x in _leaves(cost)]
    values = {a: rng.normal(size=(4, 4)) + np.diag([1.0, 2, 3, 4]), b: rng.normal(size=(4, 2))}
    check_gradients(cost, used, [values[x] for x in used], rng, second=name not in ("power", "kron"))


def _leaves(x):
    seen, todo = set(), [x]
    while todo:
        y = todo.pop()
        if y not in seen:
            seen.add(y)
            todo += list(y.owner.inputs) if y.owner is not None else []
    return seen


def test_in_a_function(ctx, rng):
    a, b = T.ftensor3("a"), T.fmatrix("b")
    f = ca.function([a, b], [ca.linalg.solve(a, b) * 2, T.nlinalg.det(a), *ca.linalg.slogdet(a)])
    for n in (3, 3, 5):
        x, y = rng.normal(size=(2, n, n)).astype("f"), rng.normal(size=(n, 2)).astype("f")
        got, det, sign, size = f(x, y)
        np.testing.assert_allclose(x @ got, np.broadcast_to(2 * y, got.shape), atol=1e-4 * np.linalg.cond(x).max())
        np.testing.assert_allclose(det, np.linalg.det(x.astype("d")), rtol=1e-3)
        np.testing.assert_allclose(sign * np.exp(size), det, rtol=1e-4)


def test_a_singular_matrix_in_a_function_leaves_shared_variables(ctx):
    s = ca.shared(np.ones(3, "f"))
    a = T.fmatrix("a")
    f = ca.function([a], T.nlinalg.matrix_inverse(a), updates=[(s, s + 1)])
    with pytest.raises(LinAlgError, match=r"inv\(\): singular matrix"):
        f(np.zeros((2, 2), "f"))
    np.testing.assert_array_equal(s.get_value(), np.ones(3, "f"))


@pytest.mark.parametrize("scale", [1e-3, 0.3, 1, 30])
def test_exponentials(dtype, scale, rng):
    linalg = pytest.importorskip("scipy.linalg")
    a = (draw(rng, (2, 6, 6), dtype) * scale / 3).astype(dtype)
    got = _expm(ca.asarray(a)).numpy()
    want = linalg.expm(a.astype("c16" if dtype.kind == "c" else "f8"))
    np.testing.assert_allclose(got, want, atol=50 * max(scale, 1) * np.finfo(dtype).eps * np.abs(want).max())


def _expm(x):
    from clarray.core import decompositions

    return decompositions.expm(x)
