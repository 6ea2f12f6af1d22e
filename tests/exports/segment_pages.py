"""Segment, the table pages: every row is a view; some have the device's clock alone."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from tests.made_exports import calls, counted

FOUND = [replace(call, event="page_view") for call in calls(47, ())]
EXPECTED = counted(FOUND, (), stitch=True, grace=1)
NAMES = (
    "id", "anonymous_id", "user_id", "received_at", "timestamp", "original_timestamp", "url",
    "path", "title", "referrer", "context_group_id",
)  # fmt: skip


def write(folder: Path) -> Path:
    with (folder / "pages.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(NAMES)
        for i, c in enumerate(FOUND):
            at = f"{c.at:%Y-%m-%d %H:%M:%S.%f}"[:-3]
            times = ["", at] if i % 9 == 0 else [at, "2019-01-01 00:00:00.000"]
            who = [c.key, c.device, c.user or c.written, f"{c.received:%Y-%m-%d %H:%M:%S.%f}"]
            writer.writerow([*who, *times, "https://example.com/", "/", "A, B", "", c.account])
    return folder / "pages.csv"
