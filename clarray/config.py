"""`config`: every flag, where its value came from, and how to change it.

A flag is read from, strongest first: an assignment to `config`; `CLARRAY_DEVICE` (the
device alone); `CLARRAY_FLAGS`, which is `[section.]key=value` separated by commas; the INI
files named by `CLARRAYRC`, the rightmost first, or `~/.clarrayrc`; the table in
`flags.py`. The
environment is read when the first flag is, not at import.
"""

from __future__ import annotations

import configparser
import difflib
import fnmatch
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clarray.errors import ConfigError
from clarray.flags import FLAGS, INERT, SECTIONS, Value, parse_contexts

__all__ = ["Config", "config", "parse_contexts"]


class Config:
    """The flags as attributes, those of a section as `config.gpuarray.preallocate`."""

    changed: list[Callable[[str], None]]
    """Called after each change with the flag's name, or '' where any may have changed."""

    _environ: Mapping[str, str] | None
    _assigned: dict[str, Value]
    _read: dict[str, tuple[Value, str]] | None  # name: value, origin; None before the first read
    _warned: set[str]
    _lock: threading.RLock

    def __init__(self, environ: Mapping[str, str] | None = None):
        self.__dict__.update(changed=[], _environ=environ, _assigned={}, _read=None)
        self.__dict__.update(_warned=set(), _lock=threading.RLock())

    def get(self, name: str) -> Any:
        """The value of a flag by its dotted name."""
        return self._find(name)[0]

    def origin(self, name: str) -> str:
        """Where a flag's value came from: "assignment", a variable, a file or "default"."""
        return self._find(name)[1]

    def set(self, name: str, value: object, stacklevel: int = 2) -> None:
        """Assign a flag by its dotted name; a bad value raises ConfigError, a ValueError."""
        self._assigned[name] = self._check(name, value, "assignment", stacklevel + 1)
        self._notify(name)

    def unset(self, name: str) -> None:
        """Forget an assignment: the environment, the files or the default hold again."""
        self._assigned.pop(name, None)
        self._notify(name)

    def reload(self) -> None:
        """Forget what was read; the environment and the files are read again when needed."""
        self._read = None
        self._notify("")

    @contextmanager
    def change_flags(self, flags: Mapping[str, object] | None = None, **more: object) -> Iterator[None]:
        """The flags with other values within a `with` block or a decorated function."""
        wanted = {**(flags or {}), **more}
        before = {name: self._assigned.get(name) for name in wanted}
        try:
            for name, value in wanted.items():
                self.set(name, value, stacklevel=4)
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    self.unset(name)
                else:
                    self.set(name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in SECTIONS:
            return Section(self, name)
        value = self.get(name)
        if name in FLAGS:
            self.__dict__[name] = value  # found without coming here until `_notify`
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            self.__dict__[name] = value
        else:
            self.set(name, value, stacklevel=3)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name.partition(".")[0] for name in FLAGS)]

    def __str__(self) -> str:
        rows = []
        others = {*self._everything_read(), *self._assigned} - FLAGS.keys()
        for name in (*FLAGS, *sorted(others)):
            value, origin = self._find(name)
            doc = FLAGS[name].doc if name in FLAGS else "Has no effect."
            rows.append(f"{name} = {value!r}  ({origin})\n    {doc}")
        return "\n".join(rows)

    def _notify(self, name: str) -> None:
        for known in FLAGS.keys() & self.__dict__.keys():
            del self.__dict__[known]
        for listener in self.changed:
            listener(name)

    def _find(self, name: str) -> tuple[Value, str]:
        """A flag's value and where it came from."""
        if name in self._assigned:
            return self._assigned[name], "assignment"
        read = self._everything_read()
        if name in read:
            return read[name]
        if name in FLAGS:
            return FLAGS[name].default, "default"
        raise AttributeError(f"config has no flag {name!r}{_suggest(name)}")

    def _everything_read(self) -> dict[str, tuple[Value, str]]:
        """What the environment and the files say, read once."""
        read = self._read
        if read is None:
            with self._lock:
                self._read = read = self._read_all()
        return read

    def _read_all(self) -> dict[str, tuple[Value, str]]:
        """What the files and the environment say, the stronger over the weaker."""
        environ = os.environ if self._environ is None else self._environ
        given = [*_from_files(environ), *_from_flags(environ.get("CLARRAY_FLAGS", ""))]
        if "CLARRAY_DEVICE" in environ:
            given.append(("device", environ["CLARRAY_DEVICE"], "CLARRAY_DEVICE"))
        if environ.get("THEANO_FLAGS") and not environ.get("CLARRAY_FLAGS"):
            self._warn_once("THEANO_FLAGS is set but not read; set CLARRAY_FLAGS instead", 5)
        return {name: (self._check(name, v, origin, 6), origin) for name, v, origin in given}

    def _check(self, name: str, value: object, origin: str, stacklevel: int) -> Value:
        """`value` as the flag keeps it."""
        flag = FLAGS.get(name)
        if flag is None:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in INERT):
                self._warn_once(f"{name} ({origin}) is a flag for CUDA and has no effect", stacklevel)
            else:
                self._warn_once(f"unknown flag {name!r} ({origin}){_suggest(name)}", stacklevel)
            return value if isinstance(value, bool | float | int) else str(value)
        try:
            return flag.kind.parse(value)
        except ConfigError as error:
            raise ConfigError(f"{error} ({origin})") from None
        except (ValueError, KeyError):
            raise ConfigError(f"{name}={value!r} ({origin}) is not allowed; allowed: {flag.kind.allowed}") from None

    def _warn_once(self, message: str, stacklevel: int) -> None:
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)


class Section:
    """The flags that share a prefix: `config.gpuarray`."""

    def __init__(self, config: Config, prefix: str):
        self.__dict__.update(_config=config, _prefix=prefix)

    def __getattr__(self, name: str) -> Any:
        full = f"{self._prefix}.{name}"
        return Section(self._config, full) if full in SECTIONS else self._config.get(full)

    def __setattr__(self, name: str, value: object) -> None:
        self._config.set(f"{self._prefix}.{name}", value, stacklevel=3)

    def __repr__(self) -> str:
        return f"<section {self._prefix} of clarray.config>"


# --- where values are read from: each yields (name, value, origin), the weaker first


def _from_flags(text: str) -> Iterator[tuple[str, str, str]]:
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals):
            raise ConfigError(
                f"CLARRAY_FLAGS: {item!r} is not [section.]key=value; write "
                f'CLARRAY_FLAGS="device=opencl0:1,floatX=float32"'
            )
        yield name, value, "CLARRAY_FLAGS"


def _from_files(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    named = environ.get("CLARRAYRC", "")
    paths = named.replace(",", os.pathsep).split(os.pathsep) if named else ["~/.clarrayrc"]
    for path in filter(None, (part.strip() for part in paths)):
        file = os.path.expanduser(path)
        if os.path.exists(file):
            yield from _from_file(file)
        elif named:
            warnings.warn(f"CLARRAYRC names {path}, which does not exist", UserWarning, stacklevel=7)


def _from_file(path: str) -> Iterator[tuple[str, str, str]]:
    parser = configparser.RawConfigParser(strict=False, default_section="")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file, path)
    except (configparser.Error, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), (1,))[0]
        raise ConfigError(
            f"{path}, line {line}: not an INI file; write key = value under [global] or [gpuarray]"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; mend it, or take it out of CLARRAYRC") from error
    for section in parser.sections():
        for key, value in parser.items(section):
            yield (key if section == "global" else f"{section}.{key}"), value, path


def _suggest(name: str) -> str:
    near = difflib.get_close_matches(name, FLAGS, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; print(clarray.config) lists them all"


config = Config()
