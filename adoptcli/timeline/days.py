"""Instants to local days, exactly and fast: a zone's offset changes only a few times in a log."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date

import polars as pl

from adoptcli.timeframe import DAY_MS, HOUR_MS, Calendar, offsets, to_day

FAR_BACK, FAR_AHEAD = (to_day(date(year, 1, 1)) * DAY_MS for year in (1900, 2100))
MANY = 8  # changes of the offset; fewer are told apart sooner one by one


def _local(time: pl.Expr, calendar: Calendar, first: int, last: int) -> pl.Expr:
    """Beyond any time that a log is of, the offset stays what it was there."""
    bounds = (min(max(at, FAR_BACK), FAR_AHEAD) for at in (first, last))
    changes = offsets(calendar.zone, *bounds)
    if len(changes) > MANY:
        starts, values = (pl.Series(some, dtype=pl.Int64) for some in zip(*changes, strict=True))
        place = pl.lit(starts[1:]).search_sorted(time, side="right")
        return time + pl.lit(values).gather(place)
    offset = pl.lit(changes[0][1], dtype=pl.Int64)
    for start, value in changes[1:]:
        offset = pl.when(time >= start).then(pl.lit(value, dtype=pl.Int64)).otherwise(offset)
    return time + offset


def local_day(time: pl.Expr, calendar: Calendar, first: int, last: int) -> pl.Expr:
    """The local day (Int32) of instants (Int64 ms) that lie in [first, last]."""
    return (_local(time, calendar, first, last) // DAY_MS).cast(pl.Int32)


def local_hour(time: pl.Expr, calendar: Calendar, first: int, last: int) -> pl.Expr:
    """The local hour (Int8, 0 to 23) of instants (Int64 ms) that lie in [first, last]."""
    return (_local(time, calendar, first, last) // HOUR_MS % 24).cast(pl.Int8)


def start_of(day: pl.Expr, starts: list[int]) -> pl.Expr:
    """The start of the period that holds a day, given all sorted starts; null outside them.

    The last of `starts` ends the last period.
    """
    return _looked_up(day, starts, starts)


def place_of(day: pl.Expr, starts: list[int]) -> pl.Expr:
    """The place among the periods (Int32, from 0) of the one that holds a day; null outside."""
    return _looked_up(day, starts, range(len(starts)))


def _looked_up(day: pl.Expr, starts: list[int], values: Sequence[int]) -> pl.Expr:
    """For each day the value of the period that holds it."""
    spans = zip(itertools.pairwise(starts), values, strict=False)
    table = [value for (start, end), value in spans for _ in range(end - start)]
    index = day - starts[0]
    inside = (index >= 0) & (index < len(table))
    lookup = pl.lit(pl.Series(table, dtype=pl.Int32))
    return lookup.gather(pl.when(inside).then(index).otherwise(None))
