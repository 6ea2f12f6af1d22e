"""Mixpanel: seconds and milliseconds, numbers as ids, rows of nobody, repeats processed twice.

One insert id stands for other events too: at another time, of another name, of another person.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.made_exports import START, Call, calls, counted

SYSTEM = {"$identify", "$create_alias", "$merge", "$mp_click", "$mp_page_leave"}
NAMES = ("Report Opened", "Sign Up", "$mp_web_page_view", "Plan [old]: Chosen")


def _made() -> list[Call]:
    found = []
    for call in calls(49, sorted(SYSTEM), names=NAMES):
        device = f"$device:{call.device}" if call.device else None
        at = call.at.replace(microsecond=0)
        found.append(replace(call, user=call.user or device, at=at))
    some = [c for c in found if c.user and START.day < c.at.day < 25 and c.event == NAMES[0]][:20]
    return [
        *found,
        *(replace(c, at=c.at + timedelta(seconds=1)) for c in some),
        *(replace(c, event=NAMES[1]) for c in some),
        *(replace(c, user="somebody") for c in some[:3]),
    ]


def _key(call: Call) -> tuple[Any, ...]:
    return call.key, call.event, call.user, call.at


FOUND = _made()
EXPECTED = counted(
    [replace(call, account=None) for call in FOUND], SYSTEM, key=_key, later=True
)  # fmt: skip


def _row(call: Call, i: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "time": int(call.at.timestamp()) * (1000 if i >= 1500 else 1),
        "$insert_id": call.key,
        "mp_processing_time_ms": int(call.received.timestamp() * 1000),
        "$browser": "Safari",
    }
    if call.user and sum(map(ord, call.key)) % 13 == 0:
        told["$user_id"] = call.user
    elif call.user:
        told["distinct_id"] = int(call.user) if call.user.isdigit() and i % 2 else call.user
    elif i % 2:
        told["distinct_id"] = call.written
    if call.account:
        told["company_id"] = [call.account, "org:x"] if i % 2 else call.account
    return {"event": call.event, "properties": told}


def write(folder: Path) -> Path:
    """Two exports, the second with time_in_ms; no repeat is spread over both."""
    target = folder / "mixpanel"
    target.mkdir()
    early: dict[tuple[Any, ...], int] = {}
    lines: tuple[list[str], list[str]] = [], []
    for i, call in enumerate(FOUND):
        first = early.setdefault(_key(call), i)
        at = i if (i >= 1500) == (first >= 1500) else first
        lines[at >= 1500].append(json.dumps(_row(call, at)))
    for name, some in zip(("seconds.json", "milliseconds.txt"), lines, strict=True):
        (target / name).write_text("\n".join(some) + "\n")
    return target
