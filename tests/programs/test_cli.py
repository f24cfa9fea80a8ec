"""The command line, each command in a process of its own, on good and bad machines."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyopencl
import pytest

from clarray.device.icd import bundled
from clarray.device.select import list_devices

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environ(tmp_path):
    """This process's environment with the checkout importable and no rc file."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLARRAY", "THEANO"))}
    path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH", ""))))
    return {**kept, "PYTHONPATH": path, "CLARRAYRC": ","}


@pytest.fixture
def no_opencl(environ, tmp_path):
    """An environment without any driver: pyopencl without what PoCL's wheel put into it."""
    package = Path(pyopencl.__file__).parent
    without = shutil.ignore_patterns("*.icd", "libpocl*", "__pycache__")
    shutil.copytree(package, tmp_path / "site" / "pyopencl", ignore=without)
    (tmp_path / "vendors").mkdir()
    environ["PYTHONPATH"] = f"{tmp_path / 'site'}{os.pathsep}{environ['PYTHONPATH']}"
    environ["OCL_ICD_VENDORS"] = str(tmp_path / "vendors")
    return environ


def clarray(environ, *arguments):
    command = [sys.executable, "-m", "clarray", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)


def test_devices_lists_every_device(environ):
    done = clarray(environ, "devices")
    assert done.returncode == 0, done.stderr
    for device in list_devices():
        (line,) = [x for x in done.stdout.splitlines() if f" {device.name} " in x]
        assert device.hardware in line
        assert device.platform in line
        assert device.type in line
    assert sum(line.startswith("*  opencl") for line in done.stdout.splitlines()) == 1


def test_devices_as_json(environ):
    done = clarray(environ, "devices", "--json")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == [x.name for x in list_devices()]
    assert sum(row["best"] for row in rows) == 1
    assert {"hardware", "platform", "vendor", "version", "driver_version", "type"} <= set(rows[0])


def test_devices_without_opencl(no_opencl):
    done = clarray(no_opencl, "devices")
    assert done.returncode == 1
    assert 'pip install "clarray[pocl]"' in done.stderr
    done = clarray(no_opencl, "devices", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, [])


def test_doctor_checks_every_device(environ):
    done = clarray(environ, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    for device in list_devices():
        (at,) = [n for n, x in enumerate(lines) if f"{device.name}  {device.type}" in x]
        assert lines[at].split()[0] == "ok"
        assert "a kernel built, ran and was right" in lines[at + 1]
        assert "fp64 " in lines[at + 1]
        assert "fp16 " in lines[at + 1]
    assert f"{len(list_devices())} working device" in done.stdout


def test_doctor_without_opencl(no_opencl):
    done = clarray(no_opencl, "doctor")
    assert done.returncode == 1, done.stdout
    assert 'mend: pip install "clarray[pocl]"' in done.stdout
    assert "0 working devices" in done.stdout


def problem(output, start):
    """The lines of the report about the .icd file whose path ends so."""
    lines = output.splitlines()
    (at,) = [n for n, line in enumerate(lines) if start in line and " -> " in line]
    return "\n".join(lines[at : at + 3])


def test_doctor_names_a_dead_icd_and_removes_it(no_opencl, tmp_path):
    icd = tmp_path / "vendors" / "dead.icd"
    icd.write_text("/nonexistent/libdead.so\n")
    done = clarray(no_opencl, "doctor")
    report = problem(done.stdout, "dead.icd")
    assert "fail" in report
    assert "/nonexistent/libdead.so" in report
    assert f"mend: rm {icd}" in report


def test_doctor_names_a_driver_to_install(no_opencl, tmp_path):
    icd = tmp_path / "vendors" / "pocl.icd"
    icd.write_text("/nonexistent/libpocl.so.9\n")
    done = clarray(no_opencl, "doctor")
    report = problem(done.stdout, str(icd))
    assert "mend: sudo apt install pocl-opencl-icd" in report


def mend(output):
    """The commands the doctor prints."""
    lines = (line.strip() for line in output.splitlines())
    return [line.removeprefix("mend: ") for line in lines if line.startswith("mend: ")]


@pytest.fixture
def wheel():
    """The library of PoCL's wheel: a driver that no .icd file of these tests names."""
    folder = bundled()
    found = list(folder.glob("libpocl*.so")) if folder else []
    if not found:
        pytest.skip("needs the driver of PoCL's wheel to stand for another's")
    return found[0]


def test_doctor_mends_an_icd_that_names_a_dead_path(no_opencl, wheel, tmp_path):
    """As the Intel wheel's does: the library is there, elsewhere. The command is then run."""
    (tmp_path / "vendors" / "wheel.icd").write_text(f"/opt/anaconda1/lib/{wheel.name}")
    no_opencl["LD_LIBRARY_PATH"] = str(wheel.parent)
    done = clarray(no_opencl, "doctor")
    assert done.returncode == 1
    report = problem(done.stdout, "wheel.icd")
    assert f"{wheel} is there and loads" in report
    subprocess.run(mend(report)[0], shell=True, check=True)
    again = clarray(no_opencl, "doctor")
    assert again.returncode == 0, again.stdout
    assert "1 working device" in again.stdout


def test_doctor_finds_an_nvidia_driver_without_icd_and_mends_it(no_opencl, wheel, tmp_path):
    driver = tmp_path / "driver" / "libnvidia-opencl.so.1"
    driver.parent.mkdir()
    driver.symlink_to(wheel)
    needs = wheel.parents[2] / "pocl_binary_distribution" / ".libs"
    no_opencl["LD_LIBRARY_PATH"] = f"{driver.parent}:{needs}"
    done = clarray(no_opencl, "doctor")
    report = problem(done.stdout, "(none)")
    assert f"{driver}" in report
    assert "no .icd file names its OpenCL library" in report
    (command,) = mend(report)
    assert command.startswith(f"echo {driver}")
    subprocess.run(command, shell=True, check=True)
    again = clarray(no_opencl, "doctor")
    assert "no .icd file names" not in again.stdout
    assert problem(again.stdout, "nvidia.icd").split()[0] == "ok"
    assert "opencl0:0  cpu" in again.stdout  # listed; so far from its files it builds nothing


def test_doctor_reports_a_driver_that_crashes(no_opencl, tmp_path):
    """A library whose constructor ends the process, built here where a C compiler is."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler to make a driver that crashes")
    source = tmp_path / "crash.c"
    source.write_text("#include <stdlib.h>\n__attribute__((constructor)) void f(void){abort();}\n")
    library = tmp_path / "libcrash.so"
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", library], check=True)
    icd = tmp_path / "vendors" / "crash.icd"
    icd.write_text(str(library))
    done = clarray(no_opencl, "doctor")
    assert done.returncode == 1
    assert "loading crashes (signal 6)" in problem(done.stdout, "crash.icd")
    assert "crashes: SIGABRT" in done.stdout
    assert f"mend: mv {icd} {icd}.off" in done.stdout


def test_doctor_says_what_is_wrong_with_the_configuration(environ):
    environ["CLARRAY_FLAGS"] = "floatX=float33"
    done = clarray(environ, "doctor")
    assert done.returncode == 0
    assert "floatX='float33' (CLARRAY_FLAGS) is not allowed" in done.stdout
    environ["CLARRAY_FLAGS"] = ""
    environ["CLARRAY_DEVICE"] = "no-such-word"
    done = clarray(environ, "doctor")
    assert "no device is 'no-such-word'" in done.stdout
    assert "mend: export CLARRAY_DEVICE=opencl" in done.stdout


def test_a_wrong_command_is_a_usage_error(environ):
    done = clarray(environ, "devises")
    assert done.returncode == 2
    assert "devices" in done.stderr
    assert clarray(environ).returncode == 2


@pytest.fixture
def own_cache(environ, tmp_path):
    """An environment with empty cache folders."""
    return {**environ, "XDG_CACHE_HOME": str(tmp_path), "POCL_CACHE_DIR": str(tmp_path / "pocl")}


def test_tune_and_cache(own_cache, tmp_path):
    """What a user does: tune something, look at what is kept, remove it."""
    done = clarray(own_cache, "tune", "--quick", "elementwise", "--device", list_devices()[0].name)
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("elementwise")]
    assert table
    assert "tune: 1/2 elementwise: large" in done.stderr
    file = tmp_path / "clarray" / "tuning.sqlite3"
    assert file.is_file()
    shown = clarray(own_cache, "cache")
    assert shown.returncode == 0, shown.stderr
    assert str(file) in shown.stdout
    assert f"{list_devices()[0].driver_version}), clarray" in shown.stdout
    cleared = clarray(own_cache, "cache", "--clear")
    assert cleared.returncode == 0, cleared.stderr
    assert "removed  tuned choices: 1 file, " in cleared.stdout
    assert not file.exists()
    assert "left     " in cleared.stdout
    assert "nothing is tuned" in clarray(own_cache, "cache").stdout


def test_tune_knows_its_ops(own_cache):
    done = clarray(own_cache, "tune", "elementwize")
    assert done.returncode == 1
    assert "nothing to tune is called 'elementwize'; there are: " in done.stderr
    assert " elementwise," in done.stderr
    helped = clarray(own_cache, "tune", "--help").stdout
    assert "inline_math" in helped
