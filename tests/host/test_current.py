"""Which context is used, with devices and contexts that are not there."""

import sys
import threading
import types
import warnings
from dataclasses import replace

import pyopencl as cl
import pytest

from clarray.config import Config
from clarray.config import config as clarray_config
from clarray.device import current, select
from clarray.device.select import Device
from clarray.errors import DeviceError, DeviceNotFound

POCL = Device("opencl0:0", 0, 0, "EPYC", "Portable Computing Language", type="cpu")
SECOND = Device("opencl1:0", 1, 0, "llvmpipe", "rusticl", type="cpu")
GPU = Device("opencl2:0", 2, 0, "H200", "NVIDIA CUDA", type="gpu")


class Machine:
    """What the tests set: the devices there are, and those that do not start."""

    def __init__(self):
        self.devices = [POCL, SECOND, GPU]
        self.broken = {}
        self.started = []


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()

    class Context:
        def __init__(self, device, name):
            if device.place in machine.broken:
                raise machine.broken[device.place]
            self.device, self.name = device, name
            machine.started.append(self)

    module = types.ModuleType("clarray.device.context")
    module.Context = Context
    monkeypatch.setitem(sys.modules, "clarray.device.context", module)
    for place in (select, current):
        monkeypatch.setattr(place, "list_devices", lambda: machine.devices)
    config = Config({"HOME": "/nowhere", "CLARRAYRC": ","})
    config.changed.append(current._forget)
    monkeypatch.setattr(current, "config", config)
    monkeypatch.setattr(current, "_default", None)
    monkeypatch.setattr(current, "_words", {})
    monkeypatch.setattr(current, "_contexts", {})
    machine.config = config
    return machine


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def place(device=None):
    return current.context_for(device).device.place


def test_the_default_is_the_configured_device(machine):
    assert place() == "opencl2:0"
    machine.config.device = "cpu"
    assert place() == "opencl0:0"
    machine.config.device = "cpu1"
    assert place() == "opencl1:0"


def test_the_flags_of_the_package_are_listened_to():
    assert current._forget in clarray_config.changed


def test_one_context_for_each_device(machine):
    first = current.context_for("gpu")
    assert current.context_for() is first
    assert current.context_for("cuda0") is first
    assert current.context_for(GPU) is first
    assert current.context_for(first) is first
    assert machine.started == [first]


def test_use_outranks_the_configuration_until_that_changes(machine):
    assert current.use("cpu").name == "opencl0:0"
    assert place() == "opencl0:0"
    assert current.use(None).name == "opencl2:0"
    current.use("cpu")
    machine.config.device = "cpu1"
    assert place() == "opencl1:0"


def test_a_with_block_holds_in_its_thread_alone(machine):
    seen = []
    with current.device("cpu") as outer:
        assert outer == POCL
        with current.device(SECOND):
            assert place() == "opencl1:0"
            thread = threading.Thread(target=lambda: seen.append(place()))
            thread.start()
            thread.join()
        assert place() == "opencl0:0"
        with pytest.raises(KeyError), current.device("gpu"):
            raise KeyError
        assert place() == "opencl0:0"
    assert place() == "opencl2:0"
    assert seen == ["opencl2:0"]


def test_names_of_contexts_come_first_and_are_devices_of_their_own(machine):
    machine.config.contexts = "dev0->opencl0:0;dev1->cuda0;twin->gpu"
    dev1 = current.context_for("dev1")
    assert (dev1.name, dev1.device.name, dev1.device.place) == ("dev1", "dev1", "opencl2:0")
    assert current.context_for(dev1.device) is dev1
    assert current.context_for("twin") is not dev1
    assert current.context_for("cuda0") is not dev1
    machine.config.device = "dev0"
    assert current.context_for().name == "dev0"
    machine.config.contexts = "dev1->cpu"
    assert place("dev1") == "opencl0:0"


@pytest.mark.parametrize("word", ["cuda1", "gpu7", "opencl5:0"])
def test_an_absent_device_falls_back_to_a_cpu_with_one_warning(machine, word):
    machine.config.device = word
    with pytest.warns(UserWarning, match="is used instead") as caught:
        assert place() == "opencl0:0"
    assert len(caught) == 1
    text = str(caught[0].message)
    assert repr(word) in text
    assert "EPYC" in text
    assert "H200" in text
    machine.config.profile = True
    assert place() == place(word) == "opencl0:0"  # and no second warning


@pytest.mark.parametrize("error", [DeviceError("lost"), cl.LogicError("clCreateContext", -5, "x")])
def test_a_device_that_does_not_start_falls_back_too(machine, error):
    machine.broken["opencl2:0"] = error
    with pytest.warns(UserWarning, match="the best device is not available; opencl0:0"):
        assert place() == "opencl0:0"


def test_the_fallback_goes_on_to_the_next_cpu(machine):
    machine.broken["opencl2:0"] = DeviceError("lost")
    machine.broken["opencl0:0"] = DeviceError("lost too")
    with pytest.warns(UserWarning, match="opencl1:0"):
        assert place() == "opencl1:0"
    machine.broken["opencl1:0"] = DeviceError("and lost")
    machine.config.reload()
    current._contexts.clear()
    with pytest.raises(DeviceNotFound, match="lost\nlost too\nand lost"):
        current.context_for()


def test_a_named_context_keeps_its_name_when_it_falls_back(machine):
    machine.config.contexts = "dev0->cuda3"
    with pytest.warns(UserWarning, match="'dev0'"):
        context = current.context_for("dev0")
    assert (context.name, context.device) == ("dev0", replace(POCL, name="dev0"))


def test_force_device_raises(machine):
    machine.config.force_device = True
    with pytest.raises(DeviceNotFound, match="'cuda1'"):
        current.context_for("cuda1")
    machine.broken["opencl2:0"] = cl.LogicError("clCreateContext", -5, "out of things")
    with pytest.raises(DeviceNotFound, match=r"opencl2:0 .* does not start"):
        current.context_for("gpu")
    machine.broken.clear()
    assert place("gpu") == "opencl2:0"  # an error is not remembered


def test_a_name_that_fits_none_or_several_is_an_error(machine):
    for word in ("radeon", "c"):
        with pytest.raises(DeviceNotFound):
            current.context_for(word)


def test_no_opencl_at_all(machine):
    machine.devices = []
    for word in (None, "gpu", "cpu"):
        with pytest.raises(DeviceNotFound, match=r'pip install "clarray\[pocl\]"'):
            current.context_for(word)


def test_print_active_device(machine, capsys):
    current.context_for("cpu1")
    assert capsys.readouterr().err == ""
    machine.config.print_active_device = True
    machine.config.contexts = "dev0->cpu"
    for _ in range(2):
        current.context_for()
        current.context_for("dev0")
    assert capsys.readouterr().err.splitlines() == [
        "Mapped name None to device opencl2:0: H200",
        "Mapped name dev0 to device opencl0:0: EPYC",
    ]


def test_threads_that_start_at_once_share_one_context(machine):
    barrier = threading.Barrier(8)
    seen = []

    def start():
        barrier.wait()
        seen.append(current.context_for())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, seen))) == 1
    assert len(machine.started) == 1
