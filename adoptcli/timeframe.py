"""Days, weeks, months and instants in one time zone. Pure arithmetic: nothing here reads a clock.

A *day* is an integer, the local calendar day counted from 1970-01-01. An *instant* is an integer,
milliseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

EPOCH = date(1970, 1, 1)
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_THURSDAY = 3  # 1970-01-01 was a Thursday


def to_date(day: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=day)


def to_day(value: date) -> int:
    """The day number of a date."""
    return (value - EPOCH).days


def offset_at(instant: int, zone: ZoneInfo) -> int:
    """The zone's offset from UTC at an instant, in ms."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() * 1000)


@cache
def offsets(zone: ZoneInfo, first: int, last: int) -> list[tuple[int, int]]:
    """The zone's offsets over [first, last]: (instant from which it holds, offset), to the ms.

    The first entry starts at `first`. Changes are looked for day by day and then bisected; no zone
    has ever changed there and back within a day.
    """
    found = [(first, offset_at(first, zone))]
    at = first
    while at < last:
        after = min(at + DAY_MS, last)
        new = offset_at(after, zone)
        if new != found[-1][1]:
            low, high = at, after
            while high - low > 1:
                middle = (low + high) // 2
                if offset_at(middle, zone) == found[-1][1]:
                    low = middle
                else:
                    high = middle
            found.append((high, new))
        at = after
    return found


@dataclass(frozen=True)
class Calendar:
    """One time zone and one start of the week."""

    zone: ZoneInfo
    week_start: Weekday = "monday"

    def local_day(self, instant: int) -> int:
        """The local calendar day of an instant."""
        return (instant + offset_at(instant, self.zone)) // DAY_MS

    def local_hour(self, instant: int) -> int:
        """The local hour (0 to 23) of an instant."""
        return (instant + offset_at(instant, self.zone)) % DAY_MS // HOUR_MS

    def midnight(self, day: int) -> int:
        """The first instant of a local day."""
        d = to_date(day)
        local = datetime(d.year, d.month, d.day, tzinfo=self.zone)
        return round(local.timestamp() * 1000)

    def start(self, day: int, period: Period) -> int:
        """The first day of the period that holds a day."""
        if period == "day":
            return day
        if period == "week":
            return day - (day + _THURSDAY - _WEEKDAYS.index(self.week_start)) % 7
        return to_day(to_date(day).replace(day=1))

    def next(self, start: int, period: Period) -> int:
        """The first day of the following period."""
        if period == "day":
            return start + 1
        if period == "week":
            return start + 7
        d = to_date(start)
        return to_day(date(d.year + d.month // 12, d.month % 12 + 1, 1))

    def starts(self, first: int, end: int, period: Period) -> list[int]:
        """The starts of all periods that touch the days [first, end), and the start after them."""
        found = [self.start(first, period)]
        while found[-1] < end:
            found.append(self.next(found[-1], period))
        return found

    def complete(self, first: int, end: int, period: Period) -> list[tuple[int, int]]:
        """The periods that lie wholly within the days [first, end), as (start, end)."""
        starts = self.starts(first, end, period)
        return [(a, b) for a, b in itertools.pairwise(starts) if first <= a and b <= end]

    def label(self, day: int, period: Period) -> str:
        """The name of the period that starts on a day: `2026-08` or `2026-08-03`."""
        text = to_date(day).isoformat()
        return text[:7] if period == "month" else text


def parse_label(text: str) -> int:
    """The first day that a label names; ValueError where it names none."""
    return to_day(date.fromisoformat(text + "-01" if len(text) == 7 else text))
