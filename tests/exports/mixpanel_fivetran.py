"""Mixpanel by way of Fivetran: CSV, properties as JSON text, event_id an id of the name alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.exports.mixpanel import EXPECTED, FOUND, SYSTEM, TOLD

__all__ = ["EXPECTED", "write"]
NAMES = (
    "_file", "_line", "event_id", "name", "time", "distinct_id", "properties", "insert_id",
    "mp_processing_time_ms",
)  # fmt: skip


def write(folder: Path) -> Path:
    with (folder / "event.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(NAMES)
        for i, c in enumerate(FOUND):
            ids = TOLD.get(c.key, {}) if c.event in SYSTEM else {}
            told = json.dumps({**ids, "$browser": "Safari"})
            received = int(c.received.timestamp() * 1000)
            which = 9406000 + len(c.event or "")
            row = ["f.csv", i, which, c.event, f"{c.at:%Y-%m-%d %H:%M:%S}", c.user or c.written]
            writer.writerow([*row, told[:-4] if i == 5 else told, c.key, received])
    return folder / "event.csv"
