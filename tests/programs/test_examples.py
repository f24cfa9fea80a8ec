"""The programs of examples/, each run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

# program, arguments, and what its output must hold
PROGRAMS = {
    "gpu_check.py": ([], ["ndarray out", "device out", "borrowed out", "Used the gpu"]),
    "logistic_regression.py": (["--steps", "300"], ["Used the gpu", "final cost"]),
    "products.py": ([], ["dot of inputs: (1000, 1000)", "dot of shared", "x + s*x follows"]),
    "add_vectors.py": ([], ["[5. 7. 9.]"]),
    "own_operation.py": ([], ["strided input", "two results and their gradient", "jit: 2 results of float32"]),
    "two_outputs.py": ([], ["one kernel, two results: 1 launch", "strided input"]),
}


FEWER = {"gpu_check.py": ["--iters", "2"], "logistic_regression.py": ["--steps", "3"]}  # where each call is checked


def run(program, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, EXAMPLES / program, *arguments],
        capture_output=True, text=True, env=os.environ | environment, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_listed():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_example(program):
    arguments, expected = PROGRAMS[program]
    output = run(program, *arguments)
    for text in expected:
        assert text in output
    assert "cpu" not in output.replace("cpu0", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_example_in_debug_mode(program):
    """It comes to its end: every rewrite and kernel agrees with the host's references."""
    assert run(program, *FEWER.get(program, []), CLARRAY_FLAGS="mode=DebugMode")


def test_logistic_regression_learns():
    short, long = (
        float(run("logistic_regression.py", "--steps", n).split("final cost:")[1].split()[0]) for n in ("1", "400")
    )
    assert long < short / 2
