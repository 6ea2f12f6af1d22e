"""PostHog, CSV: columns named by paths, CRLF, times with offsets, two exports that overlap."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

from tests.exports.posthog import NAMES, SYSTEM
from tests.made_exports import Call, calls, counted

BERLIN = timezone(timedelta(hours=1))
FOUND = [
    replace(call, event=call.event.replace("report", 'report, "daily"\n') if call.event else None)
    for call in calls(45, sorted(SYSTEM), names=NAMES)
]
USUAL = ("id", "distinct_id", "properties.$browser", "event", "timestamp", "person")
EXPECTED = counted(
    [replace(c, account=c.account if i >= 1400 else None) for i, c in enumerate(FOUND)], SYSTEM
)


def _row(call: Call, i: int, more: bool) -> list[str | None]:
    at = call.at.astimezone(BERLIN) if i % 2 else call.at
    row = [call.key, call.user or call.written, "Safari", call.event, at.isoformat(), "", ""]
    return [*row, call.account, call.session] if more else row


def write(folder: Path) -> Path:
    target = folder / "posthog"
    target.mkdir()
    for n, some in enumerate((FOUND[:1400], FOUND[1400:])):
        more = ["properties.$groups.company", "properties.$session_id"] if n else []
        with (target / f"events-{n}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow([*USUAL, "elements_chain", *more])
            writer.writerows(_row(call, i, bool(more)) for i, call in enumerate(some))
    return target
