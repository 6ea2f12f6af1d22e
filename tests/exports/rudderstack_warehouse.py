"""RudderStack, data lake: Parquet whose times are whole numbers of microseconds, without a type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from tests.exports.segment_warehouse import SYSTEM, row_of
from tests.made_exports import NAMES, calls, counted

FOUND = calls(48, sorted(SYSTEM), names=NAMES)
EXPECTED = counted(FOUND, SYSTEM, stitch=True, grace=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def write(folder: Path) -> Path:
    target = folder / "tracks" / "2026" / "03"
    target.mkdir(parents=True)
    rows = [
        row_of(call)
        | {
            "channel": "web",
            "_timestamp": _us(call.at),
            "original_timestamp": _us(call.at) + 86_400_000_000,
            "received_at": _us(call.received),
            "uuid_ts": _us(call.received),
        }
        for call in FOUND
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame[:1500].write_parquet(target / "load.a.parquet")
    late = frame[1500:].with_columns(record_id=pl.lit("r"))
    late.write_parquet(target / "load.b.parquet")
    return folder / "tracks"
