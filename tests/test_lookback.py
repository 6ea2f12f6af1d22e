"""Folders older than the lookback are not opened; Delta tables are read as they stand now."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from adoptcli.source import delta
from adoptcli.source.folders import last_day
from adoptcli.timeframe import to_day
from tests import deletion
from tests.conftest import Outcome

Cli = Callable[..., Outcome]
FIRST, DAYS = date(2026, 1, 1), 120
SINCE = "2026-04-01"


def rows(day: int) -> pl.DataFrame:
    """Everybody comes in a rhythm of their own, of four days at most."""
    when = FIRST + timedelta(days=day)
    users = [f"u{i}" for i in range(12) if day % (i % 4 + 1) == 0]
    return pl.DataFrame(
        {"user": users, "event": "open", "timestamp": f"{when}T10:00:00Z"},
        schema={"user": pl.String, "event": pl.String, "timestamp": pl.String},
    )


def lake(folder: Path) -> Path:
    for day in range(DAYS):
        where = folder / "lake" / f"day={FIRST + timedelta(days=day)}"
        where.mkdir(parents=True)
        rows(day).write_csv(where / "part.csv")
    return folder / "lake"


def config(folder: Path, **source: Any) -> Path:
    path = folder / "m.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "source": source}))
    return path


def told(cli: Cli, metric: str, path: Path, yaml_: Path, *more: str) -> Any:
    done = cli(metric, path, "-c", yaml_, "-f", "json", "-q", "--since", SINCE, *more)
    assert done.code == 0, done.err
    return json.loads(done.out)


def shown(report: Any) -> Any:
    """Headlines and rows, but of calendar weeks, which may begin before what is shown."""
    results = report["metrics"].values()
    tables = [table for r in results for name, table in r["tables"].items() if name != "weeks"]
    return [r["headline"] for r in results], [row for table in tables for row in table]


def test_what_is_shown_is_the_same(cli: Cli, tmp_path: Path) -> None:
    path, both = lake(tmp_path), ("--only", "active_users,stickiness")
    whole = told(cli, "report", path, config(tmp_path), *both)
    old = path / "day=2026-02-13" / "part.csv"  # since - 45 days - 1 is 2026-02-14
    old.write_bytes(b"\x00garbage")
    cut = told(cli, "report", path, config(tmp_path, lookback="45d"), *both)
    assert shown(whole) == shown(cut)
    assert shown(cut)[1]
    (caveat,) = [c for c in cut["caveats"] if c["code"] == "not-read"]
    assert (caveat["count"], cut["source"]["first_day"]) == (44, "2026-02-15")
    assert "of before 2026-02-15 (source.lookback 45d)" in caveat["message"]
    assert cli("usage", path, "-c", config(tmp_path), "--since", SINCE).code == 3  # opened
    done = cli("usage", path, "-c", config(tmp_path, lookback="45d"), "--since", SINCE)
    assert "not read: 44 files of before 2026-02-15" in done.err
    assert "files not read, of before 2026-02-15" in done.out


def test_a_short_lookback_leaves_windows_empty(cli: Cli, tmp_path: Path) -> None:
    """MAU of 30 days is not known before 30 days after the first day that was read whole."""
    path = lake(tmp_path)
    cut = told(cli, "active-users", path, config(tmp_path, lookback="9d"))
    known = [row["period"] for row in shown(cut)[1] if row.get("mau") is not None]
    assert known[0] == "2026-04-21"  # 2026-03-23 is the first day
    assert shown(told(cli, "churn", path, config(tmp_path, lookback="9d")))[0] == [None]


def test_rows_of_before_in_later_folders_do_not_count(cli: Cli, tmp_path: Path) -> None:
    path = lake(tmp_path)
    late = path / "day=2026-03-25" / "late.csv"
    rows(48).write_csv(late)  # of 2026-02-18
    cut = told(cli, "active-users", path, config(tmp_path, lookback="9d"))
    assert cut["source"]["first_day"] == "2026-03-23"
    assert cut["source"]["set_aside"]["before-lookback"] == rows(48).height + rows(80).height


def test_folders_of_years_months_and_days(cli: Cli, tmp_path: Path) -> None:
    """Those of before the lookback and one day, by name, are not even looked at."""
    for day in range(DAYS):
        where = tmp_path / f"lake/app/{FIRST + timedelta(days=day):%Y/%m/%d/10}"
        where.mkdir(parents=True)
        rows(day).write_csv(where / "part.csv")
    path, both = tmp_path / "lake", ("--only", "active_users,stickiness")
    whole = told(cli, "report", path, config(tmp_path), *both)
    for old in path.glob("app/2026/0[12]/*/10/part.csv"):
        if old.parts[-4:-2] <= ("02", "13"):
            old.write_bytes(b"\x00garbage")
    for named in (path, path / "app/*/*/*/*/*.csv"):
        cut = told(cli, "report", named, config(tmp_path, lookback="45d"), *both)
        assert shown(whole) == shown(cut)
        (caveat,) = [c for c in cut["caveats"] if c["code"] == "not-read"]
        assert caveat["count"] == 44
    (path / "app/2026/02/14/10/part.csv").write_bytes(b"\x00garbage")  # the day to spare
    done = cli("usage", path, "-c", config(tmp_path, lookback="45d"), "--since", SINCE)
    assert done.code == 3


def test_globs_and_nothing_left(cli: Cli, tmp_path: Path) -> None:
    path, yaml_ = lake(tmp_path), config(tmp_path, lookback="9d")
    for glob in ("*/*.csv", "day=*/part.csv"):
        found = told(cli, "usage", path / glob, yaml_)
        assert found["source"]["first_day"] == "2026-03-23"
    done = cli("usage", path, "-c", yaml_, "--since", "2027-01-01")
    assert (done.code, "older than source.lookback" in done.err) == (3, True)


@pytest.mark.parametrize(
    ("folder", "last"),
    [
        ("day=2026-01-31", "2026-01-31"), ("dt=20260131", "2026-01-31"),
        ("load_date=2026-01-31/hour=05", "2026-01-31"), ("ds=2026-01-31-07", "2026-01-31"),
        ("year=2026/month=2", "2026-02-28"), ("year=2026/month=02/day=3", "2026-02-03"),
        ("year=2025", "2025-12-31"), ("month=2026-04", "2026-04-30"), ("day=3", None),
        ("day=2026-02-31", None), ("year=2026/month=13", None), ("plan=2026-01-01", None),
        ("event_date=2026-01-01/load_date=2026-03-01", "2026-03-01"), ("2026-01-01", None),
        ("2026/01/31", "2026-01-31"), ("app/2026/01/31/05/web", "2026-01-31"), ("2026/01", None),
        ("2026/1/31", None), ("2026/02/31", None), ("2026/13/01", None), ("01/31", None),
        ("2026/01/311", None), ("x2026/01/31", None), ("3026/01/31", None),
        ("2026/01/31/day=2026-03-01", "2026-03-01"), ("date=__HIVE_DEFAULT_PARTITION__", None),
    ],
)  # fmt: skip
def test_days_of_folders(folder: str, last: str | None) -> None:
    wanted = None if last is None else to_day(date.fromisoformat(last))
    assert last_day(folder.split("/")) == wanted


def table(folder: Path) -> Path:
    """A table written, overwritten, appended to and deleted from."""
    path = folder / "table"
    made = pl.concat([rows(day).with_columns(day=pl.lit(str(FIRST + timedelta(days=day))))
                      for day in (0, 30, 60, 90, 91, 92)])  # fmt: skip
    made = made.with_columns(plan=pl.when(pl.col("user") == "u0").then(pl.lit("a b/c")))
    options = {"partition_by": ["day", "plan"]}
    made.with_columns(user=pl.lit("gone")).write_delta(path, delta_write_options=options)
    made.head(20).write_delta(path, mode="overwrite", delta_write_options=options)
    made.slice(20).write_delta(path, mode="append")
    import deltalake

    deltalake.DeltaTable(path).delete("user = 'u3'")
    return path


def test_a_delta_table_is_its_current_version(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    path, yaml_ = table(tmp_path), config(tmp_path)
    wanted = pl.scan_delta(str(path)).collect()
    assert wanted.height < 6 * 12
    wanted.write_csv(tmp_path / "wanted.csv")
    same = ("--by", "plan")
    there = told(cli, "usage", path, yaml_, *same)
    assert there["metrics"] == told(cli, "usage", tmp_path / "wanted.csv", yaml_, *same)["metrics"]
    assert there["source"]["rows"] == wanted.height
    for old in path.glob("day=2026-01-01/**/*.parquet"):
        old.write_bytes(b"garbage")
    cut = told(cli, "usage", path, config(tmp_path, lookback="1d"))
    assert cut["source"]["first_day"] == "2026-04-01"


def test_a_folder_of_nothing_is_no_value(cli: Cli, tmp_path: Path) -> None:
    """Rows whose partition is null stand in files that lack its column."""
    pytest.importorskip("deltalake")
    made = pl.concat([rows(day) for day in range(70, 104)])
    made = made.with_columns(event=pl.when(pl.col("user") != "u7").then("event"))
    for event, value in (("open", "open"), (None, "__HIVE_DEFAULT_PARTITION__")):
        some = made.filter(pl.col("event").eq_missing(event)).drop("event")
        some.write_parquet(tmp_path / "plain" / f"event={value}" / "a.parquet", mkdir=True)
    made.write_csv(tmp_path / "all.csv")
    made.write_delta(tmp_path / "table", delta_write_options={"partition_by": ["event"]})
    (yaml_ := tmp_path / "m.yaml").write_text("max_rejected: 20%")
    found = [told(cli, "usage", tmp_path / n, yaml_) for n in ("all.csv", "table", "plain")]
    assert found[0]["source"]["set_aside"] == {"no-event": 8, "after-as-of": 3}
    assert [f["metrics"] for f in found[1:]] == [found[0]["metrics"]] * 2
    assert [f["source"] for f in found[1:]] == [found[0]["source"]] * 2


def test_what_delta_files_do_not_tell_is_refused(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("deltalake")
    path = table(tmp_path)
    assert "name the table itself" in cli("usage", tmp_path).err
    for part in (path / "day=2026-01-01", path / "*/*/*.parquet", tmp_path / "**/*.parquet"):
        assert f"{part}: this is within a Delta table" in cli("usage", part).err
    monkeypatch.setattr(delta, "find_spec", lambda name: None)
    done = cli("usage", path)
    assert (done.code, "pip install deltalake" in done.err) == (2, True)


@pytest.mark.parametrize("stored", ["inside", "beside"])
def test_deletion_vectors_are_refused(stored: Any, cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    done = cli("usage", deletion.write(tmp_path / "some", stored, (1, 2)))
    assert (done.code, "deleted by deletion vectors" in done.err) == (3, True)
    assert "REORG TABLE" in done.err
    done = cli("usage", deletion.write(tmp_path / "none", stored, ()), "-q", "-f", "json")
    assert json.loads(done.out)["source"]["rows"] == deletion.ROWS.height
