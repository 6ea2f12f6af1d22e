"""Instants to local days, exactly and fast: a zone's offset changes only a few times in a log."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import polars as pl

from adoptcli.timeframe import DAY_MS, HOUR_MS, Calendar, offsets


def _local(time: pl.Expr, calendar: Calendar, first: int, last: int) -> pl.Expr:
    changes = offsets(calendar.zone, first, last)
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
