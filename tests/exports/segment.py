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


def with_aliases(found: list[Call]) -> tuple[list[Call], dict[str, str], dict[str, str]]:
    """A visitor turns out to be somebody, and three ids one after the other to be one person's.

    Returns:
        The calls, the previous id of some by key, and who is whom.
    """
    known = [c for c in found if c.event == "alias" and c.user and c.device and c.at.day < 20]
    by_user = {c.user: c for c in known if c.user}
    visitor, first, second = list(by_user.values())[:3]
    other = min({c.user for c in found if c.user} - {visitor.user, first.user, second.user})
    previous = {visitor.key: "visitor1", first.key: other, second.key: first.user or ""}
    same = {other: second.user or "", first.user or "": second.user or ""}
    calls = [replace(c, device="visitor1") if c.key == visitor.key else c for c in found]
    return calls, previous, same


def by_group_calls(found: list[Call]) -> list[Call]:
    """Of some people only group calls have an account, and in the second half of a month another;
    some of these calls have the device alone."""
    made = []
    for call in found:
        some = call.user is not None and len(call.user) % 2 == 0
        if some and call.event == "group" and call.at.day > 15:
            call = replace(call, account=f"{call.account or 'team'}:late")
        if some and call.event == "group" and (call.device or "k")[0] == "d":
            call = replace(call, user=call.user if ord(call.key[0]) % 3 else None)
        elif some and call.event != "group":
            call = replace(call, account=None)
        made.append(call)
    return made


def written(
    folder: Path, found: list[Call], previous: dict[str, str], more: dict[str, Any], top: str
) -> Path:  # fmt: skip
    """Eight gzip files under days' numbers, of which the later have a key more."""
    target = folder / top
    lines: list[list[str]] = [[] for _ in range(8)]
    for i, call in enumerate(found):
        row = raw(call, i) | more
        if call.key in previous:
            row["previousId"] = previous[call.key]
        if call.event == "alias" and call.device == "visitor1":
            row["anonymousId"] = "elsewhere"
        if i % 8 > 4:
            row["channel"] = "mobile"
        lines[i % 8].append(json.dumps(row))
    for n, some in enumerate(lines):
        day = target / f"177{n // 3}000000000"
        day.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress("\n".join(some).encode(), 1)
        (day / f"17700{n}.abc.gz").write_bytes(packed)
    return target


FOUND, PREVIOUS, SAME = with_aliases(by_group_calls(MADE))
EXPECTED = counted(
    FOUND, SYSTEM, stitch=True, grace=1, key=lambda call: call.key, same=SAME, group="group"
)  # fmt: skip


def write(folder: Path) -> Path:
    return written(folder, FOUND, PREVIOUS, {}, "segment-logs")
