"""QR, eigenvalues and singular values: residuals and orthogonality in units of n eps, values against NumPy's."""

import matrices
import numpy as np
import pytest
from matrices import adjoint, check_gradients, draw

import clarray as ca
import clarray.tensor as T
from clarray.errors import LinAlgError

dtype = matrices.dtypes

SHAPES = [(1, 1), (6, 6), (70, 40), (33, 50), (3, 5, 2), (2, 2, 4, 4), (0, 3), (3, 0), (0, 4, 4)]


def wide(x):
    """In double precision."""
    return x.astype("c16" if x.dtype.kind == "c" else "f8")


def check(got, want, dtype, scale=1.0, factor=4.0):
    assert got.shape == want.shape
    if got.size:
        bound = factor * max(4, *got.shape[-2:]) * np.finfo(dtype).eps * scale
        assert np.abs(wide(got) - want).max() <= bound


def check_orthonormal(q, dtype):
    check(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], *q.shape[-1:] * 2)), dtype)


def size(a):
    return max(np.linalg.norm(wide(a), 2, (-2, -1)).max(initial=0), np.finfo(a.dtype).tiny) if a.size else 1.0


def check_svd(a, full):
    before = ca.stats().host_fallbacks
    u, s, vh = (x.numpy() for x in ca.linalg.svd(ca.asarray(a), full_matrices=full))
    assert ca.stats().host_fallbacks == before
    k = min(a.shape[-2:])
    assert u.shape == (*a.shape[:-1], a.shape[-2] if full else k)
    assert vh.shape == (*a.shape[:-2], a.shape[-1] if full else k, a.shape[-1])
    assert (s.dtype, u.dtype, vh.dtype) == (np.finfo(a.dtype).dtype, a.dtype, a.dtype)
    scale = size(a)
    check((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, a.dtype, scale)
    check_orthonormal(u, a.dtype)
    check_orthonormal(adjoint(vh), a.dtype)
    assert (np.diff(s, axis=-1) <= 0).all()
    assert (s >= 0).all()
    check(s, np.linalg.svd(wide(a), compute_uv=False), a.dtype, scale)
    check(ca.linalg.svdvals(ca.asarray(a)).numpy(), s, a.dtype, scale)


def check_eigh(a):
    """Of the lower triangle of a."""
    h = np.tril(a) + adjoint(np.tril(a, -1))
    h = (h + adjoint(h)) / 2
    before = ca.stats().host_fallbacks
    w, v = (x.numpy() for x in ca.linalg.eigh(ca.asarray(np.tril(h))))
    assert ca.stats().host_fallbacks == before
    scale = size(h)
    check((v * w[..., None, :]) @ adjoint(v), h, a.dtype, scale)
    check_orthonormal(v, a.dtype)
    check(w, np.linalg.eigvalsh(wide(h)), a.dtype, scale)
    check(ca.linalg.eigvalsh(ca.asarray(np.triu(h)), "U").numpy(), w, a.dtype, scale)
    assert (w.dtype, v.dtype) == (np.finfo(a.dtype).dtype, a.dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_qr(dtype, shape, rng):
    a = draw(rng, shape, dtype)
    before = ca.stats().host_fallbacks
    for mode in ("reduced", "complete"):
        q, r = (x.numpy() for x in ca.linalg.qr(ca.asarray(a), mode=mode))
        assert (q.dtype, r.dtype) == (dtype, dtype)
        assert q.shape == np.linalg.qr(a, mode)[0].shape
        check(q @ r, a, dtype, size(a))
        check_orthonormal(q, dtype)
        np.testing.assert_array_equal(r, np.triu(r))
        assert (np.diagonal(r, 0, -2, -1).imag == 0).all()
    np.testing.assert_array_equal(ca.linalg.qr(ca.asarray(a), mode="r").numpy(), r[..., : min(shape[-2:]), :])
    assert ca.stats().host_fallbacks == before


@pytest.mark.parametrize("shape", SHAPES)
def test_svd(dtype, shape, rng):
    a = draw(rng, shape, dtype)
    check_svd(a, False)
    check_svd(a, True)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (45, 45), (3, 7, 7), (0, 0), (0, 4, 4)])
def test_eigh(dtype, shape, rng):
    check_eigh(draw(rng, shape, dtype))


def hard(kind, n, rng):
    """Square matrices on which iterations go wrong."""
    q, p = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
    return {
        "zero": np.zeros((n, n)),
        "identity": np.eye(n),
        "ones": np.ones((n, n)),
        "rank 3": q[:, :3] @ p[:3],
        "jordan": np.eye(n, k=1),
        "jordan below": np.eye(n, k=-1) + 0.5 * np.eye(n),
        "graded": q * 10.0 ** -np.linspace(0, 5, n) @ p,
        "graded up": np.diag(10.0 ** np.linspace(-5, 0, n)) + np.eye(n, k=1) * 1e-3,
        "clusters": q * np.repeat([1.0, 2, 3], [n // 3, n // 3, n - 2 * (n // 3)]) @ q.T,
        "large": 1e30 * q * np.linspace(1, 2, n) @ p,
        "small": 1e-30 * q * np.linspace(1, 2, n) @ p,
        "second difference": 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1),
        "arrow": np.eye(n) * np.arange(n) + np.outer(np.eye(n)[0], np.ones(n)) + np.outer(np.ones(n), np.eye(n)[0]),
        "alternating": np.fliplr(np.diag(np.ones(n))),
    }[kind]


HARD = ["zero", "identity", "ones", "rank 3", "jordan", "jordan below", "graded", "graded up", "clusters", "large",
        "small", "second difference", "arrow", "alternating"]  # fmt: skip


@pytest.mark.parametrize("kind", HARD)
def test_hard_matrices(ctx, kind, rng):
    for dtype in ("float32", "float64") if ctx.traits.fp64 else ("float32",):
        a = hard(kind, 24, rng).astype(dtype)
        check_svd(a, False)
        check_eigh(a)
        q, r = (x.numpy() for x in ca.linalg.qr(ca.asarray(a)))
        check(q @ r, a, dtype, size(a))
        check_orthonormal(q, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ends_of_the_range(any_ctx, fp64, rng, dtype):
    """Neither do sums overflow nor do rotations of tiny numbers lose their digits."""
    if dtype == "float64" and not fp64:
        pytest.skip("no fp64")
    info = np.finfo(dtype)
    for scale in (info.tiny * 10, info.max / 64):
        plain = rng.uniform(-1, 1, (12, 12))
        a = (plain * scale).astype(dtype)
        u, s, vh = (v.numpy() for v in ca.linalg.svd(ca.asarray(a)))
        symmetric = a / 2 + a.T / 2
        values, vectors = (v.numpy() for v in ca.linalg.eigh(ca.asarray(symmetric)))
        for q in (u, vh, vectors):
            np.testing.assert_allclose(q.T @ q, np.eye(12), atol=100 * info.eps)
        np.testing.assert_allclose(s / scale, np.linalg.svd(a / scale)[1], atol=100 * info.eps)
        np.testing.assert_allclose(values / scale, np.linalg.eigvalsh(symmetric / scale), atol=100 * info.eps)
    pair = np.array([[2, 1], [1, 2]]) * (info.max / 3.5)
    values = ca.linalg.eigvalsh(ca.asarray(pair.astype(dtype))).numpy()
    np.testing.assert_allclose(values / info.max * 3.5, [1, 3], rtol=20 * info.eps)


def test_what_is_not_finite_ends(ctx):
    for value in (np.nan, np.inf):
        a = np.eye(5, dtype="f")
        a[3, 1] = value
        for f in (ca.linalg.svdvals, ca.linalg.eigvalsh, ca.linalg.det):
            assert not np.isfinite(f(ca.asarray(a)).numpy()).all() or f is ca.linalg.det


def test_views(ctx, rng):
    a = rng.normal(size=(30, 20)).astype("f")
    x = ca.asarray(a)
    for view, host in ((x.T, a.T), (x[::-2, 1::3], a[::-2, 1::3]), (x[:, ::-1], a[:, ::-1])):
        u, s, vh = (v.numpy() for v in ca.linalg.svd(view, full_matrices=False))
        check((u * s) @ vh, host, "float32", size(host))
        q, r = (v.numpy() for v in ca.linalg.qr(view))
        check(q @ r, host, "float32", size(host))
    np.testing.assert_array_equal(x.numpy(), a)


def test_the_kernels_of_gpus(as_gpu, rng):
    a = rng.normal(size=(2, 50, 40)).astype(
        "f"
    )  # complex ones are tested on devices that are GPUs: here they build long
    q, r = (x.numpy() for x in ca.linalg.qr(ca.asarray(a)))
    check(q @ r, a, "float32", size(a))
    check(ca.linalg.svdvals(ca.asarray(a)).numpy(), np.linalg.svd(wide(a), compute_uv=False), "float32", size(a))
    check_eigh(a[:, :40])


def test_what_follows(ctx, rng):
    a = rng.normal(size=(3, 6, 4)).astype("f")
    a[1, :, 3] = a[1, :, 0] - a[1, :, 1]
    x = ca.asarray(a)
    rank = ca.linalg.matrix_rank(x)
    np.testing.assert_array_equal(rank.numpy(), [4, 3, 4])
    assert rank.dtype == "int64"
    np.testing.assert_allclose(
        ca.linalg.pinv(x, rtol=1e-5).numpy(), np.linalg.pinv(a.astype("d"), rtol=1e-5), atol=2e-5
    )
    assert ca.linalg.pinv(ca.zeros((0, 3), dtype="float32")).shape == (3, 0)
    np.testing.assert_allclose(ca.linalg.cond(x[0]).numpy(), np.linalg.cond(a[0]), rtol=1e-4)
    assert [ca.linalg.cond(ca.zeros((2, 2), "float32"), p).item() for p in (2, -2)] == [np.inf, np.inf]
    for order in ("nuc", 2, -2):
        np.testing.assert_allclose(ca.linalg.matrix_norm(x, ord=order).numpy(), np.linalg.matrix_norm(a, ord=order),
                                   rtol=1e-4, atol=1e-5)  # fmt: skip
    b = rng.normal(size=(6, 2)).astype("f")
    for k in (0, 1):
        for side in (b, b[:, 0]):
            got, want = ca.linalg.lstsq(x[k], ca.asarray(side), rcond=1e-5), np.linalg.lstsq(a[k], side, rcond=1e-5)
            np.testing.assert_allclose(got[0].numpy(), want[0], rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(got[1].numpy(), want[1], rtol=1e-3, atol=1e-4)
            assert int(got[2]) == want[2]
            np.testing.assert_allclose(got[3].numpy(), want[3], rtol=1e-4, atol=1e-5)
    assert all(isinstance(v, ca.GpuArray) for v in np.linalg.svd(x[0]))
    with pytest.raises(ValueError, match="UPLO"):
        ca.linalg.eigh(x[0, :4], "X")
    with pytest.raises(ValueError, match="mode"):
        ca.linalg.qr(x, mode="economic")
    assert issubclass(LinAlgError, np.linalg.LinAlgError)


def test_pinv_with_an_rtol_for_each_matrix(ctx, rng):
    a = rng.normal(size=(4, 5, 3)).astype("f")
    a[2] *= [1, 1, 1e-3]
    rtol = np.array([1e-5, 1e-5, 1e-1, 1e-2], "f")
    want = np.stack([np.linalg.pinv(m, rtol=r) for m, r in zip(a.astype("d"), rtol, strict=True)])
    np.testing.assert_allclose(ca.linalg.pinv(a, rtol=ca.asarray(rtol)).numpy(), want, rtol=1e-3, atol=1e-4)
    assert ca.linalg.pinv(a[:0], rtol=ca.zeros(0, dtype="float32")).shape == (0, 3, 5)


# in functions, and gradients


def symmetric(a):
    return a + a.T


def phased(u, v):
    """What does not depend on the signs of singular vectors."""
    return T.dot(u * T.arange(1, 4), v)


GRADIENTS = {
    "qr tall": ((5, 3), lambda a: sum(T.sin(x * 0.7).sum() for x in T.nlinalg.qr(a))),
    "qr wide": ((3, 5), lambda a: sum(T.sin(x * 0.7).sum() for x in T.nlinalg.qr(a))),
    "r alone": ((4, 3), lambda a: T.sin(T.nlinalg.qr(a, "r")).sum()),
    "eigh": ((4, 4), lambda a: (lambda w, v: T.sin(w).sum() + ((v**2)[:, 0] * T.exp(v[:, 1] ** 2)).sum())(
        *T.nlinalg.eigh(symmetric(a)))),
    "eigh of one triangle": ((4, 4), lambda a: (lambda w, v: (w**3).sum() + (v[0] ** 4 * T.cos(w)).sum())(
        *T.nlinalg.eigh(a))),
    "eigvalsh": ((4, 4), lambda a: T.exp(T.nlinalg.eigvalsh(a, "U") * 0.5).sum()),
    "generalized": ((3, 3), lambda a: T.sin(T.slinalg.eigvalsh(symmetric(a), T.dot(a, a.T) + 3 * T.eye(3))).sum()),
    "svd tall": ((5, 3), lambda a: (lambda u, s, vh: T.sin(s).sum() + T.sin(phased(u, vh)).sum())(
        *T.nlinalg.svd(a, full_matrices=False))),
    "svd wide": ((3, 5), lambda a: (lambda u, s, vh: T.sin(s).sum() + T.sin(phased(u, vh)).sum())(
        *T.nlinalg.svd(a, full_matrices=False))),
    "u alone": ((5, 3), lambda a: (T.nlinalg.svd(a, full_matrices=False)[0][0] ** 4).sum()),
    "singular values": ((3, 5), lambda a: (T.nlinalg.svd(a, compute_uv=False) ** 3).sum()),
    "nuclear norm": ((3, 5), lambda a: T.nlinalg.norm(a, "nuc")),
    "pinv": ((5, 3), lambda a: T.sin(T.nlinalg.pinv(a)).sum()),
    "lstsq": ((5, 3), lambda a: T.sin(T.nlinalg.lstsq(a, T.arange(5.0))[0]).sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name, any_ctx, fp64, rng):
    shape, cost = GRADIENTS[name]
    a = T.dmatrix("a")
    value = rng.normal(size=shape) + 3 * np.eye(*shape) * np.arange(1, shape[1] + 1)
    check_gradients(cost(a), [a], [value], rng, rtol=1e-5, second=name in ("qr tall", "eigh", "svd tall", "pinv"))


def test_gradients_of_stacks(any_ctx, fp64, rng):
    a = T.dtensor3("a")
    across = a.dimshuffle(0, 2, 1)
    spd = T.batched_dot(a, across) + 3 * T.eye(3)
    q, r = T.nlinalg.qr(a)
    u, s, vh = T.nlinalg.svd(a, full_matrices=False)
    w, v = T.nlinalg.eigh(a + across)
    parts = [T.slinalg.cholesky(spd), T.slinalg.solve(spd, a[:, :, :1]), T.nlinalg.matrix_inverse(a), q, r, s, w, v**2,
             T.batched_dot(u, vh), T.nlinalg.det(a), T.nlinalg.slogdet(spd)[1], T.nlinalg.pinv(a)]  # fmt: skip
    cost = sum(T.sin(x * (k + 1) / 10).sum() for k, x in enumerate(parts))
    value = rng.normal(size=(2, 3, 3)) + np.diag([2.0, 4, 6])
    check_gradients(cost, [a], [value], rng, rtol=1e-5, second=False)


def test_gradients_are_those_of_torch(any_ctx, fp64, rng):
    torch = pytest.importorskip("torch")
    z = rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3))
    x = T.zmatrix("x")
    u, s, vh = ca.linalg.svd(x, full_matrices=False)
    q, r = ca.linalg.qr(x)
    w, v = ca.linalg.eigh(T.dot(x.conj().T, x))
    absolute = lambda y: y.real**2 + y.imag**2  # noqa: E731
    cost = (absolute(u)[0] * s).sum() + absolute(T.dot(u, vh))[0].sum() + absolute(q)[1].sum() + absolute(r)[0].sum()
    cost = cost + (absolute(v)[0] * w).sum() + ca.linalg.slogdet(T.dot(x.conj().T, x))[1]
    got = ca.function([x], T.grad(cost, x))(z)
    t = torch.tensor(z, requires_grad=True)
    u, s, vh = torch.linalg.svd(t, full_matrices=False)
    q, r = torch.linalg.qr(t)
    w, v = torch.linalg.eigh(t.conj().T @ t)
    absolute = lambda y: y.real**2 + y.imag**2  # noqa: E731
    cost = (absolute(u)[0] * s).sum() + absolute(u @ vh)[0].sum() + absolute(q)[1].sum() + absolute(r)[0].sum()
    cost = cost + (absolute(v)[0] * w).sum() + torch.linalg.slogdet(t.conj().T @ t)[1]
    cost.backward()
    np.testing.assert_allclose(got, t.grad.numpy().conj(), rtol=1e-8, atol=1e-8)


def test_in_a_function(ctx, rng):
    a = T.fmatrix("a")
    f = ca.function([a], [*T.nlinalg.svd(a * 2), *T.nlinalg.qr(a, "complete"), T.nlinalg.eigvalsh(T.dot(a.T, a))])
    for shape in ((4, 3), (4, 3), (3, 6)):
        x = rng.normal(size=shape).astype("f")
        u, s, vh, q, r, w = f(x)
        k = min(shape)
        check((u[:, :k] * s) @ vh[:k], 2 * x, "float32", 2 * size(x))
        check(q @ r, x, "float32", size(x))
        np.testing.assert_allclose(w[-k:], (s[::-1] / 2) ** 2, rtol=1e-4, atol=1e-5)


def test_eigenvalues_of_the_host_are_counted(ctx, rng):
    a = rng.normal(size=(2, 5, 5)).astype("f")
    x, before = T.ftensor3("x"), ca.stats().host_fallbacks
    w, v = (y.numpy() for y in ca.linalg.eig(ca.asarray(a)))
    check(a @ v, v * w[:, None, :], "float32", size(a))
    again = ca.function([x], T.nlinalg.eig(x)[0])(a)
    np.testing.assert_array_equal(again, w)
    assert (w.dtype, v.dtype, again.dtype) == ("complex64",) * 3
    assert ca.stats().host_fallbacks == before + 2
    with pytest.raises(LinAlgError, match=r"eig\(\)"):
        ca.linalg.eigvals(ca.asarray(a * np.float32(np.nan)))
    with pytest.raises(TypeError, match="no gradient"):
        T.grad(abs(T.nlinalg.eig(x)[0]).sum(), x)


def test_the_namespace_is_the_standards(any_ctx):
    names = """cholesky cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power matrix_rank
    matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm"""
    assert set(names.split()) <= set(ca.linalg.__all__)
    pairs = ("eigenvalues", "eigenvectors")
    results = {"eig": pairs, "eigh": pairs, "qr": ("Q", "R"), "slogdet": ("sign", "logabsdet"), "svd": ("U", "S", "Vh")}
    for name, fields in results.items():
        assert getattr(ca.linalg, name)(ca.asarray([[2.0, 1], [1, 3]], dtype="float32"))._fields == fields


def test_tensor_inverses(any_ctx, fp64, rng):
    a, b = T.dtensor4("a"), T.dmatrix("b")
    x, y = rng.normal(size=(2, 3, 6, 1)), rng.normal(size=(2, 3))
    f = ca.function([a, b], [T.nlinalg.tensorinv(a), T.nlinalg.tensorsolve(a, b)])
    inverse, solution = f(x, y)
    np.testing.assert_allclose(inverse, np.linalg.tensorinv(x), atol=1e-10)
    np.testing.assert_allclose(solution, np.linalg.tensorsolve(x, y), atol=1e-10)
