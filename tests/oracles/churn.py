"""Churn: losses one by one, each in the first period that had the user."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.criteria import activated_at, activations, part_of
from tests.oracles.database import DB, rows, where
from tests.oracles.model import Tables, World, listed

CELLS = [
    ("inferred", "lost"), ("inferred", "at_start"), ("inferred", "already"), ("inferred", "early"),
    ("cancelled", "lost"), ("ended", "lost"), ("ended", "at_start"),
]  # fmt: skip


def section(rng: random.Random) -> dict[str, Any]:
    """Idle days, with a cancel event or without."""
    found: dict[str, Any] = {"after": rng.choice(("7d", "14d", "28d"))}
    if rng.random() < 0.8:
        some = {"event": "called", "where": {"kind": "x"}}
        found["cancel"] = rng.choice(("cancelled", ["cancelled", "called"], ["cancelled", some]))
    return {"churn": found}


def _cancels(world: World, event: str, properties: dict[str, str]) -> bool:
    refs = listed(world.config["churn"].get("cancel", []))
    return any(world.holds(ref, event, properties) for ref in refs)


def _cancelled(world: World) -> list[dict[str, Any]]:
    """Who is a customer at the start of each period, told event by event."""
    lines = []
    for a, b in world.complete():
        at, until = world.midnight(a), world.midnight(b)
        there = lost = 0
        for user in world.actors:
            begin = _customer_since(world, user, at)
            if begin is None:
                continue
            there += 1
            rows_of = world.events.get(user, [])
            lost += any(_cancels(world, e, p) and at <= t < until for t, e, p in rows_of)
        lines.append({"period": world.label(a), "at_start": there, "lost": (lost, there)})
    return lines


def _customer_since(world: World, user: str, at: int) -> int | None:
    """Since when somebody is a customer just before an instant, or None."""
    events = world.events.get(user, [])
    if "purchase" in world.config:
        state = None
        for t, _, e, p in sorted(
            ((t, not world.means("purchase", e, p), e, p) for t, e, p in events),
            key=lambda row: row[:2],
        ):
            if t >= at:
                break
            if world.means("purchase", e, p) and state is None:
                state = t
            if _cancels(world, e, p):
                state = None
        return state
    begin = world.t0.get(user, events[0][0] if events else None)
    if begin is None or begin >= at:
        return None
    gone = any(_cancels(world, e, p) and begin <= t < at for t, e, p in events)
    return None if gone else begin


def _ended(world: World) -> list[dict[str, Any]]:
    """Users by the cancellation of their account."""
    ends = {account: world.ends(account) for account in world.account_table}
    lines = []
    for a, b in world.complete():
        at, until = world.midnight(a), world.midnight(b)
        there = lost = 0
        for user in world.actors:
            events = world.events.get(user, [])
            begin = world.t0.get(user, events[0][0] if events else None)
            if begin is None and world.unit == "account":
                begin = 0  # it has always been there
            account = world.account(user)
            if begin is None or begin >= at or account not in ends:
                continue
            end = ends[account]
            if end is None or end >= at:
                there += 1
                lost += end is not None and end < until
        lines.append({"period": world.label(a), "at_start": there, "lost": (lost, there)})
    return lines


def plain(world: World) -> Tables:
    """Losses one by one, each in the first period that had the user."""
    after = int(world.config["churn"]["after"][:-1])
    idle = timedelta(days=after)
    spans = [(a, b) for a, b in world.whole() if a - idle >= world.first_day]
    inferred = []
    lost: dict[date, dict[str, date]] = {a: {} for a, _ in spans}
    charged: dict[tuple[str, date], date] = {}
    returned: dict[date, set[str]] = {a: set() for a, _ in spans}
    for user in world.users:
        days = world.days(user)
        for i, d in enumerate(days):
            following = days[i + 1] if i + 1 < len(days) else None
            if ((following or world.as_of_day) - d).days - 1 < after:
                continue
            for a, b in spans:
                if a - idle <= d < b and any(a - idle <= x < a for x in days):
                    lost[a][user] = d
                    charged[user, d] = a
                    break
            for a, b in spans:
                if following is not None and d < a <= following < b:
                    returned[a].add(user)
    for a, b in spans:
        if b + idle > world.as_of_day or (a, b) not in world.complete():
            continue
        last = {u: [d for d in world.days(u) if a - idle <= d < a] for u in world.users}
        there = {u: days[-1] for u, days in last.items() if days}
        slow = {u for u, d in lost[a].items() if _activated(world, u, d)}
        early = {u for u in lost[a] if u not in slow and u in world.known and _asked(world, u)}
        inferred.append(
            {
                "period": world.label(a), "at_start": len(there), "returned": len(returned[a]),
                "lost": (len(lost[a]), len(there)), "slow": len(slow), "early": len(early),
                "already": sum(charged.get((u, d), a) < a for u, d in there.items()),
            }
        )  # fmt: skip
    found = {"inferred": inferred}
    if any(_cancels(world, e, p) for events in world.events.values() for _, e, p in events):
        found["cancelled"] = _cancelled(world)
    if any(row["cancelled_at"] for row in world.account_table.values()):
        found["ended"] = _ended(world)
    return found


def _asked(world: World, user: str) -> bool:
    return part_of(world, world.config["activation"], user) is not None


def _activated(world: World, user: str, day: date) -> bool:
    """Activated by the end of a day."""
    if user not in world.t0:
        return False
    when = activated_at(world, user)[0]
    return when is not None and when < world.midnight(day + timedelta(days=1))


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Gaps by window functions; each loss joined with the periods that may be charged with it."""
    c, p = config["churn"], config["period"]
    after = int(c["after"][:-1])
    activations(db, config)
    db.execute(
        f"""CREATE TEMP TABLE spans AS SELECT start, stop, stop + {after} <= as_of_day
                AND start >= shown_from AND stop <= end_day AS judged
            FROM whole('{p}'), span WHERE start - {after} >= first_day;
        CREATE TEMP TABLE gaps AS SELECT "user", day, following,
            coalesce(following, as_of_day) - day - 1 >= {after} AS loss FROM (SELECT *,
            lead(day) OVER (PARTITION BY "user" ORDER BY day) AS following FROM active), span;
        CREATE TEMP TABLE there AS SELECT start, "user", max(day) AS day FROM spans, active
            WHERE day < start AND day >= start - {after} GROUP BY ALL;
        CREATE TEMP TABLE charged AS SELECT g."user", g.day, min(start) AS start
            FROM gaps g JOIN there t USING ("user") JOIN spans USING (start)
            WHERE loss AND g.day < stop AND g.day >= start - {after} GROUP BY ALL;
        CREATE TEMP TABLE losses AS SELECT "user", start, max(c.day) AS day
            FROM charged c GROUP BY ALL;
        CREATE TEMP TABLE kinds AS SELECT start,
            count(*) FILTER (slow) AS slow, count(*) FILTER (NOT slow AND known AND asked) AS early
            FROM (SELECT start, coalesce(reached < midnight(day + 1), false) AS slow, known,
                part IS NOT NULL AS asked FROM losses JOIN people USING ("user")
                LEFT JOIN activations USING ("user")) GROUP BY start"""
    )
    inferred = rows(
        db,
        f"""SELECT label(s.start, '{p}') AS period, count(t."user") AS at_start,
            (SELECT count(*) FROM losses l WHERE l.start = s.start) AS lost_n,
            count(t."user") AS lost_d,
            (SELECT count(DISTINCT "user") FROM gaps WHERE loss AND day < s.start
                AND following >= s.start AND following < s.stop) AS returned,
            coalesce((SELECT slow FROM kinds k WHERE k.start = s.start), 0) AS slow,
            coalesce((SELECT early FROM kinds k WHERE k.start = s.start), 0) AS early,
            count(*) FILTER (c.start < s.start) AS already
        FROM spans s LEFT JOIN there t ON t.start = s.start
            LEFT JOIN charged c ON c."user" = t."user" AND c.day = t.day
        WHERE judged GROUP BY s.start, s.stop ORDER BY s.start""",
    )
    found = {"inferred": inferred}
    if rows(db, f"SELECT 1 AS x FROM events WHERE {_named(config)} LIMIT 1"):
        found["cancelled"] = _lost_in(db, _by_event(config), p)
    if db.execute("SELECT count(cancelled) FROM companies").fetchall()[0][0]:
        customers = """SELECT "user", coalesce(t0, first_ts) AS begin_ts, cancelled AS end_ts
            FROM people JOIN companies USING (account)"""
        found["ended"] = _lost_in(db, customers, p)
    return found


def _named(config: dict[str, Any]) -> str:
    return where(config["churn"].get("cancel", []))


def _by_event(config: dict[str, Any]) -> str:
    names = _named(config)
    if "purchase" not in config:
        return f"""SELECT "user", begin_ts, (SELECT min(ts) FROM events e WHERE e."user" = p."user"
                AND ({names}) AND ts >= begin_ts) AS end_ts
            FROM (SELECT "user", coalesce(t0, first_ts) AS begin_ts FROM people) p"""
    return f"""SELECT "user", ts AS begin_ts, (SELECT min(ts) FROM events e
            WHERE e."user" = b."user" AND ({names}) AND e.ts >= b.ts) AS end_ts
        FROM events b WHERE {where(config["purchase"])}"""


def _lost_in(db: DB, customers: str, p: str) -> list[dict[str, Any]]:
    return rows(
        db,
        f"""WITH spells AS ({customers}),
        told AS (SELECT start, "user", bool_or(coalesce(end_ts < midnight(stop), false)) AS gone
            FROM complete('{p}') JOIN spells ON begin_ts < midnight(start)
                AND (end_ts IS NULL OR end_ts >= midnight(start)) GROUP BY ALL)
        SELECT label(s.start, '{p}') AS period, count("user") AS at_start,
            count(*) FILTER (gone) AS lost_n, count("user") AS lost_d
        FROM complete('{p}') s LEFT JOIN told t ON t.start = s.start
        GROUP BY s.start ORDER BY s.start""",
    )
