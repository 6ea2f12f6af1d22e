"""Points: what actors did, each event weighted by how much it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from adoptcli.context import Context
from adoptcli.definitions import EventRef
from adoptcli.timeline import Timeline, by_day

if TYPE_CHECKING:
    from adoptcli.metrics.engagement_score import EngagementScoreSettings

SCALE = 1000  # points are counted in thousandths, so that sums stay exact

_NOTHING = pl.DataFrame(
    schema={
        "item": pl.Int64, "actor": pl.UInt32, "day": pl.Int32, "times": pl.Int64,
        "points": pl.Int64,
    }
)  # fmt: skip


def daily_points(timeline: Timeline, context: Context) -> pl.DataFrame:
    """Each actor's points by weighted event and local day, over the whole log, once a bucket.

    Needs the `engagement_score` section.

    Returns:
        item (place among the weights), actor, day, times, points (thousandths); sorted by item,
        actor, day.
    """
    settings = context.settings["engagement_score"]
    return timeline.fact("daily_points", lambda: _daily_points(timeline, settings, context))


def _daily_points(
    timeline: Timeline, settings: EngagementScoreSettings, context: Context
) -> pl.DataFrame:
    parts = [_NOTHING]
    for i, (name, weight) in enumerate(settings.weights.items()):
        found = by_day(timeline.of(EventRef(event=name)))
        points = pl.col("times") * round(weight * SCALE)
        parts.append(
            found.select(
                pl.lit(i, dtype=pl.Int64).alias("item"), "actor", "day", "times", points=points
            )
        )
    return pl.concat(parts)
