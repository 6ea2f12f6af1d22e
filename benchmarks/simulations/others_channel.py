"""What others describe for "does the channel work", each in a few lines.

Each gives its estimate in active days of 14 (or the share that adopts), and an interval where what
is described has one; others get the usual one, so that they can be compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from channel import DAYS, FIRST, HORIZON, LAST, Log
from early import Floats


class Said(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


def _around(value: float, se: float) -> Said:
    return Said(value, value - 1.96 * se, value + 1.96 * se)


def _mean_of(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.var(ddof=1) / values.size)


def naive_days(log: Log) -> Said:
    """Active days (of 14) of those who ever used the channel and of those who never did."""
    a, b = (log.days[who, FIRST:LAST].mean(1) * HORIZON for who in _ever(log))
    (x, vx), (y, vy) = _mean_of(a), _mean_of(b)
    return _around(x - y, (vx + vy) ** 0.5)


def naive_adopted(log: Log) -> Said:
    """The share that ever adopted of those who ever used the channel and of those who never did."""
    a, b = ((log.shared[who] < DAYS).astype(float) for who in _ever(log))
    (x, vx), (y, vy) = _mean_of(a), _mean_of(b)
    return _around(x - y, (vx + vy) ** 0.5)


def _ever(log: Log) -> tuple[np.ndarray, np.ndarray]:
    return log.first < DAYS, log.first >= DAYS


def _aligned(log: Log, who: np.ndarray, zero: np.ndarray) -> Floats:
    """Active or not on the days -14 … 14 around each one's day zero."""
    place = zero[:, None] + np.arange(-HORIZON, HORIZON + 1)
    return log.days[np.flatnonzero(who)[:, None], place].astype(float)


def aligned(log: Log) -> Said:
    """Amplitude, Impact Analysis: all who used it, aligned on the first use, after less before.

    No control group; the interval is that of paired differences.
    """
    who = log.first < LAST
    around = _aligned(log, who, log.first[who])
    gap = around[:, HORIZON + 1 :].sum(1) - around[:, :HORIZON].sum(1)
    value, variance = _mean_of(gap)
    return _around(value, variance**0.5)


def proportional(log: Log) -> Said:
    """Mixpanel, Impact: adopters against the others, whose day zero is the first adopter's day.

    The counterfactual is the others' mean after, times (1 + how much more adopters did before);
    z from the days as the sample, the two variances added (in print they are subtracted).
    """
    who = log.first < LAST
    others = (log.first >= DAYS) & (log.signup < FIRST)
    own = _aligned(log, who, log.first[who]).mean(0)
    theirs = _aligned(log, others, np.full(others.sum(), log.first[who].min())).mean(0)
    pre, post = slice(0, HORIZON), slice(HORIZON + 1, None)
    expected = theirs[post] * own[pre].mean() / theirs[pre].mean()
    value = float((own[post] - expected).mean())
    spread = float((own[post].var(ddof=1) + expected.var(ddof=1)) / HORIZON)
    return _around(value * HORIZON, spread**0.5 * HORIZON)


def correlation(log: Log) -> Said:
    """PostHog: a funnel from sign-up to adoption, the logarithm of the odds ratio, 1 added to each.

    Counted is use of the channel before adopting, or ever for those who never adopted; what has a
    ratio above 1 is listed. There is no interval: it is said whenever the ratio is above 1.
    """
    adopted = log.shared < DAYS
    used = (log.first < DAYS) & (log.first <= log.shared)
    cells = [float((u & a).sum()) + 1 for u in (used, ~used) for a in (adopted, ~adopted)]
    ratio = float(np.log(cells[0] * cells[3] / (cells[1] * cells[2])))
    return Said(ratio, ratio, np.inf)


DAYS_BY = {"naive": naive_days, "aligned": aligned, "proportional": proportional}
ADOPTED_BY = {"naive": naive_adopted, "correlation": correlation}
