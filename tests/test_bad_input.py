"""Bad input gets a message with place and way out, the right exit code, and no traceback."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cramjam
import polars as pl
import pytest

from tests.conftest import write_log

GOOD = "user_id,event,timestamp\n" + "".join(
    f"u{i % 7},e{i % 3},2026-01-{1 + i % 28:02d}T10:00:00Z\n" for i in range(200)
)
Cli = Callable[..., Any]


def refused(outcome: Any, code: int, *words: str) -> None:
    """The exit code, the words, and nothing that only a developer understands."""
    assert outcome.code == code, outcome.err
    for word in words:
        assert word in outcome.err, outcome.err
    assert "Traceback" not in outcome.err
    assert "bug in adoptcli" not in outcome.err
    assert outcome.out == ""


FILES: dict[str, tuple[bytes, int, tuple[str, ...]]] = {
    "empty.csv": (b"", 3, ("empty.csv: the file is empty",)),
    "header.csv": (b"user_id,event,timestamp\n", 3, ("there is a header, but no rows",)),
    "binary.csv": (bytes(range(256)) * 50, 3, ("binary.csv: this is no text",)),
    "extra.csv": ((GOOD + "a,b,c,d\n").encode(), 3, ("extra.csv:202: 4 fields where", "reject")),
    "quote.csv": ((GOOD + '"a,b,c\n').encode(), 3, ("quote.csv:202: a quote is opened", "reject")),
    "utf8.csv": (GOOD.encode() + b"\xff,e,2026-01-01\n", 3, ("utf8.csv:202: the text is",)),
    "utf16.csv": (GOOD.encode("utf-16"), 3, ("UTF-16", "iconv")),
    "columns.csv": (b"a,b,c\n1,2,3\n", 3, ("no column looks like the user", "a, b, c", "source:")),
    "times.csv": (b"user_id,event,timestamp\nu,e,yesterday\nu,e,-\n", 3, ("none of the 2 rows",)),
    "users.csv": (b"user_id,event,timestamp\n,e,2026-01-01\n", 3, ("1 without a user",)),
    "array.json": (b'[{"user_id": "u"}, {"us', 3, ("array.json: item 2, at byte 19", "cut off")),
    "texts.json": (b'[{"user_id": "u"}, "u"]', 3, ("item 2, at byte 19: this is no object",)),
    "none.json": (b"[ ]", 3, ("none.json: there are no objects in it",)),
    "pages.json": (b'[{"user_id": "u"}]\n[', 3, ("item 2, at byte 20: the file is cut off",)),
    "torn.json.gz": (gzip.compress(b"[" + b'{"user_id": 7},' * 99)[:40], 3, ("torn.json.gz",)),
    "torn.json.zst": (bytes(cramjam.zstd.compress(b"[" + b'{"user_id": 7},' * 99))[:30],
                      3, ("torn.json.zst: cannot be unpacked",)),
    "torn.ndjson.zst": (bytes(cramjam.zstd.compress(b'{"user_id": 7}\n' * 99))[:30],
                        3, ("torn.ndjson.zst: cannot be unpacked",)),
    "text.avro": (b"hello", 3, ("text.avro: this is no Avro file",)),
    "line.ndjson": (
        b'{"user_id":"u","event":"e","timestamp":"2026-01-01"}\n{oops\n', 3, ("line.ndjson:2: ",)
    ),
    "text.parquet": (b"hello", 3, ("this is no Parquet file",)),
    "torn.csv.gz": (gzip.compress(GOOD.encode())[:200], 3, ("torn.csv.gz",)),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_file(name: str, cli: Cli, tmp_path: Path) -> None:
    content, code, words = FILES[name]
    (tmp_path / name).write_bytes(content)
    refused(cli("report", name, "-q", "-o", "out.json"), code, *words, "→")
    assert {p.name for p in tmp_path.iterdir()} == {name}


def test_missing_file_has_a_suggestion(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD)
    refused(cli("report", "evnts.csv"), 3, "no such file", "did you mean 'events.csv'?")


def test_folder_without_data(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readme.md").write_text("x")
    refused(cli("report", "docs"), 3, "holds no data files")


def test_no_file_at_all(cli: Cli) -> None:
    refused(cli("report", "-q"), 3, "no event file is named")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("semicolon.csv", GOOD.replace(",", ";")),
        ("cr.csv", GOOD.replace("\n", "\r")),
        ("crlf.csv", GOOD.replace("\n", "\r\n")),
        ("blank.csv", GOOD.replace("\n", "\n\n")),
        ("tabs.tsv", GOOD.replace(",", "\t")),
        ("bom.csv", "\ufeff" + GOOD),
        ("spaces.csv", GOOD.replace("u1,e1", " u1 , e1")),
    ],
)
def test_odd_but_readable(name: str, text: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "good.csv").write_text(GOOD)
    assert cli("report", "good.csv", "-q", "-o", "good.json").code == 0
    assert cli("report", name, "-q", "-o", "odd.json").code == 0
    good, odd = (json.loads((tmp_path / f).read_text()) for f in ("good.json", "odd.json"))
    assert odd == good
    assert good["source"]["rows"] == 200


def test_bad_lines_can_be_set_aside(cli: Cli, tmp_path: Path) -> None:
    text = GOOD + "a,b,c,d\nu9,e9,2026-01-05T10:00:00Z\n"
    (tmp_path / "events.csv").write_text(text)
    (tmp_path / "m.yaml").write_text("source: {on_bad_lines: reject}\nmax_rejected: 0.1\n")
    outcome = cli("report", "events.csv", "-c", "m.yaml", "-f", "json", "--rejects", "bad.csv")
    source = json.loads(outcome.out)["source"]
    assert (source["rows"], source["set_aside"]["bad-line"]) == (202, 1)
    assert "a,b,c,d" in (tmp_path / "bad.csv").read_text()


def test_stray_times_are_set_aside_and_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        GOOD + "u1,e1,1970-01-01T00:00:00Z\nu2,e2,2099-05-05T00:00:00Z\n"
    )
    outcome = cli("report", "events.csv", "-f", "json", "--as-of", "2026-01-29")
    source = json.loads(outcome.out)["source"]
    assert (source["first_day"], source["last_day"]) == ("2026-01-01", "2026-01-28")
    assert source["set_aside"] == {"past-timestamps": 1, "future-timestamps": 1}


def test_blank_rows_are_none_and_the_days_end_at_as_of(report: Any) -> None:
    rows = [("a", "v", "2026-03-01T10:00:00Z"), (None, None, None), ("a", "v", "2026-03-05")]
    source = report(rows, None, "--as-of", "2026-03-03")["source"]
    assert (source["rows"], source["set_aside"]) == (2, {"after-as-of": 1})
    assert (source["first_day"], source["last_day"]) == ("2026-03-01", "2026-03-02")


def test_too_many_rejected_rows_stop_the_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD + "u,e,nonsense\n" * 3)
    refused(
        cli("report", "events.csv", "-q"), 3, "3 of 203 rows (1.5%)", "--rejects", "max_rejected"
    )
    (tmp_path / "m.yaml").write_text("max_rejected: 1.5%\n")
    outcome = cli(
        "report", "events.csv", "-c", "m.yaml", "-q", "--rejects", "bad.csv", "-o", "o.json"
    )
    assert outcome.code == 0, outcome.err
    rejected = pl.read_csv(tmp_path / "bad.csv")
    assert rejected.height == 3
    assert rejected["reason"].unique().to_list() == ["unreadable-time"]


def test_mixed_columns_over_files(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "a.csv").write_text(GOOD)
    (folder / "b.ndjson").write_text(
        '{"event": "e9", "extra": 1, "user_id": 9, "timestamp": "2026-01-05T10:00:00Z"}\n'
    )
    outcome = cli("report", "export", "-f", "json")
    assert json.loads(outcome.out)["source"]["rows"] == 201


def test_a_log_of_one_day_is_counted_and_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("user_id,event,timestamp\nu,e,2026-01-01T10:00:00Z\n")
    report = json.loads(cli("usage", "one.csv", "-f", "json").out)
    assert (report["source"]["events"], report["as_of"]) == (1, "2026-01-02")
    assert "single-day" in {caveat["code"] for caveat in report["caveats"]}
    asked = cli("usage", "one.csv", "--as-of", "2026-01-01")
    refused(asked, 3, "no event lies before 2026-01-01", "--as-of")


ASKED = [
    (("--as-of", "2020-01-01"), 3, ("no event lies before 2020-01-01",)),
    (("--as-of", "soon"), 2, ("--as-of soon: this is no date",)),
    (("--since", "2027-01-01"), 2, ("no day of the data is left", "2026-01-01")),
    (("--only", "retentoin"), 2, ("no metric 'retentoin'", "did you mean 'retention'?")),
    (("--by", "pln"), 2, ("'pln'",)),
    (("--shards", "0"), 2, ()),
    (("-o", "/proc/none/out.json"), 74, ("cannot be written",)),
    (("-f", "xml"), 2, ()),
]


@pytest.mark.parametrize(("options", "code", "words"), ASKED, ids=lambda value: str(value)[:40])
def test_asked_for_what_cannot_be(
    options: tuple[str, ...], code: int, words: tuple[str, ...], cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "events.csv").write_text(GOOD)
    refused(cli("report", "events.csv", "-q", *options), code, *words)


def test_unknown_events_are_caveats_with_a_suggestion(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD)
    (tmp_path / "m.yaml").write_text("signup: e00\nactivation: {all: [e11], within: 400d}\n")
    outcome = cli("report", "events.csv", "-c", "m.yaml", "-f", "json")
    found = json.loads(outcome.out)
    told = [c["message"] for c in found["caveats"]]
    assert any("e00 never occurs" in text for text in told), told
    assert found["metrics"]["activation"]["status"] == "not_evaluable"


def test_a_table_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD)
    refused(cli("report", "events.csv", "-q", "--users", "people.csv"), 3, "people.csv")
    (tmp_path / "people.csv").write_text("name\nx\n")
    refused(cli("report", "events.csv", "-q", "--users", "people.csv"), 3, "users.id", "name")


def test_config_problems_stand_with_their_place(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD)
    (tmp_path / "m.yaml").write_text("perod: day\nactivation: {withn: 7d}\n")
    outcome = cli("report", "events.csv", "-c", "m.yaml")
    refused(outcome, 2, "m.yaml:1:1: perod: unknown key; did you mean 'period'?", "m.yaml:2:14:")


SMALL = {
    "one event": "u,e,2026-01-01T10:00:00Z\n",
    "one user": "u,e,2026-01-01T10:00:00Z\nu,e,2026-03-05T10:00:00Z\n",
    "two users a year apart": "u,e,2025-01-01T10:00:00Z\nv,e,2026-01-05T10:00:00Z\n",
}


@pytest.mark.parametrize("name", SMALL)
def test_hardly_any_data_is_a_report_without_invented_numbers(
    name: str, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "e.csv").write_text("user,event,time\n" + SMALL[name])
    (tmp_path / "m.yaml").write_text(
        "signup: never\nactivation: {all: [e], within: 900d}\nfeatures: {f: [e]}\n"
        "engagement_score: {weights: {e: 2}}\nfeature_adoption: {window: 3000d}\n"
    )
    outcome = cli("report", "e.csv", "-c", "m.yaml", "-f", "json", "--as-of", "2026-04-01")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)["metrics"]
    assert found["activation"]["status"] == "not_evaluable"
    for metric in found.values():
        head = metric["headline"]
        assert head is None or head["value"] is None or head["denominator"] != 0
    assert cli("report", "e.csv", "-c", "m.yaml", "--as-of", "2026-04-01").code == 0


def test_exact_repeats_go_on_request(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD + GOOD.split("\n", 1)[1])
    (tmp_path / "m.yaml").write_text("dedupe: exact\n")
    kept = json.loads(cli("report", "events.csv", "-f", "json").out)["source"]
    once = json.loads(cli("report", "events.csv", "-c", "m.yaml", "-f", "json").out)["source"]
    assert (kept["duplicates"], once["duplicates"]) == (0, kept["events"] - once["events"])
    assert once["events"] * 2 <= kept["events"]


def test_space_around_texts_goes(cli: Cli, tmp_path: Path) -> None:
    """From the codes in memory, from the rows on their way to bucket files."""
    told = []
    for extra in ("u1,e1,2026-01-03 10:00\n,e1,2026-01-03 10:00\n",
                  " u1\t, e1 ,2026-01-03 10:00\n  ,e1 , 2026-01-03 10:00 \n"):  # fmt: skip
        (tmp_path / "events.csv").write_text(GOOD + extra)
        for shards in ("1", "3"):
            told.append(cli("report", "events.csv", "-f", "json", "--shards", shards).out)
    assert len(set(told)) == 1
    assert json.loads(told[0])["source"]["anonymous"] == 1


@pytest.mark.parametrize("shards", ["1", "3"])
def test_empty_texts_are_none(cli: Cli, tmp_path: Path, shards: str) -> None:
    """Of users, accounts and events; in memory, and on their way to bucket files."""
    told = []
    for empty in ("", None):
        rows = [(f"u{i % 7}", "acme", "used", f"2026-01-{i % 28 + 1:02}") for i in range(200)]
        rows += [(empty, "acme", "used", "2026-01-03"), ("u1", empty, "used", "2026-01-04"),
                 ("u2", "acme", empty, "2026-01-05")]  # fmt: skip
        names = ["user", "account", "event", "timestamp"]
        pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "e.parquet")
        told.append(cli("report", "e.parquet", "-f", "json", "--shards", shards).out)
    assert told[0] == told[1]
    source = json.loads(told[0])["source"]
    assert (source["events"], source["anonymous"], source["accounts"]) == (201, 1, 1)
    assert source["set_aside"]["no-event"] == 1


def test_signups_thousands_of_years_ahead_cost_no_time(cli: Cli, tmp_path: Path) -> None:
    """A slip of the finger, or a date that stands for none: the zone's changes until then."""
    (tmp_path / "events.csv").write_text(GOOD)
    (tmp_path / "m.yaml").write_text("version: 1\ntime_zone: America/New_York\n")
    for year in ("6026", "9999"):
        (tmp_path / "users.csv").write_text(
            f"user_id,created_at\nu1,{year}-01-30\nu2,1900-01-01\nu3,2026-01-05\n"
        )
        found = cli("report", "events.csv", "-c", "m.yaml", "--users", "users.csv", "-f", "json")
        assert found.code == 0, found.err
        assert json.loads(found.out)["source"]["actors"] == 7


def test_a_folder_for_temporary_files_that_is_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(GOOD)
    (tmp_path / "file").touch()
    for name in ("nowhere", "file"):
        found = cli("report", "events.csv", "--tmp", name, "--shards", "3")
        refused(found, 2, f"--tmp {name}: there is no such folder", "make it, or name another")


def test_times_beyond_all_reason_are_strays_not_exclusions(cli: Cli, tmp_path: Path) -> None:
    far = "u1,e1,0001-01-01T00:00:00Z\nu2,e2,9999-05-05T00:00:00Z\n"
    (tmp_path / "events.csv").write_text(GOOD + far)
    outcome = cli("report", "events.csv", "-f", "json", "--as-of", "2026-01-29")
    source = json.loads(outcome.out)["source"]
    assert source["set_aside"] == {"past-timestamps": 1, "future-timestamps": 1}
    assert source["excluded"] == 0
    assert source["events"] == 200


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("validate",), "validate"),
        (("usage", "--rejects", "r.csv"), "--rejects"),
        (("usage", "--unit", "account"), "--unit account"),
    ],
)
def test_what_spark_does_not_do_is_told_before_it_is_asked(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], what: str
) -> None:
    (tmp_path / "metrics.yaml").write_text("runner: spark\nmaster: spark://127.0.0.1:1\n")
    refused(cli(*arguments, "e.parquet"), 2, f"{what} is not done on Spark", "--runner local")


def test_a_missing_trait_of_a_feature_matters_only_where_features_do(
    tmp_path: Path, cli: Cli
) -> None:
    feature = {"events": ["used"], "eligible": {"plan": ["pro"]}}
    log, definitions = write_log(
        tmp_path, [("u", "used", "2026-01-01"), ("u", "used", "2026-02-01")],
        {"features": {"late": feature}},
    )  # fmt: skip
    assert cli("active-users", log, "-c", definitions, "-q").code == 0
    refused(cli("feature-adoption", log, "-c", definitions, "-q"), 2, "features.late.eligible.plan")
