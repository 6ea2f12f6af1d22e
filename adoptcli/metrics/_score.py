"""Points: what actors did, each event weighted by how much it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import EventRef
from adoptcli.timeline import Timeline, by_day
from adoptcli.timeline.runs import runs, starts_run

if TYPE_CHECKING:
    from adoptcli.metrics.engagement_score import DailyCap, EngagementScoreSettings

SCALE = 1000  # points are counted in thousandths, so that sums stay exact
FINE = 1_000_000_000  # parts of the 0 to 100 form are counted finer, then rounded once

_NOTHING = pl.DataFrame(
    schema={
        "item": pl.Int64, "actor": pl.UInt32, "day": pl.Int32, "times": pl.Int64,
        "counted": pl.Int64, "points": pl.Int64,
    }
)  # fmt: skip


def daily_points(timeline: Timeline, context: Context) -> pl.DataFrame:
    """Each actor's points by weighted event and local day, over the whole log, once a bucket.

    Needs the `engagement_score` section, whose daily cap they are within. Caps hold for users:
    where actors are accounts, for each member, and what is left is added up.

    Returns:
        item (place among the weights), actor, day, times (how often), counted (of these, within
        the event's cap), points (thousandths, within the day's cap too); sorted by item, actor,
        day.
    """
    settings = context.settings["engagement_score"]
    return timeline.fact("daily_points", lambda: _daily_points(timeline, settings, context))


def _daily_points(
    timeline: Timeline, settings: EngagementScoreSettings, context: Context
) -> pl.DataFrame:
    cap = settings.daily_cap
    alone = context.unit == "account" and cap is not None  # a cap is each member's own
    points = _points(timeline, settings, alone=alone)
    if cap is not None and cap.points is not None:
        points = _within(points, cap, settings)
    if alone:
        whole = points.group_by("item", "actor", "day")
        points = whole.agg(pl.col("times", "counted", "points").sum()).sort("item", "actor", "day")
    return points.select(_NOTHING.columns)


def _points(
    timeline: Timeline, settings: EngagementScoreSettings, day: pl.Expr | None = None,
    *, alone: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """As `daily_points`, though not within the day's cap; of each member `alone` if asked for.

    `day` can be a longer time that holds the day; rows of which it is null are left out.
    """
    most = settings.daily_cap.times if settings.daily_cap else {}
    parts = []
    for i, (name, weight) in enumerate(settings.weights.items()):
        ref = EventRef(event=name)
        if alone:
            found = _by_member(timeline.of(ref, "actor", "member", "day"))
        else:
            events = timeline.of(ref, "actor", "day")
            if day is not None:
                events = events.with_columns(day=day).filter(pl.col("day").is_not_null())
            found = by_day(events)
        counted = pl.col("times").clip(upper_bound=most.get(name))
        parts.append(
            found.with_columns(
                pl.lit(i, dtype=pl.Int64).alias("item"),
                counted=counted,
                points=counted * round(weight * SCALE),
            )
        )
    return pl.concat(parts)


def _by_member(events: pl.DataFrame) -> pl.DataFrame:
    """actor, member, day, times."""
    keys = ["actor", "member", "day"]
    return runs(events.select(keys).sort(keys), keys).rename({"length": "times"})


def _within(points: pl.DataFrame, cap: DailyCap, settings: EngagementScoreSettings) -> pl.DataFrame:
    """With no more than the cap's points a person and day: the heaviest events count first."""
    assert cap.points is not None
    limit = round(cap.points * SCALE)
    who = [key for key in ("actor", "member", "day") if key in points.columns]
    total = points.lazy().group_by(who).agg(pl.col("points").sum())
    beyond = total.filter(pl.col("points") > limit).select(who).collect()  # mostly few
    if not beyond.height:
        return points
    kept = points.join(beyond, on=who, how="anti")
    less = _cut(points.join(beyond, on=who, how="semi"), who, limit, settings)
    return pl.concat([kept, less]).sort("item", "actor", "day")


def _cut(
    points: pl.DataFrame, who: Sequence[str], limit: int, settings: EngagementScoreSettings
) -> pl.DataFrame:
    """Every person and day with no more than the limit."""
    weights = [*settings.weights.values()]
    heaviest = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    rank = pl.Series([heaviest.index(i) for i in range(len(weights))], dtype=pl.Int64)
    ordered = points.sort(*who, pl.lit(rank).gather("item"))
    total = pl.col("points").cum_sum()
    before = pl.when(starts_run(ordered, who)).then(total - pl.col("points")).forward_fill()
    reached = total - before
    earlier = (reached - pl.col("points")).clip(upper_bound=limit)
    return ordered.with_columns(points=reached.clip(upper_bound=limit) - earlier)


def in_windows(timeline: Timeline, context: Context, period: pl.Expr) -> pl.DataFrame:
    """item, actor, period, times, counted, points; sorted by item, actor, period.

    Args:
        timeline: The bucket.
        context: The run's context.
        period: The window that holds a day, later days in later ones; null for days outside.
    """
    keys, sums = ["item", "actor", "period"], ["times", "counted", "points"]
    settings = context.settings["engagement_score"]
    if settings.daily_cap is None:  # no need to know the days
        found = _points(timeline, settings, period).rename({"day": "period"})
        return found.select(*keys, *sums)
    dated = daily_points(timeline, context).with_columns(period=period)
    inside = dated.filter(pl.col("period").is_not_null())
    return runs(inside, keys, sums=sums).drop("length")


def scaled_to(uses: pl.DataFrame, settings: EngagementScoreSettings) -> pl.DataFrame:
    """actor, period, scaled: 100·Σ w·min(c ÷ target, 1) ÷ Σ w, in thousandths.

    Over the events that have a target, c being how often the event counted.
    """
    items = [*settings.weights]
    whole = sum(settings.weights[name] for name in settings.targets)
    aimed = [settings.targets.get(name) for name in items]
    target = pl.lit(pl.Series(aimed, dtype=pl.Float64)).gather("item")
    worth = [100 * settings.weights[name] / whole * FINE for name in items]
    reach = (pl.col("counted") / target).clip(upper_bound=1)
    part = (pl.lit(pl.Series(worth)).gather("item") * reach).round().cast(pl.Int64)
    summed = uses.filter(target.is_not_null()).group_by("actor", "period").agg(part.sum())
    step = FINE // SCALE
    return summed.select("actor", "period", scaled=(pl.nth(2) + step // 2) // step)


def spread(found: pl.DataFrame, column: str, periods: Sequence[int], size: int) -> pl.Series:
    """A column's sums by window and actor: at place i·size + actor for the i-th window; else 0.

    Args:
        found: actor, period and the column, each actor once a window, or once for each item.
        column: Which column.
        periods: The windows' last days, evenly spaced, newest first.
        size: One more than the highest code of an actor.
    """
    length = periods[0] - periods[1] if len(periods) > 1 else 1
    window = ((periods[0] - pl.col("period")) // length).cast(pl.Int64)
    values = pl.zeros(len(periods) * size, dtype=pl.Int64, eager=True)
    for part in found.partition_by("item") if "item" in found.columns else [found]:
        places = part.select(window * size + pl.col("actor")).to_series()
        values = values.scatter(places, values.gather(places) + part[column].cast(pl.Int64))
    return values
