"""Intervals of proportions, means and ratios of counts."""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


class Interval(NamedTuple):
    """The lower and upper limit of a 95 % interval."""

    low: float
    high: float


class Difference(NamedTuple):
    """A difference of two proportions with its 95 % interval, as fractions."""

    value: float
    low: float
    high: float


class Estimate3(NamedTuple):
    """An estimate with its 95 % interval; ``high`` is None where there is no finite upper limit."""

    value: float
    low: float
    high: float | None


class Mean(NamedTuple):
    """A mean with its 95 % interval; the limits are None for a single observation."""

    value: float
    low: float | None
    high: float | None


def wilson(successes: int, n: int) -> Interval | None:
    """Return the Wilson score interval of a proportion.

    With p = successes / n and z = ``Z95``::

        (p + z²/2n ± z * sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    without continuity correction. The lower limit is exactly 0 for no successes and the upper limit
    exactly 1 when every trial is a success.

    Args:
        successes: Number of successes.
        n: Number of trials.

    Returns:
        The limits as fractions in [0, 1], or None when ``n`` is 0.

    Raises:
        ValueError: If a count is negative or ``successes`` exceeds ``n``.

    Source:
        E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22(158), 209-212.
    """
    _check_proportion(successes, n)
    if n == 0:
        return None
    p = successes / n
    zz = Z95 * Z95
    scale = 1 + zz / n
    centre = (p + zz / (2 * n)) / scale
    half = Z95 * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / scale
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def newcombe(x1: int, n1: int, x2: int, n2: int) -> Difference | None:
    """Return the difference of two independent proportions with its hybrid score interval.

    With d = p1 - p2 and (l, u) the Wilson limits of each proportion::

        low  = d - sqrt((p1 - l1)² + (u2 - p2)²)
        high = d + sqrt((u1 - p1)² + (p2 - l2)²)

    This is method 10 of the source (no continuity correction).

    Args:
        x1: Successes in the first group.
        n1: Trials in the first group.
        x2: Successes in the second group.
        n2: Trials in the second group.

    Returns:
        The difference and its limits as fractions in [-1, 1], or None when either group is empty.

    Raises:
        ValueError: If a count is negative or successes exceed trials.

    Source:
        R. G. Newcombe (1998), "Interval estimation for the difference between independent
        proportions: comparison of eleven methods", Statistics in Medicine 17(8), 873-890.
    """
    first = wilson(x1, n1)
    second = wilson(x2, n2)
    if first is None or second is None:
        return None
    p1 = x1 / n1
    p2 = x2 / n2
    value = p1 - p2
    low = value - math.hypot(p1 - first.low, second.high - p2)
    high = value + math.hypot(first.high - p1, p2 - second.low)
    return Difference(value, max(-1.0, low), min(1.0, high))


def mean_interval(n: int, total: float, total_squares: float) -> Mean | None:
    """Return a mean with its normal-approximation 95 % interval, from sums.

    With m = Σx / n and the sample variance s² = (n·Σx² - (Σx)²) / (n(n-1))::

        m ± z * sqrt(s² / n)

    The numerator of s² is exact when both sums are ``int``. When a sum is a ``float``, a numerator
    that is negative only through rounding counts as 0.

    Args:
        n: Number of observations.
        total: Sum of the observations.
        total_squares: Sum of the squared observations.

    Returns:
        The mean and its limits in the unit of the observations. None when ``n`` is 0; limits of
        None when ``n`` is 1.

    Raises:
        ValueError: If ``n`` is negative, a sum is not finite, or no observations can have these
            sums (n·Σx² < (Σx)²).

    Source:
        The central limit theorem; e.g. L. Wasserman (2004), "All of Statistics", section 6.3.2.
    """
    if n < 0:
        raise ValueError(f"number of observations must not be negative, got {n}")
    if n == 0:
        return None
    if not (math.isfinite(total) and math.isfinite(total_squares)):
        raise ValueError("sums must be finite")
    spread = n * total_squares - total * total
    if spread < 0:
        exact = isinstance(total, int) and isinstance(total_squares, int)
        if exact or spread < -1e-9 * total * total:
            raise ValueError(
                f"no {n} observations have sum {total} and sum of squares {total_squares}"
            )
        spread = 0.0
    value = total / n
    if n == 1:
        return Mean(value, None, None)
    half = Z95 * math.sqrt(spread / (n * n * (n - 1)))
    return Mean(value, value - half, value + half)


def rate_ratio(a: int, b: int) -> Estimate3 | None:
    """Return the ratio of two independent Poisson counts with its log-normal 95 % interval.

    ::

        exp(ln(a/b) ± z * sqrt(1/a + 1/b))

    The two counts are taken over equal exposure. The interval is an approximation for large counts.

    Args:
        a: The count in the numerator.
        b: The count in the denominator.

    Returns:
        The ratio (no unit) and its limits. None when ``b`` is 0. When only ``a`` is 0 the ratio and
        its lower limit are 0 and the upper limit is None, since the formula gives none.

    Raises:
        ValueError: If a count is negative.

    Source:
        K. J. Rothman, S. Greenland, T. L. Lash (2008), "Modern Epidemiology", 3rd edition,
        chapter 14 (person-time data, large-sample methods for the rate ratio).
    """
    if a < 0 or b < 0:
        raise ValueError(f"counts must not be negative, got {a} and {b}")
    if b == 0:
        return None
    if a == 0:
        return Estimate3(0.0, 0.0, None)
    value = a / b
    factor = math.exp(Z95 * math.sqrt(1 / a + 1 / b))
    return Estimate3(value, value / factor, value * factor)


def _check_proportion(successes: int, n: int) -> None:
    """Raise ValueError unless 0 <= successes <= n."""
    if not 0 <= successes <= n:
        raise ValueError(f"need 0 <= successes <= n, got {successes} of {n}")
