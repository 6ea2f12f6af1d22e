"""Mixpanel's JSON pipeline: small files of events by day of arrival, and the map of ids beside."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

START, DAY, DAYS = 1777593600, 86_400, 14  # 2026-05-01
IGNORED = {"$identify", "$create_alias", "$merge", "$mp_session_record", "$mp_rage_click"}
NAMES = ["Signed Up", "$mp_web_page_view", "saved", *sorted(IGNORED)]
MAPPED = "mp_identity_mappings_data.json"
OPTIONS = ("--identities", MAPPED)

Row = dict[str, Any]

# People 0 to 29 came as a device first. Those of 20 and more were merged twice: the map has a
# chain, device → old id → id. Devices from 60 on are in no map.
MAP = {f"$device:{n}": f"user{n}" for n in range(20)}
MAP |= {f"$device:{n}": f"old{n}" for n in range(20, 30)}
MAP |= {f"old{n}": f"user{n}" for n in range(20, 30)}


def _person(distinct: str) -> str:
    while distinct in MAP:
        distinct = MAP[distinct]
    return distinct


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _made() -> list[Row]:
    rng = random.Random(7)
    rows = []
    for i in range(2100):
        n = rng.randrange(80)
        at = START + rng.randrange(DAYS * DAY) if i else START + DAYS * DAY - 1
        device, user = f"{n}", f"user{n}" if n < 60 else None
        distinct: Any = f"$device:{n}" if n >= 60 or i % 3 == 0 else user
        if 20 <= n < 30 and i % 5 == 0:
            distinct = f"old{n}"
        if n == 59:
            distinct = 59  # a number where others are texts
        if i % 60 == 7:
            distinct = rng.choice(["", None])
            user = None if i % 120 == 7 else user
        if i % 200 == 11:
            distinct = user = device = None  # type: ignore[assignment]
        row = {
            "device_id": device, "distinct_id": distinct, "event_name": rng.choice(NAMES),
            "insert_id": f"i{i:05}", "time": _text(at), "user_id": user,
            "properties": {"plan": "free", "$city": 'the "old" town', "list": [1, {"a": None}],
                           "mp_processing_time_ms": (at + 5) * 1000},
        }  # fmt: skip
        if i == 0:
            row["event_name"] = "saved"
        rows.append(row)
        if i % 25 == 2:  # delivered again, and processed later
            told = {**row["properties"], "mp_processing_time_ms": (at + DAY) * 1000}
            rows.insert(rng.randrange(len(rows)), {**row, "properties": told})
        if i % 70 == 2:  # one insert id at two times, or of two names: two events
            rows.append({**row, "time": _text(max(at - DAY, START))})
            rows.append({**row, "event_name": "opened"})
    return rows


ROWS = _made()


def _expected() -> dict[str, Any]:
    daily: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    seen = set()
    for row in ROWS:
        who = row["distinct_id"] or row["user_id"] or row["device_id"]
        key = (row["event_name"], row["time"], row["distinct_id"], row["insert_id"])
        if not who:
            counts["anonymous"] += 1
        elif row["event_name"] in IGNORED:
            counts["excluded"] += 1
        elif key in seen:
            counts["duplicates"] += 1
        else:
            seen.add(key)
            counts["events"] += 1
            daily[row["time"][:10]].add(_person(str(who)))
    merged = {str(row["distinct_id"]) for row in ROWS} & set(MAP)
    return {
        "rows": len(ROWS), **counts, "actors": len(set().union(*daily.values())),
        "merged": len(merged), "set_aside": {},
        "daily": {day: len(who) for day, who in sorted(daily.items())},
    }  # fmt: skip


EXPECTED = _expected()


def _or_text(value: Any) -> str | None:
    return None if value is None else str(value)


def write(folder: Path) -> Path:
    """Folders of year, month and day, which are no key; late rows stand in later days' files."""
    path = folder / "1234567" / "mp_master_event"
    for day in range(DAYS):
        rows = [row for i, row in enumerate(ROWS) if i % DAYS == day]
        place = path / "2026" / "05" / f"{day + 1:02}"
        place.mkdir(parents=True)
        if day == DAYS - 1:  # as a warehouse unloads it: the properties are JSON in a text
            texts = [{**row, "properties": json.dumps(row["properties"])} for row in rows]
            texts = [{**row, "distinct_id": _or_text(row["distinct_id"])} for row in texts]
            pl.DataFrame(texts, infer_schema_length=None).write_parquet(place / "part-0.parquet")
            continue
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (place / "part-0.json.gz").write_bytes(gzip.compress(data, 1))
    pairs = [{"distinct_id": old, "resolved_distinct_id": new} for old, new in MAP.items()]
    (folder / MAPPED).write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return path
