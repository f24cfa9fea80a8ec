"""What a GPU's kernels take of an NVIDIA chip, without one: `python benchmarks/spills.py [word...]`.

Compiles the kernels that an NVIDIA GPU gets (those whose names have all the words) to PTX with Clang, assembles
them with ptxas, and prints registers, bytes spilled, local memory and the occupancy that these allow. The exit
status is 1 if a kernel spills or does not assemble. NVIDIA's own compiler may decide otherwise: this is a lower
floor, not a measurement. Needs Clang with the NVPTX target, libclc and ptxas, which CUDA's toolkit has and the
package nvidia-cuda-nvcc; where one is missing it says so and ends.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clarray.codegen import gemm_gpu, lowering, templates
from clarray.codegen.gemm import sums_dtype
from clarray.codegen.plan import Launch, Spec
from clarray.core import cumulative, dtypes, ops
from clarray.core.layout import Layout
from clarray.core.linear import gemm, matmul
from clarray.core.traits import Traits

CHIP = Traits(
    kind="gpu", vendor="nvidia", compute_units=132, local_memory=49152, max_work_group=1024, simd_width=1,
    unified=False, tensor_cores=True,
)  # fmt: skip
LIBCLC = ("nvptx64--nvidiacl.bc", "nvptx64-nvidia-nvcl.bc")
FRONT_END = ("sm_80", "ptx75")  # what Clang compiles for: the newest that version 15 knows; ptxas goes on from there
REGISTERS, WARPS, GROUPS, SHARED = 65536, 64, 32, 228 << 10  # of a multiprocessor of compute capability 9.0
RESERVED = 1 << 10  # bytes of local memory that the driver keeps for each group


@dataclass(frozen=True)
class Kernel:
    """A kernel to look at."""

    name: str
    spec: Spec
    group: int
    entry: str = "kernel_main"


@dataclass(frozen=True)
class Report:
    """What ptxas says of a kernel, or what went wrong."""

    registers: int = 0
    spilled: int = 0  # bytes stored and loaded
    shared: int = 0
    error: str = ""

    def occupancy(self, group: int) -> float:
        """The share of a multiprocessor's warps that can be there at once."""
        warps = -(-group // 32)
        each = -(-self.registers * 32 // 256) * 256  # registers of a warp, allocated in steps of 256
        fit = [GROUPS, WARPS // warps, REGISTERS // (each * warps) if each else GROUPS]
        fit.append(SHARED // (self.shared + RESERVED))
        return min(fit) * warps / WARPS


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only kernels whose names have all of these")
    parser.add_argument("--clang", help="default: the newest on PATH")
    parser.add_argument("--ptxas", default="ptxas")
    parser.add_argument("--libclc", help="the bitcode of OpenCL's builtins for nvptx64")
    parser.add_argument("--arch", default="sm_90")
    args = parser.parse_args(arguments)
    try:
        tools = Tools.found(args.clang, args.ptxas, args.libclc, args.arch)
    except FileNotFoundError as missing:
        print(f"nothing was checked: {missing}", file=sys.stderr)
        return 0
    kernels = [x for x in all_kernels() if all(word in x.name for word in args.words)]
    print("| kernel | group | registers | spilled | local memory | occupancy |\n| --- | --- | --- | --- | --- | --- |")
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for kernel, report in zip(kernels, pool.map(tools.report, kernels), strict=True):
            failed += bool(report.spilled or report.error)
            print(row(kernel, report), flush=True)
    print(f"\n{len(kernels)} kernels, {failed} of them spill or fail", file=sys.stderr)
    return 1 if failed else 0


def row(kernel: Kernel, report: Report) -> str:
    """A line of the table."""
    if report.error:
        return f"| {kernel.name} | {kernel.group} | {report.error.splitlines()[0]} | | | |"
    found = f"{report.registers} | {report.spilled} | {report.shared} | {report.occupancy(kernel.group):.0%}"
    return f"| {kernel.name} | {kernel.group} | {found} |"


@dataclass(frozen=True)
class Tools:
    """A compiler, OpenCL's builtins, an assembler, and the chip it assembles for."""

    clang: str
    libclc: str
    ptxas: str
    arch: str

    @classmethod
    def found(cls, clang: str | None, ptxas: str, libclc: str | None, arch: str) -> Tools:
        """Those on this machine; FileNotFoundError names what is missing and the option that names it."""
        names = [clang] if clang else ["clang", *(f"clang-{n}" for n in range(22, 13, -1))]
        compiler = next((path for name in names if (path := shutil.which(name))), None)
        if compiler is None:
            raise FileNotFoundError("there is no clang on PATH; --clang names one")
        assembler = shutil.which(ptxas)
        if assembler is None:
            raise FileNotFoundError("there is no ptxas on PATH; --ptxas names one")
        folders = [Path("/usr/lib/clc"), Path("/usr/share/clc"), Path("/usr/local/share/clc")]
        builtins = libclc or next((str(d / n) for d in folders for n in LIBCLC if (d / n).is_file()), None)
        if builtins is None or not Path(builtins).is_file():
            raise FileNotFoundError("there is no libclc for nvptx64; --libclc names its bitcode")
        return cls(compiler, builtins, assembler, arch)

    def report(self, kernel: Kernel) -> Report:
        """A kernel compiled and assembled."""
        return self.assemble(templates.render(kernel.spec.template, kernel.spec), kernel.entry)

    def assemble(self, source: str, entry: str = "kernel_main") -> Report:
        """The same of a source."""
        chip, ptx = FRONT_END
        with tempfile.TemporaryDirectory() as folder:
            text, assembled = Path(folder, "kernel.cl"), Path(folder, "kernel.ptx")
            text.write_text(source)
            flags = ["-finclude-default-header", "-target-cpu", chip, "-target-feature", f"+{ptx}",
                     "-mlink-builtin-bitcode", self.libclc]  # fmt: skip
            compiled = subprocess.run(
                [self.clang, "-x", "cl", "-cl-std=CL1.2", "--target=nvptx64-nvidia-nvcl", "-O3", "-w",
                 *(word for flag in flags for word in ("-Xclang", flag)), "-S", "-o", assembled, text],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if compiled.returncode:
                return Report(error=_first_error(compiled.stderr))
            assembled.write_text(bounded(assembled.read_text(), source))
            made = subprocess.run(
                [self.ptxas, f"-arch={self.arch}", "-v", assembled, "-o", Path(folder, "kernel.cubin")],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        return Report(error=_first_error(made.stderr)) if made.returncode else parsed(made.stderr, entry)


def bounded(ptx: str, source: str) -> str:
    """PTX as ptxas takes it from OpenCL, with the sizes of groups that Clang leaves out: they bound the registers."""
    sizes = re.findall(r"reqd_work_group_size\((\d+), (\d+), (\d+)\)\)\)\s+void (\w+)", source)
    for x, y, z, name in sizes:
        ptx = re.sub(rf"(\.entry {name}\([^)]*\))", rf"\1\n.reqntid {x}, {y}, {z}", ptx)
    return ptx.replace(", texmode_independent", "")


def parsed(log: str, entry: str) -> Report:
    """What ptxas -v says of an entry."""
    _, found, text = log.partition(f"entry function '{entry}'")
    if not found:
        return Report(error=f"ptxas says nothing of {entry}")
    text = text.partition("Compiling entry function")[0]

    def number(pattern: str) -> int:
        match = re.search(pattern, text)
        return int(match[1]) if match else 0

    spilled = number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads")
    return Report(number(r"Used (\d+) registers"), spilled, number(r"(\d+) bytes smem"))


def _first_error(log: str) -> str:
    lines = log.splitlines() or ["it failed without a word"]
    return next((line for line in lines if "error" in line or "fatal" in line), lines[0])


def all_kernels() -> Iterator[Kernel]:
    """The kernels of the table, those of one name once."""
    seen: set[tuple[Any, str]] = set()
    for name, launch in (*_simple(), *_products()):
        key = launch.spec, launch.kernel
        if key not in seen:
            seen.add(key)
            size = launch.local_size or (256,)
            yield Kernel(name, launch.spec, int(np.prod(size)), launch.kernel)


def _launches(name: str, op: Any, operands: Sequence[Layout], traits: Traits = CHIP, **params: Any) -> Iterator[Any]:
    for launch in lowering.lower(op, list(operands), params, traits).launches:
        yield f"{name} ({launch.spec.template}{launch.kernel.removeprefix('kernel').replace('_main', '')})", launch


def matrix(dtype: str, rows: int, columns: int, by_columns: bool = False) -> Layout:
    """The layout of a matrix."""
    size = np.dtype(dtype).itemsize
    return Layout.of(np.dtype(dtype), (rows, columns), (size, rows * size) if by_columns else (columns * size, size))


def _simple() -> Iterator[tuple[str, Launch]]:
    for dtype in ("float32", "float64", "float16", "int8", "complex64"):
        x, turned = matrix(dtype, 4096, 4096), matrix(dtype, 4096, 4096, True)
        yield from _launches(f"{dtype} add", ops.UFUNCS["add"], [x, x])
        yield from _launches(f"{dtype} add of a transpose", ops.UFUNCS["add"], [x, turned])
        for axis in (None, 0, 1):
            yield from _launches(f"{dtype} sum, axis {axis}", ops.sum, [x], axis=axis)
        yield from _launches(f"{dtype} cumulative sum", cumulative.cumulative_sum, [x], axis=1)
    x = matrix("float32", 4096, 4096)
    for name in ("exp", "tanh", "sin"):
        yield from _launches(f"float32 {name}", ops.UFUNCS[name], [x])
    for axis in (None, 0, 1):
        yield from _launches(f"float32 argmax, axis {axis}", ops.argmax, [x], axis=axis)
    mean = Layout.of(x.dtype, x.shape, (4, 0))  # of each row
    yield from _launches("float32 var, axis 1", ops.var, [x, mean], axis=1)


def _products() -> Iterator[tuple[str, Launch]]:
    ways = (False, False), (True, True)  # of which operands are in columns: each of both orders once
    for dtype in ("float32", "float64", "float16", "int32", "int64", "complex64", "complex128"):
        plain = replace(CHIP, tensor_cores=False)
        sums = sums_dtype(np.dtype(dtype))
        for tile in gemm_gpu.tiles(sums, plain, more=True):
            yield from _tuned(dtype, "gemm.tiled", tile, plain, ways)
        few = 4 if dtype == "complex128" else 8  # more make tiles
        for name, (m, k, n), by_columns in (
            ("matrix-vector", (4096, 4096, 1), (False, False)),
            ("matrix-vector in columns", (4096, 4096, 1), (True, False)),
            (f"{few} columns", (4096, 4096, few), (False, True)),
            (f"{few} rows", (few, 4096, 4096), (False, False)),
            ("small", (20, 20, 20), (False, False)),
            ("long", (64, 65536, 64), (False, False)),
        ):
            operands = matrix(dtype, m, k, by_columns[0]), matrix(dtype, k, n, by_columns[1])
            yield from _launches(f"{dtype} product, {name}", matmul, operands, plain)
    for dtype in ("float32", "float16"):
        x = matrix(dtype, 4096, 4096)
        yield from _launches(f"{dtype} 0.5 a @ b + 2 c", gemm, [x, x, x], alpha=0.5, beta=2)
    for warps in gemm_gpu.warps(CHIP, more=True):
        yield from _tuned("float16", "gemm.tensor", warps, CHIP, (*ways, (False, True), (True, False)))


def _tuned(dtype: str, name: str, tile: Any, traits: Traits, ways: Any) -> Iterator[tuple[str, Launch]]:
    """A large product with this tile."""
    side = 4096
    chosen = replace(traits, tuned={(name, gemm_gpu.problem_class(dtypes.NAMES[dtype], side, side, 1)): tuple(tile)})
    shape = f"{tile.rows}x{tile.columns}x{tile.depth}"
    for by_columns in ways:
        operands = [matrix(dtype, side, side, way) for way in by_columns]
        order = " by ".join("columns" if way else "rows" for way in by_columns)
        yield from _launches(f"{dtype} product {shape}/{tile.group}, {order}", matmul, operands, chosen)


if __name__ == "__main__":
    sys.exit(main())
