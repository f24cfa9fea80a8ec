"""Special functions, under the names of scipy.special."""

from __future__ import annotations

from clarray.core.ops import digamma, erf, erfc, erfcinv, erfinv, expit, gamma, lgamma, logit, zeta

from .statistical import logsumexp

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfcinv",
    "erfinv",
    "expit",
    "gamma",
    "gammaln",
    "lgamma",
    "logit",
    "logsumexp",
    "psi",
    "zeta",
]

gammaln = lgamma
psi = digamma
