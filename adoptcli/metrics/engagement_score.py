"""Engagement score: how much actors did lately, each event weighted by how much it means.

Formula: Σ over events of weight (1 to 10) × times in the window; per actor, and per account.
Numerator: points. Denominator: all actors that signed up before the window's end, zeros included
(headline), or those active in it.
Window: trailing `window` days, back from the end of the days shown; the one before for the change.
Left out: nothing. An account's points are those of its users; a user of several accounts counts in
the latest of them, and such users are counted.
Textbook: total points ÷ active actors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import polars as pl
from pydantic import Field

from adoptcli import stats
from adoptcli.context import Context
from adoptcli.definitions import Days, Definitions, EventRef, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import (
    cells,
    difference,
    mean,
    not_full,
    small,
    totals,
    unseen,
    window_of,
    windows,
)
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import runs

SCALE = 1000  # points are counted in thousandths, so that sums stay exact
MOST = 6


class EngagementScoreSettings(Settings):
    """Weights and the window."""

    weights: dict[Name, Annotated[float, Field(ge=1, le=10)]] = Field(
        min_length=1, description="Weight of each event, 1 to 10."
    )
    window: Days = Field(28, description="Days of the trailing window.")


def missing(settings: EngagementScoreSettings | None, definitions: Definitions) -> str | None:
    """The key to add."""
    return None if settings else "add 'engagement_score: {weights: {EVENT: 5}}' to the YAML"


def rows(timeline: Timeline, settings: EngagementScoreSettings, context: Context) -> Rows:
    """Each actor's points in each window, by event in the last, and by account."""
    spans = windows(context, settings.window, MOST)
    uses = _uses(timeline, settings, context, len(spans))
    scores = _scores(timeline, uses, settings, context)
    last, points = pl.col("period") == context.end_day - 1, pl.col("points")
    return {
        "distribution": scores.select(
            "actor", "period", "points", actors=pl.lit(1), active="active"
        ),
        "windows": scores.select(
            "actor",
            "period",
            actors=pl.lit(1),
            total="points",
            squares=points**2,
            active="active",
            active_total=points * pl.col("active"),
            active_squares=points**2 * pl.col("active"),
        ),
        "contribution": uses.lazy().filter(last).select("actor", "item", "times", total="points"),
        "accounts": scores.filter(last & pl.col("account").is_not_null()).select(
            "actor", "account", members=pl.lit(1), active="active", total="points"
        ),
        "several": timeline.actors.lazy()
        .filter("accounts_several")
        .select("actor", several=pl.lit(1)),
    }


def _uses(
    timeline: Timeline, settings: EngagementScoreSettings, context: Context, count: int
) -> pl.DataFrame:
    """Times and points of each weighted event, by actor and window."""
    day, earliest = pl.col("day"), context.end_day - count * settings.window
    parts = []
    for i, (name, weight) in enumerate(settings.weights.items()):
        codes = context.vocabulary.codes(EventRef(event=name))
        found = timeline.events.lazy().filter(
            pl.col("event").is_in(codes) & (day >= earliest) & (day < context.end_day)
        )
        period = window_of(day, context, settings.window, count)
        times = runs(found.select("actor", period=period).collect(), ["actor", "period"])
        parts.append(
            times.select(
                "actor",
                "period",
                times="length",
                item=pl.lit(i, dtype=pl.Int64),
                points=pl.col("length") * round(weight * SCALE),
            )
        )
    return pl.concat(parts)


def _scores(
    timeline: Timeline, uses: pl.DataFrame, settings: EngagementScoreSettings, context: Context
) -> pl.LazyFrame:
    """actor, period, points, active (0 or 1), account: one row for all there before its end."""
    spans = windows(context, settings.window, MOST)
    period = window_of(pl.col("day"), context, settings.window, len(spans))
    active = (
        timeline.days.lazy()
        .select("actor", period=period)
        .filter(pl.col("period").is_not_null())
        .unique()
        .with_columns(active=pl.lit(1, dtype=pl.Int64))
    )
    points = uses.lazy().group_by("actor", "period").agg(pl.col("points").sum())
    there = pl.coalesce("signup_day", "first_day")
    everyone = pl.concat(
        timeline.actors.lazy()
        .filter((there < end) | (pl.col("first_day") < end))
        .select("actor", "account", period=pl.lit(end - 1, dtype=pl.Int32))
        for _, end in spans
    )
    return (
        everyone.join(points, on=["actor", "period"], how="left")
        .join(active, on=["actor", "period"], how="left")
        .with_columns(pl.col("points", "active").fill_null(0))
    )


def cuts(tallies: Tallies, settings: EngagementScoreSettings) -> Mapping[str, float | None]:
    """The quartiles of the active actors' points in the last window."""
    found = tallies["distribution"]
    last = found.filter((pl.col("period") == found["period"].max()) & (pl.col("active") > 0))
    histogram = _histogram(last, "active")
    return {name: stats.quantile(histogram, q) for name, q in (("p25", 0.25), ("p75", 0.75))}


def second(
    timeline: Timeline, settings: EngagementScoreSettings, context: Context,
    cuts: Mapping[str, float | None],
) -> Rows:  # fmt: skip
    """The active actors at or beyond the quartiles."""
    uses = _uses(timeline, settings, context, 1)
    last = pl.col("period") == context.end_day - 1
    active = _scores(timeline, uses, settings, context).filter(last & (pl.col("active") > 0))
    points, low, high = pl.col("points"), cuts["p25"], cuts["p75"]
    parts = [
        active.filter(points >= pl.lit(high)).select("actor", total=points, item=pl.lit("top")),
        active.filter(points <= pl.lit(low)).select("actor", total=points, item=pl.lit("bottom")),
    ]
    return {"quartiles": pl.concat(parts).with_columns(actors=pl.lit(1))}


def _histogram(tally: pl.DataFrame, count: str) -> list[tuple[int, int]]:
    grouped = tally.group_by("points").agg(pl.col(count).sum()).sort("points")
    return [(int(p), int(n)) for p, n in grouped.iter_rows() if n]


def result(tallies: Tallies, settings: EngagementScoreSettings, context: Context) -> Result:
    """Distribution, contribution by event, accounts and quartiles of the last window."""
    spans = list(reversed(windows(context, settings.window, MOST)))
    last = context.end_day - 1
    by_window = {
        end - 1: tallies["distribution"].filter(pl.col("period") == end - 1) for _, end in spans
    }
    sums = cells(tallies["windows"], ["period"])
    means = {end - 1: _mean(sums.get(end - 1), "") for _, end in spans}
    now = means[last]
    active = _histogram(by_window[last], "active")
    total = sum(points * n for points, n in active)
    people = sum(n for _, n in active)
    textbook = Textbook(
        total / SCALE / people if people else None, total / SCALE, people,
        "total points ÷ active actors", "points",
    )  # fmt: skip
    headline = Headline(
        f"Engagement score, {settings.window} days",
        now,
        "points",
        context.day_label(last),
        difference(now, means[spans[-2][1] - 1] if len(spans) > 1 else None),
        tuple(means[end - 1].value for _, end in spans),
        "mean over all actors, zeros included",
    )
    refs = [EventRef(event=name) for name in settings.weights]
    caveats = [
        *not_full(context, settings.window),
        *small(now.denominator, "actors"),
        *unseen(refs, context),
    ]
    if several := totals(tallies["several"]).get("several"):
        text = "users of several accounts, who count in their latest"
        caveats.append(Caveat("users-in-several-accounts", text, several))
    tables = [
        _distribution_table(_histogram(by_window[last], "actors"), active, sums.get(last)),
        _contribution_table(tallies["contribution"], settings),
        _quartile_table(tallies["quartiles"], total),
    ]
    if context.accounts:
        tables.append(_account_table(tallies["accounts"], context))
    return Result(headline, textbook, tuple(tables), tuple(caveats))


def _mean(sums: Mapping[str, int] | None, who: str) -> Estimate:
    """The mean over all actors, or over those of the prefix `active_`."""
    if sums is None:
        return Estimate(None, 0, 0)
    n = sums[who.rstrip("_") or "actors"]
    return mean(n, sums[f"{who}total"], sums[f"{who}squares"], SCALE)


def _distribution_table(
    everyone: list[tuple[int, int]], active: list[tuple[int, int]], sums: Mapping[str, int] | None
) -> Table:
    lines: list[Row] = []
    for name, histogram, who in (("all", everyone, ""), ("active", active, "active_")):
        quantiles = {
            key: None if (found := stats.quantile(histogram, q)) is None else found / SCALE
            for key, q in (("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p90", 0.9))
        }
        lines.append(
            {
                "item": name,
                "actors": sum(n for _, n in histogram),
                "mean": _mean(sums, who),
                **quantiles,
                "total": sum(points * n for points, n in histogram) / SCALE,
            }
        )
    columns = (
        Column("item", "Actors", "text"),
        Column("actors", "How many", "users"),
        Column("mean", "Mean", "points"),
        Column("p25", "p25", "points"),
        Column("median", "Median", "points"),
        Column("p75", "p75", "points"),
        Column("p90", "p90", "points"),
        Column("total", "Total", "points"),
    )
    return Table("distribution", "Points per actor", columns, tuple(lines))


def _contribution_table(tally: pl.DataFrame, settings: EngagementScoreSettings) -> Table:
    found = cells(tally, ["item"])
    whole = sum(c["total"] for c in found.values())
    lines: list[Row] = []
    for i, (name, weight) in enumerate(settings.weights.items()):
        counts = found.get(i, {"times": 0, "total": 0})
        points = counts["total"]
        lines.append(
            {
                "item": name,
                "weight": weight,
                "times": counts["times"],
                "points": points / SCALE,
                "share": Estimate(points / whole if whole else None, points / SCALE, whole / SCALE),
            }
        )
    columns = (
        Column("item", "Event", "text"),
        Column("weight", "Weight"),
        Column("times", "Times", "events"),
        Column("points", "Points", "points"),
        Column("share", "Of all points", "share"),
    )
    return Table("contribution", "What the points come from", columns, tuple(lines))


def _account_table(tally: pl.DataFrame, context: Context) -> Table:
    lines = tuple(
        {
            "item": context.accounts[account],
            "members": counts["members"],
            "active": counts["active"],
            "points": counts["total"] / SCALE,
            "points_per_active": counts["total"] / SCALE / counts["active"]
            if counts["active"]
            else None,
        }
        for account, counts in sorted(cells(tally, ["account"]).items())
    )
    columns = (
        Column("item", "Account", "text"),
        Column("members", "Members", "users"),
        Column("active", "Active", "users"),
        Column("points", "Points", "points"),
        Column("points_per_active", "Per active member", "points"),
    )
    return Table("accounts", "By account", columns, lines)


def _quartile_table(tally: pl.DataFrame, total: int) -> Table:
    found = cells(tally, ["item"])
    lines: list[Row] = []
    for name in ("top", "bottom"):
        counts = found.get(name, {"actors": 0, "total": 0})
        points = Estimate(
            counts["total"] / total if total else None, counts["total"] / SCALE, total / SCALE
        )
        lines.append({"item": name, "actors": counts["actors"], "points": points})
    columns = (
        Column("item", "Quarter of the active", "text"),
        Column("actors", "Actors", "users"),
        Column("points", "Of all points", "share"),
    )
    return Table("quartiles", "Top and bottom quarter", columns, tuple(lines))


METRIC = register(
    Metric(
        id="engagement_score",
        title="Engagement score",
        section="engagement",
        order=3,
        settings=EngagementScoreSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        names=lambda settings, context: {
            "item": [*settings.weights],
            "account": context.accounts,
        },
        cuts=cuts,
        second=second,
        keys={
            "distribution": ("period", "points"),
            "windows": ("period",),
            "contribution": ("item",),
            "accounts": ("account",),
            "several": (),
            "quartiles": ("item",),
        },
        missing=missing,
        plain=frozenset({"distribution", "contribution", "accounts", "several", "quartiles"}),
    )
)
