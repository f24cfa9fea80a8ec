"""What every test can ask for: `ctx`, a started context of each chosen device, and `rng`."""

from __future__ import annotations

import os
import random
import secrets
import zlib
from pathlib import Path

import numpy as np
import oracle
import pytest
import selection

from clarray.device.current import context_for, device

SEED = "CLARRAY_TEST_SEED"


def pytest_configure(config):
    os.environ.setdefault(SEED, str(secrets.randbits(32)))  # before xdist starts its workers, which then have the same
    try:
        config.stash[DEVICES] = selection.chosen_devices()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


DEVICES = pytest.StashKey[list]()


def pytest_report_header(config):
    listed = [f"  {x.place}: {selection.described(x)}" for x in config.stash[DEVICES]] or ["  none"]
    return [f"{SEED}={os.environ[SEED]}", "OpenCL devices:", *listed]


def pytest_generate_tests(metafunc):
    """A test that uses `ctx` runs once on each device, one that uses `any_ctx` on the first alone."""
    found = metafunc.config.stash[DEVICES]
    for name in ("ctx", "any_ctx"):
        if name in metafunc.fixturenames:
            devices = found if name == "ctx" else found[:1]
            metafunc.parametrize(name, devices, ids=selection.label, indirect=True)


# Of what needs a device, where tests are sampled one in so many runs, drawn anew each time. What graphs do depends
# little on the device.
SAMPLES = {"device": 3, "graph": 4}


def pytest_collection_modifyitems(config, items):
    if not oracle.SAMPLED or config.option.markexpr:  # what is marked was chosen
        return
    chance, left = random.Random(os.environ[SEED]), set()
    for name, part in SAMPLES.items():
        folder = Path(__file__).with_name(name)
        ours = sorted((item for item in items if folder in item.path.parents), key=lambda item: item.nodeid)
        left.update(chance.sample(ours, len(ours) * (part - 1) // part))
    config.hook.pytest_deselected(items=list(left))
    items[:] = [item for item in items if item not in left]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and "rng" in getattr(item, "fixturenames", ()):
        report.sections.append(("rng", f"{SEED}={os.environ[SEED]} draws the same numbers again"))
    return report


@pytest.fixture
def rng(request):
    """Random numbers, fresh in every run and the same for every order of tests."""
    return np.random.default_rng([int(os.environ[SEED]), zlib.crc32(request.node.nodeid.encode())])


@pytest.fixture
def ctx(request, monkeypatch):
    """A context of each chosen device, the default one during the test; new memory is poisoned."""
    context = context_for(request.param)
    oracle.poison(context, monkeypatch)
    with device(context):
        yield context


any_ctx = ctx


@pytest.fixture
def as_gpu(request, ctx, monkeypatch):
    """`ctx` with the kernels that a GPU gets."""
    drawn = zlib.crc32(f"{os.environ[SEED]} {request.node.nodeid}".encode()) % 3 == 0
    if ctx.traits.kind != "gpu" and (oracle.OWN_KERNELS == "1" or (oracle.OWN_KERNELS == "some" and not drawn)):
        pytest.skip("the kernels of a GPU, on a CPU device, are left out")
    with oracle.with_traits(ctx, monkeypatch, "as a GPU", kind="gpu") as context:
        yield context


@pytest.fixture(params=["own", "gpu"])
def both_walks(request, ctx):
    """`ctx`, and then the same device with the kernels that a GPU gets."""
    if request.param == "own":
        return ctx
    if ctx.traits.kind == "gpu":
        pytest.skip("the device is a GPU: its own kernels are these")
    return request.getfixturevalue("as_gpu")


@pytest.fixture
def fp64(ctx):
    """Skip where the device has no doubles."""
    if not ctx.traits.fp64:
        pytest.skip(f"{ctx.device.hardware} has no fp64")
