"""Files of every kind give the same events; ids and times survive the journey."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from adoptcli.definitions import Columns, Source
from adoptcli.errors import DataProblem
from adoptcli.source.columns import resolve
from adoptcli.source.events import Needed, read
from adoptcli.source.timestamps import Zones, fast_to_ms, shape_of, shaped_to_ms, text_to_ms

ROWS = pl.DataFrame(
    {
        "user_id": ["9007199254740993", "-8845298781299428018", "a b", "ümlaut"] * 3,
        "event": ["x", "y", "z", "x"] * 3,
        "timestamp": [f"2026-01-{day:02d}T10:00:00.{day:03d}Z" for day in range(1, 13)],
        "plan": ["pro", "free", "pro", None] * 3,
    }
)


def canonical(*paths: Path, source: Source | None = None, **needed: Any) -> pl.DataFrame:
    """All events, in order."""
    found = read([source or Source()], [str(p) for p in paths], None, Needed(**needed), "UTC")
    return found.thorough().frame.collect().sort(pl.all())


WRITERS: dict[str, Callable[[Path], object]] = {
    "events.csv": lambda p: ROWS.write_csv(p),
    "events.tsv": lambda p: ROWS.write_csv(p, separator="\t"),
    "events.parquet": lambda p: ROWS.write_parquet(p),
    "events.ndjson": lambda p: ROWS.write_ndjson(p),
    "events.csv.gz": lambda p: p.write_bytes(gzip.compress(ROWS.write_csv().encode())),
    "events.jsonl.gz": lambda p: p.write_bytes(gzip.compress(ROWS.write_ndjson().encode())),
    "events.csv.zst": lambda p: ROWS.lazy().sink_csv(p, compression="zstd"),
    "events.ndjson.zst": lambda p: ROWS.lazy().sink_ndjson(p, compression="zstd"),
    "semicolons.txt": lambda p: ROWS.write_csv(p, separator=";"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_events(name: str, tmp_path: Path) -> None:
    ROWS.write_csv(tmp_path / "plain.csv")
    wanted = canonical(tmp_path / "plain.csv", properties=("plan",))
    WRITERS[name](tmp_path / name)
    assert canonical(tmp_path / name, properties=("plan",)).equals(wanted)
    assert wanted["user"].n_unique() == 4


def test_folders_globs_and_partitions(tmp_path: Path) -> None:
    for i, plan in enumerate(("free", "pro")):
        folder = tmp_path / "lake" / f"plan={plan}" / f"day={i}"
        folder.mkdir(parents=True)
        ROWS[i::2].drop("plan").write_parquet(folder / "part.parquet")
    (tmp_path / "lake" / "_SUCCESS").touch()
    found = canonical(tmp_path / "lake", properties=("plan",))
    assert found.height == 12
    assert found.group_by("p.plan").len().sort("p.plan").rows() == [("free", 6), ("pro", 6)]
    ROWS[:5].write_csv(tmp_path / "a1.csv")
    ROWS[5:].write_csv(tmp_path / "a2.csv")
    assert canonical(tmp_path / "a*.csv").height == 12


def test_ids_stay_text_beyond_two_to_the_53rd(tmp_path: Path) -> None:
    big = [9007199254740993, -9007199254740993, 5]
    rows = pl.DataFrame({"user_id": big, "event": ["e"] * 3, "ts": [1_700_000_000] * 3})
    rows.write_parquet(tmp_path / "a.parquet")
    rows.write_ndjson(tmp_path / "b.ndjson")
    rows.with_columns(pl.col("user_id").cast(pl.Float64)).tail(1).write_parquet(
        tmp_path / "c.parquet"
    )
    for name in ("a.parquet", "b.ndjson"):
        assert sorted(canonical(tmp_path / name)["user"]) == sorted(map(str, big))
    assert canonical(tmp_path / "c.parquet")["user"].to_list() == ["5"]


def test_nested_properties_and_schema_drift(tmp_path: Path) -> None:
    lines = [
        {"user": 1, "event": "e", "time": 1_700_000_000, "properties": {"plan": "pro", "n": 1.0}},
        {"user": "1", "event": "e", "time": "2023-11-14T22:13:20Z", "properties": {"plan": True}},
        {"user": 1, "event": "e", "time": 1_700_000_000_000},
    ]
    (tmp_path / "a.ndjson").write_text("\n\n".join(map(json.dumps, lines)))
    found = canonical(tmp_path / "a.ndjson", properties=("properties.plan",))
    assert found["time"].to_list() == [1_700_000_000_000] * 3
    assert found["user"].to_list() == ["1"] * 3
    assert sorted(found["p.properties.plan"].drop_nulls()) == ["pro", "true"]


MOMENT = 1_767_225_600_000  # 2026-01-01T00:00:00Z
DAY = 86_400_000
TIMES = [
    ("2026-01-01T00:00:00Z", MOMENT),
    ("2026-01-01T00:00:00.123456+02:00", MOMENT - 7_200_000 + 123),
    ("2026-01-01T00:00:00-0530", MOMENT + 19_800_000),
    ("2026-01-01 00:00:00 UTC", MOMENT),
    ("2026-01-01T10:00Z", MOMENT + 36_000_000),
    ("2026-01-01", MOMENT - 3_600_000),
    ("2026-01-01 00:00", MOMENT - 3_600_000),
    ("2026-01-01 00:00:00.5", MOMENT - 3_600_000 + 500),
    ("1767225600", MOMENT),
    ("1767225600000", MOMENT),
    ("1767225600000123", MOMENT),
    ("1767225600000123456", MOMENT),
    ("1767225600.25", MOMENT + 250),
    ("1.7672256E12", MOMENT),
    ("-86400", -86_400_000),
    ("2026-03-29T02:30:00", None),  # the clock skips it in Berlin
    ("2026-10-25T02:30:00", 1_792_888_200_000),  # twice; the earlier
    ("2026-13-01T00:00:00Z", None),
    ("yesterday", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "wanted"), TIMES)
def test_timestamp_forms(text: str, wanted: int | None) -> None:
    zones = Zones("Europe/Berlin", "Europe/Berlin")
    frame = pl.DataFrame({"t": [text]})
    assert frame.select(text_to_ms(pl.col("t"), zones)).item() == wanted
    shape = shape_of(frame["t"])
    if shape.kind != "general":
        assert frame.select(fast_to_ms(pl.col("t"), shape, zones)).item() == wanted


def test_a_suffix_is_never_dropped() -> None:
    """Rows that do not have the common suffix go the general way."""
    texts = pl.Series("t", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+"])
    shape = shape_of(texts[:1])
    fast = texts.to_frame().select(fast_to_ms(pl.col("t"), shape, Zones())).to_series()
    assert fast.to_list() == [MOMENT, None]


FORMS = ["2026-01-01T00:00:00{}{}", "1969-12-31 23:59:59{}{}", "2026-13-01T00:00:00{}{}",
         "2026-01-01\t00:00:00{}{}"]  # fmt: skip
FRACTIONS = ["", ".5", ".123", ".1234", ".999999", ".123456789", ".+12", ".-12", ",123", ":123"]
SUFFIXES = ["", "Z", "z", "+02:00", "+01:00", "-0530"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_the_fast_way_reads_what_the_general_way_does(zone: str) -> None:
    """Whichever forms are usual: alone, or several of one length."""
    texts = [form.format(f, s) for form in FORMS for f in FRACTIONS for s in SUFFIXES]
    rows, zones = pl.DataFrame({"t": texts}), Zones(zone, zone)
    general = rows.select(text_to_ms(pl.col("t"), zones)).to_series()
    assert general.null_count() == 156  # month 13, a tab, and :123, .+12 and .-12 of the others
    for usual in [[text] for text in texts] + [texts[i:90:17] for i in range(17)]:
        shape = shape_of(pl.Series(usual))
        if shape.kind == "text":
            assert rows.select(shaped_to_ms(pl.col("t"), shape, zones)).to_series().equals(general)


def test_one_odd_timestamp_among_many(tmp_path: Path, cli: Any) -> None:
    rows = [f"u,e,2026-01-{d:02d}T10:00:00Z" for d in range(1, 29)] * 50 + ["v,e,1768471200"]
    (tmp_path / "e.csv").write_text("user,event,time\n" + "\n".join(rows) + "\n")
    outcome = cli("report", "e.csv", "-f", "json", "--as-of", "2026-01-29")
    source = json.loads(outcome.out)["source"]
    assert (source["events"], source["actors"], source["set_aside"]) == (1401, 2, {})


def test_native_types(tmp_path: Path) -> None:
    times = pl.Series([MOMENT]).cast(pl.Datetime("ms", "UTC"))
    for column in (
        times, times.dt.cast_time_unit("ns"), times.dt.replace_time_zone(None),
        times.dt.convert_time_zone("Asia/Tokyo"), times.dt.date(), pl.Series([MOMENT // 1000]),
    ):  # fmt: skip
        frame = pl.DataFrame({"user": ["u"], "event": ["e"], "ts": column})
        frame.write_parquet(tmp_path / "t.parquet")
        assert canonical(tmp_path / "t.parquet")["time"].to_list() == [MOMENT]


def test_several_sources_and_a_constant_event(tmp_path: Path, cli: Any) -> None:
    ROWS.write_csv(tmp_path / "events.csv")
    (tmp_path / "webinars.csv").write_text(
        "person,when\na b,02.01.2026 09:00\nnew,03.01.2026 09:00\n"
    )
    config = {
        "source": [
            {"files": ["events.csv"]},
            {
                "files": "webinars.csv", "event": "webinar", "timestamp_format": "%d.%m.%Y %H:%M",
                "columns": {"user": "person", "timestamp": "when"},
            },
        ]
    }  # fmt: skip
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(config))
    outcome = cli("validate", "-c", "m.yaml", "--as-of", "2026-01-13")
    assert outcome.code == 0, outcome.err
    assert "'webinar'" in outcome.out
    assert "14 of 5 users" in outcome.out


def test_timestamp_format_with_zone(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user,event,time\nu,e,01/01/2026 02:00:00 +0200\n")
    source = Source(timestamp_format="%d/%m/%Y %H:%M:%S %z")
    assert canonical(tmp_path / "e.csv", source=source)["time"].to_list() == [MOMENT]


@pytest.mark.parametrize(("empty", "second"), [([], 0), (["0", "0"], MOMENT + 2 * DAY)])
def test_the_first_timestamp_that_can_be_read(
    empty: list[str], second: int, tmp_path: Path
) -> None:
    """Of alternatives of any kind, those that no row has, and those called empty, included."""
    at = pl.Series([MOMENT, None, None, None], dtype=pl.Datetime("ms"))
    texts = ["2026-01-01", "0", " 2026-01-02T00:00:00Z", "x"]
    rows = {"user": list("abcd"), "event": "e", "p": [{"q": 1}] * 4, "at": at, "text": texts}
    later = ["2026-02-01", "2026-01-03", "2026-02-01", None]
    pl.DataFrame(rows | {"later": later}).write_parquet(tmp_path / "e.parquet")
    stated = {"user": "user", "event": "event", "timestamp": ["p.none", "at", "text", "later"]}
    source = Source(columns=stated, empty={"timestamp": empty} if empty else {})
    found = canonical(tmp_path / "e.parquet", source=source)["time"].to_list()
    assert found == [MOMENT, second, MOMENT + DAY, None]


def test_guesses_and_what_cannot_be_guessed() -> None:
    columns = ["$insert_id", "distinct_id", "eventName", "event_time", "group_id", "sessionId"]
    found, guessed = resolve(Source(), columns, "f")
    assert found["id"][0].text == "$insert_id"
    assert found["user"][0].text == "distinct_id"
    assert set(guessed) >= {"user", "event", "timestamp", "session", "account", "id"}
    with pytest.raises(DataProblem, match="no column 'usr'"):
        resolve(Source(columns=Columns(user="usr")), columns, "f")


@pytest.mark.parametrize("kind", ["parquet", "csv", "ndjson"])
def test_rejected_rows_have_their_own_reason_and_their_own_columns(
    kind: str, tmp_path: Path
) -> None:
    """In files of many pieces, too, and where the log has columns called as ours are."""
    rows = [
        {
            "user": f"u{i}", "event": None if i % 7 == 0 else "e", "file": f"f{i}",
            "timestamp": "x" if i % 11 == 0 else "2026-01-01", "reason": str(i),
        }
        for i in range(6000)
    ]  # fmt: skip
    frame, path = pl.DataFrame(rows), tmp_path / f"e.{kind}"
    if kind == "parquet":
        frame.write_parquet(path, row_group_size=100)
    else:
        frame.write_csv(path) if kind == "csv" else frame.write_ndjson(path)
    columns = {"user": "user", "event": "event", "timestamp": "timestamp"}
    found = read([Source(columns=columns)], [str(path)], None, Needed(), "UTC").rejects()
    wanted = {
        row["file"]: "unreadable-time" if row["timestamp"] == "x" else "no-event"
        for row in rows
        if row["timestamp"] == "x" or row["event"] is None
    }
    assert dict(zip(found["file"], found["reason_"], strict=True)) == wanted
    assert found["file_"].unique().to_list() == [str(path)]
    assert all(f"f{row}" == file for row, file in zip(found["reason"], found["file"], strict=True))
