"""Which OpenCL devices the tests run on: all that are found, or those that CLARRAY_TEST_DEVICES names."""

from __future__ import annotations

import os
import re

from clarray.device.select import Device, list_devices

VARIABLE = "CLARRAY_TEST_DEVICES"


def described(device: Device) -> str:
    """The line in which a word of CLARRAY_TEST_DEVICES is looked for."""
    platform = device.cl.platform
    return f"{platform.name.strip()} {platform.version.strip()} {device.hardware}"


def chosen_devices() -> list[Device]:
    """The devices to test, in the order of their numbers; ValueError for a word that no device answers to."""
    found = list_devices()
    words = [word.strip().lower() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()]
    if not words:
        return [x for x in found if x.usable]
    chosen = set()
    for word in words:
        matching = [x for x in found if word == x.place or (word in described(x).lower())]
        if not matching:
            listed = "\n".join(f"  {x.place}: {described(x)}" for x in found) or "  none"
            raise ValueError(f"{VARIABLE}: no OpenCL device answers to {word!r}; there are\n{listed}")
        chosen.update(matching)
    return [x for x in found if x in chosen]


def label(device: Device) -> str:
    """A device in a test's id: the same in every process."""
    version = re.search(r"pocl [\d.]+\S*", device.cl.platform.version.lower())
    words = version[0] if version else f"{device.platform} {device.hardware}"
    return re.sub(r"[^a-z0-9.+]+", "-", words.lower()).strip("-")[:32]
