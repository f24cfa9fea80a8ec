"""Where rules that keep precision used to be; see `rewriting.stabilize`."""

from .rewriting import stabilize  # noqa: F401
