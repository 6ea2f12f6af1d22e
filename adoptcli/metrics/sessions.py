"""Sessions: how long and how often people are there at a stretch.

Formula: duration = last event − first event; sessions per actor = sessions ÷ actors with one;
sessions per actor-week = sessions ÷ Σ over calendar weeks of the actors with one.
Numerator: sessions, their events (actions) and their time. Denominator: actors with a session in
the period. A session ends where an actor does nothing for more than `gap`, or with the session id
that the log gives (`by: session`); or each active event that carries its length (`by: duration`)
is one session, which begins at its time. Where actors are accounts, each member's sessions are cut
alone.
Window: the complete calendar period in which the session begins; no cut at midnight. Weeks count
for the period in which they begin, where the data hold them whole.
Left out: the session that may still be open at as-of (its last event less than `gap` before, or a
given end after it), rows without session id under `by: session`, and negative lengths; all are
counted. A session of one event has no duration: it is counted apart, and mean, median and quartiles
are of the others. Where lengths are given there are none of these, and actions are not known.
Textbook: time in product ÷ logins; ÷ sessions where the YAML names no `login`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Duration, Name
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import cells, difference, mean, quantile, ratio, small, totals
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline, active_events
from adoptcli.timeline.days import local_day, start_of
from adoptcli.timeline.runs import lengths, runs

HALF_HOUR = 1_800_000
UNITS = {"s": 1, "min": 60, "h": 3600}  # ms of a thousandth


class SessionsSettings(Settings):
    """Where one session ends and the next begins."""

    gap: Duration = Field(HALF_HOUR, description="Longest inactivity within a session.")
    by: Literal["gap", "session", "duration"] = Field(
        "gap", description="Cut by inactivity, by the session column of the source, or not at all: "
        "events carry the length of a session each."
    )  # fmt: skip
    duration: Name = Field("duration", description="The property that holds the length.")
    duration_unit: Literal["ms", "s", "min", "h"] = Field("s", description="Its unit.")

    def numbers(self) -> Iterable[str]:
        return (self.duration,) if self.by == "duration" else ()


def rows(timeline: Timeline, settings: SessionsSettings, context: Context) -> Rows:
    """By actor and period, by actor and week; durations of sessions with several events, logins."""
    starts, weeks = _starts(context.periods()), _starts(_weeks(context))
    found = _sessions(timeline, settings, context)
    latest = context.as_of - (0 if settings.by == "duration" else settings.gap)
    closed = found.lazy().filter(pl.col("last") <= latest)
    dated = _dated(closed, starts).collect()
    timed = dated if settings.by == "duration" else dated.filter(pl.col("single") == 0)
    still_open = _dated(found.lazy().filter(pl.col("last") > latest), starts).collect()
    weekly = _dated(closed, weeks).select("actor", "period").collect()
    return {
        "periods": _by_actor(dated, ["single", "actions", "time"]),
        "weeks": _by_actor(weekly, []),
        "durations": timed.lazy().select("actor", "period", duration="time"),
        "logins": _logins(timeline, starts),
        "left_out": _left_out(timeline, still_open, settings, context),
    }


def _weeks(context: Context) -> list[tuple[int, int]]:
    """The complete weeks of the data that begin on the days shown."""
    weeks = context.calendar.complete(context.first_day, context.as_of_day, "week")
    return [(a, b) for a, b in weeks if context.shown_from <= a < context.end_day]


def _starts(complete: list[tuple[int, int]]) -> list[int]:
    """The starts of complete periods, and the end of the last."""
    return [*(start for start, _ in complete), complete[-1][1]] if complete else []


def _dated(found: pl.LazyFrame, starts: list[int]) -> pl.LazyFrame:
    """actor, period, time (ms), actions, single (0 or 1) of the sessions that begin in a period."""
    return found.select(
        "actor",
        "actions",
        period=start_of(pl.col("day"), starts or [0, 0]),  # without any, no day
        time=pl.col("last") - pl.col("first"),
        single=(pl.col("actions") == 1).cast(pl.Int64),
    ).filter(pl.col("period").is_not_null())


def _by_actor(dated: pl.DataFrame, sums: list[str]) -> pl.LazyFrame:
    found = runs(dated, ["actor", "period"], sums=sums).rename({"length": "sessions"})
    return found.lazy().with_columns(actors=pl.lit(1), squares=pl.col("sessions") ** 2)


def _sessions(timeline: Timeline, settings: SessionsSettings, context: Context) -> pl.DataFrame:
    """actor, first, last (ms), day (of the first), actions; sorted by actor and day."""
    if settings.by == "gap":
        found = _cut(timeline.active_events, settings.gap)
    else:
        found = _given(timeline, settings, context)
        low = context.calendar.midnight(context.first_day)
        day = local_day(pl.col("first"), context.calendar, low, context.as_of)
        found = found.with_columns(day=day)
    same = pl.col("actor") == pl.col("actor").shift(1)
    sorted_by = (pl.col("actor") >= pl.col("actor").shift(1)) & (
        ~same | (pl.col("day") >= pl.col("day").shift(1))
    )
    if found.select(sorted_by.all()).item():
        return found
    return found.sort("actor", "day")


def _given(timeline: Timeline, settings: SessionsSettings, context: Context) -> pl.DataFrame:
    """actor, first, last, actions of the sessions that the log names, or whose length it holds."""
    if settings.by == "session":
        assert timeline.sessions is not None
        return timeline.sessions.select("actor", "first", "last", pl.col("actions").cast(pl.Int64))
    value = pl.col("value")
    length = (
        value // 1000 if settings.duration_unit == "ms" else value * UNITS[settings.duration_unit]
    )
    return (
        _lengths(timeline, settings, context)
        .filter(value >= 0)
        .select(
            "actor", first="time", last=pl.col("time") + length,
            actions=pl.lit(0, dtype=pl.Int64),
        )
    )  # fmt: skip


def _lengths(timeline: Timeline, settings: SessionsSettings, context: Context) -> pl.DataFrame:
    """The active events that carry a readable length: actor, time, value (thousandths)."""
    found = timeline.values.get(settings.duration)
    return _NO_LENGTHS if found is None else active_events(found, context)


_NO_LENGTHS = pl.DataFrame(schema={"actor": pl.UInt32, "time": pl.Int64, "value": pl.Int64})


def _cut(events: pl.DataFrame, gap: int) -> pl.DataFrame:
    """Sessions of events in order: actor, day (of the first), first, last, actions.

    An account's sessions are those of its members, each cut alone.
    """
    who = ["actor"]
    if "member" in events.columns:
        who = ["actor", "member"]
        events = events.select(*who, "time", "day").sort(*who, "time")
    pause = pl.col("time") - pl.col("time").shift(1) > gap
    other = [pl.col(name) != pl.col(name).shift(1) for name in who]
    begins = pl.any_horizontal(pause, *other).fill_null(True)
    fresh = events.lazy().select(fresh=begins).collect().to_series()  # lazily in small pieces
    ends = fresh.shift(-1, fill_value=True)
    return (
        events.select("actor", "day", first="time")
        .filter(fresh)
        .hstack(events.select(last="time").filter(ends))
        .with_columns(actions=lengths(fresh))
    )


def _logins(timeline: Timeline, starts: list[int]) -> pl.LazyFrame:
    period = start_of(pl.col("day"), starts) if starts else pl.lit(None, dtype=pl.Int32)
    found = timeline.login_days().lazy().select("actor", period=period, logins="times")
    return found.filter(pl.col("period").is_not_null())


def _left_out(
    timeline: Timeline, still_open: pl.DataFrame, settings: SessionsSettings, context: Context
) -> pl.LazyFrame:
    """actor, still_open (sessions), without_id (rows), negative (lengths)."""
    one = pl.lit(1, dtype=pl.Int64)
    found = [still_open.select("actor", still_open=one)]
    if settings.by == "session":
        assert timeline.sessions is not None
        events = runs(timeline.active_events, ["actor"]).rename({"length": "without_id"})
        told = -pl.col("actions").cast(pl.Int64)
        found += [events, timeline.sessions.select("actor", without_id=told)]
    if settings.by == "duration":
        lengths = _lengths(timeline, settings, context)
        found.append(lengths.filter(pl.col("value") < 0).select("actor", negative=one))
    measures = ("still_open", "without_id", "negative")
    none = pl.DataFrame(schema={"actor": pl.UInt32, **dict.fromkeys(measures, pl.Int64)})
    summed = (
        pl.concat([none, *found], how="diagonal")
        .lazy()
        .group_by("actor")
        .agg(pl.col(name).sum() for name in measures)
    )
    return summed.filter(pl.any_horizontal(pl.col(name) > 0 for name in measures))


def result(tallies: Tallies, settings: SessionsSettings, context: Context) -> Result:
    """Each complete period, and the last as headline."""
    found = cells(tallies["periods"], ["period"])
    logins = cells(tallies["logins"], ["period"])
    weeks = cells(tallies["weeks"], ["period"])
    periods = context.periods()
    caveats = _caveats(totals(tallies["left_out"]), settings)
    if not any(found.get(start) for start, _ in periods):
        reason = "no session begins in a complete period"
        if settings.by == "duration":
            reason = f"no active event of a complete period has a number in {settings.duration!r}"
        return Result(None, None, (), caveats, status="not_evaluable", reason=reason)
    lines = [
        _line((start, end), found.get(start, _NOBODY), weeks, settings, context)
        for start, end in periods
    ]
    lengths = [
        _length(start, found.get(start, _NOBODY), tallies["durations"], logins, context)
        for start, _ in periods
    ]
    medians = [_estimate(line["median"]) for line in lengths]
    per_actor = [_estimate(line["sessions_per_actor"]) for line in lines]
    per_week = [_estimate(line["per_week"]) for line in lines]
    when = str(lines[-1]["period"])
    headline = Headline(
        "Session length, median", medians[-1], "seconds", when, _change(medians),
        tuple(value.value for value in medians),
        "" if settings.by == "duration" else "sessions of two events and more",
    )  # fmt: skip
    also = tuple(
        Headline(title, values[-1], "number", when, _change(values),
                 tuple(value.value for value in values))
        for title, values in (("Sessions per actor", per_actor),
                              ("Sessions per actor-week", per_week))
    )[: 1 if context.period == "week" else 2]  # fmt: skip
    last = periods[-1][0]
    tables = [
        Table("periods", "By calendar period", _COLUMNS, tuple(lines)),
        Table("lengths", "Length, by calendar period", _LENGTHS, tuple(lengths)),
    ]
    if context.period != "week":
        tables.append(_week_table(weeks, context))
    caveats = (*caveats, *small(medians[-1].denominator, "sessions"))
    textbook = _textbook(found.get(last, _NOBODY), logins.get(last), context)
    return Result(headline, textbook, tuple(tables), caveats, also)


_NOBODY = dict.fromkeys(("sessions", "single", "actions", "time", "actors", "squares"), 0)


def _estimate(cell: object) -> Estimate:
    return cell if isinstance(cell, Estimate) else Estimate(None)


def _change(values: list[Estimate]) -> Estimate | None:
    return difference(values[-1], values[-2]) if len(values) > 1 else None


def _caveats(left_out: dict[str, int], settings: SessionsSettings) -> tuple[Caveat, ...]:
    found = []
    if settings.by == "session":
        text = "sessions are those of the source's session column"
        found.append(Caveat("sessions-as-given", text))
    if settings.by == "duration":
        text = f"sessions and their lengths are those of the property {settings.duration!r}"
        found.append(Caveat("sessions-as-given", text))
    for measure, code, text in (
        ("without_id", "without-session", "active events without session id, left out"),
        ("negative", "negative-durations", "negative lengths, left out"),
        ("still_open", "open-sessions", "sessions that may still be open at as-of, left out"),
    ):
        if left_out.get(measure):
            found.append(Caveat(code, text, left_out[measure]))
    return tuple(found)


def _textbook(counts: dict[str, int], logins: dict[str, int] | None, context: Context) -> Textbook:
    time = counts["time"] / 1000
    times, what = counts["sessions"], "sessions"
    if context.definitions.login is not None:
        times, what = (logins or {"logins": 0})["logins"], "logins"
    return Textbook(
        time / times if times else None, time, times, f"time in product ÷ {what}", "seconds"
    )


_COLUMNS = (
    Column("period", "Period", "date"),
    Column("sessions", "Sessions", "sessions"),
    Column("actors", "Actors", "users"),
    Column("sessions_per_actor", "Per actor"),
    Column("per_week", "Per actor-week"),
    Column("single", "Of one event", "share"),
    Column("actions_per_session", "Actions per session"),
)
_LENGTHS = (
    Column("period", "Period", "date"),
    Column("p25", "p25", "seconds"),
    Column("median", "Median", "seconds"),
    Column("p75", "p75", "seconds"),
    Column("mean", "Mean", "seconds"),
    Column("time", "Time in product", "seconds"),
    Column("time_per_login", "Time per login", "seconds"),
)


def _line(
    span: tuple[int, int], counts: dict[str, int], weeks: dict[int, dict[str, int]],
    settings: SessionsSettings, context: Context,
) -> Row:  # fmt: skip
    n = counts["sessions"]
    begun = [of for start, of in weeks.items() if span[0] <= start < span[1]]
    given = settings.by == "duration"
    return {
        "period": context.label(span[0]),
        "sessions": n,
        "actors": counts["actors"],
        "sessions_per_actor": mean(counts["actors"], n, counts["squares"]),
        "per_week": ratio(sum(of["sessions"] for of in begun), sum(of["actors"] for of in begun)),
        "single": None if given else ratio(counts["single"], n),
        "actions_per_session": None if given else ratio(counts["actions"], n),
    }


def _length(
    start: int, counts: dict[str, int], durations: pl.DataFrame,
    logins: dict[int, dict[str, int]], context: Context,
) -> Row:  # fmt: skip
    in_ms = durations.filter(pl.col("period") == start)["duration"].sort()
    p25, median, p75 = (
        None if (found := quantile(in_ms, q)) is None else found / 1000 for q in (0.25, 0.5, 0.75)
    )
    time = counts["time"] / 1000
    number = logins.get(start, {"logins": 0})["logins"]
    return {
        "period": context.label(start),
        "p25": p25,
        "median": Estimate(median, None, in_ms.len()),
        "p75": p75,
        "mean": time / in_ms.len() if in_ms.len() else None,
        "time": time,
        "time_per_login": ratio(time, number) if context.definitions.login is not None else None,
    }


def _week_table(weeks: dict[int, dict[str, int]], context: Context) -> Table:
    lines: list[Row] = []
    for start, _ in context.periods("week"):
        counts = weeks.get(start, _NOBODY)
        lines.append(
            {
                "period": context.label(start, "week"),
                "sessions": counts["sessions"],
                "actors": counts["actors"],
                "sessions_per_actor": mean(counts["actors"], counts["sessions"], counts["squares"]),
            }
        )
    columns = (Column("period", "Week", "date"), *_COLUMNS[1:4])
    return Table("weeks", "By calendar week", columns, tuple(lines))


METRIC = register(
    Metric(
        id="sessions",
        title="Sessions",
        section="engagement",
        order=4,
        settings=SessionsSettings,
        definition=__doc__,
        rows=rows,
        result=result,
        moments="they do not tell when each was, and so not what a sitting was",
        keys={
            "periods": ("period",),
            "weeks": ("period",),
            "durations": ("period", "duration"),
            "logins": ("period",),
            "left_out": (),
        },
        loose=frozenset({"durations"}),
        plain=frozenset({"left_out", "logins"}),
    )
)
