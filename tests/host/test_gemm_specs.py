"""A GPU's tiles on paper: what lies where in local memory, which banks meet, and what the model chooses.

The C expressions that a Spec prints for places are evaluated here, for every work-item of a group.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clarray.codegen import lowering
from clarray.codegen.gemm import Summed
from clarray.codegen.gemm_gpu import TILES, WARPS, tiles, warps
from clarray.codegen.gemm_specs import Direct, Rows, Tiled
from clarray.codegen.gemm_tensor import Tensor, Warps
from clarray.codegen.operand import Operand
from clarray.core import dtypes
from clarray.core.layout import Layout
from clarray.core.linear import matmul
from clarray.core.traits import Traits

H200 = Traits(
    kind="gpu", vendor="nvidia", compute_units=132, local_memory=49152, max_work_group=1024, simd_width=1, unified=False
)


def value(text: str, **names: int) -> int:
    """What a C expression of integers is."""
    return eval(text.replace("/", "//"), {}, names)


def spec(kind, name, tile, turned):
    """A Spec for operands of one dtype."""
    row = dtypes.NAMES[name]
    sums = np.dtype("float32") if name == "float16" else row.numpy
    return kind(row, row, sums, (Operand("o0", row, 1, True),), None, 0, False, tile, *turned)


TENSOR = [tile for group in WARPS for tile in group]
PLAIN = [("float32", t) for group in TILES[1] for t in group] + [("float64", t) for group in TILES[2] for t in group]
PLAIN += [("complex64", t) for t in TILES[2][0]] + [("complex128", t) for t in TILES[4][0]]


def stored(x, kept):
    """What is where in local memory: {address: (l, k)}, for the C text of an address."""
    found = {}
    for j in range(x.fetches):
        for item in range(x.group):
            if j * x.group + item < x.vectors:
                at, k = (value(text, item=item) for text in x.place(j))
                found[value(kept, l=at, k=k)] = at, k
    return found


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("tile", TENSOR)
def test_tensor_cores_read_their_rows_from_different_banks(tile, turned):
    made = spec(Tensor, "float16", tile, (turned, turned))
    for x, own, length in zip(made.sides, ("line", "column"), (made.warp_m, made.warp_n)):
        words = stored(x, made.kept(x))
        assert sorted(words) == list(range(x.size // 8))
        for at in range(0, length, 16):
            for step in range(0, tile.depth, 16):
                text = made.read(x, f"{own} + {at}", step)
                for start in range(0, x.length, length):
                    named = [value(text, lane=lane, **{own: start}) for lane in range(32)]
                    for q in range(4):
                        block = named[8 * q : 8 * q + 8]
                        assert len({word % 8 for word in block}) == 8
                        later = (q % 2, q // 2) if x.name == "a" else (q // 2, q % 2)  # along l, along k
                        first, k = start + at + 8 * later[0], step + 8 * later[1]
                        want = [(first + r, k) if turned else (first, k + r) for r in range(8)]
                        assert [words[word] for word in block] == want


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("name", "tile"), PLAIN)
def test_tiles_keep_every_element_once_and_give_it_back(name, tile, turned):
    made = spec(Tiled, name, tile, (turned, turned))
    V = made.lanes
    for x, at, item, blocks, step in (
        (made.sides[0], "line", made.item_m, made.blocks_m, made.step_m),
        (made.sides[1], "column", made.item_n, made.blocks_n, made.step_n),
    ):
        elements = {}
        for j in range(x.fetches):
            for number in range(min(x.group, x.vectors - j * x.group)):
                along, k = (value(text, item=number) for text in x.place(j))
                for i in range(V):
                    if turned:
                        elements[(k + i) * x.length + (along ^ value(x.turn("k"), k=k))] = along, k + i
                    else:
                        elements[k * x.length + along + i] = along + i, k
        assert sorted(elements) == list(range(x.size))
        rows = [value(item, item=number) * V for number in range(made.group)]
        for i in blocks:
            for q in range(0, tile.depth, V):
                text = x.read(at, i * step)
                for row in set(rows):
                    vector = value(text, **{at: row}, q=q)
                    for s in range(V):
                        first = (q + s) * x.length + vector * V
                        got = [elements[first + lane] for lane in range(V)]
                        assert got == [(row + i * step + lane, q + s) for lane in range(V)]
        assert sorted({r + i * step + lane for r in rows for i in blocks for lane in range(V)}) == list(range(x.length))


@pytest.mark.parametrize(("name", "tile"), PLAIN)
def test_neighbours_use_different_banks(name, tile):
    made = spec(Tiled, name, tile, (True, True))
    x = made.sides[0]
    phase = 128 // x.itemsize  # work-items whose stores happen at once
    if x.length < phase:
        pytest.skip("a tile too narrow for all banks")
    for first in range(0, min(x.group, x.vectors), phase):
        places = [[value(text, item=item) for text in x.place(0)] for item in range(first, first + phase)]
        banks = {(k * x.length + (own ^ value(x.turn("k"), k=k))) % phase for own, k in places}
        assert len(banks) == phase
    for side, item in zip(made.sides, (made.item_m, made.item_n)):
        at = "line" if side.name == "a" else "column"
        for first in range(0, made.group, 8):  # whose vectors are read at once
            read = {
                value(side.read(at, 0), **{at: value(item, item=i) * made.lanes}, q=0) for i in range(first, first + 8)
            }
            assert len({vector % 8 for vector in read}) == len(read)


def test_tiles_fit_the_device():
    for sums in ("float32", "float64", "complex128"):
        for room in (49152, 32768, 16384):
            traits = dataclasses.replace(H200, local_memory=room)
            found = tiles(np.dtype(sums), traits, more=True)
            assert found
            assert all(tile.local_bytes(np.dtype(sums).itemsize) <= room for tile in found)
    assert not warps(H200)
    assert all(tile.local_bytes(2) <= 49152 for tile in warps(dataclasses.replace(H200, tensor_cores=True), more=True))


def lowered(m, k, n, name="float32", traits=H200, turned=False, batch=()):
    a, b = Layout.of(np.dtype(name), (*batch, m, k)), Layout.of(np.dtype(name), (*batch, k, n))
    if turned:
        b = Layout.of(b.dtype, (k, n), (b.dtype.itemsize, k * b.dtype.itemsize))
    return lowering.lower(matmul, [a, b], {}, traits)


def kinds(plan):
    return [type(launch.spec) for launch in plan.launches]


def test_what_a_problem_gets():
    assert kinds(lowered(4096, 4096, 4096)) == [Tiled]
    assert lowered(4096, 4096, 4096).launches[0].spec.tile.rows == 128
    assert lowered(512, 512, 512).launches[0].spec.tile.rows < 128  # enough groups for 132 units
    assert kinds(lowered(128, 65536, 128)) == [Tiled, Summed]
    assert kinds(lowered(4096, 4096, 4, turned=True)) == [Rows]
    assert kinds(lowered(65536, 64, 1)) == [Rows]
    assert kinds(lowered(4, 4096, 4096))[0] is Direct
    assert kinds(lowered(20, 20, 20, batch=(5000,))) == [Direct]
    assert kinds(lowered(1, 1 << 20, 1))[0] not in (Tiled, Direct, Rows)  # two vectors are a reduction


def test_tensor_cores_take_halves_alone():
    traits = dataclasses.replace(H200, tensor_cores=True)
    assert kinds(lowered(2048, 2048, 2048, "float16", traits)) == [Tensor]
    assert kinds(lowered(2048, 2048, 2048, "float32", traits)) == [Tiled]
    assert kinds(lowered(2048, 2048, 2048, "float16")) == [Tiled]


def test_a_tuned_tile_is_taken_and_an_unknown_one_is_not():
    for name, cls, tile, made in (
        ("gemm.tiled", "float32 1024", (64, 64, 16, 8, 8), Tiled),
        ("gemm.tensor", "float16 1024", (32, 64, 32, 2, 2), Tensor),
    ):
        dtype = cls.split()[0]
        traits = dataclasses.replace(H200, tensor_cores=True, tuned={(name, cls): tile})
        plan = lowered(1024, 1024, 1024, dtype, traits)
        assert (type(plan.launches[0].spec), tuple(plan.launches[0].spec.tile)) == (made, tile)
        traits = dataclasses.replace(traits, tuned={(name, cls): (3, 5, 7, 1, 1)})
        assert tuple(lowered(1024, 1024, 1024, dtype, traits).launches[0].spec.tile) != (3, 5, 7, 1, 1)


def test_parts_are_whole_steps_and_cover_k():
    for k in (1024, 5000, 99_999, 1_000_001):
        plan = lowered(64, k, 64)
        first, adding = plan.launches
        numbers = [a.value for a in first.arguments if hasattr(a, "value")]
        chunk, parts = numbers[3], first.global_size[1]
        assert chunk % first.spec.depth == 0
        assert (parts - 1) * chunk < k <= parts * chunk
        assert plan.scratch == (parts * 64 * 64 * 4,)
        assert adding.spec.epilogue is None


def test_the_warps_of_a_tile_cover_it():
    for tile in TENSOR:
        assert isinstance(tile, Warps)
        assert (tile.rows // tile.warps_m) % 16 == 0
        assert (tile.columns // tile.warps_n) % 16 == 0
