"""OpenTelemetry's logs as the Collector's file exporter writes them: a request a line."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

START, DAY, DAYS = 1772323200, 86_400, 15  # 2026-03-01
IGNORED = {"session.start", "session.end"}
NAMES = ["browser.page_view", "app.screen.click", "order.placed", *sorted(IGNORED)]

Row = dict[str, Any]


def _pair(key: str, value: Any) -> Row:
    if isinstance(value, bool):
        return {"key": key, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    return {"key": key, "value": {"stringValue": value}}


def _record(rng: random.Random, i: int) -> tuple[Row, str | None, int, str | None]:
    """The record, and of it who, on which day, and what."""
    at = (START + rng.randrange(DAYS * DAY)) * 10**9 + rng.randrange(10**9)
    if i == 0:
        at = (START + DAYS * DAY) * 10**9 - 1  # one nanosecond before midnight
    name = rng.choice(NAMES) if i else NAMES[0]
    record: Row = {
        "timeUnixNano": str(at), "observedTimeUnixNano": str(at + 3 * 10**9), "severityNumber": 9,
        "body": {"kvlistValue": {"values": [_pair("user.id", "of the body, not of the record")]}},
    }  # fmt: skip
    if i % 20 == 3:
        observed = at + 2 * DAY * 10**9 if at < (START + 9 * DAY) * 10**9 else at
        record["observedTimeUnixNano"] = str(observed)
        if i % 40 == 3:
            record["timeUnixNano"] = "0"  # unknown
        else:
            del record["timeUnixNano"]
        at = observed
    what: str | None = name
    told = [_pair("http.route", '/a "b"'), _pair("cached", i % 2 == 0),
            _pair("session.id", f"s{rng.randrange(300)}")]  # fmt: skip
    if i % 15 == 1:
        what = None  # a log record, and no event
    elif i % 15 == 2:
        told.append(_pair("event.name", name))
    else:
        record["eventName"] = name
    who = _who(rng, i, told)
    rng.shuffle(told)
    record["attributes"] = told
    return record, who, (at // 10**9 - START) // DAY, what


def _who(rng: random.Random, i: int, told: list[Row]) -> str | None:
    n = rng.randrange(70)
    kind = i % 10
    if kind < 6:
        told.append(_pair("user.id", n if kind == 0 else str(n)))  # a number is the same id
        told.append(_pair("enduser.id", "another"))
        return str(n)
    if kind == 6:
        told += [_pair("user.id", " "), _pair("enduser.id", f"e{n}")]
        return f"e{n}"
    if kind == 7:
        told.append(_pair("enduser.pseudo.id", f"p{n}"))
        return f"p{n}"
    if kind == 8:
        told.append(_pair("user.id", ""))
    return None


def _made() -> tuple[list[Row], dict[str, Any]]:
    rng = random.Random(4)
    found = [_record(rng, i) for i in range(2400)]
    daily: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "excluded", "anonymous"), 0)
    for _, who, day, what in found:
        if who is None:
            counts["anonymous"] += 1
        elif what is None or what in IGNORED:
            counts["excluded"] += 1
        else:
            counts["events"] += 1
            daily[f"2026-03-{day + 1:02}"].add(who)
    expected = {
        "rows": len(found), "duplicates": 0, "actors": len(set().union(*daily.values())), **counts,
        "set_aside": {"no-event": 0},
        "daily": {day: len(who) for day, who in sorted(daily.items())},
    }  # fmt: skip
    return [record for record, *_ in found], expected


RECORDS, EXPECTED = _made()


def _request(records: list[Row]) -> Row:
    """Two resources, the second with two scopes and one of them empty."""
    third = len(records) // 3
    parts = [[records[:third]], [records[third:], []]]
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": [_pair("service.name", f"shop{i}")]},
                "scopeLogs": [
                    {"scope": {"name": "my.library", "attributes": [_pair("user.id", "no")]},
                     "logRecords": some}
                    for some in scopes
                ],
            }
            for i, scopes in enumerate(parts)
        ]
    }  # fmt: skip


def write(folder: Path) -> Path:
    """The current file and a rotated one; one request is empty."""
    path = folder / "collector"
    path.mkdir()
    requests = [_request(RECORDS[i : i + 40]) for i in range(0, len(RECORDS), 40)]
    requests.insert(5, {"resourceLogs": []})
    for name, some in (("events-2026-03-09.json", requests[:30]), ("events.json", requests[30:])):
        (path / name).write_text("".join(json.dumps(request) + "\n" for request in some))
    return path
