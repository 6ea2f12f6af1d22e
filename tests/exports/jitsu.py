"""Jitsu: one table of all calls, properties beside the reserved names, in files that drift."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from tests.exports.segment import CALLS, NAMES, SYSTEM, VIEWS, by_group_calls, with_aliases
from tests.made_exports import Call, calls, counted, iso

FOUND, PREVIOUS, SAME = with_aliases(by_group_calls(calls(43, sorted(SYSTEM), names=NAMES)))
EXPECTED = counted(FOUND, SYSTEM, stitch=True, grace=1, same=SAME, group="group")


def _row(call: Call, i: int) -> dict[str, Any]:
    event = call.event or ""
    kind = event if event in CALLS or event in VIEWS else "track"
    row: dict[str, Any] = {
        "message_id": call.key,
        "type": kind,
        "anonymous_id": call.device,
        "user_id": call.user or call.written,
        "timestamp": iso(call.at),
        "sent_at": iso(call.at),
        "received_at": iso(call.received),
        "context": {"library": {"name": "jitsu-js"}, "page": {"path": "/"}},
        "name": "Home",  # a property: no name of an event
    }
    if kind == "track":
        row["event"] = event
    if call.account and event == "group" and i % 2:
        row["group_id"] = call.account
    elif call.account:
        row["context"]["group_id"] = call.account
    if call.key in PREVIOUS:
        row["previous_id"] = PREVIOUS[call.key]
    if i > 1500:
        row |= {"plan": {"name": "pro", "seats": 5}}
    return row


def write(folder: Path) -> Path:
    target = folder / "jitsu"
    target.mkdir()
    rows = [json.dumps(_row(call, i)) for i, call in enumerate(FOUND)]
    (target / "events_1.ndjson").write_text("\n".join(rows[:1200]) + "\n")
    (target / "events_2.ndjson.gz").write_bytes(gzip.compress("\n".join(rows[1200:]).encode(), 1))
    (target / "events_3.ndjson").touch()
    return target
