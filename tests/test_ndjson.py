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
        '{"id":"a","x":[{"a":1}\n{"a":2}]}',
        '{"id":"}\n{","x":"y"}',
        '{"id":"a","x":"}\n{","y":"}\n{","z":1}',
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
    for text in (f"{GOOD}\n{odd}\n{GOOD}\n", f"{odd}\n"):  # among others, and alone
        path.write_text(text)
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


HALF = '{"user":"u%s","event":"e","timestamp":"2026-01-0%d"}\n'


@pytest.mark.parametrize("nested", [False, True])
def test_half_a_pair_of_escapes_is_no_character(nested: bool, cli: Cli, tmp_path: Path) -> None:
    """Where Polars bears it; never NUL, in users, events and traits, whatever the way to read."""
    users = ["1", r"\ud800", r"\uD83D!", r"\ud83d\ude00", "\\u0041"]
    lines = [HALF % (user, day) for day in (1, 2) for user in users]
    if nested:
        lines[4] = lines[4].replace('"e"', '{"a": 1}')
    (tmp_path / "e.ndjson").write_text("".join(lines))
    (tmp_path / "u.ndjson").write_text(r'{"user":"u\ud800","plan":"a\ud800"}')
    (tmp_path / "m.yaml").write_text("users: {file: u.ndjson}\nmax_rejected: 1\n")
    for more in [(), ("--shards", "2")][: 1 if nested else 2]:
        done = cli("active-users", "e.ndjson", "-c", "m.yaml", "--as-of", "2026-01-03", "-q",
                   "--who", "daily[period=2026-01-02].dau", *more)  # fmt: skip
        assert done.code == 0, done.err
        assert "\0" not in done.out
        assert {"u1", "u\ufffd", "u\ufffd!", "u😀", "uA"} == {*done.out.split()}, done.out
    by = cli("active-users", "e.ndjson", "-c", "m.yaml", "-q", "--by", "plan", "-f", "json").out
    assert '"a\ufffd"' in by
    assert r"\u0000" not in by


@pytest.mark.parametrize("at", [2, 1500])
@pytest.mark.parametrize("half", [r"\udc00", r"\ud800\u0041", r"\ud83d\ud83d\ude00"])
def test_half_a_pair_that_stops_the_run_is_named(
    half: str, at: int, cli: Cli, tmp_path: Path
) -> None:
    lines = [HALF % ("1", 1)] * (at - 1) + [HALF % (half, 1)]
    (tmp_path / "e.ndjson").write_text("".join(lines))
    done = cli("usage", "e.ndjson")
    assert (done.code, f"e.ndjson:{at}: half of a pair" in done.err) == (3, True), done.err


def test_keys_that_stand_twice_are_told(cli: Cli, tmp_path: Path) -> None:
    good = HALF % ("1", 1)
    twice = good.replace('"user"', '"user":"u0","user"')
    inside = good.replace("}\n", ',"p":{"a":1,"b":[{"c":1,"c":2}]}}\n')
    (tmp_path / "e.ndjson").write_text(good + twice + good + inside + good)
    done = cli("usage", "e.ndjson", "--as-of", "2026-01-02", "-f", "json")
    said = (
        "e.ndjson: 2 of the first 5 rows have a key twice in one object, such as 'user' in line 2"
    )
    assert said in done.err
    assert json.loads(done.out)["source"]["actors"] == 2
    (tmp_path / "a.json").write_text(f"[{good}, {twice}]")
    done = cli("usage", "a.json", "--as-of", "2026-01-02")
    assert "a.json: 1 of the first 2 rows has a key twice" in done.err
    assert "'user' in item 2" in done.err
    (tmp_path / "g.ndjson").write_text(good * 3)
    assert "twice" not in cli("usage", "g.ndjson", "--as-of", "2026-01-02").err


def test_a_comma_before_the_end_of_an_array(cli: Cli, tmp_path: Path) -> None:
    text = f"[{HALF % ('1', 1)},\n]"
    (tmp_path / "a.json").write_text(text)
    said = f"item 2, at byte {text.index(']')}: the array ends with a comma"
    assert said in cli("usage", "a.json").err
