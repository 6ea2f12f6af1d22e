"""Channel engagement: who used which channel, in each window and since the sign-up."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.criteria import activated_at
from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World, quantile

CELLS = [
    ("channels", "active"), ("channels", "users"), ("trend", "users"), ("trend", "active"),
    ("touched", "touched"), ("touched", "early"), ("before_activation", "activated"),
    ("before_activation", "not_activated"),
]  # fmt: skip


def section(rng: random.Random) -> dict[str, Any]:
    """Channels of events that activation may ask for as well, or not."""
    channels: dict[str, Any] = {
        "help": "helped",
        "calls": ["called", {"event": "helped", "where": {"kind": "x"}}],
        "text": [{"event": "read", "where": {"kind": rng.choice(("x", "y"))}}],
        "none": "never_sent",
    }
    chosen = rng.sample(sorted(channels), rng.randint(1, 4))
    return {
        "channels": {name: channels[name] for name in chosen},
        "channel_engagement": {"window": f"{rng.choice((1, 7, 28))}d"},
    }


def _refs(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def plain(world: World) -> Tables:
    """Sets of people."""
    length = int(world.config["channel_engagement"]["window"][:-1])
    uses = {
        name: {u: _uses(world, u, _refs(refs)) for u in world.actors}
        for name, refs in world.config["channels"].items()
    }
    spans = world.windows(length, 6)
    if not _active(world, *spans[-1]):
        return {}
    windows = [
        {"period": (end - timedelta(days=1)).isoformat(), "item": name, **line}
        for first, end in spans
        for name in uses
        for line in [_window(world, uses[name], first, end)]
    ]
    last = windows[-len(uses) :]
    found = {
        "trend": [{k: line[k] for k in ("period", "item", "active", "users", "uses")}
                  for line in windows],
        "channels": [{k: line[k] for k in ("item", "active", "users")} for line in last],
        "frequency": [
            {"item": line["item"], "users": line["users"][0], "uses": line["uses"],
             "days": line["days"]}
            for line in last
        ],
    }  # fmt: skip
    return found | _since_signup(world, uses)


def _uses(world: World, user: str, refs: list[Any]) -> list[int]:
    rows_of = world.events.get(user, [])
    return [t for t, e, p in rows_of if any(world.holds(ref, e, p) for ref in refs)]


def _active(world: World, first: date, end: date) -> set[str]:
    return {u for u in world.actors if any(first <= d < end for d in world.days(u))}


def _window(world: World, uses: dict[str, list[int]], first: date, end: date) -> dict[str, Any]:
    inside = {
        u: [world.day(t) for t in ts if first <= world.day(t) < end] for u, ts in uses.items()
    }
    users = {u for u, days in inside.items() if days}
    active = _active(world, first, end)
    there = [u for u in world.actors if world.since(u) < end]
    return {
        "active": (len(users & active), len(active)) if active else None,
        "users": (len(users), len(there)) if there else None,
        "uses": _mean([len(inside[u]) for u in users]),
        "days": _mean([len(set(inside[u])) for u in users]),
    }


def _mean(values: list[int]) -> tuple[int, int] | None:
    return (sum(values), len(values)) if values else None


def _since_signup(world: World, uses: dict[str, dict[str, list[int]]]) -> Tables:
    people = world.starters()
    if not people:
        return {}
    within = int(world.config["activation"]["within"][:-1]) * DAY_MS
    touched, before = [], []
    for name, used in uses.items():
        firsts = {u: min(used[u]) for u in people if used[u]}
        middle = quantile([max(t - world.t0[u], 0) for u, t in firsts.items()], 0.5)
        touched.append(
            {
                "item": name,
                "touched": (len(firsts), len(people)),
                "early": sum(t < world.t0[u] for u, t in firsts.items()),
                "median": None if middle is None else float(middle) / 1000,
            }
        )
        sides: dict[bool, list[bool]] = {True: [], False: []}
        for user in people:
            limit = world.t0[user] + within
            if limit >= world.as_of:
                continue
            when, _ = activated_at(world, user)
            in_time = when is not None and when <= limit
            until = when if in_time and when is not None else limit
            sides[in_time].append(user in firsts and firsts[user] <= until)
        before.append(
            {"item": name, "activated": _pair(sides[True]), "not_activated": _pair(sides[False])}
        )
    return {"touched": touched, "before_activation": before}


def _pair(values: list[bool]) -> tuple[int, int] | None:
    return (sum(values), len(values)) if values else None


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """A table of uses, joined with windows, active days and sign-ups."""
    length = int(config["channel_engagement"]["window"][:-1])
    names = [*config["channels"]]
    parts = " UNION ALL ".join(
        f"""SELECT {i} AS k, "user", ts, day FROM events WHERE {where(_refs(refs))}"""
        for i, refs in enumerate(config["channels"].values())
    )
    db.execute(f"CREATE OR REPLACE TEMP TABLE used AS {parts}")
    db.execute(_windows_sql(length))
    if not rows(db, "SELECT 1 FROM sizes WHERE n = 0 AND active > 0"):
        return {}
    found = rows(
        db,
        f"""WITH mine AS (SELECT n, k, u."user", count(*) AS uses, count(DISTINCT u.day) AS days,
                max(CASE WHEN EXISTS (SELECT 1 FROM active a WHERE a."user" = u."user"
                    AND a.day >= stop - {length} AND a.day < stop) THEN 1 ELSE 0 END) AS active
            FROM sizes JOIN used u ON u.day >= stop - {length} AND u.day < stop GROUP BY ALL)
        SELECT s.n, strftime(stop - 1, '%Y-%m-%d') AS period, c.k, s.active AS all_active, s.there,
            count(mine."user") AS used, coalesce(sum(mine.active), 0)::BIGINT AS active,
            sum(uses)::BIGINT AS uses, sum(days)::BIGINT AS days
        FROM sizes s CROSS JOIN range({len(names)}) AS c(k)
            LEFT JOIN mine ON mine.n = s.n AND mine.k = c.k
        GROUP BY ALL ORDER BY s.n DESC, c.k""",
    )
    lines = [
        {
            "period": row["period"],
            "item": names[row["k"]],
            "active": (row["active"], row["all_active"]) if row["all_active"] else None,
            "users": (row["used"], row["there"]) if row["there"] else None,
            "uses": (row["uses"], row["used"]) if row["used"] else None,
            "days": (row["days"], row["used"]) if row["used"] else None,
        }
        for row in found
    ]
    last = lines[-len(names) :]
    return {
        "trend": [{k: v for k, v in line.items() if k != "days"} for line in lines],
        "frequency": [{k: line[k] for k in ("item", "uses", "days")} for line in last],
        **_touched_sql(db, names),
    }


def _windows_sql(length: int) -> str:
    """How many were there, and active, by window."""
    return f"""CREATE OR REPLACE TEMP TABLE sizes AS
        WITH windows AS (SELECT k AS n, stop FROM windows_back({length}, 6))
        SELECT n, stop,
            (SELECT count(*) FROM people
                WHERE coalesce(least(t0_day, first_day), DATE '0001-01-01') < stop) AS there,
            (SELECT count(DISTINCT "user") FROM active
                WHERE day >= stop - {length} AND day < stop) AS active
        FROM windows"""


def _touched_sql(db: DB, names: list[str]) -> Tables:
    found = rows(
        db,
        f"""WITH firsts AS (SELECT k, "user", min(ts) AS ts FROM used GROUP BY ALL)
        SELECT c.k, count(ts) AS touched_n, count(*) AS touched_d,
            count(*) FILTER (ts < t0) AS early,
            quantile_cont(greatest(ts - t0, 0), 0.5) FILTER (ts IS NOT NULL) / 1000 AS median
        FROM starters CROSS JOIN range({len(names)}) AS c(k)
            LEFT JOIN firsts ON firsts.k = c.k AND firsts."user" = starters."user"
        GROUP BY c.k ORDER BY c.k""",
    )
    return {"touched": [{"item": names[row.pop("k")], **row} for row in found]} if found else {}
