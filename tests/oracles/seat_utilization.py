"""Seat utilization: a window at a time, an account at a time, a day at a time."""

from __future__ import annotations

import random
import statistics
from datetime import date, timedelta
from typing import Any

from tests.oracles.account_health import endings, has_ended
from tests.oracles.database import DB, rows, where
from tests.oracles.model import Tables, World

CELLS = [("accounts", "members"), ("accounts", "monthly")]
MEASURES = {"monthly": "users"}
MOST = 6


def section(rng: random.Random) -> dict[str, Any]:
    """Every option."""
    return {
        "seat_utilization": {
            "window": rng.choice(("5d", "7d", "28d")), "days": rng.choice(("working", "all")),
            "daily": rng.choice(("active", "login")), "target": rng.choice((0.1, 0.5, 1.0)),
        }
    }  # fmt: skip


def _used(world: World, user: str) -> set[date]:
    """The days on which somebody uses a seat."""
    if world.config["seat_utilization"]["daily"] == "active":
        return set(world.days(user))
    rows_of = world.events.get(user, [])
    return {world.day(t) for t, e, p in rows_of if world.means("login", e, p)}


def _windows(world: World, length: int) -> list[tuple[date, date]]:
    """Oldest first, each as far as the data hold it."""
    return [(max(first, world.first_day), end) for first, end in world.windows(length, MOST)]


def plain(world: World) -> Tables:
    """A set of people for each account and day."""
    c = world.config["seat_utilization"]
    table = world.account_table
    home: dict[str, list[str]] = {}
    for user in world.actors:
        account = world.account(user)
        if account is not None and float(table.get(account, {}).get("seats") or 0) > 0:
            home.setdefault(account, []).append(user)
    trend: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for first, end in _windows(world, int(c["window"][:-1])):
        days = [first + timedelta(days=i) for i in range((end - first).days)]
        days = [d for d in days if c["days"] == "all" or d.weekday() < 5]
        lines = []
        for account, users in sorted(home.items()):
            users = [u for u in users if world.since(u) < end]
            if not users:
                continue
            if has_ended(world, users, account, world.midnight(first)):
                continue
            seats = int(float(table[account]["seats"]))
            daily = [{u for u in users if d in _used(world, u)} for d in days]
            lines.append(
                {
                    "item": account, "seats": seats, "members": len(users),
                    "used": (sum(map(len, daily)), seats * len(days)),
                    "peak": (max(map(len, daily), default=0), seats),
                    "monthly": (len(set().union(*daily)), seats),
                }
            )  # fmt: skip
        both = tuple(sum(line["used"][i] for line in lines) for i in (0, 1))
        label = (end - timedelta(days=1)).isoformat()
        trend.append({"period": label, "accounts": len(lines), "used": both})
    if not lines:
        return {}
    known = [n / d for n, d in (line["used"] for line in lines) if d]
    lines.sort(key=lambda line: (line["used"][0] / (line["used"][1] or 1), line["item"]))
    portfolio = {
        "portfolio": trend[-1]["used"], "median": statistics.median(known) if known else None,
        "below": (sum(v < c["target"] for v in known), len(known)),
        "over": sum(v > 1 for v in known),
    }  # fmt: skip
    return {"portfolio": [portfolio], "trend": trend, "accounts": lines}


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Windows by a series of numbers, joined with accounts and their user-days."""
    c = config["seat_utilization"]
    length = int(c["window"][:-1])
    used = "active" if c["daily"] == "active" else "logins"
    cancel, buy = map(where, endings(config))
    counts = "isodow(day) <= 5" if c["days"] == "working" else "true"
    db.execute(
        f"""CREATE TEMP VIEW logins AS SELECT DISTINCT "user", day FROM events
            WHERE {where(config["login"])};
        CREATE TEMP TABLE frames AS SELECT stop, greatest(start, first_day) AS start
            FROM windows_back({length}, {MOST}), span;
        CREATE TEMP TABLE counted AS SELECT stop, day FROM (SELECT stop, unnest(
            generate_series(start, stop - 1, INTERVAL 1 DAY))::DATE AS day FROM frames)
            WHERE {counts};
        CREATE TEMP TABLE homes AS SELECT account, seats::INTEGER AS seats, cancelled,
            count(*) AS members,
            min(coalesce(least(t0_day, p.first_day), DATE '0001-01-01')) AS since
            FROM companies JOIN people p USING (account), span WHERE seats > 0
                AND coalesce(least(t0_day, p.first_day), DATE '0001-01-01') < end_day GROUP BY ALL;
        CREATE TEMP TABLE daily AS SELECT stop, account, day, count(*) AS users
            FROM counted JOIN {used} USING (day) JOIN people USING ("user") GROUP BY ALL;
        CREATE TEMP TABLE held AS SELECT f.stop, account AS item, seats, members,
            coalesce((SELECT sum(users) FROM daily d WHERE d.stop = f.stop
                AND d.account = h.account), 0)::INTEGER AS used_n,
            seats * (SELECT count(*) FROM counted c WHERE c.stop = f.stop) AS used_d,
            coalesce((SELECT max(users) FROM daily d WHERE d.stop = f.stop
                AND d.account = h.account), 0) AS peak_n, seats AS peak_d,
            (SELECT count(DISTINCT "user") FROM {used} JOIN counted c USING (day)
                JOIN people USING ("user") WHERE c.stop = f.stop
                AND people.account = h.account) AS monthly_n, seats AS monthly_d
            FROM frames f, homes h WHERE coalesce(cancelled >= midnight(start), true)
                AND since < stop AND NOT coalesce((
                    SELECT arg_max({cancel}, 2 * ts + ({cancel})::BIGINT)
                    FROM (SELECT e.*, p.account AS home FROM events e JOIN people p USING ("user"))
                    WHERE home = h.account AND ({cancel} OR {buy}) AND ts < midnight(start)),
                    false)"""
    )
    newest = "SELECT held.* EXCLUDE stop FROM held, span WHERE stop = end_day"
    accounts = rows(
        db,
        f"""SELECT * FROM ({newest})
        ORDER BY CASE WHEN used_d > 0 THEN used_n / used_d ELSE 0 END, item""",
    )
    if not accounts:
        return {}
    portfolio = rows(
        db,
        f"""SELECT sum(used_n)::INTEGER AS portfolio_n, sum(used_d)::INTEGER AS portfolio_d,
            median(used_n / used_d) FILTER (used_d > 0) AS median,
            count(*) FILTER (used_d > 0 AND used_n / used_d < {c["target"]}) AS below_n,
            count(*) FILTER (used_d > 0) AS below_d,
            count(*) FILTER (used_n > used_d AND used_d > 0) AS over FROM ({newest})""",
    )
    trend = rows(
        db,
        """SELECT strftime(f.stop - 1, '%Y-%m-%d') AS period, count(item) AS accounts,
            coalesce(sum(used_n), 0)::INTEGER AS used_n, coalesce(sum(used_d), 0)::INTEGER AS used_d
        FROM frames f LEFT JOIN held h ON h.stop = f.stop GROUP BY f.stop ORDER BY f.stop""",
    )
    return {"portfolio": portfolio, "trend": trend, "accounts": accounts}
