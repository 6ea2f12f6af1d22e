"""Stickiness: the last window."""

from __future__ import annotations

from datetime import timedelta

from tests.oracles.model import Tables, World

CELLS = [("windows", "mau")]
MEASURES = {"mau": "actors"}


def _month(world: World) -> int:
    return int(world.config["active_users"]["month"][:-1])


def plain(world: World) -> Tables:
    """The last window."""
    begin = world.as_of_day - timedelta(days=_month(world))
    counts = [sum(d >= begin for d in world.days(u)) for u in world.users]
    active = [n for n in counts if n]
    if not active:
        return {}
    line = {
        "period": (world.as_of_day - timedelta(days=1)).isoformat(),
        "mau": len(active),
        "stickiness": (sum(active), len(active) * _month(world)),
    }
    return {"windows": [line]}
