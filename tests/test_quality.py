"""The page of each source: one made log per finding, counted by hand, and a clean one without."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import yaml

from adoptcli.cli.common import Options, choose, load_config, request
from adoptcli.cli.console import Console
from adoptcli.quality import lateness, superhuman
from adoptcli.quality.tracking import turns
from adoptcli.quality.volume import volume
from adoptcli.render import validation
from adoptcli.runner import report
from adoptcli.runner.validate import validated
from adoptcli.source.events import Needed, read
from tests.exports import exports
from tests.test_golden import same

Cli = Callable[..., Any]
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
USERS, DAYS = 10, 42
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Row:
    """One row of a made log."""

    user: str
    at: datetime
    event: str = "view"
    id: str = ""
    late: timedelta = timedelta(seconds=30)

    def line(self, *, keyed: bool = True) -> str:
        fields = [self.user, self.event, _text(self.at), _text(self.at + self.late)]
        return ",".join([*fields, self.id] if keyed else fields)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def clean() -> list[Row]:
    """Ten users, each once a day for six weeks, in every half hour another; 420 rows."""
    found = [
        Row(f"u{user}", START + timedelta(days=day, hours=8, minutes=31 * user + day))
        for day in range(DAYS)
        for user in range(USERS)
    ]
    found[-1] = replace(
        found[-1], at=found[-1].at.replace(hour=23)
    )  # so that the last day is whole
    return [replace(row, id=f"e{i}") for i, row in enumerate(found)]


def write(path: Path, rows: Iterable[Row], *, keyed: bool = True) -> Path:
    head = "user_id,event,timestamp,received_at"
    lines = [f"{head},event_id" if keyed else head, *(row.line(keyed=keyed) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def page(cli: Cli, tmp_path: Path):
    """The page of a made log, or of files and options, as JSON."""

    def make(rows: list[Row] | None = None, *given: object, **more: Any) -> dict[str, Any]:
        files = [] if rows is None else [write(tmp_path / "events.csv", rows, **more)]
        done = cli("validate", "-q", "-f", "json", *files, *given)
        assert done.code == 0, done.err
        (found,) = json.loads(done.out)["sources"]
        return found

    return make


def codes(page: Mapping[str, Any]) -> list[str]:
    return [found["code"] for found in page["findings"]]


def test_a_clean_log_has_no_finding(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", clean())
    done = cli("validate", "-q", path, "-o", "page.json")
    assert (done.code, done.out) == (0, "")
    found = json.loads((tmp_path / "page.json").read_text())
    schema = json.loads(cli("schema", "validate").out)
    jsonschema.validate(found, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "more": 1}, schema)
    (page,) = found["sources"]
    assert page["findings"] == []
    assert (page["rows"], page["files"], page["crowd"]["users"]) == (420, 1, 10)
    assert page["volume"]["judged"] > 0
    text = cli("validate", "-q", path).out
    for label in ("duplicates", "clock skew", "gaps", "cliffs", "superhuman", "no user"):
        assert f"\n{label:<14}nothing\n" in text
    assert "half come within 30 s" in text
    assert cli("validate", path, "-o", "page.xml").code == 2
    assert cli("validate", path, "-o", "folder/").code == 2


def test_repeats_by_key(page: Any) -> None:
    rows = clean()
    rows += [rows[0], rows[0], rows[1]]  # e0 three times, e1 twice
    rows[20] = replace(rows[20], id="e21")  # the key of u1's row, used by u0
    rows[30] = replace(rows[30], id="")
    rows[31] = replace(rows[31], id="")
    found = page(rows)
    assert found["duplicates"] == {
        "by": "key", "repeats": 3, "keys": 2, "most": 3, "keyless": 2, "shared": 1
    }  # fmt: skip
    assert codes(found) == ["duplicates", "rows-without-key", "shared-keys"]


def test_rows_that_are_the_same_where_there_is_no_key(page: Any, tmp_path: Path) -> None:
    rows = clean()
    rows += [rows[0], rows[0], rows[1]]
    found = page(rows, keyed=False)
    assert found["duplicates"] == {
        "by": "row", "repeats": 3, "keys": 2, "most": 3, "keyless": 0, "shared": 0
    }  # fmt: skip
    assert codes(found) == ["identical-rows"]
    assert "count each time: name the key" in found["findings"][0]["advice"]
    lines = [
        json.dumps({"user": row.user, "event": "view", "timestamp": _text(row.at), "page": i})
        for i, row in enumerate(clean())
    ]
    # What differs beyond the first thousand rows' columns differs all the same.
    lines += [json.dumps({**json.loads(lines[0]), "rare": n}) for n in (1, 2)]
    (tmp_path / "rows.ndjson").write_text("\n".join([*lines, lines[0], ""]))
    found = page(None, tmp_path / "rows.ndjson")
    assert found["duplicates"]["repeats"] == 1
    assert found["keys"]["rare"] == 2
    (tmp_path / "m.yaml").write_text("dedupe: exact\n")
    found = page(None, tmp_path / "events.csv", "-c", "m.yaml")
    assert "count once (dedupe: exact)" in found["findings"][0]["advice"]


def test_late_rows_and_the_grace_that_they_need(page: Any, tmp_path: Path) -> None:
    rows = clean()  # of 420, one in 200 is 2.1
    for i, late in ((0, 2), (1, 25), (2, 30), (3, 80)):
        rows[i] = replace(rows[i], late=timedelta(hours=late))
    rows.append(replace(rows[9], late=timedelta(days=9)))  # a repeat, which was there in time
    found = page(rows)
    assert found["late"] == {
        "rows": 420, "median": 30, "p90": 30, "p99": 30, "max": 80 * 3600, "hour": 4, "day": 3,
        "three_days": 1, "grace": None, "over_grace": 3, "advised": 2, "imported": False,
    }  # fmt: skip
    assert codes(found) == ["duplicates", "late-rows"]
    (tmp_path / "m.yaml").write_text("source: {grace: 26h}\n")
    found = page(None, tmp_path / "events.csv", "-c", "m.yaml")
    assert (found["late"]["grace"], found["late"]["over_grace"]) == (26 * 3600, 2)
    assert codes(found) == ["duplicates"]
    history = [replace(row, late=timedelta(days=400)) for row in clean()[:200]] + clean()[200:]
    found = page(history)
    assert found["late"]["imported"]
    assert "loaded at once" in found["findings"][0]["advice"]


def test_events_after_their_receipt(page: Any) -> None:
    rows = clean()
    for i, ahead in ((0, 59), (1, 61), (2, 120), (3, 700)):
        rows[i] = replace(rows[i], late=-timedelta(seconds=ahead))
    rows[4] = replace(rows[4], at=datetime(2099, 1, 1, tzinfo=UTC))
    rows[5] = replace(rows[5], at=datetime(1970, 1, 1, tzinfo=UTC))
    found = page(rows)
    clock = found["clock"]
    assert (clock["rows"], clock["ahead"]) == (418, 3)
    assert (clock["median_ahead"], clock["max_ahead"]) == (120, 700)
    assert (clock["offset"], clock["users"]) == (None, 0)
    assert codes(found) == ["clock-ahead", "past-timestamps", "future-timestamps"]


def test_a_zone_that_is_read_wrongly(page: Any) -> None:
    rows = [replace(row, late=row.late - timedelta(hours=5.5)) for row in clean()]
    found = page(rows)
    assert (found["clock"]["offset"], found["clock"]["shifted"]) == (5.5, 420)
    assert codes(found) == ["clock-ahead", "zone-offset"]
    behind = [replace(row, late=timedelta(hours=2)) for row in clean()]
    found = page(behind)
    assert found["clock"]["offset"] == -2
    assert codes(found) == ["zone-offset"]  # that rows are late says nothing then
    spread = [replace(r, late=timedelta(minutes=7 * (i % 9))) for i, r in enumerate(clean())]
    assert page(spread)["clock"]["offset"] is None  # the median is 28 min, and means nothing


def test_users_whose_clocks_are_off_by_whole_hours(page: Any) -> None:
    off = {"u3": 2, "u4": 2, "u5": -1}
    rows = [replace(r, late=r.late + timedelta(hours=off.get(r.user, 0))) for r in clean()]
    at = next(i for i, row in enumerate(rows) if row.user == "u6")
    rows[at] = replace(rows[at], late=timedelta(hours=3))  # once is no clock
    found = page(rows)
    assert found["clock"]["offset"] is None
    assert found["clock"]["users"] == 3
    assert found["clock"]["offsets"] == [{"hours": -2, "users": 2}, {"hours": 1, "users": 1}]
    assert "2 users 2 h before, 1 user 1 h after the receipt" in str(found["findings"])


def test_without_receipt_or_time_of_day_nothing_is_said_of_clocks(
    page: Any, tmp_path: Path
) -> None:
    path = tmp_path / "dates.csv"
    path.write_text("user,event,date,received_at\n" + "u,e,2026-03-02,2026-03-05\n" * 3)
    found = page(None, path)
    assert (found["late"], found["clock"], found["timed"]) == (None, None, False)
    path.write_text("user,event,date,received_at\n" + "u,e,2026-03-02T10:00:00Z,\n" * 3)
    found = page(None, path)
    assert (found["late"], found["clock"], found["received"]) == (
        None,
        {**found["clock"], "rows": 0},
        True,
    )


def test_days_without_rows(page: Any) -> None:
    gone = {START.date() + timedelta(days=d) for d in (17, 18, 19, 27)}
    found = page([row for row in clean() if row.at.date() not in gone])
    gaps = found["volume"]["gaps"]
    assert [(g["first"], g["last"], g["missed"]) for g in gaps] == [
        ("2026-03-19", "2026-03-21", 30)
    ]
    assert "days-without-rows" in codes(found)  # ten rows alone may be chance


def test_gaps_follow_the_week_and_the_beginning_of_a_log() -> None:
    weekdays = {d: 100 for d in range(4, 74) if (d + 3) % 7 < 5}  # day 4 is Monday 1970-01-05
    assert volume(weekdays, {0: 1}, 999).days == ()
    without = {d: n for d, n in weekdays.items() if d not in (39, 40)}
    assert [(g.first, g.last, g.missed) for g in volume(without, {0: 1}, 999).days] == [
        (39, 40, 200)
    ]
    slowly = {0: 2, 5: 3, **dict.fromkeys(range(12, 60), 300)}
    assert volume(slowly, {0: 1}, 999).days == ()


def test_hours_without_rows() -> None:
    daily = dict.fromkeys(range(40), 2400)
    hourly = {h: 100 if h % 24 >= 8 else 5 for h in range(960)}
    out = {h: n for h, n in hourly.items() if h not in (489, 490, 500)}
    found = volume(daily, out, 999).hours
    assert [(g.first // 3_600_000, g.last // 3_600_000, g.missed) for g in found] == [
        (489, 490, 200), (500, 500, 100)
    ]  # fmt: skip
    nightly = {h: n for h, n in hourly.items() if h % 24 not in (2, 3)}
    assert volume(daily, nightly, 999).hours == ()
    summer = {h: 500 for h in range(960) if 7 <= h % 24 + (h >= 480) < 16}  # clocks go forward
    assert volume(daily, summer, 999).hours == ()


def test_cliffs() -> None:
    daily = {d: 1000 + 13 * (d % 5) for d in range(60)}
    daily |= {30: 100, 31: 120, 45: 4000, 59: 3}
    found = volume(daily, {0: 1}, 59)  # day 59 may still lack rows
    assert [(c.first, c.last, c.kind, c.rows) for c in found.cliffs] == [
        (30, 31, "drop", 220), (45, 45, "jump", 4000)
    ]  # fmt: skip
    assert volume({d: 1000 * 3 ** (d % 3 - 1) for d in range(60)}, {0: 1}, 60).cliffs == ()
    assert volume({d: 10 * (d != 30) + 1 for d in range(60)}, {0: 1}, 60).cliffs == ()
    assert volume(dict.fromkeys(range(8), 100), {0: 1}, 8).judged == 0


def test_events_that_stop_or_start(page: Any) -> None:
    def named(day: int) -> str:
        return "old" if day < 30 else "new"

    rows = [
        replace(row, event=named((row.at - START).days)) if row.user == "u1" else row
        for row in clean()
    ]
    rows[5] = replace(rows[5], event="once")
    found = page(rows)
    assert found["turns"] == [
        {"event": "old", "kind": "stop", "day": "2026-03-31", "silent": 12, "rows": 1}
    ]  # `new` is there for no two weeks
    assert codes(found) == ["events-stop"]
    daily = dict.fromkeys(range(80), 12)
    days = {"view": daily, "new": dict.fromkeys(range(40, 80), 2)}
    assert [(t.event, t.kind, t.day, t.silent) for t in turns(days, daily, 80)] == [
        ("new", "start", 40, 40)
    ]
    assert turns({"rare": dict.fromkeys(range(0, 60, 3), 2)}, daily, 80) == []


def _at(hours: float) -> datetime:
    return START + timedelta(days=3, hours=hours)


MANY = [Row("bot", _at(8) + timedelta(seconds=29 * i + i * i % 17)) for i in range(1001)]
ROUND = [Row("b*t", _at(24 * d + h) + timedelta(minutes=(7 * h + d) % 50))
         for d in range(3) for h in range(24)]  # fmt: skip
CLOCK = [Row("no: bot", _at(6) + timedelta(minutes=10 * i)) for i in range(75)]


@pytest.mark.parametrize(
    ("rows", "why", "most"),
    [(MANY, "many", 1001), (ROUND, "round-the-clock", 24), (CLOCK, "clockwork", 75)],
)
def test_superhuman_users(rows: list[Row], why: str, most: int, page: Any, tmp_path: Path) -> None:
    rows = [*clean(), *(replace(row, id=f"b{i}") for i, row in enumerate(rows))]
    found = page(rows)
    user = rows[-1].user
    assert found["superhuman"]["suspects"] == [
        {"user": user, "rows": len(rows) - 420, "most": most, "why": [why]}
    ]
    finding = next(f for f in found["findings"] if f["code"] == "superhuman-users")
    (tmp_path / "m.yaml").write_text(finding["advice"].split(" bots or tests: ")[1])
    assert page(None, tmp_path / "events.csv", "-c", "m.yaml")["superhuman"]["users"] == 0


@pytest.mark.parametrize("rows", [MANY[:-1], ROUND[:-1], CLOCK[:71]])
def test_just_below_a_bot_is_a_person(rows: list[Row], page: Any) -> None:
    rows = [*clean(), *(replace(row, id=f"b{i}") for i, row in enumerate(rows))]
    assert page(rows)["superhuman"]["users"] == 0


def test_many_rows_are_held_against_what_others_do() -> None:
    days = pl.DataFrame({"user": [*range(100), 100], "n": [60] * 100 + [1100]}).with_columns(
        day=0, first=0, last=1
    )
    nothing = pl.LazyFrame(schema={"user": pl.Int64, "day": pl.Int32, "time": pl.Int64})
    found = superhuman.suspected(days, superhuman.rhythms(days, nothing, pl.col("time")))
    assert ([*found.why], found.limit) == ([], 1200)


def test_files_of_several_schemas(page: Any, tmp_path: Path) -> None:
    rows, folder = clean(), tmp_path / "log"
    folder.mkdir()
    write(folder / "a.csv", rows[:200])
    (folder / "b.csv").write_text(  # the same columns in another order
        "event,user_id,timestamp,received_at,event_id\n"
        + "".join(
            f"{r.event},{r.user},{_text(r.at)},{_text(r.at + r.late)},{r.id}\n"
            for r in rows[200:300]
        )
    )
    (folder / "c.csv").write_text(
        "user_id,event,timestamp,event_id,plan\n"
        + "".join(f"{r.user},{r.event},{_text(r.at)},{r.id},pro\n" for r in rows[300:])
    )
    found = page(None, folder)
    first, second = found["schemas"]
    assert (first["files"], first["rows"], first["more"], first["lacking"]) == (2, 300, [], [])
    assert (second["rows"], second["more"], second["lacking"]) == (120, ["plan"], ["received_at"])
    assert second["example"].endswith("c.csv")
    assert codes(found) == ["schema-drift"]
    assert found["late"]["rows"] == 300


def test_types_and_keys_that_differ(page: Any, tmp_path: Path) -> None:
    rows = clean()
    frame = pl.DataFrame(
        {"user": [r.user for r in rows], "event": "view", "timestamp": [r.at for r in rows], "n": 1}
    )
    (tmp_path / "p").mkdir()
    frame[:300].write_parquet(tmp_path / "p" / "a.parquet")
    frame[300:].with_columns(pl.col("n").cast(pl.String)).write_parquet(
        tmp_path / "p" / "b.parquet"
    )
    found = page(None, tmp_path / "p")
    assert [s["rows"] for s in found["schemas"]] == [300, 120]
    assert found["schemas"][1]["retyped"] == [{"column": "n", "here": "String", "there": "Int32"}]
    (tmp_path / "j").mkdir()
    for name, part, more in (("a", rows[:300], {}), ("b", rows[300:], {"plan": "pro"})):
        lines = (
            json.dumps({"user": r.user, "event": "view", "timestamp": _text(r.at), **more})
            for r in part
        )
        (tmp_path / "j" / f"{name}.ndjson").write_text("\n".join(lines))
    stated = {"user": "user", "event": "event", "timestamp": "timestamp"}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"source": {"columns": stated}}))
    found = page(None, tmp_path / "j", "-c", "m.yaml")
    assert [(s["rows"], s["more"]) for s in found["schemas"]] == [(300, []), (120, ["plan"])]
    assert found["keys"] == {"user": 420, "event": 420, "timestamp": 420, "plan": 120}


def test_rows_without_user_and_users_with_one_event(page: Any) -> None:
    rows = clean()
    rows[0], rows[1] = replace(rows[0], user=""), replace(rows[1], user="")
    found = page(
        [
            *rows,
            *(Row(f"x{i}", START + timedelta(hours=9, minutes=i), id=f"x{i}") for i in range(50)),
        ]
    )
    assert found["anonymous"] == 2
    assert found["crowd"] == {"users": 60, "single": 50}
    assert codes(found) == ["no-user", "single-events"]


def test_each_source_has_its_page(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", clean()[:200])
    write(tmp_path / "b.csv", [*clean()[200:], clean()[-1], clean()[0]])
    (tmp_path / "ours.yaml").write_text(
        "about: ours\nsource: {columns: {user: user_id, event: event, timestamp: timestamp}}\n"
    )
    sources = [
        {"files": "a.csv"},
        {"files": "b.csv", "preset": "./ours.yaml", "dedupe": {"key": "event_id"}},
    ]
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"source": sources}))
    done = cli("validate", "-c", "m.yaml", "-f", "json")
    first, second = json.loads(done.out)["sources"]
    assert (first["name"], first["rows"], second["name"], second["rows"]) == (
        "a.csv", 200, "./ours.yaml", 222
    )  # fmt: skip
    assert (first["received"], second["received"]) == (True, False)
    assert (first["duplicates"]["repeats"], second["duplicates"]["repeats"]) == (0, 1)
    assert json.loads(done.out)["source"]["duplicates"] == 2  # e0 is in both
    assert "not looked for: no column tells" in cli("validate", "-c", "m.yaml").out


def test_rows_that_stand_for_several_are_one(page: Any, tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text(
        "user,event,timestamp,n\n"
        + "".join(f"u,e,2026-03-0{d}T09:00:00Z,{d * 700}\n" for d in (1, 2, 3))
    )
    (tmp_path / "m.yaml").write_text("source: {weight: n}\n")
    found = page(None, tmp_path / "e.csv", "-c", "m.yaml")
    assert (found["rows"], found["schemas"][0]["rows"], found["superhuman"]["users"]) == (3, 3, 0)


def test_reports_do_not_look_for_the_receipt(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", clean())
    (tmp_path / "m.yaml").write_text("source: {columns: {received: nowhere}}\n")
    assert cli("active-users", path, "-c", "m.yaml").code == 0
    done = cli("validate", path, "-c", "m.yaml")
    assert done.code == 3
    assert "there is no column 'nowhere' (source.columns.received)" in done.err


@pytest.mark.parametrize("name", ["mixpanel", "posthog", "snowplow", "rudderstack-warehouse"])
def test_presets_know_the_receipt(name: str, tmp_path: Path) -> None:
    """Each row came after it happened, and most within minutes."""
    from adoptcli.config.presets import load

    made = exports()[name].write(tmp_path)
    path = made[0] if isinstance(made, tuple) else made
    source = load(name).source.model_copy(update={"preset": name})
    frame = read([source], [str(path)], None, Needed(received=True), "UTC").frame.collect()
    known = lateness.received(frame.lazy().with_columns(user=0)).collect()["behind"]
    assert known.len() == frame.height
    assert (known.median(), (known < -60_000).mean() < 0.01) == (
        pytest.approx(60_000, abs=60_000),
        True,
    )
    plain = read([source], [str(path)], None, Needed(), "UTC")
    assert "received" not in plain.frame.collect_schema().names()


def test_the_page_of_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    options = Options(config=Path("metrics.example.yaml"), console=Console(True))
    metrics = choose(["active_users"], ())
    asked = replace(request(options, load_config(options), tuple(metrics)), quality=True)
    prepared, _ = report.read(asked, metrics)
    try:
        found = validated(prepared, asked)
    finally:
        prepared.close()
    for width in (80, 140):
        text = validation.render(found, width=width, unicode=True)
        assert max(map(len, text.splitlines())) <= width
        same(f"page_{width}.txt", text)
    assert validation.render(found, width=width, unicode=False).isascii()


def test_without_a_readable_receipt_no_clock_is_called_right(tmp_path: Path, cli: Any) -> None:
    lines = [
        f"u{i % 3},in,2026-01-{i:02d}T10:00:00Z,{'later' if i % 2 else ''}" for i in range(1, 20)
    ]
    (tmp_path / "e.csv").write_text("user,event,timestamp,got\n" + "\n".join(lines) + "\n")
    (tmp_path / "m.yaml").write_text("source: {columns: {received: got}}\n")
    said = cli("validate", "e.csv", "-c", "m.yaml").out
    assert "clock skew    not looked for: no row tells when it was received" in said


def test_a_log_of_nobody_has_a_page(cli: Cli, tmp_path: Path) -> None:
    rows = [replace(row, user="") for row in clean()]
    path = write(tmp_path / "events.csv", rows)
    done = cli("validate", "-q", "-f", "json", path)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (page,) = found["sources"]
    assert (page["rows"], page["anonymous"], page["crowd"]["users"]) == (len(rows), len(rows), 0)
    assert codes(page) == ["no-user"]
    assert page["volume"]["judged"] > 0
    assert (found["source"]["events"], found["events"]) == (0, {})
    assert [c["count"] for c in found["caveats"] if c["code"] == "nobody"] == [len(rows)]
    assert cli("usage", path).code == 3


def test_events_are_counted_without_repeats(cli: Cli, tmp_path: Path) -> None:
    rows = clean()
    path = write(tmp_path / "events.csv", [*rows, *rows[:50]])
    found = json.loads(cli("validate", "-q", "-f", "json", path).out)
    assert (found["source"]["events"], found["events"]) == (420, {"view": 420})
    assert found["source"]["duplicates"] == 50


def test_avro_is_called_so(cli: Cli, tmp_path: Path) -> None:
    """However many parts a file is read in."""
    whole = pl.read_csv(write(tmp_path / "events.csv", clean()))
    for name, part in (("a", whole.head(200)), ("b", whole.tail(220))):
        part.write_avro(tmp_path / f"{name}.avro")
    done = cli("validate", "-q", "-f", "json", tmp_path / "a.avro", tmp_path / "b.avro")
    (page,) = json.loads(done.out)["sources"]
    (schema,) = page["schemas"]
    assert (schema["kind"], schema["files"], page["files"]) == ("avro", 2, 2)
    assert schema["rows"] == page["rows"] == 420
