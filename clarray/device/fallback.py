"""Where values pass through the host though nobody asked for it: counted, and forbidden on demand."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from clarray.config import config
from clarray.errors import DeviceError

from .stats import counters

_for_whom: ContextVar[str] = ContextVar("host_work_for_whom", default="")


@contextmanager
def working_for(whom: str) -> Iterator[None]:
    """Work on the host that is noted meanwhile is done for `whom`: a node, and the line that made it."""
    token = _for_whom.set(whom)
    try:
        yield
    finally:
        _for_whom.reset(token)


def host_work(what: str, computed: bool = False) -> None:
    """Note that `what` happens on the host; `computed` tells that values are computed there.

    The flag `assert_no_cpu_op` makes it a warning, a DeviceError, or a stop in the debugger.
    """
    if computed:
        counters.host_fallbacks += 1
    wish = config.assert_no_cpu_op
    if wish == "ignore":
        return
    whom = _for_whom.get()
    text = f"{what} runs on the host{f', {whom}' if whom else ''} (assert_no_cpu_op={wish})"
    if wish == "raise":
        raise DeviceError(text)
    if wish == "pdb":
        sys.breakpointhook()
    else:
        warnings.warn(text, stacklevel=3)
