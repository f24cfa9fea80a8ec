"""Counters of what clarray did: launches, builds, bytes each way, host fallbacks."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class Stats:
    """Counts since the process began; the difference of two tells what happened between them.

    `launches` of kernels; `builds` of programs (some of them found in the driver's disk cache);
    `cache_hits`: launches whose kernel was ready in memory; `bytes_to_device` and `bytes_to_host`
    copied across; `bytes_shared`: host memory borrowed instead of copied; `host_fallbacks`: operations
    whose values were computed by the host.
    """

    launches: int = 0
    builds: int = 0
    cache_hits: int = 0
    bytes_to_device: int = 0
    bytes_to_host: int = 0
    bytes_shared: int = 0
    host_fallbacks: int = 0

    def __sub__(self, other: Stats) -> Stats:
        return Stats(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)})

    def __str__(self) -> str:
        return ", ".join(f"{f.name}={getattr(self, f.name):,}" for f in fields(self))


counters = Stats()
misses = Stats()  # its cache_hits counts kernels made ready


def stats() -> Stats:
    """The counters as they stand now; does not wait for the device."""
    now = counters - Stats()
    now.cache_hits = now.launches - misses.cache_hits
    return now
