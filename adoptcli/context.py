"""What a tally may not derive from its own rows: as-of, calendar, vocabulary, segments.

Round 0 makes it from all rows; every bucket then sees the same context.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from adoptcli.counts import group_of
from adoptcli.definitions import Definitions, EventRef
from adoptcli.timeframe import Calendar, Period

Unit = Literal["user", "account"]
UNKNOWN = "unknown"
OTHER = "other"


@dataclass(frozen=True)
class Condition:
    """Property values that a row must have; one bit of an atom's mask each."""

    property: str
    values: tuple[str, ...]


def conditions(ref: EventRef) -> tuple[Condition, ...]:
    """The conditions of an event reference, by property."""
    return tuple(
        Condition(name, tuple(_texts(values))) for name, values in sorted(ref.where.items())
    )


def _texts(values: Any) -> list[str]:
    return [text(v) for v in (values if isinstance(values, list) else [values])]


def text(value: Any) -> str:
    """A value of the YAML as the data have it in text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Vocabulary:
    """Every atom of the log: a raw event name together with the conditions that hold on the row.

    An event's code is the index of its atom; atoms are sorted, so codes do not depend on the
    order of rows.
    """

    atoms: tuple[tuple[str, int], ...]
    counts: tuple[int, ...]
    bits: Mapping[Condition, int]
    named: Mapping[str, tuple[EventRef, ...]] = field(default_factory=dict)

    def expand(self, refs: Iterable[EventRef]) -> tuple[EventRef, ...]:
        """References to raw events alone: names of ours are replaced by what they stand for."""
        found: list[EventRef] = []
        for ref in refs:
            for base in self.named.get(ref.event, (EventRef(event=ref.event),)):
                found.append(EventRef(event=base.event, where={**base.where, **ref.where}))
        return tuple(found)

    def codes(self, refs: EventRef | Iterable[EventRef]) -> list[int]:
        """The codes of all atoms that one of the references means."""
        refs = [refs] if isinstance(refs, EventRef) else refs
        wanted = [
            (ref.event, sum(1 << self.bits[c] for c in conditions(ref)))
            for ref in self.expand(refs)
        ]
        return [
            code
            for code, (name, mask) in enumerate(self.atoms)
            if any(name == event and mask & need == need for event, need in wanted)
        ]

    @cached_property
    def names(self) -> dict[str, int]:
        """How often each raw event name occurs."""
        found: dict[str, int] = {}
        for (name, _), count in zip(self.atoms, self.counts, strict=True):
            found[name] = found.get(name, 0) + count
        return found


@dataclass(frozen=True, kw_only=True)
class Context:
    """The same for every bucket and every metric of one run.

    Attributes:
        definitions: What things are, from the YAML.
        settings: Each metric's section of the YAML; None where it is not configured.
        as_of_day: First local day that does not count any more.
        as_of: Its midnight, in ms.
        first_day: First local day of the data.
        since_day, until_day: Days shown, half-open; the history before is still read.
        signup_known: There is a source of sign-ups, so that first seen is not taken for it.
        burn_in_end: Actors first seen before this day have an unknown start.
        unit: Whose behaviour is counted.
        tabled: There is a table of the actors.
        accounts: Account ids by code.
        seats, mrr: Seats bought and monthly recurring revenue by account code, where known.
        listed: Codes of the accounts in the accounts table.
        account_ends: When accounts were cancelled, by code, as their table has it.
        traits: Values of each trait by code, sorted.
        account_traits: The traits that are columns of the accounts table.
        segments: What the report is split by: each the traits that are crossed.
        grouped: Everybody has a group, those without an account one of their own ids, so that the
            same people can be on both sides of a comparison.
    """

    definitions: Definitions
    settings: Mapping[str, Any]
    calendar: Calendar
    period: Period
    as_of_day: int
    as_of: int
    first_day: int
    since_day: int
    until_day: int
    vocabulary: Vocabulary
    signup_known: bool
    burn_in_end: int
    unit: Unit = "user"
    tabled: bool = False
    accounts: tuple[str, ...] = ()
    seats: Mapping[int, float] = field(default_factory=dict)
    mrr: Mapping[int, float] = field(default_factory=dict)
    listed: frozenset[int] = frozenset()
    account_ends: Mapping[int, int] = field(default_factory=dict)
    traits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    account_traits: frozenset[str] = frozenset()
    segments: tuple[tuple[str, ...], ...] = ()
    grouped: bool = False

    @cached_property
    def account_groups(self) -> tuple[int, ...]:
        """The group of each account, by code."""
        return tuple(map(group_of, self.accounts))

    @property
    def segment_traits(self) -> tuple[str, ...]:
        """Every trait that the report is split by, once."""
        return tuple(dict.fromkeys(name for names in self.segments for name in names))

    @property
    def end_day(self) -> int:
        """The first day after those that are shown: --until or as-of, whichever is earlier."""
        return min(self.until_day, self.as_of_day)

    @property
    def shown_from(self) -> int:
        """The first day shown: --since or the first of the data, whichever is later."""
        return max(self.since_day, self.first_day)

    def periods(self, period: Period | None = None) -> list[tuple[int, int]]:
        """The complete calendar periods among the days shown, as (start, end)."""
        return self.calendar.complete(self.shown_from, self.end_day, period or self.period)

    def and_before(self, period: Period | None = None) -> list[tuple[int, int]]:
        """`periods`, after the complete one before them where the data hold it: what grew on it."""
        shown, of = self.periods(period), period or self.period
        whole = self.calendar.complete(self.first_day, self.as_of_day, of)
        return [*(before for before in whole if shown and before[1] == shown[0][0]), *shown]

    def cut_off(self, period: Period) -> list[str]:
        """The names of the periods of which --since and --until show a part."""
        edges = [(self.since_day, 0), (self.until_day, 1)]
        found = [
            self.label(self.calendar.start(day - back, period), period)
            for day, back in edges
            if self.first_day < day < self.as_of_day and self.calendar.start(day, period) != day
        ]
        return list(dict.fromkeys(found))

    def label(self, day: int, period: Period | None = None) -> str:
        """The name of the period that starts on a day."""
        return self.calendar.label(day, period or self.period)

    def day_label(self, day: int) -> str:
        """The date of a day."""
        return self.calendar.label(day, "day")
