"""OpenPanel's rows of ClickHouse: profiles, and devices of those who have none."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NAMES = ("screen_view", "screen_view", "report_saved", "session_start", "session_end")


def made(rng: random.Random, n: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows as the database has them, and what is to be counted."""
    rows: list[dict[str, Any]] = []
    active: dict[str, set[str]] = defaultdict(set)
    accounts = set()
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    for i in range(n):
        number = rng.randrange(80)
        device = f"d{number:03d}{i % 2}"
        profile = device if number < 20 else f"p{number}"  # the first have none of their own
        if i % 40 == 7:
            profile = ""
        if i % 200 == 10:
            profile = device = ""
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            milliseconds=rng.randrange(30 * 86_400_000)
        )
        group = f"g{number % 7}" if number % 3 == 0 else ""
        row = {
            "id": f"00000000-{i:012d}", "name": NAMES[i % 5], "device_id": device,
            "profile_id": profile, "session_id": f"s{number}", "path": "/a",
            "created_at": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}",
            "imported_at": None if i % 3 else f"{at:%Y-%m-%d %H:%M:%S}",
            "groups": [group, "other"] if group else [], "properties": {"plan": "pro"},
        }  # fmt: skip
        rows.append(row)
        if NAMES[i % 5].startswith("session"):
            counts["excluded"] += 1
        elif not device:
            counts["anonymous"] += 1
        else:
            counts["events"] += 1
            active[f"{at:%Y-%m-%d}"].add(profile or device)
            accounts |= {group} - {""}
            if i % 35 == 2:
                rows.append(dict(row))
                counts["duplicates"] += 1
    rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    return rows, {**counts, "actors": len(actors), "accounts": len(accounts), "daily": daily}


_ROWS, EXPECTED = made(random.Random(22), 2300)
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """One object a line, packed."""
    path = folder / "events.jsonl.gz"
    text = "".join(json.dumps(row) + "\n" for row in _ROWS)
    path.write_bytes(gzip.compress(text.encode(), 1))
    return path
