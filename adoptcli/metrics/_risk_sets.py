"""People on days: what each had done in the windows before a day, and what it did after.

A *point* is an actor on a local day. All windows are sums between two places of one sorted table of
days, so that no point is ever joined with the events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import polars as pl

from adoptcli.context import Context
from adoptcli.metrics._shared import LONG_AGO, since
from adoptcli.timeline import Timeline
from adoptcli.timeline.runs import starts_run
from adoptcli.timeline.segments import by_code

COUNTS = ("active", "events", "uses", "controls")
_SPAN, _MIDDLE = 1 << 20, 1 << 19  # of days: no window reaches into another actor
_PIECE = 1 << 19  # points at a time, for the sake of memory


def product_days(
    timeline: Timeline, context: Context, uses: Sequence[int], controls: Sequence[int],
    without: Sequence[int],
) -> pl.DataFrame:  # fmt: skip
    """Each actor's local days with something done, events of the channels apart.

    Args:
        timeline: The bucket.
        context: The run's context.
        uses: Codes of the events that are uses of a feature.
        controls: Codes of the events of the negative control.
        without: Codes of the channels' events, which count as nothing.

    Returns:
        actor, day, active (0 or 1), events (active ones), uses, controls; sorted.
    """
    refs = context.definitions.active_events
    everything = range(len(context.vocabulary.atoms))
    active = everything if refs is None else context.vocabulary.codes(refs)
    kinds = {"events": active, "uses": uses, "controls": controls}
    kept = {name: sorted(set(codes) - set(without)) for name, codes in kinds.items()}
    wanted = sorted({code for codes in kept.values() for code in codes})
    rows = timeline.events.select("actor", "day", "event")
    rows = rows.filter(pl.col("event").is_in(wanted)).rechunk()
    fresh = starts_run(rows, ["actor", "day"])
    tables = {name: _mask(codes, len(everything)) for name, codes in kept.items()}
    ends, found = fresh.shift(-1, fill_value=True), rows.select("actor", "day").filter(fresh)
    for name, table in tables.items():  # one after the other: each is as long as the log
        upto = rows.select(pl.lit(table).gather("event").cum_sum().alias(name)).filter(ends)
        found = found.hstack(upto.select(pl.all() - pl.all().shift(1, fill_value=0)))
    backwards = (pl.col("actor") == pl.col("actor").shift(1)) & (
        pl.col("day") < pl.col("day").shift(1)
    )
    if found.select(backwards.any()).item():  # a clock that was put back over midnight
        found = found.group_by("actor", "day").agg(pl.all().sum()).sort("actor", "day")
    return found.with_columns(active=(pl.col("events") > 0).cast(pl.Int64))


def _mask(codes: Sequence[int], size: int) -> pl.Series:
    return pl.Series([0], dtype=pl.Int64).new_from_index(0, size).scatter(list(codes), 1)


class Running(NamedTuple):
    """Running sums of `product_days`: the place of each day, and what lies before it."""

    key: pl.Series
    upto: dict[str, pl.Series]

    @classmethod
    def of(cls, days: pl.DataFrame) -> Running:
        """Computed once for all points."""
        zero = pl.Series([0], dtype=pl.Int64)
        upto = {name: pl.concat([zero, days[name].cum_sum()]) for name in COUNTS}
        return cls(days.select(_place(pl.col("day"))).to_series(), upto)


class Sums:
    """Sums of `product_days` over windows of days around points."""

    def __init__(self, running: Running, points: pl.DataFrame) -> None:
        self._running = running
        self._points = points
        self._found: dict[int, pl.Series] = {}

    def between(self, name: str, first: int, end: int) -> pl.Series:
        """The sum over the days [first, end), counted from each point's own day."""
        upto = self._running.upto[name]
        return upto.gather(self._at(end)) - upto.gather(self._at(first))

    def _at(self, offset: int) -> pl.Series:
        if offset not in self._found:
            wanted = self._points.select(_place(pl.col("day") + offset)).to_series()
            self._found[offset] = self._running.key.search_sorted(wanted, side="left")
        return self._found[offset]


def _place(day: pl.Expr) -> pl.Expr:
    """Actor and day as one number that sorts like both."""
    return pl.col("actor").cast(pl.Int64) * _SPAN + day.cast(pl.Int64) + _MIDDLE


def candidates(
    days: pl.DataFrame, part: pl.Series, first: int, end: int, recent: int
) -> pl.DataFrame:
    """The points at which people may serve as controls: actor, day, active; days of [first, end).

    Every active day; and of the days without activity that follow an active day by at most
    `recent` days one a week, on another weekday by group of accounts.
    """
    active = days.filter(pl.col("active") > 0).select("actor", "day")
    after = pl.when(pl.col("actor") == pl.col("actor").shift(-1)).then(pl.col("day").shift(-1))
    idle = active.with_columns(
        next=after.fill_null(end), part=pl.lit(part).gather("actor").cast(pl.Int32)
    )
    inside = (pl.col("day") >= first) & (pl.col("day") < end)
    parts = [active.filter(inside).with_columns(active=pl.lit(1, dtype=pl.Int64))]
    ahead = 1 + (-(pl.col("part") + pl.col("day") + 1)) % 7
    for week in range(math.ceil(recent / 7)):
        step = ahead + 7 * week
        then = idle.filter((pl.col("day") + step < pl.col("next")) & (step <= recent))
        then = then.select("actor", day=pl.col("day") + ahead.cast(pl.Int32) + 7 * week)
        parts.append(then.filter(inside).with_columns(active=pl.lit(0, dtype=pl.Int64)))
    return pl.concat(parts)


class Adoption(NamedTuple):
    """From which day on each actor can adopt, and the day on which it did; by code, or null."""

    since: pl.Series
    day: pl.Series


TENURE = (1, 2, 4, 7, 14, 28, 90)
DAYS = (1, 2, 3, 4, 5, 7, 9, 11, 13)
EARLIER = (1, 2, 4, 7, 11)
TODAY = (1, 2, 4, 8, 16, 32, 64)
VOLUME = tuple(sorted({math.ceil(2 ** (k / 4) - 1e-9) for k in range(49)}))  # to 4,096
SIZES = {  # of the parts of a stratum, how many values each has; before them stands the week
    "today": len(TODAY) + 1, "tenure": len(TENURE) + 1, "days": len(DAYS) + 1, "recent": 2,
    "earlier": len(EARLIER) + 1, "volume": len(VOLUME) + 1,
}  # fmt: skip


def bucket(value: pl.Expr, edges: Sequence[int]) -> pl.Expr:
    """How many of the edges a whole number has reached."""
    table = [sum(edge <= v for edge in edges) for v in range(edges[-1] + 1)]
    return pl.lit(pl.Series(table, dtype=pl.Int64)).gather(value.clip(0, edges[-1]))


def described(
    points: pl.DataFrame, days: pl.DataFrame, timeline: Timeline, context: Context, length: int,
    adoption: Adoption | None,
) -> pl.DataFrame:  # fmt: skip
    """Points with their part, their stratum and what is measured at each.

    Returns:
        actor, day, part, stratum; n (1), before and after (active days of the windows), before's
        squares, uptick, uses and controls (after minus before), risk and adopted, same_day,
        placebo (active days of the window two before) and placebo_n (whether the data hold it).
    """
    start = by_code(timeline.actors["actor"], timeline.actors.select(s=since()).to_series())
    pieces = [points[at : at + _PIECE] for at in range(0, max(points.height, 1), _PIECE)]
    part, running = timeline.parts, Running.of(days)  # made once, before the threads ask
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(
            lambda piece: _described(piece, running, part, start, context, length, adoption), pieces
        )
        return pl.concat(found)


def _described(
    points: pl.DataFrame, running: Running, part: pl.Series, start: pl.Series,
    context: Context, length: int, adoption: Adoption | None,
) -> pl.DataFrame:  # fmt: skip
    sums = Sums(running, points)
    windows = {
        "today": ("events", 0, 1), "before": ("active", -length, 0),
        "after": ("active", 1, length + 1), "recent": ("active", -((length + 1) // 2), 0),
        "earlier": ("active", -2 * length, -length),
        "placebo": ("active", -3 * length, -2 * length), "events": ("events", -length, 0),
        "uses_before": ("uses", -length, 0), "uses_after": ("uses", 1, length + 1),
        "controls_before": ("controls", -length, 0),
        "controls_after": ("controls", 1, length + 1),
    }  # fmt: skip
    found = points.select("actor", "day").hstack(
        [sums.between(*window).alias(name) for name, window in windows.items()]
    )
    there = pl.lit(start).gather("actor").fill_null(LONG_AGO).cast(pl.Int64)
    held = pl.col("day") - 3 * length >= context.first_day
    yes = pl.lit(1, dtype=pl.Int8)
    return found.with_columns(tenure=pl.col("day") - there).select(
        "actor", "day", pl.lit(part).gather("actor").alias("part"), _stratum(context),
        yes.alias("n"),
        pl.col("before", "after").cast(pl.Int16),
        (pl.col("before") ** 2).cast(pl.Int32).alias("before_squares"),
        (pl.col("after") - pl.col("before")).cast(pl.Int16).alias("uptick"),
        (pl.col("uses_after") - pl.col("uses_before")).cast(pl.Int32).alias("uses"),
        (pl.col("controls_after") - pl.col("controls_before")).cast(pl.Int32).alias("controls"),
        *_adopted(adoption, length),
        held.cast(pl.Int8).alias("placebo_n"),
        pl.when(held).then("placebo").otherwise(0).cast(pl.Int16).alias("placebo"),
    )  # fmt: skip


def _stratum(context: Context) -> pl.Expr:
    first = context.calendar.start(context.first_day, "week")
    values = {
        "today": bucket(pl.col("today"), TODAY),
        "tenure": bucket(pl.col("tenure"), TENURE),
        "days": bucket(pl.col("before"), DAYS),
        "recent": (pl.col("recent") > 0).cast(pl.Int64),
        "earlier": bucket(pl.col("earlier"), EARLIER),
        "volume": bucket(pl.col("events"), VOLUME),
    }
    code: pl.Expr = ((pl.col("day") - first) // 7).cast(pl.Int64)
    for name, size in SIZES.items():
        code = code * size + values[name]
    return code.alias("stratum")


def _adopted(adoption: Adoption | None, length: int) -> list[pl.Expr]:
    """Whether one could adopt after the day, whether it did, and whether it did on the day."""
    nothing = pl.lit(0, dtype=pl.Int8)
    if adoption is None:
        return [nothing.alias(name) for name in ("risk", "adopted", "same_day")]
    start, when = (pl.lit(series).gather("actor") for series in adoption)
    day = pl.col("day")
    can = (start <= day).fill_null(False)
    risk = can & (when > day).fill_null(True)
    found = {
        "risk": risk,
        "adopted": risk & (when <= day + length).fill_null(False),
        "same_day": can & (when == day).fill_null(False),
    }
    return [holds.cast(pl.Int8).alias(name) for name, holds in found.items()]
