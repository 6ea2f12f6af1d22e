"""Segment, the table tracks: CSV and Parquet unloads of which the second has a column more."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import polars as pl

from tests.made_exports import NAMES, Call, calls, counted

SYSTEM = {"Application Updated", "Application Backgrounded"}
FOUND = calls(46, sorted(SYSTEM), names=(*NAMES, "Signed Up"))
EXPECTED = counted(FOUND, SYSTEM, stitch=True, grace=1)


def row_of(call: Call) -> dict[str, Any]:
    """A row of tracks, without its times."""
    event = call.event or ""
    return {
        "id": call.key,
        "anonymous_id": call.device,
        "user_id": call.user or call.written,
        "event": re.sub(r"\W+", "_", event).lower(),
        "event_text": event,
        "context_library_name": "analytics.js",
        "context_group_id": call.account,
    }


def write(folder: Path) -> Path:
    target = folder / "tracks"
    target.mkdir()
    times = [
        {"received_at": c.received, "sent_at": c.at, "timestamp": c.at, "original_timestamp": c.at}
        for c in FOUND
    ]
    rows = [row_of(call) | some for call, some in zip(FOUND, times, strict=True)]
    with (target / "tracks_0.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        for row in rows[:1100]:
            text = {n: f"{row[n]:%Y-%m-%d %H:%M:%S.%f}"[:-3] for n in times[0]}
            writer.writerow(row | text)
    frame = pl.DataFrame(rows[1100:], infer_schema_length=None)
    naive = frame.with_columns(pl.col(*times[0]).dt.replace_time_zone(None))
    naive.with_columns(uuid_ts="received_at").write_parquet(target / "tracks_1.parquet")
    return target
