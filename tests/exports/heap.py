"""Heap's all_events from a warehouse: ids beyond 2^53, sessions, rows that came twice."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

NAMES = ("pageviews", "saved_report", "session", "invited_someone", "sessions")
START = datetime.fromisoformat("2026-01-01T00:00:00")


def _made() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rng = random.Random(25)
    rows: list[dict[str, Any]] = []
    active: dict[str, set[int]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    for i in range(2200):
        who = 2**60 + rng.randrange(75)  # a float would make one of them all
        at = START + timedelta(microseconds=rng.randrange(30 * 86_400 * 10**6))
        row = {"event_id": 2**61 + i, "user_id": who, "session_id": 2**62 + who % 9, "time": at,
               "event_table_name": NAMES[i % 5]}  # fmt: skip
        if i % 100 == 8:
            row["user_id"] = None
        rows.append(row)
        if NAMES[i % 5] in ("session", "sessions"):
            counts["excluded"] += 1
        elif row["user_id"] is None:
            counts["anonymous"] += 1
        else:
            counts["events"] += 1
            active[at.date().isoformat()].add(who)
            if i % 40 == 1:
                rows.append(dict(row))
                counts["duplicates"] += 1
    rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    return rows, {**counts, "actors": len(actors), "daily": daily}


_ROWS, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """The table as Parquet, its times without zone."""
    path = folder / "all_events.parquet"
    pl.DataFrame(_ROWS, infer_schema_length=None).write_parquet(path)
    return path
