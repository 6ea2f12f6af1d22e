"""Sessions of complete periods."""

from __future__ import annotations

from typing import Any

from tests.oracles.model import Tables, World, quantile

CELLS = [("periods", "actors")]


def plain(world: World) -> Tables:
    """Sessions of complete periods."""
    by_id = world.config["sessions"]["by"] == "session"
    found = []
    for user in world.users:
        rows = [(t, p) for t, e, p in world.events[user] if world.active(e, p)]
        groups: dict[Any, list[int]] = {}
        number, before = 0, None
        for t, p in rows:
            if before is not None and t - before > 1_800_000:
                number += 1
            before = t
            groups.setdefault(p["session"] if by_id else number, []).append(t)
        found += [(user, min(ts), max(ts), len(ts)) for ts in groups.values()]
    closed = [s for s in found if s[2] <= world.as_of - 1_800_000]
    lines = []
    for a, b in world.complete():
        mine = [s for s in closed if a <= world.day(s[1]) < b]
        middle = quantile([s[2] - s[1] for s in mine if s[3] > 1], 0.5)
        lines.append(
            {
                "period": world.label(a), "sessions": len(mine),
                "actors": len({s[0] for s in mine}),
                "single": (sum(s[3] == 1 for s in mine), len(mine)),
                "actions": sum(s[3] for s in mine),
                "time": sum(s[2] - s[1] for s in mine) / 1000,
                "median": None if middle is None else float(middle) / 1000,
            }
        )  # fmt: skip
    return {"periods": lines} if any(line["sessions"] for line in lines) else {}
