"""Journey: the first day of each rule, found by trying every day."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World
from tests.oracles.rules import People, activated_sql, capped, held_sql, random_rule

CELLS = [
    ("stages", "reached"), ("stages", "here"), ("stages", "holds"), ("stages", "ahead"),
    ("steps", "moved"), ("cohorts", "arrived"), ("cohorts", "ever"), ("cohorts", "so_far"),
]  # fmt: skip
ROWS = {"steps": "stages"}
ORDER = ("signed_up", "activated", "adopted", "engaged", "renewed", "expanded")


def section(rng: random.Random) -> dict[str, Any]:
    """Some stages of our own, as a rule or as a list."""
    stages: dict[str, Any] = {}
    for name in ORDER:
        if rng.random() < 0.3:
            rule = random_rule(rng)
            stages[name] = rule["all"] if "all" in rule and rng.random() < 0.5 else rule
    return {"journey": {"stages": stages, "within": rng.choice(("3d", "20d", "60d"))}}


def stages(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rule of each stage."""
    features = config["features"].values()
    core = any(isinstance(f, dict) and f.get("core") for f in features)
    adoption = config["feature_adoption"]
    adopted, within = adoption.get("adopted", {}), adoption.get("window", "30d")
    if adopted.get("span") == "rolling_days":
        within = adopted["within"]
    used = {"features": 1, "days": adopted.get("min_days", 2), "core": core, "within": within}
    usual: dict[str, Any] = {
        "signed_up": [{"signed_up": True}], "activated": [{"activated": True}], "adopted": [used],
        "engaged": [{"active_days": 8, "within": "28d"}],
    }  # fmt: skip
    both = usual | config["journey"]["stages"]
    found = {name: both[name] for name in ORDER if name in both}
    return {n: {"all": rule} if isinstance(rule, list) else rule for n, rule in found.items()}


def plain(world: World) -> Tables:
    """One person after the other."""
    rules, within = stages(world.config), int(world.config["journey"]["within"][:-1])
    starters = world.starters()
    if capped(world.config, [*rules.values()]) or not starters:
        return {}
    people, last = People(world), world.as_of_day - timedelta(1)
    reached: dict[str, list[date | None]] = {}
    own = {u: [people.first(u, rule) for rule in rules.values()] for u in starters}
    for u in starters:
        at: date | None = date.min
        reached[u] = []
        for day in own[u]:
            at = None if at is None or day is None else max(at, day)
            reached[u].append(at)
    lines, steps = [], []
    for k, (name, rule) in enumerate(rules.items()):
        there = [u for u in starters if reached[u][k]]
        moved = [u for u in there if k + 1 < len(rules) and reached[u][k + 1]]
        holds = sum(people.meets(u, rule, last) for u in there)
        lines.append(
            {"step": name, "reached": (len(there), len(starters)),
             "here": len(there) - len(moved),
             "holds": (holds, len(there)) if there else None,
             "ahead": sum(own[u][k] is not None and u not in there for u in starters)}
        )  # fmt: skip
        if k + 1 < len(rules):
            times = [((reached[u][k + 1] or last) - reached[u][k], u in moved) for u in there]  # type: ignore[operator]
            steps.append(
                {"step": name, "moved": (len(moved), len(there)) if there else None,
                 **_kaplan_meier([(t.days, yes) for t, yes in times], within)}
            )  # fmt: skip
    return {"stages": lines, "steps": steps, "cohorts": _cohorts(world, reached, within)}


def _kaplan_meier(times: list[tuple[int, bool]], within: int) -> dict[str, Any]:
    survival, by, median = 1.0, 0.0, None
    for moment in sorted({t for t, arrived in times if arrived}):
        at_risk = sum(t >= moment for t, _ in times)
        survival *= 1 - sum(t == moment and arrived for t, arrived in times) / at_risk
        if moment <= within:
            by = 1 - survival
        if median is None and 1 - survival >= 0.5 - 1e-12:
            median = moment
    return {"by": by if any(t >= within for t, _ in times) else None, "median": median}


def _cohorts(
    world: World, reached: dict[str, list[date | None]], within: int
) -> list[dict[str, Any]]:
    cohorts: dict[str, list[int]] = {}
    for u, days in reached.items():
        start = world.day(world.t0[u])
        deadline = start + timedelta(within)
        mature = deadline < world.as_of_day
        arrived = days[-1] is not None and days[-1] <= deadline
        line = cohorts.setdefault(world.label(world.start(start)), [0] * 5)
        flags = (True, mature, mature and arrived, not mature and arrived, days[-1] is not None)
        for i, yes in enumerate(flags):
            line[i] += yes
    return [
        {"cohort": k, "signups": v[0], "mature": v[1], "arrived": (v[2], v[1]) if v[1] else None,
         "so_far": v[3], "ever": (v[4], v[0])}
        for k, v in sorted(cohorts.items())
    ]  # fmt: skip


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """The first day of each rule from a table of everybody on every day."""
    rules = stages(config)
    if capped(config, [*rules.values()]):
        return {}
    activated_sql(db, config)
    names = [f"stage_{k}" for k in range(len(rules))]
    for name, rule in zip(names, rules.values(), strict=True):
        held_sql(db, name, rule, config)
    own = ", ".join(f'(SELECT min(d) FROM {n} h WHERE h."user" = s."user" AND met)' for n in names)
    db.execute(
        f"""CREATE OR REPLACE TABLE reached AS
        WITH own AS (SELECT "user", unnest([{own}]) AS day, generate_subscripts([{own}], 1) - 1 AS k
            FROM starters s)
        SELECT "user", k, day AS own, CASE WHEN count(day) OVER w = k + 1 THEN max(day) OVER w END
            AS day FROM own WINDOW w AS (PARTITION BY "user" ORDER BY k)"""
    )
    found = []
    for k, name in enumerate(names):
        found += rows(
            db,
            f"""SELECT '{[*rules][k]}' AS step, count(r.day) AS reached_n, count(*) AS reached_d,
                count(*) FILTER (r.day IS NOT NULL AND next.day IS NULL) AS here,
                count(*) FILTER (r.own IS NOT NULL AND r.day IS NULL) AS ahead,
                CASE WHEN count(r.day) > 0 THEN
                    count(*) FILTER (r.day IS NOT NULL AND met) / count(r.day) END AS holds,
                median(next.day - r.day) AS middle
            FROM reached r LEFT JOIN reached next ON next."user" = r."user" AND next.k = r.k + 1
            JOIN {name} h ON h."user" = r."user" AND d = (SELECT as_of_day - 1 FROM span)
            WHERE r.k = {k} HAVING count(*) > 0""",
        )
    for line in found:
        del line["middle"]
    return {"stages": found} if found else {}
