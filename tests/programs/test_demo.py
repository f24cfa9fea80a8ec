"""`clarray demo`: what it prints in a pipe, the picture it draws, what it says of bad arguments."""

import subprocess
import sys

import pytest


def demo(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "clarray", "demo", *arguments], capture_output=True, text=True, timeout=300
    )


def test_demo_prints_every_form_and_where_it_ran():
    done = demo("--iterations", "20")
    assert done.returncode == 0, done.stderr
    for text in (
        "device ",
        "NumPy",
        "function, ndarray out",
        "device out",
        "borrowed out, sync",
        "equal",
        "every node",
    ):
        assert text in done.stdout
    rows = {line[:24].strip(): line.split() for line in done.stdout.splitlines()}
    assert rows["device out"][-1] == "0", "a result that stays on the device crosses nothing"
    assert rows["function, ndarray out"][-1] == f"{20 * 230_400 * 4:,}"


def test_demo_progress_is_plain_lines_in_a_pipe():
    lines = demo("--iterations", "5").stderr.splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "NumPy",
        "function, ndarray out",
        "device out",
        "borrowed out, sync",
    ]
    assert not any("\r" in line or "\x1b" in line for line in lines)


def test_demo_draws_a_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="--plot needs the extra clarray[plot]")
    done = demo("--iterations", "5", "--plot", str(tmp_path / "demo.png"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_demo_says_why_it_cannot_draw(tmp_path):
    pytest.importorskip("matplotlib", reason="--plot needs the extra clarray[plot]")
    done = demo("--iterations", "5", "--plot", str(tmp_path / "nowhere" / "demo.png"))
    assert done.returncode == 1
    assert "--plot" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--iterations", "0"], "at least 1"), (["--device", "nosuch"], "nosuch")]
)
def test_demo_refuses_bad_arguments(arguments, said):
    done = demo(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
