"""Heap in a bucket: three dumps in Avro, of which the second has two tables whole again."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

TABLES = ("app_saved_report", "app_shared", "pageviews")
WHOLE = {2: ("app_shared", "users")}
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30

Row = dict[str, Any]
Dumps = dict[tuple[int, str], list[Row]]


def _made() -> tuple[Dumps, dict[str, Any]]:
    """What each dump has of each table, and what counts: app_shared of the first dump does not."""
    rng = random.Random(5)
    dumps: Dumps = defaultdict(list)
    active: dict[str, set[int]] = defaultdict(set)
    events = duplicates = merged = 0
    moved = {2**60 + n: 2**62 + n for n in range(0, 60, 4)}
    used: set[int] = set()
    for i in range(2400):
        who = 2**60 + rng.randrange(60)
        at = START + timedelta(milliseconds=rng.randrange(DAYS * 86_400_000))
        table, dump = TABLES[i % 3], 1 + i % 7 % 3
        row = {"event_id": 2**61 + i, "user_id": who, "session_id": 2**62 + i % 50,
               "time": f"{at:%Y-%m-%d %H:%M:%S.%f}", "path": f"/{i % 4}"}  # fmt: skip
        dumps[dump, table].append(row)
        if i % 40 == 1 and dump == 2:
            dumps[3, table].append(row)  # late, and sent before
            duplicates += 1
        if dump == 1 and table in WHOLE[2]:
            continue
        events += 1
        used |= {who} & moved.keys()
        active[at.date().isoformat()].add(moved.get(who, who))
    merged = len(used)
    for dump in (1, 2, 3):
        dumps[dump, "users"] = [{"user_id": 2**60 + n, "identity": f"u{n}"} for n in range(60)]
    dumps[3, "user_migrations"] = [{"from_user_id": a, "to_user_id": b} for a, b in moved.items()]
    for rows in dumps.values():
        rng.shuffle(rows)
    return dumps, {
        "events": events, "duplicates": duplicates, "excluded": 0, "anonymous": 0, "merged": merged,
        "actors": len(set().union(*active.values())),
        "daily": {day: len(who) for day, who in sorted(active.items())},
    }  # fmt: skip


_DUMPS, EXPECTED = _made()
OPTIONS = (
    "--as-of", "2026-01-31", "--identities", "heap/sync_3/user_migrations",
)  # fmt: skip


def rows(table: str, *dumps: int) -> list[Row]:
    """What some dumps have of a table, or all."""
    return [row for d in dumps or (1, 2, 3) for row in _DUMPS[d, table]]


def write(folder: Path) -> Path:
    """The bucket, with the manifests beside."""
    bucket = folder / "heap"
    (bucket / "manifests").mkdir(parents=True)
    for (dump, table), rows in _DUMPS.items():
        inside = bucket / f"sync_{dump}" / table
        inside.mkdir(parents=True)
        half = len(rows) // 2
        for i, part in enumerate((rows[:half], rows[half:])):
            pl.DataFrame(part).write_avro(inside / f"part-0000{i}-c000.avro", "snappy")
    for dump in (1, 2, 3):
        tables = [{"name": table, "incremental": table not in WHOLE.get(dump, ())}
                  for number, table in _DUMPS if number == dump]  # fmt: skip
        text = json.dumps({"dump_id": dump, "tables": tables})
        (bucket / "manifests" / f"sync_{dump}.json").write_text(text)
    return bucket
