"""HubSpot's Events API: pages of one object; contacts and companies; pages that overlap."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NAMES = ("pe1234567_login_event", "pe1234567_report_saved", "e_visited_page")
SIZE, OVERLAP = 500, 20


def _made() -> tuple[list[list[dict[str, Any]]], dict[str, Any]]:
    rng = random.Random(27)
    rows: list[dict[str, Any]] = []
    for i in range(2200):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            milliseconds=rng.randrange(30 * 86_400_000)
        )
        rows.append({
            "id": f"b9{i:06x}", "eventType": NAMES[i % 3], "objectId": str(600_000 + i * 7 % 65),
            "objectType": "CONTACT" if i % 11 else "COMPANY",
            "occurredAt": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "properties": {"hs_browser": "Chrome"} if i % 2 else {},
        })  # fmt: skip
    rows.sort(key=lambda row: row["occurredAt"], reverse=True)
    starts = range(0, len(rows), SIZE)
    pages = [rows[max(start - OVERLAP, 0) : start + SIZE] for start in starts]
    again = [row for page in pages[1:] for row in page[:OVERLAP]]
    people = [row for row in rows if row["objectType"] == "CONTACT"]
    active: dict[str, set[str]] = defaultdict(set)
    for row in people:
        active[row["occurredAt"][:10]].add(row["objectId"])
    return pages, {
        "events": len(people),
        "actors": len({row["objectId"] for row in people}),
        "duplicates": sum(row["objectType"] == "CONTACT" for row in again),
        "excluded": sum(row["objectType"] == "COMPANY" for row in (*rows, *again)),
        "daily": {day: len(who) for day, who in sorted(active.items())},
    }


_PAGES, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """A file a page."""
    export = folder / "pages"
    export.mkdir()
    for number, rows in enumerate(_PAGES, 1):
        page = {"results": rows, "paging": {"next": {"after": str(number)}}}
        (export / f"page-{number}.json").write_text(json.dumps(page, indent=1))
    return export
