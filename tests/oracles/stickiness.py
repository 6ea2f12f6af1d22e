"""Stickiness: the days of each actor in each trailing month."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.oracles.active_users import windows
from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World

CELLS = [("windows", "mau"), ("windows", "once"), ("tenured", "mau")]
MEASURES = {"mau": "actors"}
MOST = 12


def plain(world: World) -> Tables:
    """A window at a time, an actor at a time."""
    (week, month), end = windows(world.config), world.end_day
    spans = world.windows(month, MOST)
    days = {u: world.days(u) for u in world.users}
    now = {u for u, ds in days.items() if any(spans[-1][0] <= d < end for d in ds)}
    if not now:
        return {}
    lately = {u: [d for d in ds if end - timedelta(days=week) <= d < end] for u, ds in days.items()}
    lately = {u: ds for u, ds in lately.items() if ds}
    ratios = {
        "dau_wau": (sum(map(len, lately.values())), len(lately) * week),
        "wau_mau": (len(lately), len(now)),
    }
    return {
        "windows": [_line(span, days) for span in spans],
        "tenured": [
            _line((a, b), {u: ds for u, ds in days.items() if _there(world, u) <= a})
            for a, b in spans
        ],
        "ratios": [ratios],
    }


def _there(world: World, user: str) -> date:
    first = world.day(world.events[user][0][0])
    return min(first, world.day(world.t0[user])) if user in world.t0 else first


def _line(span: tuple[date, date], days: dict[str, list[date]]) -> dict[str, Any]:
    mine = {u: [d for d in ds if span[0] <= d < span[1]] for u, ds in days.items()}
    mine = {u: ds for u, ds in mine.items() if ds}
    length = (span[1] - span[0]).days
    weekdays = sum((span[0] + timedelta(days=i)).weekday() < 5 for i in range(length))
    total = sum(map(len, mine.values()))
    at_work = sum(d.weekday() < 5 for ds in mine.values() for d in ds)
    return {
        "period": (span[1] - timedelta(days=1)).isoformat(), "mau": len(mine),
        "once": sum(len(ds) == 1 for ds in mine.values()),
        "active_days": total, "stickiness": (total, len(mine) * length),
        "working": (at_work, len(mine) * weekdays),
    }  # fmt: skip


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Counts over windows joined with days."""
    week, month = windows(config)
    db.execute(
        f"""CREATE OR REPLACE TABLE months AS
            SELECT start AS a, stop AS b FROM windows_back({month}, {MOST})"""
    )
    if not db.execute("SELECT count(*) FROM active JOIN months ON day >= a AND day < b AND b = "
                      "(SELECT max(b) FROM months)").fetchall()[0][0]:  # fmt: skip
        return {}

    def lines(who: str) -> list[dict[str, Any]]:
        return rows(
            db,
            f"""WITH mine AS (SELECT a, "user", day FROM active JOIN months ON day >= a AND day < b
                JOIN people USING ("user") WHERE {who}),
                alone AS (SELECT a AS since, "user" FROM mine GROUP BY ALL HAVING count(*) = 1)
            SELECT strftime(b - 1, '%Y-%m-%d') AS period, count(DISTINCT "user") AS mau,
                (SELECT count(*) FROM alone WHERE alone.since = months.a) AS once,
                count(day) AS active_days, count(day) AS stickiness_n,
                count(DISTINCT "user") * {month} AS stickiness_d,
                count(day) FILTER (isodow(day) < 6) AS working_n,
                count(DISTINCT "user") * (SELECT count(*) FROM range(a, b, INTERVAL 1 DAY) AS r(d)
                    WHERE isodow(d) < 6) AS working_d
            FROM months LEFT JOIN mine USING (a) GROUP BY a, b ORDER BY a""",
        )

    ratios = rows(
        db,
        f"""SELECT count(*) AS dau_wau_n, count(DISTINCT "user") * {week} AS dau_wau_d,
            count(DISTINCT "user") AS wau_mau_n, (SELECT count(DISTINCT "user") FROM active, span
                WHERE day >= end_day - {month} AND day < end_day) AS wau_mau_d
        FROM active, span WHERE day >= end_day - {week} AND day < end_day""",
    )
    tenured = "coalesce(least(t0_day, first_day), first_day) <= a"
    return {"windows": lines("true"), "tenured": lines(tenured), "ratios": ratios}
