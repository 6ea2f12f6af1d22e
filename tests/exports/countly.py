"""Countly's drill events as mongoexport writes them: two forms of numbers, counts, own events."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = 1767225600000  # 2026-01-01
NAMES = ("buy", "share", "[CLY]_session", "buy", "[CLY]_view", "[CLY]_push_sent", "share",
         "[CLY]_star_rating", "[CLY]_action", "[CLY]_crash")  # fmt: skip
USAGE = ("buy", "share", "[CLY]_view", "[CLY]_action")


def _made() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rng = random.Random(24)
    rows: list[dict[str, Any]] = []
    active: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous", "no-weight"), 0)
    for i in range(2200):
        at, number, name = START + rng.randrange(30 * 86_400_000), rng.randrange(70), NAMES[i % 10]
        n = rng.randint(2, 5) if name == "buy" else 1
        row: dict[str, Any] = {
            "_id": f"h{i}", "a": "app1", "e": name, "did": f"device{number}", "uid": f"{number:x}",
            "ts": {"$numberLong": str(at)} if i % 4 == 0 else at, "lsid": f"l{number}", "c": n,
            "cd": {"$date": "2026-02-01T00:00:00.000Z"}, "sg": {"plan": "pro"}, "up": {"av": "2"},
        }  # fmt: skip
        who = row["uid"]
        if i % 30 == 1:
            del row["uid"]
            who = row["did"]
        if i % 150 == 3:
            row.pop("uid", None)
            row["did"] = who = ""
        if i % 90 == 6:
            row["c"] = 0
        rows.append(row)
        if name not in USAGE:
            counts["excluded"] += 1
        elif i % 90 == 6 and who:
            counts["no-weight"] += 1
        elif not who:
            counts["anonymous"] += n
        else:
            counts["events"] += n
            active[datetime.fromtimestamp(at / 1000, UTC).date().isoformat()].add(who)
            if i % 60 == 4:
                rows.append(dict(row))
                counts["duplicates"] += n
    rng.shuffle(rows)
    actors = set().union(*active.values())
    daily = {day: len(who) for day, who in sorted(active.items())}
    aside = {"no-weight": counts.pop("no-weight")}
    return rows, {**counts, "actors": len(actors), "set_aside": aside, "daily": daily}


_ROWS, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """One document a line."""
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in _ROWS))
    return path
