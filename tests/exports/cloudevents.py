"""CloudEvents in JSON, one a line: data of all kinds, and times and users that are optional."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

START, DAYS = datetime(2026, 4, 1, tzinfo=UTC), 12
TYPES = ["com.example.order.placed", "com.example.order.shipped", "com.example.login"]
ZONES = [UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5, minutes=30))]

Row = dict[str, Any]


def _time(rng: random.Random, at: datetime) -> str:
    """RFC 3339 in one of its forms."""
    text = at.astimezone(rng.choice(ZONES)).isoformat(timespec=rng.choice(["seconds", "auto"]))
    return text.replace("+00:00", rng.choice(["Z", "+00:00"]))


def _made() -> list[tuple[Row, str | None, datetime | None]]:
    """Each row with who did it and when."""
    rng = random.Random(10)
    found = []
    for i in range(2200):
        n = rng.randrange(60)
        at: datetime | None = START + timedelta(seconds=rng.randrange(DAYS * 86_400))
        if i == 0:
            at = START + timedelta(days=DAYS, seconds=-1)
        assert at is not None
        row: Row = {
            "specversion": "1.0", "type": rng.choice(TYPES), "source": f"/shop/{n % 3}",
            "id": f"A-{i:05}", "time": _time(rng, at), "subject": None,
            "datacontenttype": "application/json", "comexampleothervalue": 5,
        }  # fmt: skip
        who: str | None = None
        kind = i % 8
        if kind < 4:
            row |= {"authid": f"u{n}", "authtype": "user", "data": {"user_id": "another", "n": 1.5}}
            who = f"u{n}"
        elif kind == 4:
            row |= {"authid": " ", "data": {"user_id": n}}
            who = str(n)
        elif kind == 5:
            row["data"] = {"userId": f"u{n}", "note": 'a "b"'}
            who = f"u{n}"
        elif kind == 6:
            row["data"] = rng.choice([1.5, "just a text", '<a b="c"/>', [1, 2], None])
        else:
            row |= {"authid": f"u{n}", "data_base64": "eyJ1c2VyX2lkIjogIm5vIn0="}
            who = f"u{n}"
        if i % 50 == 7:
            del row["time"]
            if i % 100 == 7:
                row["recordedtime"] = _time(rng, at)
            else:
                at = None
        found.append((row, who, at))
        if i % 40 == 3:  # delivered again
            found.append((dict(row), who, at))
        if i % 40 == 9:  # the same id, but of another source
            found.append(({**row, "source": "/elsewhere"}, who, at))
    first, rest = found[:50], found[50:]
    rng.shuffle(rest)
    return first + rest


MADE = _made()


def _expected() -> dict[str, Any]:
    daily: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "anonymous"), 0)
    unreadable = 0
    seen = set()
    for row, who, at in MADE:
        key = (row["source"], row["id"])
        if at is None:
            unreadable += 1
        elif who is None:
            counts["anonymous"] += 1
        elif key in seen:
            counts["duplicates"] += 1
        else:
            seen.add(key)
            counts["events"] += 1
            daily[at.date().isoformat()].add(who)
    return {
        "rows": len(MADE), "excluded": 0, "actors": len(set().union(*daily.values())), **counts,
        "set_aside": {"unreadable-time": unreadable},
        "daily": {day: len(who) for day, who in sorted(daily.items())},
    }  # fmt: skip


EXPECTED = _expected()


def write(folder: Path) -> Path:
    """One file of a sink; attributes that are null are written or left out."""
    path = folder / "sink.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row, _, _ in MADE))
    return path
