"""Feature adoption: the last window."""

from __future__ import annotations

from datetime import timedelta

from tests.oracles.model import Tables, World

CELLS = [("trend", "tried"), ("trend", "adopted")]
ROWS = {"trend": "features"}


def plain(world: World) -> Tables:
    """The last window."""
    c = world.config
    first = world.as_of_day - timedelta(days=int(c["feature_adoption"]["window"][:-1]))
    active = [u for u in world.actors if any(d >= first for d in world.days(u))]
    lines, used, cores = [], dict.fromkeys(active, 0), 0
    for name, feature in c["features"].items():
        refs = feature["events"] if isinstance(feature, dict) else feature
        plans = feature.get("eligible", {}).get("plan") if isinstance(feature, dict) else None
        able = [u for u in active if plans is None or world.trait(u, "plan") in plans]
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
