"""Active users: a day at a time, a set of people at a time."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World

CELLS = [
    ("periods", "actors"),
    ("weeks", "actors"),
    ("months", "actors"),
    ("daily", "dau"),
    ("daily", "wau"),
    ("daily", "mau"),
]


def section(rng: random.Random) -> dict[str, Any]:
    """Windows of several lengths."""
    found = {"month": rng.choice(("14d", "30d"))}
    return {"active_users": found | rng.choice(({}, {"week": "5d"}, {"week": "10d"}))}


def windows(config: dict[str, Any]) -> tuple[int, int]:
    c = config["active_users"]
    return int(c.get("week", "7d")[:-1]), int(c["month"][:-1])


def plain(world: World) -> Tables:
    """A day at a time, a set of people at a time."""
    days = {u: world.days(u) for u in world.users}
    daily, day = [], world.first_day
    week, month = windows(world.config)
    while day < world.end_day:
        line: dict[str, Any] = {"period": day.isoformat()}
        for name, length in (("dau", 1), ("wau", week), ("mau", month)):
            begin = day - timedelta(days=length - 1)
            who = {u for u, ds in days.items() if any(begin <= d <= day for d in ds)}
            line[name] = len(who) if begin >= world.first_day else None
        daily += [line] if world.shows(day) else []
        day += timedelta(days=1)
    return {"daily": daily, **{name: _calendar(world, days, of) for name, of in _tables(world)}}


def _tables(world: World) -> list[tuple[str, str]]:
    rest = [(f"{of}s", of) for of in ("week", "month") if of != world.period]
    return [("periods", world.period), *rest]


def _calendar(world: World, days: dict[str, list[date]], of: str) -> list[dict[str, Any]]:
    """Who was active in each period, and how many more than in the one before."""
    found: list[dict[str, Any]] = []
    before = 0
    for a, b in (*world.before(of), *world.complete(of)):
        actors = sum(any(a <= d < b for d in ds) for ds in days.values())
        growth = actors / before - 1 if before else None
        found.append({"period": world.label(a, of), "actors": actors, "growth": growth})
        before = actors
    return found[len(world.before(of)) :]


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """A calendar of days, each joined with the days that it looks back on."""
    (week, month), p = windows(config), config["period"]
    daily = rows(
        db,
        f"""WITH days AS (SELECT unnest(generate_series(shown_from, end_day - 1, INTERVAL 1 DAY))
            ::DATE AS d, first_day FROM span)
        SELECT strftime(d, '%Y-%m-%d') AS period,
            count(DISTINCT "user") FILTER (WHERE day = d) AS dau,
            CASE WHEN d - {week - 1} >= first_day THEN
                count(DISTINCT "user") FILTER (WHERE day > d - {week}) END AS wau,
            CASE WHEN d - {month - 1} >= first_day THEN
                count(DISTINCT "user") FILTER (WHERE day > d - {month}) END AS mau
        FROM days LEFT JOIN active ON day BETWEEN d - 31 AND d GROUP BY d, first_day ORDER BY d""",
    )
    found = {"daily": daily}
    for name, of in (("periods", p), ("weeks", "week"), ("months", "month")):
        if name == "periods" or of != p:
            found[name] = rows(
                db,
                f"""SELECT label(start, '{of}') AS period, actors,
                    actors / nullif(lag(actors) OVER (ORDER BY start), 0) - 1 AS growth
                FROM (SELECT start, shown, count(DISTINCT "user") AS actors
                    FROM with_before('{of}')
                    LEFT JOIN active ON day >= start AND day < stop GROUP BY ALL)
                QUALIFY shown ORDER BY start""",
            )
    return found
