"""Feature success: users, what they say, and their days before and after the launch."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from tests.oracles.database import DB, rows, where
from tests.oracles.feature_adoption import Feature, features, prepare
from tests.oracles.model import Tables, World

CELLS = [
    ("features", "users"), ("trend", "users"), ("trend", "retention"), ("around", "people"),
]  # fmt: skip
ROWS = {"trend": "windows", "features": "windows"}
MEASURES = {"retention": "came_back"}


def section(rng: random.Random) -> dict[str, Any]:
    """Also the questions, where no section of their own says which."""
    feedback = {"window": rng.choice(("14d", "90d")), "nps": {"event": "answered"}}
    if rng.random() < 0.5:
        feedback["csat"] = {"event": "called", "score": "score"}
    return {
        "feature_success": {
            "window": rng.choice(("7d", "21d", "30d")), "around": rng.choice(("3d", "14d")),
        },
        "feedback": feedback,
    }  # fmt: skip


def plain(world: World) -> Tables:
    """A window and a feature at a time."""
    c = world.config["feature_success"]
    known, windows = features(world), world.windows(int(c["window"][:-1]), 6)
    trend: list[dict[str, Any]] = []
    before = _before(known, windows[0], world)
    for begin, end in windows:
        for name, feature in known.items():
            uses = [u for u in world.actors for _, d in feature.uses[u] if begin <= d < end]
            users, earlier = set(uses), before.get(name, set())
            since = max(begin, world.first_day, feature.launched or begin)
            trend.append({
                "period": (end - timedelta(days=1)).isoformat(), "item": name,
                "users": len(users), "uses_per_day": (len(uses), max((end - since).days, 0)),
                "retention": (len(users & earlier), len(earlier)),
            })  # fmt: skip
            before[name] = users
    if not any(row["users"] for row in trend):
        return {}
    last = {row["item"]: row for row in trend[-len(known) :]}
    table, said = [], []
    for name, feature in known.items():
        scores = _satisfaction(world, feature, before[name])
        asked = {q: value for q, value in scores.items() if not q.endswith("_others")}
        row = last[name]
        table.append({"item": name, **{k: row[k] for k in row if k != "period"}, **asked})
        said.append({"item": name, **scores})
    around = [row for name, f in known.items() for row in _around(world, name, f)]
    return {"trend": trend, "features": table, "satisfaction": said, "around": around}


def _before(
    known: dict[str, Feature], oldest: tuple[date, date], world: World
) -> dict[str, set[str]]:
    """Who used each feature in the window before the oldest, if the data hold it whole."""
    begin, end = oldest[0] - (oldest[1] - oldest[0]), oldest[0]
    if begin < world.first_day:
        return {}
    return {
        name: {u for u in world.actors if any(begin <= d < end for _, d in f.uses[u])}
        for name, f in known.items()
    }


def _satisfaction(world: World, feature: Feature, users: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for question in ("nps", "csat"):
        if question not in world.config["feedback"]:
            continue
        latest = _latest(world, question)
        for suffix, wanted in (("", True), ("_others", False)):
            mine = [v for u, v in latest.items() if feature.able(u) and (u in users) == wanted]
            if question == "csat":
                found[question + suffix] = (sum(v >= 4 for v in mine), len(mine))
            else:
                balance = sum(v >= 9 for v in mine) - sum(v <= 6 for v in mine)
                found[question + suffix] = (balance, len(mine))
    return found


def _latest(world: World, question: str) -> dict[str, int]:
    """The latest answer of each, the lowest of a tie."""
    c = world.config["feedback"]
    first = world.end_day - timedelta(days=int(c["window"][:-1]))
    low, high = {"nps": (0, 10), "csat": (1, 5)}[question]
    found: dict[str, tuple[int, int]] = {}
    for user in world.users:
        for t, e, p in world.events[user]:
            if not world.holds(c[question], e, p) or not first <= world.day(t) < world.end_day:
                continue
            with suppress(ValueError):
                value = float(p["score"])
                if value.is_integer() and low <= value <= high:
                    found[user] = max(found.get(user, (t, 99)), (t, -int(value)),
                                      key=lambda x: (x[0], x[1] if x[1] <= 0 else -99))  # fmt: skip
    return {user: -value for user, (_, value) in found.items()}


def _around(world: World, name: str, feature: Feature) -> list[dict[str, Any]]:
    length, launch = int(world.config["feature_success"]["around"][:-1]), feature.launched
    if launch is None:
        return []
    begin, end = (launch + timedelta(days=k * length) for k in (-1, 1))
    if begin < world.first_day or end > world.end_day:
        return []
    people: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for user in world.actors:
        if not feature.able(user) or not _there(world, user, begin):
            continue
        days = world.days(user)
        counts = (sum(begin <= d < launch for d in days), sum(launch <= d < end for d in days))
        people[any(d < end for _, d in feature.uses[user])].append(counts)
    groups = {"everybody": people[True] + people[False], "its users": people[True],
              "the others": people[False]}  # fmt: skip
    return [
        {"item": name, "step": title, "people": len(counts),
         "before": (sum(b for b, _ in counts), len(counts)),
         "after": (sum(a for _, a in counts), len(counts)),
         "change": (sum(a - b for b, a in counts), len(counts))}
        for title, counts in groups.items()
    ]  # fmt: skip


def _there(world: World, user: str, begin: date) -> bool:
    """Whether somebody had signed up or been seen before a day."""
    times = [t for t, _, _ in world.events.get(user, [])[:1]]
    if user in world.t0:
        times.append(world.t0[user])
    return any(world.day(t) < begin for t in times)


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Each window's users joined with those of the window before."""
    c = config["feature_success"]
    length = prepare(db, config, int(c["window"][:-1]))
    trend = rows(
        db,
        f"""WITH spans AS (SELECT start, stop FROM windows UNION
            SELECT min(start) - {length}, min(start) FROM windows, span
            HAVING min(start) - {length} >= any_value(first_day)),
        used AS (SELECT item, w.stop, "user", count(*) AS uses FROM uses
            JOIN spans w ON day >= w.start AND day < w.stop GROUP BY ALL)
        SELECT strftime(w.stop - 1, '%Y-%m-%d') AS period, name AS item,
            count(u."user") AS users, coalesce(sum(u.uses), 0)::BIGINT AS uses_per_day_n,
            greatest(w.stop - greatest(w.start, first_day, coalesce(launched, first_day)), 0)
                AS uses_per_day_d,
            (SELECT count(*) FROM used a JOIN used b USING (item, "user") WHERE a.item = f.item
                AND a.stop = w.stop AND b.stop = w.stop - {length}) AS retention_n,
            (SELECT count(*) FROM used b WHERE b.item = f.item AND b.stop = w.stop - {length})
                AS retention_d
        FROM windows w CROSS JOIN feature f CROSS JOIN span
            LEFT JOIN used u ON u.item = f.item AND u.stop = w.stop
        GROUP BY w.start, w.stop, f.item, name, launched, first_day ORDER BY w.stop, f.item""",
    )
    if not any(row["users"] for row in trend):
        return {}
    return {"trend": trend, "satisfaction": _said(db, config), "around": _around_sql(db, config)}


def _said(db: DB, config: dict[str, Any]) -> list[dict[str, Any]]:
    feedback = config["feedback"]
    parts = []
    for question, low, high, good, bad in (("nps", 0, 10, 9, 6), ("csat", 1, 5, 4, -1)):
        if question not in feedback:
            continue
        db.execute(
            f"""CREATE OR REPLACE TEMP TABLE {question} AS SELECT "user",
                first(value ORDER BY ts DESC, value) AS value FROM (
                SELECT *, TRY_CAST(score AS DOUBLE) AS value FROM events, span
                WHERE {where(feedback[question])}
                    AND day >= end_day - {int(feedback["window"][:-1])} AND day < end_day)
            WHERE value = floor(value) AND value BETWEEN {low} AND {high} GROUP BY "user" """
        )
        for suffix, not_ in (("", ""), ("_others", "NOT")):
            mine = f"""FROM {question} JOIN able USING ("user") WHERE able.item = f.item AND
                {not_} EXISTS (FROM uses u, windows w WHERE u.item = f.item AND w.last
                AND u."user" = {question}."user" AND u.day >= w.start AND u.day < w.stop)"""
            parts.append(f"""(SELECT count(*) FILTER (value >= {good})
                - count(*) FILTER (value <= {bad}) {mine}) AS {question}{suffix}_n,
                (SELECT count(*) {mine}) AS {question}{suffix}_d""")
    return rows(db, f"SELECT name AS item, {', '.join(parts)} FROM feature f ORDER BY f.item")


def _around_sql(db: DB, config: dict[str, Any]) -> list[dict[str, Any]]:
    n = int(config["feature_success"]["around"][:-1])
    return rows(
        db,
        f"""WITH people AS (
            SELECT f.item, name, launched, p."user", EXISTS (FROM uses u WHERE u.item = f.item
                AND u."user" = p."user" AND u.day < launched + {n}) AS used,
                (SELECT count(*) FROM active a WHERE a."user" = p."user"
                    AND day >= launched - {n} AND day < launched) AS before,
                (SELECT count(*) FROM active a WHERE a."user" = p."user"
                    AND day >= launched AND day < launched + {n}) AS after
            FROM feature f JOIN able USING (item) JOIN people p USING ("user") CROSS JOIN span
            WHERE launched - {n} >= span.first_day AND launched + {n} <= end_day
                AND least(p.t0_day, p.first_day) < launched - {n}),
        groups AS (SELECT item, name, launched, step, used FROM feature, (VALUES
            ('its users', [true]), ('the others', [false]), ('everybody', [true, false]))
            g(step, used))
        SELECT g.name AS item, step, count("user") AS people,
            coalesce(sum(before), 0)::BIGINT AS before_n, count("user") AS before_d,
            coalesce(sum(after), 0)::BIGINT AS after_n, count("user") AS after_d,
            coalesce(sum(after - before), 0)::BIGINT AS change_n, count("user") AS change_d
        FROM groups g CROSS JOIN span LEFT JOIN people p
            ON p.item = g.item AND list_contains(g.used, p.used)
        WHERE g.launched - {n} >= first_day AND g.launched + {n} <= end_day
        GROUP BY g.item, g.name, step
        ORDER BY g.item, CASE step WHEN 'everybody' THEN 0 WHEN 'its users' THEN 1 ELSE 2 END""",
    )
