"""Measurements of clarray beside its peers: `python -m benchmarks`."""
