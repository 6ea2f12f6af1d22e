"""Statistical estimators used by the reports.

Everything here is a pure function (or an immutable value) of counts and sums. Only the standard
library is needed. All intervals are two-sided and have a nominal coverage of 95 %. Proportions and
shares are fractions between 0 and 1, not percentages.

``None`` always means "cannot be computed from these data"; impossible input (a negative count, more
successes than trials, ...) raises ``ValueError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

__all__ = [
    "Z95",
    "Difference",
    "Estimate3",
    "Interval",
    "KaplanMeier",
    "LastDuration",
    "Mean",
    "QuantileEstimate",
    "ShareEstimate",
    "Step",
    "benjamini_hochberg",
    "mann_whitney_auc",
    "mean_interval",
    "newcombe",
    "quantile",
    "rate_ratio",
    "wilson",
]

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""

_EPSILON = 1e-12
"""Slack for "has the curve reached q": absorbs rounding, far below one over any usable count."""


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


class Step(NamedTuple):
    """One step of a Kaplan-Meier curve.

    Attributes:
        duration: When the events happened, in the unit of the rows that were fitted.
        at_risk: How many were under observation, without an event, just before ``duration``.
        events: How many had their event at ``duration``.
        share: Share that had its event at or before ``duration`` (1 - S).
        low: Lower 95 % limit of ``share``; None where ``share`` is 1.
        high: Upper 95 % limit of ``share``; None where ``share`` is 1.
    """

    duration: int
    at_risk: int
    events: int
    share: float
    low: float | None
    high: float | None


class ShareEstimate(NamedTuple):
    """The share that had its event by some time; the limits are None where the share is 1."""

    share: float
    low: float | None
    high: float | None
    at_risk: int


class QuantileEstimate(NamedTuple):
    """A quantile of the time to the event; None stands for "not reached"."""

    value: int | None
    low: int | None
    high: int | None


class LastDuration(NamedTuple):
    """The largest duration observed, and the share that had its event by then."""

    duration: int
    share: float


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


def quantile(histogram: Sequence[tuple[float, int]], q: float) -> float | None:
    """Return a quantile of data given as a histogram of exact values.

    Definition 7 of the source, the default of NumPy and R: with the data expanded and sorted as
    x[0..n-1] and h = (n-1)·q, the result lies between x[floor(h)] and x[floor(h)+1], a fraction
    h - floor(h) of the way.

    Args:
        histogram: Pairs of value and count in ascending order of value. Counts of 0 are ignored.
        q: Which quantile, in [0, 1].

    Returns:
        The quantile in the unit of the values, or None when there are no data.

    Raises:
        ValueError: If ``q`` is outside [0, 1], a count is negative, a value is not finite, or the
            values are not in ascending order.

    Source:
        R. J. Hyndman, Y. Fan (1996), "Sample quantiles in statistical packages", The American
        Statistician 50(4), 361-365.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q must lie in [0, 1], got {q}")
    n = 0
    previous = -math.inf
    for value, count in histogram:
        if count < 0:
            raise ValueError(f"counts must not be negative, got {count}")
        if not math.isfinite(value) or value < previous:
            raise ValueError(f"values must be finite and in ascending order, got {value}")
        previous = value
        n += count
    if n == 0:
        return None
    position = (n - 1) * q
    index = math.floor(position)
    fraction = position - index
    lower = _nth(histogram, index)
    upper = _nth(histogram, min(index + 1, n - 1))
    # Work from the nearer end, as NumPy does, so that the result is the same to the last bit.
    if fraction >= 0.5:
        return float(upper - (upper - lower) * (1 - fraction))
    return float(lower + (upper - lower) * fraction)


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """The Kaplan-Meier estimate of the share that has had its event, by duration.

    With d(i) events among n(i) at risk at each event time t(i)::

        S(t) = Π (1 - d(i)/n(i))   over t(i) <= t          share(t) = 1 - S(t)

    The 95 % limits are those of the exponential Greenwood (log-log) interval::

        V = Σ d(i) / (n(i) (n(i) - d(i)))
        S(t) ** exp(± z * sqrt(V) / ln S(t))

    They are 0 before the first event, and do not exist (None) once S is 0, where the formula has no
    value. Build one with ``fit``.

    Attributes:
        curve: One row a duration, ascending: duration, events, at_risk, share, low, high.

    Source:
        E. L. Kaplan, P. Meier (1958), "Nonparametric estimation from incomplete observations",
        Journal of the American Statistical Association 53(282), 457-481. Interval: J. D.
        Kalbfleisch, R. L. Prentice (1980), "The Statistical Analysis of Failure Time Data",
        section 1.3.
    """

    curve: pl.DataFrame = field(repr=False)

    @classmethod
    def fit(cls, rows: Iterable[tuple[int, int, int]]) -> KaplanMeier:
        """Estimate the curve from a histogram of durations.

        Rows may come in any order; rows of the same duration are added together and rows without
        anybody are ignored. At one duration, events happen before censorings: those censored there
        count as at risk for the events there.

        Args:
            rows: Triples of duration, number of events and number censored at that duration.

        Returns:
            The fitted curve. It has no steps when there are no events.

        Raises:
            ValueError: If a duration or a count is negative.
        """
        schema = dict.fromkeys(("duration", "events", "censored"), pl.Int64)
        return cls.of(pl.DataFrame(list(rows), schema=schema, orient="row"))

    @classmethod
    def of(cls, histogram: pl.DataFrame) -> KaplanMeier:
        """As `fit`, from a frame with the columns duration, events and censored."""
        negative = histogram.filter(pl.any_horizontal(pl.all() < 0))
        if negative.height:
            raise ValueError(f"durations and counts must not be negative, got {negative.row(0)}")
        counts = (
            histogram.filter((pl.col("events") > 0) | (pl.col("censored") > 0))
            .group_by("duration")
            .agg(pl.col("events", "censored").sum())
            .sort("duration")
        )
        return cls(_curve(counts))

    @property
    def steps(self) -> tuple[Step, ...]:
        """One step per duration that has events, in ascending order of duration."""
        columns = ("duration", "at_risk", "events", "share", "low", "high")
        return tuple(Step(*row) for row in self._events.select(columns).iter_rows())

    @property
    def _events(self) -> pl.DataFrame:
        return self.curve.filter(pl.col("events") > 0)

    @property
    def total(self) -> int:
        """How many were observed, with or without an event."""
        return int(self.curve["at_risk"][0]) if self.curve.height else 0

    @property
    def last(self) -> LastDuration | None:
        """The largest duration observed and the share there, or None without data."""
        if not self.curve.height:
            return None
        duration, share = self.curve.select("duration", "share").row(-1)
        return LastDuration(duration, share)

    def share_at(self, t: float) -> ShareEstimate | None:
        """Return the share that had its event at or before a time.

        Args:
            t: The time, in the unit of the durations.

        Returns:
            The share with its 95 % limits, as fractions, and how many have a duration of at least
            ``t``. The share and both limits are 0 before the first event; the limits are None where
            the share is 1. None for a time beyond the largest duration observed: nobody was
            followed that far.

        Raises:
            ValueError: If ``t`` is not a number.
        """
        if math.isnan(t):
            raise ValueError("t must be a number")
        durations = self.curve["duration"]
        position = durations.search_sorted(t, side="left")
        if position == durations.len():
            return None
        at_risk = int(self.curve["at_risk"][position])
        reached = durations.search_sorted(t, side="right")
        if reached == 0:
            return ShareEstimate(0.0, 0.0, 0.0, at_risk)
        share, low, high = self.curve.select("share", "low", "high").row(reached - 1)
        return ShareEstimate(share, low, high, at_risk)

    def quantile(self, q: float) -> QuantileEstimate:
        """Return the time by which a share ``q`` has had its event.

        The value is the smallest duration with share >= q. Its limits invert those of the share:
        ``low`` is the smallest duration whose upper limit is >= q, ``high`` the smallest whose
        lower limit is >= q. At a share of 1, which has no limits, the upper limit counts as
        reached (it cannot lie below the share) and the lower one as not reached. Comparisons allow
        for rounding (1e-12).

        Args:
            q: The share, in (0, 1].

        Returns:
            The value and its 95 % limits in the unit of the durations, each None if not reached.

        Raises:
            ValueError: If ``q`` is outside (0, 1].

        Source:
            R. Brookmeyer, J. Crowley (1982), "A confidence interval for the median survival time",
            Biometrics 38(1), 29-41.
        """
        if not 0 < q <= 1:
            raise ValueError(f"q must lie in (0, 1], got {q}")
        goal, share = q - _EPSILON, pl.col("share")
        duration = pl.col("duration")
        found = self._events.select(
            value=duration.filter(share >= goal).min(),
            low=duration.filter(pl.coalesce("high", "share") >= goal).min(),
            high=duration.filter(pl.col("low") >= goal).min(),
        )
        return QuantileEstimate(*found.row(0))


def _curve(counts: pl.DataFrame) -> pl.DataFrame:
    """The estimate after each duration, from sorted counts of events and censorings.

    Between two censorings the product telescopes, so that S is one division away from its value at
    the last censoring; without censoring it is correctly rounded.
    """
    events, gone = pl.col("events"), pl.col("events") + pl.col("censored")
    before = gone.sum() - gone.cum_sum() + gone
    after = pl.col("at_risk") - events
    fresh = (pl.col("censored").shift(1) > 0).fill_null(True)
    stretches = counts.with_columns(at_risk=before).with_columns(
        start=pl.when(fresh).then("at_risk").forward_fill(), last=fresh.shift(-1, fill_value=True)
    )
    ratio = after / pl.col("start")
    base = pl.when("last").then(ratio).otherwise(1.0).cum_prod().shift(1, fill_value=1.0)
    share = (1 - base) + base * ((pl.col("start") - after) / pl.col("start"))
    variance = (events / (pl.col("at_risk").cast(pl.Float64) * after)).cum_sum()
    done = after == 0
    curve = stretches.select(
        "duration", "events", "at_risk",
        survival=pl.when(done & (events > 0)).then(0.0).otherwise(base * ratio),
        share=pl.when(done & (events > 0)).then(1.0).otherwise(pl.min_horizontal(share, 1.0)),
        variance=variance,
    )  # fmt: skip
    # Take the logarithm of whichever of the two is small, where it carries more digits.
    survival, share = pl.col("survival"), pl.col("share")
    hazard = pl.when(survival < 0.5).then(-survival.log()).otherwise(-(-share).log1p())
    factor = (Z95 * pl.col("variance").sqrt() / hazard).exp()
    none, all_ = share == 0, survival == 0
    low = pl.when(none).then(0.0).when(~all_).then(_one_minus_exp(hazard / factor))
    high = pl.when(none).then(0.0).when(~all_).then(_one_minus_exp(hazard * factor))
    return curve.with_columns(low=low, high=high).drop("survival", "variance")


def _one_minus_exp(x: pl.Expr) -> pl.Expr:
    """1 − exp(−x) for x >= 0, without losing the digits of a small x."""
    series = x - x**2 / 2 + x**3 / 6
    return pl.when(x < 1e-5).then(series).otherwise(1 - (-x).exp())


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the false discovery rate (q-values).

    With the m p-values in ascending order p(1) .. p(m), the i-th q-value is the minimum over
    j >= i of m·p(j)/j, and at most 1. Rejecting where q <= α keeps the false discovery rate at or
    below α for independent (or positively dependent) tests.

    Args:
        ps: The p-values.

    Returns:
        The q-values, in the order of ``ps``.

    Raises:
        ValueError: If a p-value is outside [0, 1].

    Source:
        Y. Benjamini, Y. Hochberg (1995), "Controlling the false discovery rate: a practical and
        powerful approach to multiple testing", Journal of the Royal Statistical Society B 57(1),
        289-300.
    """
    for p in ps:
        if not 0 <= p <= 1:
            raise ValueError(f"p-values must lie in [0, 1], got {p}")
    m = len(ps)
    result = [1.0] * m
    smallest = 1.0
    rank = m
    for index in sorted(range(m), key=lambda i: ps[i], reverse=True):
        smallest = min(smallest, ps[index] * (m / rank))
        result[index] = smallest
        rank -= 1
    return result


def _check_proportion(successes: int, n: int) -> None:
    """Raise ValueError unless 0 <= successes <= n."""
    if not 0 <= successes <= n:
        raise ValueError(f"need 0 <= successes <= n, got {successes} of {n}")


def _nth(histogram: Sequence[tuple[float, int]], index: int) -> float:
    """Return the value at a 0-based position of the expanded data."""
    seen = 0
    for value, count in histogram:
        seen += count
        if index < seen:
            return value
    raise IndexError(index)


def student_quantile(df: int) -> float:
    """Temporary."""
    from scipy.stats import t

    return float(t.ppf(0.975, df))


def mann_whitney_auc(rows: Iterable[tuple[float, int, int]]) -> Estimate3 | None:
    """Return the area under the ROC curve of a score, with its 95 % interval.

    It is the share of all pairs of a positive and a negative in which the positive has the higher
    value, ties counting half (U / mn). The limits are the values A of which the one observed is z
    standard errors away::

        V(A) = A(1 - A) / mn · (1 + N (1 - A)/(2 - A) + N A/(1 + A))        N = (m + n)/2 - 1

    so that they say something where all pairs go one way, too.

    Args:
        rows: Triples of a value, how many positives and how many negatives have it, ascending.

    Returns:
        The area and its limits in [0, 1], or None where there are no positives or no negatives.

    Raises:
        ValueError: If a count is negative or the values are not in ascending order.

    Source:
        J. A. Hanley, B. J. McNeil (1982), "The meaning and use of the area under a receiver
        operating characteristic (ROC) curve", Radiology 143(1), 29-36. Interval: R. G. Newcombe
        (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney
        statistic. Part 2", Statistics in Medicine 25(4), 559-573, method 5.
    """
    positives = negatives = halves = 0
    previous = -math.inf
    for value, yes, no in rows:
        if yes < 0 or no < 0:
            raise ValueError(f"counts must not be negative, got {yes} and {no}")
        if not value > previous:
            raise ValueError(f"values must be in ascending order, each once, got {value}")
        previous = value
        halves += yes * (2 * negatives + no)
        positives, negatives = positives + yes, negatives + no
    pairs = positives * negatives
    if not pairs:
        return None
    area = halves / (2 * pairs)
    size = (positives + negatives) / 2 - 1

    def beyond(a: float, sign: int) -> bool:
        spread = a * (1 - a) / pairs * (1 + size * (1 - a) / (2 - a) + size * a / (1 + a))
        return sign * (a - area) > Z95 * math.sqrt(max(spread, 0.0))

    return Estimate3(area, _edge(area, 0.0, -1, beyond), _edge(area, 1.0, 1, beyond))


def _edge(inside: float, outside: float, sign: int, beyond: Callable[[float, int], bool]) -> float:
    """Where `beyond` begins to hold between two points, by halving."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if beyond(middle, sign):
            outside = middle
        else:
            inside = middle
    return inside
