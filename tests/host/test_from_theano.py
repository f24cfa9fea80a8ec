"""docs/from-theano.md: every name that it says clarray has is there."""

import re
from pathlib import Path

import pytest

import clarray
import clarray.compile
import clarray.tensor

TEXT = (Path(__file__).parents[2] / "docs" / "from-theano.md").read_text()
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith(("| `", "| T"))]
NAMES = sorted({name for row in ROWS for name in re.findall(r"`((?:clarray|T)\.[\w.]+)`", row[1])})


def test_the_tables_were_read():
    assert len(NAMES) > 80


@pytest.mark.parametrize("name", NAMES)
def test_name(name):
    first, *rest = name.split(".")
    found = {"clarray": clarray, "T": clarray.tensor}[first]
    for part in rest:
        found = getattr(found, part)
