"""Qualified users: every clause at the end of every day, and every pair of a day and a person."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.database import DB, rows, where
from tests.oracles.model import DAY_MS, Tables, World
from tests.oracles.rules import (
    People,
    activated_sql,
    came,
    capped,
    clauses_of,
    days_of,
    held_sql,
    random_rule,
    words,
)

CELLS = [
    ("levels", "qualified"), ("levels", "leads"), ("clauses", "passed"), ("clauses", "alone"),
    ("clauses", "unknown"), ("trend", "newly"), ("trend", "customers"), ("trend", "converted"),
]  # fmt: skip
ONE = timedelta(1)


def section(rng: random.Random) -> dict[str, Any]:
    """A rule, and a conversion that is not too seldom."""
    several = ["bought", "helped", {"event": "read", "where": {"kind": "y"}}, "called", "asked"]
    conversion = rng.choice(("bought", several, several))
    within = rng.choice(("1d", "10d", "30d"))
    return {"qualified": random_rule(rng) | {"conversion": conversion, "within": within}}


def _ends(world: World) -> list[date]:
    """The last day, and the last days of complete periods before it."""
    found = [b - ONE for _, b in world.complete() if b < world.end_day][-5:]
    return [*found, world.end_day - ONE]


def _look_back(world: World, rule: dict[str, Any]) -> int:
    found = [1]
    for c in clauses_of(rule):
        if isinstance(c, str) or "activated" in c:
            found.append(30)
        elif "score" in c:
            found.append(int(world.config["engagement_score"]["window"][:-1]))
        elif "signed_up" not in c and "trait" not in c:
            found.append(int(c.get("within", "30d" if "event" in c else "28d")[:-1]))
    return max(found)


def plain(world: World) -> Tables:
    """One person after the other, one day after the other."""
    rule = world.config["qualified"]
    if capped(world.config, [rule]):
        return {}
    people, clauses = People(world), clauses_of(rule)
    day = world.end_day - ONE
    there = [u for u in world.actors if came(world, u) <= day]
    lines = []
    judged = {u: [people.judge(u, c, day) for c in clauses] for u in there}
    for i, clause in enumerate(clauses):
        passed = [u for u in there if judged[u][i][0]]
        number = {u: sum(held for held, _ in judged[u]) for u in there}
        alone = [u for u in there if u not in passed and number[u] == len(clauses) - 1]
        if "any" in rule:
            alone = [u for u in passed if number[u] == 1]
        trait = isinstance(clause, dict) and "trait" in clause
        total, scale = sum(judged[u][i][1] for u in there), 1
        if isinstance(clause, dict) and "score" in clause:
            scale = 1000
        yes_no = isinstance(clause, dict) and {"trait", "activated", "signed_up"} & {*clause}
        lines.append(
            {"item": words(clause), "passed": (len(passed), len(there)),
             "alone": (len(alone), len(there)),
             "value": None if yes_no else (total / scale, len(there)),
             "unknown": sum(people.kind(u) is None for u in there) if trait else 0}
        )  # fmt: skip
    if not there:
        return {}
    foretold = _Foretold(world, people, rule)
    return {"clauses": lines, "levels": foretold.levels(), **foretold.tables()}


class _Foretold:
    """Who first qualified when, and what came of it."""

    def __init__(self, world: World, people: People, rule: dict[str, Any]) -> None:
        self.world, self.people, self.rule = world, people, rule
        refs = rule.get("conversion", world.config.get("purchase"))
        self.refs = None if refs is None else refs if isinstance(refs, list) else [refs]
        self.within = int(rule["within"][:-1]) * DAY_MS
        self.first = {u: people.first(u, rule) for u in world.actors}
        self.converted = {
            u: next((t for t, e, p in world.events.get(u, [])
                     if any(world.holds(r, e, p) for r in self.refs or [])), None)
            for u in world.actors
        }  # fmt: skip

    def end(self, day: date) -> int:
        """The instant at which a day is over."""
        return self.world.midnight(day + ONE)

    def free(self, user: str, day: date) -> bool:
        """Not converted by the end of a day."""
        at = self.converted[user]
        return at is None or at >= self.end(day)

    def soon(self, user: str, day: date) -> bool:
        """Converted after a day's end, soon enough."""
        at = self.converted[user]
        return at is not None and self.end(day) <= at <= self.end(day) + self.within

    def dated(self, user: str) -> bool:
        world = self.world
        if user not in world.known or world.t0[user] >= world.as_of:
            return False
        return world.day(world.t0[user]) >= world.first_day

    def levels(self) -> list[dict[str, Any]]:
        lines = []
        for day in _ends(self.world):
            there = [u for u in self.world.actors if came(self.world, u) <= day]
            met = [u for u in there if self.people.meets(u, self.rule, day)]
            line: dict[str, Any] = {"period": day.isoformat()}
            line["qualified"] = (len(met), len(there)) if there else None
            if self.refs:
                leads = sum(self.free(u, day) for u in met)
                line["leads"] = (leads, len(there)) if there else None
            lines.append(line)
        return lines

    def tables(self) -> Tables:
        world, back = self.world, timedelta(_look_back(self.world, self.rule) - 1)
        periods: dict[str, list[int]] = {}
        for u, day in self.first.items():
            if day is None or not world.shows(day):
                continue
            line = periods.setdefault(world.label(world.start(day)), [0] * 4)
            settled = self.dated(u) or day >= world.first_day + back
            ripe = self.dated(u) and self.free(u, day) and self.end(day) + self.within < world.as_of
            line[0] += settled
            line[1] += settled and not self.free(u, day)
            line[2] += ripe and self.soon(u, day)
            line[3] += ripe
        trend: list[dict[str, Any]] = []
        for name, (newly, customers, came_true, ripe) in sorted(periods.items()):
            trend.append({"period": name, "newly": newly})
            if self.refs:
                trend[-1] |= {"customers": customers, "converted": (came_true, ripe)}
        return {"trend": trend} | ({"prediction": [self.prediction()]} if self.refs else {})

    def prediction(self) -> dict[str, Any]:
        """Day by day: who qualified then, and all who could have."""
        dated = [u for u in self.world.actors if self.dated(u)]
        precise, observed, would, entered = [0, 0], 0, 0.0, 0
        for day in days_of(self.world):
            if self.end(day) + self.within >= self.world.as_of:
                continue
            shown = self.world.shows(day)
            new = [u for u in dated if shown and self.first[u] == day and self.free(u, day)]
            others = [
                u for u in dated
                if came(self.world, u) <= day and self.free(u, day)
                and (self.first[u] is None or self.first[u] > day)
            ]  # fmt: skip
            true = sum(self.soon(u, day) for u in new)
            precise = [precise[0] + true, precise[1] + len(new)]
            if others:
                entered, observed = entered + len(new), observed + true
                would += len(new) * sum(self.soon(u, day) for u in others) / len(others)
        told = [
            u for u in dated if (t := self.converted[u]) and self.world.shows(self.world.day(t))
        ]
        before = [u for u in told if self.first[u] is not None and self.free(u, self.first[u])]
        near = [u for u in before if self.soon(u, self.first[u])]
        return {
            "precision": tuple(precise) if precise[1] else None,
            "base": (would, entered) if entered else None,
            "lift": observed / would if would else None,
            "recall": (len(near), len(told)) if told else None,
            "earlier": (len(before) - len(near), len(told)) if told else None,
            "not_qualified": (len(told) - len(before), len(told)) if told else None,
        }


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Everybody on every day as one table, joined with itself."""
    rule, p = config["qualified"], config["period"]
    if capped(config, [rule]):
        return {}
    activated_sql(db, config)
    held_sql(db, "held", rule, config)
    refs = rule.get("conversion", config.get("purchase"))
    is_conversion = where(refs) if refs is not None else "false"
    within = int(rule["within"][:-1]) * DAY_MS
    db.execute(
        f"""CREATE OR REPLACE TABLE qualified AS
        WITH f AS (SELECT "user", min(d) AS first FROM held WHERE met GROUP BY 1),
        c AS (SELECT "user", min(ts) AS done FROM events WHERE {is_conversion} GROUP BY 1)
        SELECT p."user", first, done, known AND t0 < as_of AND t0_day >= span.first_day AS dated
        FROM people p CROSS JOIN span LEFT JOIN f USING ("user") LEFT JOIN c USING ("user")"""
    )
    found = {"clauses": _clauses_sql(db, rule)}
    found["levels"] = [
        r if refs is not None else {k: v for k, v in r.items() if k != "leads"}
        for r in rows(db, _levels_sql(p))
    ]
    if not found["clauses"]:
        return {}
    if refs is not None:
        line = rows(db, _prediction_sql(within))[0]
        lift = line["observed"] / line["base"][0] if line["base"][0] else None
        recall = line["recall"] if line["recall"][1] else None
        found["prediction"] = [{"precision": line["precision"] if line["precision"][1] else None,
                                "base": line["base"] if line["base"][1] else None,
                                "lift": lift, "recall": recall}]  # fmt: skip
    return found


def _clauses_sql(db: DB, rule: dict[str, Any]) -> list[dict[str, Any]]:
    found, number = [], len(clauses_of(rule))
    for i, clause in enumerate(clauses_of(rule)):
        alone = f"NOT held_{i} AND n = {number - 1}" if "all" in rule else f"held_{i} AND n = 1"
        found += rows(
            db,
            f"""SELECT count(*) FILTER (held_{i}) AS passed_n, count(*) AS passed_d,
                count(*) FILTER ({alone}) AS alone_n, count(*) AS alone_d
            FROM held, span WHERE d = end_day - 1 AND came <= d HAVING count(*) > 0""",
        )
        if found:
            found[-1]["item"] = words(clause)
    return found


def _levels_sql(p: str) -> str:
    return f"""
        WITH ends AS (SELECT stop - 1 AS d FROM complete('{p}'), span WHERE stop < end_day
            ORDER BY d DESC LIMIT 5),
        days AS (SELECT d FROM ends UNION SELECT end_day - 1 FROM span)
        SELECT strftime(d, '%Y-%m-%d') AS period,
            CASE WHEN count("user") > 0 THEN count(*) FILTER (met) / count("user") END AS qualified,
            CASE WHEN count("user") > 0 THEN
                count(*) FILTER (met AND (done IS NULL OR done >= midnight(d + 1))) / count("user")
                END AS leads
        FROM days LEFT JOIN (SELECT held.*, done FROM held JOIN qualified USING ("user")
            WHERE came <= d) h USING (d) GROUP BY d ORDER BY d"""


def _prediction_sql(within: int) -> str:
    shown = "d >= shown_from AND d < end_day"
    return f"""
        WITH open AS (SELECT h."user", d, first, midnight(d + 1) AS over, done,
                coalesce(done <= midnight(d + 1) + {within}, false) AS soon
            FROM held h JOIN qualified q USING ("user"), span
            WHERE dated AND came <= d AND midnight(d + 1) + {within} < as_of
                AND (done IS NULL OR done >= midnight(d + 1))),
        by_day AS (SELECT d, count(*) FILTER (first = d AND {shown}) AS new,
                count(*) FILTER (first = d AND {shown} AND soon) AS new_soon,
                count(*) FILTER (first IS NULL OR first > d) AS others,
                count(*) FILTER ((first IS NULL OR first > d) AND soon) AS others_soon
            FROM open, span GROUP BY d),
        told AS (SELECT count(*) AS d, count(*) FILTER (done >= midnight(first + 1)
                AND done <= midnight(first + 1) + {within}) AS n
            FROM qualified, span WHERE dated AND local(done) >= shown_from
                AND local(done) < end_day)
        SELECT coalesce(sum(new_soon), 0)::BIGINT AS precision_n,
            coalesce(sum(new), 0)::BIGINT AS precision_d,
            coalesce(sum(new * others_soon / others) FILTER (others > 0), 0)::DOUBLE AS base_n,
            coalesce(sum(new) FILTER (others > 0), 0)::BIGINT AS base_d,
            coalesce(sum(new_soon) FILTER (others > 0), 0)::BIGINT AS observed,
            any_value(told.n) AS recall_n, any_value(told.d) AS recall_d
        FROM told LEFT JOIN by_day ON true"""
