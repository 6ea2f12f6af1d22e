"""Time to value: how long new actors take from sign-up to activation, those still waiting included.

Formula: Kaplan–Meier share that has arrived by t: 1 − Π over times ≤ t of (1 − arrived ÷ at risk).
Numerator: actors that arrive at each time, activated_at − sign-up. Denominator: actors still
observed and not yet there just before it.
Window: from the sign-up to the activation, or to as-of for those who have not arrived; the
activation's `within` plays no part. With `value`, the first of those events takes the place of the
activation. Arriving before the sign-up counts as arriving at it, after no time; it is counted.
Quantiles: the time by which a quarter, half, three quarters and nine tenths have arrived; not
reached where the curve stays below. Of those who arrived alone they are shown beside it.
By cohort: of sign-up; a log-rank test says whether the cohorts (up to 60) differ. By segment: the
q-value is of the log-rank test of each segment against the rest.
Interval: Greenwood's on the log-log scale. Where users sit in accounts it is widened by as much as
accounts are alike (at least not narrowed), and so is the log-rank test.
Left out: actors whose start is unknown or lies before the data, and those of no persona where only
personas have criteria.
Textbook: median time of those who arrived, which forgets everybody who is still waiting.
Source: Kaplan and Meier 1958; accounts by Williams 1995, and by Rao and Scott 1984.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from pydantic import Field

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Criterion, Definitions, EventRefs
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    GROUP,
    activated,
    quantile,
    small,
    start_caveats,
    start_rows,
    starters,
    totals,
    unseen,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS, HOUR_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.criteria import met
from adoptcli.timeline.days import start_of

STEPS = {
    "10min": HOUR_MS // 6,
    **{f"{n}h": n * HOUR_MS for n in (1, 3, 6, 12)},
    **{f"{n}d": n * DAY_MS for n in (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90)},
}
BINS = {
    "0": 0, "10min": HOUR_MS // 6, "1h": HOUR_MS, "6h": 6 * HOUR_MS, "1d": DAY_MS,
    "3d": 3 * DAY_MS, "7d": 7 * DAY_MS, "14d": 14 * DAY_MS, "30d": 30 * DAY_MS, "90d": 90 * DAY_MS,
}  # fmt: skip
LONGER = "longer"
QUANTILES = {"p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}
Reached = Mapping[str, stats.ShareEstimate | None]
MOST_COHORTS = 60  # in one test; its cost grows with their number


class TimeToValueSettings(Settings):
    """What the value is, where it is not the activation."""

    value: EventRefs | None = Field(
        None, description="Events of which the first is the value; default: the activation."
    )


def missing(settings: TimeToValueSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    if settings.value or getattr(definitions, "activation", None):
        return None
    return "add 'activation: {all: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: TimeToValueSettings, context: Context) -> Rows:
    """Each starter's time to value, or to as-of, with the bin that it falls into."""
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    arrived = pl.col("activated_at").is_not_null()
    duration = pl.coalesce("activated_at", pl.lit(context.as_of)) - pl.col("signup")
    found = _arrivals(timeline, settings, context)
    asked = None if settings.value else _asked(found, context)
    people = (
        starters(timeline, context)
        .select("actor", "signup_day")
        .lazy()
        .join(found.lazy(), on="actor")
    )
    return {
        "durations": people.select(
            "actor",
            cohort=start_of(pl.col("signup_day"), starts),
            step=pl.sum_horizontal((duration > edge).cast(pl.Int64) for edge in BINS.values()),
            duration=duration,
            arrived=arrived.cast(pl.Int64),
            waiting=(~arrived).cast(pl.Int64),
            negative=pl.col("negative").cast(pl.Int64),
        ),
        "left_out": start_rows(timeline, context, asked),
    }


def _asked(found: pl.DataFrame, context: Context) -> pl.DataFrame | None:
    """Those of whom something is asked; None where that is everybody."""
    return found if context.settings["activation"].personas else None


def _arrivals(timeline: Timeline, settings: TimeToValueSettings, context: Context) -> pl.DataFrame:
    """When each actor with a sign-up arrived, as `criteria.met` has it."""
    if settings.value is None:
        return activated(timeline, context)
    criteria = [Criterion(event=ref.event, where=ref.where) for ref in settings.value]
    return met(timeline, criteria, "any", context, in_order=False, from_signup=False)


def _fit(durations: pl.DataFrame) -> stats.KaplanMeier:
    """The curve of a histogram."""
    groups = [GROUP] if GROUP in durations.columns else []
    return stats.KaplanMeier.of(
        durations.select("duration", *groups, events="arrived", censored="waiting")
    )


def _samples(durations: pl.DataFrame, sample: str | pl.Expr) -> pl.DataFrame:
    """A histogram as the log-rank test takes it."""
    groups = [GROUP] if GROUP in durations.columns else []
    return durations.select(
        "duration", *groups, sample=sample, events="arrived", censored="waiting"
    )


def test(segment: Tallies, rest: Tallies) -> float | None:
    """The log-rank test of a segment against the rest."""
    both = [_samples(tallies["durations"], pl.lit(i)) for i, tallies in enumerate((segment, rest))]
    found = stats.log_rank(pl.concat(both))
    return found.p if found else None


def result(tallies: Tallies, settings: TimeToValueSettings, context: Context) -> Result:
    """The curve, its quantiles, those who arrived, the histogram, and all that by cohort."""
    durations = tallies["durations"].sort("duration")  # sorting it again takes hardly any time
    sums = totals(durations.select("arrived", "waiting", "negative"))
    caveats = _caveats(sums, tallies, settings, context)
    if not durations.height:
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="nobody's sign-up is known and within the days shown",
        )  # fmt: skip
    curve = _fit(durations)
    reached = dict(zip(STEPS, curve.shares_at([*STEPS.values()]), strict=True))
    quantiles = dict(zip(QUANTILES, _estimates(curve, [*QUANTILES.values()]), strict=True))
    headline, extra = _headline(quantiles["median"], reached, settings)
    times = _times(durations)
    middle = quantile(times, 0.5)
    textbook = Textbook(
        _seconds(middle), None, sums["arrived"], "median of those who arrived", "seconds"
    )
    cohorts = {
        context.label(start): part
        for (start,), part in sorted(durations.partition_by("cohort", as_dict=True).items())
    }
    tables = (
        _curve_table(reached, curve.total),
        _quantile_table(quantiles),
        Table("arrived", "Those who arrived", _ARRIVED, (_arrived(times),)),
        _histogram_table(durations),
        _cohort_table(cohorts),
        _arrived_table(cohorts),
        *_test_table(durations, len(cohorts)),
    )
    return Result(headline, textbook, tables, (*caveats, *extra))


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _times(durations: pl.DataFrame) -> pl.Series:
    """The times of those who arrived, sorted."""
    some = durations.select("duration", "arrived").filter(pl.col("arrived") > 0).sort("duration")
    return some.select(pl.col("duration").repeat_by("arrived").explode()).to_series()


def _headline(
    median: Estimate, reached: Reached, settings: TimeToValueSettings
) -> tuple[Headline, tuple[Caveat, ...]]:
    """The median of the curve; in words how far it gets where it never crosses a half."""
    words = ["the first of " + " or ".join(map(str, settings.value))] if settings.value else []
    extra: tuple[Caveat, ...] = ()
    if median.value is None:
        steps = [(name, found) for name, found in reached.items() if found]
        far = f" ({steps[-1][1].share * 100:.0f} % by {steps[-1][0]})" if steps else ""
        words.append(f"not reached{far}")
        text = f"the curve stays under a half: not reached{far}"
        extra = (Caveat("median-not-reached", text),)
    return Headline("Time to value, median", median, "seconds", note="; ".join(words)), extra


def _estimates(curve: stats.KaplanMeier, shares: Sequence[float]) -> list[Estimate]:
    """Quantiles of the curve with their intervals, in seconds."""
    return [
        Estimate(_seconds(value), None, curve.total, _seconds(low), _seconds(high))
        for value, low, high in curve.quantiles(shares)
    ]


def _caveats(
    sums: Mapping[str, int], tallies: Tallies, settings: TimeToValueSettings, context: Context
) -> tuple[Caveat, ...]:
    found = [*start_caveats(totals(tallies["left_out"])), *unseen(settings.value or (), context)]
    if sums["negative"]:
        text = "actors who arrived before their sign-up; their time is set to 0"
        found.append(Caveat("negative-time", text, sums["negative"]))
    if everybody := sums["arrived"] + sums["waiting"]:
        found += small(everybody, "sign-ups")
    return tuple(found)


def _curve_table(reached: Reached, total: int) -> Table:
    lines: list[Row] = []
    for name, found in reached.items():
        estimate = (
            Estimate(found.share, None, total, found.low, found.high)
            if found
            else Estimate(None, None, total)
        )
        lines.append(
            {"step": name, "activated": estimate, "at_risk": found.at_risk if found else None}
        )
    columns = (
        Column("step", "By", "text"),
        Column("activated", "Arrived (Kaplan–Meier)", "share"),
        Column("at_risk", "Still observed", "users"),
    )
    return Table("curve", "Share that has arrived by", columns, tuple(lines))


def _quantile_table(quantiles: Mapping[str, Estimate]) -> Table:
    lines: tuple[Row, ...] = tuple({"step": name, "time": q} for name, q in quantiles.items())
    columns = (
        Column("step", "Quantile", "text"),
        Column("time", "Time (Kaplan–Meier)", "seconds"),
    )
    return Table("quantiles", "Of everybody, those who wait included", columns, lines)


_ARRIVED = (
    Column("n", "Arrived", "users"),
    Column("mean", "Mean", "seconds"),
    Column("p25", "p25", "seconds"),
    Column("median", "Median", "seconds"),
    Column("p75", "p75", "seconds"),
    Column("p90", "p90", "seconds"),
)


def _arrived(times: pl.Series) -> Row:
    n = times.len()
    quantiles = {name: _seconds(quantile(times, q)) for name, q in QUANTILES.items()}
    return {"n": n, "mean": int(times.sum()) / n / 1000 if n else None, **quantiles}


def _histogram_table(durations: pl.DataFrame) -> Table:
    """How many arrived within each bin, and how many have waited that long and still wait."""
    summed = durations.group_by("step").agg(pl.col("arrived", "waiting").sum())
    found = {step: (arrived, waiting) for step, arrived, waiting in summed.iter_rows()}
    lines: list[Row] = []
    for i, name in enumerate((*BINS, LONGER)):
        arrived, waiting = found.get(i, (0, 0))
        lines.append({"step": name, "arrived": arrived, "waiting": waiting})
    columns = (
        Column("step", "Up to", "text"),
        Column("arrived", "Arrived", "users"),
        Column("waiting", "Waiting, so far", "users"),
    )
    return Table("histogram", "Histogram of times", columns, tuple(lines))


def _cohort_table(cohorts: Mapping[str, pl.DataFrame]) -> Table:
    lines: list[Row] = []
    for label, part in cohorts.items():
        curve = _fit(part)
        others = {n: _seconds(curve.time_of(q)) for n, q in QUANTILES.items() if n != "median"}
        line: Row = {"cohort": label, "signups": curve.total, "arrived": int(part["arrived"].sum())}
        (median,) = _estimates(curve, [0.5])
        lines.append({**line, "median": median, **others})
    columns = (
        Column("cohort", "Signed up", "date"),
        Column("signups", "Sign-ups", "users"),
        Column("arrived", "Arrived", "users"),
        Column("p25", "p25", "seconds"),
        Column("median", "Median", "seconds"),
        Column("p75", "p75", "seconds"),
        Column("p90", "p90", "seconds"),
    )
    return Table("cohorts", "By sign-up cohort (Kaplan–Meier)", columns, tuple(lines))


def _arrived_table(cohorts: Mapping[str, pl.DataFrame]) -> Table:
    lines = tuple({"cohort": label, **_arrived(_times(part))} for label, part in cohorts.items())
    columns = (Column("cohort", "Signed up", "date"), *_ARRIVED)
    return Table("arrived_cohorts", "Those who arrived, by sign-up cohort", columns, lines)


def _test_table(durations: pl.DataFrame, cohorts: int) -> Sequence[Table]:
    """Whether the cohorts differ."""
    if not 1 < cohorts <= MOST_COHORTS:
        return ()
    found = stats.log_rank(_samples(durations, "cohort"))
    if found is None:
        return ()
    line: Row = {
        "item": "sign-up cohorts", "samples": cohorts, "statistic": found.statistic,
        "df": found.df, "p": found.p,
    }  # fmt: skip
    columns = (
        Column("item", "Between", "text"),
        Column("samples", "Cohorts", "number"),
        Column("statistic", "Chi-square", "number"),
        Column("df", "df", "number"),
        Column("p", "p", "p"),
    )
    return (Table("log_rank", "Log-rank test", columns, (line,)),)


METRIC = register(
    Metric(
        id="time_to_value",
        title="Time to value",
        section="adoption",
        order=2,
        settings=TimeToValueSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        moments="they do not tell when each was, and so not how long it took",
        needs=("activation",),
        keys={"durations": ("cohort", "step", "duration"), "left_out": ()},
        plain=frozenset({"left_out"}),
        names=lambda settings, context: {"step": [*BINS, LONGER]},
        missing=missing,
        test=test,
    )
)
