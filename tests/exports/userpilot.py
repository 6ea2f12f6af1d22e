"""Userpilot's data sync: a folder a day, events by type where they have no name."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NAMED = {"track": ("Saved Report", "Invited"), "track_feature": ("1042", "77"),
         "interaction": ("flow:12:seen", "survey:3:completed")}  # fmt: skip
NO_USAGE = ("identify_user", "identify_company", "session_start", "interaction")
KINDS = ("track", "page_view", "track_feature", "track", "page_view", "interaction", "track",
         "identify_user", "identify_company", "session_start")  # fmt: skip


def _made() -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    rng = random.Random(21)
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    active: dict[str, set[str]] = defaultdict(set)
    accounts = set()
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    for i in range(2300):
        kind, number = KINDS[i % 10], rng.randrange(90)
        who = "" if i % 70 == 11 else f"{number:04d}"  # 0007 is not 7
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            microseconds=rng.randrange(30 * 86_400 * 10**6)
        )
        row = {
            "app_token": "NX-1", "event_type": kind,
            "event_name": rng.choice(NAMED.get(kind, ("",))),
            "user_id": who, "company_id": f"co{number % 12}" if number % 5 else "", "source": "web",
            "inserted_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "session": f"s{number}",
            "internal_event_id": 2**63 + i, "pathname": "/a", "metadata": {"plan": "pro"},
        }  # fmt: skip
        day = f"{at:%Y-%m-%d}"
        files[day].append(row)
        if kind in NO_USAGE:
            counts["excluded"] += 1
        elif not who:
            counts["anonymous"] += 1
        else:
            counts["events"] += 1
            active[day].add(who)
            accounts |= {row["company_id"]} - {""}
            if i % 50 == 3:  # the sync of the day after has it again
                files[f"{at + timedelta(days=1):%Y-%m-%d}"].append(dict(row))
                counts["duplicates"] += 1
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    found = {**counts, "actors": len(actors), "accounts": len(accounts), "daily": daily}
    return files, found


_FILES, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """Folders by day, as in the bucket."""
    export = folder / "userpilot_datasync_9_NX-1"
    for day, rows in _FILES.items():
        (export / day).mkdir(parents=True)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (export / day / "all_events.json").write_text(text)
    return export
