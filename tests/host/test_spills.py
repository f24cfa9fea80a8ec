"""The script that looks for spills: what it reads of the tools' words, and the tools where they are there."""

from __future__ import annotations

import pytest

from benchmarks import spills
from benchmarks.spills import Report, Tools
from clarray.codegen.dense import STEPS
from clarray.codegen.templates import template_dir

LOG = """\
ptxas info    : Compiling entry function 'kernel_pack' for 'sm_90'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 12 registers, 1024 bytes smem
ptxas info    : Compiling entry function 'kernel_main' for 'sm_90'
    16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 128 registers, used 1 barriers, 16 bytes cumulative stack size, 32768 bytes smem
"""


def test_what_ptxas_says_of_each_entry():
    assert spills.parsed(LOG, "kernel_pack") == Report(12, 0, 1024)
    assert spills.parsed(LOG, "kernel_main") == Report(128, 20, 32768)
    assert spills.parsed(LOG, "kernel_other").error


@pytest.mark.parametrize(
    ("registers", "shared", "group", "share"),
    [(32, 0, 256, 1), (128, 0, 256, 0.25), (129, 0, 256, 0.125), (16, 48 << 10, 256, 0.5), (16, 0, 32, 0.5)],
)
def test_occupancy_is_bounded_by_the_scarcest(registers, shared, group, share):
    assert Report(registers, 0, shared).occupancy(group) == share


def test_groups_bound_the_registers():
    source = "kernel __attribute__((reqd_work_group_size(512, 1, 1)))\nvoid kernel_main(global int *x)"
    ptx = ".target sm_80, texmode_independent\n.entry kernel_main(\n\t.param .u64 x\n)\n{"
    assert spills.bounded(ptx, source).splitlines()[3:5] == [")", ".reqntid 512, 1, 1"]
    assert "texmode" not in spills.bounded(ptx, source)
    assert "reqntid" not in spills.bounded(ptx, "kernel void kernel_main(global int *x)")


def test_missing_tools_are_named(capsys):
    assert spills.main(["--clang", "no-such-compiler"]) == 0
    assert "--clang" in capsys.readouterr().err


FOR_CPUS = {"conv_patches", "conv_winograd", "gemm", "gemm_small", "gemv", "sort", "sort_network", "sort_rows"}
PARTS = {"conv_axes", "fft_passes", "gemm_head", "tensor_probe"}  # what templates share, and a question to a driver


def test_the_table_has_every_kind_of_kernel():
    """Every template but a CPU's."""
    kernels = list(spills.all_kernels())
    known = {path.stem for path in template_dir().glob("*.mako")}
    assert {kernel.spec.template for kernel in kernels} == known - FOR_CPUS - PARTS


def test_the_table_has_every_step_of_decompositions():
    specs = [kernel.spec for kernel in spills.all_kernels() if kernel.spec.template == "dense"]
    assert {spec.step for spec in specs} == set(STEPS)
    assert {spec.flags for spec in specs if spec.step == "substitute"} == {
        frozenset(flags) for flags in ((), ("conj",), ("unit",))
    }


def test_long_rows_look_back_as_on_nvidia():
    """A kernel with 64-bit atomics, for which libclc has nothing."""
    kernels = [kernel for kernel in spills.all_kernels() if kernel.spec.template == "scan_lookback"]
    assert {kernel.spec.words for kernel in kernels} == {1, 2, 4}


@pytest.fixture(scope="module")
def tools():
    """Clang, libclc and ptxas."""
    try:
        return Tools.found(None, "ptxas", None, "sm_90")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


def test_a_spill_is_seen(tools):
    """Registers that are all alive at once, more than there are."""
    loads = "".join(f"const float v{k} = x[{k} * n];" for k in range(300))
    stores = "".join(f"x[{k} * n + 1] = v{299 - k};" for k in range(300))
    log = tools.assemble(f"kernel void kernel_main(global float *x, int n) {{ {loads} {stores} }}")
    assert spills.parsed(log, "kernel_main").spilled > 0
    assert tools.assemble("kernel void kernel_main(global float *x) { x[0] = y; }").error


@pytest.mark.parametrize(
    "words",
    [
        ("tensor", "128x128x32/128"),
        ("float32", "gemm_tiled", "128x64x8/128"),
        ("float16 32x64x56x56", "conv_tiled"),
        ("float32 cumulative_sum", "scan_lookback"),
        ("int64 put_add", "any order"),
        ("complex64 step bidiagonalize",),
    ],
)
def test_kernels_do_not_spill(tools, words):
    kernels = [kernel for kernel in spills.all_kernels() if all(word in kernel.name for word in words)]
    assert kernels
    for _, found in tools.reports(kernels[:2]):
        assert (found.error, found.spilled) == ("", 0)
