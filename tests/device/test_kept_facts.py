"""What the store says of a device is taken where it can be read, and never stops a start."""

from __future__ import annotations

import argparse

import pytest

from clarray import tuning_command
from clarray.config import config
from clarray.device import store
from clarray.device.context import Context


@pytest.fixture(autouse=True)
def folder(tmp_path):
    """An empty cache folder."""
    with config.change_flags(cache_dir=str(tmp_path / "cache"), tuning=True):
        yield


@pytest.mark.parametrize("fact", [{}, {"work": None}, {"work": 3}, {"work": {"FP64": True}}])
def test_features_without_what_works_are_tried_again(fact, any_ctx):
    listed = any_ctx.device.cl.extensions
    store.keep_quietly(any_ctx.device, "features", {"listed": listed, **fact})
    assert Context(any_ctx.device, "again").traits == any_ctx.traits
    assert isinstance(store.load(any_ctx.device).facts["features"]["work"], list)


def test_others_can_write_while_a_device_is_measured(any_ctx, monkeypatch):
    def measure(context):
        store.keep_quietly(context.device, "meanwhile", 1)
        return {"bandwidth": 1.0}

    opened = []
    writing = store.writing

    def counted(*patience):
        opened.append("measured" if measured else "too early")
        return writing(*patience)

    measured = []
    monkeypatch.setattr(store, "writing", counted)
    monkeypatch.setattr(tuning_command.measure, "measure", lambda context: measured.append(1) or measure(context))
    monkeypatch.setattr(tuning_command.measure, "described", str)
    monkeypatch.setattr(tuning_command, "tune", lambda *_: iter(()))
    monkeypatch.setattr(tuning_command, "classes", lambda *_: [])
    monkeypatch.setattr(tuning_command, "context_for", lambda _: any_ctx)
    assert tuning_command.run(argparse.Namespace(verbose=False, device=None, ops=[], quick=True)) == 0
    assert opened == ["measured"] * 2
    assert store.load(any_ctx.device).facts == {"meanwhile": 1, "bandwidth": 1.0}
