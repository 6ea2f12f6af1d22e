"""Engagement score: points of the last window."""

from __future__ import annotations

from datetime import timedelta

from tests.oracles.model import Tables, World

CELLS = [("quartiles", "actors")]


def plain(world: World) -> Tables:
    """Points of the last window."""
    weights = world.config["engagement_score"]["weights"]
    begin = world.as_of_day - timedelta(days=14)
    points = {
        u: sum(weights.get(e, 0) for t, e, _ in world.events.get(u, []) if world.day(t) >= begin)
        for u in world.actors
        if u in world.events or u in world.t0
    }
    active = {u for u in world.users if any(d >= begin for d in world.days(u))}
    found = []
    for name, who in (("all", set(points)), ("active", active)):
        total = sum(points[u] for u in who)
        line = {"item": name, "actors": len(who), "mean": (total, len(who)), "total": total}
        found.append(line)
    return {"distribution": found}
