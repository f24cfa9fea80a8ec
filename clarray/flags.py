"""The table of flags: what each may be, its default and what it is for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from clarray.errors import ConfigError

__all__ = ["FLAGS", "INERT", "SECTIONS", "Flag", "Value", "parse_contexts"]

Value = bool | float | int | str


# --- kinds of value: each maps what was given to the value kept, or raises ValueError


@dataclass(frozen=True)
class Kind:
    """What a flag's value may be: `parse` raises ValueError on anything else."""

    parse: Callable[[object], Value]
    allowed: str


def one_of(*words: str) -> Kind:
    def parse(given: object) -> Value:
        if str(given) not in words:
            raise ValueError
        return str(given)

    return Kind(parse, ", ".join(repr(word) for word in words))


_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True}
_BOOLEANS |= {"false": False, "0": False, "no": False, "off": False}


def _boolean(given: object) -> Value:
    try:
        return _BOOLEANS[str(given).lower()]
    except KeyError:
        raise ValueError from None


def _fraction_or_megabytes(given: object) -> Value:
    number = float(str(given))
    if not (number >= 0 or number == -1) or number == float("inf"):
        raise ValueError
    return number


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _size(given: object) -> Value:
    text = str(given).lower().removesuffix("b").removesuffix("i").strip()
    number = text.rstrip("kmgt")
    size = float(number) * _UNITS[text[len(number) :]] if text else -1.0
    if not 0 <= size < 1 << 63:
        raise ValueError
    return int(size)


def _path(given: object) -> Value:
    if not isinstance(given, str | os.PathLike) or not str(given):
        raise ValueError
    return os.path.expanduser(given)


def _text(given: object) -> Value:
    if given is not None and not isinstance(given, str):
        raise ValueError
    return given or ""


def _names(given: object) -> Value:
    text = str(_text(given))
    if not all(name.isidentifier() for name in text.split(":") if name):
        raise ValueError
    return text


def parse_contexts(text: str) -> dict[str, str]:
    """'dev0->opencl0:0;dev1->cuda0' -> {'dev0': 'opencl0:0', 'dev1': 'cuda0'}"""
    contexts: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(";"))):
        name, arrow, word = (part.strip() for part in item.partition("->"))
        if not (name and arrow and word):
            raise ConfigError(f"contexts: {item!r} is not NAME->DEVICE, as in dev0->opencl0:0;dev1->cuda0")
        if name == "cpu" or name.startswith(("cuda", "gpu", "opencl")):
            raise ConfigError(
                f"contexts: the name {name!r} is not allowed, since it reads as a device; "
                f"a name may not be 'cpu' or begin with 'cuda', 'gpu' or 'opencl'"
            )
        if name in contexts:
            raise ConfigError(f"contexts: the name {name!r} is given twice")
        contexts[name] = word
    return contexts


def _contexts(given: object) -> Value:
    text = str(_text(given))
    parse_contexts(text)
    return text


TEXT = Kind(_text, "a string")
NAMES = Kind(_names, "names separated by ':'")
BOOLEAN = Kind(_boolean, "True, False, 1, 0, yes, no, on, off")
REACTION = one_of("ignore", "warn", "raise", "pdb")


# --- the table


@dataclass(frozen=True)
class Flag:
    """One row of the table of flags."""

    name: str
    kind: Kind
    default: Value
    doc: str


def _cache_dir() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return os.path.expanduser(os.path.join(base, "clarray"))


ROWS = (
    Flag("device", TEXT, "", "The default device; empty is the best there is."),
    Flag("force_device", BOOLEAN, False, "Raise DeviceNotFound rather than fall back to a CPU."),
    Flag("print_active_device", BOOLEAN, False, "Say on stderr which device a name stands for."),
    Flag(
        "contexts",
        Kind(_contexts, "NAME->DEVICE;NAME->DEVICE"),
        "",
        "Names for devices: dev0->opencl0:0;dev1->cuda0.",
    ),
    Flag(
        "floatX",
        one_of("float32", "float64", "float16"),
        "float32",
        "The default float of the symbolic face.",
    ),
    Flag(
        "assert_no_cpu_op",
        REACTION,
        "ignore",
        "What an operation on the host, or an implicit download, does.",
    ),
    Flag("warn_float64", REACTION, "ignore", "What making a float64 variable does."),
    Flag(
        "gpuarray.preallocate",
        Kind(_fraction_or_megabytes, "a fraction up to 1, megabytes above 1, -1 for no pool"),
        0.0,
        "Device memory the pool takes at once.",
    ),
    Flag(
        "gpuarray.memory_limit",
        Kind(_size, "bytes, as in 500000000, 512M or 2GiB; 0 for no limit"),
        0,
        "Most bytes of a device to use; 0 is no limit.",
    ),
    Flag("allow_gc", BOOLEAN, True, "Free intermediate results between the calls of a function."),
    Flag("profile", BOOLEAN, False, "Time every node of every function."),
    Flag("profile_memory", BOOLEAN, False, "Record the memory of every node; needs profile."),
    Flag(
        "mode",
        one_of("Mode", "FAST_RUN", "FAST_COMPILE", "DebugMode", "DEBUG_MODE", "NanGuardMode"),
        "Mode",
        "How functions are compiled; Mode follows `optimizer`.",
    ),
    Flag(
        "optimizer",
        one_of("fast_run", "fast_compile", "merge", "o4", "o3", "o2", "o1", "None"),
        "fast_run",
        "Which rewrites a function goes through.",
    ),
    Flag("optimizer_including", NAMES, "", "Further rewrites or phases of them, names separated by ':'."),
    Flag("optimizer_excluding", NAMES, "", "Rewrites or phases that are left out, names separated by ':'."),
    Flag("exception_verbosity", one_of("low", "high"), "low", "How much a node's error tells."),
    Flag(
        "compute_test_value",
        one_of("off", "ignore", "warn", "raise", "pdb"),
        "off",
        "Check shapes and dtypes as the expression is written.",
    ),
    Flag("deterministic", one_of("default", "more"), "default", "Whether sums may vary in order."),
    Flag("tuning", BOOLEAN, True, "Use the choices that `clarray tune` stored; nothing tunes by itself."),
    Flag(
        "cache_dir",
        Kind(_path, "a folder"),
        _cache_dir(),
        "Where tuned choices and built kernels are kept.",
    ),
)

FLAGS: dict[str, Flag] = {flag.name: flag for flag in ROWS}

# the ancestor's flags for CUDA: kept as set, without effect
INERT = ("cuda.*", "dnn.*", "lib.cnmem", "nvcc.*")
SECTIONS = {"cuda", "dnn", "dnn.conv", "gpuarray", "lib", "nvcc"}
