"""Mixpanel: seconds and milliseconds, numbers as ids, rows of nobody, repeats processed twice.

One insert id stands for other events too: at another time, of another name, of another person.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
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


def _told(found: list[Call]) -> dict[str, dict[str, Any]]:
    """What some events tell of ids, by insert id: devices of people, aliases, and merges."""
    told: dict[str, dict[str, Any]] = {}
    people = sorted({c.user for c in found if c.user and c.user[0] == "u"})
    for call in found:
        known = call.user and not call.user.startswith("$")
        if call.event == "$identify" and known and call.device:
            said = {"$anon_distinct_id": f"$device:{call.device}", "$identified_id": call.user}
            told[call.key] = said if len(told) % 2 else {"$anon_id": said["$anon_distinct_id"]}
    aliases = [c for c in found if c.event == "$create_alias" and c.user in people[10:]][:2]
    told |= {c.key: {"alias": people[i]} for i, c in enumerate(aliases)}
    merges = list(dict.fromkeys(c.key for c in found if c.event == "$merge"))
    pairs = [(people[2], people[3]), (people[2], people[4]), (people[5], people[4])]
    told |= {key: {"$distinct_ids": pair} for key, pair in zip(merges, pairs, strict=False)}
    return told


def _same(found: list[Call], told: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Who is whom: an id is of whom it was last told to be, but for one of more than three."""
    said: dict[str, dict[str, datetime]] = defaultdict(dict)
    merges = []
    for call in found:
        ids, user = told.get(call.key, {}), call.user or ""
        was = ids.get("$anon_distinct_id") or ids.get("$anon_id") or ids.get("alias")
        if was:
            said[was][user] = max(call.at, said[was].get(user, call.at))
        merges += [ids["$distinct_ids"]] if "$distinct_ids" in ids else []
    same = {
        id: min(u for u in users if users[u] == max(users.values()))
        for id, users in said.items()
        if len(users) <= 3
    }
    people = {c.user: c.user for c in found if c.user}
    for id in people:
        while people[id] in same:
            people[id] = same[people[id]]
    for one, other in merges:
        low, high = sorted((people[one], people[other]))
        people = {id: low if who == high else who for id, who in people.items()}
    return people


FOUND = _made()
TOLD = _told(FOUND)
EXPECTED = counted(
    [replace(call, account=None) for call in FOUND],
    SYSTEM,
    key=lambda call: (call.key, call.event, call.user, call.at),
    later=True,
    same=_same(FOUND, TOLD),
)


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
    if call.key in TOLD and call.event in SYSTEM:
        told |= TOLD[call.key]
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
