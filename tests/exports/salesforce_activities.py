"""Salesforce's tasks and events as Fivetran writes them: open, deleted, ids of two lengths."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.exports.salesforce import _ids, long

COMMON = ["id", "_fivetran_synced", "who_id", "what_id", "account_id", "owner_id", "activity_date",
          "created_date", "is_deleted", "subject", "system_modstamp", "type"]  # fmt: skip
OWN = {
    "task": ["is_closed", "completed_date_time", "task_subtype", "status"],
    "event": ["activity_date_time", "event_subtype"],
}


def _text(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _made() -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    rng = random.Random(15)
    people, accounts = _ids(rng, "003", 70), _ids(rng, "001", 10)
    files: dict[str, list[dict[str, Any]]] = {"task": [], "event": []}
    active: dict[str, set[str]] = defaultdict(set)
    seen = set()
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    for i in range(2200):
        kind, spell = ("task", "event")[i % 2], long if i % 5 else str
        number = rng.randrange(70)
        at = datetime(2026, 1, 3, tzinfo=UTC) + timedelta(seconds=rng.randrange(25 * 86_400))
        is_open, deleted, nobody = i % 14 == 4, i % 70 == 9, i % 90 == 11
        row: dict[str, Any] = {
            "id": long(f"00T5f0000{i:06d}"), "what_id": "", "owner_id": long("0055f00000aBcDe"),
            "who_id": "" if nobody else spell(people[number]),
            "account_id": spell(accounts[number % 10]), "subject": 'Call, "second"',
            "activity_date": _text(at), "created_date": _text(at - timedelta(days=2)),
            "is_deleted": "TRUE" if deleted else "FALSE", "system_modstamp": _text(at),
            "type": ("Call", "")[i % 3 == 0],
        }  # fmt: skip
        if kind == "task":
            done = "" if is_open else _text(at)
            row |= {"is_closed": "FALSE" if is_open else "TRUE", "completed_date_time": done,
                    "task_subtype": "Task", "status": "Completed",
                    "activity_date": _text(at + timedelta(days=1))}  # fmt: skip
        else:
            row |= {"activity_date_time": _text(at), "event_subtype": "Event",
                    "activity_date": f"{at:%Y-%m-%d}"}  # fmt: skip
        files[kind].append(row)
        if deleted or (is_open and kind == "task"):
            counts["excluded"] += 1
        elif nobody:
            counts["anonymous"] += 1
        else:
            counts["events"] += 1
            seen.add(accounts[number % 10])
            active[f"{at:%Y-%m-%d}"].add(people[number])
            if i % 30 == 7:
                files[kind].append({**row, "id": row["id"][:15]})
                counts["duplicates"] += 1
    for rows in files.values():
        rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    found = {**counts, "actors": len(actors), "accounts": len(seen), "daily": daily}
    return files, found


_FILES, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """A folder with both tables."""
    export = folder / "salesforce"
    export.mkdir()
    for kind, rows in _FILES.items():
        with (export / f"{kind}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [*COMMON, *OWN[kind]], restval="")
            writer.writeheader()
            writer.writerows(rows)
    return export
