"""Adoption rate: who could, who did, in each window."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.database import DB, rows, where
from tests.oracles.model import Tables, World, count_by

CELLS = [("windows", "rate"), ("features", "used"), ("frequency", "actors"), ("roles", "rate")]
MEASURES = {"rate": "active"}


def section(rng: random.Random) -> dict[str, Any]:
    """A window, and perhaps the latest `kind` of each user's events as its role."""
    found = {"window": f"{rng.choice((1, 7, 10, 28))}d"}
    if rng.random() < 0.7:
        found["role"] = "kind"
    return {"adoption_rate": found}


def plain(world: World) -> Tables:
    """Sets of people."""
    c = world.config
    length = timedelta(days=int(c["adoption_rate"]["window"][:-1]))
    trend = []
    for first, end in world.windows(length.days, 6):
        able = _eligible(world, end)
        active = {u for u in able if _active(world, u, first, end)}
        trend.append(
            {"period": (end - timedelta(days=1)).isoformat(), "rate": (len(active), len(able))}
        )
    end = world.end_day
    able = _eligible(world, end)
    if not able:
        return {}
    days = {u: _active(world, u, end - length, end) for u in able}
    found = {
        "windows": trend,
        "features": _features(world, able, end - length, end),
        "frequency": [
            {"step": k, "actors": (sum(d * 7 >= k * length.days for d in days.values()), len(able))}
            for k in range(1, 8)
        ],
    }
    if "role" in c["adoption_rate"] and world.unit == "user":
        roles = {u: world.latest(u, "kind") or "" for u in able}
        whole = count_by([*roles.values()])
        yes = count_by([roles[u] for u in able if days[u]])
        found["roles"] = [
            {"item": role or "unknown", "rate": (yes[role], whole[role])}
            for role in sorted(whole, key=lambda r: (r == "", r))
        ]
    return found


def _eligible(world: World, end: date) -> list[str]:
    people = [u for u in world.actors if not world.tabled or u in world.table]
    return [u for u in people if world.since(u) < end]


def _active(world: World, user: str, first: date, end: date) -> int:
    return sum(first <= d < end for d in world.days(user))


def _features(world: World, able: list[str], first: date, end: date) -> list[dict[str, Any]]:
    found = []
    for name, feature in world.config["features"].items():
        made = feature if isinstance(feature, dict) else {"events": feature}
        launch = date.fromisoformat(str(made.get("launched_at", world.first_day)))
        who = [
            u for u in able
            if launch < end
            and all(world.trait(u, t) in values for t, values in made.get("eligible", {}).items())
        ]  # fmt: skip
        used = [
            u for u in who
            if any(
                max(first, launch) <= world.day(t) < end
                and any(world.holds(ref, e, p) for ref in made["events"])
                for t, e, p in world.events.get(u, [])
            )
        ]  # fmt: skip
        found.append({"item": name, "used": (len(used), len(who)) if who else None})
    return found


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """A table of the eligible by window, joined with the days on which they were active."""
    c = config["adoption_rate"]
    length = int(c["window"][:-1])
    _eligible_table(db, length)
    if not rows(db, "SELECT 1 FROM able WHERE n = 0"):
        return {}
    trend = rows(
        db,
        """SELECT strftime(stop - 1, '%Y-%m-%d') AS period, count(*) FILTER (days > 0) AS rate_n,
            count(*) AS rate_d FROM able GROUP BY stop ORDER BY stop""",
    )
    frequency = rows(
        db,
        f"""SELECT k AS step, count(*) FILTER (days * 7 >= k * {length}) AS actors_n,
            count(*) AS actors_d FROM able, range(1, 8) AS ks(k) WHERE n = 0
        GROUP BY k ORDER BY k""",
    )
    found = {"windows": trend, "frequency": frequency}
    if "role" in c:
        found["roles"] = rows(
            db,
            """SELECT coalesce(kind, 'unknown') AS item, count(*) FILTER (days > 0) AS rate_n,
                count(*) AS rate_d FROM able LEFT JOIN kinds USING ("user") WHERE n = 0
            GROUP BY kind ORDER BY kind NULLS LAST""",
        )
    found["features"] = [
        _feature_sql(db, name, feature, length) for name, feature in config["features"].items()
    ]
    return found


def _eligible_table(db: DB, length: int) -> None:
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE able AS
        WITH windows AS (SELECT k AS n, stop FROM windows_back({length}, 6)),
        people AS (SELECT *, coalesce(least(t0_day, first_day), DATE '0001-01-01') AS since
            FROM people WHERE tabled OR NOT (SELECT users FROM facts))
        SELECT people."user", n, stop, count(day) AS days
        FROM people JOIN windows ON since < stop
        LEFT JOIN active a ON a."user" = people."user" AND day >= stop - {length} AND day < stop
        GROUP BY ALL"""
    )


def _feature_sql(db: DB, name: str, feature: Any, length: int) -> dict[str, Any]:
    made = feature if isinstance(feature, dict) else {"events": feature}
    launch = made.get("launched_at", "0001-01-01")
    may = " AND ".join(
        f"{t} IN ({', '.join(map(repr, values))})" for t, values in made.get("eligible", {}).items()
    )
    row = rows(
        db,
        f"""WITH used AS (SELECT DISTINCT "user" FROM events, span WHERE ({where(made["events"])})
            AND day >= end_day - {length} AND day < end_day AND day >= DATE '{launch}')
        SELECT count(used."user") AS used_n, count(*) AS used_d
        FROM able JOIN people USING ("user") LEFT JOIN used USING ("user")
        WHERE n = 0 AND DATE '{launch}' < stop AND {may or "true"}""",
    )[0]
    return {"item": name, "used": row["used"] if row["used"][1] else None}
