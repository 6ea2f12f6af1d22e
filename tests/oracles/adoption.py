"""Activation, time to value and feature adoption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.oracles.model import DAY_MS, World, activated_at, quantile

Tables = dict[str, list[dict[str, Any]]]


def activation(world: World) -> Tables:
    """By cohort of sign-up, and what those who missed it lack."""
    c = world.config["activation"]
    within = int(c["within"][:-1]) * DAY_MS
    cohorts: dict[str, list[int]] = {}
    criteria = c.get("all") or c.get("any")
    missed, lacking, only = 0, [0] * len(criteria), [0] * len(criteria)
    for user in world.starters():
        t0 = world.t0[user]
        when, alone = activated_at(world, user)
        mature = t0 + within < world.as_of
        in_time = when is not None and when <= t0 + within
        line = cohorts.setdefault(world.label(world.start(world.day(t0))), [0] * 5)
        for i, yes in enumerate(
            (True, mature, mature and in_time, not mature and in_time, when is not None)
        ):
            line[i] += yes
        if mature and not in_time:
            missed += 1
            late = [t is None or t > t0 + within for t in alone]
            for i, lacks in enumerate(late):
                lacking[i] += lacks
                only[i] += lacks and sum(late) == 1
    if not cohorts:
        return {}
    return {
        "cohorts": [
            {"cohort": k, "signups": v[0], "mature": v[1], "activated": (v[2], v[1]),
             "so_far": v[3], "ever": (v[4], v[0])}
            for k, v in sorted(cohorts.items())
        ],
        "lacking": [{"lacking": (n, missed), "only": (m, missed)}
                    for n, m in zip(lacking, only, strict=True)],
    }  # fmt: skip


def time_to_value(world: World) -> Tables:
    """Kaplan–Meier by its definition, one time after the other."""
    people = []
    for user in world.starters():
        when, _ = activated_at(world, user)
        end = world.as_of if when is None else when
        people.append((end - world.t0[user], when is not None))
    curve = []
    hour = 3_600_000
    for step, t in (("1h", hour), ("1d", 24 * hour), ("3d", 72 * hour), ("7d", 168 * hour),
                    ("14d", 336 * hour), ("30d", 720 * hour), ("90d", 2160 * hour)):  # fmt: skip
        if not any(d >= t for d, _ in people):
            curve.append({"step": step, "activated": None, "at_risk": None})
            continue
        survival = 1.0
        for moment in sorted({d for d, arrived in people if arrived and d <= t}):
            at_risk = sum(d >= moment for d, _ in people)
            survival *= 1 - sum(d == moment and a for d, a in people) / at_risk
        curve.append(
            {"step": step, "activated": 1 - survival, "at_risk": sum(d >= t for d, _ in people)}
        )
    arrived = [d for d, yes in people if yes]
    middle = quantile(arrived, 0.5)
    line = {"n": len(arrived), "median": None if middle is None else float(middle) / 1000}
    return {"curve": curve, "arrived": [line]} if people else {}


def feature_adoption(world: World) -> Tables:
    """The last window."""
    c = world.config
    first = world.as_of_day - timedelta(days=int(c["feature_adoption"]["window"][:-1]))
    active = [u for u in world.actors if any(d >= first for d in world.days(u))]
    lines, used, cores = [], dict.fromkeys(active, 0), 0
    for name, feature in c["features"].items():
        refs = feature["events"] if isinstance(feature, dict) else feature
        plans = feature.get("eligible", {}).get("plan") if isinstance(feature, dict) else None
        able = [u for u in active if plans is None or world.table.get(u, (0, ""))[1] in plans]
        tried = adopted = uses = 0
        for user in able:
            rows = [
                world.day(t) for t, e, p in world.events.get(user, [])
                if world.day(t) >= first and any(world.holds(r, e, p) for r in refs)
            ]  # fmt: skip
            tried += bool(rows)
            adopted += len(set(rows)) >= 2
            uses += len(rows)
            used[user] += bool(rows)
            cores += bool(rows) and name == "both"
        lines.append({"item": name, "tried": (tried, len(able)), "adopted": (adopted, len(able)),
                      "uses": uses})  # fmt: skip
    if not active:
        return {}
    return {
        "features": lines,
        "breadth": [
            {"step": n, "actors": (sum(k == n for k in used.values()), len(active))}
            for n in range(len(lines) + 1)
        ],
        "core": [{"share": (cores, len(active))}],
    }
