"""`clarray cache --clear` removes what clarray wrote, and nothing else."""

from __future__ import annotations

import argparse
import os
import time

import pytest

from clarray import cache_command
from clarray.codegen import templates
from clarray.config import config

OWN = (
    "tuning.sqlite3",
    f"programs/{'0f' * 32}.bin",
    "programs/tmp_a1b2c3d",
    f"programs/{'ab' * 16}/binary",
    f"templates/{'01' * 8}/lib/prelude.mako.py",
)
FOREIGN = (
    "notes.txt",
    "programs/main.py",
    "programs/firmware.bin",
    "programs/deadbeef/source",
    "templates/index.html",
    f"templates/{'01' * 9}/page",
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A user's folder that is named as the cache, with files of both."""
    for name in OWN + FOREIGN:
        file = tmp_path / "work" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "others"))
    with config.change_flags(cache_dir=str(tmp_path / "work")):
        yield tmp_path / "work"


def left(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_only_what_clarray_wrote_goes(folder, capsys):
    assert cache_command.run(argparse.Namespace(clear=True)) == 0
    assert left(folder) == set(FOREIGN)
    said = capsys.readouterr().out
    assert "removed  programs: 3 files" in said
    assert f"left     what clarray did not write in {folder / 'programs'}: deadbeef, firmware.bin, main.py" in said
    assert f"left     what clarray did not write in {folder / 'templates'}: {'01' * 9}, index.html" in said


def test_folders_that_are_empty_then_go(folder, capsys):
    for name in FOREIGN:
        (folder / name).unlink()
    (folder / "programs" / "deadbeef").rmdir()
    (folder / "templates" / ("01" * 9)).rmdir()
    assert cache_command.run(argparse.Namespace(clear=True)) == 0
    assert list(folder.iterdir()) == []
    assert "did not write" not in capsys.readouterr().out


def test_templates_that_are_kept_anew_leave_foreign_folders(folder):
    old = time.time() - 2 * templates.OLD
    for path in (folder / "templates").iterdir():
        os.utime(path, (old, old))
    kept = templates._compiled(templates.template_dir())
    assert kept.parent == folder / "templates"
    assert templates.KEPT.fullmatch(kept.name)
    assert not (folder / "templates" / ("01" * 8)).exists()
    assert left(folder) == set(OWN[:-1] + FOREIGN)
