"""What all parts of the YAML are made of: names, durations, dates, zones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from adoptcli.timeframe import DAY_MS

Scalar = str | int | float | bool

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)$")
_PERCENT = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%\s*$")
_UNITS = {
    "ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS,
}  # fmt: skip


class Model(BaseModel):
    """A part of the YAML: unknown keys are errors, "5" is no number, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def traits(self) -> Iterable[str]:
        """The columns and properties of actors that this part names, apart from its own parts."""
        return ()

    def user_traits(self) -> Iterable[str]:
        """Those that are asked only where actors are users."""
        return ()

    def numbers(self) -> Iterable[str]:
        """The properties of events whose numbers this part reads, apart from its own parts."""
        return ()


def _name(value: Any) -> Any:
    if isinstance(value, bool):
        word = "yes/on/true" if value else "no/off/false"
        raise ValueError(f"{word} without quotes is a boolean in YAML; put quotes around the name")
    if isinstance(value, int | float | date):
        raise ValueError(f"{value} without quotes is not text in YAML; put quotes around the name")
    return value


Name = Annotated[str, BeforeValidator(_name), Field(min_length=1)]


def _duration(value: Any) -> Any:
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        return round(float(match[1]) * _UNITS[match[2]])
    raise ValueError("a duration is a number and a unit, such as 30min, 12h, 7d or 2w")


def _days(value: Any) -> Any:
    if isinstance(value, str) and (match := re.match(r"^(\d+)\s*(d|w)$", value.strip())):
        return int(match[1]) * (7 if match[2] == "w" else 1)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("a number of days is written 28d or 4w")


def _as_written(value: int) -> str:
    """A duration as the YAML has it, in the largest unit that divides it."""
    for unit in ("d", "h", "min", "s"):
        if value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value}ms"


def _days_as_written(value: int) -> str:
    return f"{value}d"


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if match := _PERCENT.match(value):
        return float(f"{match[1]}e-2")  # 0.7 / 100 would be less than 0.007
    raise ValueError("a share is a number up to 1, or a percentage such as 0.1%")


def _local_date(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("a date is written 2026-03-01")


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        near = get_close_matches(value, sorted(available_timezones()), 1)
        example = f"did you mean {near[0]!r}?" if near else "one is 'Europe/Berlin'"
        raise ValueError(f"{value!r} is no IANA time zone; {example}") from error
    return value


_DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^\s*(?=[0-9.]*[1-9])\d+(\.\d+)?\s*(ms|s|min|m|h|d|w)\s*$",
}
_DAYS_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^\s*0*[1-9]\d*\s*(d|w)\s*$"},
        {"type": "integer", "minimum": 1, "maximum": 3660},
    ]
}

_SHARE_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": r"^\s*0*(100(\.0+)?|\d{1,2}(\.\d+)?)\s*%\s*$"},
    ]
}

Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(gt=0),
    PlainSerializer(_as_written, when_used="json"),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""Elapsed time in ms; a day is 86,400 s."""

Days = Annotated[
    int,
    BeforeValidator(_days),
    Field(ge=1, le=3660),
    PlainSerializer(_days_as_written, when_used="json"),
    WithJsonSchema(_DAYS_SCHEMA),
]
"""A number of local calendar days."""

Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1), WithJsonSchema(_SHARE_SCHEMA)]
"""A part of a whole, from 0 to 1 or in percent."""

LocalDate = Annotated[
    date, BeforeValidator(_local_date), WithJsonSchema({"type": "string", "format": "date"})
]
Zone = Annotated[str, BeforeValidator(_zone)]


def as_list(value: Any) -> Any:
    """A single value as a list of one."""
    return value if isinstance(value, list) else [value]
