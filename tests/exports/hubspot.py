"""HubSpot's e-mail events as its API gives them: milliseconds, deliveries, filtered opens."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = 1767225600000  # 2026-01-01
DAY = 86_400_000
DELIVERY = ("SENT", "DELIVERED", "PROCESSED", "DEFERRED", "DROPPED", "BOUNCE", "STATUSCHANGE",
            "SPAMREPORT")  # fmt: skip


def _made() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rng = random.Random(12)
    rows: list[dict[str, Any]] = []
    active: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    for i in range(2400):
        at = START + rng.randrange(30 * DAY)
        kind = ("OPEN", "OPEN", "CLICK", DELIVERY[i % 8])[i % 4]
        row: dict[str, Any] = {
            "id": f"e{i:05d}", "created": at, "type": kind, "appId": 2286, "portalId": 47,
            "recipient": f"p{rng.randrange(80)}@example.org", "emailCampaignId": i % 5,
            "sentBy": {"id": f"s{i % 90}", "created": START},
        }  # fmt: skip
        if kind in ("OPEN", "CLICK"):
            row["filteredEvent"] = i % 10 == 0  # a bot's, or a colleague's
        if i % 30 == 2:
            del row["filteredEvent"]  # not filtered either
        if i % 100 == 6:
            row["recipient"] = ""
        rows.append(row)
        counted = kind in ("OPEN", "CLICK") and not row.get("filteredEvent")
        if not counted:
            counts["excluded"] += 1
        elif not row["recipient"]:
            counts["anonymous"] += 1
        else:
            counts["events"] += 1
            active[datetime.fromtimestamp(at / 1000, UTC).date().isoformat()].add(row["recipient"])
            if i % 40 == 5:  # delivered twice
                rows.append(dict(row))
                counts["duplicates"] += 1
            if i % 200 == 1:  # ids are unique along with their time alone
                rows.append({**row, "created": at - at % DAY})
                counts["events"] += 1
    rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    return rows, {**counts, "actors": len(actors), "daily": daily}


_ROWS, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """One object a line."""
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in _ROWS))
    return path
