"""Time to value: how long new actors take from sign-up to activation, those still waiting included.

Formula: Kaplan–Meier share activated by t: 1 − Π over times ≤ t of (1 − arrived ÷ at risk).
Numerator: actors that arrive at each time, activated_at − sign-up. Denominator: actors still
observed and not yet activated just before it.
Window: from the sign-up to the activation, or to as-of for those who have not arrived; the
activation's `within` plays no part.
Left out: actors whose start is unknown or lies before the data.
Textbook: median time of those who arrived, which forgets everybody who is still waiting.
Source: Kaplan and Meier 1958; interval by Greenwood on the log-log scale.
"""

from __future__ import annotations

import polars as pl

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Definitions
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    activated,
    quantile,
    start_caveats,
    start_rows,
    starters,
    totals,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeframe import DAY_MS, HOUR_MS
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import start_of

STEPS = {
    "1h": HOUR_MS, "1d": DAY_MS, "3d": 3 * DAY_MS, "7d": 7 * DAY_MS,
    "14d": 14 * DAY_MS, "30d": 30 * DAY_MS, "90d": 90 * DAY_MS,
}  # fmt: skip


class TimeToValueSettings(Settings):
    """Nothing to set: the criteria are those of `activation`."""


def missing(settings: TimeToValueSettings, definitions: Definitions) -> str | None:
    """The key to add."""
    section = getattr(definitions, "activation", None)
    return None if section else "add 'activation: {all: [EVENT, …]}' to the YAML"


def rows(timeline: Timeline, settings: TimeToValueSettings, context: Context) -> Rows:
    """Each starter's time to activation, or to as-of."""
    starts = context.calendar.starts(context.shown_from, context.end_day, context.period)
    arrived = pl.col("activated_at").is_not_null()
    people = (
        starters(timeline, context)
        .select("actor", "signup_day")
        .lazy()
        .join(activated(timeline, context).lazy(), on="actor", how="inner")
    )
    return {
        "durations": people.select(
            "actor",
            cohort=start_of(pl.col("signup_day"), starts),
            duration=pl.coalesce("activated_at", pl.lit(context.as_of)) - pl.col("signup"),
            arrived=arrived.cast(pl.Int64),
            waiting=(~arrived).cast(pl.Int64),
            early=pl.col("early").cast(pl.Int64),
        ),
        "left_out": start_rows(timeline, context),
    }


def _fit(durations: pl.DataFrame) -> stats.KaplanMeier:
    """The curve of a histogram."""
    return stats.KaplanMeier.of(durations.select("duration", events="arrived", censored="waiting"))


def result(tallies: Tallies, settings: TimeToValueSettings, context: Context) -> Result:
    """The curve, its median, and those who arrived."""
    durations = tallies["durations"]
    sums = totals(durations.select("arrived", "waiting", "early"))
    caveats = _caveats(sums, tallies)
    if not durations.height:
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="nobody's sign-up is known and within the days shown",
        )  # fmt: skip
    curve = _fit(durations)
    times = (
        durations.filter(pl.col("arrived") > 0)
        .sort("duration")
        .select(pl.col("duration").repeat_by("arrived").explode())
        .to_series()
    )
    median = curve.quantile(0.5)
    n = sums["arrived"] + sums["waiting"]
    estimate = Estimate(
        _seconds(median.value), None, n, _seconds(median.low), _seconds(median.high)
    )
    note, extra = _not_reached(curve) if median.value is None else ("", ())
    headline = Headline("Time to value, median", estimate, "seconds", note=note)
    middle = quantile(times, 0.5)
    textbook = Textbook(
        _seconds(middle), None, sums["arrived"], "median of those who arrived", "seconds"
    )
    tables = (_curve_table(curve), _arrived_table(times), _cohort_table(durations, context))
    return Result(headline, textbook, tables, (*caveats, *extra))


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def _not_reached(curve: stats.KaplanMeier) -> tuple[str, tuple[Caveat, ...]]:
    """In words how far the curve gets when it never crosses a half."""
    steps = [(name, found) for name, t in STEPS.items() if (found := curve.share_at(t))]
    if not steps:
        return "not reached", ()
    name, found = steps[-1]
    text = f"not reached ({found.share:.0%} by {name})"
    return text, (Caveat("median-not-reached", f"the curve stays under a half: {text}"),)


def _caveats(sums: dict[str, int], tallies: Tallies) -> tuple[Caveat, ...]:
    found = start_caveats(totals(tallies["left_out"]))
    if not sums["early"]:
        return found
    text = "actors who did some of the criteria before their sign-up; no time is less than 0"
    return (*found, Caveat("negative-time", text, sums["early"]))


def _curve_table(curve: stats.KaplanMeier) -> Table:
    lines: list[Row] = []
    for name, t in STEPS.items():
        found = curve.share_at(t)
        estimate = (
            Estimate(found.share, None, curve.total, found.low, found.high)
            if found
            else Estimate(None, None, curve.total)
        )
        lines.append(
            {"step": name, "activated": estimate, "at_risk": found.at_risk if found else None}
        )
    columns = (
        Column("step", "By", "text"),
        Column("activated", "Activated (Kaplan–Meier)", "share"),
        Column("at_risk", "Still observed", "users"),
    )
    return Table("curve", "Share activated by", columns, tuple(lines))


def _arrived_table(times: pl.Series) -> Table:
    n = times.len()
    quantiles = (("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p90", 0.9))
    line: Row = {
        "n": n,
        "mean": int(times.sum()) / n / 1000 if n else None,
        **{name: _seconds(quantile(times, q)) for name, q in quantiles},
    }
    columns = (
        Column("n", "Arrived", "users"),
        Column("mean", "Mean", "seconds"),
        Column("p25", "p25", "seconds"),
        Column("median", "Median", "seconds"),
        Column("p75", "p75", "seconds"),
        Column("p90", "p90", "seconds"),
    )
    return Table("arrived", "Those who arrived", columns, (line,))


def _cohort_table(durations: pl.DataFrame, context: Context) -> Table:
    lines: list[Row] = []
    for (start,), part in sorted(durations.partition_by("cohort", as_dict=True).items()):
        median = _fit(part).quantile(0.5)
        arrived = int(part["arrived"].sum())
        signups = arrived + int(part["waiting"].sum())
        lines.append(
            {
                "cohort": context.label(start),
                "signups": signups,
                "arrived": arrived,
                "median": Estimate(
                    _seconds(median.value), None, signups, _seconds(median.low),
                    _seconds(median.high),
                ),
            }
        )  # fmt: skip
    columns = (
        Column("cohort", "Signed up", "date"),
        Column("signups", "Sign-ups", "users"),
        Column("arrived", "Arrived", "users"),
        Column("median", "Median (Kaplan–Meier)", "seconds"),
    )
    return Table("cohorts", "By sign-up cohort", columns, tuple(lines))


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
        needs=("activation",),
        keys={"durations": ("cohort", "duration"), "left_out": ()},
        plain=frozenset({"left_out"}),
        missing=missing,
    )
)
