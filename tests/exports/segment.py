"""Segment: hourly files of calls, all types mixed; aliases, group calls, numbers as ids."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.made_exports import Call, calls, counted, iso

CALLS = {"identify", "group", "alias"}
SYSTEM = {*CALLS, "Application Installed", "Application Crashed"}
VIEWS = {"page": "page_view", "screen": "screen_view"}
NAMES = ("Report Opened", "Report Shared", "Signed In", "page", "screen")
MADE = calls(41, sorted(SYSTEM), names=NAMES)


def raw(call: Call, i: int) -> dict[str, Any]:
    """A call as the libraries send it."""
    event = call.event or ""
    row: dict[str, Any] = {
        "type": event if event in CALLS or event in VIEWS else "track",
        "messageId": call.key,
        "anonymousId": call.device or "",
        "timestamp": iso(call.at),
        "originalTimestamp": iso(call.at.replace(year=2020)),  # the device's clock
        "receivedAt": iso(call.received),
        "context": {"library": {"name": "analytics.js"}},
    }
    if call.user or i % 2:
        row["userId"] = call.user or call.written
    if call.user and call.user.isdigit() and i % 2:
        row["userId"] = int(call.user)
    if row["type"] == "track":
        row |= {"event": event, "properties": {"plan": "pro"} if i % 3 else {}}
    elif event in VIEWS:
        row |= {"name": "Home", "properties": {"url": "/"}}
    elif event == "alias":
        row["previousId"] = ""
    if call.account:
        if event == "group":
            row["groupId"] = call.account
        else:
            row["context"]["groupId"] = call.account
    if i % 7 == 0:
        row["timestamp"], row["originalTimestamp"] = None, iso(call.at)
    return row


def with_an_alias(found: list[Call]) -> list[Call]:
    """The visitors of one id turn out to be somebody: an alias call says so."""
    alias = next(c for c in found if c.event == "alias" and c.user and c.device and c.at.day < 20)
    return [replace(c, device="visitor1") if c is alias else c for c in found]


def written(folder: Path, found: list[Call], more: dict[str, Any], top: str) -> Path:
    """Eight gzip files under days' numbers, of which the later have a key more."""
    target = folder / top
    lines: list[list[str]] = [[] for _ in range(8)]
    for i, call in enumerate(found):
        row = raw(call, i) | more
        if call.event == "alias" and call.device == "visitor1":
            row |= {"previousId": "visitor1", "anonymousId": "elsewhere"}
        if i % 8 > 4:
            row["channel"] = "mobile"
        lines[i % 8].append(json.dumps(row))
    for n, some in enumerate(lines):
        day = target / f"177{n // 3}000000000"
        day.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress("\n".join(some).encode(), 1)
        (day / f"17700{n}.abc.gz").write_bytes(packed)
    return target


FOUND = with_an_alias(MADE)
EXPECTED = counted(FOUND, SYSTEM, stitch=True, grace=1, key=lambda call: call.key)


def write(folder: Path) -> Path:
    return written(folder, FOUND, {}, "segment-logs")
