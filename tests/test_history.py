"""Runs that are kept, and numbers over time."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import write_log

ROOT = Path(__file__).parent.parent
Cli = Callable[..., Any]
# Each line a user and the days of 2026-01 that they came on; b signs up late.
CAME = {"a": (1, 2, 3, 10), "b": (8, 9), "c": (1, 15)}


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, Path]:
    events = [
        [user, "signup" if n == 0 else "visit", f"2026-01-{day:02}T12:00:00"]
        for user, days in CAME.items()
        for n, day in enumerate(days)
    ]
    config = {"signup": "signup", "activation": {"all": ["visit"], "within": "3d"}}
    return write_log(tmp_path, events, config)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_number_over_time(cli: Cli, log: tuple[Path, Path]) -> None:
    events, config = log
    for day in ("2026-01-05", "2026-01-12", "2026-01-16"):
        outcome = cli("report", events, "-c", config, "--as-of", day, "--history", "runs",
                      "--period", "week", "-q")  # fmt: skip
        assert (outcome.code, outcome.err) == (0, "")
    found = json.loads(cli("history", "activation.textbook", "--history", "runs", "-f", "json").out)
    # a activates on the 2nd, b on the 9th, c never.
    assert [(row["as_of"], row["value"]["numerator"], row["value"]["denominator"])
            for row in found] == [
        ("2026-01-05", 1, 2), ("2026-01-12", 2, 3), ("2026-01-16", 3, 3),
    ]  # fmt: skip
    assert found[1]["change"] == pytest.approx(2 / 3 - 1 / 2)
    assert [row["note"] for row in found] == ["", "", ""]


def test_changed_definitions_are_marked(cli: Cli, log: tuple[Path, Path]) -> None:
    events, config = log
    run = ("report", events, "-c", config, "--history", "runs", "-q")
    cli(*run, "--as-of", "2026-01-12")
    config.write_text(config.read_text().replace("3d", "4d"))
    cli(*run, "--as-of", "2026-01-16")
    shown = cli("history", "activation.textbook", "--history", "runs", "-f", "csv").out
    rows = list(csv.DictReader(io.StringIO(shown)))
    assert [row["note"] for row in rows] == ["", "definitions changed"]
    assert len({row["definitions"] for row in rows}) == 2
    assert rows[1]["change"] == ""  # of two definitions there is no change


def test_the_same_run_is_kept_once(cli: Cli, log: tuple[Path, Path], tmp_path: Path) -> None:
    events, config = log
    run = ("report", events, "-c", config, "--history", "runs", "-q")
    cli(*run)
    (first,) = (tmp_path / "runs").iterdir()
    before = first.read_bytes()
    cli(*run)
    assert kept(tmp_path / "runs") == [first.name]
    assert first.read_bytes() == before
    cli(*run, "--only", "activation")  # does not take the place of the whole report
    cli(*run, "--since", "2026-01-02")
    assert len(kept(tmp_path / "runs")) == 3
    assert first.read_bytes() == before


def test_only_runs_alike_stand_in_one_line(cli: Cli, log: tuple[Path, Path]) -> None:
    events, config = log
    for more in ((), ("--period", "week"), ("--as-of", "2026-01-12")):
        cli("report", events, "-c", config, "--history", "runs", "-q", *more)
    ask = ("history", "usage", "--history", "runs", "-f", "json")
    newest = cli(*ask, "--period", "month")
    assert len(json.loads(newest.out)) == 2
    assert "1 run of another kind left out" in newest.err
    assert len(json.loads(cli(*ask, "--period", "week").out)) == 1
    assert cli(*ask, "--unit", "account").code == 2
    assert len(json.loads(cli("history", "--history", "runs", "-f", "json").out)) == 3


def test_a_cell_over_time(cli: Cli, log: tuple[Path, Path]) -> None:
    events, config = log
    for day in ("2026-01-12", "2026-01-16"):
        cli("report", events, "-c", config, "--as-of", day, "--history", "runs", "-q")
    ask = "activation.cohorts[cohort=2026-01].activated"
    rows = json.loads(cli("history", ask, "--history", "runs", "-f", "json").out)
    assert [row["cell"] for row in rows] == ["cohort=2026-01"] * 2
    newest = json.loads(cli("history", "activation.cohorts.activated", "--history", "runs",
                            "-f", "json").out)  # fmt: skip
    assert newest == rows  # there is one cohort, which is the newest
    for wrong, hint in (
        ("activation.nothing[cohort=2026-01].activated", "there are: cohorts"),
        ("activation[plan=pro]", "runs with --by plan have it"),
        ("nothing", "unknown metric"),
        ("activation.cohorts", "say which column"),
    ):
        outcome = cli("history", wrong, "--history", "runs")
        assert outcome.code == 2
        assert hint in outcome.err


def test_targets_are_told_whatever_becomes_of_the_history(
    cli: Cli, log: tuple[Path, Path], tmp_path: Path
) -> None:
    events, config = log
    targets = {"activation.textbook": ">= 99%", "activation.range.signups": {
        "since_last_run": ">= 1"}}  # fmt: skip
    config.write_text(config.read_text() + yaml.safe_dump({"targets": targets}))
    (tmp_path / "file").write_text("")
    ask = ("check", events, "-c", config, "--as-of", "2026-01-05", "--problems", "-q")
    done = cli(*ask, "--history", "file")
    assert (done.code, "activation.textbook" in done.out) == (1, True)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "z.parquet").write_bytes(b"PAR1")
    done = cli(*ask, "--history", "runs")
    assert (done.code, "cannot be" in " ".join(done.out.split())) == (1, True)
    assert len(kept(tmp_path / "runs")) == 2


def test_segments_over_time(cli: Cli, tmp_path: Path) -> None:
    events = [[user, "visit", f"2026-01-0{day}T12:00:00", user < "c"]
              for day in (1, 2, 3) for user in "abcd"]  # fmt: skip
    config = {"signup": "visit", "activation": {"all": ["visit"], "within": "1d"}}
    columns = ("user", "event", "timestamp", "early")
    log, path = write_log(tmp_path, events, config, columns)
    for day in ("2026-01-03", "2026-01-04"):
        cli("report", log, "-c", path, "--as-of", day, "--history", "runs", "--by", "early", "-q")
    found = cli(
        "history", "activation.range[early=True].signups", "--history", "runs", "-f", "json"
    )
    assert [row["value"]["value"] for row in json.loads(found.out)] == [2, 2]


def test_targets_against_the_last_run(cli: Cli, log: tuple[Path, Path], tmp_path: Path) -> None:
    events, config = log
    targets = {"activation.textbook": {"since_last_run": ">= 10pp"},
               "activation.range.signups": {"since_last_run": ">= 1"}}  # fmt: skip
    config.write_text(config.read_text() + yaml.safe_dump({"targets": targets}))

    def outcomes(day: str, *more: object) -> tuple[int, dict[str, str]]:
        done = cli("check", events, "-c", config, "--as-of", day, "-f", "json", *more)
        judged = json.loads(done.out)["targets"]
        return done.code, {one["target"]: one["outcome"] for one in judged}

    keep = ("--history", "runs")
    none = dict.fromkeys(targets, "not_evaluable")
    assert outcomes("2026-01-05", *keep) == (3, none)  # there is no run before
    # Activated were 1 of 2, now 2 of 3, and then still.
    assert outcomes("2026-01-12", *keep) == (0, dict.fromkeys(targets, "pass"))
    assert outcomes("2026-01-14", *keep) == (1, dict.fromkeys(targets, "fail"))
    assert outcomes("2026-01-14")[1] == none  # without the folder nobody knows
    config.write_text(config.read_text().replace("3d", "4d"))
    assert outcomes("2026-01-16", *keep) == (3, none)  # counted by other definitions
    assert len(kept(tmp_path / "runs")) == 4


def test_what_is_no_history_is_told(cli: Cli, log: tuple[Path, Path], tmp_path: Path) -> None:
    events, config = log
    assert cli("history", "usage").code == 2
    assert cli("history", "usage", "--history", "nowhere").code == 3
    (tmp_path / "runs").mkdir()
    assert "no run is kept" in cli("history", "usage", "--history", "runs").err
    cli("report", events, "-c", config, "--history", "runs", "-q")
    (tmp_path / "runs" / "broken.parquet").write_bytes(b"PAR1")
    broken = cli("history", "usage", "--history", "runs")
    assert broken.code == 3
    assert "broken.parquet: cannot be read" in broken.err
    shutil.copy(ROOT / "sample_data" / "events.parquet", tmp_path / "runs" / "broken.parquet")
    assert "no run kept by adoptcli" in cli("history", "usage", "--history", "runs").err
    (tmp_path / "runs" / "broken.parquet").unlink()
    (whole,) = (tmp_path / "runs").iterdir()
    damaged = bytearray(whole.read_bytes())
    damaged[100:3000] = bytes(2900)
    whole.write_bytes(damaged)
    assert cli("history", "activation", "--history", "runs").code == 3
    (tmp_path / "file").write_text("")
    assert cli("report", events, "-c", config, "--history", "file").code == 74


KEEPING = """
import sys
from adoptcli.cli.main import run
events, config, folder, first = sys.argv[1:]
for day in [*range(int(first), 29, 2), 29]:
    run(["report", events, "-c", config, "--only", "usage", "--as-of", f"2026-01-{day:02d}", "-q",
         "--history", folder, "-o", "/dev/null"])
"""


def test_runs_at_once_lose_nothing(cli: Cli, log: tuple[Path, Path], tmp_path: Path) -> None:
    """Two processes keep every other day's run, and both that of the 29th."""
    command = [sys.executable, "-c", KEEPING, *map(str, log), str(tmp_path / "runs")]
    running = [
        subprocess.Popen([*command, first], cwd=ROOT, stderr=subprocess.PIPE) for first in "56"
    ]
    assert [one.communicate()[1] for one in running] == [b"", b""]
    assert len(kept(tmp_path / "runs")) == 25
    found = json.loads(cli("history", "usage", "--history", "runs", "-f", "json").out)
    assert [row["as_of"] for row in found] == [f"2026-01-{day:02d}" for day in range(5, 30)]
