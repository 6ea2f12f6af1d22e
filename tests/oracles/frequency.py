"""Frequency: a histogram of active days, counted person by person."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tests.oracles.database import DB, rows
from tests.oracles.model import Tables, World, quantile

CELLS = [("histogram", "actors"), ("trend", "actors"), ("trend", "power"), ("reach", "absent")]
ROWS = {"trend": "histogram"}


def section(rng: random.Random) -> dict[str, Any]:
    """Windows of several lengths, some as long as the month of other metrics."""
    month = rng.choice((14, 28, 30))
    return {"frequency": {"week": rng.choice(("1d", "7d")), "month": f"{month}d",
                          "power_days": rng.choice((1, 2, 3, month))}}  # fmt: skip


def _lengths(config: dict[str, Any]) -> tuple[int, int]:
    c = config["frequency"]
    return int(c["month"][:-1]), int(c["week"][:-1])


def _ends(world: World, length: int) -> Iterator[date]:
    """The days that end a window, oldest first."""
    yield from (end for _, end in world.windows(length, 6))


def plain(world: World) -> Tables:
    """A window at a time, a person at a time."""
    tables: Tables = {"trend": [], "histogram": [], "reach": []}
    month, _ = _lengths(world.config)
    for length in _lengths(world.config):
        name, counts = f"L{length}", []
        for end in _ends(world, length):
            begin, label = end - timedelta(days=length), (end - timedelta(days=1)).isoformat()
            all_counts = [sum(begin <= d < end for d in world.days(u)) for u in world.users]
            counts = [n for n in all_counts if n]
            power = sum(n >= world.config["frequency"]["power_days"] for n in counts)
            middle = quantile(counts, 0.5)
            tables["trend"].append(
                {"item": name, "period": label, "actors": len(counts),
                 "days": (sum(counts), len(counts)),
                 "median": None if middle is None else float(middle),
                 "power": (power, len(counts)) if length == month else None}
            )  # fmt: skip
        for step in range(1, length + 1):
            exactly, more = sum(n == step for n in counts), sum(n >= step for n in counts)
            tables["histogram"].append(
                {"item": name, "period": label, "step": step, "actors": (exactly, len(counts)),
                 "at_least": (more, len(counts))}
            )  # fmt: skip
        known = [u for u in world.actors if world.since(u) < world.end_day]
        tables["reach"].append({"item": name, "active": (len(counts), len(known)),
                                "absent": len(known) - len(counts)})  # fmt: skip
    end, begin = world.end_day, world.end_day - timedelta(days=month)
    return tables if any(begin <= d < end for u in world.users for d in world.days(u)) else {}


def sql(db: DB, config: dict[str, Any]) -> Tables:
    """Active days numbered by how many windows they lie back."""
    parts = [_windows(config, i, length) for i, length in enumerate(_lengths(config))]
    tables = {
        "trend": rows(db, f"{' UNION ALL '.join(parts)} ORDER BY i, period"),
        "histogram": [row for length in _lengths(config) for row in rows(db, _histogram(length))],
    }
    month = _lengths(config)[0]
    active = rows(
        db,
        f"SELECT 1 AS x FROM active, span WHERE day >= end_day - {month} AND day < end_day LIMIT 1",
    )
    for row in tables["trend"]:
        del row["i"]
    return tables if active else {}


def _windows(config: dict[str, Any], i: int, length: int) -> str:
    most = config["frequency"]["power_days"]
    power = "NULL" if i else f"count(n) FILTER (WHERE n >= {most}) / nullif(count(n), 0)"
    return f"""SELECT {i} AS i, 'L{length}' AS item, strftime(stop - 1, '%Y-%m-%d') AS period,
            count(n) AS actors, coalesce(sum(n), 0)::BIGINT AS days_n, count(n) AS days_d,
            quantile_cont(n, 0.5) AS median, {power} AS power
        FROM windows_back({length}, 6) w
        LEFT JOIN (SELECT (end_day - 1 - day) // {length} AS k, "user", count(*) AS n
            FROM active, span WHERE day < end_day GROUP BY ALL) a USING (k) GROUP BY stop"""


def _histogram(length: int) -> str:
    return f"""WITH counted AS (SELECT "user", count(*) AS n FROM active, span
            WHERE day >= end_day - {length} AND day < end_day GROUP BY 1)
        SELECT 'L{length}' AS item, step, count(n) FILTER (WHERE n = step) AS actors_n,
            count(n) AS actors_d, count(n) FILTER (WHERE n >= step) AS at_least_n,
            count(n) AS at_least_d
        FROM range(1, {length} + 1) AS s(step) LEFT JOIN counted ON true
        GROUP BY step ORDER BY step"""
