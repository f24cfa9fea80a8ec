"""Packaging: what a wheel, an editable install, a source archive and a bare checkout hold and find."""

import email
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from clarray.version import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TEMPLATES = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("templates/**/*.mako")}
WHERE = "import clarray.codegen.templates as t; print(t.__file__); print(t.template_dir())"


def run(code, *arguments, cwd, options=(), env=None):
    """The lines that a Python of its own prints; what it says on failure is in the assertion."""
    command = [sys.executable, *options, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def build(folder, kind, root=ROOT):
    """The archive that the build backend makes of `root`."""
    code = f"import hatchling.build as b, sys; print(b.build_{kind}(sys.argv[1]))"
    return folder / run(code, folder, cwd=root)[-1]


def where(folder):
    """The module and the templates that a Python with `folder` as its site-packages finds."""
    paths = [str(folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    code = f"import site; [site.addsitedir(p) for p in {paths!r}]; {WHERE}"
    return [Path(line) for line in run(code, cwd=folder, options=["-I", "-S"])]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(f"clarray-{__version__}.dist-info/METADATA"))


def test_wheel_holds_the_package_with_its_templates(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert TEMPLATES
    assert names >= {f"clarray/{name}" for name in TEMPLATES}
    assert f"clarray-{__version__}.dist-info/licenses/LICENSE" in names
    assert {name.split("/")[0] for name in names} == {"clarray", f"clarray-{__version__}.dist-info"}
    sources = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("clarray/**/*.py")}
    assert names >= sources
    assert ("clarray/py.typed" in names) == (ROOT / "clarray/py.typed").is_file()


def test_installed_wheel_finds_its_own_templates(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "templates" / "lib").mkdir(parents=True)  # somebody else's
    (tmp_path / "templates" / "lib" / "prelude.mako").touch()
    module, templates = where(tmp_path)
    assert module == tmp_path / "clarray" / "codegen" / "templates.py"
    assert templates == tmp_path / "clarray" / "templates"


def test_editable_install_finds_the_templates_of_the_checkout(tmp_path):
    with zipfile.ZipFile(build(tmp_path, "editable")) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".mako")]  # they would grow old
        archive.extractall(tmp_path)
    module, templates = where(tmp_path)
    assert module == ROOT / "clarray" / "codegen" / "templates.py"
    assert templates == ROOT / "templates"


def test_bare_checkout_finds_its_templates():
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    module, templates = run(WHERE, cwd=ROOT, env=environ)
    assert Path(module) == ROOT / "clarray" / "codegen" / "templates.py"
    assert Path(templates) == ROOT / "templates"


def test_source_archive_builds_the_same_wheel(wheel, tmp_path):
    with tarfile.open(build(tmp_path, "sdist")) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # from 3.11.4
    assert names >= TEMPLATES | {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tox.ini", ".ci/run"}
    assert names >= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/*.py")}
    assert not [name for name in names if name.startswith((".git/", ".ci/venv", ".ci/work"))]
    again = build(tmp_path, "wheel", tmp_path / f"clarray-{__version__}")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert one.namelist() == other.namelist()


def test_metadata(metadata):
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    needed = {r.name for r in map(Requirement, metadata.get_all("Requires-Dist")) if r.marker is None}
    assert needed == {"pyopencl", "numpy", "mako"}
    assert set(metadata.get_all("Provides-Extra")) == {"pocl", "test", "dev", "plot"}


@pytest.mark.parametrize(
    ("system", "machine", "comes"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", False),
        ("darwin", "x86_64", False),
        ("darwin", "arm64", False),
        ("win32", "AMD64", False),
    ],
)
def test_pocl_extra_is_empty_where_no_wheel_exists(metadata, system, machine, comes):
    environment = {"sys_platform": system, "platform_machine": machine, "extra": "pocl"}
    brought = [
        r.name
        for r in map(Requirement, metadata.get_all("Requires-Dist"))
        if r.marker is not None and r.marker.evaluate(environment)
    ]
    assert brought == (["pocl-binary-distribution"] if comes else [])


def test_console_script(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"clarray-{__version__}.dist-info/entry_points.txt").decode()
    assert text.split() == ["[console_scripts]", "clarray", "=", "clarray.cli:main"]


def test_every_folder_of_the_package_stands_on_a_floor():
    layers, *_ = [c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    floors = {name.strip(" ()") for layer in layers["layers"] for name in layer.replace("|", ":").split(":")}
    folders = {f"clarray.{path.parent.name}" for path in ROOT.glob("clarray/*/__init__.py")}
    modules = {f"clarray.{path.stem}" for path in ROOT.glob("clarray/*.py") if not path.stem.startswith("__")}
    assert folders | modules <= floors


def test_readme_has_the_two_commands_that_ci_runs():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line.startswith("pip install ") and " && " in line]
    assert [command.split(" && ")[1] for command in commands] == ["clarray demo", "pytest"]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in commands:
        assert f'readme_command "{command.split(" && ")[1]}"' in ci
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
