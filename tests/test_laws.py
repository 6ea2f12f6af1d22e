"""What holds for every metric, whatever the log."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.cli.main import run
from adoptcli.metrics import all_metrics
from adoptcli.results import Report
from tests.conftest import but_for_commands
from tests.laws import LAWS, exempt
from tests.logs import Log, frame, random_log, save
from tests.oracles import oracles

SEEDS = range(int(os.environ.get("ADOPTCLI_LAWS", "2")))
EVERY = [part for metric in all_metrics() for part in ("--only", metric)]  # on request too


@pytest.fixture(autouse=True)
def _quiet_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def outcome(log: Log, folder: Path, *options: str, files: str = "events.csv") -> str:
    """The JSON of a report, or the exit code where there is none."""
    target = folder / "out.json"
    target.unlink(missing_ok=True)
    paths = [str(p) for p in sorted(folder.glob(files))]
    every = [] if "--only" in options else EVERY
    arguments = ["report", *paths, "-c", str(folder / "m.yaml"), "--as-of", log.as_of, *log.days,
                 "-q", "-o", str(target), *every, *options]  # fmt: skip
    code = run(arguments)
    return target.read_text() if code == 0 else f"exit {code}"


def numbers(text: str) -> Any:
    """The metrics alone."""
    return json.loads(text)["metrics"] if text.startswith("{") else text


def test_laws_and_reasons_are_of_metrics_that_there_are() -> None:
    """Each metric is under every law, or stands there with a reason; none says so in two ways."""
    for law, places in LAWS.items():
        for place in places:
            metric = place.split(".")[0]
            assert metric == "*" or metric in all_metrics(), (law, place)
    told = {m: law for m, metric in all_metrics().items() for law in metric.exempt}
    assert told == dict.fromkeys(LAWS["renaming"], "renaming")
    for metric in set(all_metrics()) - {m for m, _ in SETTLED}:
        assert exempt("what was mature stays", metric), metric


def test_logs_are_mostly_usable(tmp_path: Path) -> None:
    """The laws would prove nothing on logs that end in an error."""
    found = []
    for seed in SEEDS:
        save(random_log(seed), tmp_path)
        found.append(outcome(random_log(seed), tmp_path))
    assert sum(text.startswith("{") for text in found) >= 0.9 * len(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_buckets_change_nothing(seed: int, tmp_path: Path) -> None:
    """Down to one actor a bucket, with a segment and without: the same bytes."""
    log = random_log(seed)
    save(log, tmp_path)
    options = ["--by", "plan"] if "users" in log.config and seed % 2 else ["--by", "kind"]
    whole = outcome(log, tmp_path, *options)
    shards = "16" if seed % 3 else "3"
    assert outcome(log, tmp_path, *options, "--shards", shards) == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_buckets_of_accounts_change_nothing(seed: int, tmp_path: Path) -> None:
    """Accounts as actors: the same bytes, whatever the parting and the order of rows."""
    log = random_log(seed)
    save(log, tmp_path)
    options = ["--unit", "account", *(["--by", "kind"] if seed % 2 else [])]
    whole = outcome(log, tmp_path, *options)
    save(log, tmp_path, random.Random(seed).sample(log.events, len(log.events)))
    assert outcome(log, tmp_path, *options, "--shards", "16" if seed % 4 == 3 else "3") == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_row_order_changes_nothing(seed: int, tmp_path: Path) -> None:
    log = random_log(seed)
    save(log, tmp_path)
    whole = outcome(log, tmp_path)
    save(log, tmp_path, random.Random(seed).sample(log.events, len(log.events)))
    assert outcome(log, tmp_path) == whole


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_files_and_formats_change_nothing(seed: int, tmp_path: Path) -> None:
    """One file or three; CSV, NDJSON, Parquet."""
    log = random_log(seed)
    save(log, tmp_path)
    whole = but_for_commands(outcome(log, tmp_path))
    rows = frame(log.events)
    for i in range(3):
        rows[i::3].write_csv(tmp_path / f"part{i}.csv")
    rows.with_columns(pl.when(pl.all() != "").then(pl.all())).write_parquet(tmp_path / "p.parquet")
    rows.write_ndjson(tmp_path / "n.ndjson")
    for files in ("part*.csv", "p.parquet", "n.ndjson"):
        assert but_for_commands(outcome(log, tmp_path, files=files)) == whole, files


@pytest.mark.parametrize("seed", SEEDS)
def test_an_excluded_actor_and_repeated_deliveries_change_nothing(
    seed: int, tmp_path: Path
) -> None:
    log = random_log(seed)
    log.config.pop("exclude", None)
    save(log, tmp_path)
    before = numbers(outcome(log, tmp_path))
    log.config["exclude"] = {"users": ["bot-*"], "events": ["hum"]}
    bot = [("bot-7", *row[1:7], f"b{i}") for i, row in enumerate(log.events)]
    hum = [(row[0], "hum", *row[2:7], f"n{i}") for i, row in enumerate(log.events)]
    again = [row for row in log.events[::2] if row[7]]
    save(log, tmp_path, log.events + bot + hum + again)
    after = outcome(log, tmp_path)
    assert numbers(after) == before


def without_intervals(text: str) -> Any:
    """A report without its intervals."""

    def strip(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if key not in ("low", "high")}

    return json.loads(text, object_pairs_hook=strip) if text.startswith("{") else text


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_a_metric_alone_is_as_in_the_report(seed: int, tmp_path: Path) -> None:
    """Nothing that it needs is read only because another metric asked for it."""
    log = random_log(seed)
    save(log, tmp_path)
    whole = outcome(log, tmp_path)
    for metric in all_metrics() if whole.startswith("{") else ():
        alone = outcome(log, tmp_path, "--only", metric)
        assert numbers(alone)[metric] == numbers(whole)[metric], metric


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_renaming_ids_changes_nothing(seed: int, tmp_path: Path) -> None:
    """But for intervals: whoever has no account is in a group by the hash of the id."""
    log = random_log(seed)
    by_id = [m for m in all_metrics() if exempt("renaming", m)]
    skip = [part for metric in by_id for part in ("--skip", metric)]
    log.config.pop("exclude", None)
    save(log, tmp_path)
    before = without_intervals(outcome(log, tmp_path, *skip))
    head, *table = csv.reader(io.StringIO(log.users))
    ids = sorted({row[0] for row in (*log.events, *table)} - {""})
    names = {"": ""} | {name: f"-92233720368547758{99 - i}" for i, name in enumerate(ids)}
    lines = [head, *([names[row[0]], *row[1:]] for row in table)]
    log.users = "".join(",".join(line) + "\n" for line in lines)
    save(log, tmp_path, [(names[row[0]], *row[1:]) for row in log.events])
    assert without_intervals(outcome(log, tmp_path, *skip)) == before


DIFFERENCES = ("change", "difference", "adjusted")  # what they are of stands beside them


def estimates(metrics: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every estimate of every table, with its place and its column."""
    for metric_id, metric in metrics.items():
        for table, rows in metric["tables"].items():
            for row in rows:
                for name, cell in row.items():
                    if isinstance(cell, dict):
                        yield f"{metric_id}.{table} {row}", cell, name


@pytest.mark.parametrize("seed", SEEDS)
def test_shares_are_within_their_intervals(seed: int, tmp_path: Path) -> None:
    log = random_log(seed)
    save(log, tmp_path)
    found = numbers(outcome(log, tmp_path))
    if isinstance(found, str):
        return
    for place, cell, name in estimates(found):
        if cell["value"] is None:
            continue
        for bound, sign in (("low", 1), ("high", -1)):
            if cell[bound] is not None:
                assert sign * (cell["value"] - cell[bound]) >= -1e-12, place
        if not cell["denominator"] and name not in DIFFERENCES:
            raise AssertionError(f"a value without denominator: {place}")
        at = f"{place.split()[0]}.{name}"
        if cell["numerator"] is not None and not exempt("shares are at most one", at):
            assert cell["numerator"] <= cell["denominator"], place


@pytest.mark.parametrize("seed", SEEDS)
def test_identities_across_metrics(seed: int, tmp_path: Path) -> None:
    """The same people, whichever metric counts them."""
    log = random_log(seed)
    save(log, tmp_path)
    found = numbers(outcome(log, tmp_path))
    if isinstance(found, str):
        return
    tables = {name: metric["tables"] for name, metric in found.items()}
    mau = tables["active_users"]["daily"][-1]["mau"]
    if mau and tables["stickiness"]:
        assert tables["stickiness"]["windows"][-1]["mau"] == mau
    active = {row["period"]: row["actors"] for row in tables["active_users"]["periods"]}
    rows = tables["lifecycle"].get("periods", [])
    for before, row in zip([None, *rows], rows, strict=False):
        assert row["active"] == active[row["period"]]
        if row["new"] is not None:
            assert row["active"] == row["new"] + row["returning"] + row["resurrected"]
        if before is not None:
            assert before["active"] == row["returning"] + row["dormant"]
    ever = sum(row["ever"]["numerator"] for row in tables["activation"].get("cohorts", []))
    if "time_to_value" not in log.config:  # there it may be something else that gives value
        assert sum(row["arrived"] for row in tables["time_to_value"].get("cohorts", [])) == ever
    if not {"signed_up", "activated"} & log.config["journey"]["stages"].keys():
        stages = {row["step"]: row["reached"] for row in tables["journey"].get("stages", [])}
        assert (stages["activated"]["numerator"] if stages else 0) == ever


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_frequency_counts_the_monthly_actors_and_their_days(seed: int, tmp_path: Path) -> None:
    """In windows of as many days: MAU of active users, actor-days of stickiness."""
    log = random_log(seed)
    month = log.config["active_users"]["month"]
    week = log.config["active_users"].get("week", "7d")
    log.config["frequency"] = {"week": week, "month": month, "power_days": 2}
    save(log, tmp_path)
    found = numbers(outcome(log, tmp_path))
    if isinstance(found, str) or found["frequency"]["status"] != "ok":
        return
    tables = {name: metric["tables"] for name, metric in found.items()}
    for name, window in (("mau", f"L{month[:-1]}"), ("wau", f"L{week[:-1]}")):
        bars = [r for r in tables["frequency"]["histogram"] if r["item"] == window]
        came = sum(row["actors"]["numerator"] for row in bars)
        count = tables["active_users"]["daily"][-1][name]
        assert count in (came, None), name
        if name == "mau":
            days = sum(row["step"] * row["actors"]["numerator"] for row in bars)
            row = tables["stickiness"]["windows"][-1]
            assert (row["mau"], row["active_days"]) == (came, days)


def test_the_quadrant_knows_who_activated(tmp_path: Path) -> None:
    """Where nobody signed up before the data, both metrics count the same people."""
    judged = 0
    for seed in range(15):
        log = random_log(seed)
        log.since = log.until = ""
        log.config |= {
            "signup": "signed_up",
            "quadrant": {"adoption": {"activated": True}, "engagement": {"window": "9d"}},
        }
        log.users = log.users.splitlines()[0] + "\nu0,,pro,,\n"
        save(log, tmp_path)
        found = numbers(outcome(log, tmp_path, "--only", "quadrant", "--only", "activation"))
        if isinstance(found, str) or found["activation"]["status"] != "ok":
            continue
        sizes = {r["item"]: r["actors"] for r in found["quadrant"]["tables"]["quadrants"]}
        adopted = [sizes[name]["numerator"] for name in ("champions", "adopted_not_engaged")]
        assert sum(adopted) == found["activation"]["textbook"]["numerator"]
        assert sizes["neither"]["denominator"] == found["activation"]["textbook"]["denominator"]
        judged += sum(adopted)
    assert judged > 10


SETTLED = {
    ("active_users", "daily"), ("active_users", "periods"), ("active_users", "weeks"),
    ("lifecycle", "periods"), ("sessions", "periods"), ("sessions", "lengths"),
    ("sessions", "weeks"), ("usage", "periods"), ("usage", "features"), ("churn", "cancelled"),
    ("activation", "cohorts"), ("onboarding", "cohorts"), ("journey", "cohorts"),
    ("funnel", "periods"), ("retention", "triangle"), ("churn", "inferred"),
    ("stickiness", "windows"), ("adoption_rate", "windows"), ("channel_engagement", "trend"),
    ("engagement_score", "levels"), ("feature_adoption", "trend"), ("feature_success", "trend"),
    ("feedback", "nps"), ("feedback", "csat"), ("frequency", "trend"), ("quadrant", "windows"),
    ("qualified", "levels"),
}  # fmt: skip
OPEN = {
    "seen",
    "per_week",
    "so_far",
    "ever",
    "waiting",
    "returned",
    "arrived",
}  # what is so to this day
IDENTITY = ("cohort", "period", "step", "item", "event")
TRAILING = {  # lengths by which a report of 28 days later has windows that end on the same days
    "active_users": {"month": "14d"}, "adoption_rate": {"window": "14d"},
    "channel_engagement": {"window": "7d"}, "engagement_score": {"window": "14d"},
    "feature_adoption": {"window": "7d"}, "feature_success": {"window": "7d"},
    "feedback": {"window": "28d"}, "frequency": {"week": "7d", "month": "14d", "power_days": 2},
    "quadrant": {"adoption": {"features": 1}, "engagement": {"active_days": 2, "window": "14d"}},
    "qualified": {"any": [{"event": "built", "within": "7d"}, {"active_days": 3}]},
}  # fmt: skip


def settled(metrics: dict[str, Any], until: date, length: str) -> Iterator[tuple[Any, Any]]:
    """Rows of periods that were over, and of cohorts all of whom had their time, by their keys."""
    for metric, table in sorted(SETTLED):
        for row in metrics[metric]["tables"].get(table, []):
            if row.get("mature", 0) != row.get("signups", row.get("entered", row.get("mature", 0))):
                continue
            label = row.get("period", row.get("cohort"))
            day = timedelta(metric == "sessions")  # one may be open at midnight
            if label is not None and _end(label, length, weekly=table == "weeks") + day > until:
                continue
            if table == "triangle" and row["retained"]["value"] is None:
                continue
            key = (metric, table, *(str(row.get(name)) for name in IDENTITY))
            yield key, {k: v for k, v in row.items() if k not in OPEN and _known(v)}


def _known(cell: Any) -> bool:
    return (cell["value"] if isinstance(cell, dict) else cell) is not None


def _end(label: str, length: str, *, weekly: bool) -> date:
    start = date.fromisoformat(label if len(label) > 7 else f"{label}-01")
    if weekly or length == "week":
        return start + timedelta(7)
    if length == "day" or len(label) > 7:
        return start + timedelta(1)
    return (start + timedelta(31)).replace(day=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_mature_stays_what_it_was(seed: int, tmp_path: Path) -> None:
    """A report some weeks later says the same of what was over and mature.

    But for what later rows tell of earlier ones: somebody's persona, account and sign-up, and that
    a session goes on.
    """
    log = random_log(seed)
    log.since = log.until = ""
    told_later(log)
    save(log, tmp_path)
    end = date.fromisoformat(max(row[2] for row in log.events if row[2] != "never")[:10])
    middle = end - timedelta(28)
    told = []
    for day in (middle, end):
        log.as_of = day.isoformat()
        found = without_intervals(outcome(log, tmp_path))
        told.append(found["metrics"] if isinstance(found, dict) else found)
    if any(isinstance(one, str) for one in told):
        return
    before, after = (dict(settled(one, middle, log.config["period"])) for one in told)
    assert before
    for key, row in before.items():
        if key[0] in {
            *TRAILING,
            "stickiness",
        }:  # the newest windows are shown, and the oldest has none before it
            later = after.get(key, {})
            row = {name: cell for name, cell in row.items() if _known(later.get(name))}
        assert not row or {name: after[key].get(name) for name in row} == row, key


def told_later(log: Log) -> None:
    """Take from a log what later rows tell of earlier ones; let windows end on the same days."""
    for section in ("activation", "onboarding"):
        log.config.get(section, {}).pop("personas", None)
    for key in ("purchase", "accounts"):
        log.config.pop(key, None)
    log.config.pop("qualified")  # traits are asked as they are now
    for name, lengths in TRAILING.items():
        log.config[name] = log.config.get(name, {}) | lengths
    retention = {"starts": ["signup", "activation"], "period": "day", "periods": 12}
    log.config |= {"sessions": {"by": "gap"}, "signup": "signed_up", "retention": retention}
    head, *rows = csv.reader(io.StringIO(log.users))
    log.users = "".join(
        ",".join(line) + "\n"
        for line in [head, *([r[0], "", *r[2:]] for r in rows if r[0] != "a,b")]
    )
    usable = [row for row in log.events if row[0] and row[2] != "never"]
    for user in sorted({row[0] for row in usable}):
        first = min(row[2] for row in usable if row[0] == user)
        log.events.insert(0, (user, "signed_up", first, "", "s1", "", "", f"first {user}"))


TRAILED = {"histogram", "windows", "tenured", "levels", "nps", "csat", "breadth_mean", "curve"}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_shown_is_the_same_whatever_else_is_shown(seed: int, tmp_path: Path) -> None:
    """A period, window or cohort is the same with an earlier first day, or a later last one."""
    log = random_log(seed)
    log.since = log.until = ""
    save(log, tmp_path)
    end = date.fromisoformat(log.as_of)
    since, until = end - timedelta(45), end - timedelta(6)
    told = [
        numbers(outcome(log, tmp_path, *days))
        for days in (
            ("--since", f"{since}", "--until", f"{until}"), ("--until", f"{until}"), (),
        )
    ]  # fmt: skip
    if any(isinstance(one, str) for one in told):
        return
    narrow, wide, whole = (dict(rows_of_periods(one)) for one in told)
    checked = 0
    for key, row in narrow.items():
        first, after = span_of(*key[:3], log.config)
        trails = key[1] in TRAILED or (key[1] == "trend" and key[0] != "qualified")
        if trails or first >= since:  # the first cohort may be shown in part
            assert wide[key] == row, key
        if not trails and since <= first and after <= until:
            assert whole[key] == row, key
            checked += 1
    assert checked


def rows_of_periods(metrics: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Every row of a period, window or cohort, by its keys."""
    for name, metric in metrics.items():
        for table, rows in metric["tables"].items():
            for row in rows:
                label = row.get("period", row.get("cohort"))
                cells = {k: v for k, v in row.items() if not _may_differ(f"{name}.{table}.{k}")}
                if label and cells:
                    yield (name, table, label, *(str(row.get(k)) for k in ("step", "item"))), cells


def _may_differ(place: str) -> bool:
    return exempt("what is shown stays what it is", place)


def span_of(metric: str, table: str, label: str, config: dict[str, Any]) -> tuple[date, date]:
    """The first day of what a label names, and the first after it."""
    length = config["retention"]["period"] if metric == "retention" else config["period"]
    start = date.fromisoformat(label if len(label) > 7 else f"{label}-01")
    return start, _end(label, length, weekly=table == "weeks")


@pytest.mark.parametrize("metric", sorted(oracles()))
def test_lists_have_the_length_of_their_numbers(
    metric: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--who` gives as many ids as the cell counts."""
    checked = 0
    for seed in range(40):
        log = random_log(seed)
        save(log, tmp_path)
        found = numbers(outcome(log, tmp_path, "--only", metric))
        if isinstance(found, str):
            continue
        for table, measure in oracles()[metric].CELLS:
            rows = [r for r in found[metric]["tables"].get(table, []) if _count(r[measure])]
            for row in rows[-1:]:
                _check(metric, table, measure, row, log, tmp_path, capsys)
                checked += 1
        if checked > 2:
            return
    assert checked > 2


def _count(cell: Any) -> int:
    value = cell["numerator"] if isinstance(cell, dict) else cell
    return int(value or 0)


def _check(
    metric: str, table: str, measure: str, row: dict[str, Any], log: Log, folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    oracle = oracles()[metric]
    source = getattr(oracle, "ROWS", {}).get(table, table)
    keys = ",".join(
        f"{k}={row[k]}" for k in ("period", "cohort", "step", "item") if row.get(k) is not None
    )
    cell = f"{source}[{keys}].{getattr(oracle, 'MEASURES', {}).get(measure, measure)}"
    capsys.readouterr()
    name = metric.replace("_", "-")
    arguments = [name, str(folder / "events.csv"), "-c", str(folder / "m.yaml"), "--as-of",
                 log.as_of, *log.days, "-q", "--who", cell, "--shards", "2"]  # fmt: skip
    assert run(arguments) == 0, capsys.readouterr().err
    ids = capsys.readouterr().out.split()
    assert len(ids) == len(set(ids)) == _count(row[measure]), (cell, ids, row)


def test_changes_are_against_the_value_before(sample: Report) -> None:
    """What a headline says has changed is the step between the last two values of its trend."""
    checked = 0
    for result in (metric.result for metric in sample.metrics):
        for headline in (h for h in (result.headline, *result.also) if h and h.change):
            before, now = headline.trend[-2:]
            assert headline.estimate.value == now
            assert now is not None
            assert before is not None
            assert headline.change.value == pytest.approx(now - before), headline.title
            checked += 1
    assert checked > 30
