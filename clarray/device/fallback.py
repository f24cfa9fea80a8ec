"""Where values pass through the host though nobody asked for it: counted, and forbidden on demand."""

from __future__ import annotations

import sys
import warnings

from clarray.config import config
from clarray.errors import DeviceError

from .stats import counters


def host_work(what: str, computed: bool = False) -> None:
    """Note that `what` happens on the host; `computed` tells that values are computed there.

    The flag `assert_no_cpu_op` makes it a warning, a DeviceError, or a stop in the debugger.
    """
    if computed:
        counters.host_fallbacks += 1
    wish = config.assert_no_cpu_op
    if wish == "ignore":
        return
    text = f"{what} runs on the host (assert_no_cpu_op={wish})"
    if wish == "raise":
        raise DeviceError(text)
    if wish == "pdb":
        sys.breakpointhook()
    else:
        warnings.warn(text, stacklevel=3)
