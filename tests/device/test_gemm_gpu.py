"""A GPU's matrix products, on GPUs and on CPUs that are given a GPU's kernels: tiles, rows, parts of k, tensor cores.

Tensor cores are emulated (`tensor_emulation.mako`): the kernel is the one that NVIDIA's devices get, its instructions
are plain C that puts elements where the PTX ISA says they go.
"""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from pathlib import Path

import numpy as np
import oracle
import pytest

from clarray import blas
from clarray.array.convert import to_array
from clarray.codegen import gemm_gpu, templates
from clarray.codegen.gemm import Summed
from clarray.codegen.gemm_specs import Direct, Rows, Tile, Tiled
from clarray.codegen.gemm_tensor import Tensor, Warps
from clarray.core.linear import matmul
from clarray.device import tensor_cores
from clarray.device.probe import try_features
from clarray.device.program import Programs
from clarray.functions import linalg

EMULATION = Path(__file__).with_name("tensor_emulation.mako")


@pytest.fixture
def gpu(as_gpu, monkeypatch):
    """The device as a GPU. `gpu.made` are the Specs of products since the test began."""
    made = []
    launch = gemm_gpu.GpuProblem._in_parts

    def in_parts(self, spec, *args):
        plan = launch(self, spec, *args)
        made.extend(x.spec for x in plan.launches)
        return plan

    monkeypatch.setattr(gemm_gpu.GpuProblem, "_in_parts", in_parts)
    monkeypatch.setattr(as_gpu, "made", made, raising=False)
    return as_gpu


def draw(rng, shape, dtype="f4"):
    if np.dtype(dtype).kind in "iu":
        return oracle.sample(rng, None, np.dtype(dtype), shape)
    return oracle.sample(rng, (-2, 2), np.dtype(dtype), shape)


def check(got, a, b):
    """`got` is a @ b, exact for integers, else within the error of its sums."""
    host = got.numpy()
    with np.errstate(all="ignore"):
        want = np.matmul(a, b)
    assert (host.shape, host.dtype) == (want.shape, want.dtype)
    if host.dtype.kind in "iu":
        np.testing.assert_array_equal(host, want)
        return
    wide = np.clongdouble if host.dtype.kind == "c" else np.longdouble
    exact, size = a.astype(wide) @ b.astype(wide), np.abs(a).astype(np.longdouble) @ np.abs(b).astype(np.longdouble)
    eps = np.finfo(np.float32 if host.dtype == np.float16 else host.dtype).eps
    assert (
        np.abs(host - exact) <= (2 * np.sqrt(a.shape[-1]) + 8) * eps * size + np.finfo(host.dtype).eps * np.abs(exact)
    ).all()


def column_major(x):
    """The same matrices, their columns contiguous."""
    return to_array(np.ascontiguousarray(x.mT)).mT


ORDERS = list(itertools.product((to_array, column_major), repeat=2))
WORDS = {"f4": 1, "f2": 1, "i2": 1, "f8": 2, "i8": 2, "c8": 2, "c16": 4}  # of 4 bytes, to a sum
KNOWN = [(dtype, tile) for dtype, words in WORDS.items() for group in gemm_gpu.TILES[words] for tile in group]


def test_tiles(gpu, rng, monkeypatch):
    """Some tiles, dtypes and orders of the operands, on sizes that are and are not whole tiles."""
    for chosen in rng.choice(len(KNOWN), 3 if oracle.SAMPLED else 6, replace=False):
        dtype, tile = KNOWN[chosen]
        if np.dtype(dtype) not in oracle.supported(gpu.traits) or tile.local_bytes(8) > gpu.traits.local_memory:
            continue
        monkeypatch.setattr(gemm_gpu, "tiles", lambda *_, tile=tile: [tile])
        gpu.plans.clear()
        first, second = ORDERS[rng.integers(4)]
        m, n = tile.rows + int(rng.integers(tile.rows)), 2 * tile.columns
        for depth in (2 * tile.depth, 3 * tile.depth - int(rng.integers(1, tile.depth))):
            a, b = draw(rng, (m, depth), dtype), draw(rng, (depth, n), dtype)
            check(matmul(first(a), second(b)), a, b)
        assert any(spec.tile == tile for spec in gpu.made if isinstance(spec, Tiled))


def test_vectors_are_read_wherever_an_operand_begins(gpu, rng):
    """One kernel, operands at every offset: whole vectors only where they are aligned."""
    whole = draw(rng, (70, 80))
    on_device = to_array(whole)
    for start in range(5):
        a, b = whole[:64, start : start + 64], whole[3:67, 4 - start : 68 - start]
        check(matmul(on_device[:64, start : start + 64], on_device[3:67, 4 - start : 68 - start]), a, b)
    assert len(set(gpu.made)) == 1
    odd = to_array(np.zeros((64, 131), "f4"))
    for out in (odd[:, :64], odd[:, 3:67], odd[:, ::2][:, :64], odd[:, 64:128][:, ::-1]):
        linalg.matmul(on_device[:64, :64], on_device[:64, 8:72], out=out)
        check(out, whole[:64, :64], whole[:64, 8:72])
    outside = odd.numpy()[:, 128:]
    np.testing.assert_array_equal(outside, 0)
    assert len(set(gpu.made)) == 2  # one more for results with gaps
    assert {type(spec) for spec in gpu.made} == {Tiled}


def test_parts_of_k(gpu, rng):
    """A long k is divided, the epilogue is applied once, and two calls give the same bits."""
    a, b, c = draw(rng, (40, 5000)), draw(rng, (5000, 50)), draw(rng, (40, 50))
    x, y, z = map(to_array, (a, b, c))
    first = matmul(x, y)
    check(first, a, b)
    assert [type(spec) for spec in gpu.made] == [Tiled, Summed]
    np.testing.assert_array_equal(matmul(x, y).numpy(), first.numpy())
    blas.gemm(2, x, y, -0.5, z, overwrite_c=True)
    np.testing.assert_allclose(z.numpy(), 2 * (a.astype("f8") @ b) - 0.5 * c, atol=2e-3)
    stacked, row = draw(rng, (2, 1, 33, 3000), "i4"), draw(rng, (3, 3000, 34), "i4")
    check(matmul(to_array(stacked), to_array(row)), stacked, row)


THIN = [(1, 700, 300), (300, 700, 1), (2, 130, 90), (90, 131, 3), (5, 260, 64), (64, 257, 8), (7, 33, 7), (1, 3, 1000)]


def test_few_rows_or_columns(gpu, rng):
    """Teams read the rows of the larger operand (the columns, where it is the second) if those lie contiguous."""
    for (first, second), (m, k, n) in oracle.some(rng, itertools.product(ORDERS, THIN), 8):
        a, b = draw(rng, (m, k)), draw(rng, (k, n))
        gpu.made.clear()
        check(matmul(first(a), second(b)), a, b)
        contiguous = first is to_array if n <= m else second is column_major
        assert type(gpu.made[0]) is (Rows if contiguous else Direct), (m, k, n)
        assert all(type(spec) is Summed for spec in gpu.made[1:])


def test_thin_products_of_other_dtypes(gpu, rng):
    for dtype in oracle.few(rng, ["f2", "i1", "u8", "f8", "c8", "c16"], 3):
        if np.dtype(dtype) in oracle.supported(gpu.traits):
            a, b = draw(rng, (3, 70, 133), dtype), draw(rng, (133, 3), dtype)
            check(matmul(to_array(a), to_array(b)), a, b)
            check(matmul(to_array(b).T, column_major(a.mT)), b.T, a.mT)
            row = draw(rng, (133,), dtype)
            check(matmul(to_array(a), to_array(row)), a, row)


def test_small_matrices_of_a_stack(gpu, rng):
    a, b = draw(rng, (40, 13, 20)), draw(rng, (40, 20, 17))
    check(matmul(to_array(a), column_major(b)), a, b)
    assert {type(spec) for spec in gpu.made} == {Direct}


@pytest.mark.oclgrind
def test_no_work_item_reads_what_another_writes(gpu, rng, monkeypatch):
    """For a simulator that looks for races: small problems of every kernel."""
    monkeypatch.setattr(gemm_gpu, "tiles", lambda *_: [Tile(32, 32, 16, 4, 4)])
    for m, k, n, parts in [(33, 40, 34, 1), (33, 300, 34, 2), (2, 40, 33, 1), (33, 40, 2, 1), (9, 9, 9, 1)]:
        a, b, c = draw(rng, (m, k)), draw(rng, (k, n)), draw(rng, (m, n))
        z = to_array(c)
        blas.gemm(1, to_array(a), column_major(b), 1, z, overwrite_c=True)
        np.testing.assert_allclose(z.numpy(), a.astype("f8") @ b + c, atol=1e-3)
        assert parts == 1 or Summed in map(type, gpu.made)


@pytest.fixture
def tensor(gpu, monkeypatch, tmp_path):
    """`gpu` with tensor cores, emulated."""
    folder = tmp_path / "templates"
    shutil.copytree(templates.template_dir(), folder)
    shutil.copy(EMULATION, folder / "lib" / "tensor.mako")
    for name, words in (("gemm_tensor", "6 * spec.group"), ("tensor_probe", "6 * 32")):
        path = folder / f"{name}.mako"
        head, brace, body = path.read_text().partition(")\n{\n")
        path.write_text(f"{head}{brace}    local ulong emulation[${{{words}}}];\n{body}")
    emulated = templates.Templates(folder)
    monkeypatch.setattr(templates, "_shipped", lambda: emulated)
    monkeypatch.setattr(gpu, "traits", dataclasses.replace(gpu.traits, tensor_cores=True))
    monkeypatch.setattr(gpu, "programs", Programs(gpu))
    monkeypatch.setattr(gemm_gpu, "warps", lambda *_: [Warps(32, 32, 32, 2, 1)])
    return gpu


def test_the_probe_of_tensor_cores(tensor):
    assert tensor_cores.multiply(tensor.cl, tensor.queue)


@pytest.mark.parametrize("wrong", ["#error no PTX", "tensor_multiply(x, y.yx, 0)"])
def test_tensor_cores_that_do_not_work_are_none(tensor, monkeypatch, wrong):
    """What a compiler refuses, or a device computes otherwise, is an answer and no error."""

    def spoilt(*args):
        text = templates.render(*args)
        assert "tensor_multiply(x, y.xy, 0)" in text
        return text.replace("tensor_multiply(x, y.xy, 0)", f"\n{wrong}\n")

    monkeypatch.setattr(tensor_cores, "render", spoilt)
    assert not tensor_cores.multiply(tensor.cl, tensor.queue)


def test_tensor_cores_are_tried_only_where_ptx_is_taken(ctx, monkeypatch):
    """LLVM for x86 ends the process when it meets PTX."""
    tried = []
    monkeypatch.setattr(tensor_cores, "multiply", lambda *args: bool(tried.append(args)) or True)
    found = try_features(ctx.cl, ctx.queue, ctx.device.cl)
    assert ("TENSOR_CORES" in found) == (len(tried) == 1) == ("inline_ptx" in ctx.traits.quirks)


def test_tensor_cores(tensor, rng):
    """Orders of both operands, whole tiles, edges, and operands that begin anywhere."""
    for first, second in oracle.few(rng, ORDERS, 1 if oracle.SAMPLED else 2):
        for m, k, n in [(64, 64, 64), (37, 45, 70)]:
            a, b = draw(rng, (m, k), "f2"), draw(rng, (k, n), "f2")
            check(matmul(first(a), second(b)), a, b)
        a, b = draw(rng, (41, 34), "f2"), draw(rng, (34, 33), "f2")
        check(matmul(first(a)[1:, 1:], second(b)[1:]), a[1:, 1:], b[1:])
    assert {type(spec) for spec in tensor.made} == {Tensor}


def test_tensor_cores_with_an_epilogue_and_parts(tensor, rng, monkeypatch):
    monkeypatch.setattr(gemm_gpu, "LAUNCH", 0)  # so that even a short k is divided
    monkeypatch.setattr(gemm_gpu, "BYTE", 0)
    a, b, c = draw(rng, (33, 300), "f2"), draw(rng, (300, 34), "f2"), draw(rng, (33, 34), "f2")
    z = to_array(c)
    blas.gemm(1, to_array(a), to_array(b), 2, z, overwrite_c=True)
    want = a.astype("f8") @ b.astype("f8") + 2.0 * c
    np.testing.assert_allclose(z.numpy(), want, rtol=2e-3, atol=5e-2)
    assert [type(spec) for spec in tensor.made] == [Tensor, Summed]
