"""Google Analytics' BigQuery export, in shards by the day of arrival: NDJSON and Parquet."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

START, DAY = 1767225600, 86_400  # 2026-01-01
DAYS = 24
TYPED = ("string_value", "int_value", "float_value", "double_value")
IGNORED = {"session_start", "first_visit", "user_engagement", "scroll"}
GRACE = 3

Row = dict[str, Any]


def _pair(key: str, kind: str, value: Any) -> Row:
    return {"key": key, "value": {**dict.fromkeys(TYPED), kind: value}}


def _row(rng: random.Random, name: str, at: int, pseudo: str | None, user: str | None) -> Row:
    """`at` is in µs. Numbers are texts, as BigQuery writes INT64 into JSON."""
    params = [
        _pair("ga_session_id", "int_value", str(at // 1_000_000 // 1800 * 1800)),
        _pair("page_title", "string_value", f'Prices "new" <{rng.randrange(9)}>'),
        _pair("engagement_time_msec", "int_value", str(rng.randrange(10**6))),
        _pair("value", "double_value", rng.randrange(100) / 4),
    ]
    rng.shuffle(params)
    return {
        # The property's zone, not UTC: the day before for the first hours of each.
        "event_date": datetime.fromtimestamp(at / 1e6 - 18_000, UTC).strftime("%Y%m%d"),
        "event_timestamp": str(at), "event_name": name, "event_params": params,
        "event_server_timestamp_offset": None, "user_id": user, "user_pseudo_id": pseudo,
        "user_properties": [_pair("plan", "string_value", rng.choice(["free", "pro"]))],
        "device": {"category": "desktop", "web_info": {"browser": "Chrome"}},
        "stream_id": "1966637064", "platform": "WEB", "items": [],
    }  # fmt: skip


def _made() -> list[list[Row]]:
    """Three shards of the table, by the day of arrival."""
    rng = random.Random(64)
    shards: list[list[Row]] = [[], [], []]
    names = ["page_view", "search", "purchase", "sign_up", *sorted(IGNORED)]
    for i in range(2400):
        device = rng.randrange(90)
        at = (START + rng.randrange(DAYS * DAY)) * 1_000_000 + rng.randrange(1_000_000)
        known = f"u{device // 2}" if device < 40 and i % 3 == 0 else rng.choice([None, ""])
        if device == 41:
            known = f"u{i % 5}"  # a kiosk: five people on one device
        if device == 41 and i % 2:
            known = None
        row = _row(rng, rng.choice(names), at, f"{device}.1617691776", known)
        shard = min(2, (at // 1_000_000 - START) // (8 * DAY))
        shards[min(2, shard + (i % 50 == 0))].append(row)  # some come late, into a later table
        if i % 30 == 0:  # delivered again in another shard, its parameters in another order
            again = {**row, "event_params": row["event_params"][::-1]}
            shards[rng.choice([shard, 2])].append(again)
        if i % 40 == 0:  # of one batch: the same time and name, but another page
            other = _row(rng, row["event_name"], at, row["user_pseudo_id"], known)
            shards[shard].append(other)
    for i in range(20):  # cookieless pings
        shards[1].append(_row(rng, "page_view", (START + 9 * DAY + i) * 1_000_000, None, None))
    end = (START + DAYS * DAY) * 1_000_000 - 1  # the last day is whole
    shards[2].append(_row(rng, "page_view", end, "0.1617691776", "u0"))
    return shards


def _expected(rows: list[Row]) -> dict[str, Any]:
    seen: dict[Any, Row] = {}
    for row in rows:
        params = sorted(json.dumps(p, sort_keys=True) for p in row["event_params"])
        key = (row["stream_id"], row["user_pseudo_id"], row["event_name"],
               row["event_timestamp"], *params)  # fmt: skip
        seen.setdefault(key, row)
    known: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in seen.values():
        if row["user_id"] and row["user_pseudo_id"]:
            known[row["user_pseudo_id"]].append((int(row["event_timestamp"]), row["user_id"]))
    last = {p: max(v)[1] for p, v in known.items() if len({u for _, u in v}) <= 3}
    daily: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous", "late"), 0)
    first = {id(row) for row in seen.values()}
    for row in rows:
        pseudo = row["user_pseudo_id"]
        who = row["user_id"] or last.get(pseudo, pseudo)
        day = (int(row["event_timestamp"]) // 1_000_000 - START) // DAY
        if who is None:
            counts["anonymous"] += 1
        elif row["event_name"] in IGNORED:
            counts["excluded"] += 1
        elif day >= DAYS - GRACE:
            counts["late"] += 1
        elif id(row) not in first:
            counts["duplicates"] += 1
        else:
            counts["events"] += 1
            daily[f"2026-01-{day + 1:02}"].add(who)
    late = counts.pop("late")
    return {
        "rows": len(rows), **counts, "actors": len(set().union(*daily.values())),
        "set_aside": {"after-as-of": late},
        "daily": {day: len(who) for day, who in sorted(daily.items())},
    }  # fmt: skip


SHARDS = _made()
EXPECTED = _expected([row for shard in SHARDS for row in shard])


def _native(row: Row) -> Row:
    """As in Parquet, where INT64 are numbers."""
    pairs = [
        {"key": p["key"], "value": {
            **p["value"], "int_value": p["value"]["int_value"] and int(p["value"]["int_value"])
        }} for p in row["event_params"]
    ]  # fmt: skip
    return {**row, "event_timestamp": int(row["event_timestamp"]), "event_params": pairs}


def write(folder: Path) -> Path:
    """A folder of extracts: NDJSON, where `<` and `>` are escaped, and Parquet."""
    path = folder / "analytics_1966637064"
    path.mkdir()
    for i, shard in enumerate(SHARDS[:2]):
        text = "".join(json.dumps(row) + "\n" for row in shard)
        text = text.replace("<", "\\u003c").replace(">", "\\u003e")
        (path / f"events_{i:012}.json").write_text(text)
    made = pl.DataFrame([_native(row) for row in SHARDS[2]], infer_schema_length=None)
    made.drop("items").write_parquet(path / "events_2.parquet")
    return path
