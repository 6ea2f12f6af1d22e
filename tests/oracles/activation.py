"""Activation: by cohort of sign-up, by persona, and what those who missed it lack."""

from __future__ import annotations

import random
from typing import Any

from tests.oracles.criteria import activated_at, activations, part_of, parts
from tests.oracles.database import DB, rows
from tests.oracles.model import DAY_MS, Tables, World

CELLS = [
    ("cohorts", "activated"), ("cohorts", "mature"), ("cohorts", "ever"), ("personas", "activated"),
    ("personas", "mature"), ("activations", "activated"),
]  # fmt: skip


def section(rng: random.Random) -> dict[str, Any]:
    """Criteria of every kind; now and then personas, with or without a rule for everyone else."""
    personas = {
        "first": {"who": {"kind": rng.choice(("x", ["x"]))}, **_rule(rng)},
        "second": {"who": {"kind": ["x", "y"]}, **_rule(rng), "within": rng.choice(("2d", "20d"))},
    }
    found: dict[str, Any] = {
        "within": rng.choice(("1d", "7d", "14d")),
        "before_signup": rng.choice(("count", "ignore")),
    }
    chosen = rng.choice(("none", "none", "none", "one", "both", "alone"))
    if chosen != "alone":
        found |= _rule(rng)
    if chosen != "none":
        found["personas"] = personas if chosen != "one" else {"first": personas["first"]}
    return {"activation": found}


def _rule(rng: random.Random) -> dict[str, Any]:
    criteria: list[Any] = [
        "built",
        {"event": "shared", "at_least": rng.choice((1, 2))},
        {"event": "read", "where": {"kind": "x"}, "days": rng.choice((1, 2))},
    ]
    rule: dict[str, Any] = {rng.choice(("all", "any")): rng.sample(criteria, rng.randint(1, 3))}
    if "all" in rule:
        rule["in_order"] = rng.random() < 0.5
    return rule


def plain(world: World) -> Tables:
    """By cohort of sign-up, by persona, and what those who missed it lack."""
    c = world.config["activation"]
    names = [name for name, _, _ in parts(c)]
    lines: dict[Any, list[int]] = {("personas", i): [0] * 5 for i in range(len(names))}
    lacking: dict[int, list[list[bool]]] = {i: [] for i in range(len(names))}
    since: dict[int, list[bool]] = {i: [] for i in range(len(names))}
    for user in world.starters():
        part = part_of(world, c, user)
        if part is None:
            continue
        t0, within = world.t0[user], int(part[2]["within"][:-1]) * DAY_MS
        when, alone = activated_at(world, user)
        mature = t0 + within < world.as_of
        in_time = when is not None and when <= t0 + within
        counted = (True, mature, mature and in_time, not mature and in_time, when is not None)
        for key in (("cohorts", world.label(world.start(world.day(t0)))), ("personas", part[0])):
            line = lines.setdefault(key, [0] * 5)
            for i, yes in enumerate(counted):
                line[i] += yes
        if mature and not in_time:
            lacking[part[0]].append([t is None or t > t0 + within for t in alone])
            since[part[0]].append(when is None)
    found: Tables = {
        "cohorts": [{"cohort": k, **_line(v)} for (t, k), v in sorted(
            (key, v) for key, v in lines.items() if key[0] == "cohorts")]
    }  # fmt: skip
    if not found["cohorts"]:
        return {}
    if "personas" in c:
        found["personas"] = [
            {"item": name, **_line(lines["personas", i])} for i, name in enumerate(names)
        ]
    at = [activated_at(world, u)[0] for u in world.newcomers() if part_of(world, c, u)]
    found["activations"] = [
        {"period": world.label(a), "activated": sum(
            t is not None and world.midnight(a) <= t < world.midnight(b) for t in at)}
        for a, b in world.complete()
    ]  # fmt: skip
    found["lacking"] = [
        {"lacking": (sum(late[k] for late in lacking[i]), len(lacking[i])),
         "only": (sum(late[k] and sum(late) == 1 for late in lacking[i]), len(lacking[i])),
         "still": (sum(late[k] and sum(late) == 1 and yet
                       for late, yet in zip(lacking[i], since[i], strict=True)), len(lacking[i]))}
        for i, (_, rule, _) in enumerate(parts(c))
        for k in range(len(rule.get("all") or rule["any"]))
    ]  # fmt: skip
    return found


def _line(v: list[int]) -> dict[str, Any]:
    return {"signups": v[0], "mature": v[1], "activated": (v[2], v[1]), "so_far": v[3],
            "ever": (v[4], v[0])}  # fmt: skip


_MEASURES = """count(*) AS signups, count(*) FILTER (mature) AS mature,
    count(*) FILTER (mature AND in_time) AS activated_n, count(*) FILTER (mature) AS activated_d,
    count(*) FILTER (NOT mature AND in_time) AS so_far,
    count(reached) AS ever_n, count(*) AS ever_d"""


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Joins of starters with when their criteria were met."""
    p, section_ = config["period"], config["activation"]
    activations(db, config)
    db.execute(
        f"""CREATE TEMP TABLE judged AS SELECT a.*, a.t0 + allowed < as_of AS mature,
            label(start_of(s.t0_day, '{p}'), '{p}') AS cohort,
            coalesce(reached <= a.t0 + allowed, false) AS in_time
        FROM activations a JOIN starters s USING ("user"), span"""
    )
    cohorts = rows(db, f"SELECT cohort, {_MEASURES} FROM judged GROUP BY cohort ORDER BY cohort")
    if not cohorts:
        return {}
    found: Tables = {"cohorts": cohorts}
    found["activations"] = rows(
        db,
        f"""SELECT label(start, '{p}') AS period, count("user") AS activated
        FROM complete('{p}') LEFT JOIN (FROM activations JOIN newcomers USING ("user"))
            ON reached >= midnight(start) AND reached < midnight(stop)
        GROUP BY start ORDER BY start""",
    )
    listed = parts(section_)
    if "personas" in section_:
        by_part = {r["part"]: r for r in rows(
            db, f"SELECT part, {_MEASURES} FROM judged GROUP BY part")}  # fmt: skip
        found["personas"] = [
            {"item": name, **by_part[i]} if i in by_part else {"item": name, "signups": 0}
            for i, (name, _, _) in enumerate(listed)
        ]
        for row in found["personas"]:
            row.pop("part", None)
    found["lacking"] = []
    for i, (_, rule, _) in enumerate(listed):
        for k in range(len(rule.get("all") or rule["any"])):
            found["lacking"] += rows(
                db,
                f"""SELECT count(*) FILTER (late[{k + 1}]) AS lacking_n, count(*) AS lacking_d,
                    count(*) FILTER (late[{k + 1}] AND list_sum(list_transform(late,
                        lambda x: x::INTEGER)) = 1) AS only_n, count(*) AS only_d,
                    count(*) FILTER (late[{k + 1}] AND reached IS NULL AND list_sum(list_transform(
                        late, lambda x: x::INTEGER)) = 1) AS still_n, count(*) AS still_d
                FROM judged WHERE part = {i} AND mature AND NOT in_time""",
            )
    return found
