"""What graphs do depends little on the device: where tests are sampled, a quarter is drawn anew for each run."""

import os
import random
from pathlib import Path

import oracle

FOLDER = Path(__file__).parent
PART = 4  # one in so many


def pytest_collection_modifyitems(config, items):
    if not oracle.SAMPLED:
        return
    chance = random.Random(os.environ["CLARRAY_TEST_SEED"])
    ours = sorted(item.nodeid for item in items if FOLDER in item.path.parents)
    drawn = set(chance.sample(ours, -(-len(ours) // PART)))
    left = {item for item in items if FOLDER in item.path.parents and item.nodeid not in drawn}
    config.hook.pytest_deselected(items=list(left))
    items[:] = [item for item in items if item not in left]
