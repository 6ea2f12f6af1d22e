"""Exposed against unexposed subjects over strata that make them comparable."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from adoptcli.stats.distributions import chi_square_p
from adoptcli.stats.intervals import Z95

Stratum = tuple[int, int, int, int]
"""Exposed with the outcome, exposed, unexposed with the outcome, unexposed."""


class Adjusted(NamedTuple):
    """A pooled estimate with its 95 % interval.

    Attributes:
        value: The estimate.
        low: Lower limit.
        high: Upper limit.
        se: Standard error: of the difference itself; of the logarithm of the ratio.
    """

    value: float
    low: float
    high: float
    se: float


class MantelHaenszel(NamedTuple):
    """What strata say together.

    Attributes:
        difference: Of the risks, exposed less unexposed.
        ratio: Of the risks, exposed to unexposed; None where one side never has the outcome.
        statistic: The Cochran-Mantel-Haenszel chi-square of no association, without continuity
            correction; None where it has no variance.
        p: Its two-sided p-value, with one degree of freedom.
        strata: How many strata held exposed as well as unexposed.
        exposed: How many exposed stand in those.
        unexposed: How many unexposed stand in those.
    """

    difference: Adjusted
    ratio: Adjusted | None
    statistic: float | None
    p: float | None
    strata: int
    exposed: int
    unexposed: int


def mantel_haenszel(strata: Iterable[Stratum]) -> MantelHaenszel | None:
    """Return the risk difference and the risk ratio, pooled over strata.

    With a of n1 exposed and c of n0 unexposed having the outcome in a stratum of n = n1 + n0::

        RD = Σ (a·n0 - c·n1)/n  ÷  Σ n1·n0/n
        V(RD) = (RD·Σ P + Σ Q) / (Σ n1·n0/n)²
            P = (n1²·c - n0²·a + n1·n0·(n0 - n1)/2) / n²
            Q = (a·(n0 - c) + c·(n1 - a)) / (2n)

        RR = Σ a·n0/n  ÷  Σ c·n1/n
        V(ln RR) = Σ (n1·n0·(a + c) - a·c·n)/n²  ÷  (Σ a·n0/n · Σ c·n1/n)

    Both variances hold for few large strata as for many small ones. Strata that lack one of the
    sides say nothing and are left out.

    Args:
        strata: Exposed with the outcome, exposed, unexposed with the outcome, unexposed.

    Returns:
        The estimates, or None where no stratum has both sides.

    Raises:
        ValueError: If a count is negative or an outcome is more frequent than its subjects.

    Source:
        N. Mantel, W. Haenszel (1959), Journal of the National Cancer Institute 22(4), 719-748.
        V(RD): T. Sato, S. Greenland, J. M. Robins (1989), "On the variance estimator for the
        Mantel-Haenszel risk difference", Biometrics 45(4), 1323-1324. V(ln RR): S. Greenland,
        J. M. Robins (1985), "Estimation of a common effect parameter from sparse follow-up data",
        Biometrics 41(1), 55-68.
    """
    both = []
    for a, n1, c, n0 in strata:
        if not (0 <= a <= n1 and 0 <= c <= n0):
            raise ValueError(f"need 0 <= outcomes <= subjects, got {a} of {n1} and {c} of {n0}")
        if n1 and n0:
            both.append((a, n1, c, n0))
    if not both:
        return None
    statistic = _association(both)
    return MantelHaenszel(
        _difference(both),
        _ratio(both),
        statistic,
        None if statistic is None else chi_square_p(statistic, 1),
        len(both),
        sum(n1 for _, n1, _, _ in both),
        sum(n0 for _, _, _, n0 in both),
    )


def _difference(strata: list[Stratum]) -> Adjusted:
    weight = math.fsum(n1 * n0 / (n1 + n0) for _, n1, _, n0 in strata)
    value = math.fsum((a * n0 - c * n1) / (n1 + n0) for a, n1, c, n0 in strata) / weight
    p = math.fsum(
        (n1 * n1 * c - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2) / (n1 + n0) ** 2
        for a, n1, c, n0 in strata
    )
    q = math.fsum((a * (n0 - c) + c * (n1 - a)) / (2 * (n1 + n0)) for a, n1, c, n0 in strata)
    se = math.sqrt(max(value * p + q, 0.0)) / weight  # 0 up to rounding where all are alike
    return Adjusted(value, max(value - Z95 * se, -1.0), min(value + Z95 * se, 1.0), se)


def _ratio(strata: list[Stratum]) -> Adjusted | None:
    above = math.fsum(a * n0 / (n1 + n0) for a, n1, _, n0 in strata)
    below = math.fsum(c * n1 / (n1 + n0) for _, n1, c, n0 in strata)
    if not above or not below:
        return None
    spread = math.fsum(
        (n1 * n0 * (a + c) - a * c * (n1 + n0)) / (n1 + n0) ** 2 for a, n1, c, n0 in strata
    )
    value, se = above / below, math.sqrt(spread / (above * below))
    factor = math.exp(Z95 * se)
    return Adjusted(value, value / factor, value * factor, se)


def _association(strata: list[Stratum]) -> float | None:
    """(Σ (a - its expectation))² ÷ Σ its hypergeometric variance, both margins given."""
    excess = math.fsum(a - n1 * (a + c) / (n1 + n0) for a, n1, c, n0 in strata)
    variance = math.fsum(
        n1 * n0 * (a + c) * (n1 + n0 - a - c) / ((n1 + n0) ** 2 * (n1 + n0 - 1))
        for a, n1, c, n0 in strata
    )
    return excess**2 / variance if variance else None
