"""Lifecycle: sets of people, period by period."""

from __future__ import annotations

import itertools
from typing import Any

from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World

CELLS = [
    ("periods", "active"),
    ("periods", "new"),
    ("periods", "returning"),
    ("periods", "dormant"),
]


def plain(world: World) -> Tables:
    """Sets of people, period by period."""
    shown, whole = world.complete(), world.whole()
    days = {u: world.days(u) for u in world.users}
    lines = []
    for (a0, b0), (a, b) in itertools.pairwise(whole):
        if (a, b) not in shown:
            continue
        now = {u for u, ds in days.items() if any(a <= d < b for d in ds)}
        before = {u for u, ds in days.items() if any(a0 <= d < b0 for d in ds)}
        first = {u for u in now if min(days[u]) >= a}
        new = {
            u for u in first & world.known
            if not world.signup_known or world.day(world.t0[u]) >= world.first_day
        }  # fmt: skip
        unclear = not world.signup_known and a < world.clear_from
        lines.append(
            {
                "period": world.label(a), "active": len(now),
                "new": None if unclear else len(new), "returning": len(now & before),
                "resurrected": None if unclear else len(now - before - new),
                "dormant": len(before - now),
            }
        )  # fmt: skip
    return {"periods": lines} if lines else {}


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Every actor and period with what it was in this one, the one before, and ever before."""
    p = config["period"]
    known = rows(db, "SELECT 1 AS x FROM facts WHERE signups")
    newcomer = "known AND t0_day >= s.first_day" if known else "known"
    unclear = "false" if known else "n.start < (SELECT clear_from FROM facts)"
    found = rows(
        db,
        f"""WITH nth AS (SELECT start, stop, row_number() OVER (ORDER BY start) AS i
            FROM whole('{p}')),
        state AS (SELECT i, start, p."user", {newcomer} AS newcomer,
            bool_or(a.day >= start AND a.day < stop) AS now,
            bool_or(start_of(a.day, '{p}') = start_of(start - 1, '{p}')) AS before,
            bool_or(a.day < start) AS ever
            FROM nth CROSS JOIN span s CROSS JOIN people p JOIN active a USING ("user")
            GROUP BY ALL)
        SELECT label(n.start, '{p}') AS period, count(*) FILTER (WHERE now) AS active,
            CASE WHEN NOT ({unclear}) THEN
                count(*) FILTER (WHERE now AND NOT ever AND newcomer) END AS new,
            count(*) FILTER (WHERE now AND before) AS returning,
            CASE WHEN NOT ({unclear}) THEN count(*) FILTER
                (WHERE now AND NOT before AND NOT (NOT ever AND newcomer)) END AS resurrected,
            count(*) FILTER (WHERE before AND NOT now) AS dormant
        FROM nth n CROSS JOIN span s LEFT JOIN state USING (i) WHERE n.i > 1
            AND n.start >= shown_from AND n.stop <= end_day
        GROUP BY n.i, n.start, s.first_day ORDER BY n.i""",
    )
    return {"periods": found} if found else {}
