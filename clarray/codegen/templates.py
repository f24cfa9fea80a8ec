"""Templates: where they lie, and how one is printed for a spec with the libraries it calls."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import threading
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..config import config
from ..errors import RenderError
from ..version import __version__
from .inline import LIBRARIES, inline_calls

PRELUDE = "lib/prelude"

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_UNDEFINED = re.compile(r"'(\w+)' is not defined")
_NEIGHBOURS = 2  # lines shown before and after the one that failed
_SPEC_CHARACTERS = 2000
OLD = 7 * 86400  # seconds after which the Python of templates that have changed since is removed
KEPT = re.compile(r"[0-9a-f]{16}")  # names of the folders in which templates are kept as Python
_opening = threading.Lock()


def render(template: str, spec: Any, inline: frozenset[str] = frozenset()) -> str:
    """The source of `templates/<template>.mako` for `spec`, libraries first.

    `inline` names the builtins whose inline versions the device wants, except in a user's own code.
    """
    with _opening:
        templates = _shipped()
    return templates.render(template, spec, frozenset() if getattr(spec, "own_code", False) else inline)


def template_dir() -> Path:
    """The folder of templates: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    places = package / "templates", package.parent / "templates"
    for folder in places:
        if (folder / f"{PRELUDE}.mako").is_file():
            return folder
    raise RenderError(f"no kernel templates in {places[0]} or {places[1]}: install clarray again")


class Templates:
    """A folder of templates, and of libraries that are taken in where a name with their prefix occurs."""

    def __init__(self, folder: Path, compiled: Path | None = None):
        from mako.lookup import TemplateLookup  # a tenth of a second that only a first kernel pays

        self.folder = folder
        opened = partial(TemplateLookup, [str(folder)], strict_undefined=True, filesystem_checks=False)
        self._lookup, self._without_disk = opened(module_directory=compiled and str(compiled)), opened()
        libraries = {path.stem for path in folder.glob("lib/*.mako")} - {Path(PRELUDE).name}
        longest_first = sorted(libraries, key=lambda name: (-len(name), name))
        self._call = re.compile(rf"\b({'|'.join(map(re.escape, longest_first))})_\w+") if libraries else None

    def render(self, template: str, spec: Any, inline: frozenset[str] = frozenset()) -> str:
        """The prelude, the libraries called (those that others need come first), the user's preamble, the template."""
        body = "\n".join(filter(None, [getattr(spec, "preamble", ""), self._print(template, spec, inline)]))
        libraries: dict[str, str] = {}
        self._collect(body, spec, inline, (), libraries)
        return "\n".join([self._print(PRELUDE, spec, inline), *libraries.values(), body])

    def _collect(
        self, text: str, spec: Any, inline: frozenset[str], chain: tuple[str, ...], found: dict[str, str]
    ) -> None:
        """Add to `found` each library that `text` calls, after those that it calls itself."""
        if self._call is None:
            return
        for library in sorted(set(self._call.findall(_COMMENT.sub(" ", text)))):
            if library in chain[:-1]:
                raise RenderError(f"libraries call each other in a circle: {' -> '.join((*chain, library))}")
            if library not in found and library not in chain:
                printed = self._print(f"lib/{library}", spec, inline)
                self._collect(printed, spec, inline, (*chain, library), found)
                found[library] = printed

    def _print(self, name: str, spec: Any, inline: frozenset[str] = frozenset()) -> str:
        """One template printed, alone."""
        if not (self.folder / f"{name}.mako").is_file():
            known = ", ".join(sorted(p.relative_to(self.folder).with_suffix("").as_posix() for p in self._files()))
            raise RenderError(f"no template {name!r} in {self.folder}; it has: {known or 'none'}")
        try:
            text: str = self._template(name).render_unicode(spec=spec, inline=inline)
        except Exception as error:
            raise RenderError(self._explain(name, spec, error)) from error
        if Path(name).name not in LIBRARIES:
            text = inline_calls(text, inline)
        return text.strip("\n") + "\n"

    def _template(self, name: str) -> Any:
        """Mako's template; where what it kept on disk is spoilt, made from the file."""
        try:
            return self._lookup.get_template(f"{name}.mako")
        except Exception:  # or the file is wrong, and says so again
            return self._without_disk.get_template(f"{name}.mako")

    def _files(self) -> list[Path]:
        return list(self.folder.rglob("*.mako"))

    def _explain(self, name: str, spec: Any, error: Exception) -> str:
        """The template and line that failed, marked among its neighbours; the exception; the spec."""
        filename, line, source = self._locate(error)
        if filename and Path(filename).is_relative_to(self.folder):
            name = Path(filename).relative_to(self.folder).with_suffix("").as_posix()
        undefined = _UNDEFINED.search(str(error)) if isinstance(error, NameError) else None
        if undefined:  # Mako looks names up at the top of a template, not where they stand
            word = re.compile(rf"\b{undefined[1]}\b")
            line = next((n for n, text in enumerate(source, 1) if word.search(text)), line)
        shown = range(max(1, line - _NEIGHBOURS), min(len(source), line + _NEIGHBOURS) + 1)
        marked = [f"{'>' if n == line else ' '}{n:4d}  {source[n - 1]}".rstrip() for n in shown]
        printed = repr(spec)
        if len(printed) > _SPEC_CHARACTERS:
            printed = f"{printed[:_SPEC_CHARACTERS]}... ({len(printed)} characters in all)"
        where = f"template {name!r}, line {line}" if line else f"template {name!r}"
        return "\n".join([f"{where}: {type(error).__name__}: {error}", *marked, f"spec: {printed}"])

    def _locate(self, error: Exception) -> tuple[str | None, int, list[str]]:
        """File, line and source lines of the template where `error` arose."""
        from mako.exceptions import CompileException, RichTraceback, SyntaxException

        if isinstance(error, CompileException | SyntaxException):
            return error.filename, error.lineno, (error.source or "").split("\n")
        for record in reversed(RichTraceback(error, error.__traceback__).records):
            filename, line, source = record[4], record[5], record[7]
            if filename is not None:
                return filename, line, source.split("\n")
        return None, 0, []


@cache
def _shipped() -> Templates:
    folder = template_dir()
    return Templates(folder, _compiled(folder))


def _compiled(folder: Path) -> Path | None:
    """Where Mako keeps these templates as Python; None where nothing can be kept.

    Twenty milliseconds a template become two. Mako compares ages in whole seconds, which is too coarse for one who
    edits templates: another state of any of them is another folder, and old ones go.
    """
    import mako

    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*.mako"))]
    what = repr((__version__, mako.__version__, sys.version, str(folder), stats))
    kept = Path(os.path.expanduser(config.cache_dir), "templates", hashlib.sha256(what.encode()).hexdigest()[:16])
    try:
        if not kept.is_dir():
            kept.mkdir(parents=True)
            for other in kept.parent.iterdir():
                if KEPT.fullmatch(other.name) and time.time() - other.stat().st_mtime > OLD:
                    shutil.rmtree(other, ignore_errors=True)
    except FileExistsError:  # another process was first
        pass
    except OSError:
        return None
    return kept if os.access(kept, os.W_OK) else None
