"""Whether meeting a rule foretells a conversion: against those who did not meet it, day by day."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import EventRefs
from adoptcli.metrics._holds import there
from adoptcli.metrics._shared import ratio, share, totals
from adoptcli.results import Column, Estimate, Row, Table
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import starts_run
from adoptcli.timeline.spans import first_days


def _midnights(context: Context) -> pl.Series:
    """The first instant of each day of the data and of as-of."""
    days = range(context.first_day, context.as_of_day + 1)
    return pl.Series([context.calendar.midnight(day) for day in days], dtype=pl.Int64)


def people(
    timeline: Timeline, spans: pl.DataFrame, conversion: EventRefs | None, within: int,
    look_back: int, context: Context,
) -> pl.DataFrame:  # fmt: skip
    """Each actor: when it came, when it first met the rule, when it converted, and what follows.

    Args:
        timeline: The bucket.
        spans: Those of the rule.
        conversion: The events of converting; None where there are none.
        within: Time (ms) after meeting the rule in which a conversion was foretold.
        look_back: For how many days the data must have run for a first time to be one.
        context: The run's context.

    Returns:
        actor; there, first (days); converted (ms); until (the day at whose end it counts as
        converted); dated (all of its history is in the data); settled (its first day is known);
        lead (it met the rule before it had converted); mature; in_time (it converted soon enough).
    """
    found = timeline.of(conversion or []).select("actor", converted="time")
    found = found.filter(starts_run(found, ["actor"]))
    midnights = _midnights(context)
    until = context.first_day - 1 + pl.lit(midnights).search_sorted(pl.col("converted"), "right")
    dated = pl.col("known") & (pl.col("signup_day") >= context.first_day)
    dated &= pl.col("signup") < context.as_of
    deadline = pl.lit(midnights).gather(pl.col("first") + 1 - context.first_day) + within
    full = pl.col("first") >= context.first_day + look_back - 1
    return (
        timeline.actors.select("actor", there=there(context), dated=dated.fill_null(False))
        .join(first_days(spans).rename({"day": "first"}), on="actor", how="left")
        .join(found, on="actor", how="left")
        .with_columns(
            until=pl.when(pl.col("converted").is_not_null()).then(until).cast(pl.Int32),
            deadline=deadline,
            settled=(pl.col("dated") | full).fill_null(False),
        )
        .with_columns(
            lead=pl.col("first").is_not_null()
            & ~(pl.col("until") <= pl.col("first")).fill_null(False),
            mature=(pl.col("deadline") < context.as_of).fill_null(False),
            in_time=(pl.col("converted") <= pl.col("deadline")).fill_null(False),
        )
        .sort("actor")
    )


def risk(people: pl.DataFrame, within: int, context: Context) -> pl.LazyFrame:
    """By day: who qualified then (`entered`), and how those who had not changed in number.

    An actor waits from the day it is there to the day before it qualifies or counts as converted;
    it is `converting` on those of these days at whose end the conversion is near enough.
    """
    midnights = _midnights(context)
    near = (
        context.first_day
        - 1
        + pl.lit(midnights).search_sorted(pl.col("converted") - within, "left")
    )
    mature = (midnights[1:] < context.as_of - within).sum()
    waiting = people.lazy().with_columns(
        start="there", stop=pl.min_horizontal("first", "until", pl.lit(context.first_day + mature)),
        near=pl.when(pl.col("converted").is_not_null()).then(near).cast(pl.Int32),
    ).filter(pl.col("start") < pl.col("stop"))  # fmt: skip
    soon = waiting.with_columns(start=pl.max_horizontal("start", "near")).filter(
        pl.col("near").is_not_null() & (pl.col("start") < pl.col("stop"))
    )
    first, one = pl.col("first"), pl.lit(1, dtype=pl.Int64)
    entered = people.lazy().filter(
        "lead", "mature", (first >= context.shown_from) & (first < context.end_day)
    )
    parts = [
        entered.select("actor", day=first, entered=one, converted=pl.col("in_time").cast(pl.Int64)),
        waiting.select("actor", day="start", waiting=one),
        waiting.select("actor", day=pl.col("stop").cast(pl.Int32), waiting=-one),
        soon.select("actor", day="start", converting=one),
        soon.select("actor", day=pl.col("stop").cast(pl.Int32), converting=-one),
    ]
    measures = pl.col("entered", "converted", "waiting", "converting").fill_null(0)
    return pl.concat(parts, how="diagonal").with_columns(measures)


def conversions(people: pl.DataFrame, context: Context) -> pl.LazyFrame:
    """Those who converted on the days shown, and whether they had qualified before."""
    until = pl.col("until")
    return (
        people.lazy()
        .filter((until >= context.shown_from) & (until < context.end_day))
        .select(
            "actor",
            converted=pl.lit(1),
            foretold=(pl.col("lead") & pl.col("in_time")).cast(pl.Int64),
            earlier=(pl.col("lead") & ~pl.col("in_time")).cast(pl.Int64),
            not_qualified=(~pl.col("lead")).cast(pl.Int64),
        )
    )


def expected(risk: pl.DataFrame) -> tuple[Estimate, Estimate]:
    """The base rate, and the lift over it, from the sums of `risk`.

    Over the days that have both somebody who qualified and somebody who did not.
    """
    days = risk.sort("day").with_columns(pl.col("waiting", "converting").cum_sum())
    days = days.filter((pl.col("entered") > 0) & (pl.col("waiting") > 0))
    rows = days.select("entered", "converting", "waiting").iter_rows()
    would = math.fsum(entered * soon / waiting for entered, soon, waiting in rows)
    entered, converted = int(days["entered"].sum()), int(days["converted"].sum())
    return ratio(would, entered), ratio(converted, would)


def table(
    risk: pl.DataFrame, trend: Mapping[str, int], conversions: pl.DataFrame, words: str
) -> Table:
    """Precision, base rate, lift and recall."""
    base, lift = expected(risk)
    c = {"converted": 0, "foretold": 0, "earlier": 0, "not_qualified": 0} | totals(conversions)
    line: Row = {
        "precision": share(trend["converted"], trend["mature"]),
        "base": base,
        "lift": lift,
        "recall": share(c["foretold"], c["converted"]),
        "earlier": share(c["earlier"], c["converted"]),
        "not_qualified": share(c["not_qualified"], c["converted"]),
    }
    columns = (
        Column("precision", "Precision", "share"),
        Column("base", "Base rate", "share"),
        Column("lift", "Lift", "ratio"),
        Column("recall", "Recall", "share"),
        Column("earlier", "Qualified longer ago", "share"),
        Column("not_qualified", "Not qualified", "share"),
    )
    return Table("prediction", f"What the rule foretells, {words}", columns, (line,))
