"""Gaps and cliffs: days and hours without rows, and days with far fewer or far more than usual.

What is usual on a day is the median of the same weekday in the two weeks before and after it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median, median_low
from typing import Literal

from adoptcli.timeframe import HOUR_MS, to_date

WEEK, HOURS_A_WEEK = 7, 168
AROUND = (-2, -1, 1, 2)  # weeks
TIMES = 3  # below a third or above three times the usual
SPREAD = 5  # robust standard deviations
LEAST = 20  # rows a day of which a cliff is told
MISSED = 20  # rows that a gap must have cost
DENSE, MISSED_IN_HOURS = 50, 100  # rows an hour from which hours are looked at, and the like
FRIDAY = 4


@dataclass(frozen=True)
class Gap:
    """Days (from the first to the last), or hours, without any row; instants for hours."""

    first: int
    last: int
    missed: float


@dataclass(frozen=True)
class Cliff:
    """Successive days on which far fewer or far more rows came than usual."""

    first: int
    last: int
    kind: Literal["drop", "jump"]
    rows: int
    usual: float


@dataclass(frozen=True)
class Volume:
    """How even the flow of rows is.

    Attributes:
        judged: Days of which it is known what is usual.
        days, hours: Gaps.
        cliffs: Days far off the usual.
    """

    judged: int
    days: tuple[Gap, ...]
    hours: tuple[Gap, ...]
    cliffs: tuple[Cliff, ...]


def volume(daily: Mapping[int, int], hourly: Mapping[int, int], end: int) -> Volume:
    """Gaps and cliffs of a source.

    Args:
        daily: Rows by local day.
        hourly: Rows by hour since 1970, in UTC, so that no change of clocks makes a gap.
        end: The day from which on rows may still be missing.
    """
    first, last = min(daily), max(daily)
    gaps = tuple(_gaps(daily))
    usual = _usual(daily, first + 1, min(last + 1, end))
    cliffs = tuple(_cliffs(daily, usual, {d for g in gaps for d in range(g.first, g.last + 1)}))
    return Volume(len(usual), gaps, tuple(_hours(hourly)), cliffs)


def _usual(daily: Mapping[int, int], start: int, end: int) -> dict[int, float]:
    """The median of the same weekday around each day; the first day may be cut off."""
    found = {}
    for day in range(start, end):
        around = [d for k in AROUND if start <= (d := day + WEEK * k) < end]
        if len(around) > 1:
            found[day] = float(median(daily.get(d, 0) for d in around))
    return found


def _cliffs(
    daily: Mapping[int, int], usual: Mapping[int, float], gone: set[int]
) -> Iterator[Cliff]:
    """Days that are off by their size and by what days scatter, those that follow as one."""
    off = {d: (daily.get(d, 0) - m) / sqrt(max(m, 1)) for d, m in usual.items()}
    middle = median(off.values()) if off else 0
    spread = max(1.0, 1.4826 * median(abs(o - middle) for o in off.values())) if off else 1
    found: Cliff | None = None
    for day, m in usual.items():
        n = daily.get(day, 0)
        far = abs(off[day]) > SPREAD * spread and max(n, m) >= LEAST and day not in gone
        kind: Literal["drop", "jump"] = "drop" if n < m else "jump"
        if not far or not (n * TIMES < m or n > m * TIMES):
            continue
        if found and found.last == day - 1 and found.kind == kind:
            found = replace(found, last=day, rows=found.rows + n, usual=found.usual + m)
            continue
        if found:
            yield found
        found = Cliff(day, day, kind, n, m)
    if found:
        yield found


def _runs(there: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last number of each run that is missing between sorted numbers."""
    for before, after in itertools.pairwise(there):
        if after - before > 1:
            yield before + 1, after - 1


def _gaps(daily: Mapping[int, int]) -> Iterator[Gap]:
    """Runs of days without rows that neither chance nor the rhythm of the week explains.

    No more is missed than a usual day of the week before or after has: a log may begin slowly.
    """
    there = sorted(daily)
    for first, last in _runs(there):
        place = bisect_left(there, first)
        sides = there[max(place - WEEK, 0) : place], there[place : place + WEEK]
        level = min(float(median(daily[day] for day in side)) for side in sides)
        missed: dict[int, float] = {}
        for day in range(first, last + 1):
            around = list(itertools.chain(*_outside(daily, day, first, last, WEEK)))
            weekday = to_date(day).weekday() <= FRIDAY
            missed[day] = min(float(median(around)), level) if around else level * weekday
        days = [day for day, rows in missed.items() if rows]  # a free weekend ends no gap
        if sum(missed.values()) >= MISSED:
            yield Gap(days[0], days[-1], sum(missed.values()))


def _hours(hourly: Mapping[int, int]) -> Iterator[Gap]:
    """Runs of hours without rows, under a day long, in which many are usual."""
    for first, last in _runs(sorted(hourly)):
        if last - first >= 23:
            continue  # a day, which is told as such
        missed = [_usual_hour(hourly, hour, first, last) for hour in range(first, last + 1)]
        if max(missed, default=0) >= DENSE and sum(missed) >= MISSED_IN_HOURS:
            yield Gap(first * HOUR_MS, last * HOUR_MS, sum(missed))


def _usual_hour(hourly: Mapping[int, int], hour: int, first: int, last: int) -> float:
    """What is usual both before and after: when clocks change, people are there at other hours."""
    sides = [side for side in _outside(hourly, hour, first, last, HOURS_A_WEEK) if side]
    return float(min(map(median_low, sides))) if sum(map(len, sides)) > 1 else 0


def _outside(
    counts: Mapping[int, int], at: int, first: int, last: int, step: int
) -> tuple[list[int], list[int]]:
    """What the two nearest of the same kind before a run and after it have, inside the log."""
    before, after = at - step * ((at - first) // step + 1), at + step * ((last - at) // step + 1)
    start, end = min(counts), max(counts)
    return (
        [counts.get(place, 0) for place in (before - step, before) if place >= start],
        [counts.get(place, 0) for place in (after, after + step) if place <= end],
    )
