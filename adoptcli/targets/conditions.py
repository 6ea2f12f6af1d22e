"""What a number must be: `>= 40%`, `< 7d`, `20%..40%`; without rounding, in the figure's unit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction

from adoptcli.results import Unit

SIGNS = {">=": "≥", "=>": "≥", "≥": "≥", "<=": "≤", "=<": "≤", "≤": "≤", ">": ">", "<": "<"}
OPPOSITE = {"≥": "<", "<": "≥", "≤": ">", ">": "≤"}
SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
ALIKE = 1e-9

_NUMBER = r"([-+−]?\s*(?:\d+(?:\.\d+)?|\.\d+))\s*(%|pp|min|s|m|h|d|w)?"
_SIDE = re.compile(rf"^\s*(>=|=>|≥|<=|=<|≤|>|<)\s*{_NUMBER}\s*$")
_RANGE = re.compile(rf"^\s*{_NUMBER}\s*(?:\.\.|to|–)\s*{_NUMBER}\s*$")
PATTERN = rf"^\s*(?:(?:>=|=>|≥|<=|=<|≤|>|<)\s*{_NUMBER}|{_NUMBER}\s*(?:\.\.|to|–)\s*{_NUMBER})\s*$"
HOW = "write it as '>= 40%', '< 7d' or '20%..40%'"


class Unfit(ValueError):
    """The unit that is written is not that of the figure."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A number as it is written, with its unit: %, pp, a unit of time, or nothing."""

    number: Fraction
    written: str
    unit: str = ""

    def __str__(self) -> str:
        space = " " if self.unit else ""
        return f"{self.written}{space}{self.unit}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Numbers between two limits, or on one side of one.

    Attributes:
        sign: ≥, >, ≤ or <; of a range `..`, whose limits belong to it, or `outside` of one.
        first: The limit; of a range the lower one.
        second: The upper limit of a range.
    """

    sign: str
    first: Limit
    second: Limit | None = None

    def __str__(self) -> str:
        if self.second is None:
            return f"{self.sign} {self.first}"
        words = "outside " if self.sign == "outside" else ""
        return f"{words}{self.first} to {self.second}"

    def opposite(self) -> Condition:
        """What holds where this does not."""
        if self.second is None:
            return replace(self, sign=OPPOSITE[self.sign])
        return replace(self, sign="outside" if self.sign == ".." else "..")

    def bounds(self, unit: Unit) -> Bounds:
        """The same in the unit of a figure: shares as fractions, times in seconds.

        Raises:
            Unfit: The figure has another unit.
        """
        limits = [scaled(limit, unit) for limit in (self.first, self.second) if limit is not None]
        return Bounds(self.sign, *limits)

    def implies(self, other: Condition) -> bool:
        """Whether the other holds wherever this does; of two of one side and unit alone."""
        if self.second or other.second or self.first.unit != other.first.unit:
            return False
        mine, theirs = self.first.number, other.first.number
        if self.sign in ("≥", ">") and other.sign in ("≥", ">"):
            return mine > theirs or (mine == theirs and (self.sign == ">" or other.sign == "≥"))
        if self.sign in ("≤", "<") and other.sign in ("≤", "<"):
            return mine < theirs or (mine == theirs and (self.sign == "<" or other.sign == "≤"))
        return False

    @property
    def relative(self) -> bool:
        """Whether its limits are percentages."""
        return self.first.unit == "%"


@dataclass(frozen=True, slots=True)
class Bounds:
    """A condition on plain numbers."""

    sign: str
    first: float
    second: float = math.nan

    def hold(self, value: float) -> bool:
        """Whether a number is as it must be."""
        if self.sign in ("..", "outside"):
            inside = _least(value, self.first) and _least(self.second, value)
            return inside == (self.sign == "..")
        if self.sign in ("≥", "<"):
            return _least(value, self.first) == (self.sign == "≥")
        return _least(self.first, value) == (self.sign == "≤")

    def beyond(self, low: float, high: float) -> bool:
        """Whether no number of an interval is as it must be."""
        if self.sign == "..":
            return not (_least(high, self.first) and _least(self.second, low))
        if self.sign == "outside":
            return not (self.hold(low) or self.hold(high))
        return not self.hold(high if self.sign in ("≥", ">") else low)

    def nearest(self, value: float) -> float:
        """The limit that a number is nearest to."""
        limits = [v for v in (self.first, self.second) if not math.isnan(v)]
        return min(limits, key=lambda limit: abs(value - limit))


def _least(value: float, limit: float) -> bool:
    return value >= limit or alike(value, limit)


def alike(value: float, limit: float) -> bool:
    """Whether two numbers are the same but for the inexactness of sums."""
    return math.isclose(value, limit, rel_tol=ALIKE, abs_tol=1e-12)


def parse(text: str) -> Condition:
    """The condition in a text.

    Raises:
        ValueError: It is none; the message says how one is written.
    """
    if match := _SIDE.match(text):
        return Condition(SIGNS[match[1]], _limit(match[2], match[3]))
    if match := _RANGE.match(text):
        low, high = _limit(match[1], match[2] or match[4]), _limit(match[3], match[4] or match[2])
        if _size(low) >= _size(high):
            raise ValueError(f"the range {text.strip()!r} ends before it begins")
        return Condition("..", low, high)
    if re.match(rf"^\s*{_NUMBER}\s*$", text):
        raise ValueError(f"say '>= {text.strip()}' or '<= {text.strip()}'")
    raise ValueError(f"{text!r} is no condition; {HOW}")


def _limit(number: str, unit: str | None) -> Limit:
    text = number.replace(" ", "").replace("−", "-").removeprefix("+")
    return Limit(Fraction(text), text.replace("-", "−"), unit or "")


def _size(limit: Limit) -> Fraction:
    return limit.number * SECONDS.get(limit.unit, 1)


def scaled(limit: Limit, unit: Unit) -> float:
    """A limit in the unit of a figure.

    Raises:
        Unfit: It has another unit, or the figure is no number.
    """
    wanted = _WANTED.get(unit, ("", "a plain number, such as '>= 100'"))
    if unit in ("date", "text"):
        raise Unfit("it is no number, so that it cannot have a target")
    written = limit.unit
    if unit in ("seconds", "days") and written in SECONDS:
        seconds = limit.number * SECONDS[written]
        return float(seconds if unit == "seconds" else seconds / SECONDS["d"])
    if written != wanted[0]:
        raise Unfit(f"it is {wanted[1]}")
    return float(limit.number / 100 if written in ("%", "pp") else limit.number)


_WANTED: dict[Unit, tuple[str, str]] = {
    "share": ("%", "a share, which is written such as '>= 40%'"),
    "pp": ("pp", "a difference of shares, which is written such as '>= -5pp'"),
    "seconds": ("seconds", "a time, which is written such as '<= 7d' or '<= 30min'"),
    "days": ("", "a number of days, which is written such as '>= 4' or '>= 4d'"),
}
