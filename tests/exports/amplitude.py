"""Amplitude: a ZIP of hourly files, one without rows, and the ids that were merged since.

Insert ids are one event's on one device alone; rows without have a uuid. Merges chain.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.made_exports import START, Call, calls, counted

SYSTEM = {
    "$identify", "session_start", "[Amplitude] Start Session", "[Amplitude] Element Clicked",
    "[Amplitude] Form Started", "[Experiment] Exposure",
}  # fmt: skip
NAMES = ("[Amplitude] Page Viewed", "report opened", "LoggedIn", "Session started")
BASE = 100_000_000_000
MERGED = ((3, 4, 1), (4, 5, 2), (9, 8, 1), (9, 10, 7), (12, 13, 3), (13, 16, 9), (70, 71, 2))
OPTIONS = ("--identities", "merged.json.gz")
"""Of ids that were merged twice the later merge counts: 9 is 10's."""


def _made() -> list[Call]:
    """Amplitude gives every row an id, but a few; these have a device or nothing."""
    found = []
    for i, call in enumerate(calls(50, sorted(SYSTEM), names=NAMES)):
        number = int(call.user.lstrip("u")) % 1000 if call.user else 0
        user = str(BASE + number) if call.user else call.device
        device = call.device or ("server" if i % 2 else None)
        found.append(replace(call, user=user, device=device if call.user else call.device))
    some = [c for c in found if (c.user or "").isdigit() and c.event == NAMES[1]]
    some = [c for c in some if START.day < c.at.day < 25]
    return found + [replace(c, device="another") for c in some[:15]]


def _same() -> dict[str, str]:
    last: dict[int, int] = {}
    for old, new, _ in sorted(MERGED, key=lambda m: m[2]):
        last[old] = new
    found = {}
    for old in last:
        new = old
        while new in last:
            new = last[new]
        found[str(BASE + old)] = str(BASE + new)
    return found


FOUND = _made()
SAME = _same()
EXPECTED = counted(
    [replace(call, account=None) for call in FOUND], SYSTEM, grace=1, same=SAME,
    key=lambda call: (call.key, call.device),
)  # fmt: skip
EXPECTED["merged"] = len({call.user for call in FOUND} & set(SAME))


def _row(call: Call, i: int) -> dict[str, Any]:
    known = call.user is not None and call.user.isdigit()
    between = "T" if i % 50 == 0 else " "
    insert = sum(map(ord, call.key)) % 5 > 0
    return {
        "$insert_id": call.key if insert else None,
        "uuid": f"{call.key[:-3]}{i:05d}" if insert else call.key,
        "amplitude_id": int(call.user or 0) if known else None,
        "user_id": f"user-{call.user}" if known and i % 2 else None,
        "device_id": call.device,
        "event_type": call.event,
        "event_time": call.at.strftime(f"%Y-%m-%d{between}%H:%M:%S.%f"),
        "server_upload_time": call.received.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "client_event_time": "2020-01-01 00:00:00.000000",
        "session_id": -1 if i % 3 else int(call.at.timestamp()) * 1000,
        "event_properties": {"plan": "pro"} if i % 4 else {},
        "user_properties": {},
        "groups": {"[Segment] Group": [call.account]} if call.account else {},
        "data": {"path": "/2/httpapi"},
    }


def write(folder: Path) -> Path:
    lines: list[list[str]] = [[] for _ in range(24)]
    for i, call in enumerate(FOUND):
        lines[i % 24].append(json.dumps(_row(call, i)))
    lines[7], lines[8] = [], lines[8] + lines[7]
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for hour, some in enumerate(lines):
            packed = gzip.compress("\n".join(some).encode(), 1)
            archive.writestr(f"1234/1234_2026-03-31_{hour}#7.json.gz", packed)
    merges = [
        {
            "scope": 7, "amplitude_id": BASE + old, "merged_amplitude_id": BASE + new,
            "merge_time": "2026-04-01 00:00:00.000000",
            "merge_server_time": f"2026-04-0{when} 00:00:00.000000",
        }
        for old, new, when in MERGED
    ]  # fmt: skip
    text = "\n".join(map(json.dumps, merges))
    (folder / "merged.json.gz").write_bytes(gzip.compress(text.encode()))
    return folder / "export.zip"
