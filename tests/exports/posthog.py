"""PostHog: Parquet that is called .parquet.zst, a manifest, then JSON lines of a newer export.

Properties are JSON text in Parquet, one of them broken off, and objects in JSON lines. Boundary
rows come with two runs; the newer run may hold another time.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from tests.made_exports import START, Call, calls, counted, iso

SYSTEM = {
    "$identify", "$create_alias", "$groupidentify", "$set", "$pageleave", "$autocapture",
    "$$heatmap", "$feature_flag_called", "$web_vitals",
}  # fmt: skip
NAMES = ("$pageview", "$screen", "report opened", "$feature_view", "Application Opened")
BROKEN = 40


def _made() -> list[Call]:
    """The person is what came in; where there is none, the id that was sent."""
    found = []
    for i, call in enumerate(calls(44, sorted(SYSTEM), names=NAMES)):
        device = call.device or f"sent{i % 5}"
        user = call.user or (None if call.device is None and i % 2 else device)
        found.append(replace(call, user=user, device=device))
    first = [c for c in found if c.event == "report opened" and START.day < c.at.day < 25]
    again = [
        replace(c, at=c.at + timedelta(days=3), received=c.received + timedelta(days=4))
        for c in first[:12]
    ]
    keys = {c.key for c in again}
    once = {c.key: c for c in found if c.key in keys}
    return [c for c in found if c.key not in keys] + [*once.values()] + again


FOUND = _made()
EXPECTED = counted(
    [replace(c, account=None) if i == BROKEN else c for i, c in enumerate(FOUND)],
    SYSTEM, grace=1, later=True,
)  # fmt: skip


def _row(call: Call, i: int) -> dict[str, Any]:
    known = call.user != call.device
    groups = {"company" if i % 2 else "organization": call.account} if call.account else {}
    told = {"$session_id": call.session, "$browser": "Safari", "$groups": groups}
    if i % 3 == 0:
        told["$group_0"] = call.account  # the same, resolved
    return {
        "uuid": call.key,
        "event": call.event,
        "timestamp": call.at,
        "created_at": call.received,
        "distinct_id": (call.device if call.user else call.written),
        "person_id": call.user if known else "",
        "properties": told,
        "person_properties": {"email": f"{call.user}@example.com"},
        "elements_chain": "",
    }


def _parquet(rows: list[dict[str, Any]], path: Path) -> None:
    frame = pl.DataFrame(rows)
    made = frame.with_columns(
        pl.col("timestamp", "created_at").dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    )
    made.write_parquet(path, compression="zstd")


def write(folder: Path) -> Path:
    target = folder / "posthog"
    target.mkdir()
    rows = [_row(call, i) for i, call in enumerate(FOUND)]
    for part, some in enumerate((rows[:900], rows[900:1700])):
        for row in some:
            for name in ("properties", "person_properties"):
                row[name] = json.dumps(row[name])
            if part:
                row |= {"team_id": 7, "set": "{}", "set_once": "{}"}  # as older exports have
        if part == 0:
            some[BROKEN]["properties"] = some[BROKEN]["properties"][:-9]
        name = f"2026-03-0{1 + part}T00:00:00-2026-03-0{2 + part}T00:00:00.parquet.zst"
        _parquet(some, target / name)
    (target / "manifest.json").write_text(json.dumps({"files": ["a", "b"]}))
    newer = [
        json.dumps(row | {n: iso(row[n]) for n in ("timestamp", "created_at")})
        for row in rows[1700:]
    ]
    path = target / "2026-03-03T00:00:00-2026-03-04T00:00:00.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(newer).encode(), 1))
    return target
