"""Exports as products write them: paths, alternatives, presets, and how they are known."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from adoptcli.config import presets
from adoptcli.definitions import Source
from adoptcli.errors import ConfigProblem
from adoptcli.source import paths
from adoptcli.source.events import Needed, read
from adoptcli.source.paths import Key
from adoptcli.source.paths import Path as Way

Rows = Sequence[Mapping[str, Any]]


def ndjson(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def events(path: Path, source: Mapping[str, Any], **needed: Any) -> pl.DataFrame:
    """The canonical events, in the order of the file, read both ways."""
    found = read([Source(**source)], [str(path)], None, Needed(**needed), "UTC")
    fast, slow = found.frame.collect(), found.thorough().frame.collect()
    assert fast.equals(slow)
    return fast


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("user", ("user",)),
        ("properties.$insert_id", ("properties", "$insert_id")),
        ('properties["a.b [c] \\"d\\""]', ("properties", 'a.b [c] "d"')),
        ('groups["[Segment] Group"][0]', ("groups", "[Segment] Group", 0)),
        ("event_params{ga_session_id}", ("event_params", Key("ga_session_id"))),
        ("resource.attributes{user.id}", ("resource", "attributes", Key("user.id"))),
        ("event_params{}", ("event_params", Key(""))),
        ("Event [UTC]", None),
        ("a.", None),
        ("a[", None),
    ],
)
def test_paths(text: str, steps: tuple[Any, ...] | None) -> None:
    assert paths.parse(text) == steps


def test_a_column_wins_over_a_path() -> None:
    columns = ["properties", "properties.$browser", "properties.$groups"]
    assert paths.find("properties.$browser", columns) == Way("properties.$browser")
    assert paths.find("properties.$groups.org", columns) == Way("properties.$groups", ("org",))
    assert paths.find("properties.plan", columns) == Way("properties", ("plan",))
    assert paths.find("plan", columns) is None


NESTED = [
    {"p": {"u": 7, "a b": {"$x": "A"}, "l": ["q", "r"]}, "kv": [
        {"key": "sid", "value": {"int_value": "12", "string_value": None}},
        {"key": "other", "value": {"string_value": "o"}}], "t": 1767225600},
    {"p": {"u": "7", "a b": None, "l": []}, "kv": [], "t": 1767225601},
    {"p": {"u": True}, "t": 1767225602},
]  # fmt: skip
WANTED = [["A", None, None], ["q", None, None], ["12", None, None], ["7", "7", "true"]]
PLACES = {"account": 'p["a b"].$x', "session": "kv{sid}", "user": "p.u"}


@pytest.mark.parametrize("kind", ["ndjson", "parquet", "csv"])
def test_paths_lead_to_the_same_values_everywhere(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"e.{kind}"
    if kind == "ndjson":
        ndjson(path, NESTED)
    else:
        texts = [
            {n: json.dumps(v) if isinstance(v, dict | list) else str(v) for n, v in row.items()}
            for row in NESTED
        ]
        frame = pl.DataFrame(texts, schema=["p", "kv", "t"])
        frame.write_csv(path) if kind == "csv" else frame.write_parquet(path)
    found = events(
        path, {"columns": {**PLACES, "timestamp": "t"}, "event": "e"},
        account=True, session=True, properties=("p.l[0]",),
    )  # fmt: skip
    got = [found[name].to_list() for name in ("account", "p.p.l[0]", "session", "user")]
    assert got == WANTED
    assert found["time"].to_list() == [1767225600000, 1767225601000, 1767225602000]


def test_all_pairs_as_a_key_whatever_their_order(tmp_path: Path, cli: Any) -> None:
    def pairs(*some: tuple[str, Any]) -> list[Any]:
        return [{"key": k, "value": {"double_value": v}} for k, v in some]

    rows: list[dict[str, Any]] = [
        {"user": "a", "event": "x", "time": START, "kv": pairs(*some)}
        for some in ((("p", 2.0), ("q", 1.5)), (("q", 1.5), ("p", 2.0)), (("p", 1.5), ("q", 2.0)))
    ]
    folder = tmp_path / "both"
    folder.mkdir()
    ndjson(folder / "a.ndjson", rows)
    pl.DataFrame(rows[1:]).write_parquet(folder / "b.parquet")
    config = {"source": {"dedupe": {"key": ["time", "kv{}"]}}}
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
    asked = cli("active-users", "both", "-f", "json", "--as-of", "2026-01-02")
    source = json.loads(asked.out)["source"]
    assert (source["rows"], source["events"], source["duplicates"]) == (5, 2, 3)


def test_many_fields_a_line_in_files_of_any_name(tmp_path: Path) -> None:
    header = ["user", "event", "time", *(f"f{i}" for i in range(60))]
    lines = [f"u{i}\tx\t2026-01-01T00:00:0{i}Z" + "\t" * 60 + "\n" for i in range(2)]
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "part-0").write_text(lines[0])
    (folder / "part-1.gz").write_bytes(gzip.compress(lines[1].encode()))
    (folder / "NOTES").write_text("not\tdata\n")
    source = {"header": header, "quote_char": "", "separator": "\t"}
    assert events(folder, source)["user"].to_list() == ["u0", "u1"]


def test_parquet_structs_and_lists(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "p": [{"u": "7", "l": ["q"]}, {"u": "8", "l": []}],
            "kv": [[{"key": "sid", "value": {"string_value": None, "int_value": 12}}], None],
            "t": [1767225600, 1767225601],
        }
    )
    frame.write_parquet(tmp_path / "e.parquet")
    columns = {"user": "p.u", "account": "p.l[0]", "session": "kv{sid}", "timestamp": "t"}
    found = events(
        tmp_path / "e.parquet", {"columns": columns, "event": "e"}, account=True, session=True
    )
    assert found["user"].to_list() == ["7", "8"]
    assert found["account"].to_list() == ["q", None]
    assert found["session"].to_list() == ["12", None]


def test_a_broken_cell_of_json_is_nothing(tmp_path: Path) -> None:
    text = 't,p\n1767225600,"{""u"": ""a""}"\n1767225601,{broken\n1767225602,\n'
    (tmp_path / "e.csv").write_text(text)
    source = {"columns": {"user": "p.u", "timestamp": "t"}, "event": "e"}
    assert events(tmp_path / "e.csv", source)["user"].to_list() == ["a", None, None]


def test_a_root_that_is_no_object_further_down(tmp_path: Path, cli: Any) -> None:
    good = [{"event": "x", "p": {"u": f"u{i % 5}"}, "t": 1767225600 + 3600 * i}
            for i in range(1500)]  # fmt: skip
    ndjson(tmp_path / "e.ndjson", [*good, {"event": "x", "p": "none", "t": 1767225600}])
    config = {"source": {"columns": {"user": "p.u", "event": "event", "timestamp": "t"}}}
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
    report = json.loads(cli("usage", "e.ndjson", "-f", "json").out)
    assert (report["source"]["rows"], report["source"]["anonymous"]) == (1501, 1)
    assert report["source"]["actors"] == 5


def test_alternatives_values_and_what_is_empty(tmp_path: Path) -> None:
    rows = [
        {"type": "track", "event": "Saved", "userId": "a", "anonymousId": "x", "s": -1, "t": "0",
         "t2": "2026-01-01T00:00:00Z"},
        {"type": "page", "event": "", "userId": " ", "anonymousId": "x", "s": 5,
         "t": "2026-01-02T00:00:00Z", "t2": "2026-01-01T00:00:00Z"},
        {"type": "identify", "userId": "null", "s": 6, "t": None, "t2": None},
    ]  # fmt: skip
    source = {
        "columns": {
            "user": ["userId", "anonymousId"], "session": "s", "timestamp": ["t", "t2"],
            "event": ["event", {"type": {"page": "page_view", "screen": "screen_view"}}],
        },
        "empty": {"session": ["-1"], "timestamp": ["0"], "user": ["null"]},
    }  # fmt: skip
    found = events(ndjson(tmp_path / "e.ndjson", rows), source, session=True)
    assert found["user"].to_list() == ["a", "x", None]
    assert found["event"].to_list() == ["Saved", "page_view", None]
    assert found["session"].to_list() == [None, "5", "6"]
    assert found["time"].to_list() == [1767225600000, 1767312000000, None]


def test_any_other_value(tmp_path: Path) -> None:
    rows = [{"user": "a", "time": START, "type": t} for t in ("page", "odd", "", None)]
    for told, want in (
        ({"page": "page_view", "*": "other"}, ["page_view", "other", None, None]),
        ({"*": "other"}, ["other", "other", None, None]),
    ):
        found = events(ndjson(tmp_path / "e.ndjson", rows), {"columns": {"event": {"type": told}}})
        assert found["event"].to_list() == want


@pytest.mark.parametrize("data", [1.5, "text", [1]])
def test_a_column_of_values_of_several_kinds(tmp_path: Path, data: Any) -> None:
    rows = [{"event": "x", "time": START, "data": d} for d in (data, {"user_id": 7}, None)]
    source = {"columns": {"user": "data.user_id"}}
    found = events(ndjson(tmp_path / "e.ndjson", rows), source)
    assert found["user"].to_list()[1:] == ["7", None]


def test_a_list_or_a_single_value(tmp_path: Path) -> None:
    rows = [{"user": "a", "event": "x", "time": START, "p": {"c": c}} for c in (["1", "2"], "3", 4)]
    source = {"columns": {"account": ["p.c[0]", "p.c"]}}
    found = events(ndjson(tmp_path / "e.ndjson", rows), source, account=True)
    assert found["account"].to_list() == ["1", "3", "4"]


def test_properties_by_their_bare_names(tmp_path: Path) -> None:
    pair = {"key": "plan", "value": {"string_value": "pro"}}
    rows = [
        {"user": "a", "event": "x", "time": START, "q": {"plan": "free"}, "kv": []},
        {"user": "a", "event": "x", "time": START, "q": {}, "kv": [pair]},
        {"user": "a", "event": "x", "time": START, "q": {"plan": "free"}, "kv": [pair]},
    ]
    path = ndjson(tmp_path / "e.ndjson", rows)
    found = events(path, {"properties": ["kv{}", "q"]}, properties=("plan", "plam"))
    assert found["p.plan"].to_list() == ["free", "pro", "pro"]
    assert found["p.plam"].null_count() == 3  # which rows further down may have


def test_of_repeats_the_newest_or_the_earliest(tmp_path: Path, cli: Any) -> None:
    lines = ["user,event,time,id,got,plan", "a,x,2026-01-01,1,2026-01-05 00:00:00,old",
             "a,x,2026-01-02,1,2026-01-06 00:00:00,new", "b,x,2026-01-03,,2026-01-07,no id",
             "b,x,2026-01-03,,2026-01-07,no id"]  # fmt: skip
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    for keep, plan in ({"newest": "got"}, "new"), ({"earliest": "got"}, "old"):
        config = {"source": {"dedupe": {"key": ["id", "event"], "keep": keep}}}
        (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
        asked = cli("usage", "e.csv", "-f", "json", "--by", "plan")
        source = json.loads(asked.out)["source"]
        assert (source["duplicates"], source["events"]) == (1, 3)
        told = json.dumps(json.loads(asked.out)["metrics"])
        assert [f'"{name}"' in told for name in ("new", "old")] == [plan == "new", plan == "old"]


def test_nested_lists_are_taken_apart(tmp_path: Path) -> None:
    def record(name: str, user: str) -> dict[str, Any]:
        pair = {"key": "user.id", "value": {"stringValue": user}}
        return {"eventName": name, "timeUnixNano": "1767225600000000000", "attributes": [pair]}

    def request(service: str, *records: Any) -> dict[str, Any]:
        told = [{"key": "service.name", "value": {"stringValue": service}}]
        scopes = [{"scope": {"name": "s"}, "logRecords": list(records)}, {"scope": {}}]
        return {"resource": {"attributes": told}, "scopeLogs": scopes}

    rows = [
        {"resourceLogs": [request("A", record("x", "u1"), record("y", "u2")), request("B")]},
        {"resourceLogs": [request("C", record("z", "u3"))]},
        {"resourceLogs": []},
    ]
    source = {
        "explode": ["resourceLogs", "scopeLogs", "logRecords"],
        "columns": {
            "user": "attributes{user.id}", "event": "eventName", "timestamp": "timeUnixNano",
            "account": "resource.attributes{service.name}",
        },
    }  # fmt: skip
    found = events(ndjson(tmp_path / "e.ndjson", rows), source, account=True)
    assert found.select("user", "event", "account").rows() == [
        ("u1", "x", "A"), ("u2", "y", "A"), ("u3", "z", "C")
    ]  # fmt: skip
    assert found["time"].unique().to_list() == [1767225600000]


def test_lines_without_header_and_quotes(tmp_path: Path) -> None:
    lines = ['a\tx "y\t2026-01-01T00:00:00Z\n', 'b"\tz\t2026-01-01T00:00:01Z\n']
    (tmp_path / "e.tsv").write_text("".join(lines))
    source = {"header": ["user", "event", "time"], "quote_char": ""}
    found = events(tmp_path / "e.tsv", source)
    assert found.select("user", "event").rows() == [("a", 'x "y'), ('b"', "z")]


def test_numbers_that_tell_the_clock_of_a_zone(tmp_path: Path) -> None:
    rows = [{"user": "a", "event": "x", "time": 1767225600}]  # midnight of New Year's Day there
    source = {"epoch_zone": "America/New_York"}
    found = events(ndjson(tmp_path / "e.ndjson", rows), source)
    assert found["time"].to_list() == [(1767225600 + 5 * 3600) * 1000]


def mixpanel(event: str, user: Any, at: int, insert: str, **more: Any) -> dict[str, Any]:
    told = {"time": at, "distinct_id": user, "$insert_id": insert, **more}
    return {"event": event, "properties": told}


DAY = 86_400
START = 1767225600  # 2026-01-01


def test_mixpanel(tmp_path: Path, cli: Any) -> None:
    rows = [
        mixpanel("saved", 7, START, "i1", mp_processing_time_ms=2, plan="pro"),
        mixpanel("saved", "7", START, "i1", mp_processing_time_ms=3, plan="free"),  # repeated
        mixpanel("saved", "7", START + 1, "i1", mp_processing_time_ms=1),  # other time: another
        mixpanel("opened", "7", START, "i1"),  # other name: another
        mixpanel("$identify", "b", START + DAY, "i2"),  # no usage
        mixpanel("saved", "b", (START + DAY) * 1000, "i3"),  # in ms
        {"event": "saved", "properties": {"time": START, "$insert_id": "i4"}},  # nobody
        mixpanel("saved", "7", START + 2 * DAY - 1, "i5"),
    ]
    ndjson(tmp_path / "export.json", rows)
    asked = cli("active-users", "export.json", "-f", "json")
    assert "format: mixpanel, by its columns event, properties.time; --preset none" in asked.err
    source = json.loads(asked.out)["source"]
    assert (source["rows"], source["duplicates"], source["excluded"]) == (8, 1, 1)
    assert (source["anonymous"], source["actors"], source["events"]) == (1, 2, 5)
    assert source["first_day"], source["last_day"] == ("2026-01-01", "2026-01-02")
    for name in ("properties.plan", "plan"):
        split = cli("active-users", "export.json", "-f", "json", "--by", name)
        assert split.code == 0, split.err
        assert '"free"' in split.out
        assert '"pro"' not in split.out  # of the two deliveries the newest counts
    assert "no column or event property is called" in cli(
        "active-users", "export.json", "--by", "plam"
    ).err  # fmt: skip


def amplitude(event: str, who: int, at: str, insert: str, **more: Any) -> dict[str, Any]:
    usual = {"server_upload_time": at, "session_id": -1, "device_id": "d", "user_id": None}
    return {"event_type": event, "amplitude_id": who, "event_time": at, "$insert_id": insert,
            **usual, **more}  # fmt: skip


AMPLITUDE = [
    [
        amplitude("saved", 1, "2026-01-01 10:00:00.123000", "a", user_id="ann"),
        amplitude("saved", 1, "2026-01-01 10:00:00.123000", "a", user_id="ann"),  # repeated
        amplitude("[Amplitude] Start Session", 1, "2026-01-01 10:00:00.000000", "b"),
    ],
    [
        amplitude("saved", 2, "2026-01-03T23:30:00.000000", "a", device_id="e"),
        amplitude("saved", 1, "2026-01-02 09:00:00.000000", "c", session_id=1767344400000),
    ],
]


def test_amplitude_zip(tmp_path: Path, cli: Any) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for hour, rows in enumerate(AMPLITUDE):
            text = "".join(json.dumps(row) + "\n" for row in rows).encode()
            name = f"1234/1234_2026-01-01_{hour}#7.json.gz"
            archive.writestr(name, gzip.compress(text))
        archive.writestr("1234/1234_2026-01-01_9#7.json.gz", gzip.compress(b""))
    asked = cli("active-users", "export.zip", "-f", "json")
    assert asked.code == 0, asked.err
    assert "format: amplitude" in asked.err
    report = json.loads(asked.out)
    source = report["source"]
    assert (source["rows"], source["duplicates"], source["excluded"]) == (5, 1, 1)
    # A day of grace: the third day, complete as it is, does not count yet.
    assert report["as_of"] == "2026-01-03"
    assert (source["actors"], source["events"], source["set_aside"]) == (1, 2, {"after-as-of": 1})
    assert {"late-arrivals"} == {caveat["code"] for caveat in report["caveats"]}


def test_sessions_of_the_export(tmp_path: Path, cli: Any) -> None:
    """Four hours apart and yet one session; what has no id, or Amplitude's -1, is in none."""
    at = "2026-01-01 {:02d}:00:00.000000"
    times = ((10, 1), (14, 1), (15, -1), (23, 2))
    rows = [amplitude("saved", 1, at.format(h), f"{h}", session_id=s) for h, s in times]
    hog = [
        {"uuid": f"{h}", "event": "saved", "distinct_id": "a", "person_id": "p",
         "timestamp": at.format(h), "created_at": at.format(h),
         "properties": {"$session_id": f"s{s}" if s > 0 else None}}
        for h, s in times
    ]  # fmt: skip
    config = {"sessions": {"by": "session"}, "source": {"grace": "1ms"}}
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
    for name, some in (("amplitude", rows), ("posthog", hog)):
        ndjson(tmp_path / f"{name}.jsonl", some)
        asked = cli(
            "sessions", f"{name}.jsonl", "-f", "json", "--as-of", "2026-01-02", "--period", "day"
        )
        assert f"format: {name}" in asked.err
        found = json.loads(asked.out)["metrics"]["sessions"]
        assert found["tables"]["periods"][0]["sessions"] == 2
        assert found["textbook"]["numerator"] == 4 * 3600
        assert found["caveats"][1] == {
            "code": "without-session", "count": 1,
            "message": "active events without session id, left out",
        }  # fmt: skip


def test_init_proposes_no_event_that_is_no_usage(tmp_path: Path, cli: Any) -> None:
    ndjson(tmp_path / "e.json", [row for rows in AMPLITUDE for row in rows])
    text = cli("init", "e.json", "-o", "-").out
    assert "source: {preset: amplitude}" in text
    assert "  4  saved" in text
    assert "Start Session" not in text


def test_amplitude_as_a_table(tmp_path: Path, cli: Any) -> None:
    """Unloaded from a warehouse: another name of the insert id, objects as JSON texts."""
    rows = [
        {**row, "_insert_id": row["$insert_id"], "groups": '{"co": ["acme"]}', "$insert_id": None}
        for some in AMPLITUDE for row in some
    ]  # fmt: skip
    pl.DataFrame(rows).drop("$insert_id").write_csv(tmp_path / "events.csv")
    asked = cli("active-users", "events.csv", "-f", "json")
    assert "format: amplitude" in asked.err
    source = json.loads(asked.out)["source"]
    assert (source["rows"], source["duplicates"], source["excluded"]) == (5, 1, 1)


def test_posthog_people_who_were_merged_later(tmp_path: Path, cli: Any) -> None:
    """By the persons model, of which the highest version counts."""
    at = "2026-01-0{}T23:30:00.000000Z"
    usual = {"event": "saved", "properties": {}, "created_at": at.format(3)}
    rows = [
        {"uuid": f"{i}", "distinct_id": d, "person_id": f"old-{d}",
         "timestamp": at.format(1 + i % 3), **usual}
        for i, d in enumerate("abcabc")
    ]  # fmt: skip
    ndjson(tmp_path / "e.jsonl", rows)
    persons = [
        {"distinct_id": d, "person_id": p, "person_distinct_id_version": v}
        for d, p, v in (("a", "p1", 0), ("b", "p2", 0), ("b", "p1", 2), ("c", "p3", 1))
    ]
    ndjson(tmp_path / "persons.jsonl", persons)
    config = {"source": {"columns": {"user": "distinct_id"}, "preset": "posthog"}}
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
    options = ("-f", "json", "--as-of", "2026-01-04", "--identities", "persons.jsonl")
    assert json.loads(cli("usage", "e.jsonl", *options).out)["source"]["actors"] == 2


def test_what_the_yaml_names_counts_though_a_preset_ignores_it(tmp_path: Path, cli: Any) -> None:
    ndjson(tmp_path / "e.json", [row for rows in AMPLITUDE for row in rows])
    config = {"signup": "[Amplitude] Start Session", "source": {"grace": "1h", "ignore": []}}
    for source, kept in (({}, 0), ({"preset": "amplitude", "ignore": []}, 0)):
        config["source"] = source
        (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
        report = json.loads(cli("active-users", "e.json", "-f", "json").out)
        assert report["source"]["excluded"] == kept
    del config["signup"]
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump(config))
    report = json.loads(cli("active-users", "e.json", "-f", "json").out)
    assert report["source"]["excluded"] == 0  # `ignore: []` overrides the preset's


def test_a_preset_of_ones_own(tmp_path: Path, cli: Any) -> None:
    own = {
        "about": "ours", "signup": ["never", "joined"], "login": ["never"],
        "source": {
            "columns": {"user": "who", "event": "what", "timestamp": "when"},
            "where": {"test": False}, "weight": "n",
        },
    }  # fmt: skip
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "ours.yaml").write_text(yaml.safe_dump(own))
    config = {"source": {"preset": "./ours.yaml", "files": "e.csv"}}
    (tmp_path / "conf" / "metrics.yaml").write_text(yaml.safe_dump(config))
    lines = [
        "who,what,when,test,n",
        "a,joined,2026-01-01,false,1",
        "a,saved,2026-01-02,false,3",
        "b,saved,2026-01-02,true,1",
        "b,saved,2026-01-02,false,0",
        "b,saved,2026-01-02,false,",
    ]
    (tmp_path / "conf" / "e.csv").write_text("\n".join(lines) + "\n")
    for where, options in (
        ("conf/metrics.yaml", []),
        ("none.yaml", ["--preset", "conf/ours.yaml"]),
    ):
        (tmp_path / "none.yaml").write_text("version: 1\n")
        files = [] if not options else ["conf/e.csv"]
        asked = cli("report", *files, "-c", where, "-f", "json", *options)
        assert asked.code == 0, asked.err
        report = json.loads(asked.out)
        source = report["source"]
        assert (source["excluded"], source["set_aside"]) == (1, {"no-weight": 2})
        assert (source["events"], source["actors"]) == (4, 1)
        by_id = report["metrics"]
        assert by_id["sessions"]["status"] == "not_evaluable"
        assert "source.weight" in by_id["sessions"]["reason"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abuot: x\nsource: {}\n", "p.yaml:1:1: abuot: unknown key; did you mean 'about'?"),
        ("about: x\nsource: {columns: {usr: a}}\n", "p.yaml:2:20: source.columns.usr: unknown"),
        ("about: x\nsource: {preset: y}\n", "neither files nor a preset"),
        ("about: x\nsource: {}\ndetect: {format: csv}\n", "needs 'columns' or 'fields'"),
    ],
)
def test_a_wrong_preset_says_where(text: str, said: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        presets.validated(text.encode(), "p.yaml")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", presets.names())
def test_presets_of_the_package_are_whole(name: str) -> None:
    found = presets.load(name)
    assert found.get
    assert found.source.columns.user
    assert found.source.columns.timestamp
    assert found.source.columns.event or found.source.event


def test_unknown_and_ambiguous(tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ndjson(tmp_path / "e.json", [mixpanel("saved", "a", START + i * DAY, f"{i}") for i in range(3)])
    asked = cli("usage", "e.json", "--preset", "mixpannel")
    assert asked.code == 2
    assert "there is no preset 'mixpannel'" in asked.err
    plain = cli("usage", "e.json", "--preset", "none")
    assert plain.code == 3
    assert "format:" not in plain.err
    known = presets.detects()
    monkeypatch.setattr(presets, "detects", lambda: {**known, "twin": known["mixpanel"]})
    both = cli("usage", "e.json")
    assert both.code == 2
    assert "mixpanel or of twin" in both.err


def test_what_the_yaml_says_goes_before_the_preset(tmp_path: Path, cli: Any) -> None:
    row = amplitude("saved", 1, "2026-01-01 10:00:00.000000", "a", groups={"[S] Co": ["acme"]})
    ndjson(tmp_path / "e.json", [row])
    source = {"columns": {"account": 'groups["[S] Co"][0]'}, "grace": "1h", "ignore": []}
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump({"source": source}))
    asked = cli("active-users", "e.json", "-f", "json", "--as-of", "2026-01-02")
    assert "format: amplitude" in asked.err
    assert json.loads(asked.out)["source"]["accounts"] == 1
    source["columns"]["user"] = "device_id"  # type: ignore[index]
    (tmp_path / "metrics.yaml").write_text(yaml.safe_dump({"source": source}))
    assert "format:" not in cli("active-users", "e.json", "--as-of", "2026-01-02").err


def test_folders_of_hourly_files_and_what_lies_beside(tmp_path: Path, cli: Any) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for hour, rows in enumerate(AMPLITUDE):
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (folder / f"part-{hour}{'.gz' if hour else ''}").write_bytes(
            gzip.compress(text) if hour else text
        )
    merged = {"scope": 1, "amplitude_id": 2, "merged_amplitude_id": 1}
    (folder / "-7_2026.json.gz").write_bytes(gzip.compress(json.dumps(merged).encode()))
    (folder / "empty.json").touch()
    (folder / "_SUCCESS").touch()
    (folder / "README").write_text("read me")
    ndjson(folder / "manifest.json", [{"entries": []}])
    asked = cli("active-users", "export", "-f", "json")
    assert asked.code == 0, asked.err
    assert json.loads(asked.out)["source"]["rows"] == 5
    assert "skipped in export: empty.json and 1 more, without rows" in asked.err
    assert "without event_time" in asked.err
    for i in range(25):  # of so many files not every row is looked at beforehand
        ndjson(folder / f"x{i:02d}.json", [amplitude("late", 3, "2026-01-01 10:00:00", f"x{i}")])
    asked = cli("active-users", "export", "-f", "json")
    assert json.loads(asked.out)["source"]["rows"] == 30


def test_parquet_that_is_called_zst(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": ["a"], "event": ["x"], "time": ["2026-01-01T00:00:00Z"]})
    frame.write_parquet(tmp_path / "e.parquet.zst")
    assert events(tmp_path / "e.parquet.zst", {})["user"].to_list() == ["a"]


def test_one_object_over_many_lines(tmp_path: Path) -> None:
    rows = {"data": [{"user": "a", "event": "x", "time": 1767225600}]}
    (tmp_path / "e.json").write_text(json.dumps(rows, indent=2))
    found = events(tmp_path / "e.json", {"explode": "data"})
    assert found.rows() == [("a", "x", 1767225600000)]


def test_files_of_different_keys(tmp_path: Path) -> None:
    """The second file has keys that the first has not, one of them deep down."""
    rows = [{"e": "x", "t": 1767225600, "p": {"u": "a"}}, {"e": "y", "t": 1767225601, "q": "b"}]
    for i, row in enumerate(rows):
        ndjson(tmp_path / f"{i}.json", [row])
    source = {"columns": {"user": ["p.u", "q"], "event": "e", "timestamp": "t"}}
    assert events(tmp_path, source)["user"].to_list() == ["a", "b"]


def test_salesforce_ids_of_15_and_18_characters(tmp_path: Path) -> None:
    """Ids as Salesforce has written them, cut and whole."""
    long = ["00U1G00000DEaypUAD", "0031G00001Pji7ZQAR", "0031G00000xRXHBQA4"]
    lines = ["user,account,event,time,id"]
    for name in long:
        lines += [f"{some},{some},{name[:15]},2026-01-01,{some}" for some in (name, name[:15])]
    lines += ["ann@example.org,abcdefghijklmn-,x,2026-01-01,1"]
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    source = {"ids": "salesforce", "columns": {"id": "id"}}
    found = events(tmp_path / "e.csv", source, account=True, id=True)
    expected = [name for name in long for _ in range(2)]
    assert found["user"].to_list() == [*expected, "ann@example.org"]
    assert found["account"].to_list() == [*expected, "abcdefghijklmn-"]
    ids = found["id"].to_list()
    assert ids[::2][:3] == ids[1::2]
    assert len(set(ids)) == 4
    assert found["event"][0] == long[0][:15]  # no id
    assert events(tmp_path / "e.csv", {})["user"].n_unique() == 7
    keyed = {"ids": "salesforce", "dedupe": {"key": ["id", "account"]}}
    assert events(tmp_path / "e.csv", keyed, id=True)["id"].n_unique() == 4


def test_an_export_is_known_among_other_tables(tmp_path: Path, cli: Any) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for name in "abcdef":
        (folder / f"{name}.csv").write_text("id,name\n1,x\n")
    head = "visitor_id,account_id,timestamp,num_events,num_minutes,page_id"
    (folder / "page_event.csv").write_text(f"{head}\nv,a,2026-01-01 10:00:00,4,2,p\n")
    asked = cli("usage", "export", "-f", "json", "--as-of", "2026-01-03")
    assert "format: pendo" in asked.err
    assert "a.csv and 5 more, without timestamp" in asked.err
    assert json.loads(asked.out)["source"]["events"] == 4
