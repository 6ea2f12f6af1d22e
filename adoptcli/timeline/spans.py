"""Spans of days on which something holds, and how many hold at once.

Spans are frames of actor, start and stop (local days, half-open), sorted by actor and start; those
of one frame do not touch, so that an actor's first start is the first day on which it holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from adoptcli.timeline.runs import runs, starts_run

SHIFT = 1 << 32  # more than there are days, half of them before 1970
SPAN = {"actor": pl.UInt32, "start": pl.Int32, "stop": pl.Int32}


def trailing(days: pl.DataFrame, least: int, within: int | None, end: int) -> pl.DataFrame:
    """When at least so many of an actor's rows lie in the last days, seen from the end of each.

    From its k-th row on, until the row `least` - 1 places before it is too long ago.

    Args:
        days: actor and day, sorted; a day may stand several times.
        least: How many rows.
        within: How many days back count, the day itself being the first; None for all.
        end: The day after all others, which ends what never ends.
    """
    back, actor = least - 1, pl.col("actor")
    stop = pl.lit(end, dtype=pl.Int32)
    if within is not None:
        stop = (pl.col("day").shift(back) + within).cast(pl.Int32)
    found = days.select("actor", start="day", stop=stop, enough=actor == actor.shift(back))
    return _joined(found.filter(pl.col("enough") & (pl.col("stop") > pl.col("start"))))


def covering(parts: Sequence[pl.DataFrame], least: int) -> pl.DataFrame:
    """When at least so many spans hold at once; a span counts as its `weight`, where it has one.

    Spans that overlap within a frame must have weights.
    """
    if len(parts) == least == 1 and "weight" not in parts[0].columns:
        return parts[0]
    points = []
    for part in parts:
        weight = pl.col("weight") if "weight" in part.columns else pl.lit(1, dtype=pl.Int64)
        points.append(part.select(at=_packed("start"), change=weight))
        points.append(part.select(at=_packed("stop"), change=-weight))
    changes = runs(pl.concat(points).sort("at"), ["at"], sums=["change"])
    actor, day = pl.col("at") // SHIFT, pl.col("at") % SHIFT - SHIFT // 2
    # Each span ends, so that the sum over all actors before is nothing.
    held = changes.select(
        actor=actor.cast(pl.UInt32),
        start=day.cast(pl.Int32),
        stop=day.shift(-1).cast(pl.Int32),
        level=pl.col("change").cum_sum(),
    )
    return _joined(held.filter(pl.col("level") >= least).drop("level"))


def _packed(day: str) -> pl.Expr:
    """Actor and day as one integer, which sorts much faster than two."""
    return pl.col("actor").cast(pl.Int64) * SHIFT + SHIFT // 2 + pl.col(day)


def _joined(found: pl.DataFrame) -> pl.DataFrame:
    """Spans that touch as one, given that no later one of an actor ends earlier."""
    other = pl.col("actor") != pl.col("actor").shift(1)
    apart = (other | (pl.col("start") > pl.col("stop").shift(1))).fill_null(True)
    fresh = found.select(apart).to_series()
    ends = fresh.shift(-1, fill_value=True)
    starts = found.select("actor", "start").filter(fresh)
    return starts.hstack(found.select("stop").filter(ends))


def first_days(spans: pl.DataFrame) -> pl.DataFrame:
    """actor and the first day on which it holds."""
    return spans.filter(starts_run(spans, ["actor"])).select("actor", day="start")


def holding_on(spans: pl.DataFrame, day: int) -> pl.DataFrame:
    """The actors for whom it holds at the end of a day, each once."""
    return spans.filter((pl.col("start") <= day) & (day < pl.col("stop"))).select("actor")
