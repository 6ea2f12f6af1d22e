"""The time until something happens, where some are still waiting for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import polars as pl

from adoptcli.stats.distributions import student_quantile
from adoptcli.stats.intervals import Z95

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

_EPSILON = 1e-12
"""Slack for "has the curve reached q": absorbs rounding, far below one over any usable count."""


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


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """The Kaplan-Meier estimate of the share that has had its event, by duration.

    With d(i) events among n(i) at risk at each event time t(i)::

        S(t) = Π (1 - d(i)/n(i))   over t(i) <= t          share(t) = 1 - S(t)

    The 95 % limits are those of the exponential Greenwood (log-log) interval::

        V = Σ d(i) / (n(i) (n(i) - d(i)))
        S(t) ** exp(± z * sqrt(V) / ln S(t))

    They are 0 before the first event, and do not exist (None) once S is 0, where the formula has no
    value. Build one with ``fit`` or ``of``.

    Where subjects sit in clusters and are alike within them, V is too small. Then it is multiplied
    by a design effect: the variance of ln S(t) between clusters, by the influence of each subject,
    over V; at least 1. z gives way to Student's t for as many clusters. V is what the influences
    give where each subject is a cluster of its own.

    Attributes:
        curve: One row a duration, ascending: duration, events, at_risk, survival (S), share
            (1 - S), variance (V), and where there are no clusters low and high.
        parts: Where subjects sit in clusters, one row a cluster and duration: group, duration, gone
            (how many end there), score (their influence on -ln S by then); sorted.

    Source:
        E. L. Kaplan, P. Meier (1958), "Nonparametric estimation from incomplete observations",
        Journal of the American Statistical Association 53(282), 457-481. Interval: J. D.
        Kalbfleisch, R. L. Prentice (1980), "The Statistical Analysis of Failure Time Data",
        section 1.3. Clusters: R. L. Williams (1995), "Product-limit survival functions with
        correlated survival times", Lifetime Data Analysis 1(2), 171-186.
    """

    curve: pl.DataFrame = field(repr=False)
    parts: pl.DataFrame | None = field(default=None, repr=False)

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
        """As `fit`, from a frame with the columns duration, events and censored.

        With a column `group`, subjects of one group are taken to be alike.
        """
        negative = histogram.select("duration", "events", "censored").filter(
            pl.any_horizontal(pl.all() < 0)
        )
        if negative.height:
            raise ValueError(f"durations and counts must not be negative, got {negative.row(0)}")
        some = histogram.filter((pl.col("events") > 0) | (pl.col("censored") > 0))
        by_duration = some.sort("duration").group_by("duration", maintain_order=True)
        curve = _curve(by_duration.agg(pl.col("events", "censored").sum()))
        if "group" in histogram.columns:
            return cls(curve, _influences(some, curve))
        return cls(_limits(curve, 1.0))

    @property
    def steps(self) -> tuple[Step, ...]:
        """One step per duration that has events, in ascending order of duration."""
        columns = ("duration", "at_risk", "events", "share")
        rows = self.curve.filter(pl.col("events") > 0).select(columns).iter_rows()
        return tuple(Step(t, n, d, share, *self._limits(t)) for t, n, d, share in rows)

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
        share = float(self.curve["share"][reached - 1])
        return ShareEstimate(share, *self._limits(t), at_risk)

    def _limits(self, t: float) -> tuple[float | None, float | None]:
        """The limits of the share at a time not before the first duration."""
        row = self.curve["duration"].search_sorted(t, side="right") - 1
        at = self.curve[row : row + 1]
        if self.parts is not None:
            at = _limits(at, self._widening(t))
        found: tuple[float | None, float | None] = at.select("low", "high").row(0)
        return found

    def _widening(self, t: float) -> float | None:
        """The factor on z * sqrt(V) at a time; None where one cluster holds everybody."""
        if self.parts is None:
            return 1.0
        ends = self.parts["group"].rle().struct.field("len").cum_sum() - 1
        clusters = ends.len()
        if clusters < 2:
            return None
        effect = 1.0
        passed = self.curve.filter(pl.col("duration") <= t, pl.col("survival") > 0)[-1:]
        for moment, variance in passed.select("duration", "variance").iter_rows():
            if variance:
                between = _between(self.parts, ends, moment, variance)
                effect = max(between * clusters / (clusters - 1) / variance, 1.0)
        return math.sqrt(effect) * student_quantile(clusters - 1) / Z95

    def time_of(self, q: float) -> int | None:
        """Return the value of ``quantile`` alone, which takes far less time than its limits."""
        if not 0 < q <= 1:
            raise ValueError(f"q must lie in (0, 1], got {q}")
        row = self.curve["share"].search_sorted(q - _EPSILON, side="left")
        return int(self.curve["duration"][row]) if row < self.curve.height else None

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
        value = self.time_of(q)
        goal, duration = q - _EPSILON, pl.col("duration")
        events = self.curve.filter(pl.col("events") > 0)
        last = value if value is not None else events["duration"].max()
        if not isinstance(last, int):
            return QuantileEstimate(None, None, None)
        widening = self._widening(last)
        if widening is None:
            return QuantileEstimate(value, None, None)
        # The limits enclose the share: the upper one reaches q no later, the lower no sooner.
        before = events.filter(duration <= last).lazy()
        after = events.filter(pl.col("share") >= goal).lazy()
        if self.parts is not None:  # lazy: only the limit that is asked for
            before, after = _limits(before, widening), _limits(after, widening)
        low = _first(before, pl.coalesce("high", "share") >= goal)
        return QuantileEstimate(value, low, _first(after, pl.col("low") >= goal))


def _first(curve: pl.LazyFrame, condition: pl.Expr) -> int | None:
    """The first duration at which a condition holds."""
    found = curve.filter(condition).select("duration").head(1).collect()
    return int(found.item()) if found.height else None


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
    return stretches.select(
        "duration", "events", "at_risk",
        survival=pl.when(done & (events > 0)).then(0.0).otherwise(base * ratio),
        share=pl.when(done & (events > 0)).then(1.0).otherwise(pl.min_horizontal(share, 1.0)),
        variance=variance,
    )  # fmt: skip


def _limits(curve: Frame, widening: float | None) -> Frame:
    """The curve with low and high; without any of them where there is no factor."""
    # Take the logarithm of whichever of the two is small, where it carries more digits.
    survival, share = pl.col("survival"), pl.col("share")
    hazard = pl.when(survival < 0.5).then(-survival.log()).otherwise(-(-share).log1p())
    wide = pl.lit(widening, dtype=pl.Float64)
    factor = (Z95 * wide * pl.col("variance").sqrt() / hazard).exp()
    none, all_ = share == 0, survival == 0
    low = pl.when(none).then(0.0).when(~all_).then(_one_minus_exp(hazard / factor))
    high = pl.when(none).then(0.0).when(~all_).then(_one_minus_exp(hazard * factor))
    return curve.with_columns(low=low, high=high)


def _influences(rows: pl.DataFrame, curve: pl.DataFrame) -> pl.DataFrame:
    """How much the subjects of each group and duration move -ln S once it has passed.

    Whoever is at risk without an event lowers each step d/n by d/(n(n - d)); whoever has one adds
    1/n to its own.
    """
    before = pl.col("variance").shift(1, fill_value=0.0)
    events, censored = pl.col("events"), pl.col("censored")
    parts = rows.group_by("group", "duration").agg(events.sum(), censored.sum())
    parts = parts.sort("duration").sort("group", maintain_order=True)
    known = curve.select("at_risk", "variance", before=before)
    seen = known[curve["duration"].search_sorted(parts["duration"])]
    waited = pl.when(censored > 0).then(censored * pl.col("variance")).otherwise(0.0)
    score = waited + events * (pl.col("before") - 1 / pl.col("at_risk"))
    return parts.hstack(seen).select("group", "duration", gone=events + censored, score=score)


def _one_minus_exp(x: pl.Expr) -> pl.Expr:
    """1 − exp(−x) for x >= 0, without losing the digits of a small x."""
    series = x - x**2 / 2 + x**3 / 6
    return pl.when(x < 1e-5).then(series).otherwise(1 - (-x).exp())


def _between(parts: pl.DataFrame, ends: pl.Series, t: int, variance: float) -> float:
    """The sum of the squared influences of the clusters at a time, V there being given."""
    gone = pl.when(pl.col("duration") <= t).then("score").otherwise(pl.col("gone") * variance)
    running = parts.select(gone.cum_sum()).to_series().gather(ends)
    return math.fsum(z * z for z in running - running.shift(1, fill_value=0.0))
