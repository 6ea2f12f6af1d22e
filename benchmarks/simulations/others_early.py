"""What others describe for "which early behaviour goes with staying", each in a few lines.

Each gives, for every event but `visit`, its estimate and whether it would be named.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from early import BACK, EXPOSURE, Floats, Ints, Log

TIMES = 10


class Named(NamedTuple):
    """By event: the estimate (of its own kind), and whether it is named as going with staying."""

    value: Floats
    named: npt.NDArray[np.bool_]


def _cells(did: npt.NDArray[np.bool_], stayed: Ints) -> tuple[Floats, Floats, float, float]:
    """Who did with the outcome and in all, by column; the outcome and all of everybody."""
    a = (did * stayed[:, None]).sum(0).astype(float)
    return a, did.sum(0).astype(float), float(stayed.sum()), float(stayed.size)


def _phi(did: npt.NDArray[np.bool_], stayed: Ints) -> Floats:
    a, n1, m, n = _cells(did, stayed)
    spread = np.sqrt(n1 * (n - n1) * m * (n - m))
    return np.divide(a * n - n1 * m, spread, out=np.zeros_like(a), where=spread > 0)


def naive(log: Log) -> Named:
    """Did or did not in the first days, the best threshold on the same data, p below 0.05."""
    counts, best = log.counts(EXPOSURE)[:, 1:], None
    for least in range(1, TIMES + 1):
        did = counts >= least
        a, n1, m, n = _cells(did, log.stayed)
        n0, usable = n - n1, (n1 >= 10) & (n - n1 >= 10)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap, pooled = a / n1 - (m - a) / n0, m / n
            z = gap / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
        z = np.where(usable, z, 0.0)
        found = np.where(usable, gap, 0.0)
        if best is None:
            best = found, z
        better = np.abs(z) > np.abs(best[1])
        best = np.where(better, found, best[0]), np.where(better, z, best[1])
    assert best is not None
    return Named(best[0], np.abs(best[1]) > 1.96)


def compass(log: Log) -> Named:
    """Amplitude: the highest phi over times 1 to 10 and days 1 to 7; its interval without 0."""
    return _ranked(log, range(1, EXPOSURE + 1))


def signal(log: Log) -> Named:
    """Mixpanel: the same over up to 14 days (its map has 15, of which one is the outcome's)."""
    return _ranked(log, range(1, BACK + 1))


def _ranked(log: Log, days: range) -> Named:
    best = np.zeros(len(log.names) - 1)
    for day in days:
        counts = log.counts(day)[:, 1:]
        for least in range(1, TIMES + 1):
            did = counts >= least
            if not did.any():
                break
            phi = _phi(did, log.stayed)
            best = np.where(np.abs(phi) > np.abs(best), phi, best)
    low = np.tanh(np.arctanh(np.clip(np.abs(best), 0, 0.999999)) - 1.96 / np.sqrt(log.users - 3))
    return Named(best, low > 0)


def correlation(log: Log) -> Named:
    """PostHog: a funnel from sign-up to being back, odds ratio with 1 added to every cell.

    Counted is what was done before being back, or before the funnel's window was over for those
    who never came back. The ten highest above 1 are listed.
    """
    day = 86_400_000
    back = np.full(log.users, np.inf)
    later = log.time >= BACK * day
    np.minimum.at(back, log.user[later], log.time[later].astype(float))
    inside = log.time < back[log.user]
    key = log.user[inside] * len(log.names) + log.event[inside]
    size = log.users * len(log.names)
    did = np.bincount(key, minlength=size).reshape(log.users, -1)[:, 1:] > 0
    a, n1, m, n = _cells(did, log.stayed)
    ratio = (a + 1) * (n - m - (n1 - a) + 1) / ((n1 - a + 1) * (m - a + 1))
    seen = n1 >= min(25, 0.02 * n)
    order = np.argsort(np.argsort(-np.where(seen, ratio, 0.0)))
    return Named(ratio, seen & (ratio > 1) & (order < 10))


METHODS = {"naive": naive, "compass": compass, "signal": signal, "correlation": correlation}
