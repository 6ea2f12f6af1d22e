"""Sessions: how long and how often people are there at a stretch.

Formula: duration = last event − first event; sessions per actor = sessions ÷ actors with one.
Numerator: sessions, their events (actions) and their time. Denominator: actors with a session in
the period. A session ends where an actor does nothing for more than `gap`, or with the session id
that the log gives (`by: session`).
Window: the complete calendar period in which the session begins; no cut at midnight.
Left out: the session that may still be open at as-of (its last event less than `gap` before), and
rows without session id under `by: session`. A session of one event has no duration: it is counted
apart, and medians and quartiles are of the others.
Textbook: time in product ÷ logins; ÷ sessions where the YAML names no `login`.
"""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field

from adoptcli.context import Context
from adoptcli.definitions import Duration
from adoptcli.metrics._base import Metric, Rows, Settings, Tallies, register
from adoptcli.metrics._shared import cells, difference, mean, quantile, ratio, share, small
from adoptcli.results import Caveat, Column, Estimate, Headline, Result, Row, Table, Textbook
from adoptcli.timeline import Timeline
from adoptcli.timeline.days import local_day, start_of
from adoptcli.timeline.runs import runs

HALF_HOUR = 1_800_000


class SessionsSettings(Settings):
    """Where one session ends and the next begins."""

    gap: Duration = Field(HALF_HOUR, description="Longest inactivity within a session.")
    by: Literal["gap", "session"] = Field(
        "gap", description="Cut by inactivity, or by the session column of the source."
    )


def rows(timeline: Timeline, settings: SessionsSettings, context: Context) -> Rows:
    """`periods` by actor, `durations` of sessions with several events, `logins`."""
    complete = context.periods()
    starts = [*(s for s, _ in complete), complete[-1][1]] if complete else []
    found = _sessions(timeline, settings, context, starts)
    per_actor = runs(found, ["actor", "period"], sums=["single", "actions", "time"]).lazy()
    several = found.lazy().filter(pl.col("single") == 0)
    durations = several.select("actor", "period", duration="time")
    return {
        "periods": per_actor.rename({"length": "sessions"}).with_columns(
            actors=pl.lit(1), squares=pl.col("sessions") ** 2
        ),
        "durations": durations,
        "logins": _logins(timeline, context, starts),
    }


def _sessions(
    timeline: Timeline, settings: SessionsSettings, context: Context, starts: list[int]
) -> pl.DataFrame:
    """actor, period, time (ms), actions, single (0 or 1) of the sessions in complete periods.

    Sorted by actor and period.
    """
    if not starts:
        return _NONE
    if settings.by == "session" and timeline.sessions is not None:
        found = timeline.sessions
        low = found["first"].min()
        if not isinstance(low, int):
            return _NONE
        day = local_day(pl.col("first"), context.calendar, low, context.as_of)
        found = found.with_columns(day=day).sort("actor", "first", "last")
    else:
        found = _cut(timeline.active_events, settings.gap)
    closed = pl.col("last") <= context.as_of - settings.gap
    return (
        found.lazy()
        .filter(closed)
        .select(
            "actor",
            period=start_of(pl.col("day"), starts),
            time=pl.col("last") - pl.col("first"),
            actions=pl.col("actions").cast(pl.Int64),
            single=(pl.col("actions") == 1).cast(pl.Int64),
        )
        .filter(pl.col("period").is_not_null())
        .collect(engine="in-memory")
    )


_NONE = pl.DataFrame(
    schema={
        "actor": pl.UInt32, "period": pl.Int32, "time": pl.Int64, "actions": pl.Int64,
        "single": pl.Int64,
    }
)  # fmt: skip


def _cut(events: pl.DataFrame, gap: int) -> pl.DataFrame:
    """Sessions of events in order: actor, day (of the first), first, last, actions.

    An account's sessions are those of its members, each cut alone.
    """
    if "member" in events.columns:
        members = events.sort("actor", "member", "time").with_columns(
            account="actor", actor=pl.struct("actor", "member").rank("dense")
        )
        found = _cut(members.drop("member"), gap).join(
            members.select("actor", "account").unique(), on="actor"
        )
        return found.drop("actor").rename({"account": "actor"}).sort("actor", "first", "last")
    time = events["time"]
    other = pl.col("actor") != pl.col("actor").shift(1)
    pause = pl.col("time") - pl.col("time").shift(1) > gap
    fresh = events.lazy().select((other | pause).fill_null(True))
    begin = fresh.collect().to_series().arg_true()
    end = begin.shift(-1, fill_value=events.height)
    return pl.DataFrame(
        {
            "actor": events["actor"].gather(begin),
            "day": events["day"].gather(begin),
            "first": time.gather(begin),
            "last": time.gather(end - 1),
            "actions": end - begin,
        }
    )


def _logins(timeline: Timeline, context: Context, starts: list[int]) -> pl.LazyFrame:
    found = timeline.of(context.definitions.login or []).lazy()
    period = start_of(pl.col("day"), starts) if starts else pl.lit(None, dtype=pl.Int32)
    return (
        found.select("actor", period=period)
        .filter(pl.col("period").is_not_null())
        .group_by("actor", "period")
        .agg(logins=pl.len().cast(pl.Int64))
    )


def result(tallies: Tallies, settings: SessionsSettings, context: Context) -> Result:
    """Each complete period, and the last as headline."""
    found = cells(tallies["periods"], ["period"])
    logins = cells(tallies["logins"], ["period"])
    has_login = context.definitions.login is not None
    lines = [
        _line(start, found.get(start), tallies["durations"], logins, has_login, context)
        for start, _ in context.periods()
    ]
    caveats = _caveats(settings, context)
    if not any(found.get(start) for start, _ in context.periods()):
        return Result(
            None, None, (), caveats, status="not_evaluable",
            reason="no session begins in a complete period",
        )  # fmt: skip
    last, before = lines[-1], lines[-2] if len(lines) > 1 else None
    now = _estimate(last["median"])
    long = int(now.denominator or 0)
    headline = Headline(
        "Session length, median",
        now,
        "seconds",
        str(last["period"]),
        difference(now, _estimate(before["median"])) if before else None,
        tuple(_estimate(line["median"]).value for line in lines),
        "sessions of two events and more",
    )
    per_actor = _estimate(last["sessions_per_actor"])
    also = (
        Headline(
            "Sessions per actor", per_actor, "number", str(last["period"]),
            difference(per_actor, _estimate(before["sessions_per_actor"])) if before else None,
            tuple(_estimate(line["sessions_per_actor"]).value for line in lines),
        ),
    )  # fmt: skip
    counts = found.get(context.periods()[-1][0])
    textbook = _textbook(counts, logins.get(context.periods()[-1][0]), has_login)
    table = Table("periods", "By calendar period", _COLUMNS, tuple(lines))
    return Result(headline, textbook, (table,), (*caveats, *small(long, "sessions")), also)


def _estimate(cell: object) -> Estimate:
    return cell if isinstance(cell, Estimate) else Estimate(None)


def _caveats(settings: SessionsSettings, context: Context) -> tuple[Caveat, ...]:
    if settings.by == "gap":
        return ()
    return (Caveat("sessions-as-given", "sessions are those of the source's session column"),)


def _textbook(
    counts: dict[str, int] | None, logins: dict[str, int] | None, has_login: bool
) -> Textbook:
    time = counts["time"] / 1000 if counts else 0.0
    times = (
        (logins or {"logins": 0})["logins"]
        if has_login
        else (counts or {"sessions": 0})["sessions"]
    )
    what = "logins" if has_login else "sessions"
    return Textbook(
        time / times if times else None, time, times, f"time in product ÷ {what}", "seconds"
    )


_COLUMNS = (
    Column("period", "Period", "date"),
    Column("sessions", "Sessions", "sessions"),
    Column("actors", "Actors", "users"),
    Column("sessions_per_actor", "Per actor"),
    Column("single", "Of one event", "share"),
    Column("actions", "Actions", "events"),
    Column("actions_per_session", "Actions per session"),
    Column("time", "Time in product", "seconds"),
    Column("p25", "p25", "seconds"),
    Column("median", "Median", "seconds"),
    Column("p75", "p75", "seconds"),
    Column("time_per_login", "Time per login", "seconds"),
)


def _line(
    start: int, counts: dict[str, int] | None, durations: pl.DataFrame,
    logins: dict[int, dict[str, int]], has_login: bool, context: Context,
) -> Row:  # fmt: skip
    counts = counts or dict.fromkeys(
        ("sessions", "single", "actions", "time", "actors", "squares"), 0
    )
    n = counts["sessions"]
    sorted_ms = durations.filter(pl.col("period") == start)["duration"].sort()
    multi = n - counts["single"]
    quartiles = {
        name: None if (found := quantile(sorted_ms, q)) is None else found / 1000
        for name, q in (("p25", 0.25), ("median", 0.5), ("p75", 0.75))
    }
    time = counts["time"] / 1000
    number = logins.get(start, {"logins": 0})["logins"]
    return {
        "period": context.label(start),
        "sessions": n,
        "actors": counts["actors"],
        "sessions_per_actor": mean(counts["actors"], n, counts["squares"]),
        "single": share(counts["single"], n) if n else Estimate(None, 0, 0),
        "actions": counts["actions"],
        "actions_per_session": ratio(counts["actions"], n),
        "time": time,
        "p25": quartiles["p25"],
        "median": Estimate(quartiles["median"], None, multi),
        "p75": quartiles["p75"],
        "time_per_login": ratio(time, number) if has_login else None,
    }


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
        keys={"periods": ("period",), "durations": ("period", "duration"), "logins": ("period",)},
        loose=frozenset({"durations"}),
    )
)
