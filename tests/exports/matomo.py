"""Matomo's visits with their actions, a visit a line; some visits are exported twice."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = 1767225600  # 2026-01-01
KINDS = ("action", "event", "search", "action", "outlink", "download", "goal")


def _action(i: int, at: int) -> dict[str, Any]:
    kind = KINDS[i % 7]
    found = {"type": kind, "url": f"https://example.com/{i}", "timestamp": at, "pageTitle": "A"}
    more = {"eventCategory": "video", "eventAction": "play", "eventName": "intro"}
    return found | (more if kind == "event" else {})


def _made() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rng = random.Random(26)
    visits: list[dict[str, Any]] = []
    active: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates"), 0)
    i = 0
    for number in range(620):
        person = rng.randrange(60)
        begun = START + rng.randrange(30 * 86_400 - 3600)
        actions = []
        for place in range(number % 8):  # some visits have none
            actions.append(_action(i, begun + 60 * place))
            i += 1
        visit = {
            "idVisit": str(number), "visitorId": f"{person:016x}", "serverTimestamp": begun,
            "userId": f"u{person}" if person % 3 else None, "actionDetails": actions,
            "lastActionTimestamp": begun + 60 * 8, "visitorType": "new",
        }  # fmt: skip
        visits.append(visit)
        for action in actions:
            day = datetime.fromtimestamp(action["timestamp"], UTC).date().isoformat()
            active[day].add(f"u{person}" if person % 3 else f"{person:016x}")
        counts["events"] += len(actions)
        if number % 31 == 6:  # it was still going on at the export before
            visits.append({**visit, "actionDetails": actions[:2]})
            counts["duplicates"] += len(actions[:2])
    rng.shuffle(visits)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    return visits, {**counts, "actors": len(actors), "daily": daily}


_VISITS, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """A visit a line, as jq makes them of the API's array."""
    path = folder / "visits.ndjson"
    path.write_text("".join(json.dumps(visit) + "\n" for visit in _VISITS))
    return path
