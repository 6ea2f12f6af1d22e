"""Events that stop or start though others go on: tracking that broke, or is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

BUSY = 0.5  # of the median day's rows: the days on which an event must be missed
WEEKS4, LEAST_DAYS, DAILY = 28, 14, 0.8
FEWEST = 11  # days that any such event must have
SILENT, NEW = 7, 14  # busy days without it, after it stopped and before it started


@dataclass(frozen=True)
class Turn:
    """An event that stopped after a day, or started on it.

    Attributes:
        event: Its name.
        kind: Which of the two.
        day: The last day that has it, or the first.
        silent: Busy days without it since then, or before.
        rows: Rows a busy day while it was there.
    """

    event: str
    kind: Literal["stop", "start"]
    day: int
    silent: int
    rows: float


def turns(
    by_event: Mapping[str, Mapping[int, int]], daily: Mapping[int, int], end: int
) -> list[Turn]:
    """Events that were daily for four weeks and then stopped, or did not exist before them.

    Args:
        by_event: Rows by event and local day, of events that have `FEWEST` days or more.
        daily: Rows of all events by local day.
        end: The day from which on rows may still be missing.
    """
    whole = {day: n for day, n in daily.items() if day < end}
    least = BUSY * median(whole.values()) if whole else 0
    busy = sorted(day for day, n in whole.items() if n >= least)
    found = [turn for name, days in sorted(by_event.items()) for turn in _turns(name, days, busy)]
    return sorted(found, key=lambda turn: (turn.kind == "start", turn.day, turn.event))


def _turns(name: str, days: Mapping[int, int], busy: list[int]) -> Iterator[Turn]:
    first, last = min(days), max(days)
    before, after = [d for d in busy if d < first], [d for d in busy if d > last]
    if len(after) >= SILENT:
        held = [d for d in busy if last - WEEKS4 < d <= last]
        if _daily(days, held):
            yield Turn(name, "stop", last, len(after), _rate(days, held))
    if len(before) >= NEW:
        held = [d for d in busy if first <= d < first + WEEKS4]
        if _daily(days, held):
            yield Turn(name, "start", first, len(before), _rate(days, held))


def _daily(days: Mapping[int, int], held: list[int]) -> bool:
    return len(held) >= LEAST_DAYS and sum(d in days for d in held) >= DAILY * len(held)


def _rate(days: Mapping[int, int], held: list[int]) -> float:
    return sum(days.get(d, 0) for d in held) / len(held)
