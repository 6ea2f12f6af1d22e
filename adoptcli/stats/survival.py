"""The time until something happens, where some are still waiting for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import polars as pl

from adoptcli.stats._rows import by, ends, merged, sums
from adoptcli.stats.distributions import student_quantile
from adoptcli.stats.intervals import Z95

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
            (1 - S) and variance (V).
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
        rows = merged(histogram, ["group"])
        by_duration = rows.group_by("duration", maintain_order=True)
        curve = _curve(by_duration.agg(pl.col("events", "censored").sum()))
        return cls(curve, _influences(rows, curve) if "group" in rows.columns else None)

    @property
    def steps(self) -> tuple[Step, ...]:
        """One step per duration that has events, in ascending order of duration."""
        rows = self.curve["events"].gt(0).arg_true().to_list()
        columns = ("duration", "at_risk", "events", "share", "low", "high")
        return tuple(map(Step._make, self._limits(rows).select(columns).iter_rows()))

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
        """As `shares_at`, of one time."""
        return self.shares_at([t])[0]

    def shares_at(self, times: Sequence[float]) -> list[ShareEstimate | None]:
        """Return the shares that had their event at or before some times.

        Args:
            times: The times, in the unit of the durations and any order.

        Returns:
            For each time the share with its 95 % limits, as fractions, and how many have a duration
            of at least the time. The share and both limits are 0 before the first event; the limits
            are None where the share is 1. None for a time beyond the largest duration observed:
            nobody was followed that far.

        Raises:
            ValueError: If a time is not a number.
        """
        if any(map(math.isnan, times)):
            raise ValueError("t must be a number")
        last = self.curve.height - 1
        if last < 0:
            return [None] * len(times)
        durations, asked = self.curve["duration"], pl.Series(times, strict=False)
        before = durations.search_sorted(asked, side="left").to_list()
        passed = durations.search_sorted(asked, side="right").to_list()
        limits = self._limits([max(n - 1, 0) for n in passed]).select("share", "low", "high").rows()
        found: list[ShareEstimate | None] = []
        for row, n, limit in zip(before, passed, limits, strict=True):
            share, low, high = limit if n else (0.0, 0.0, 0.0)
            at_risk = int(self.curve["at_risk"][row]) if row <= last else None
            found.append(None if at_risk is None else ShareEstimate(share, low, high, at_risk))
        return found

    def _limits(self, rows: Sequence[int]) -> pl.DataFrame:
        """The rows of the curve at some places, with low and high."""
        return _with_limits(self.curve[rows], pl.Series(self._widenings(rows), dtype=pl.Float64))

    def _widenings(self, rows: Sequence[int]) -> list[float | None]:
        """The factors on z * sqrt(V) at some rows; None where one cluster holds everybody."""
        if self.parts is None:
            return [1.0] * len(rows)
        clusters = self.parts["group"].n_unique()
        if clusters < 2:
            return [None] * len(rows)
        # Once S is 0, which it can be in the last row alone, the row before it counts.
        last = self.curve.height - 1 - (self.curve["survival"][-1] == 0)
        places = [min(row, last) for row in rows]
        steps = self.curve.select("duration", "variance")
        moments = {i: steps.row(i) for i in dict.fromkeys(places) if i >= 0 and steps.row(i)[1]}
        between = _between(self.parts, moments.values())
        effects = {
            i: max(square * clusters / (clusters - 1) / variance, 1.0)
            for (i, (_, variance)), square in zip(moments.items(), between, strict=True)
        }
        student = student_quantile(clusters - 1)
        return [math.sqrt(effects.get(i, 1.0)) * student / Z95 for i in places]

    def time_of(self, q: float) -> int | None:
        """Return the value of ``quantiles`` alone, which takes far less time than its limits."""
        if not 0 < q <= 1:
            raise ValueError(f"q must lie in (0, 1], got {q}")
        row = self.curve["share"].search_sorted(q - _EPSILON, side="left")
        return int(self.curve["duration"][row]) if row < self.curve.height else None

    def quantile(self, q: float) -> QuantileEstimate:
        """As `quantiles`, of one share."""
        return self.quantiles([q])[0]

    def quantiles(self, shares: Sequence[float]) -> list[QuantileEstimate]:
        """Return the times by which some shares have had their event.

        The value is the smallest duration with share >= q. Its limits invert those of the share:
        ``low`` is the smallest duration whose upper limit is >= q, ``high`` the smallest whose
        lower limit is >= q. At a share of 1, which has no limits, the upper limit counts as
        reached (it cannot lie below the share) and the lower one as not reached. Comparisons allow
        for rounding (1e-12).

        Args:
            shares: The shares, each in (0, 1].

        Returns:
            For each the value and its 95 % limits in the unit of the durations, each None if not
            reached.

        Raises:
            ValueError: If a share is outside (0, 1].

        Source:
            R. Brookmeyer, J. Crowley (1982), "A confidence interval for the median survival time",
            Biometrics 38(1), 29-41.
        """
        values = [self.time_of(q) for q in shares]
        events = self.curve.filter(pl.col("events") > 0)
        if not events.height:
            return [QuantileEstimate(None, None, None)] * len(values)
        lasts = [events["duration"][-1] if value is None else value for value in values]
        rows = self.curve["duration"].search_sorted(pl.Series(lasts)).to_list()
        found = zip(values, self._widenings(rows), lasts, shares, strict=True)
        return [
            QuantileEstimate(
                value, *(_reached(events, wide, last, q - _EPSILON) if wide else (None, None))
            )
            for value, wide, last, q in found
        ]


def _reached(
    events: pl.DataFrame, widening: float, last: int, goal: float
) -> tuple[int | None, int | None]:
    """When the upper and the lower limit first reach a share that is itself reached at ``last``."""
    duration, share = pl.col("duration"), pl.col("share")
    # The limits enclose the share: the upper one reaches it no later, the lower no sooner.
    low = (duration <= last) & (pl.coalesce("high", "share") >= goal)
    high = (share >= goal) & (pl.col("low") >= goal)
    limits = _with_limits(events, widening)
    found: tuple[int | None, int | None] = limits.select(
        low=duration.filter(low).first(), high=duration.filter(high).first()
    ).row(0)
    return found


def _curve(counts: pl.DataFrame) -> pl.DataFrame:
    """The estimate after each duration, from sorted counts of events and censorings.

    Between two censorings the product telescopes, so that S is one division away from its value at
    the last censoring; without censoring it is correctly rounded.
    """
    events, gone = pl.col("events"), pl.col("events") + pl.col("censored")
    after = pl.col("at_risk") - events
    fresh = (pl.col("censored").shift(1) > 0).fill_null(True)
    steps = counts.with_columns(at_risk=gone.cum_sum(reverse=True), fresh=fresh).with_columns(
        after=after,
        start=pl.when("fresh").then("at_risk").forward_fill(),
        variance=(events / (pl.col("at_risk").cast(pl.Float64) * after)).cum_sum(),
    )
    ratio = pl.col("after") / pl.col("start")
    last = pl.col("fresh").shift(-1, fill_value=True)
    product = pl.when(last).then(ratio).otherwise(1.0).cum_prod().shift(1, fill_value=1.0)
    base, done = pl.col("base"), (pl.col("after") == 0) & (events > 0)
    share = (1 - base) + base * ((pl.col("start") - pl.col("after")) / pl.col("start"))
    return steps.with_columns(base=product).select(
        "duration", "events", "at_risk",
        survival=pl.when(done).then(0.0).otherwise(base * ratio),
        share=pl.when(done).then(1.0).otherwise(pl.min_horizontal(share, 1.0)),
        variance="variance",
    )  # fmt: skip


def _with_limits(curve: pl.DataFrame, widening: pl.Series | float | None) -> pl.DataFrame:
    """The curve with low and high; without any of them where there is no factor."""
    # Take the logarithm of whichever of the two is small, where it carries more digits.
    survival, share, hazard = pl.col("survival"), pl.col("share"), pl.col("hazard")
    wide = pl.lit(widening, dtype=pl.Float64)
    limits = pl.col("low", "high")
    return (
        curve.with_columns(
            hazard=pl.when(survival < 0.5).then(-survival.log()).otherwise(-(-share).log1p())
        )
        .with_columns(factor=(Z95 * wide * pl.col("variance").sqrt() / hazard).exp())
        .with_columns(low=hazard / pl.col("factor"), high=hazard * pl.col("factor"))
        .with_columns(_one_minus_exp(limits))
        .with_columns(pl.when(share > 0, survival > 0).then(limits).when(share == 0).then(0.0))
    )


def _influences(rows: pl.DataFrame, curve: pl.DataFrame) -> pl.DataFrame:
    """How much the subjects of each group and duration move -ln S once it has passed.

    Whoever is at risk without an event lowers each step d/n by d/(n(n - d)); whoever has one adds
    1/n to its own.
    """
    before = pl.col("variance").shift(1, fill_value=0.0)
    events, censored = pl.col("events"), pl.col("censored")
    seen = curve.select("at_risk", "variance", before=before)[rows["duration"].rle_id()]
    waited = pl.when(censored > 0).then(censored * pl.col("variance")).otherwise(0.0)
    score = waited + events * (pl.col("before") - 1 / pl.col("at_risk"))
    gone = (events + censored).cast(pl.Float64)  # as it is multiplied, once for all times
    parts = rows.hstack(seen).select("group", "duration", gone=gone, score=score)
    return by(parts, "group")


def _one_minus_exp(x: pl.Expr) -> pl.Expr:
    """1 − exp(−x) for x >= 0, without losing the digits of a small x."""
    series = x - x**2 / 2 + x**3 / 6
    return pl.when(x < 1e-5).then(series).otherwise(1 - (-x).exp())


def _between(parts: pl.DataFrame, moments: Iterable[tuple[int, float]]) -> list[float]:
    """The sums of the squared influences of the clusters at some times, with V at each."""
    influences = (
        pl.when(pl.col("duration") <= t).then("score").otherwise(pl.col("gone") * variance)
        for t, variance in moments
    )
    found = sums(parts, influences, ends(parts["group"]))
    return [math.fsum(z * z for z in clusters) for clusters in found]
