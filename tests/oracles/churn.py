"""Churn: losses one by one, each in the first period that had the user."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.oracles.model import Tables, World

CELLS = [("inferred", "lost"), ("inferred", "at_start"), ("cancelled", "lost")]


def _cancelled(world: World) -> list[dict[str, Any]]:
    """Who is a customer at the start of each period, told event by event."""
    lines = []
    for a, b in world.complete():
        at, until = world.midnight(a), world.midnight(b)
        there = lost = 0
        for user in world.actors:
            begin = _customer_since(world, user, at)
            if begin is None:
                continue
            there += 1
            lost += any(
                e == "cancelled" and at <= t < until for t, e, _ in world.events.get(user, [])
            )
        lines.append({"period": world.label(a), "at_start": there, "lost": (lost, there)})
    return lines


def _customer_since(world: World, user: str, at: int) -> int | None:
    """Since when somebody is a customer just before an instant, or None."""
    rows = world.events.get(user, [])
    if "purchase" in world.config:
        state = None
        for t, e, _ in sorted(rows, key=lambda r: (r[0], r[1] != "bought")):
            if t >= at:
                break
            if e == "bought" and state is None:
                state = t
            elif e == "cancelled":
                state = None
        return state
    begin = world.t0.get(user, rows[0][0] if rows else None)
    if begin is None or begin >= at:
        return None
    return None if any(e == "cancelled" and begin <= t < at for t, e, _ in rows) else begin


def plain(world: World) -> Tables:
    """Losses one by one, each in the first period that had the user."""
    after = int(world.config["churn"]["after"][:-1])
    idle = timedelta(days=after)
    spans = [(a, b) for a, b in world.complete() if a - idle >= world.first_day]
    inferred = []
    lost: dict[date, set[str]] = {a: set() for a, _ in spans}
    returned: dict[date, set[str]] = {a: set() for a, _ in spans}
    for user in world.users:
        days = world.days(user)
        for i, d in enumerate(days):
            following = days[i + 1] if i + 1 < len(days) else None
            if ((following or world.as_of_day) - d).days - 1 < after:
                continue
            for a, b in spans:
                if a - idle <= d < b and any(a - idle <= x < a for x in days):
                    lost[a].add(user)
                    break
            for a, b in spans:
                if following is not None and d < a <= following < b:
                    returned[a].add(user)
    for a, b in spans:
        if b + idle > world.as_of_day:
            continue
        there = {u for u in world.users if any(a - idle <= d < a for d in world.days(u))}
        line = {"period": world.label(a), "at_start": len(there), "returned": len(returned[a])}
        inferred.append({**line, "lost": (len(lost[a]), len(there))})
    return {"inferred": inferred, "cancelled": _cancelled(world)}
