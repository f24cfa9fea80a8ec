"""What is known of a driver and cannot be asked: a table of names and reasons."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

from clarray.codegen.inline import BUILTINS, FUNCTIONS


@dataclass(frozen=True)
class Quirk:
    """One row: the platforms and driver versions (regular expressions) it holds for."""

    name: str
    platform: str
    reason: str
    driver: str = ""
    inline: frozenset[str] = frozenset()  # builtins that kernels do without


QUIRKS = (
    Quirk(
        "builtins_not_inlined",
        "Portable Computing Language",
        "vload, fma, exp become calls: 9 times slower in a matrix product; use operators, "
        "pointers to vectors and inline math",
        driver=r"^3\.0",
        inline=BUILTINS,
    ),
    Quirk(
        "builtins_scalar",
        "Portable Computing Language",
        "exp, sin, pow are not made vectors of: up to 60 times slower than inline math; floor and its kin, up to 5",
        inline=FUNCTIONS | {"ceil", "floor", "trunc", "rint"},
    ),
    Quirk(
        "builtins_inexact",
        "rusticl",
        "erfc, tgamma and lgamma exceed OpenCL's limits, and most functions are slower than inline math",
        inline=FUNCTIONS,
    ),
    Quirk(
        "slow_small_copy",
        "Portable Computing Language",
        "a copy through the queue wakes a thread: 35 us for a few bytes",
    ),
    Quirk(
        "slow_source_cache",
        "Portable Computing Language",
        "a source that its disk cache knows still takes 40 ms and more, a binary 2",
    ),
    Quirk(
        "links_kernels",
        "Portable Computing Language",
        "every kernel is linked by the system's ld against libgcc and libc; without ld the process aborts",
    ),
    Quirk(
        "loop_limit",
        "rusticl",
        "llvmpipe leaves every loop of a work-item after 65,535 steps in all, without a word (measured, Mesa "
        "22.3): it gets the kernels of a GPU, whose work-items take few steps",
    ),
    Quirk(
        "fill_buffer_broken_large",
        "NVIDIA",
        "very large enqueueFillBuffer writes wrong values; fill with a kernel",
    ),
    Quirk(
        "half_unadvertised",
        "NVIDIA",
        "half arithmetic may build although cl_khr_fp16 is not listed; try it",
    ),
    Quirk("inline_ptx", "NVIDIA", "__asm__ volatile takes PTX"),
    Quirk("finish_spins", "NVIDIA", "clFinish keeps a host core busy"),
    Quirk(
        "pageable_copy_blocks",
        "NVIDIA",
        "a copy from ordinary host memory waits; pinned memory is twice as fast",
    ),
    Quirk(
        "simulator",
        "Oclgrind",
        "thousands of times slower than hardware: try nothing for speed's sake",
    ),
)


def inline_math(quirks: frozenset[str]) -> frozenset[str]:
    """The builtins that devices with these quirks do without."""
    return frozenset[str]().union(*(quirk.inline for quirk in QUIRKS if quirk.name in quirks))


def quirks_of(platform: str, driver_version: str) -> frozenset[str]:
    """The names of the rows that hold for a platform and a driver."""
    return frozenset(
        quirk.name
        for quirk in QUIRKS
        if re.search(quirk.platform, platform) and re.search(quirk.driver, driver_version)
    )


LINKER = "sudo apt install gcc libc6-dev"  # brings ld, libgcc and libc's start files


def missing_linker(platform: str) -> str:
    """What a platform's driver would abort for want of, with the command that mends it; else ""."""
    if "links_kernels" in quirks_of(platform, "") and shutil.which("ld") is None:
        return f"PoCL links every kernel with ld, which is not on PATH: {LINKER}"
    return ""
