"""Round 0: what is in the log, what is set aside, and up to when the rest counts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from adoptcli.context import Unit
from adoptcli.definitions import Exclude
from adoptcli.errors import DataProblem
from adoptcli.timeframe import DAY_MS, Calendar
from adoptcli.timeline.days import local_day
from adoptcli.timeline.encode import Encoded

EARLIEST = -2_208_988_800_000  # 1900-01-01; nothing that a product logs is older
LATEST = 7_258_118_400_000  # 2200-01-01
LONG = 20 * 366 * DAY_MS
STRAY_SHARE = 0.01
LAST_HOUR = 23


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Counts of rows, the bounds of those that count, and the codes that do not.

    Attributes:
        rows: All rows read.
        set_aside: Rows that cannot count, by reason.
        anonymous: Usable rows without a user.
        excluded: Rows of excluded users, accounts and events.
        first_day, last_day: Local days of the earliest and the latest row that counts.
        start, as_of: Instants [start, as_of) between which rows count.
        end: The instant up to which times are not stray.
        as_of_day: The local day that begins at as-of.
        events: How often each raw event code occurs among the rows that count.
        volume: Rows that count, by local day.
        unit: Whose behaviour is counted; rows without account are no account's.
    """

    rows: int
    set_aside: Mapping[str, int]
    anonymous: int
    excluded: int
    first_day: int
    last_day: int
    start: int
    as_of: int
    end: int
    as_of_day: int
    excluded_users: Sequence[int]
    excluded_accounts: Sequence[int]
    excluded_events: Sequence[int]
    volume: Mapping[int, int]
    unit: Unit = "user"

    def keep(self, columns: Sequence[str]) -> pl.Expr:
        """True for the rows that count."""
        found = self.inside(columns)
        return found & pl.col("account").is_not_null() if self.unit == "account" else found

    def inside(self, columns: Sequence[str]) -> pl.Expr:
        """True for the rows that count for users."""
        inside = (pl.col("time") >= self.start) & (pl.col("time") < self.as_of)
        return inside if self.clean else inside & counted(self, columns)

    def needed(self, columns: Sequence[str]) -> pl.Expr:
        """True for the rows that must be held to count: those that do, and what is chosen from."""
        among = self.delivered(late="prefer" in columns) if "id" in columns else None
        return self.keep(columns) if among is None else self.keep(columns) | among

    def delivered(self, *, late: bool) -> pl.Expr | None:
        """True for the rows among which that of several deliveries is chosen which counts.

        Rows that are excluded or without weight are, so that it is chosen before it is judged; rows
        that cannot be used or have a stray time are not: they say nothing of the others. Nor are
        those of excluded users, who have no other rows.

        Args:
            late: Rows from as-of on may be chosen before others; the earliest never is one.

        Returns:
            Nothing where these are the rows that count.
        """
        out = self.excluded or self.set_aside.get("no-weight") or self.unit == "account"
        late = late and self.as_of < self.end
        if not out and not late:
            return None
        time, end = pl.col("time"), max(self.end, self.as_of) if late else self.as_of
        usable = pl.col("user").is_not_null() & pl.col("event").is_not_null()
        if self.excluded_users:
            usable &= ~pl.col("user").is_in(list(self.excluded_users))
        return usable & (time >= self.start) & (time < end)

    @property
    def clean(self) -> bool:
        """No row must be left out but for its time."""
        aside = self.set_aside.get("no-event") or self.set_aside.get("no-weight")
        return not (self.anonymous or self.excluded or aside)


def counted(codes: Survey | Excluded, columns: Sequence[str]) -> pl.Expr:
    """True for usable rows of known users that nothing excludes, whenever they were."""
    return pl.col("user").is_not_null() & usable(codes, columns)


def usable(codes: Survey | Excluded, columns: Sequence[str]) -> pl.Expr:
    """The same, whether or not the user is known."""
    kept = pl.col("event").is_not_null() & pl.col("time").is_not_null()
    if codes.excluded_users:
        kept &= ~pl.col("user").is_in(list(codes.excluded_users)).fill_null(False)
    if codes.excluded_events:
        kept &= ~pl.col("event").is_in(list(codes.excluded_events))
    if codes.excluded_accounts and "account" in columns:
        kept &= ~pl.col("account").is_in(list(codes.excluded_accounts)).fill_null(False)
    return kept


@dataclass(frozen=True)
class Excluded:
    """Codes of what the YAML excludes."""

    excluded_users: Sequence[int]
    excluded_accounts: Sequence[int]
    excluded_events: Sequence[int]


def _matching(encoded: Encoded, name: str, patterns: Sequence[str]) -> list[int]:
    """The codes of a column whose texts one of the patterns matches."""
    if not patterns or name not in encoded.columns:
        return []
    return encoded.dictionaries[name].matching(encoded.size(name), patterns)


def survey(
    encoded: Encoded,
    exclude: Exclude,
    calendar: Calendar,
    as_of_day: int | None,
    dates_only: bool,
    grace: int = 0,
    start_day: int | None = None,
    *,
    nobody: bool = False,
) -> Survey:
    """Look over the encoded rows.

    Args:
        encoded: All rows.
        exclude: Patterns of what does not count.
        calendar: The report's zone.
        as_of_day: The day asked for, or None for the default.
        dates_only: The timestamps have no time of day.
        grace: So many ms before the last row the log may still lack rows.
        start_day: The first day that was read whole, where older files were not read.
        nobody: Where no row has a user, the bounds are those of the rows without.

    Raises:
        DataProblem: `no-events` where nothing is left to count.
    """
    codes = Excluded(
        _matching(encoded, "user", exclude.users),
        _matching(encoded, "account", exclude.accounts),
        _matching(encoded, "event", exclude.events),
    )
    kept = counted(codes, encoded.columns)
    totals = _totals(encoded, kept)
    if nobody and not totals["counted"]:
        kept = usable(codes, encoded.columns)
        totals = _totals(encoded, kept)
    if not totals["counted"]:
        raise _nothing(totals)
    bounds = _roughly(encoded, kept, totals["first"], totals["last"])
    volume = _volume(encoded, kept, calendar, *bounds)
    first_day, last_day = _without_strays(volume)
    cut_off = start_day is not None and first_day < start_day
    if start_day is not None:
        first_day = max(first_day, start_day)
    if first_day > last_day:
        raise _all_before(first_day, last_day, calendar)
    days = {d: n for d, n in volume.items() if first_day <= d <= last_day}
    start, end = calendar.midnight(first_day), calendar.midnight(last_day + 1)
    past, future, last = 0, 0, totals["last"]
    strays = totals["kept"] > totals["counted"] or totals["first"] < start or last >= end
    if strays:
        past, future, last = _outside(encoded, kept, start, end)
    if as_of_day is None:
        complete = dates_only or calendar.local_hour(last) >= LAST_HOUR
        as_of_day = last_day + 1 if complete else last_day
        # A log of a single day has no other day to count.
        as_of_day = max(as_of_day - -(-grace // DAY_MS), first_day + 1)
    partial = sum(n for d, n in days.items() if d >= as_of_day)
    if partial == sum(days.values()):
        raise _too_early(as_of_day, first_day, last_day, calendar)
    aside = {
        "unreadable-time": totals["no_time"],
        "no-event": totals["no_event"],
        "before-lookback" if cut_off else "past-timestamps": past,
        "future-timestamps": future,
        "after-as-of": partial,
    }
    return Survey(
        rows=totals["rows"],
        set_aside={reason: n for reason, n in aside.items() if n},
        anonymous=totals["anonymous"],
        excluded=totals["excluded"],
        first_day=first_day,
        last_day=min(last_day, as_of_day - 1),
        start=start,
        as_of=calendar.midnight(as_of_day),
        end=end,
        as_of_day=as_of_day,
        excluded_users=codes.excluded_users,
        excluded_accounts=codes.excluded_accounts,
        excluded_events=codes.excluded_events,
        volume=days,
        unit=encoded.unit,
    )


def _totals(encoded: Encoded, kept: pl.Expr) -> dict[str, int]:
    """Rows by what can be said of them; each row is in one of the groups."""
    time, event, user = pl.col("time"), pl.col("event"), pl.col("user")
    usable = time.is_not_null() & event.is_not_null()
    blank = time.is_null() & event.is_null() & user.is_null()
    sane = time.is_between(EARLIEST, LATEST)
    sums = {
        "rows": ~blank,
        "no_time": time.is_null() & ~blank,
        "no_event": time.is_not_null() & event.is_null(),
        "anonymous": usable & user.is_null(),
        "excluded": usable & user.is_not_null() & ~kept,
        "kept": kept,
        "counted": kept & sane,
    }
    bounds = {"first": time.filter(kept & sane).min(), "last": time.filter(kept & sane).max()}
    asked = [*(expr.sum().alias(name) for name, expr in sums.items())]
    asked += [expr.alias(name) for name, expr in bounds.items()]
    found = encoded.ask(lambda rows: rows.select(asked))
    whole = found.select(pl.col(*sums).sum(), pl.col("first").min(), pl.col("last").max())
    return {name: value or 0 for name, value in whole.row(0, named=True).items()}


def _roughly(encoded: Encoded, kept: pl.Expr, first: int, last: int) -> tuple[int, int]:
    """The times between which the log lies, give or take a day.

    Only for logs that seem to span decades: a zone's clock need not be known so far from the log.
    """
    if last - first < LONG:
        return first, last
    day = pl.col("time") // DAY_MS
    low, high = _without_strays(_by_day(encoded, kept, day, first, last))
    return max(first, (low - 1) * DAY_MS), min(last, (high + 2) * DAY_MS)


def _outside(encoded: Encoded, kept: pl.Expr, start: int, end: int) -> tuple[int, int, int]:
    """How many rows lie before and after [start, end), and the last time within."""
    time = pl.col("time")
    found = encoded.ask(
        lambda rows: rows.filter(kept).select(
            past=(time < start).sum(),
            future=(time >= end).sum(),
            last=time.filter(time < end).max(),
        )
    )
    past, future, last = found.select(pl.col("past", "future").sum(), pl.col("last").max()).row(0)
    return int(past), int(future), int(last)


def _volume(
    encoded: Encoded, kept: pl.Expr, calendar: Calendar, first: int, last: int
) -> dict[int, int]:
    day = local_day(pl.col("time"), calendar, first, last)
    return _by_day(encoded, kept, day, first, last)


def _by_day(encoded: Encoded, kept: pl.Expr, day: pl.Expr, first: int, last: int) -> dict[int, int]:
    """How many rows count on each day of those between two times."""
    inside = kept & pl.col("time").is_between(first, last)
    found = encoded.ask(lambda rows: rows.filter(inside).group_by(day.alias("day")).len())
    days = found.group_by("day").agg(pl.col("len").sum()).sort("day")
    return {int(d): int(n) for d, n in days.iter_rows()}


def _without_strays(volume: Mapping[int, int]) -> tuple[int, int]:
    """The first and last day that belong to the log; a few rows far outside do not.

    The days at the ends with under 1 % of the median day's rows are outside. A small log has days
    of one row, so a group of days beyond a gap longer than a year and than all the rest is outside
    too where it holds under a fifth of the rest's rows.
    """
    days = sorted(volume)
    median = sorted(volume.values())[len(days) // 2]
    solid = [d for d in days if volume[d] >= STRAY_SHARE * median]
    days = [d for d in days if solid[0] <= d <= solid[-1]]
    while len(days) > 1:
        gap, at = max((b - a, i) for i, (a, b) in enumerate(itertools.pairwise(days)))
        before, after = days[: at + 1], days[at + 1 :]
        small, large = sorted((before, after), key=lambda part: sum(volume[d] for d in part))
        few = 5 * sum(volume[d] for d in small) < sum(volume[d] for d in large)
        if not few or gap <= max(366, large[-1] - large[0]):
            break
        days = large
    return days[0], days[-1]


def _nothing(totals: Mapping[str, int]) -> DataProblem:
    if not totals["rows"]:
        return DataProblem("no-events", "the files hold no rows", "check the export")
    reasons = ", ".join(
        f"{totals[key]:,} {words}"
        for key, words in (
            ("no_time", "with a time that cannot be read"), ("no_event", "without an event"),
            ("anonymous", "without a user"),
        )
        if totals[key]
    ) or "all of them excluded"  # fmt: skip
    return DataProblem(
        "no-events",
        f"none of the {totals['rows']:,} rows can be counted: {reasons}",
        "check source.columns, source.timestamp_format and exclude in the YAML; "
        "--rejects FILE writes the rows",
    )


def _all_before(first: int, last: int, calendar: Calendar) -> DataProblem:
    return DataProblem(
        "nothing-since",
        f"no event lies on or after {calendar.label(first, 'day')}, up to which source.lookback "
        f"reaches back from --since; the last is of {calendar.label(last, 'day')}",
        "choose an earlier --since or a longer lookback",
    )


def _too_early(as_of_day: int, first: int, last: int, calendar: Calendar) -> DataProblem:
    return DataProblem(
        "as-of-before-data",
        f"no event lies before {calendar.label(as_of_day, 'day')}, the as-of; the data run from "
        f"{calendar.label(first, 'day')} to {calendar.label(last, 'day')}",
        "choose --as-of after the first day, or the day after the last to take in a partial day",
    )
