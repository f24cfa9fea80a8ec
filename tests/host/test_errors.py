"""The exception tree, what its messages say, and pickling."""

import pickle

import pytest

from clarray import errors

EXAMPLES = {
    "ClarrayError": errors.ClarrayError("x"),
    "DeviceNotFound": errors.DeviceNotFound("no device is 'gpu'"),
    "DeviceError": errors.DeviceError("lost"),
    "OutOfDeviceMemory": errors.OutOfDeviceMemory(3 << 30, 1536, 2 << 30, "opencl0:0"),
    "CompileError": errors.CompileError("no build", "kernel void f() {}\n", "k:1:2: error: e"),
    "RenderError": errors.RenderError("gemm.mako"),
    "LinAlgError": errors.LinAlgError("singular matrix"),
    "BadRewrite": errors.BadRewrite("log"),
    "BadKernel": errors.BadKernel("exp"),
    "NotFinite": errors.NotFinite("NaN"),
    "ConfigError": errors.ConfigError("floatX"),
}


@pytest.mark.parametrize("name", errors.__all__)
def test_every_exception_descends_from_the_root_and_pickles(name):
    error = EXAMPLES[name]
    assert type(error).__name__ == name
    assert isinstance(error, errors.ClarrayError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_exceptions_with_a_builtin_meaning():
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.DeviceNotFound, ValueError)
    assert issubclass(errors.OutOfDeviceMemory, MemoryError)


def test_the_docstring_draws_every_exception():
    for name in errors.__all__:
        assert name in errors.__doc__


def test_out_of_memory_says_asked_in_use_and_limit():
    text = str(EXAMPLES["OutOfDeviceMemory"])
    assert "3221225472 bytes (3.0 GiB) asked" in text
    assert "1536 bytes (1.5 KiB) in use" in text
    assert "limit 2147483648 bytes (2.0 GiB)" in text
    assert "opencl0:0" in text
    assert "limit none" in str(errors.OutOfDeviceMemory(1, 0, None, "opencl0:0"))


def test_a_short_source_is_printed_whole_with_numbers():
    source = "kernel void f()\n{\n    oops\n}\n"
    text = str(errors.CompileError("f does not build", source, "prog.cl:3:5: error: oops"))
    assert text.startswith("f does not build\n")
    assert "prog.cl:3:5: error: oops" in text
    assert ">   3      oops" in text
    assert "    4  }" in text


@pytest.mark.parametrize(
    "log",
    [
        "/tmp/x.cl:500:9: error: oops",
        "1:500:9: fatal error: oops",
        "<kernel>:500:9: Error: oops",
    ],
)
def test_a_long_source_is_cut_to_the_lines_the_driver_names(log):
    source = "\n".join(f"line{n};" for n in range(1, 1001))
    text = str(errors.CompileError("no", source, log))
    assert "> 500  line500;" in text
    assert "line496;" in text
    assert "line504;" in text
    assert "line495;" not in text
    assert "line505;" not in text
    assert "(1000 lines in all)" in text


def test_a_long_source_without_a_place_shows_its_start():
    source = "\n".join(f"line{n};" for n in range(1, 1001))
    text = errors.number_lines(source, "it failed")
    assert "line80;" in text
    assert "line81;" not in text


def test_a_huge_log_is_cut():
    log = "\n".join(f"k:1:1: error: e{n}" for n in range(1000))
    text = str(errors.CompileError("no", "x", log))
    assert "e0\n" in text
    assert "e999" not in text
    assert "(1000 lines in all)" in text
