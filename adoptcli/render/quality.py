"""The page of a source in words: what was found, what it means, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from glob import escape
from typing import TypeVar
from zoneinfo import ZoneInfo

import yaml

from adoptcli.quality.lateness import Clock
from adoptcli.quality.page import Page
from adoptcli.quality.schema import Schema
from adoptcli.quality.tracking import Turn
from adoptcli.quality.volume import Volume
from adoptcli.render import numbers
from adoptcli.timeframe import HOUR_MS, to_date

MOST = 5
MOST_SINGLE, LEAST_USERS = 0.8, 30
NOTHING = "nothing"
ASIDE = {
    "unreadable-time": "without a time that can be read",
    "no-event": "without an event",
    "bad-line": "on broken lines",
    "past-timestamps": "far before all others: clocks that are not set",
    "future-timestamps": "far after all others: clocks that are not set",
}
REJECTED = ("unreadable-time", "no-event", "bad-line")
WHY = {
    "many": "too many a day", "round-the-clock": "at all hours", "clockwork": "at even intervals"
}  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One line of a page; a finding has a code, and says what to do."""

    label: str
    text: str
    code: str = ""
    advice: str = ""


def lines(page: Page, zone: str) -> Iterator[Line]:
    """Everything that is to be said of a source, in order."""
    yield from _rows(page)
    yield from _schemas(page)
    yield from _duplicates(page)
    yield from _late(page)
    yield from _clock(page)
    if page.volume:
        yield from _gaps(page.volume, zone)
        yield from _cliffs(page.volume)
        yield from _turns(page)
    else:
        yield Line("gaps", "neither gaps, cliffs nor events are looked for: no row counts")
    yield from _superhuman(page)
    yield from _people(page)


def _rows(page: Page) -> Iterator[Line]:
    span = f", {_days(*page.span)}" if page.span else ""
    yield Line("rows", f"{page.rows:,} in {_many(page.files, 'file')}{span}")
    for reason in REJECTED:
        if n := page.set_aside.get(reason, 0):
            yield Line(
                "set aside", f"{_part(n, page.rows)} {ASIDE[reason]}", reason,
                "they count nowhere; --rejects FILE writes them",
            )  # fmt: skip


def _schemas(page: Page) -> Iterator[Line]:
    found = page.shapes.schemas
    first = found[0]
    if not page.shapes.drifting:
        yield Line("schemas", f"1: {first.kind}, {_many(len(first.columns), 'column')}")
    else:
        advice = "where a column is missing it counts as empty: look at those that the YAML names"
        yield Line("schemas", f"{len(found):,}: {_some(found, _schema)}", "schema-drift", advice)
    partial = [(k, n) for k, n in (page.shapes.keys or {}).items() if n < page.rows]
    if partial:
        ordered = sorted(partial, key=lambda pair: (-pair[1], pair[0]))
        shown = _some(ordered, lambda pair: f"{pair[0]} {_share(pair[1], page.rows)}", ", ")
        yield Line("keys", f"in part of the rows: {shown}")


def _schema(one: Schema) -> str:
    told = [
        f"more: {_names(one.more)}" if one.more else "",
        f"without {_names(one.lacking)}" if one.lacking else "",
        ", ".join(f"{name} is {here}, not {there}" for name, here, there in one.retyped[:MOST]),
    ]
    head = f"{one.rows:,} rows in {_many(one.files, 'file')} such as {one.example}"
    kind = f"{one.kind}, {_many(len(one.columns), 'column')}"
    return ", ".join([f"{head} ({kind})", *filter(None, told)])


def _duplicates(page: Page) -> Iterator[Line]:
    found, rows = page.duplicates, page.rows
    if found.repeats and found.by == "key":
        yield Line(
            "duplicates",
            f"{_part(found.repeats, rows)} repeat {_many(found.keys, 'key')}, "
            f"one of which stands there {found.most:,} times",
            "duplicates", "each counts once: nothing to do, unless the share grows",
        )  # fmt: skip
    elif found.repeats:
        what = "count once (dedupe: exact)" if page.exact else "count each time"
        yield Line(
            "duplicates",
            f"{_part(found.repeats, rows)} are the same in every column "
            f"as another, one of them {found.most:,} times; no key tells repeats",
            "identical-rows", f"they {what}: name the key of a row in source.columns.id or "
            "source.dedupe, or set dedupe: exact",
        )  # fmt: skip
    else:
        yield Line("duplicates", NOTHING)
    if found.by == "key" and found.keyless:
        yield Line(
            "duplicates", f"{_part(found.keyless, rows)} without key",
            "rows-without-key", "repeats among them count each time: see why the key is empty",
        )  # fmt: skip
    if found.shared:
        yield Line(
            "duplicates", f"{_many(found.shared, 'key')} of several users", "shared-keys",
            "each user's row counts: the key may not be one, or users lack a map of ids "
            "(--identities)",
        )  # fmt: skip


def _late(page: Page) -> Iterator[Line]:
    found = page.late
    if found is None:
        yield Line("late rows", _unknown(page))
        return
    text = (
        f"half come within {numbers.seconds(found.median)}, 90 % within "
        f"{numbers.seconds(found.p90)}, 99 % within {numbers.seconds(found.p99)}, the last after "
        f"{numbers.seconds(found.max)}; later than 1 h {_share(found.hour, found.rows)}, 1 d "
        f"{_share(found.day, found.rows)}, 3 d {_share(found.three_days, found.rows)}"
    )
    if found.grace is not None:
        over = _share(found.over_grace, found.rows)
        text += f", than source.grace ({numbers.seconds(found.grace)}) {over}"
    if found.advised is None or (page.clock and page.clock.offset is not None):
        yield Line("late rows", text)
        return
    advice = f"the newest days lack rows that still come: set source.grace: {found.advised}d"
    if found.imported:
        advice = (
            "rows over a month late look like history that was loaded at once; if they are not, "
            "the newest figures are never final"
        )
    yield Line("late rows", text, "late-rows", advice)


def _unknown(page: Page) -> str:
    if page.received and not page.timed:
        return "not looked for: timestamps have no time of day"
    if page.received:
        return "not looked for: no row tells when it was received"
    return "not looked for: no column tells when rows were received (source.columns.received)"


def _clock(page: Page) -> Iterator[Line]:
    told = [*_ahead(page.clock)] if page.clock else []
    for reason in ("past-timestamps", "future-timestamps"):
        if n := page.set_aside.get(reason, 0):
            text = f"{_many(n, 'row')} {ASIDE[reason]}"
            told.append(Line("clock skew", text, reason, "they are set aside and count nowhere"))
    known = page.clock is not None and page.clock.rows > 0
    yield from told or [Line("clock skew", NOTHING if known else _unknown(page))]


def _ahead(found: Clock) -> Iterator[Line]:
    """Rows, the whole source, or users that are ahead of their receipt, or behind by a zone."""
    if found.ahead:
        yield Line(
            "clock skew",
            f"{_part(found.ahead, found.rows)} happened over a minute "
            f"after they were received, half of these by {numbers.seconds(found.median_ahead)} or "
            f"more, at most by {numbers.seconds(found.max_ahead)}",
            "clock-ahead",
            "clocks of devices are wrong: use the vendor's corrected time, if it has one "
            "(source.columns.timestamp)",
        )
    if found.offset is not None:
        share, off = _share(found.shifted, found.rows), _hours(found.offset)
        yield Line(
            "clock skew", f"{share} of the rows are {off} their receipt", "zone-offset",
            "the zone is read wrongly: set source.time_zone (texts) or source.epoch_zone (numbers)",
        )  # fmt: skip
    if found.users:
        shown = ", ".join(f"{_many(n, 'user')} {_hours(h)}" for h, n in found.offsets)
        yield Line(
            "clock skew", f"always off by the same half hours: {shown} the receipt", "users-offset",
            "their devices send local time as UTC: have the tracking send the zone",
        )  # fmt: skip


def _gaps(found: Volume, zone: str) -> Iterator[Line]:
    days, hours = found.days, found.hours
    advice = "tracking or the export was out: figures of these {} are too low; export them again"
    if days:
        shown = _some(
            days, lambda g: f"{_days(g.first, g.last)} (about {g.missed:,.0f} rows are usual)"
        )
        yield Line("gaps", f"no row on {shown}", "days-without-rows", advice.format("days"))
    if hours:
        shown = _some(hours, lambda g: f"{_hour(g.first, zone)} to "
                      f"{_hour(g.last + HOUR_MS, zone)} (about {g.missed:,.0f})")  # fmt: skip
        yield Line("gaps", f"no row from {shown}", "hours-without-rows", advice.format("hours"))
    if not days and not hours:
        yield Line("gaps", NOTHING)


def _cliffs(volume: Volume) -> Iterator[Line]:
    if not volume.judged:
        yield Line("cliffs", "not looked for: no weekday has two others to be held against")
        return
    for kind, meaning in (
        ("drop", "tracking was out, or nobody was at work: leave such days out of comparisons"),
        ("jump", "a launch, a test or rows sent twice: look which events and users they are"),
    ):
        found = [c for c in volume.cliffs if c.kind == kind]
        if found:
            shown = _some(found, lambda c: f"{_days(c.first, c.last)} ({c.rows:,} rows, "
                          f"{c.usual:,.0f} are usual)")  # fmt: skip
            yield Line("cliffs", f"{kind} on {shown}", f"volume-{kind}", meaning)
    if not volume.cliffs:
        yield Line("cliffs", NOTHING)


def _turns(page: Page) -> Iterator[Line]:
    for kind, word, advice in (
        ("stop", "none since", "their tracking broke or they have another name now (events)"),
        ("start", "none before", "figures of earlier days lack them: the tracking is new"),
    ):
        found = [turn for turn in page.turns if turn.kind == kind]
        if found:
            yield Line("events", _some(found, partial(_turn, word)), f"events-{kind}", advice)
    if not page.turns:
        yield Line("events", f"{NOTHING} that stops or starts")


def _turn(word: str, turn: Turn) -> str:
    """shared none since 2026-03-01 (40 a day while it was there)."""
    return f"{turn.event} {word} {to_date(turn.day)} ({turn.rows:,.0f} a day while it was there)"


def _superhuman(page: Page) -> Iterator[Line]:
    found = page.superhuman
    if not found.users:
        yield Line("superhuman", NOTHING)
        return
    shown = _some(found.suspects, lambda s: f"{s.user} ({s.rows:,} rows, {s.most:,} on a day, "
                  f"{' and '.join(WHY[w] for w in s.why)})")  # fmt: skip
    yield Line(
        "superhuman",
        f"{_many(found.users, 'user')} with {found.rows:,} rows ({_share(found.rows, page.rows)}): "
        f"{shown}", "superhuman-users",
        f"no person does that; if they are bots or tests: {exclusion(page)}",
    )  # fmt: skip


def exclusion(page: Page) -> str:
    """The line of the YAML that leaves the suspects out."""
    told = {"exclude": {"users": [escape(s.user) for s in page.superhuman.suspects]}}
    made: str = yaml.safe_dump(
        told, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
    )  # fmt: skip
    return made.strip().removeprefix("{").removesuffix("}")


def _people(page: Page) -> Iterator[Line]:
    if page.anonymous:
        yield Line(
            "no user", _part(page.anonymous, page.rows), "no-user",
            "they count nowhere; where they have an anonymous id, source.identity (mode: stitch) "
            "gives them to the user known on it",
        )  # fmt: skip
    else:
        yield Line("no user", NOTHING)
    crowd = page.crowd
    text = f"{crowd.single:,} of {_many(crowd.users, 'user')}"
    if crowd.users:
        text += f" ({_share(crowd.single, crowd.users)})"
    many = crowd.users >= LEAST_USERS and crowd.single > MOST_SINGLE * crowd.users
    if many:
        yield Line("single event", text, "single-events", "ids may be new at each visit: see that "
                   "source.columns.user is the id of a person")  # fmt: skip
    else:
        yield Line("single event", text)


def _days(first: int, last: int) -> str:
    return str(to_date(first)) if first == last else f"{to_date(first)} to {to_date(last)}"


def _hour(instant: int, zone: str) -> str:
    moment = datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(zone))
    return f"{moment:%Y-%m-%d %H:%M}"


def _hours(offset: float) -> str:
    """3 h after, or 2.5 h before."""
    return f"{abs(offset):g} h {'after' if offset > 0 else 'before'}"


def _share(n: int, of: int) -> str:
    return numbers.percent(n / of) if of else numbers.NOTHING


def _part(n: int, of: int) -> str:
    """460 rows (1.2 %)."""
    return f"{_many(n, 'row')} ({_share(n, of)})"


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _names(names: Sequence[str]) -> str:
    return _some(names, str, ", ")


def _some(items: Sequence[T], say: Callable[[T], str], between: str = "; ") -> str:
    """The first of some items, and how many more there are."""
    left = len(items) - MOST
    return between.join(map(say, items[:MOST])) + (f" and {left:,} more" if left > 0 else "")
