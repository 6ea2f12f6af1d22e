"""The page of each source: what its rows are like, from the rows as they were encoded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from adoptcli import progress
from adoptcli.definitions import Source
from adoptcli.quality import duplicates, lateness, superhuman, tracking, volume
from adoptcli.quality.page import Page
from adoptcli.quality.schema import shapes
from adoptcli.runner.prepare import Prepared
from adoptcli.runner.presets import NONE
from adoptcli.source.events import Part
from adoptcli.source.files import FAILURES
from adoptcli.timeframe import HOUR_MS
from adoptcli.timeline.days import local_day, local_hour
from adoptcli.timeline.survey import usable


@dataclass(frozen=True)
class _Source:
    """One source of a prepared run, its parts by number, and the bounds of the whole log.

    Of a `bucket` it has the rows of that bucket's users alone.
    """

    prepared: Prepared
    source: Source
    name: str
    parts: Mapping[int, Part]
    bucket: int | None = None

    @property
    def buckets(self) -> int:
        """Into how many its users are parted."""
        return self.prepared.plan.layout.buckets

    @property
    def start(self) -> int:
        return self.prepared.plan.survey.start

    @property
    def end(self) -> int:
        return self.prepared.plan.survey.end

    @property
    def keyed(self) -> bool:
        """Whether any of the files has a key of repeats."""
        return any(part.key or "id" in part.columns for part in self.parts.values())

    @property
    def dated(self) -> bool:
        """Whether it is known when rows came, and when on a day they happened."""
        return any("received" in p.columns and not p.date_only for p in self.parts.values())

    def rows(self) -> pl.LazyFrame:
        """Its rows as the files have them, but for blank lines."""
        time, event, user = pl.col("time"), pl.col("event"), pl.col("user")
        mine = pl.col("part").is_in([*self.parts])
        blank = time.is_null() & event.is_null() & user.is_null()
        encoded, bucket = self.prepared.plan.encoded, self.bucket
        rows = encoded.all() if bucket is None else encoded.bucket(bucket, self.buckets)
        return rows.filter(mine & ~blank)

    def within(self) -> pl.LazyFrame:
        """Those within the bounds of the log."""
        return self.rows().filter(pl.col("time").is_between(self.start, self.end, closed="left"))

    def counting(self) -> pl.LazyFrame:
        """Those that can be used and that nothing excludes, with their local day."""
        plan = self.prepared.plan
        day = local_day(pl.col("time"), plan.context.calendar, self.start, self.end)
        kept = usable(plan.survey, plan.encoded.columns)
        beside = [name for name in ("id", "received") if name in self.columns]
        return self.within().filter(kept).select("user", "event", "time", *beside, day=day)

    @property
    def columns(self) -> list[str]:
        """What is known of each row."""
        return self.prepared.plan.encoded.all().collect_schema().names()


def pages(prepared: Prepared) -> tuple[Page, ...]:
    """One a source, in the order of the YAML."""
    canonical = prepared.canonical
    of = [
        {i: part for i, part in enumerate(canonical.parts) if part.source is source}
        for source in canonical.sources
    ]
    names = _names(canonical.sources, of)
    several = zip(canonical.sources, names, of, strict=True)
    progress.step(progress.CHECKING, prepared.plan.survey.rows)
    return tuple(
        _page(_Source(prepared, source, name, parts)) for source, name, parts in several if parts
    )


def _names(sources: Sequence[Source], of: Sequence[Mapping[int, Part]]) -> list[str]:
    """Presets, or first files; of one preset in several sources both."""
    files = [next((p.scan.files[0].name for p in parts.values()), "") for parts in of]
    told = [s.preset if s.preset not in (None, NONE) else None for s in sources]
    times = Counter(told)
    return [
        file if name is None else name if times[name] == 1 else f"{name}, {file}"
        for name, file in zip(told, files, strict=True)
    ]


def _page(one: _Source) -> Page:
    parts, bad = [*one.parts.values()], _bad_lines(one)
    by_part = dict(one.rows().group_by("part").len().collect().iter_rows())
    rows = [by_part.get(number, 0) for number in one.parts]
    keys = one.rows().select("id", "user") if one.keyed else None
    several = None if keys is None else duplicates.repeated(keys, one.buckets)
    days, found = _suspected(one)
    persons = one.counting().filter(~pl.col("user").is_in([*found.why]).fill_null(False))
    late, clock = _arrivals(one, persons, several)
    flow, turns = _flow(one, persons)
    names = one.prepared.plan.encoded.dictionaries["user"].text
    return Page(
        name=one.name,
        files=len({file.name for part in parts for file in part.scan.files}),
        rows=sum(rows) + bad,
        span=_span(one),
        shapes=shapes([part.scan for part in parts], rows),
        set_aside=_set_aside(one, bad),
        anonymous=_anonymous(one),
        duplicates=_duplicates(one, several),
        exact=one.prepared.plan.context.definitions.dedupe == "exact",
        timed=not all(part.date_only for part in parts),
        received=any("received" in part.columns for part in parts),
        late=late,
        clock=clock,
        volume=flow,
        turns=turns,
        crowd=superhuman.crowd(days),
        superhuman=superhuman.superhuman(days, found, names),
    )


def _suspected(one: _Source) -> tuple[pl.DataFrame, superhuman.Suspected]:
    """The days of users, and those users that no person is behind."""
    hour = local_hour(pl.col("time"), one.prepared.plan.context.calendar, one.start, one.end)
    several: list[pl.DataFrame] = []
    odd: dict[superhuman.Why, list[int]] = defaultdict(list)
    for bucket in range(one.buckets):
        rows = replace(one, bucket=bucket).counting().filter(pl.col("user").is_not_null())
        days = superhuman.user_days(rows)
        several.append(days.drop("first", "last"))
        for why, users in superhuman.rhythms(days, rows, hour).items():
            odd[why] += users
    whole = pl.concat(several)
    return whole, superhuman.suspected(whole, odd)


def _arrivals(
    one: _Source, persons: pl.LazyFrame, several: pl.DataFrame | None
) -> tuple[lateness.Lateness | None, lateness.Clock | None]:
    """How late rows are, and whether clocks are right; each event once, as it first came."""
    if not one.dated:
        return None, None
    again = several is not None and several.height > 0
    once = lateness.first_received(persons, several) if again and several is not None else persons
    known = lateness.received(once)
    return lateness.lateness(known, one.source.grace), lateness.clock(known)


def _flow(
    one: _Source, persons: pl.LazyFrame
) -> tuple[volume.Volume | None, tuple[tracking.Turn, ...]]:
    """How even the flow of rows is, and which events stop or start."""
    daily, by_event, hourly = _counts(one, persons)
    end = one.prepared.plan.context.as_of_day
    flow = volume.volume(daily, hourly, end) if daily else None
    return flow, tuple(tracking.turns(by_event, daily, end))


def _span(one: _Source) -> tuple[int, int] | None:
    """The local days of the first and the last row that counts."""
    day = pl.col("day")
    first, last = one.counting().select(first=day.min(), last=day.max()).collect().row(0)
    return None if first is None else (first, last)


def _bad_lines(one: _Source) -> int:
    mine = {file.name for part in one.parts.values() for file in part.scan.files}
    return sum(name in mine for name, *_ in one.prepared.canonical.rejected)


def _anonymous(one: _Source) -> int:
    """Usable rows without user."""
    read = pl.col("time").is_not_null() & pl.col("event").is_not_null()
    found = one.rows().select((read & pl.col("user").is_null()).sum())
    return int(found.collect().item())


def _set_aside(one: _Source, bad: int) -> dict[str, int]:
    time, event = pl.col("time"), pl.col("event")
    usual = usable(one.prepared.plan.survey, one.prepared.plan.encoded.columns)
    found = one.rows().select(
        time.is_null().sum().alias("unreadable-time"),
        (time.is_not_null() & event.is_null()).sum().alias("no-event"),
        (usual & (time < one.start)).sum().alias("past-timestamps"),
        (usual & (time >= one.end)).sum().alias("future-timestamps"),
    )  # fmt: skip
    row = {**found.collect().row(0, named=True), "bad-line": bad}
    return {reason: n for reason, n in row.items() if n}


def _duplicates(one: _Source, several: pl.DataFrame | None) -> duplicates.Duplicates:
    """By the key, if any of the files has one."""
    if several is not None:
        return duplicates.by_key(one.rows().select("id", "user"), several)
    try:
        scans = [part.scan for part in one.parts.values()]
        return duplicates.by_row(scans, one.buckets, one.prepared.folder)
    except FAILURES as error:
        raise one.prepared.canonical.broken(error) from error


def _counts(
    one: _Source, some: pl.LazyFrame
) -> tuple[dict[int, int], dict[str, dict[int, int]], dict[int, int]]:
    """Rows by day, by event and day where it may be a daily one, and by hour since 1970."""
    table = some.group_by("event", "day").len().collect()
    days = table.group_by("day").agg(pl.col("len").sum())
    often = table.filter(pl.len().over("event") >= tracking.FEWEST)
    names = one.prepared.plan.encoded.dictionaries["event"].text(often["event"])
    by_event: dict[str, dict[int, int]] = defaultdict(dict)
    for name, day, n in zip(names, often["day"], often["len"], strict=True):
        by_event[name][day] = n
    hours = some.group_by((pl.col("time") // HOUR_MS).alias("hour")).len().collect()
    return dict(days.iter_rows()), by_event, dict(hours.iter_rows())
