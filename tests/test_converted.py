"""JSON arrays and Avro, which are turned into what can be read; the same rows must come of both."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cramjam
import fastavro
import polars as pl
import pytest

from adoptcli.definitions import Source
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.source import avro, spread
from adoptcli.source.events import Needed, read
from tests.exports import exports
from tests.test_presets import ndjson

Cli = Callable[..., Any]
Row = dict[str, Any]

VALUES = (
    "12345678901234567890123", "1.0", "1", "-0", "1e400", "0.10", "null", "true", "[ ]", "{ }",
    '"a\\"b\\\\"', '"[{,}]"', '"\\ud83d\\ude00 é \\u00e9 \\n"', '"😀\u2028"', "[1, [2, {}]]",
    '{"b": {"c": "]"}}',
)  # fmt: skip


def one(rng: random.Random, number: int) -> str:
    pairs = (f'"k{i}" :{rng.choice(VALUES)}' for i in range(rng.randrange(5)))
    return "{ " + ", ".join([f'"n": {number}', *pairs]) + "}"


@pytest.mark.parametrize("seed", range(6))
def test_every_character_stays(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the bytes are parted; between objects and in them there may be any white space."""
    rng = random.Random(seed)
    for _ in range(12):
        rows = [one(rng, i) for i in range(rng.randrange(1, 12))]
        space, join = rng.choice(["", "\n", " \r\n\t"]), rng.choice([",", "\n", "]\n["])
        text = (space + join + space).join(rows)
        text = text if join == "\n" else f"{space}[{space}{text}{space}]{space}"
        spaced = rng.random() < 0.5
        content = (text.replace(", ", ",\n  ") if spaced else text).encode()
        monkeypatch.setattr(spread, "AT_ONCE", rng.choice([1, 5, 40, 1 << 20]))
        size = rng.choice([1, 3, 17, 1 << 20])
        pieces = [content[i : i + size] for i in range(0, len(content), size)]
        found = b"".join(spread.one_a_line(pieces, "x")).decode()
        assert found.replace(",   ", ", ") if spaced else found == "\n".join(rows) + "\n"
        if join == ",":
            cut = content[: rng.randrange(len(space) + 1, len(content.rstrip()))]
            with pytest.raises(DataProblem, match=r"item|UTF-8"):
                [*spread.one_a_line([cut], "x")]


ROWS = [
    {"user": u, "event": "x", "time": 1767225600 + i, "p": {"v": v, "l": [i, {"a": "]\n["}]}}
    for i, (u, v) in enumerate([("a", 2**63), (7, "1.0"), ("é😀", 1.0), (2**53 + 1, None)])
]
SOURCE = {"columns": {"user": "user", "account": "p.v", "session": "p.l[1].a"}}


def canonical(path: Path) -> list[tuple[Any, ...]]:
    found = read([Source(**SOURCE)], [str(path)], None, Needed(account=True, session=True), "UTC")
    return found.frame.collect().rows()


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_is_read_like_lines(suffix: str, indent: int | None, tmp_path: Path) -> None:
    packed = {"": bytes, ".gz": gzip.compress, ".zst": lambda b: bytes(cramjam.zstd.compress(b))}
    expected = canonical(ndjson(tmp_path / "e.ndjson", ROWS))
    content = json.dumps(ROWS, indent=indent, ensure_ascii=False).encode()
    for name in ("a.json", "a"):  # known by its name, or by its first bytes
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(packed[suffix](content))
        assert canonical(path) == expected
    assert len(expected) == 4


@pytest.mark.parametrize("name", ["cloudevents", "matomo"])
def test_batches_and_answers_are_known_as_lines_are(name: str, cli: Cli, tmp_path: Path) -> None:
    export = exports()[name]
    lines = export.write(tmp_path).read_text().splitlines()
    (tmp_path / "a.json").write_text(f"[{', '.join(lines)}]")
    asked = cli("active-users", "a.json", "-f", "json", *getattr(export, "OPTIONS", ()))
    assert f"format: {name}" in asked.err
    assert json.loads(asked.out)["source"]["events"] == export.EXPECTED["events"]


def test_standard_input_and_no_file_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adoptcli", "active-users", "-", "-f", "json", "--tmp", "."]
    content = bytes(cramjam.zstd.compress(json.dumps(ROWS, indent=1).encode()))
    done = subprocess.run(command, input=content, capture_output=True, cwd=tmp_path, check=True)
    assert json.loads(done.stdout)["source"]["rows"] == 4
    assert [*tmp_path.iterdir()] == []


PLAIN: list[Row] = [
    {"name": "user", "type": ["null", "string"]},
    {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["x", "y"]}},
    {"name": "id", "type": "long"},
    {"name": "p", "type": ["null", {"type": "record", "name": "P", "fields": [
        {"name": "l", "type": {"type": "array", "items": "string"}}]}]},
]  # fmt: skip
MIXED: list[Row] = [
    *PLAIN,
    {"name": "m", "type": {"type": "map", "values": ["null", "string", "long", "double", "P"]}},
    {"name": "u", "type": ["null", "string", "boolean"]},
]
TOOK = datetime(2026, 1, 1, 10, tzinfo=UTC)


def avro_file(path: Path, fields: Sequence[Row], codec: str = "snappy", rows: int = 300) -> Path:
    """Rows of users a, b and none in turn, in blocks of few rows."""
    made = (
        {
            "user": [None, "a", "b"][i % 3], "time": TOOK, "kind": "xy"[i % 2], "id": 2**60 + i,
            "p": {"l": [f"first {i}", "z"]} if i % 2 else None,
            "m": {"plan": "pro", "n": i, "f": 1.5, "none": None, "o": {"l": ["q"]}},
            "u": [None, "t", True][i % 3],
        }
        for i in range(rows)
    )  # fmt: skip
    schema = {"type": "record", "name": "R", "namespace": "com.x", "fields": fields}
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), made, codec, sync_interval=500)
    return path


@pytest.mark.parametrize("batch", [1 << 24, 900])
@pytest.mark.parametrize(
    ("fields", "codec"),
    [(PLAIN, "null"), (PLAIN, "deflate"), (PLAIN, "snappy"), (PLAIN, "bzip2"), (MIXED, "snappy")],
)
def test_avro(
    fields: Sequence[Row], codec: str, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of reading, and in however many parts, to the very values that were written."""
    monkeypatch.setattr(avro, "BATCH", batch)
    columns = {
        "user": "user",
        "event": "kind",
        "timestamp": "time",
        "account": "id",
        "session": "p.l[0]",
    }
    inside = ("m{plan}", "m{n}", "m{f}", "m{none}", "m{o}", "u") if fields is MIXED else ()
    path = avro_file(tmp_path / "e.avro", fields, codec)
    needed = Needed(inside, session=True, account=True)
    found = read([Source(columns=columns)], [str(path)], None, needed, "UTC", tmp_path)
    rows = found.frame.collect().sort("account").rows()
    assert len(rows) == 300
    for i, row in enumerate(rows):
        expected = [[None, "a", "b"][i % 3], "xy"[i % 2], 1767261600000]
        expected += [str(2**60 + i), f"first {i}" if i % 2 else None]
        if inside:
            expected += ["pro", str(i), "1.5", None, '{"l": ["q"]}', [None, "t", "true"][i % 3]]
        assert [*row] == expected
    assert (len(found.parts[0].scan.files) > 1) == (batch == 900)


def test_avro_by_its_first_bytes_in_folders_and_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "export" / "day=2026-01-01"
    folder.mkdir(parents=True)
    avro_file(folder / "part-0.avro", PLAIN)
    content = avro_file(folder / "part-1", PLAIN).read_bytes()
    columns = {"user": "user", "event": "kind", "timestamp": "time", "account": "day"}
    found = read(
        [Source(columns=columns)], [str(tmp_path / "export")], None, Needed(account=True), "UTC"
    )
    rows = found.frame.collect()
    assert (rows.height, rows["account"].unique().to_list()) == (600, ["2026-01-01"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    del columns["account"]
    found = read([Source(columns=columns)], ["-"], None, Needed(), "UTC", tmp_path)
    assert found.frame.collect().height == 300


def test_avro_that_is_broken_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = avro_file(tmp_path / "e.avro", PLAIN).read_bytes()
    mixed = avro_file(tmp_path / "m.avro", MIXED).read_bytes()

    def said(content: bytes) -> str:
        with pytest.raises((DataProblem, UsageProblem)) as caught:
            [*avro.frames(io.BytesIO(content), "e.avro")]
        return f"{caught.value} {caught.value.hint}"

    assert "no Avro" in said(b"")
    assert "header" in said(whole[:60])
    assert "cut off or broken after 2" in said(whole[:-3])
    for content in (whole, mixed):
        middle = len(content) // 2
        assert "e.avro" in said(content[:middle] + b"\xff" * 30 + content[middle + 30 :])
    monkeypatch.setattr(avro, "find_spec", lambda name: None)
    assert "pip install fastavro" in said(mixed)
    assert sum(frame.height for frame in avro.frames(io.BytesIO(whole), "e")) == 300


def test_dumps_of_heap_without_their_manifests(cli: Cli, tmp_path: Path) -> None:
    """The dump whose manifest is gone is named; what the others say still holds."""
    export = exports()["heap-s3"]
    bucket = export.write(tmp_path)
    files = sorted(bucket.glob("sync_*/app*/*.avro"))
    (bucket / "manifests" / "sync_3.json").write_text("[]")
    asked = cli("active-users", *files, "-f", "json", "--as-of", "2026-01-31")
    assert "no manifest is there of sync_3: if it has" in asked.err
    assert "format: heap-s3" in asked.err
    both = len(export.rows("app_saved_report")) + len(export.rows("app_shared", 2, 3))
    assert json.loads(asked.out)["source"]["rows"] == both
    (bucket / "manifests" / "sync_2.json").unlink()
    asked = cli("active-users", *files, "-f", "json", "--as-of", "2026-01-31")
    assert "of sync_2, sync_3: if it has" in asked.err
    assert json.loads(asked.out)["source"]["rows"] > both


def test_pendo_data_sync_is_known(cli: Cli, tmp_path: Path) -> None:
    day, text = {"type": "int", "logicalType": "date"}, ["null", "string"]
    time = {"type": "long", "logicalType": "timestamp-millis"}
    types = {"periodId": day, "visitorId": "string", "accountId": text, "matchableId": text,
             "type": text, "browserTimestamp": time}  # fmt: skip
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    row = {"periodId": TOOK.date(), "visitorId": "v1", "accountId": "a1", "browserTimestamp": TOOK}
    rows = [row | {"matchableId": "Feature/x"}, row | {"type": "ui"}, row | {"type": "guideSeen"}]
    with (tmp_path / "e.avro").open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "E", "fields": fields}, rows, "snappy")
    asked = cli("usage", "e.avro", "-f", "json", "--as-of", "2026-01-02")
    assert "format: pendo-datasync" in asked.err
    source = json.loads(asked.out)["source"]
    assert (source["events"], source["excluded"], source["accounts"]) == (2, 1, 1)


ODD = {
    "an object": '{"batch": {"u": "u1", "e": "in", "t": "2026-01-01"}}',
    "a text": '{"batch": "none"}',
    "numbers": '{"batch": [5]}',
    "a list": '{"batch": [[{"u": "u1"}]]}',
}


@pytest.mark.parametrize("columns", [("u", "e", "t"), ("batch.u", "batch.e", "batch.t")])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_is_no_list_is_not_lost(
    odd: str, columns: tuple[str, ...], tmp_path: Path, cli: Any
) -> None:
    """One line without a list of objects stops the run; it takes no other line with it."""
    good = '{"batch": [{"u": "u1", "e": "in", "t": "2026-01-01"}]}'
    (tmp_path / "e.ndjson").write_text("\n".join([good, '{"batch": null}', odd, good]))
    names = dict(zip(("user", "event", "timestamp"), columns, strict=True))
    (tmp_path / "m.yaml").write_text(json.dumps({"source": {"explode": "batch", "columns": names}}))
    got = cli("report", "e.ndjson", "-c", "m.yaml")
    assert got.code == 3
    found = "e.ndjson:3: 'batch' is no list of objects" in got.err
    assert found or ("there is no column 'batch.u'" in got.err and odd == ODD["numbers"])


def test_a_byte_order_mark_before_objects(tmp_path: Path, cli: Any, monkeypatch: Any) -> None:
    line = '{"user": "u%d", "event": "in", "timestamp": "2026-01-0%dT10:00:00Z"}\n'
    text = "\ufeff" + "".join(line % (i % 3, i) for i in range(1, 8))
    (tmp_path / "e.ndjson").write_text(text, encoding="utf-8")
    got = cli("report", "e.ndjson", "-f", "json", "-q")
    assert json.loads(got.out)["source"]["rows"] == 7


def test_what_is_no_number_has_its_line(tmp_path: Path, cli: Any) -> None:
    line = '{"user": "u", "event": "in", "timestamp": "2026-01-01T10:00:00Z", "v": 1}\n'
    (tmp_path / "e.ndjson").write_text(line * 2 + line.replace("1}", "NaN}"))
    assert "e.ndjson:3: this line is no JSON object" in cli("report", "e.ndjson").err


def test_a_file_without_rows_in_buckets(tmp_path: Path, cli: Any) -> None:
    schema = dict.fromkeys(("user", "event", "timestamp"), pl.String())
    pl.DataFrame(schema=schema).write_parquet(tmp_path / "e.parquet")
    got = cli("report", "e.parquet", "--shards", "3")
    assert (got.code, "the files hold no rows" in got.err) == (3, True)


def test_guesses_are_said_once_for_all_folders(tmp_path: Path, cli: Any) -> None:
    for day in range(1, 4):
        folder = tmp_path / "log" / f"day=2026-01-0{day}"
        folder.mkdir(parents=True)
        (folder / "p.csv").write_text(f"user,event,timestamp\nu,in,2026-01-0{day}T10:00:00Z\n")
    assert cli("report", "log").err.count("columns guessed") == 1


def test_a_file_beside_a_folder_of_others(tmp_path: Path, cli: Any) -> None:
    """All count where no timestamp is named."""
    row = "u,in,2026-01-01T10:00:00Z\n"
    (tmp_path / "a.csv").write_text("user,event,timestamp\n" + row)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "b.csv").write_text(
        "user,event,timestamp,plan\n" + row.replace("\n", ",x\n")
    )
    got = cli("report", "a.csv", "log", "-f", "json")
    assert json.loads(got.out)["source"]["rows"] == 2
