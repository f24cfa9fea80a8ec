"""What a GPU's kernels take of an NVIDIA chip, without one: `python benchmarks/spills.py [word...]`.

Compiles the kernels of `gpu_kernels` (those whose names have all the words) to PTX with Clang, assembles them with
ptxas, and prints registers, bytes spilled, local memory and the occupancy that these allow, or with `--summary` the
worst of each template. The exit status is 1 if a kernel spills or does not assemble. NVIDIA's own compiler may decide
otherwise, and it has builtins of its own where libclc's are compiled here: this is a lower floor, not a measurement.
Needs Clang with the NVPTX target, libclc and ptxas, which CUDA's toolkit has and the package nvidia-cuda-nvcc; where
one is missing it says so and ends.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import gpu_kernels
from clarray.codegen import templates
from clarray.codegen.plan import Local, Spec

LIBCLC = ("nvptx64--nvidiacl.bc", "nvptx64-nvidia-nvcl.bc")
FRONT_END = ("sm_80", "ptx75")  # what Clang compiles for: the newest that version 15 knows; ptxas goes on from there
REGISTERS, WARPS, GROUPS, SHARED = 65536, 64, 32, 228 << 10  # of a multiprocessor of compute capability 9.0
RESERVED = 1 << 10  # bytes of local memory that the driver keeps for each group


@dataclass(frozen=True)
class Kernel:
    """A kernel to look at; `local` are the bytes of local memory that come as arguments."""

    name: str
    spec: Spec
    group: int
    entry: str = "kernel_main"
    local: int = 0


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

    @property
    def bad(self) -> bool:
        return bool(self.spilled or self.error)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only kernels whose names have all of these")
    parser.add_argument("--summary", action="store_true", help="a line for each template, after those that spill")
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
    found: list[tuple[Kernel, Report]] = []
    print("| kernel | group | registers | spilled | local memory | occupancy |\n| --- | --- | --- | --- | --- | --- |")
    for kernel, report in tools.reports(x for x in all_kernels() if all(word in x.name for word in args.words)):
        found.append((kernel, report))
        if report.bad or not args.summary:
            print(row(kernel, report), flush=True)
    if args.summary:
        print("\n".join(summary(found)))
    failed = sum(report.bad for _, report in found)
    print(f"\n{len(found)} kernels, {failed} of them spill or fail", file=sys.stderr)
    return 1 if failed else 0


def row(kernel: Kernel, report: Report) -> str:
    """A line of the table."""
    if report.error:
        return f"| {kernel.name} | {kernel.group} | {report.error.splitlines()[0]} | | | |"
    found = f"{report.registers} | {report.spilled} | {report.shared} | {report.occupancy(kernel.group):.0%}"
    return f"| {kernel.name} | {kernel.group} | {found} |"


def summary(found: Iterable[tuple[Kernel, Report]]) -> Iterator[str]:
    """A second table: of each template how many kernels, their registers, and how many spill."""
    by_template: dict[str, list[Report]] = {}
    for kernel, report in found:
        by_template.setdefault(kernel.spec.template, []).append(report)
    yield "\n| template | kernels | registers | that spill or fail |\n| --- | --- | --- | --- |"
    for template, reports in sorted(by_template.items()):
        registers = sorted(x.registers for x in reports if not x.error) or [0]
        bad = sum(x.bad for x in reports)
        yield f"| {template} | {len(reports)} | {registers[0]} to {registers[-1]} | {bad} |"


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

    def reports(self, kernels: Iterable[Kernel]) -> Iterator[tuple[Kernel, Report]]:
        """Kernels compiled and assembled, several at once, each source one time."""
        sources: dict[Spec, list[Kernel]] = {}
        for kernel in kernels:
            sources.setdefault(kernel.spec, []).append(kernel)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for found in pool.map(self._report, sources.values()):
                yield from found

    def _report(self, kernels: Sequence[Kernel]) -> list[tuple[Kernel, Report]]:
        """Kernels of one source."""
        spec = kernels[0].spec
        log = self.assemble(templates.render(spec.template, spec, gpu_kernels.CHIP.inline_math))
        found = [log if isinstance(log, Report) else parsed(log, kernel.entry) for kernel in kernels]
        return [(k, replace(report, shared=report.shared + k.local)) for k, report in zip(kernels, found, strict=True)]

    def assemble(self, source: str) -> str | Report:
        """What ptxas says of a source, or what went wrong."""
        chip, ptx = FRONT_END
        with tempfile.TemporaryDirectory() as folder:
            text, assembled = Path(folder, "kernel.cl"), Path(folder, "kernel.ptx")
            text.write_text(LACKING + source)
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
        return Report(error=_first_error(made.stderr)) if made.returncode else made.stderr


def _atomic(ctype: str, name: str, operands: str, instruction: str) -> str:
    """A builtin of cl_khr_int64_base_atomics as one instruction of PTX."""
    given = "".join(f", {ctype} {x}" for x in operands)
    places = ", ".join(f"%{k}" for k in range(2, 2 + len(operands)))
    taken = "".join(f', "l"({x})' for x in operands)
    return (
        f"static {ctype} __attribute__((overloadable, always_inline)) atom_{name}(volatile global {ctype} *p{given})\n"
        f'{{\n    {ctype} old;\n    __asm__ volatile("atom.global.{instruction} %0, [%1], {places};"'
        f' : "=l"(old) : "l"(p){taken} : "memory");\n    return old;\n}}\n'
    )


LACKING = "".join(
    _atomic(ctype, *row)
    for ctype in ("long", "ulong")
    for row in (("xchg", "x", "exch.b64"), ("add", "x", "add.u64"), ("cmpxchg", "xy", "cas.b64"))
)
"""OpenCL C of builtins that NVIDIA's compiler has, and libclc has not for its chips."""


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
    """The kernels of the table, each once."""
    seen: set[tuple[Spec, str]] = set()
    for name, launch in gpu_kernels.all_launches():
        key = launch.spec, launch.kernel
        if key not in seen:
            seen.add(key)
            local = sum(x.nbytes for x in launch.arguments if isinstance(x, Local))
            yield Kernel(name, launch.spec, int(np.prod(launch.local_size or (256,))), launch.kernel, local)


if __name__ == "__main__":
    sys.exit(main())
