"""What several metrics ask of the features that the YAML names."""

from __future__ import annotations

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import Feature
from adoptcli.metrics._shared import window_of
from adoptcli.results import Column
from adoptcli.timeframe import to_day
from adoptcli.timeline import Timeline, by_day

FEATURE = Column("item", "Feature", "text")

_NOTHING = pl.DataFrame(
    schema={
        "item": pl.Int64, "actor": pl.UInt32, "day": pl.Int32, "times": pl.Int64,
        "first": pl.Int64, "last": pl.Int64,
    }
)  # fmt: skip


def feature_days(timeline: Timeline, context: Context) -> pl.DataFrame:
    """Each actor's local days with a use of each feature, over the whole log, once a bucket.

    Uses by actors that may not have the feature, or before its launch, are in it too.

    Returns:
        item (place among the features), actor, day, times (how many uses), first and last (ms of
        the first and the last of them); sorted by item, actor, day.
    """
    return timeline.fact("feature_days", lambda: _feature_days(timeline, context))


def _feature_days(timeline: Timeline, context: Context) -> pl.DataFrame:
    parts = [_NOTHING]
    for i, feature in enumerate(context.definitions.features.values()):
        events = timeline.of(feature.events, "actor", "day", "time")
        found = by_day(events, "first", "last")
        parts.append(found.select(pl.lit(i, dtype=pl.Int64).alias("item"), *found.columns))
    return pl.concat(parts)


def counted_days(timeline: Timeline, context: Context) -> pl.DataFrame:
    """`feature_days` from each feature's launch on, by those who can have it, once a bucket."""
    return timeline.fact("counted_days", lambda: _counted_days(timeline, context))


def _counted_days(timeline: Timeline, context: Context) -> pl.DataFrame:
    days = feature_days(timeline, context)
    parts = [_NOTHING]
    for i, feature in enumerate(context.definitions.features.values()):
        begin, end = (days["item"].search_sorted(item) for item in (i, i + 1))
        part = days[begin:end]  # a view: most features lose no rows
        if feature.launched_at:
            part = part.filter(pl.col("day") >= launch_day(feature, context))
        parts.append(of_able(part, timeline, feature))
    return pl.concat(parts)


def in_windows(days: pl.DataFrame, context: Context, length: int, count: int) -> pl.DataFrame:
    """Days with a column more: the period, the last day of the window that holds them."""
    day, end = pl.col("day"), context.end_day
    inside = days.filter((day >= end - count * length) & (day < end))
    return inside.with_columns(period=window_of(day, context, length, count))


def launch_day(feature: Feature, context: Context) -> int:
    """The first local day on which the feature is there: of the data, where nothing says when."""
    return to_day(feature.launched_at) if feature.launched_at else context.first_day


def days_there(feature: Feature, context: Context, first: int, end: int) -> int:
    """On how many of the days [first, end) the feature was there, and the data are."""
    return max(end - max(launch_day(feature, context), context.first_day, first), 0)


def able(timeline: Timeline, feature: Feature) -> pl.DataFrame | None:
    """The actors whose traits allow the feature; None where everybody may have it."""
    found: pl.DataFrame | None = None
    for name, values in feature.eligible.items():
        holders = timeline.holding(name, values)
        found = holders if found is None else found.join(holders, on="actor", how="semi")
    return found


def of_able(people: pl.DataFrame, timeline: Timeline, feature: Feature) -> pl.DataFrame:
    """The rows of those actors who can have the feature."""
    holders = able(timeline, feature)
    if holders is None:
        return people
    return people.filter(pl.col("actor").is_in(holders["actor"].implode()))
