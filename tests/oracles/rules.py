"""Rules by brute force: each clause, for each person, at the end of each day."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.criteria import activated_at, activations
from tests.oracles.database import DB, may_use_sql, where
from tests.oracles.model import World, may_use

Clause = Any


def random_clause(rng: random.Random) -> Clause:
    """Any clause that the users of a random log can meet."""
    within = f"{rng.choice((2, 3, 7, 28))}d"
    event: dict[str, Any] = {"event": rng.choice(("built", "shared", "read"))}
    event |= rng.choice(({}, {}, {"where": {"kind": "x"}}))
    event |= rng.choice(({}, {"at_least": 2}, {"days": 2}, {"at_least": 3, "days": 2}))
    event |= rng.choice(({}, {"within": within}))
    return rng.choice(
        (
            "read", event, event, event,
            {"active_days": rng.choice((1, 2, 3)), "within": rng.choice(("7d", "28d"))},
            {"features": rng.choice((1, 2)), "days": rng.choice((1, 2)), "within": within},
            {"features": 1, "core": True, "within": "7d"},
            {"score": rng.choice((2.5, 5, 9))}, {"activated": True}, {"signed_up": True},
            {"trait": {"kind": ["x"]}},
        )
    )  # fmt: skip


def random_rule(rng: random.Random) -> dict[str, Any]:
    """A few clauses, and whether all count."""
    clauses = [random_clause(rng) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    return {rng.choice(("all", "any")): clauses}


def clauses_of(rule: dict[str, Any]) -> list[Clause]:
    return list(rule.get("all") or rule["any"])


def capped(config: dict[str, Any], rules: list[dict[str, Any]]) -> bool:
    """Whether a rule asks for a score that has caps, which are its own oracle's matter."""
    scored = any(isinstance(c, dict) and "score" in c for r in rules for c in clauses_of(r))
    return scored and "daily_cap" in config["engagement_score"]


def words(clause: Clause) -> str:
    """As the report names it."""
    if isinstance(clause, str):
        return clause
    if "score" in clause:
        return f"score of {clause['score']:g}"
    if "activated" in clause or "signed_up" in clause:
        return "activated" if "activated" in clause else "signed up"
    if "trait" in clause:
        return " and ".join(f"{k} = {'|'.join(v)}" for k, v in clause["trait"].items())
    back = f" in {clause['within'][:-1]} d" if "within" in clause else ""
    days = f" on {clause['days']} days" if clause.get("days", 1) > 1 else ""
    if "active_days" in clause:
        return f"{clause['active_days']} active days{back}"
    if "features" in clause:
        kind = "core feature" if clause.get("core") else "feature"
        many = "s" if clause["features"] > 1 else ""
        return f"{clause['features']} {kind}{many}{days}{back}"
    least = f"{clause['at_least']} × " if clause.get("at_least", 1) > 1 else ""
    kinds = ", ".join(f"{k}={v}" for k, v in clause.get("where", {}).items())
    return f"{least}{clause['event']}{f'[{kinds}]' if kinds else ''}{days}{back}"


def days_of(world: World) -> list[date]:
    """Every day of the data."""
    return [world.first_day + timedelta(n) for n in range((world.as_of_day - world.first_day).days)]


def came(world: World, user: str) -> date:
    """The first day on which somebody is known to be there."""
    rows = world.events.get(user, [])
    known = [world.day(t) for t in ([world.t0[user]] if user in world.t0 else [])]
    known += [world.day(rows[0][0])] if rows else []
    return max(min(known, default=world.first_day), world.first_day)


class People:
    """Each person's rows with their local days, worked out once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rows = {
            u: [(world.day(t), e, p) for t, e, p in world.events.get(u, [])] for u in world.actors
        }
        self.active = {u: world.days(u) for u in world.actors}
        self.activated: dict[str, date | None] = {}
        for u in world.actors:
            when = activated_at(world, u)[0] if u in world.t0 else None
            self.activated[u] = None if when is None else world.day(when)

    def kind(self, user: str) -> str | None:
        """The kind that counts of those that a person's rows name."""
        return self.world.latest(user, "kind")

    def judge(self, user: str, clause: Clause, day: date) -> tuple[bool, int]:
        """Whether a clause holds at the end of a day, and the value it counts."""
        world, c = self.world, clause if isinstance(clause, dict) else {"event": clause}
        if "score" in c:
            c = {**c, "within": world.config["engagement_score"]["window"]}
        if "activated" in c:
            when = self.activated[user]
            return (held := when is not None and when <= day), int(held)
        if "signed_up" in c:
            held = user in world.known and world.day(world.t0[user]) <= day
            return held, int(held)
        if "trait" in c:
            held = self.kind(user) in c["trait"]["kind"] and came(world, user) <= day
            return held, int(held)
        usual = "36500d" if "event" in c else "28d"
        begin = day - timedelta(int(c.get("within", usual)[:-1]) - 1) if "within" in c else date.min
        if "within" not in c and "event" not in c:
            begin = day - timedelta(27)
        rows = [r for r in self.rows[user] if begin <= r[0] <= day]
        if "active_days" in c:
            n = sum(begin <= d <= day for d in self.active[user])
            return n >= c["active_days"], n
        if "score" in c:
            weights = world.config["engagement_score"]["weights"]
            n = sum(round(weights.get(e, 0) * 1000) for _, e, _ in rows)
            return n >= c["score"] * 1000, n
        if "features" in c:
            n = sum(self._used(user, rows, f, c) for f in world.config["features"].values())
            return n >= c["features"], n
        mine = [d for d, e, p in rows if world.holds(c, e, p)]
        enough = len(mine) >= c.get("at_least", 1) and len(set(mine)) >= c.get("days", 1)
        counts_days = c.get("days", 1) > 1 and c.get("at_least", 1) == 1
        return enough, len(set(mine) if counts_days else mine)

    def _used(self, user: str, rows: list[Any], feature: Any, clause: dict[str, Any]) -> bool:
        """Whether a feature counts and was used on enough days."""
        f = feature if isinstance(feature, dict) else {"events": feature}
        if clause.get("core") and not f.get("core"):
            return False
        refs = f["events"] if isinstance(f["events"], list) else [f["events"]]
        days = {
            d for d, e, p in rows
            if any(self.world.holds(r, e, p) for r in refs)
            and may_use(self.world, user, feature, d)
        }  # fmt: skip
        return len(days) >= clause.get("days", 1)

    def meets(self, user: str, rule: dict[str, Any], day: date) -> bool:
        held = [self.judge(user, clause, day)[0] for clause in clauses_of(rule)]
        return all(held) if "all" in rule else any(held)

    def first(self, user: str, rule: dict[str, Any]) -> date | None:
        """The first day at whose end a rule holds."""
        return next((d for d in days_of(self.world) if self.meets(user, rule, d)), None)


def held_sql(db: DB, name: str, rule: dict[str, Any], config: dict[str, Any]) -> None:
    """A table: "user", d, n (how many clauses hold), value_i and held_i, met; by person and day."""
    _grid(db)
    parts, columns = [], []
    for i, clause in enumerate(clauses_of(rule)):
        db.execute(f"CREATE OR REPLACE TABLE {name}_{i} AS {_clause_sql(clause, config)}")
        parts.append(f'JOIN {name}_{i} AS c{i} ON g."user" = c{i}."user" AND g.d = c{i}.d')
        columns.append(f"c{i}.value AS value_{i}, c{i}.held AS held_{i}")
    number = " + ".join(f"c{i}.held::INTEGER" for i in range(len(parts)))
    least = len(parts) if "all" in rule else 1
    db.execute(
        f"""CREATE OR REPLACE TABLE {name} AS SELECT g."user", g.d, g.came, {", ".join(columns)},
            {number} AS n, {number} >= {least} AS met
        FROM grid g {" ".join(parts)}"""
    )


def _grid(db: DB) -> None:
    """Everybody on every day of the data, with the latest kind and the day they came."""
    db.execute(
        """CREATE TABLE IF NOT EXISTS grid AS
        SELECT p."user", d::DATE AS d, kind, t0_day, known, greatest(span.first_day,
            coalesce(least(coalesce(t0_day, p.first_day), coalesce(p.first_day, t0_day)),
                span.first_day)) AS came
        FROM people p CROSS JOIN span LEFT JOIN kinds USING ("user"),
            generate_series(span.first_day, as_of_day - 1, INTERVAL 1 DAY) AS s(d)"""
    )


def _clause_sql(clause: Clause, config: dict[str, Any]) -> str:
    c = clause if isinstance(clause, dict) else {"event": clause}
    if "activated" in c:
        held = "coalesce(a.day <= g.d, false)"
        join = 'LEFT JOIN activated a ON a."user" = g."user"'
        return (
            f'SELECT g."user", g.d, ({held})::INTEGER AS value, {held} AS held FROM grid g {join}'
        )
    if "signed_up" in c or "trait" in c:
        held = "known AND t0_day <= d" if "signed_up" in c else "kind = 'x' AND came <= d"
        held = f"coalesce({held}, false)"
        return f'SELECT "user", d, ({held})::INTEGER AS value, {held} AS held FROM grid'
    if "score" in c:
        weights = config["engagement_score"]["weights"]
        cases = " ".join(f"WHEN '{e}' THEN {round(w * 1000)}" for e, w in weights.items())
        value = f"coalesce(sum(CASE event {cases} ELSE 0 END), 0)"
        held, span = f"value >= {c['score'] * 1000}", config["engagement_score"]["window"][:-1]
        return _counted(value, held, f"e.day > g.d - {span}", "events")
    back = c.get("within", None if "event" in c else "28d")
    lately = f"e.day > g.d - {back[:-1]}" if back else "true"
    if "active_days" in c:
        return _counted("count(e.day)", f"value >= {c['active_days']}", lately, "active")
    if "features" in c:
        uses = []
        for i, f in enumerate(config["features"].values()):
            f = f if isinstance(f, dict) else {"events": f}
            if f.get("core") or not c.get("core"):
                uses.append(
                    f"""SELECT {i} AS item, "user", day FROM events JOIN people USING ("user")
                    WHERE ({where(f["events"])}) AND {may_use_sql(f)}"""
                )
        once = f"""SELECT g."user", g.d, item FROM grid g JOIN ({" UNION ALL ".join(uses)}) e
            ON e."user" = g."user" AND e.day <= g.d AND {lately}
            GROUP BY ALL HAVING count(DISTINCT day) >= {c.get("days", 1)}"""
        return f"""SELECT g."user", g.d, count(item) AS value, value >= {c["features"]} AS held
            FROM grid g LEFT JOIN ({once}) u ON u."user" = g."user" AND u.d = g.d GROUP BY ALL"""
    least, days = c.get("at_least", 1), c.get("days", 1)
    value = "count(DISTINCT e.day)" if days > 1 and least == 1 else "count(e.ts)"
    held = f"count(e.ts) >= {least} AND count(DISTINCT e.day) >= {days}"
    plain = {"event": c["event"], "where": c.get("where", {})}
    return _counted(value, held, lately, f"(SELECT * FROM events WHERE {where(plain)})")


def _counted(value: str, held: str, lately: str, source: str) -> str:
    return f"""SELECT g."user", g.d, {value} AS value, {held} AS held FROM grid g
        LEFT JOIN {source} e ON e."user" = g."user" AND e.day <= g.d AND {lately}
        GROUP BY g."user", g.d"""


def activated_sql(db: DB, config: dict[str, Any]) -> None:
    """A table of "user" and day of activation."""
    activations(db, config)
    db.execute(
        """CREATE OR REPLACE TABLE activated AS
        SELECT "user", local(reached) AS day FROM activations WHERE reached IS NOT NULL"""
    )
