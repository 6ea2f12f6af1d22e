"""What several metrics ask of the features that the YAML names."""

from __future__ import annotations

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import Feature
from adoptcli.timeline import Timeline, by_day

_NOTHING = pl.DataFrame(
    schema={
        "item": pl.Int64, "actor": pl.UInt32, "day": pl.Int32, "times": pl.Int64,
        "first": pl.Int64,
    }
)  # fmt: skip


def feature_days(timeline: Timeline, context: Context) -> pl.DataFrame:
    """Each actor's local days with a use of each feature, over the whole log, once a bucket.

    Uses by actors that may not have the feature, or before its launch, are in it too.

    Returns:
        item (place among the features), actor, day, times (how many uses), first (ms of the first
        of them); sorted by item, actor, day.
    """
    return timeline.fact("feature_days", lambda: _feature_days(timeline, context))


def _feature_days(timeline: Timeline, context: Context) -> pl.DataFrame:
    parts = [_NOTHING]
    for i, feature in enumerate(context.definitions.features.values()):
        found = by_day(timeline.of(feature.events))
        parts.append(found.select(pl.lit(i, dtype=pl.Int64).alias("item"), *found.columns))
    return pl.concat(parts)


def able(timeline: Timeline, feature: Feature) -> pl.DataFrame | None:
    """The actors whose traits allow the feature; None where everybody may have it."""
    found: pl.DataFrame | None = None
    for name, values in feature.eligible.items():
        holders = timeline.holding(name, values)
        found = holders if found is None else found.join(holders, on="actor", how="semi")
    return found
