"""Snowplow's events table as a warehouse unloads it: a CSV and a Parquet file."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl

from tests.exports._snowplow import ATOMIC, expected, made

ROWS = made(72)
EXPECTED = expected(ROWS)
TIMES = ("collector_tstamp", "derived_tstamp", "load_tstamp")


def write(folder: Path) -> Path:
    """Times are texts in CSV, and naive datetimes in Parquet."""
    path = folder / "atomic"
    path.mkdir()
    half = len(ROWS) // 2
    with (path / "events_0.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ATOMIC)
        for row in ROWS[:half]:
            contexts = '[{"id": "a, ""quoted"" \'one\'"}]'
            writer.writerow([{"contexts_web_page_1": contexts, **row}.get(n, "") for n in ATOMIC])
    data = {n: [row.get(n) or None for row in ROWS[half:]] for n in ATOMIC}
    frame = pl.DataFrame(data, schema=dict.fromkeys(ATOMIC, pl.String()))
    times = (pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us") for name in TIMES)
    frame.with_columns(times).write_parquet(path / "events_1.parquet")
    return path
