"""Lifecycle: sets of people, period by period."""

from __future__ import annotations

import itertools
from datetime import timedelta

from tests.oracles.model import Tables, World

CELLS = [
    ("periods", "active"),
    ("periods", "new"),
    ("periods", "returning"),
    ("periods", "dormant"),
]


def plain(world: World) -> Tables:
    """Sets of people, period by period."""
    complete = world.complete()
    days = {u: world.days(u) for u in world.users}
    burn_in = world.first_day + timedelta(days=0 if world.signup_known else 30)
    lines = []
    for (a0, b0), (a, b) in itertools.pairwise(complete):
        now = {u for u, ds in days.items() if any(a <= d < b for d in ds)}
        before = {u for u, ds in days.items() if any(a0 <= d < b0 for d in ds)}
        first = {u for u in now if min(days[u]) >= a}
        new = {
            u for u in first & world.known
            if not world.signup_known or world.day(world.t0[u]) >= world.first_day
        }  # fmt: skip
        unclear = not world.signup_known and a < burn_in
        lines.append(
            {
                "period": world.label(a), "active": len(now),
                "new": None if unclear else len(new), "returning": len(now & before),
                "resurrected": None if unclear else len(now - before - new),
                "dormant": len(before - now),
            }
        )  # fmt: skip
    return {"periods": lines} if lines else {}
