"""Pendo as Fivetran writes it: hourly counts of features and pages, some of them sent again."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

GUIDES = ("guideSeen", "guideAdvanced", "guideDismissed")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36"
COMMON = ["account_id", "remote_ip", "server_name", "timestamp", "user_agent", "visitor_id",
          "_fivetran_synced", "app_id", "num_events", "num_minutes"]  # fmt: skip


def _made() -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    rng = random.Random(11)
    files: dict[str, list[dict[str, Any]]] = {"feature": [], "page": []}
    active: dict[str, set[str]] = defaultdict(set)
    actors, accounts = set(), set()
    counts = dict.fromkeys(("events", "duplicates", "anonymous", "no-weight"), 0)
    for i in range(2100):
        kind = "feature" if i % 3 else "page"
        who, n = rng.randrange(60), rng.randint(1, 12)
        hour = START + timedelta(hours=rng.randrange(DAYS * 24))
        row = {
            "account_id": f"acc_{who % 9}", "remote_ip": f"10.0.{i // 250}.{i % 250}",
            "server_name": "app.example.com", "timestamp": f"{hour:%Y-%m-%d %H:%M:%S}",
            "user_agent": AGENT, "visitor_id": f"v{who:02d}", "app_id": "-323232",
            "_fivetran_synced": f"{hour + timedelta(hours=9, milliseconds=17)}"[:23],
            "num_events": n, "num_minutes": min(n, 9), f"{kind}_id": f"{kind[0]}-{i % 7}_Xy",
        }  # fmt: skip
        later = f"{hour + timedelta(hours=21, milliseconds=5)}"[:23]
        counted = True
        match i % 50:
            case 1:  # the same row, synced again
                files[kind].append({**row, "_fivetran_synced": later})
                counts["duplicates"] += n
            case 2:  # the hour went on after the first sync
                files[kind].append({**row, "_fivetran_synced": later, "num_events": n + 3})
                counts["duplicates"] += n
                n += 3
            case 3:
                row["num_events"], counted = 0, False
                counts["no-weight"] += 1
            case 4:
                row["num_events"], counted = "", False
                counts["no-weight"] += 1
            case 5:
                row["visitor_id"], counted = "", False
                counts["anonymous"] += n
        files[kind].append(row)
        if counted:
            counts["events"] += n
            actors.add(row["visitor_id"])
            accounts.add(row["account_id"])
            active[hour.date().isoformat()].add(f"v{who:02d}")
    for rows in files.values():
        rng.shuffle(rows)
    expected = {
        "events": counts["events"], "actors": len(actors), "accounts": len(accounts),
        "excluded": len(GUIDES),
        "duplicates": counts["duplicates"], "anonymous": counts["anonymous"],
        "set_aside": {"no-weight": counts["no-weight"]},
        "daily": {day: len(who) for day, who in sorted(active.items())},
    }  # fmt: skip
    return files, expected


_FILES, EXPECTED = _made()
OPTIONS = ("--as-of", "2026-01-31")


def write(folder: Path) -> Path:
    """A folder with both tables, that of guides, and one without events beside them."""
    export = folder / "pendo"
    export.mkdir()
    for kind, rows in _FILES.items():
        names = [*COMMON, f"{kind}_id", *(["param_parameter"] if kind == "page" else [])]
        with (export / f"{kind}_event.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows)
    (export / "visitor_history.csv").write_text("id,last_updated_at\nv00,2026-01-01 00:00:00\n")
    lines = [f"acc_1,g1,2026-01-05 10:00:0{i}.125,v99,{kind}" for i, kind in enumerate(GUIDES)]
    text = "\n".join(["account_id,guide_id,timestamp,visitor_id,type", *lines])
    (export / "guide_event.csv").write_text(text + "\n")
    return export
