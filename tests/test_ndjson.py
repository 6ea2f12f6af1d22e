"""The ways to read NDJSON agree on every row that the stricter one bears."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.definitions import Source
from adoptcli.source import ndjson
from adoptcli.source.events import Needed, read

Cli = Callable[..., Any]
TEXT = pl.String()
SCHEMA = {"id": TEXT, "p": pl.Struct({"id": TEXT, "t": TEXT})}
GOOD = '{"id":"u1","p":{"id":"a","t":1}}'


def found(path: Path, way: ndjson.Way) -> list[tuple[Any, ...]] | None:
    """The rows, or None where the way does not bear them."""
    try:
        return ndjson.scan([str(path)], SCHEMA, way, None).collect().rows()
    except pl.exceptions.PolarsError:
        return None


@pytest.mark.parametrize(
    "row",
    [
        r'{"id":"say \"id\":\"no\"","p":{"t":"{\"id\":\"no\"}","id":"a"}}',  # keys within texts
        '{"p":{"x":{"id":"no"},"t":1},"y":{"p":{"id":"no"}}}',  # the same key elsewhere
        '{"p":{"t":1,"id":"a"},"id":"u1"}',  # another order
        '{"id":"u1","id":"u2","p":{"id":"a","id":"b"}}',
        r'{"\u0069d":"u1","p":{"i\u0064":"\u00e9\ud83d\ude00\n\/","t":"\\"}}',
        ' {"id" :\t"u1" , "p":{ "id":null } } ',
        '{"id":null,"p":null}',
        "{}",
        '{"id":12345678901234567890,"p":{"id":-0.0,"t":1e-7}}',
        '{"id":true,"p":{"id":1.0,"t":123456789.123456789}}',
        '{"id":" ","p":{"id":"","t":"},{"}}',
        '{"id":"é日本\u2028","p":{}}',
    ],
)
def test_rows_are_read_alike(row: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(f"{GOOD}\r\n\n{row}\n{GOOD}")
    loose = found(path, "objects")
    assert loose is not None
    assert len(loose) == 3
    strict = found(path, "lines")
    assert strict == loose or (strict is None and row.startswith(" "))


@pytest.mark.parametrize(
    "odd",
    [
        GOOD[:-1],
        GOOD + GOOD,
        f"{GOOD},{GOOD}",
        GOOD[:-2] + "\n" + '"t":2}}',
        '{"id":[{"a":1}\n{"a":2}]}',
        "null",
        "[]",
        "5",
        '{"id":{"a":1}}',
        '{"id":["a"]}',
        '{"p":"text"}',
        '{"p":[{"id":"a"}]}',
    ],
)
def test_no_odd_line_passes(odd: str, tmp_path: Path) -> None:
    """What is no object, or of another kind than expected, is never taken for something else."""
    path = tmp_path / "rows.json"
    path.write_text(f"{GOOD}\n{odd}\n{GOOD}\n")
    assert found(path, "lines") is None


@pytest.mark.parametrize("broken", [False, True])
def test_a_row_of_another_kind_further_down(broken: bool, cli: Cli, tmp_path: Path) -> None:
    """One object where all before had a text: the source is read again, and nothing is lost."""
    rows = [
        {"event": "a", "properties": {"distinct_id": f"u{i % 7}", "time": 1767225600 + i * 600}}
        for i in range(1500)
    ]
    rows.append({"event": "a", "properties": {"distinct_id": ["u8"], "time": 1767225600}})
    path = tmp_path / "events.ndjson"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text + ("{\n" if broken else ""))
    done = cli("report", path, "-f", "json", "--only", "active_users")
    if broken:
        assert done.code != 0
        assert "events.ndjson:1502: this line is no JSON object" in done.err
        return
    source = json.loads(done.out)["source"]
    assert source["events"] + sum(source["set_aside"].values()) == 1501
    mapped = Source(columns={"user": "properties.distinct_id", "event": "event",
                             "timestamp": "properties.time"})  # fmt: skip
    canonical = read([mapped], [str(path)], None, Needed(), "UTC")
    again = canonical.looser()
    assert again is not None
    assert again.frame.collect().equals(canonical.thorough().frame.collect())
