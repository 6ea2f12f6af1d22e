"""Axes: dates as months, seconds in the unit people would choose, shares in percent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from adoptcli.results import Unit

MONTH, DAY = re.compile(r"\d{4}-\d{2}"), re.compile(r"\d{4}-\d{2}-\d{2}")
FEW = 8  # periods that are labelled one by one
SPANS = (
    (2 * 86_400.0, 86_400.0, "days"),
    (2 * 3_600.0, 3_600.0, "hours"),
    (120.0, 60.0, "minutes"),
)


def along(
    places: Sequence[str], title: str, *, named: bool = False
) -> tuple[list[Any], dict[str, Any]]:
    """The values of x for each place, and how Vega-Lite is to lay them out.

    With `named` each place stands by its name, as bars do, not by its amount.
    """
    dates = [_date(place) for place in places]
    if not named and all(dates) and len(places) > FEW:
        return _time([d for d in dates if d])
    if not named and len(places) > FEW and all(re.fullmatch(r"\d+", place) for place in places):
        axis = {"title": title, "tickMinStep": 1, "format": "d"}
        scale = {"zero": False, "nice": False}
        return [int(p) for p in places], {"type": "quantitative", "axis": axis, "scale": scale}
    labels = _short(places, dates)
    words = None if all(dates) else title
    return labels, {"type": "ordinal", "sort": None, "scale": {"domain": labels},
                    "axis": {"title": words, **_all_shown(labels)}}  # fmt: skip


def _all_shown(labels: Sequence[str]) -> dict[str, Any]:
    """Few short labels all have room, whatever the library reckons."""
    fits = len(labels) <= 7 and all(len(label) <= 6 for label in labels)
    return {"labelOverlap": False} if fits else {}


def _time(dates: list[date]) -> tuple[list[Any], dict[str, Any]]:
    days = (dates[-1] - dates[0]).days
    form = "%-d %b" if days < 100 else "%b" if days < 366 else "%b %Y"
    axis = {"title": None, "format": form, "tickCount": {"interval": "month", "step": 1}}
    if days < 100:
        axis["tickCount"] = {"interval": "week", "step": 2}
    if days >= 366:
        axis["tickCount"] = {"interval": "month", "step": 3 if days < 1100 else 12}
    values = [datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp() * 1000 for d in dates]
    return values, {"type": "temporal", "scale": {"type": "utc"}, "axis": axis}


def _date(text: str) -> date | None:
    if MONTH.fullmatch(text):
        text += "-01"
    if not DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _short(places: Sequence[str], dates: Sequence[date | None]) -> list[str]:
    """Labels that fit: Apr for 2026-04, 3 May for 2026-05-03; with the year if needed."""
    if not all(dates):
        return list(places)
    days = any(DAY.fullmatch(place) for place in places)
    known = [d for d in dates if d]
    short = [f"{d.day} {d:%b}" if days else f"{d:%b}" for d in known]
    if len(set(short)) == len(short):
        return short
    return [f"{text} ’{d:%y}" for text, d in zip(short, known, strict=True)]


def up(unit: Unit, most: float) -> tuple[float, dict[str, Any]]:
    """What values are divided by, and the axis of them."""
    if unit in ("share", "pp"):
        return 1.0, {"title": None, "format": ".0%" if most > 0.05 else ".1%", "tickCount": 5}
    if unit == "seconds":
        size, name = next(((s, n) for least, s, n in SPANS if most >= least), (1.0, "seconds"))
        return size, {"title": name, "tickCount": 5}
    form = "~s" if most >= 10_000 else ",d" if most >= 5 else ".1f" if most >= 0.5 else ".2f"
    return 1.0, {"title": None, "format": form, "tickCount": 5}
