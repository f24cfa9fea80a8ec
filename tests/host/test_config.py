"""Flags: where they are read from, which wins, and what a bad one says."""

import os
import subprocess
import sys
import warnings

import pytest

from clarray.config import Config, parse_contexts
from clarray.errors import ConfigError
from clarray.flags import FLAGS


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home folder, so that no rc file of the machine is read."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def rc(folder, name, text):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_defaults_are_those_of_the_table():
    config = Config({})
    for flag in FLAGS.values():
        assert config.get(flag.name) == flag.default
        assert config.origin(flag.name) == "default"
        # a default that its own row refuses could not be assigned back
        assert flag.kind.parse(flag.default) == flag.default


def test_precedence_from_the_weakest_to_the_strongest(home):
    environ = {}
    assert Config(environ).device == ""
    rc(home, ".clarrayrc", "[global]\ndevice = cpu\n")
    assert Config(environ).device == "cpu"
    environ["CLARRAYRC"] = rc(home, "other", "[global]\ndevice = cpu1\n")
    assert Config(environ).device == "cpu1"
    environ["CLARRAY_FLAGS"] = "device=gpu"
    assert Config(environ).device == "gpu"
    environ["CLARRAY_DEVICE"] = "gpu1"
    config = Config(environ)
    assert config.device == "gpu1"
    config.device = "cuda"
    assert config.device == "cuda"
    config.unset("device")
    assert config.device == "gpu1"


@pytest.mark.parametrize("separator", [":", ","])
def test_the_rightmost_rc_file_wins_flag_by_flag(home, separator):
    left = rc(home, "left", "[global]\nfloatX = float64\nprofile = True\n")
    right = rc(home, "right", "[global]\nfloatX = float16\n[gpuarray]\npreallocate = 0.5\n")
    config = Config({"CLARRAYRC": separator.join([left, right])})
    assert config.floatX == "float16"
    assert config.profile is True
    assert config.gpuarray.preallocate == 0.5
    assert config.origin("floatX") == right
    assert config.origin("profile") == left


def test_the_last_duplicate_of_the_flags_wins():
    config = Config({"CLARRAY_FLAGS": "floatX=float64, device = opencl0:1 ,floatX=float32,"})
    assert (config.floatX, config.device) == ("float32", "opencl0:1")


def test_values_come_as_their_type():
    flags = "gpuarray.preallocate=0.5,gpuarray.memory_limit=2GiB,allow_gc=0,profile=True"
    config = Config({"CLARRAY_FLAGS": flags})
    assert config.gpuarray.preallocate == 0.5
    assert config.gpuarray.memory_limit == 2 << 30
    assert config.allow_gc is False
    assert config.profile is True


BAD = {
    "force_device": "perhaps",
    "print_active_device": "2",
    "contexts": "dev0=opencl0:0",
    "floatX": "float33",
    "assert_no_cpu_op": "shout",
    "warn_float64": "True",
    "gpuarray.preallocate": "-2",
    "gpuarray.memory_limit": "much",
    "allow_gc": "",
    "profile": "maybe",
    "profile_memory": "x",
    "mode": "FAST",
    "optimizer": "o9",
    "optimizer_excluding": "fusion;inplace",
    "optimizer_including": "fusion inplace",
    "exception_verbosity": "medium",
    "compute_test_value": "on",
    "deterministic": "yes",
    "tuning": "sometimes",
    "cache_dir": "",
}


@pytest.mark.parametrize("name", sorted(FLAGS.keys() - {"device"}))
def test_a_bad_value_is_named_with_the_allowed_ones(name):
    config = Config({"CLARRAY_FLAGS": f"{name}={BAD[name]}"})
    for _ in range(2):  # not only at the first read
        with pytest.raises(ValueError) as caught:
            config.get("device")
        assert isinstance(caught.value, ConfigError)
        assert name in str(caught.value)
        assert "CLARRAY_FLAGS" in str(caught.value)
    with pytest.raises(ConfigError, match=r"allowed|NAME->DEVICE"):
        Config({}).set(name, BAD[name])


def test_a_bad_value_lists_what_is_allowed():
    with pytest.raises(ConfigError, match=r"floatX='float33'.*'float32', 'float64', 'float16'"):
        Config({}).floatX = "float33"


def test_a_refused_assignment_changes_nothing():
    config = Config({})
    config.floatX = "float64"
    with pytest.raises(ConfigError):
        config.floatX = 7
    assert config.floatX == "float64"


def test_an_item_without_a_value_is_an_error():
    with pytest.raises(ConfigError, match="'device' is not"):
        _ = Config({"CLARRAY_FLAGS": "device"}).device


def test_an_unknown_key_warns_and_the_rest_holds():
    config = Config({"CLARRAY_FLAGS": "floatx=float64,profile=1"})
    with pytest.warns(UserWarning, match="unknown flag 'floatx'.*did you mean 'floatX'"):
        assert config.floatX == "float32"
    assert config.profile is True


def test_an_unknown_flag_cannot_be_read():
    with pytest.raises(AttributeError, match="no flag 'floatx'; did you mean 'floatX'"):
        _ = Config({}).floatx
    assert not hasattr(Config({}).gpuarray, "nonsense")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("device = gpu\n", 1),
        ("[global]\nprofile = 1\nthis is no pair\n", 3),
        ("[global\ndevice = cpu\n", 1),
    ],
)
def test_a_file_that_is_not_ini_is_named_with_the_line(home, text, line):
    path = rc(home, "broken", text)
    with pytest.raises(ConfigError) as caught:
        _ = Config({"CLARRAYRC": path}).device
    assert f"{path}, line {line}:" in str(caught.value)


def test_a_file_that_is_no_text_is_a_config_error(home):
    path = home / "binary"
    path.write_bytes(b"[global]\n\xff\xfe\x00\n")
    with pytest.raises(ConfigError, match="binary"):
        _ = Config({"CLARRAYRC": str(path)}).device
    with pytest.raises(ConfigError, match="CLARRAYRC"):
        _ = Config({"CLARRAYRC": str(home)}).device  # a folder


def test_a_missing_file_warns_only_where_it_was_named(home):
    with pytest.warns(UserWarning, match="nowhere, which does not exist"):
        assert Config({"CLARRAYRC": str(home / "nowhere")}).device == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Config({}).device == ""


@pytest.mark.parametrize("name", ["cuda.root", "lib.cnmem", "dnn.enabled", "dnn.conv.algo_fwd", "nvcc.flags"])
def test_flags_for_cuda_say_once_that_they_have_no_effect(name):
    config = Config({"CLARRAY_FLAGS": f"{name}=/some/where"})
    with pytest.warns(UserWarning, match=f"{name}.*has no effect") as caught:
        assert config.device == ""
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.reload()
        value = config
        for part in name.split("."):
            value = getattr(value, part)
    assert value == "/some/where"


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"THEANO_FLAGS": "device=cuda"}, 1),
        ({"THEANO_FLAGS": "device=cuda", "CLARRAY_FLAGS": "profile=1"}, 0),
        ({"CLARRAY_FLAGS": "profile=1"}, 0),
    ],
)
def test_theano_flags_are_not_read_and_one_warning_says_so(environ, warned):
    config = Config(environ)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert config.device == ""
        config.reload()
        assert config.device == ""
    assert sum("THEANO_FLAGS" in str(one.message) for one in caught) == warned


def test_contexts():
    wanted = {"dev0": "opencl0:0", "dev1": "cuda0"}
    assert parse_contexts("dev0->opencl0:0; dev1 -> cuda0;") == wanted
    assert parse_contexts("") == {}


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda0", "gpus", "opencl", "opencl0:0"])
def test_a_context_may_not_be_named_like_a_device(name):
    with pytest.raises(ConfigError, match="may not be 'cpu' or begin with"):
        Config({}).contexts = f"{name}->opencl0:0"


@pytest.mark.parametrize("text", ["dev0", "dev0->", "->cuda0", "a->cpu;a->gpu"])
def test_contexts_that_do_not_parse(text):
    with pytest.raises(ConfigError, match="contexts:"):
        Config({}).contexts = text


def test_change_flags_is_a_block_and_a_decorator_and_puts_back():
    config = Config({"CLARRAY_FLAGS": "floatX=float64"})
    with config.change_flags({"gpuarray.preallocate": 0.25}, floatX="float16"):
        assert (config.floatX, config.gpuarray.preallocate) == ("float16", 0.25)
    assert (config.floatX, config.gpuarray.preallocate) == ("float64", 0.0)
    assert config.origin("floatX") == "CLARRAY_FLAGS"

    @config.change_flags(floatX="float32")
    def inside():
        return config.floatX

    config.floatX = "float16"
    assert (inside(), inside(), config.floatX) == ("float32", "float32", "float16")
    with pytest.raises(KeyError), config.change_flags(floatX="float64"):
        raise KeyError
    assert config.floatX == "float16"
    with pytest.raises(ConfigError), config.change_flags(profile=True, floatX="float1"):
        pass
    assert config.profile is False


def test_listeners_hear_of_every_change():
    config, heard = Config({}), []
    config.changed.append(heard.append)
    config.device = "cpu"
    config.gpuarray.preallocate = 1
    config.unset("device")
    config.reload()
    assert heard == ["device", "gpuarray.preallocate", "device", ""]


def test_the_listing_tells_value_and_origin():
    config = Config({"CLARRAY_FLAGS": "floatX=float64"})
    config.profile = True
    listing = str(config)
    assert "floatX = 'float64'  (CLARRAY_FLAGS)" in listing
    assert "profile = True  (assignment)" in listing
    assert "device = ''  (default)" in listing


def test_a_bad_flag_does_not_break_the_import():
    code = """
from clarray.config import config
try:
    config.device
except ValueError as error:
    assert "float33" in str(error)
else:
    raise SystemExit("a bad value was not seen")
"""
    environ = {**os.environ, "CLARRAY_FLAGS": "floatX=float33", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
