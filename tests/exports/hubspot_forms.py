"""HubSpot's form submissions as Fivetran writes them."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NAMES = ["timestamp", "form_id", "contact_id", "conversion_id", "page_id", "page_url", "portal_id",
         "title", "_fivetran_synced"]  # fmt: skip
FORMS = ("Newsletter", "Guide, part 2", 'The "demo"', "")


def _made() -> tuple[list[list[Any]], dict[str, Any]]:
    rng = random.Random(13)
    rows: list[list[Any]] = []
    active: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "anonymous"), 0)
    for i in range(2000):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(30 * 86_400))
        who = "" if i % 80 == 3 else f"{rng.randrange(120):03d}"  # 012 is not 12
        row = [f"{at:%Y-%m-%d %H:%M:%S}", f"{i % 3:03d}", who, 100_000 + i, i % 9,
               "https://example.com/a", 12345, FORMS[i % 4], "2026-02-01 3:15:52"]  # fmt: skip
        rows.append(row)
        if not who:
            counts["anonymous"] += 1
            continue
        counts["events"] += 1
        active[at.date().isoformat()].add(who)
        if i % 25 == 0:
            rows.append([*row[:-1], "2026-02-02 3:15:52"])
            counts["duplicates"] += 1
    rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    return rows, {**counts, "actors": len(actors), "daily": daily}


_ROWS, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """The table as CSV."""
    path = folder / "contact_form_submission.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *_ROWS])
    return path
