"""Snowplow's enriched events: tab-separated, without header, JSON with quotes in some fields."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.exports._snowplow import HEADER, expected, made

ROWS = made(71)
EXPECTED = expected(ROWS)


def write(folder: Path) -> Path:
    """Two runs of the loader, one packed; quotes stand in fields as they are."""
    path = folder / "enriched"
    half = len(ROWS) // 2
    for name, rows in (("a.gz", ROWS[:half]), ("b.tsv", ROWS[half:])):
        run = path / f"run=2026-02-0{1 + (name > 'b')}-00-00-00"
        run.mkdir(parents=True)
        lines = []
        for row in rows:
            link = {"data": {"schema": "iglu:link_click", "data": {"text": 'a "b" \\ c'}}}
            more = {"unstruct_event": json.dumps(link), "contexts": '{"data": [{"a": "b"}]}',
                    "page_title": '"Unbalanced'}  # fmt: skip
            full = {**more, **row}
            lines.append("\t".join(full.get(column, "") for column in HEADER) + "\n")
        data = "".join(lines).encode()
        (run / name).write_bytes(gzip.compress(data, 1) if name.endswith(".gz") else data)
    return path
