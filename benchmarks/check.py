"""Whether all compute the same: each case once, on little data, our result and the peers' held against NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import NUMPY, OURS, Bench, Case
from .peers import PEERS

PRECISION = {2: 2e-2, 4: 2e-4, 8: 1e-10}  # by bytes of a real number: the error allowed, of the largest element


def check(bench: Bench, row: Case) -> dict[str, str]:
    """By name, what is wrong with a result; "" where nothing is. `Skip` where the case cannot run.

    NumPy's is taken as right, or ours where NumPy is not beside it. Kernels by hand, whose result nobody sees, are
    left out.
    """
    results = {}
    for name, work in row.prepare(bench).items():
        if name in PEERS and callable(work):
            try:
                results[name] = bench.peers.host(name, work())
            except Exception as error:  # whatever a peer raises: it is left out of the timing too
                bench.peers.absent[f"{name} in {row.name}"] = f"{type(error).__name__}: {error}".splitlines()[0]
        elif name.startswith((OURS, NUMPY)) and callable(work):
            results[name] = np.asarray(work())
    right = results.get(NUMPY, results.get(OURS))
    return {name: difference(right, result) for name, result in results.items() if result is not right}


def difference(right: Any, found: Any) -> str:
    """In which of shape, kind and elements a result differs from the right one."""
    if found.shape != right.shape:
        return f"shape {found.shape}, not {right.shape}"
    if found.dtype.kind != right.dtype.kind or found.dtype.kind not in "biufc":
        return f"{found.dtype}, not {right.dtype}"
    if found.dtype.kind in "biu":
        wrong = int(np.count_nonzero(found != right))
        return f"{wrong} of {right.size} elements differ" if wrong else ""
    wide = np.complex128 if found.dtype.kind == "c" else np.float64
    error = np.abs(found.astype(wide) - right.astype(wide)).max(initial=0)
    scale = np.abs(right.astype(wide)).max(initial=0)
    allowed = max(PRECISION[x.dtype.itemsize // (2 if x.dtype.kind == "c" else 1)] for x in (found, right))
    return "" if error <= allowed * scale else f"off by {error / scale:.1g} of the largest element"
