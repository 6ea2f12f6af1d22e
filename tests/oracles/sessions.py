"""Sessions of complete periods, cut one event after the other."""

from __future__ import annotations

import random
from datetime import date
from typing import Any, NamedTuple

from tests.oracles.database import DB, rows, where
from tests.oracles.model import Tables, World, quantile

CELLS = [("periods", "actors"), ("weeks", "actors")]
QUARTILES = (("p25", 0.25), ("median", 0.5), ("p75", 0.75))
UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
GAPS = {"30min": 1_800_000, "1h": 3_600_000, "12h": 43_200_000}


def section(rng: random.Random) -> dict[str, Any]:
    """By inactivity, by id, or as the property `score` says."""
    by = rng.choice(("gap", "gap", "session", "duration"))
    found: dict[str, Any] = {"by": by, "gap": rng.choice((*GAPS,))}
    if by == "duration":
        found |= {"duration": "score", "duration_unit": rng.choice((*UNITS,))}
    return {"sessions": found}


class Session(NamedTuple):
    """Times in ms."""

    user: str
    first: int
    last: int
    actions: int


def plain(world: World) -> Tables:
    """Every session by a loop over the events of its user."""
    c = world.config["sessions"]
    gap, given = GAPS[c["gap"]], c["by"] == "duration"
    found = [s for user in world.users for s in _of(world, user, c)]
    closed = [s for s in found if s.last <= world.as_of - (0 if given else gap)]
    periods = world.complete()
    if not any(_within(world, closed, span) for span in periods):
        return {}
    weeks = world.whole("week")
    lines, lengths = [], []
    for a, b in periods:
        mine = _within(world, closed, (a, b))
        begun = [_within(world, closed, span) for span in weeks if a <= span[0] < b]
        timed = [s.last - s.first for s in mine if given or s.actions > 1]
        time = sum(s.last - s.first for s in mine) / 1000
        logins = sum(
            world.means("login", e, p) and a <= world.day(t) < b
            for user in world.users for t, e, p in world.events[user]
        )  # fmt: skip
        lines.append(
            {
                "period": world.label(a), "sessions": len(mine), "actors": _people(mine),
                "sessions_per_actor": (len(mine), _people(mine)),
                "per_week": (sum(map(len, begun)), sum(map(_people, begun))),
                "single": None if given else (sum(s.actions == 1 for s in mine), len(mine)),
                "actions_per_session": None if given
                else (sum(s.actions for s in mine), len(mine)),
            }
        )  # fmt: skip
        lengths.append(
            {
                "period": world.label(a), "time": time,
                "mean": time / len(timed) if timed else None,
                "time_per_login": (time, logins),
                **{
                    name: None if (v := quantile(timed, q)) is None else float(v) / 1000
                    for name, q in QUARTILES
                },
            }
        )  # fmt: skip
    by_week = [
        {
            "period": world.label(a, "week"), "sessions": len(mine), "actors": _people(mine),
            "sessions_per_actor": (len(mine), _people(mine)),
        }
        for a, b in world.complete("week") for mine in [_within(world, closed, (a, b))]
    ]  # fmt: skip
    found = {"periods": lines, "lengths": lengths}
    return found if world.period == "week" else {**found, "weeks": by_week}


def _of(world: World, user: str, c: dict[str, Any]) -> list[Session]:
    """The sessions of a user, or of each member of an account."""
    found = [(t, p) for t, e, p in world.events[user] if world.active(e, p)]
    members = {p["member"]: None for _, p in found}
    return [s for m in members for s in _cut(user, [r for r in found if r[1]["member"] == m], c)]


def _cut(user: str, found: list[Any], c: dict[str, Any]) -> list[Session]:
    if c["by"] == "duration":
        unit, lengths = UNITS[c["duration_unit"]], []
        for t, p in found:
            try:
                lengths.append((t, int(float(p["score"]) * unit)))
            except ValueError:
                continue
        return [Session(user, t, t + length, 0) for t, length in lengths]
    groups: dict[Any, list[int]] = {}
    number, before = 0, None
    for t, p in found:
        if before is not None and t - before > GAPS[c["gap"]]:
            number += 1
        before = t
        groups.setdefault(p["session"] if c["by"] == "session" else number, []).append(t)
    return [Session(user, min(ts), max(ts), len(ts)) for ts in groups.values()]


def _within(world: World, found: list[Session], span: tuple[date, date]) -> list[Session]:
    return [s for s in found if span[0] <= world.day(s.first) < span[1]]


def _people(found: list[Session]) -> int:
    return len({s.user for s in found})


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Sessions by counting pauses."""
    c, p = config["sessions"], config["period"]
    given = c["by"] == "duration"
    left = 0 if given else GAPS[c["gap"]]
    active = where(config.get("active_events"))
    db.execute(
        f"""CREATE OR REPLACE TABLE visits AS
        WITH e AS (SELECT * FROM events WHERE {active}), found AS ({_found(c)})
        SELECT "user", first, last, actions, last - first AS time, local(first) AS day,
            {given} OR actions > 1 AS timed FROM found, span WHERE last <= as_of - {left}"""
    )
    shown = f"complete('{p}') LEFT JOIN visits ON visits.day >= start AND visits.day < stop"
    n = db.execute(f'SELECT count("user") FROM {shown}').fetchall()[0][0]
    if not n:
        return {}
    weeks = rows(
        db,
        """SELECT label(start, 'week') AS period, count("user") AS sessions,
            count(DISTINCT "user") AS actors, count("user") AS sessions_per_actor_n,
            count(DISTINCT "user") AS sessions_per_actor_d
        FROM complete('week') LEFT JOIN visits ON day >= start AND day < stop
        GROUP BY start ORDER BY start""",
    )
    share = 'count({0}) AS {1}_n, count("user") AS {1}_d'
    single = share.format("CASE WHEN actions = 1 THEN 1 END", "single")
    actions = 'coalesce(sum(actions), 0)::INT AS actions_per_session_n, count("user") AS ' \
        "actions_per_session_d"  # fmt: skip
    if given:
        single, actions = "NULL AS single", "NULL AS actions_per_session"
    periods = rows(
        db,
        f"""WITH by_week AS (SELECT w.start AS week, count("user") AS n,
            count(DISTINCT "user") AS people FROM whole('week') w JOIN visits
            ON day >= w.start AND day < w.stop GROUP BY w.start)
        SELECT label(start, '{p}') AS period, count("user") AS sessions,
            count(DISTINCT "user") AS actors, count("user") AS sessions_per_actor_n,
            count(DISTINCT "user") AS sessions_per_actor_d,
            (SELECT coalesce(sum(n), 0) FROM by_week WHERE week >= start AND week < stop)::INT
                AS per_week_n,
            (SELECT coalesce(sum(people), 0) FROM by_week WHERE week >= start AND week < stop)::INT
                AS per_week_d,
            {single}, {actions}
        FROM {shown} GROUP BY start, stop ORDER BY start""",
    )
    quartiles = ", ".join(
        f"quantile_cont(time, {q}) FILTER (timed) / 1000 AS {name}" for name, q in QUARTILES
    )
    lengths = rows(
        db,
        f"""SELECT label(start, '{p}') AS period, coalesce(sum(time), 0) / 1000 AS time,
            coalesce(sum(time), 0) / 1000 / nullif(count(*) FILTER (timed), 0) AS mean, {quartiles},
            coalesce(sum(time), 0) / 1000 AS time_per_login_n, (SELECT count(*) FROM events e
                WHERE ({where(config["login"])}) AND e.day >= start AND e.day < stop)
                AS time_per_login_d
        FROM {shown} GROUP BY start, stop ORDER BY start""",
    )
    found = {"periods": periods, "lengths": lengths}
    return found if p == "week" else {**found, "weeks": weeks}


def _found(c: dict[str, Any]) -> str:
    if c["by"] == "duration":
        length = f"floor(try_cast(score AS DOUBLE) * {UNITS[c['duration_unit']]})::BIGINT"
        return f"""SELECT "user", ts AS first, ts + {length} AS last, 0 AS actions FROM e
            WHERE try_cast(score AS DOUBLE) >= 0"""
    if c["by"] == "session":
        key = "session"
    else:
        key = f"""sum(CASE WHEN ts - before > {GAPS[c["gap"]]} THEN 1 ELSE 0 END) OVER (
            PARTITION BY "user" ORDER BY ts RANGE UNBOUNDED PRECEDING)"""
    return f"""SELECT "user", min(ts) AS first, max(ts) AS last, count(*)::INT AS actions FROM (
        SELECT "user", ts, {key} AS visit FROM (SELECT *, lag(ts) OVER (
            PARTITION BY "user" ORDER BY ts) AS before FROM e)) GROUP BY "user", visit"""
